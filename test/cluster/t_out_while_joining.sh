# A server that waits for a donor is thrown out of the group and taken in again; the data that it gets then
# have the view of its return already. It is a member all the same, and synced.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;"
must spaces_make 3
must cluster_prepare 3
must node_start 1 --wsrep-new-cluster
must node_start 2
must keys_table 1 t.k
for i in 1 2; do must sql $i "SET GLOBAL wsrep_desync=ON"; done # no donor for now
must node_launch 3
expect "it waits for a donor" wait_until 30 log_says 3 "Waiting for a donor"
must space_cut 3
expect "it is thrown out" cluster_wait_size 2 1 2
out() { log_says 3 "New COMPONENT: primary = no"; }
expect "and knows it" wait_until 30 out
must space_mend 3
expect "it is taken in again" cluster_wait_size 3 1 2
must sql 1 "SET GLOBAL wsrep_desync=OFF"
expect "it gets the data and is synced" node_wait 3
expect_same "in the primary component" Primary "$(status 3 wsrep_cluster_status)"
expect_same "of three" 3 "$(status 3 wsrep_cluster_size)"
expect "it takes writes" sql 3 "INSERT INTO t.k VALUES ('here')"
must sql 2 "SET GLOBAL wsrep_desync=OFF"
expect "the same rows" tables_equal "1 2 3" t.k
