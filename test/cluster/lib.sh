# What the cluster tests share. Each test is a program of its own: it sources this, starts what it
# needs, and says what it expects with `expect`. It ends 0 when every expectation was met.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cluster.sh"

LS_FAULTS=0
LS_MET=0
LS_NOW="the start"

# expect DESCRIPTION COMMAND...: the command succeeds.
expect() {
    local text=$1
    shift
    LS_NOW=$text
    if "$@"; then
        LS_MET=$((LS_MET + 1))
        say "  ok: $text"
    else
        LS_FAULTS=$((LS_FAULTS + 1))
        say "  NOT OK: $text"
    fi
}

# expect_same DESCRIPTION WANTED FOUND
expect_same() {
    expect "$1" [ "$2" = "$3" ] && [ "$2" = "$3" ] || say "    wanted: $2" "found: $3"
}

# must COMMAND...: what the rest of the test cannot do without.
must() {
    LS_NOW=$*
    "$@" && return 0
    say "  NOT OK: '$*' failed, so the test stops here"
    stalled
    LS_FAULTS=$((LS_FAULTS + 1))
    exit 1
}

# crash_count I: a server that has crashed is a fault of its test, and is shown.
crash_count() {
    local dir=$LS_WORK/n$1
    grep -qE 'signal 6|signal 11|got signal|AddressSanitizer|runtime error:|ThreadSanitizer' \
        "$dir/error.log" "$dir/output" 2>/dev/null || return 0
    say "  NOT OK: node$1 crashed:"
    grep -hE 'signal [0-9]+|Sanitizer|runtime error:|LS_ASSERT|Assertion' "$dir/error.log" "$dir/output" 2>/dev/null |
        tail -n 5 | sed 's/^/    /'
    node_backtrace "$1" | head -n 60 | sed 's/^/    /'
    LS_FAULTS=$((LS_FAULTS + 1))
}

# log_forget I: what its error log says from now on is new; a crash that it tells of is not forgotten.
log_forget() {
    crash_count "$1"
    : >"$(node_log "$1")"
    : >"$(node_dir "$1")/output"
}

# The shell's last act: what the servers say of themselves, then the verdict.
test_end() {
    local rc=$? i
    for i in 1 2 3 4 5; do
        crash_count "$i"
    done
    if grep -hE 'Sanitizer|runtime error:|Assertion' "$LS_WORK"/health*.log 2>/dev/null | head -n 5 | grep .; then
        say "  NOT OK: a health daemon crashed"
        LS_FAULTS=$((LS_FAULTS + 1))
    fi
    if [ "$LS_FAULTS" -gt 0 ] && [ -n "${LS_LOGS:-}" ]; then
        for i in 1 2 3 4 5; do
            [ -d "$LS_WORK/n$i" ] || continue
            mkdir -p "$LS_LOGS" && cp "$LS_WORK/n$i/error.log" "$LS_LOGS/node$i.log"
        done
        say "  the error logs are in $LS_LOGS"
    fi
    work_end
    say "  $LS_MET expectations met, $LS_FAULTS not"
    [ "$LS_FAULTS" = 0 ] && [ "$LS_MET" -gt 0 ] && [ "$rc" = 0 ] || exit 1
    exit 0
}

# A test that hangs says where (`run` sends TERM).
test_stopped() {
    say "  NOT OK: stopped in '$LS_NOW'"
    LS_FAULTS=$((LS_FAULTS + 1))
    stalled
    exit 1
}

test_begin() {
    must work_begin
    trap test_stopped TERM
    trap test_end EXIT
}

# log_says NODE REGEX: the error log has it, in any case of letters.
log_says() { grep -qiE "$2" "$(node_log "$1")"; }

# log_mark NODE...: what is in their error logs by now is of no interest any more to log_adds NODE REGEX.
declare -A LS_MARK=()
log_mark() {
    local i
    for i in "$@"; do LS_MARK[$i]=$(wc -l <"$(node_log "$i")"); done
}
log_adds() { tail -n +$((${LS_MARK[$1]} + 1)) "$(node_log "$1")" | grep -qiE "$2"; }

# came_back_by_ist NODE...: since log_mark they have taken what they missed from logs, and asked for no copy.
came_back_by_ist() {
    local i
    for i in "$@"; do
        log_adds "$i" 'SST request|SST received|State transfer required' || continue
        say "    node$i asked for a copy:"
        tail -n +$((${LS_MARK[$i]} + 1)) "$(node_log "$i")" | grep -iE 'WSREP' | grep -B 10 -m 1 'State transfer required' | sed 's/^/      /'
        return 1
    done
}

# any_log_says REGEX: that of some node.
any_log_says() {
    local i
    for i in $(seq "$NODES"); do
        log_says "$i" "$1" && return 0
    done
    return 1
}

# ends_within SECONDS NODE: the server ends by itself.
ends_within() { wait_until "$1" node_is_dead "$2"; }

# refused ERRNO NODE STATEMENT: the server answers with that error.
refused() { sql "$2" "$3" 2>&1 | grep -q "^ERROR $1 "; }

