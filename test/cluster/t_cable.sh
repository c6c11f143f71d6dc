# A node whose cable is pulled shows non-primary and refuses writes while the others go on, and comes
# back through the log without a restart: with nothing missed, and with much.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;"
must spaces_make 3
must cluster_start 3
must keys_table 1 t.k
pid=$(node_pid 3)
not_primary() { [ "$(status "$1" wsrep_cluster_status)" = non-Primary ]; }

log_mark 3
must space_cut 3
expect "it is not primary" wait_until 20 not_primary 3
expect "the others see two members" cluster_wait_size 2 1 2
must space_mend 3
expect "it is a member again" cluster_wait_size 3 1 2 3
must node_wait 3
expect "without a copy" came_back_by_ist 3
expect "and takes writes" sql 3 "INSERT INTO t.k VALUES ('quiet')"

load_start a 1 t.k
load_start b 2 t.k
load_start c 3 t.k
for name in a b c; do must load_grows "$name"; done
must space_cut 3
expect "it is not primary" wait_until 20 not_primary 3
expect "it refuses writes with 1047" refused 1047 3 "INSERT INTO t.k VALUES ('cut')"
expect "the others go on" load_grows a
expect "both of them" load_grows b
must space_mend 3
expect "it is a member again" cluster_wait_size 3 1 2 3
must node_wait 3
expect "without a copy" came_back_by_ist 3
expect "it takes writes again" load_grows c
for name in a b c; do load_stop "$name"; done
for name in a b c; do expect "nothing acknowledged is lost" nothing_lost "$name" 3 t.k; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "the server was not restarted" "$pid" "$(node_pid 3)"
