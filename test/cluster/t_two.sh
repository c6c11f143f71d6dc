# Two servers: the survivor of one waits for it and says for whom; when it is back both go on, also
# when it was not told where its database stands, and gets the data again.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;"
NODES=2
must cluster_start 2
must keys_table 1 t.k
not_primary() { [ "$(status "$1" wsrep_cluster_status)" = non-Primary ]; }
for how in recovered bare; do
    must sql 1 "INSERT INTO t.k VALUES ('$how')"
    must tables_equal "1 2" t.k
    node_kill 2
    expect "the survivor is not primary" wait_until 20 not_primary 1
    expect "and refuses writes" refused 1047 1 "INSERT INTO t.k VALUES ('lost')"
    expect "it says for whom it waits" wait_until 20 log_says 1 "missing: node2"
    [ "$how" = recovered ] || rm -f "$(node_dir 2)/started" # nobody asks the storage engine
    must node_launch 2
    must node_wait 2 90
    must node_wait 1
    expect "both are members" cluster_wait_size 2 1 2
    expect "both take writes" sql 2 "INSERT INTO t.k VALUES ('after $how')"
    expect "the same rows everywhere" tables_equal "1 2" t.k
done
