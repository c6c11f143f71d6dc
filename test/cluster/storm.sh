#!/bin/bash
# Many minutes of mixed load on all three servers at once while every minute a random one is killed
# with -9 and started again: sysbench as in soak.sh, and on each server a small writer outside the
# servers that remembers what was acknowledged. At the end nothing acknowledged is missing and the
# servers agree; every restart got along without a copy of the data; clients saw no error other than
# 1213, 1047 and lost connections, these only of the server that died; memory stands still.
#   test/cluster/storm.sh [MINUTES]     60 by default; the cluster tests run one of one minute
#   STORM_SEED                          makes the choices of an earlier run again (printed)
#   STORM_THREADS, STORM_PERIOD_S       connections a server (4), from one kill to the next (60)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sysbench.sh"
minutes=${1:-60}
threads=${STORM_THREADS:-4}
period_s=${STORM_PERIOD_S:-60}
seed=${STORM_SEED:-$RANDOM}
lost_connection='2002|2003|2006|2013'

test_begin
must cluster_start 3
must bench_prepare
say "    STORM_SEED=$seed, provider $PROVIDER"
RANDOM=$seed
seconds=$((minutes * 60))
start=$SECONDS
loops=()
declare -A kills=() born=() memory_first=() memory_last=()
restarts_without_copy=0

# bench_loop NODE: sysbench ends when it loses its server; it begins again once that is synced.
# Its output is kept, with a line for each end that was not the end of the test.
bench_loop() {
    local left
    while [ -e "$LS_WORK/storm" ]; do
        if node_is_synced "$1"; then
            left=$((seconds - SECONDS + start))
            [ "$left" -gt 0 ] || break
            bench "$1" --threads="$threads" --time="$left" --report-interval=1 run && break
            echo "storm: the load ended early"
        fi
        sleep 0.2
    done >>"$LS_WORK/storm.$1" 2>&1
}

# The tail of the error log since the last start of the node.
log_since_start() { tail -n "+$((log_lines + 1))" "$(node_log "$1")"; }

# A life's memory is measured from its first minute on, or a sixth of a short test.
memory_look() {
    local i
    for i in 1 2 3; do
        [ $((SECONDS - born[$i])) -ge $((seconds / 6 < 60 ? seconds / 6 : 60)) ] || continue
        memory_last[$i]=$(node_memory_kb "$i")
        : "${memory_first[$i]:=${memory_last[$i]}}"
    done
}

# memory_judge NODE: at the end of a life.
memory_judge() {
    local first=${memory_first[$1]:-} last=${memory_last[$1]:-}
    memory_first[$1]=''
    [ -n "$first" ] || return 0
    memory_stands_still "$first" "$last" $(((SECONDS - born[$1]) / 60)) && return 0
    say "    node$1 grew from $first to $last kB in $((SECONDS - born[$1])) s"
    return 1
}

# rows_equal TABLE...: or some of the rows that are not the same everywhere.
rows_equal() {
    local table i
    tables_equal "1 2 3" "$@" && return 0
    for table in "$@"; do
        for i in 1 2 3; do
            sql "$i" "SET SESSION wsrep_sync_wait=15; SELECT * FROM $table" | sort >"$LS_WORK/rows.$i"
        done
        for i in 2 3; do
            diff --label "$table on node1" --label "on node$i" -U 0 "$LS_WORK/rows.1" "$LS_WORK/rows.$i" | head -n 12
        done
    done
    return 1
}

kill_one() {
    local victim=$((RANDOM % 3 + 1)) away_s=$((RANDOM % 10 + 1)) began
    memory_judge "$victim" || expect "memory of node$victim stands still" false
    node_kill "$victim"
    kills[$victim]=$((${kills[$victim]:-0} + 1))
    sleep "$away_s"
    log_lines=$(wc -l <"$(node_log "$victim")")
    began=$SECONDS
    node_launch "$victim"
    must node_wait "$victim" 120
    born[$victim]=$SECONDS
    if log_since_start "$victim" | grep -E 'State transfer required|SST received|drops its write-set log'; then
        expect "node$victim comes back without a copy of the data" false
    else
        restarts_without_copy=$((restarts_without_copy + 1))
    fi
    say "    after $((SECONDS - start)) s: node$victim was dead for $away_s s and came back in $((SECONDS - began)) s;" \
        "committed $(status "$victim" wsrep_last_committed), memory ${memory_last[*]} kB"
}

: >"$LS_WORK/storm"
for i in 1 2 3; do
    born[$i]=$SECONDS
    bench_loop "$i" &
    loops+=($!)
done
"$(dirname "$0")/keeper" "$LS_WORK/storm" "$(node_dir 1)/sock" "$(node_dir 2)/sock" "$(node_dir 3)/sock" \
    >"$LS_WORK/keeper" 2>&1 9>&- &
keeper=$!

next=$((start + period_s / 2))
while [ $((SECONDS - start)) -lt $((seconds - period_s / 4)) ]; do
    sleep 1
    memory_look
    [ "$SECONDS" -ge "$next" ] || continue
    kill_one
    next=$((next + period_s))
done
while [ $((SECONDS - start)) -lt "$seconds" ]; do sleep 1; done
rm "$LS_WORK/storm" # all loads end
wait "${loops[@]}"

for i in 1 2 3; do
    expect "node$i is synced" node_is_synced "$i"
    expect "node$i's memory stands still (${memory_first[$i]:-too short a life} to ${memory_last[$i]:-} kB)" memory_judge "$i"
    expect "node$i's error log is clean" error_log_is_clean "$i"
    ended=$(grep -c '^storm:' "$LS_WORK/storm.$i")
    expect "the load of node$i ended early only when its server died ($ended times, ${kills[$i]:-0} deaths)" \
        [ "$ended" -le "${kills[$i]:-0}" ]
    say "    node$i: $(awk '$4 == "thds:" { n += $7 } END { printf "%d", n }' "$LS_WORK/storm.$i") transactions;" \
        "errors$(grep -oE '(returned error|error:|Error) [0-9]{4}' "$LS_WORK/storm.$i" | grep -oE '[0-9]+$' |
            sort | uniq -c | awk '{ printf " %s (%d times)", $2, $1 }')"
done
expect_same "clients of sysbench saw no other errors" "" \
    "$(cat "$LS_WORK"/storm.[123] | grep -iE 'FATAL|error [0-9]' |
        grep -vE "error:? ($lost_connection)|Error ($lost_connection)|err/s|(thread_run|thread_init|event)' function failed" |
        sort | uniq -c | sort -rn | head -n 5)"
expect "no restart needed a copy of the data" [ "$restarts_without_copy" -gt 0 ]
expect "the writers found every acknowledged row, and met no other errors" wait "$keeper"
sed 's/^/    /' "$LS_WORK/keeper"
# shellcheck disable=SC2046 # one argument a table
expect "the same rows everywhere" rows_equal t.failover $(bench_tables)
