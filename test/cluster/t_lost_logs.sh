# All servers were killed, and the write-set logs of most are spoiled. Who has none left cannot be
# counted on, so the cluster does not form by itself: the one with its log says whom it misses and
# what a person has to do, and that loses nothing.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
for i in 1 2 3; do load_start "l$i" "$i" t.k; done
for i in 1 2 3; do must load_grows "l$i"; done
for i in 2 1 3; do node_kill "$i"; done
for i in 1 2 3; do load_stop "l$i"; done
for i in 2 3; do
    for segment in "$(node_dir "$i")"/data/lockstep-[0-9]*.log; do
        dd if=/dev/urandom of="$segment" bs=4096 seek=1 count=4 conv=notrunc status=none
    done
done
for i in 1 2 3; do
    log_forget "$i"
    node_launch "$i"
done
for i in 2 3; do
    expect "node$i says that its log is damaged" wait_until 30 log_says "$i" "write-set log.*damaged"
done
expect "node1 says who has lost its log, and what to do" \
    wait_until 30 log_says 1 "back as new ones.*node3.*safe_to_bootstrap: 1.*--wsrep-new-cluster"
for i in 1 2 3; do
    expect "node$i does not serve by itself" eval "! node_is_synced $i"
done
node_kill 1
sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$(node_dir 1)/data/grastate.dat"
must node_start 1 --wsrep-new-cluster
for i in 2 3; do
    must node_wait "$i" 60
done
expect "all are together" cluster_wait_size 3 1 2 3
for i in 1 2 3; do
    expect "nothing acknowledged by node$i is lost" nothing_lost "l$i" 1 t.k
done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
