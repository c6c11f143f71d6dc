# A minority takes no writes and says so; it goes on when the others are back.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
must sql 1 "INSERT INTO t.k VALUES ('before')"
must tables_equal "1 2 3" t.k
node_kill 2
node_kill 3
not_primary() { [ "$(status 1 wsrep_cluster_status)" = non-Primary ]; }
expect "the one left is not primary" wait_until 30 not_primary
expect "and refuses writes with 1047" refused 1047 1 "INSERT INTO t.k VALUES ('minority')"
expect "and reads" refused 1047 1 "SELECT * FROM t.k"
expect_same "its state is Initialized" Initialized "$(status 1 wsrep_local_state_comment)"
must node_launch 2
must node_launch 3
must node_wait 2 90
must node_wait 3 90
must node_wait 1
expect "it takes writes again" sql 1 "INSERT INTO t.k VALUES ('after')"
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "and only what was acknowledged" "after,before" "$(sql 3 "SELECT GROUP_CONCAT(k ORDER BY k) FROM t.k")"
