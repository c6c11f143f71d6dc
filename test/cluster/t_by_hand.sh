# Two of three servers die. The last one refuses writes until somebody says pc.bootstrap; the dead
# ones join it when they are started again. Then weights: a heavy server needs nobody.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="evs.suspect_timeout=PT3S;evs.inactive_timeout=PT5S;"
must cluster_start 3
must keys_table 1 t.k
must sql 1 "INSERT INTO t.k VALUES ('before')"
must tables_equal "1 2 3" t.k
not_primary() { [ "$(status "$1" wsrep_cluster_status)" = non-Primary ]; }
weighs() { [ "$(status "$1" wsrep_cluster_weight)" = "$2" ]; }

node_kill 1
node_kill 2
expect "the one left is not primary" wait_until 30 not_primary 3
expect_same "no weight without a primary component" 0 "$(status 3 wsrep_cluster_weight)"
must sql 3 "SET GLOBAL wsrep_provider_options='pc.bootstrap=1'"
must node_wait 3
expect_same "it is alone" 1 "$(status 3 wsrep_cluster_size)"
expect "it takes writes" sql 3 "INSERT INTO t.k VALUES ('alone')"
must node_launch 1
must node_launch 2
must node_wait 1 90
must node_wait 2 90
expect "the others joined it" cluster_wait_size 3 1 2 3
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "and those that were written alone" "alone,before" "$(sql 1 "SELECT GROUP_CONCAT(k ORDER BY k) FROM t.k")"

expect_same "three votes" 3 "$(status 1 wsrep_cluster_weight)"
must sql 2 "SET GLOBAL wsrep_provider_options='pc.weight=3'"
expect_same "the weight counts when the statement returns" 5 "$(status 2 wsrep_cluster_weight)"
expect "and the others see it" wait_until 5 weighs 1 5
node_kill 1
node_kill 3
expect "the heavy one goes on alone" cluster_wait_size 1 2
expect_same "it is Primary" Primary "$(status 2 wsrep_cluster_status)"
expect "it takes writes" sql 2 "INSERT INTO t.k VALUES ('heavy')"
must node_launch 1
must node_launch 3
must node_wait 1 90
must node_wait 3 90
expect "the same rows everywhere" tables_equal "1 2 3" t.k

# Somebody is shut out by name, and let in again.
id=$(status 3 wsrep_gcomm_uuid)
must sql 1 "SET GLOBAL wsrep_provider_options='evs.evict=$id'"
expect "the others are two" cluster_wait_size 2 1 2
expect_same "and name who is out" "$id" "$(status 1 wsrep_evs_evict_list)"
gone() { [ "$(status 3 wsrep_connected)" = OFF ]; }
expect "it has left" wait_until 30 gone
expect "and says why" log_says 3 "shut out"
must sql 2 "SET GLOBAL wsrep_provider_options='evs.evict='"
must node_stop 3
must node_launch 3
must node_wait 3 90
expect "it is let in again" cluster_wait_size 3 1 2 3
