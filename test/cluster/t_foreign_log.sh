# Files that do not belong together: of another cluster, of an earlier time, of a living node. None
# of them is believed, and the reason is told.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k t.still
# A cluster of one, of the same name, that has nothing to do with the others. Its log is the longer one.
NODES=4
NODE_OPTIONS=log.sync=none node_prepare 4
sed -i "s#^wsrep-cluster-address=.*#wsrep-cluster-address=gcomm://127.0.0.1:$(node_group_port 4)#" "$(node_dir 4)/my.cnf"
must node_start 4 --wsrep-new-cluster
must sql 4 "CREATE DATABASE t; CREATE TABLE t.k (k VARCHAR(40) PRIMARY KEY); INSERT INTO t.k SELECT seq FROM t.seq_1_to_3000"
for i in $(seq 8000); do echo "INSERT INTO t.k VALUES ('foreign-$i');"; done | client 4
must node_stop 4
load_start a 1 t.k
must load_grows a
data=$(node_dir 3)/data
other=$(node_dir 4)/data
early=$LS_WORK/early

# put FROM FILE...: from another directory into that of node 3.
put() {
    local from=$1
    shift
    (cd "$from" && cp -a "$@" "$data/")
}
segments() { (cd "$1" && ls lockstep-[0-9]*.log); }
replace_segments() {
    rm "$data"/lockstep-[0-9]*.log
    # shellcheck disable=SC2046 # names without spaces
    put "$1" $(segments "$1")
}

# comes_back DESCRIPTION REGEX HOW...: node 3 is stopped, HOW changes its files, it is started again.
comes_back() {
    local what=$1 regex=$2
    shift 2
    must node_stop 3
    "$@" || die "cannot do $*"
    server_owns "$data"
    must load_grows a
    log_forget 3
    must node_start 3
    expect "$what: it is told ($regex)" log_says 3 "$regex"
    grep -hE 'WSREP: .*(drops its|older copy|State at|SST received:|grastate.dat)' "$(node_log 3)" |
        sed 's/.*WSREP: /    /' | cut -c1-150
    expect "$what: members are three" cluster_wait_size 3 1 2 3
    expect "$what: it takes writes" sql 3 "INSERT INTO t.still VALUES (UUID())"
    expect "$what: the same rows everywhere" tables_equal "1 2 3" t.still
    expect_same "$what: and none of another cluster" 0 "$(sql 3 "SELECT COUNT(*) FROM t.k WHERE k LIKE 'foreign-%'")"
}

must node_stop 3
cp -a "$data" "$early"
must load_grows a
must node_start 3
must load_grows a

foreign_segments() { replace_segments "$other"; }
comes_back "only the log of another cluster" "the write-set log belongs to history .* the identity file to" foreign_segments
foreign_all() { replace_segments "$other" && put "$other" lockstep-identity.log; }
comes_back "log and identity of another cluster" "database belongs to history" foreign_all
foreign_identity() { put "$other" lockstep-identity.log; }
comes_back "only the identity of another cluster" "the write-set log belongs to history .* the identity file to|was on disk up to" foreign_identity
foreign_grastate() { put "$other" grastate.dat; }
comes_back "the grastate.dat of another cluster" "another cluster's" foreign_grastate
foreign_claim() { foreign_all && foreign_grastate; }
comes_back "everything but the database of another cluster" "another cluster's" foreign_claim

older_log() { replace_segments "$early"; }
comes_back "an older copy of the log" "log ends at entry [0-9]+, but was on disk up to|only reaches to" older_log
older_state() { older_log && put "$early" lockstep-identity.log; }
comes_back "an older copy of log and identity" "database stands at [0-9]+, the write-set log only reaches to" older_state
older_grastate() { put "$early" grastate.dat; }
comes_back "an older copy of grastate.dat" "what counts is the database" older_grastate
# The engine of an earlier time, log and grastate.dat of today.
older_engine() {
    mkdir "$LS_WORK/today" && (cd "$data" && cp -a lockstep-*.log grastate.dat "$LS_WORK/today/") &&
        rm -rf "$data" && cp -a "$early" "$data" && rm "$data"/lockstep-[0-9]*.log &&
        (cd "$LS_WORK/today" && cp -a . "$data/")
}
comes_back "an older copy of the database" "what counts is the database" older_engine
# The same, but from within the log that is there: what the database lacks is in it.
near_engine() {
    mv "$early" "$LS_WORK/earlier" && mv "$LS_WORK/near" "$early" && rm -rf "$LS_WORK/today" && older_engine &&
        rm -rf "$early" && mv "$LS_WORK/earlier" "$early"
}
must node_stop 3
cp -a "$data" "$LS_WORK/near"
must node_start 3
must sql 3 "INSERT INTO t.still VALUES ('after the copy')"
must load_grows a
comes_back "a recent copy of the database" "what counts is the database" near_engine
expect "a recent copy of the database: the log has what it lacks" eval "! log_says 3 'SST received'"
older_all() { rm -rf "$data" && cp -a "$early" "$data"; }
comes_back "an older copy of everything" "the files of this node are an older copy" older_all

# A whole node of another cluster does not give up its data for this one's before it is told to.
NODES=4
must node_configure 4
log_forget 4
node_launch 4
expect "a node of another cluster: it is told" wait_until 60 log_says 4 "the data here are of .* are not given up .* remove grastate.dat"
for i in 1 2 3; do expect_same "node$i sees three members" 3 "$(status "$i" wsrep_cluster_size)"; done
node_kill 4
must rm "$other/grastate.dat"
must node_start 4
expect "a node of another cluster: it has the cluster's data" tables_equal "1 2 3 4" t.still
must node_stop 4

# A copy of a living node's directory.
must node_stop 3
rm -rf "$other" && cp -a "$data" "$other"
must node_start 3
log_forget 4
node_launch 4
expect "a copy of a living node is told that it is one" wait_until 60 log_says 4 "copy of"
expect "with what to do" log_says 4 "remove its grastate.dat and lockstep-identity.log"
expect "and is not let in" eval "! node_is_synced 4"
for i in 1 2 3; do
    expect "node$i goes on" node_is_synced "$i"
    expect_same "node$i sees three members" 3 "$(status "$i" wsrep_cluster_size)"
done
node_kill 4
rm "$other/grastate.dat" "$other/lockstep-identity.log"
must node_start 4
expect "after that it joins as another member" cluster_wait_size 4 1 2 3 4
load_stop a
expect "nothing acknowledged is lost" nothing_lost a 3 t.k
expect "the same rows everywhere at last" tables_equal "1 2 3 4" t.k t.still
