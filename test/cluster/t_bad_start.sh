# Mistakes in the configuration: the server says clearly what is wrong, and nothing is lost.
. "$(dirname "$0")/lib.sh"
test_begin
NODES=2
must node_prepare 1
must node_start 1 --wsrep-new-cluster
must keys_table 1 t.k
must sql 1 "INSERT INTO t.k VALUES ('kept')"
must node_prepare 2

# start_fails DESCRIPTION REGEX ARG...: node 2 ends by itself within a minute and its log says why.
start_fails() {
    local what=$1 regex=$2
    shift 2
    log_forget 2
    node_launch 2 "$@"
    expect "$what: the server ends" ends_within 60 2
    expect "$what: a line says why ($regex)" log_says 2 "$regex"
    node_kill 2
}
nobody=$(node_group_port 5)
options=$(sed -n 's/^wsrep-provider-options="\(.*\)"$/\1/p' "$(node_dir 2)/my.cnf")
start_fails "a wrong address" "127.0.0.1:$nobody" \
    --wsrep-cluster-address="gcomm://127.0.0.1:$nobody" --wsrep-provider-options="$options;pc.wait_prim_timeout=PT5S;pc.announce_timeout=PT1S"
# By itself: who is refused waits for pc.wait_prim_timeout only.
start_fails "another cluster's name" "(cluster|group).*(name|other_cluster|$CLUSTER)" \
    --wsrep-cluster-name=other_cluster --wsrep-provider-options="$options;pc.announce_timeout=PT1S"
start_fails "an unknown option" "gcs.no_such_option" --wsrep-provider-options="$options;gcs.no_such_option=1"
start_fails "a bad value" "gcache.size.*|twelve" --wsrep-provider-options="$options;gcache.size=twelve"
start_fails "a bad address" "gcomm|address" --wsrep-cluster-address="http://127.0.0.1:1"
start_fails "a port that is taken" "$(node_group_port 1)" \
    --wsrep-provider-options="$options;gmcast.listen_addr=tcp://127.0.0.1:$(node_group_port 1)"

expect "the first server saw none of it" sql 1 "INSERT INTO t.k VALUES ('still')"
expect "an option at run time: unknown name" refused 1210 1 "SET GLOBAL wsrep_provider_options='gcs.nonsense=1'"
expect "and an error says so" log_says 1 "\[ERROR\].*gcs.nonsense"
expect "an option at run time: bad value" refused 1210 1 "SET GLOBAL wsrep_provider_options='evs.suspect_timeout=soon'"
expect "and an error says why" log_says 1 "\[ERROR\].*evs.suspect_timeout: 'soon' will not do"
must node_start 2
expect "the second server joins once all is right" cluster_wait_size 2 1 2
expect "nothing was lost" tables_equal "1 2" t.k
must node_stop 2

# A state file that somebody damaged is no position: the server takes a whole state transfer.
for damage in "version: 2.1
uuid:    not-a-uuid
seqno:   x" "" "seqno: 99999999999999999999999" "$(head -c 3000 /dev/zero | tr '\0' 'A')"; do
    printf '%s' "$damage" >"$(node_dir 2)/data/grastate.dat"
    must sql 1 "INSERT INTO t.k VALUES (UUID())"
    must node_start 2
    expect "joins with a grastate.dat of ${#damage} bytes of nonsense" tables_equal "1 2" t.k
    must node_stop 2
done
