#!/bin/bash
# Many minutes of mixed load on all three servers at once: sysbench oltp_read_write on one set of
# tables, a share of the statements on few hot rows. At the end the servers agree, no error other
# than 1213 was seen, memory stands still, and the error logs are clean.
#   test/cluster/soak.sh [MINUTES]      30 by default; the cluster tests run one of one minute
#   SOAK_THREADS                        connections a server (4)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sysbench.sh"
minutes=${1:-30}
threads=${SOAK_THREADS:-4}

test_begin
must cluster_start 3
must bench_prepare

# A minute, or a sixth of a short run, is warming up: memory is measured from its end.
seconds=$((minutes * 60))
warm=$((seconds / 6 < 60 ? seconds / 6 : 60))
benches=()
start=$SECONDS
for i in 1 2 3; do
    bench "$i" --threads="$threads" --time="$seconds" --report-interval=0 run >"$LS_WORK/soak.$i" 2>&1 &
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
    expect "node$i's memory stands still (${rss_first[$i]} to ${rss_last[$i]} kB)" \
        memory_stands_still "${rss_first[$i]}" "${rss_last[$i]}" "$minutes"
    expect "node$i is synced" node_is_synced "$i"
    expect "node$i's error log is clean" error_log_is_clean "$i"
done
# shellcheck disable=SC2046 # one argument a table
expect "the same rows everywhere" tables_equal "1 2 3" $(bench_tables)
