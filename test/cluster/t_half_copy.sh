# All servers die while one of them takes its first copy: that one has half of the data, and is not the
# one to found the cluster with. Whoever tries is refused, and the data of the others stay.
SST=rsync
. "$(dirname "$0")/lib.sh"
test_begin
NODES=3
must spaces_make 3
must cluster_prepare 3
must node_start 1 --wsrep-new-cluster
must node_start 2
must sql 1 "CREATE DATABASE t; CREATE TABLE t.b (id INT PRIMARY KEY, b LONGBLOB) ENGINE=InnoDB"
for i in $(seq 30); do must sql 1 "INSERT INTO t.b VALUES ($i, REPEAT(UUID(), 27000))"; done
uuid=$(status 1 wsrep_cluster_state_uuid)
state() { echo "$(node_dir "$1")/data/grastate.dat"; }
unsafe() { grep -qE '^safe_to_bootstrap: +0$' "$(state "$1")"; }
size() { stat -c %s "$(node_dir "$1")/data/t/b.ibd" 2>/dev/null || echo 0; }
part() { [ "$(size 3)" -gt 4000000 ]; }
must space_narrow 3 24mbit # the copy takes some 10 s
node_launch 3
must wait_until 60 part
for i in 3 1 2; do node_kill "$i"; done
must space_widen 3
expect "node3 has half a copy" [ "$(size 3)" -lt "$(size 1)" ]
for i in 1 2 3; do expect "node$i is not safe to bootstrap" unsafe "$i"; done

# refused DESCRIPTION REGEX ARG...: node3 does not found the cluster, and says why.
refused_start() {
    local text=$1 why=$2
    shift 2
    log_forget 3
    node_launch 3 "$@"
    expect "$text: it ends" ends_within 60 3
    expect "$text: and says why" log_says 3 "$why"
    node_kill 3
}
refused_start "bootstrapped" "not be safe to bootstrap.*data directory has not come to its end" --wsrep-new-cluster
refused_start "with gcomm:// alone" "not be safe to bootstrap" --wsrep-cluster-address=gcomm://
sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$(state 3)"
refused_start "with safe_to_bootstrap: 1" "not be safe to bootstrap.*remove the file sst_in_progress" --wsrep-new-cluster
sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 0/' "$(state 3)"
must rm "$(node_dir 3)/data/sst_in_progress"
refused_start "without the scripts' mark" "not be safe to bootstrap.*grastate.dat has no position" --wsrep-new-cluster

node_launch 1
node_launch 2
for i in 1 2; do must node_wait $i; done
expect_same "the others go on with their history" "$uuid" "$(status 1 wsrep_cluster_state_uuid)"
expect_same "and have all of their rows" 30 "$(sql 2 "SELECT COUNT(*) FROM t.b")"
refused_start "beside them" "not be safe to bootstrap" --wsrep-new-cluster
must node_start 3
expect "started as usual it takes a whole copy" tables_equal "1 2 3" t.b
