# What the plugin shows: log.sync as it is in force, the leader and the members by name, who holds the
# others up and why, and what a node without a majority waits for.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
NODE_OPTIONS="gcs.fc_limit=16;"
must cluster_start 3
must keys_table 1 t.k

own() { status "$1" "lockstep_$2"; }
own_says() { own "$1" "$2" | grep -qE "$3"; }

expect_same "log.sync" majority "$(own 2 log_sync)"
must sql 2 "SET GLOBAL wsrep_provider_options='log.sync=none'"
expect_same "log.sync, changed" none "$(own 2 log_sync)"
expect_same "and on this node only" majority "$(own 1 log_sync)"
must sql 2 "SET GLOBAL wsrep_provider_options='log.sync=majority'"
expect "a member leads" own_says 1 leader '^node[123]$'
expect_same "the same one, asked elsewhere" "$(own 1 leader)" "$(own 3 leader)"
for i in 1 2 3; do expect "node$i is a member" own_says 1 members "(^|; )node$i: Synced, weight 1(;|\$)"; done
expect_same "nothing is waited for" "" "$(own 1 waiting_for)"
expect_same "nobody holds anybody up" "" "$(own 1 flow_control_by)"

load_start a 1 t.k
must load_grows a
must sql 3 "SET GLOBAL wsrep_provider_options='fc.time_limit=PT0S'"
exec 7> >(client 3 --batch)
echo "LOCK TABLES t.k READ;" >&7
expect "who holds the others up, and why" wait_until 30 own_says 1 flow_control_by \
    '^node3: it applies too slowly'
expect "itself says so, too" own_says 3 flow_control_by '^node3 \(this node\): it applies'
must sql 3 "SET GLOBAL wsrep_provider_options='fc.time_limit=PT5S'"
expect "it leaves flow control" wait_until 30 own_says 3 flow_control_left ON
expect "the log names it" log_says 1 "waiting for .* on node3: it applies too slowly"
expect "and status keeps the last one" wait_until 10 own_says 1 flow_control_last '^node3: it applies too slowly; [0-9.]+ s'
exec 7>&-
must node_wait 3
load_stop a
node_kill 2
node_kill 3
expect "who is missing" wait_until 30 own_says 1 waiting_for 'missing: .*node3'
expect_same "it is not primary" OFF "$(own 1 primary)"
