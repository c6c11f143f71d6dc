# All servers are killed with -9 under load and started again in another order, by nobody's hand:
# they form the cluster by themselves and nothing acknowledged is lost, although the storage engine
# is told not to write its log at commit. The order goes on where it was, under the same name.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
LOAD_GTIDS=yes
for i in 1 2 3; do load_start "l$i" "$i" t.k; done
for i in 1 2 3; do must load_grows "l$i"; done
must order_note
for i in 2 1 3; do node_kill "$i"; done
for i in 1 2 3; do load_stop "l$i"; done
for i in 3 1 2; do node_launch "$i"; done
for i in 1 2 3; do must node_wait "$i" 90; done
for i in 1 2 3; do
    expect "nothing acknowledged by node$i is lost" nothing_lost "l$i" 1 t.k
    expect_same "node$i sees three members" 3 "$(status "$i" wsrep_cluster_size)"
done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect "in the same history, and not behind" order_kept "1 2 3" l1 l2 l3
for i in 1 2 3; do load_start "m$i" "$i" t.k; done
for i in 1 2 3; do expect "node$i takes writes" load_grows "m$i"; done
for i in 1 2 3; do load_stop "m$i"; done
expect "in places that are new" order_kept "1 2 3" l1 l2 l3 m1 m2 m3
