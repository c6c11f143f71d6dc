# Two servers and the arbitrator, each on a cable of its own. Whoever is cut off is alone, exactly one
# side stays primary, and nothing acknowledged is lost, whichever way the three come apart.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
NODES=2
must spaces_make 3
must cluster_start 2
must keys_table 1 t.k
must arbitrator_launch 3
expect "it votes" wait_until 30 arbitrator_counts 3 1
is_primary() { [ "$(status "$1" wsrep_cluster_status)" = Primary ]; }
not_primary() { ! is_primary "$1"; }
all_back() { cluster_wait_size 3 1 2 && wait_until 30 arbitrator_counts 3 1 && node_wait 1 && node_wait 2; }

for alone in 1 2; do
    other=$((3 - alone))
    load_start "a$alone" $alone t.k
    load_start "o$alone" $other t.k
    must load_grows "a$alone"
    must space_cut $alone
    expect "node$alone, cut off, is not primary" wait_until 20 not_primary $alone
    expect "node$other goes on with the arbitrator" load_grows "o$alone"
    expect "and is primary" is_primary $other
    expect "node$alone refuses writes" refused 1047 $alone "INSERT INTO t.k VALUES ('no$alone')"
    must space_mend $alone
    expect "all are back" all_back
    load_stop "a$alone"
    load_stop "o$alone"
    expect "nothing node$alone acknowledged is lost" nothing_lost "a$alone" $other t.k
    expect "nothing node$other acknowledged is lost" nothing_lost "o$alone" $alone t.k
done

load_start c 1 t.k
must space_cut 3
expect "without the arbitrator both are a majority" cluster_wait_size 2 1 2
expect "and go on" load_grows c
must space_mend 3
expect "all are back" all_back

# It hears node 2 no more and is heard by it: a majority is there all the same.
must space_deafen 3 2
expect "writes go on" load_grows c
sleep 3
expect "and still do" load_grows c
must space_heal 3
expect "all are back" all_back

# Nobody reaches anybody.
for i in 1 2 3; do must space_cut $i; done
for i in 1 2; do expect "node$i alone is not primary" wait_until 20 not_primary $i; done
for i in 3 2 1; do must space_mend $i; done
expect "all are back" all_back
load_stop c
expect "nothing acknowledged is lost" nothing_lost c 2 t.k
expect "the same rows" tables_equal "1 2" t.k
