# wsrep_desync fails because the group has no majority that answers in time. When the majority is back, so
# is the node: nobody resyncs what never was desynced.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="repl.causal_read_timeout=PT1S;"
must cluster_start 2
must keys_table 1 t.k
kill -STOP "$(node_pid 2)"
expect "a desync fails" refused 1396 1 "SET GLOBAL wsrep_desync=ON"
kill -CONT "$(node_pid 2)"
told() { log_says 2 "node1.*desyncs itself"; }
expect "it is ordered all the same" wait_until 20 told
back() { log_says 2 "node1.*resyncs itself"; }
expect "and taken back" wait_until 20 back
expect "the node is synced" wait_until 20 node_is_synced 1
expect_same "nothing counts as desynced" 0 "$(status 1 wsrep_desync_count)"
expect "it takes writes" sql 1 "INSERT INTO t.k VALUES ('here')"
expect "the same rows" tables_equal "1 2" t.k
