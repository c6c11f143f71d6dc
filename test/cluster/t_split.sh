# Four servers in two halves: neither takes writes, and when they meet again all go on without a
# restart. Then again, and somebody makes one half primary by hand: the other half joins it.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="evs.suspect_timeout=PT3S;evs.inactive_timeout=PT5S;"
must spaces_make 4
must cluster_start 4
must keys_table 1 t.k
pids="$(node_pid 1) $(node_pid 2) $(node_pid 3) $(node_pid 4)"
not_primary() { [ "$(status "$1" wsrep_cluster_status)" = non-Primary ]; }

load_start a 1 t.k
load_start c 3 t.k
must load_grows a
must load_grows c
log_mark 1 2 3 4
must spaces_split 3 4
for i in 1 2 3 4; do
    expect "node$i is not primary any more" wait_until 20 not_primary "$i"
    expect "and refuses writes with 1047" refused 1047 "$i" "INSERT INTO t.k VALUES ('half $i')"
    # It may lose sight of one of the others a moment before the second.
    expect "it sees its half" cluster_wait_size 2 "$i"
done
expect "its log says who is missing" wait_until 15 log_adds 3 "connected to: node4 [^;]*; .*missing: node1 .*, node2"
expect "and what a person can do" log_adds 3 "gone for good, and only then, .*pc.bootstrap=yes"
must space_cut 4
expect "node3 loses sight of node4, too" cluster_wait_size 1 3
must space_mend 4
expect "and sees it again" cluster_wait_size 2 3 4
must spaces_join
expect "all four are together again" cluster_wait_size 4 1 2 3 4
for i in 1 2 3 4; do must node_wait "$i"; done
expect "without a copy" came_back_by_ist 1 2 3 4
expect "writes go on at one side" load_grows a
expect "and at the other" load_grows c
load_stop a
load_stop c
expect "nothing acknowledged is lost" nothing_lost a 3 t.k
expect "from either side" nothing_lost c 1 t.k
expect "the same rows everywhere" tables_equal "1 2 3 4" t.k

log_mark 1 2 3 4
must spaces_split 3 4
for i in 1 2 3 4; do expect "node$i is not primary" wait_until 20 not_primary "$i"; done
must sql 2 "SET GLOBAL wsrep_provider_options='pc.bootstrap=yes'"
expect "one half is made primary by hand" cluster_wait_size 2 1 2
must node_wait 1
must node_wait 2
expect_same "it is Primary" Primary "$(status 1 wsrep_cluster_status)"
expect "it takes writes" sql 1 "INSERT INTO t.k VALUES ('by hand')"
expect "the other does not" refused 1047 3 "INSERT INTO t.k VALUES ('other')"
must spaces_join
expect "the other half joins it" cluster_wait_size 4 1 2 3 4
for i in 1 2 3 4; do must node_wait "$i"; done
expect "without a copy" came_back_by_ist 1 2 3 4
expect_same "what was written meanwhile is there" "by hand" "$(sql 4 "SELECT k FROM t.k WHERE k='by hand'")"
expect "the same rows everywhere" tables_equal "1 2 3 4" t.k
expect_same "no server was restarted" "$pids" "$(node_pid 1) $(node_pid 2) $(node_pid 3) $(node_pid 4)"
for i in 1 2 3 4; do expect "node$i lives" node_alive "$i"; done
