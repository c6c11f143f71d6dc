# The load of the long tests: sysbench oltp_read_write, a share of the statements on few hot rows.
# Sourced after lib.sh.
BENCH_TABLES=4
BENCH_ROWS=10000
need sysbench

bench() {
    local node=$1
    shift
    # A deadlock is part of the load and counted by sysbench itself; anything else ends it.
    sysbench oltp_read_write --db-driver=mysql --mysql-socket="$(node_dir "$node")/sock" --mysql-user=root \
        --mysql-db=t --tables=$BENCH_TABLES --table-size=$BENCH_ROWS --auto-inc=off --mysql-ignore-errors=1213 \
        --rand-type=pareto "$@" 9>&-
}

# bench_tables: their names, one argument each.
bench_tables() { seq -f 't.sbtest%g' "$BENCH_TABLES"; }

bench_prepare() {
    sql 1 "CREATE DATABASE t" && bench 1 prepare >/dev/null && wait_until 60 tables_equal "1 2 3" t.sbtest1
}

# memory_stands_still FIRST_KB LAST_KB MINUTES: 48 MB for the caches of a server that warms up
# slowly, and 1 MB for each minute after that.
memory_stands_still() { [ $(($2 - $1)) -lt $((48 * 1024 + $3 * 1024)) ]; }

error_log_is_clean() {
    ! grep -E '\[ERROR\]' "$(node_log "$1")" | head -n 5 | sed "s/^/    node$1| /" | grep .
}
