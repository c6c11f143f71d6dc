# A server that was killed is started again in each way there is: with nothing but its configuration,
# with the position from --wsrep-recover as the unit file of the distribution asks for it, and by
# mariadbd-safe. Each start says what it knows and what comes of it.
. "$(dirname "$0")/lib.sh"
need mariadbd-safe galera_recovery
test_begin
must cluster_start 3
must keys_table 1 t.k t.own
load_start a 1 t.k
must load_grows a
data=$(node_dir 3)/data
cnf=$(node_dir 3)/my.cnf

# start_bare ARG...: without asking the storage engine.
start_bare() {
    rm -f "$(node_dir 3)/started"
    log_forget 3
    node_start 3 "$@"
}
# The process that has the database open: under mariadbd-safe it is not the one that was started.
kill_server() {
    kill -KILL "$(cat "$(node_dir 3)/pid")"
    must ends_within 30 3
    node_kill 3
}
# kill_with_rows: node 3 has something of its own that nobody may lose.
kill_with_rows() {
    load_start "$1" 3 t.own
    must load_grows "$1"
    kill_server
    load_stop "$1"
    must load_grows a
}
same_rows() {
    load_stop a
    expect "$1: the same rows everywhere" tables_equal "1 2 3" t.k t.own
    load_start a 1 t.k
    must load_grows a
}

kill_with_rows b
must start_bare
expect "a bare start after a crash: what is missing" log_says 3 "did not end cleanly.*started without.*--wsrep_start_position"
expect "a bare start after a crash: what it will do" log_says 3 "full copy of the data from another member"
expect "a bare start after a crash: it does" log_says 3 "SST received"
expect "a bare start after a crash: nothing is lost" nothing_lost b 3 t.own

must node_stop 3
must load_grows a
must start_bare
expect "a bare start after a clean stop takes the missing part only" log_says 3 "IST received"
expect "and no copy" eval "! log_says 3 'SST received'"

kill_with_rows c
position=$(cd "$data" && as_server galera_recovery --defaults-file="$cnf" 2>"$LS_WORK/recovery")
expect "the script of the unit file finds the position" grep -q 'wsrep.start.position=[0-9a-f-]*:[0-9]' <<<"$position"
must start_bare "$position"
expect "with it the missing part is enough" log_says 3 "IST received"
expect "and no copy is taken" eval "! log_says 3 'SST received'"
expect "nothing is lost" nothing_lost c 3 t.own
same_rows "started with the position"

must node_stop 3
must start_bare --wsrep-start-position=11111111-2222-3333-4444-555555555555:7
expect "the position of another cluster: it is told" log_says 3 "one of them is another cluster's"
expect "the position of another cluster: not believed" log_says 3 "SST received"
must node_stop 3

# A script that fails here ends the server that mariadbd-safe has started, too.
trap 'rc=$?; kill -KILL "$(cat "$(node_dir 3)/pid" 2>/dev/null)" 2>/dev/null; (exit $rc); test_end' EXIT
# mariadbd-safe asks for the position at each start. A cluster's server that died it leaves dead.
start_safe() {
    log_forget 3
    if [ -n "$(sanitizer_preload)" ]; then
        node_start 3 # mariadbd-safe knows nothing of what a sanitizer needs
        return
    fi
    (
        cd "$data" || exit 1
        as_server setsid mariadbd-safe --defaults-file="$cnf" 9>&- >>"$(node_dir 3)/output" 2>&1
    ) &
    LS_PID[3]=$!
    disown $!
    node_wait 3
}
must start_safe
expect "by mariadbd-safe after a clean stop: no copy is taken" eval "! log_says 3 'SST received'"
kill_with_rows d
must start_safe
expect "by mariadbd-safe after a crash: the missing part is enough" log_says 3 "IST received"
expect "by mariadbd-safe after a crash: no copy is taken" eval "! log_says 3 'SST received'"
expect "by mariadbd-safe after a crash: nothing is lost" nothing_lost d 1 t.own
same_rows "by mariadbd-safe"
load_stop a
mariadb-admin --no-defaults -u root --socket="$(node_dir 3)/sock" shutdown
expect "by mariadbd-safe: it ends when it is asked to" ends_within 60 3
unset 'LS_PID[3]'

# All were killed and are started with nothing: nobody knows a position. Nothing is guessed, each says
# what it waits for, and with the positions the cluster forms again.
must start_bare
must sql 3 "INSERT INTO t.own VALUES ('last')"
for i in 1 2 3; do node_kill "$i"; done
for i in 1 2 3; do
    rm -f "$(node_dir "$i")/started"
    log_forget "$i"
    node_launch "$i"
done
for i in 1 2 3; do
    expect "all bare: node$i says that its position is missing" wait_until 30 log_says "$i" "started without.*--wsrep_start_position"
done
for i in 1 2 3; do
    expect "all bare: node$i says what to do" wait_until 30 log_says "$i" "cannot be the origin.*restart them by"
    expect "all bare: node$i does not serve" eval "! node_is_synced $i"
done
for i in 1 2 3; do node_kill "$i"; done
for i in 1 2 3; do node_launch "$i"; done
for i in 1 2 3; do must node_wait "$i" 90; done
expect "all with their positions: nothing is lost" nothing_lost a 3 t.k
expect_same "all with their positions: the last row is there" last "$(sql 1 "SELECT k FROM t.own WHERE k = 'last'")"
expect "all with their positions: the same rows everywhere" tables_equal "1 2 3" t.k t.own
