# HAProxy with the very files of scripts/examples, before three servers that have addresses, cables and the
# usual ports of their own: the single writer of OpenStack's guides, the writer that follows the leader,
# and all writers with agent-check.
. "$(dirname "$0")/lib.sh"
LS_OWN_PORTS=yes
LS_NET=10.0.0
test_begin
must with_plugin
must spaces_make 4
must cluster_start 3
must keys_table 1 t.k
for i in 1 2 3; do must health_start $i; done

balance() { haproxy_example "$1" 4 && wait_until 20 through 3306 "SELECT 1" >/dev/null 2>&1; }
through() {
    local port=$1
    shift
    in_space 4 mariadb --no-defaults --user=app --host=127.0.0.1 --protocol=tcp --port="$port" \
        --connect-timeout=5 --batch --skip-column-names -e "$*"
}
used() { through "${1:-3306}" "SELECT @@wsrep_node_name" 2>/dev/null; }
uses() { [ "$(used "$2")" = "$1" ]; }
# shown SERVER: what HAProxy thinks of it, in the first listener.
shown() { in_space 4 curl --silent "http://127.0.0.1:8404/;csv" | awk -F, -v s="$1" '$2 == s { print $18; exit }'; }
is_shown() { shown "$1" | grep -qE "^($2)"; }
n=0
write_through() {
    n=$((n + 1))
    wait_until 40 through 3306 "INSERT IGNORE INTO t.k VALUES ('h-$n')" >/dev/null 2>&1
}

say "  one writer, as OpenStack has it"
must balance single-writer
expect "all are up" eval 'for i in 1 2 3; do wait_until 20 is_shown db$i "UP" || exit 1; done'
first=$(used)
expect_same "one is used" "$first" "$(for i in 1 2 3 4 5; do used; done | sort -u)"
expect "a write" write_through
(through 3306 "SELECT SLEEP(60)" >/dev/null 2>"$LS_WORK/session"; echo "ended $?" >>"$LS_WORK/session") &
in_session() { sql "${first#node}" "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'" | grep -q 1; }
must wait_until 10 in_session
must touch "$LS_WORK/disabled${first#node}"
moved() { now=$(used) && [ -n "$now" ] && [ "$now" != "$first" ]; }
expect "marked disabled, it leaves rotation" wait_until 40 moved
expect "its sessions are cut" wait_until 10 grep -q ended "$LS_WORK/session"
second=$now
must rm "$LS_WORK/disabled${first#node}"
expect "it is up again" wait_until 20 is_shown "db${first#node}" UP
expect_same "and does not steal the stick" "$second" "$(used)"
node_kill "${second#node}"
expect "a write after its server was killed" write_through
third=$(used)
must node_start "${second#node}"
expect_same "one that comes back does not steal the stick" "$third" "$(used)"
must sql "${third#node}" "SET GLOBAL wsrep_desync=ON"
expect "a desynced server leaves rotation" wait_until 40 is_shown "db${third#node}" DOWN
expect "a write" write_through
must sql "${third#node}" "SET GLOBAL wsrep_desync=OFF"
expect "it is up again" wait_until 20 is_shown "db${third#node}" UP
fourth=$(used)
must space_cut "${fourth#node}"
expect "a write after its cable was pulled" write_through
must space_mend "${fourth#node}"
expect "it is back" cluster_wait_size 3 1 2 3
kill -STOP "$(node_pid 1)"
expect "a server that hangs leaves rotation" wait_until 40 is_shown db1 DOWN
expect "a write" write_through
kill -CONT "$(node_pid 1)"
expect "it is up again" wait_until 40 is_shown db1 UP
haproxy_stop

say "  the writer follows the leader"
must balance writer-follows
leader() { health_writer | sed 's/^/node/'; }
writer_is_leader() { [ -n "$(leader)" ] && [ "$(used)" = "$(leader)" ]; }
expect "writes go to the leader" wait_until 20 writer_is_leader
# The readers' checks are not the writer's: they may learn of the leader a moment later.
reads() { for i in 1 2 3 4 5 6; do used 3307; done | sort -u; }
others() { for i in 1 2 3; do health_is $i /replica 200 && echo "node$i"; done; }
reads_elsewhere() { [ "$(others | wc -l)" = 2 ] && [ "$(reads)" = "$(others)" ]; }
expect "reads go to the others" wait_until 20 reads_elsewhere
first=$(leader)
must touch "$LS_WORK/disabled${first#node}"
leader_moved() { now=$(leader) && [ -n "$now" ] && [ "$now" != "$first" ]; }
expect "marked disabled, the leader hands over" wait_until 20 leader_moved
expect "a write" write_through
expect "by the new one" wait_until 20 writer_is_leader
must rm "$LS_WORK/disabled${first#node}"
for round in 1 2; do
    victim=$(leader)
    node_kill "${victim#node}"
    expect "a write after the leader was killed" write_through
    expect "by the new leader" wait_until 20 writer_is_leader
    must node_start "${victim#node}"
done
haproxy_stop

say "  all write"
must balance all-writers
expect "all are up" eval 'for i in 1 2 3; do wait_until 20 is_shown db$i "UP" || exit 1; done'
expect_same "and used" "node1 node2 node3 " "$(for i in $(seq 12); do used; done | sort -u | tr '\n' ' ')"
must touch "$LS_WORK/disabled2"
expect "the agent takes one out" wait_until 10 is_shown db2 DOWN
expect "a write" write_through
must rm "$LS_WORK/disabled2"
expect "and lets it in again" wait_until 20 is_shown db2 UP
node_kill 3
expect "a write after a server was killed" write_through
expect "it is out" wait_until 10 is_shown db3 DOWN
must node_start 3
expect "it is up again" wait_until 20 is_shown db3 UP
# The minority refuses: nobody is sent there.
must space_cut 1
expect "the minority is out" wait_until 20 is_shown db1 DOWN
expect "a write" write_through
must space_mend 1
expect "it is up again" wait_until 40 is_shown db1 UP
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "every acknowledged row is there" "$n" "$(sql 1 "SELECT COUNT(*) FROM t.k")"
