# A server whose appliers do not move at all holds the others up for a second: then it leaves flow
# control, says why, and is back when it has caught up. What all of them have to wait for sends nobody
# out.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k t.l
load_start a 1 t.k
must load_grows a
stands_aside() { [ "$(status "$1" wsrep_local_state_comment)" = Donor/Desynced ]; }
# A client that holds a lock for as long as its input is open.
exec 7> >(client 3 --batch)
echo "LOCK TABLES t.k READ;" >&7
stall=$(longest_stall a 6000)
say "    longest time without a commit on node1: $stall ms"
expect "the others wait for about a second" [ "$stall" -lt 2000 ]
expect "it has left flow control" stands_aside 3
expect "and says why" log_says 3 "cannot keep up: it has applied nothing for"
expect "others say whom they waited for" log_says 1 "waiting for .* on node3"
expect "they go on" load_grows a
expect_same "it is a member" 3 "$(status 1 wsrep_cluster_size)"
exec 7>&-
must node_wait 3
expect "writes go on" load_grows a

# A statement in total order that all of them stand at for 3 s, while the queues are full: each has a
# client that holds a lock on the table.
any_asked() { [ "$(for i in 1 2 3; do status $i wsrep_flow_control_sent; done | sort -n | tail -n 1)" -gt 0 ]; }
nobody_left() { ! any_log_says "cannot keep up"; }
altering() { sql 1 "SHOW PROCESSLIST" | grep -q "ALTER TABLE t.l"; }
for i in 1 2 3; do must sql $i "SET GLOBAL wsrep_provider_options='gcs.fc_limit=1'"; done
for n in b c d; do load_start $n 2 t.k; done
for n in e f g; do load_start $n 3 t.k; done
for n in b e; do must load_grows $n; done
for i in 1 2 3; do must sql $i "FLUSH STATUS"; done
for i in 1 2 3; do log_forget "$i"; done
mkfifo "$LS_WORK/hold1" "$LS_WORK/hold2" "$LS_WORK/hold3"
for i in 1 2 3; do client $i --batch <"$LS_WORK/hold$i" & done
exec 4>"$LS_WORK/hold1" 5>"$LS_WORK/hold2" 6>"$LS_WORK/hold3"
for f in 4 5 6; do echo "LOCK TABLES t.l READ;" >&$f; done
sleep 1
sql 1 "ALTER TABLE t.l ADD COLUMN n INT" &
alter=$!
must wait_until 10 altering
stall=$(longest_stall a 3000)
say "    longest time without a commit on node1: $stall ms"
expect "all wait for the statement" [ "$stall" -gt 2000 ]
expect "somebody asks for a pause" any_asked
expect "nobody is sent out" nobody_left
for f in 4 5 6; do echo "UNLOCK TABLES;" >&$f; done
expect "the statement is done" wait "$alter"
for n in a b e; do expect "writes go on" load_grows $n; done
exec 4>&- 5>&- 6>&-
for n in a b c d e f g; do load_stop $n; done
expect "nothing is missing on the one that was stuck" nothing_lost a 3 t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.l
