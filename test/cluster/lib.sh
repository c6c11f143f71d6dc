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

# The shell's last act: what the servers say of themselves, then the verdict.
test_end() {
    local rc=$? i
    for i in 1 2 3 4 5; do
        [ -d "$LS_WORK/n$i" ] || continue
        if grep -qE 'signal 6|signal 11|got signal|AddressSanitizer|runtime error:|ThreadSanitizer' \
            "$LS_WORK/n$i/error.log" "$LS_WORK/n$i/output" 2>/dev/null; then
            say "  NOT OK: node$i crashed:"
            grep -hE 'signal [0-9]+|Sanitizer|runtime error:|LS_ASSERT|Assertion' \
                "$LS_WORK/n$i/error.log" "$LS_WORK/n$i/output" | tail -n 5 | sed 's/^/    /'
            node_backtrace "$i" | head -n 60 | sed 's/^/    /'
            LS_FAULTS=$((LS_FAULTS + 1))
        fi
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
# key of each row that the server acknowledged. The table has a primary key k VARCHAR(40). Errors are
# kept, too; a load whose server is gone ends by itself after a thousand of them.
load_start() {
    local name=$1 node=$2 table=$3
    : >"$LS_WORK/load.$name"
    # shellcheck disable=SC2016 # for the shell below
    setsid bash -c 'i=0; while :; do i=$((i + 1)); echo "INSERT INTO $1 (k) VALUES ('"'"'$0-$i'"'"') RETURNING k;"; done |
        exec mariadb --no-defaults -u root --socket="$2" --unbuffered --batch --skip-column-names --skip-reconnect \
            --force 2> >(grep --line-buffered "^ERROR" | head -n 1000 >"$3")' \
        "$name" "$table" "$(node_dir "$node")/sock" "$LS_WORK/load.$name.errors" \
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
    lost=$(comm -23 <(sed '$!b;/^'"$1"'-[0-9]*$/!d' "$LS_WORK/load.$1" | sort -u) \
        <(sql "$2" "SET SESSION wsrep_sync_wait=15; SELECT k FROM $3 WHERE k LIKE '$1-%'" | sort) | wc -l)
    [ "$lost" = 0 ] || say "    $lost of $(load_count "$1") acknowledged rows of load $1 are not on node$2"
    [ "$lost" = 0 ]
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
