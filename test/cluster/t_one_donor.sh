# A joiner's request is under way when the component is lost for a moment, and is ordered when it is back.
# The joiner asks again, since it cannot know; but who was chosen is its donor, and nobody else writes
# into its files.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
must cluster_start 2
must keys_table 1 t.k
must sql 2 "SET GLOBAL wsrep_desync=ON"
must wait_until 30 leads 1
must sql 1 "SET GLOBAL wsrep_desync=ON" # no donor for now
NODES=3
must node_prepare 3
must node_launch 3 --wsrep-sst-donor=node1,
expect "it waits for a donor" wait_until 30 log_says 3 "Waiting for a donor"
# The follower stands still, so that nothing is ordered any more; the next request is what waits. The
# leader, which it names, has lost the component, too, when it begins to give.
for i in 1 2; do must sql $i "SET GLOBAL wsrep_desync=OFF"; done
must kill -STOP "$(node_pid 2)"
expect "the component is lost" wait_until 30 log_says 3 "New COMPONENT: primary = no"
must kill -CONT "$(node_pid 2)"
expect "it gets the data and is synced" node_wait 3
donors() { cat "$(node_log 1)" "$(node_log 2)" | grep -c "Running: .*--role .donor"; }
expect_same "from one donor" 2 "$(donors)" # the second node had one, too
expect "the others are synced again" eval "node_wait 1 && node_wait 2"
expect "the same rows" tables_equal "1 2 3" t.k