# load_start NAME NODE TABLE: inserts one row after the other until load_stop, and writes down the
# key of each row that the server acknowledged, with LOAD_GTIDS set the place of its write-set in the
# order behind it. The table has a primary key k VARCHAR(40). Errors are kept, too; a load whose server
# is gone ends by itself after a thousand of them.
load_start() {
    local name=$1 node=$2 table=$3 gtid=${LOAD_GTIDS:+SELECT WSREP_LAST_WRITTEN_GTID();}
    : >"$LS_WORK/load.$name"
    # shellcheck disable=SC2016 # for the shell below
    setsid bash -c 'i=0; while :; do i=$((i + 1)); echo "INSERT INTO $1 (k) VALUES ('"'"'$0-$i'"'"') RETURNING k;$4"; done |
        exec mariadb --no-defaults -u root --socket="$2" --unbuffered --batch --skip-column-names --skip-reconnect \
            --force 2> >(grep --line-buffered "^ERROR" | head -n 1000 >"$3")' \
        "$name" "$table" "$(node_dir "$node")/sock" "$LS_WORK/load.$name.errors" "$gtid" \
        >"$LS_WORK/load.$name" 9>&- &
    LS_PID[load_$name]=$!
    disown $!
}

load_stop() {
    server_end_session "${LS_PID[load_$1]}"
    unset "LS_PID[load_$1]"
}

# longest_stall NAME MS: the longest time within the next MS in which the load got no acknowledgement, in ms.
longest_stall() {
    local name=$1 ms=$2 start last now found count longest=0
    start=$(now_ms)
    last=$start
    count=$(load_count "$name")
    while now=$(now_ms) && [ $((now - start)) -lt "$ms" ]; do
        found=$(load_count "$name")
        [ $((now - last)) -le "$longest" ] || longest=$((now - last))
        [ "$found" = "$count" ] || count=$found last=$now
        sleep 0.02
    done
    echo "$longest"
}

load_count() { wc -l <"$LS_WORK/load.$1"; }

# stalled: what every server is doing, and with LS_LOGS the stacks of all its threads.
stalled() {
    local i
    for i in "${!LS_PID[@]}"; do
        case $i in [1-9]) ;; *) continue ;; esac
        say "    node$i, committed $(status "$i" wsrep_last_committed):"
        sql "$i" "SHOW PROCESSLIST" | grep -v 'SHOW PROCESSLIST' | sed 's/^/      /'
        [ -n "${LS_LOGS:-}" ] && mkdir -p "$LS_LOGS" &&
            gdb -batch -p "$(node_pid "$i")" -ex 'thread apply all bt 20' >"$LS_LOGS/stacks$i" 2>/dev/null
    done
}

# load_grows NAME: it gets acknowledgements now.
load_grows() {
    local before
    before=$(load_count "$1")
    wait_until 30 eval "[ \$(load_count $1) -gt $((before + 20)) ]" && return 0
    say "    load $1 stands at $(load_count "$1") rows; its last errors:"
    tail -n 3 "$LS_WORK/load.$1.errors"
    stalled
    return 1
}

# only_conflicts NAME...: these loads met no error other than 1213.
only_conflicts() {
    local name clean=yes
    for name in "$@"; do
        grep -v '^ERROR 1213 ' "$LS_WORK/load.$name.errors" | sort | uniq -c | head -n 3 | grep . && clean=
    done
    [ -n "$clean" ]
}

# nothing_lost NAME NODE TABLE: every acknowledged row is on that node. A statement that the server
# repeats by itself after a conflict gives its row twice.
nothing_lost() {
    local lost
    lost=$(comm -23 <(sed '/^[0-9]*-[0-9]*-[0-9]*$/d;$!b;/^'"$1"'-[0-9]*$/!d' "$LS_WORK/load.$1" | sort -u) \
        <(sql "$2" "SET SESSION wsrep_sync_wait=15; SELECT k FROM $3 WHERE k LIKE '$1-%'" | sort) | wc -l)
    [ "$lost" = 0 ] || say "    $lost of $(load_count "$1") acknowledged rows of load $1 are not on node$2"
    [ "$lost" = 0 ]
}

# order_note: where the order of write-sets has come to, before something happens; order_kept "NODE..." NAME...
# after it: the nodes are in the same history and not behind that place, and no two of the rows acknowledged to
# these loads (of LOAD_GTIDS) have one place. Of the last line of a load it is not known what it was to be.
order_note() {
    local i
    LS_HISTORY=$(status 1 wsrep_cluster_state_uuid)
    LS_PLACE=$(for i in $(seq "$NODES"); do status "$i" wsrep_last_committed; done | sort -n | tail -n 1)
    [ -n "$LS_HISTORY" ] && [ -n "$LS_PLACE" ]
}

order_kept() {
    local i name
    for i in $1; do
        [ "$(status "$i" wsrep_cluster_state_uuid)" = "$LS_HISTORY" ] &&
            [ "$(status "$i" wsrep_last_committed)" -ge "$LS_PLACE" ] && continue
        say "    node$i is at $(status "$i" wsrep_cluster_state_uuid):$(status "$i" wsrep_last_committed)" \
            "and was at $LS_HISTORY:$LS_PLACE"
        return 1
    done
    shift
    [ $# -gt 0 ] || return 0
    for name in "$@"; do
        sed '$d' "$LS_WORK/load.$name" | sed -n 's/^[0-9]*-[0-9]*-\([0-9]*\)$/\1/p'
    done | sort >"$LS_WORK/places"
    [ -s "$LS_WORK/places" ] || { say "    no place was noted"; return 1; }
    ! uniq -d "$LS_WORK/places" | sed 's/$/ is the place of two write-sets/' | grep .
}

# keys_table NODE TABLE...: tables for loads.
keys_table() {
    local node=$1 table
    shift
    sql "$node" "CREATE DATABASE IF NOT EXISTS t"
    for table in "$@"; do
        sql "$node" "CREATE TABLE $table (k VARCHAR(40) PRIMARY KEY) ENGINE=InnoDB"
    done
}
