# A server that waits for its state is evicted from the group: it ends and says why, as after every other
# transfer that cannot succeed.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 2
must keys_table 1 t.k
for i in 1 2; do must sql $i "SET GLOBAL wsrep_desync=ON"; done # no donor for now
NODES=3
must node_prepare 3
node_launch 3
expect "it waits for a donor" wait_until 30 log_says 3 "Waiting for a donor"
id=$(sed -n 's/.*member 2\.0 (node3) \([0-9a-f-]*\).*/\1/p' "$(node_log 1)" | tail -n 1)
must sql 1 "SET GLOBAL wsrep_provider_options='evs.evict=$id'"
expect "it ends" ends_within 30 3
expect "and says that it has left" log_says 3 "Need to abort.*left the group"
expect "the others go on" sql 1 "INSERT INTO t.k VALUES ('here')"
for i in 1 2; do must sql $i "SET GLOBAL wsrep_desync=OFF"; done
expect "the same rows" tables_equal "1 2" t.k
