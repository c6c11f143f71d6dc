# Two servers and an arbitrator: one whose appliers do not move holds the other up no longer than one of
# three would. So it is with three servers of which one is down.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
ARBITRATOR_OPTIONS="gcache.size=4M"
NODES=3
for i in 1 2; do must node_prepare $i; done
must node_start 1 --wsrep-new-cluster
must node_start 2
must arbitrator_launch 3
expect "the arbitrator votes" wait_until 30 arbitrator_counts 3 1
must keys_table 1 t.k
load_start a 1 t.k
must load_grows a
stands_aside() { [ "$(status 2 wsrep_local_state_comment)" = Donor/Desynced ]; }
exec 7> >(client 2 --batch)
echo "LOCK TABLES t.k READ;" >&7
stall=$(longest_stall a 6000)
say "    longest time without a commit on node1: $stall ms"
expect "the other one waits for about a second" [ "$stall" -lt 2000 ]
expect "it has left flow control" stands_aside
expect "and says why" log_says 2 "cannot keep up"
expect "the other one goes on" load_grows a
exec 7>&-
must node_wait 2
expect "the other one still does" load_grows a
load_stop a
expect "nothing is missing on the one that was stuck" nothing_lost a 2 t.k

# Slow, and not stuck: the limit counts here, too. Its appliers get a moment now and then.
must sql 2 "SET GLOBAL wsrep_provider_options='fc.time_limit=PT3S'"
log_forget 2
load_start b 1 t.k
must load_grows b
hold() { while echo "LOCK TABLES t.k READ; SELECT SLEEP(0.3); UNLOCK TABLES;"; do sleep 0.3; done; }
hold 2>/dev/null > >(client 2 --batch >/dev/null) &
holder=$!
expect "a slow one leaves flow control" wait_until 30 log_says 2 "cannot keep up: it applies too slowly"
expect "and the other one goes on" load_grows b
kill "$holder"
must node_wait 2
load_stop b
expect "nothing is missing on the slow one" nothing_lost b 2 t.k
expect "the same rows everywhere" tables_equal "1 2" t.k
