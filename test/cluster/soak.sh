#!/bin/bash
# Many minutes of mixed load on all three servers at once: sysbench oltp_read_write on one set of
# tables, a share of the statements on few hot rows. At the end the servers agree, no error other
# than 1213 was seen, memory stands still, and the error logs are clean.
#   test/cluster/soak.sh [MINUTES]      30 by default; the cluster tests run one of one minute
#   SOAK_THREADS                        connections a server (4)
. "$(dirname "$0")/lib.sh"
minutes=${1:-30}
threads=${SOAK_THREADS:-4}
tables=4
rows=10000

need sysbench
test_begin
must cluster_start 3
must sql 1 "CREATE DATABASE t"

bench() {
    local node=$1
    shift
    # A deadlock is part of the load and counted by sysbench itself; anything else ends it.
    sysbench oltp_read_write --db-driver=mysql --mysql-socket="$(node_dir "$node")/sock" --mysql-user=root \
        --mysql-db=t --tables=$tables --table-size=$rows --auto-inc=off --mysql-ignore-errors=1213 \
        --rand-type=pareto --report-interval=0 "$@" 9>&-
}

must bench 1 prepare >/dev/null
must wait_until 60 tables_equal "1 2 3" t.sbtest1

# A minute, or a sixth of a short run, is warming up: memory is measured from its end.
seconds=$((minutes * 60))
warm=$((seconds / 6 < 60 ? seconds / 6 : 60))
benches=()
start=$SECONDS
for i in 1 2 3; do
    bench "$i" --threads="$threads" --time="$seconds" run >"$LS_WORK/soak.$i" 2>&1 &
    benches+=($!)
done
declare -A rss_first=() rss_last=()
next=$((start + warm))
while [ $((SECONDS - start)) -lt "$seconds" ]; do
    sleep 1
    [ "$SECONDS" -ge "$next" ] || continue
    next=$((SECONDS + 60))
    for i in 1 2 3; do
        node_alive "$i" || continue
        rss_last[$i]=$(node_memory_kb "$i")
        : "${rss_first[$i]:=${rss_last[$i]}}"
    done
    say "    after $((SECONDS - start)) s: memory ${rss_last[*]} kB, committed $(status 1 wsrep_last_committed)"
done
for bench in "${benches[@]}"; do
    expect "a load saw no error other than 1213" wait "$bench"
done
for i in 1 2 3; do
    say "    node$i:$(sed -n 's/^ *\(transactions\|ignored errors\|95th percentile\):/ \1/p' "$LS_WORK/soak.$i" | tr -s ' ' | tr '\n' ',')"
    grep -E 'FATAL|error' "$LS_WORK/soak.$i" | grep -v 'ignored errors' | head -n 3
done
for i in 1 2 3; do
    rss_last[$i]=$(node_memory_kb "$i")
    grown=$((rss_last[$i] - rss_first[$i]))
    # 48 MB for the caches of a server that warms up slowly, and 1 MB for each minute after that.
    expect "node$i's memory stands still (${rss_first[$i]} to ${rss_last[$i]} kB)" [ "$grown" -lt $((48 * 1024 + minutes * 1024)) ]
    expect "node$i is synced" node_is_synced "$i"
    expect_same "node$i's error log is clean" "" \
        "$(grep -E '\[ERROR\]' "$(node_log "$i")" | head -n 5)"
done
list=$(seq -f 't.sbtest%g' "$tables")
# shellcheck disable=SC2086 # one argument a table
expect "the same rows everywhere" tables_equal "1 2 3" $list
