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
must node_wipe 1
empty_address
printf '# GALERA saved state\nversion: 2.1\nuuid:    00000000-0000-0000-0000-000000000000\nseqno:   -1\nsafe_to_bootstrap: 1\n' \
    >"$(node_dir 1)/data/grastate.dat"
server_owns "$(node_dir 1)/data/grastate.dat"
must node_start 1
expect "with safe_to_bootstrap: 1 it founds one" [ "$(status 1 wsrep_cluster_state_uuid)" != "$uuid" ]

# What the message says is the way in, and where nobody lives gcomm:// founds a cluster as ever.
must node_wipe 1
must node_start 1
expect "with the addresses of the others it joins them" cluster_wait_size 3 1 2 3
expect_same "and has their data" kept "$(sql 1 "SELECT k FROM t.k WHERE k = 'kept'")"
for n in 1 2 3; do must node_stop $n; done
must node_wipe 1
empty_address
must node_start 1
expect "where nobody lives it founds a cluster" [ "$(status 1 wsrep_cluster_state_uuid)" != "$uuid" ]
