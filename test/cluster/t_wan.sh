# Far servers whose packets take 20 to 40 ms, one of them in fifty being lost: nobody is removed, nobody
# loses the lead, writes go on everywhere.
. "$(dirname "$0")/lib.sh"
test_begin
must spaces_make_far 3 "20000~20000/2"
must with_plugin
must cluster_start 3
must keys_table 1 t.k
must tables_equal "1 2 3" t.k # there on all: far nodes hear of it later
for i in 1 2 3; do load_start "l$i" "$i" t.k; done
for i in 1 2 3; do must load_grows "l$i"; done
view=$(status 1 wsrep_cluster_conf_id)
leader=$(status 1 lockstep_leader)
for round in 1 2 3 4; do
    sleep 5
    for i in 1 2 3; do expect "round $round: node$i takes writes" load_grows "l$i"; done
    for i in 1 2 3; do expect_same "round $round: node$i has the leader it had" "$leader" "$(status "$i" lockstep_leader)"; done
done
for i in 1 2 3; do expect_same "node$i is still in the first view" "$view" "$(status "$i" wsrep_cluster_conf_id)"; done
for i in 1 2 3; do load_stop "l$i"; done
for i in 1 2 3; do expect "node$i met no error but conflicts" only_conflicts "l$i"; done
for i in 1 2 3; do expect "nothing acknowledged by node$i is lost" nothing_lost "l$i" $((i % 3 + 1)) t.k; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
