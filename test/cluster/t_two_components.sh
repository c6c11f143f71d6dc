# All servers die, two of three come back by themselves and go on. The third one is bootstrapped by hand
# where it sees neither: the two keep what they have acknowledged when they meet it, and it becomes
# one of them once it is started again, with their data in the place of its own.
. "$(dirname "$0")/lib.sh"
test_begin
must spaces_make 3
must cluster_start 3
must keys_table 1 t.k
for n in 1 2 3; do node_kill $n; done
node_launch 2
node_launch 3
must node_wait 2
must node_wait 3
must sql 2 "INSERT INTO t.k VALUES ('acknowledged by 2')"
must sql 3 "INSERT INTO t.k VALUES ('acknowledged by 3')"
must spaces_split 2 3
sed -i 's/safe_to_bootstrap: 0/safe_to_bootstrap: 1/' "$(node_dir 1)/data/grastate.dat"
must node_start 1 --wsrep-new-cluster
must sql 1 "INSERT INTO t.k VALUES ('beside 1'), ('beside 2')"
must sql 1 "INSERT INTO t.k VALUES ('beside 3')"
pids="$(node_pid 2) $(node_pid 3)"
load_start a 2 t.k
must load_grows a
must spaces_join
told() { log_says "$1" "belongs to another primary component of this cluster"; }
two_told() { told 2 || told 3; }
expect "the one says that there is another" wait_until 20 told 1
expect "and so does the leader of the two" wait_until 20 two_told
sleep 8 # longer than a view takes to turn non-primary
expect "the two go on" load_grows a
for n in 2 3; do
    expect_same "node$n is Primary" Primary "$(status $n wsrep_cluster_status)"
    expect_same "with what was acknowledged" 2 "$(sql $n "SELECT COUNT(*) FROM t.k WHERE k LIKE 'acknowledged%'")"
done
load_stop a
must node_stop 1
must node_start 1
expect "started again it joins them" cluster_wait_size 3 1 2 3
expect "it says what becomes of its data" log_says 1 "committed what the group has not: its data are given up"
expect_same "they are gone" 0 "$(sql 1 "SELECT COUNT(*) FROM t.k WHERE k LIKE 'beside%'")"
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect "nothing acknowledged is lost" nothing_lost a 1 t.k
expect_same "the two were not restarted" "$pids" "$(node_pid 2) $(node_pid 3)"
# Where it sees them it is not bootstrapped at all.
must node_kill 1
must node_wait 2
sed -i 's/safe_to_bootstrap: 0/safe_to_bootstrap: 1/' "$(node_dir 1)/data/grastate.dat"
node_launch 1 --wsrep-new-cluster
expect "bootstrapped beside living ones it ends" ends_within 60 1
expect "and says what to do" log_says 1 "does not bootstrap the cluster: node[23] at .* is in a primary component of this cluster: start without"
must node_start 1
expect "started without it joins" cluster_wait_size 3 1 2 3
must sql 2 "INSERT INTO t.k VALUES ('after')"
expect "the same rows everywhere" tables_equal "1 2 3" t.k
