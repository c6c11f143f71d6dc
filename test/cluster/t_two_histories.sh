# Two servers bootstrapped under one cluster name: two clusters, which nothing merges. A third one
# becomes a member of one of them, and who writes where he should not is told.
. "$(dirname "$0")/lib.sh"
test_begin
NODES=3
for n in 1 2 3; do
    must node_prepare $n
done
must node_start 1 --wsrep-new-cluster
# An empty server that is told to found what is there already refuses; a person who insists says so.
node_launch 2 --wsrep-new-cluster
expect "an empty server does not found a second cluster beside a living one" ends_within 60 2
expect "and says who has it" log_says 2 "founds no cluster: node1 at .* start without --wsrep-new-cluster"
node_kill 2
printf '# GALERA saved state\nversion: 2.1\nuuid:    00000000-0000-0000-0000-000000000000\nseqno:   -1\nsafe_to_bootstrap: 1\n' \
    >"$(node_dir 2)/data/grastate.dat"
server_owns "$(node_dir 2)/data/grastate.dat"
must node_start 2 --wsrep-new-cluster
must keys_table 1 t.k
must sql 2 "CREATE DATABASE u; CREATE TABLE u.k (k VARCHAR(40) PRIMARY KEY)"
must node_start 3
home=1
sql 3 "SELECT 1 FROM t.k LIMIT 1" >/dev/null 2>&1 || home=2
other=$((3 - home))
echo "    node 3 became a member of node $home's cluster"
expect "two members there" cluster_wait_size 2 $home 3
expect "one here" cluster_wait_size 1 $other
expect "each goes on: the first" sql 1 "INSERT INTO t.k VALUES ('one')"
expect "and the second" sql 2 "INSERT INTO u.k VALUES ('two')"
told() { log_says 1 "$1" || log_says 2 "$1"; }
expect "what is wrong is told" wait_until 20 told "another cluster has this name .*remove grastate.dat .*wsrep_cluster_name"
# The way out, as the message says. Who founded his although he was told not to has insisted: his cluster takes the
# other one in as it is, which is not so the other way round.
must node_stop $other
if [ $home = 1 ]; then
    node_launch 2
    expect "what was written there is not given up unasked" wait_until 60 log_says 2 "are not given up .* remove grastate.dat"
    must node_kill 2
    must rm "$(node_dir 2)/data/grastate.dat"
fi
must node_start $other
expect "it joins" cluster_wait_size 3 1 2 3
expect "with the data of the others" sql $other "SELECT 1 FROM $([ $home = 1 ] && echo t || echo u).k LIMIT 1"
