# A server that has lost its volume is started with the literal address gcomm://, which founds a
# cluster. While others live that look for it, it refuses, though it was told of nobody.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
must sql 1 "INSERT INTO t.k VALUES ('kept')"
uuid=$(status 2 wsrep_cluster_state_uuid)
empty_address() { sed -i 's#^wsrep-cluster-address=.*#wsrep-cluster-address=gcomm://#' "$(node_dir 1)/my.cnf"; }
founds_none() {
    log_forget 1
    must node_wipe 1
    empty_address
    node_launch 1
    expect "$1: it founds no cluster" ends_within 60 1
    expect "$1: it says whose there is, and what to do" log_says 1 \
        "founds no cluster: node[23] at .* start without --wsrep-new-cluster, with its address in wsrep_cluster_address"
    expect "$1: and how to insist" log_says 1 "safe_to_bootstrap: 1"
    expect "$1: it said what it waits for" log_says 1 "before it founds a cluster .* listens"
}
must node_stop 1
founds_none "stopped just now"
sleep 20 # the pauses between attempts have grown to what they become
founds_none "stopped some time ago"
load_start l 2 t.k # members that are busy dial as well
must load_grows l
founds_none "beside load"
load_stop l

# A person who insists says so.
log_forget 1
must node_wipe 1
empty_address
printf '# GALERA saved state\nversion: 2.1\nuuid:    00000000-0000-0000-0000-000000000000\nseqno:   -1\nsafe_to_bootstrap: 1\n' \
    >"$(node_dir 1)/data/grastate.dat"
server_owns "$(node_dir 1)/data/grastate.dat"
must node_start 1
expect "with safe_to_bootstrap: 1 it founds one" [ "$(status 1 wsrep_cluster_state_uuid)" != "$uuid" ]

# What the message says is the way in, and where nobody lives gcomm:// founds a cluster as ever.
log_forget 1
must node_wipe 1
must node_start 1
expect "with the addresses of the others it joins them" cluster_wait_size 3 1 2 3
expect_same "and has their data" kept "$(sql 1 "SELECT k FROM t.k WHERE k = 'kept'")"

# After the end of all those who have the data wait for each other.
for n in 1 2 3; do must node_kill $n; done
node_launch 2
must wait_until 60 log_says 2 "waiting for a primary component"
log_forget 1
must node_wipe 1
empty_address
node_launch 1
expect "beside one that waits it founds no cluster" ends_within 60 1
expect "and says who has the data" log_says 1 "founds no cluster: node2 at .* has data of this cluster and waits for its members"
must node_kill 2

# Where nobody is up gcomm:// founds a cluster as ever; but those who have the data do not give them up for it.
log_forget 1
must node_wipe 1
empty_address
must node_start 1
expect "where nobody lives it founds a cluster" [ "$(status 1 wsrep_cluster_state_uuid)" != "$uuid" ]
must sql 1 "CREATE DATABASE u; CREATE TABLE u.k (k VARCHAR(40) PRIMARY KEY)"
node_launch 2
expect "the first of the others waits" wait_until 60 log_says 2 "another history .* are not given up .* remove grastate.dat"
node_launch 3
expect "they go on by themselves" node_wait 2
expect "both" node_wait 3
expect_same "with their data" kept "$(sql 3 "SELECT k FROM t.k WHERE k = 'kept'")"
expect_same "in their history" "$uuid" "$(status 2 wsrep_cluster_state_uuid)"
expect "that there are two clusters is told" wait_until 30 any_log_says "another cluster has this name"
# The way out, as the messages say.
must node_stop 1
must sed -i 's#^wsrep-cluster-address=.*#wsrep-cluster-address=gcomm://127.0.0.1:'"$(node_group_port 2)"'#' "$(node_dir 1)/my.cnf"
node_launch 1
expect "nor does the founder give up what it has" wait_until 60 log_says 1 "another history .* are not given up .* remove grastate.dat"
must node_kill 1
must rm "$(node_dir 1)/data/grastate.dat"
must node_start 1
expect "without grastate.dat it joins them" cluster_wait_size 3 1 2 3
expect_same "and has their data" kept "$(sql 1 "SELECT k FROM t.k WHERE k = 'kept'")"
