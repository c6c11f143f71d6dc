# One to sixteen applier threads, changed while they work: the order of commits stays the order.
. "$(dirname "$0")/lib.sh"
THREADS=1
test_begin
must cluster_start 3
must keys_table 1 t.k
must sql 1 "CREATE TABLE t.hot (id INT PRIMARY KEY, n INT, u INT UNIQUE) ENGINE=InnoDB;
    INSERT INTO t.hot SELECT seq, 0, seq FROM t.seq_1_to_20"
for i in 1 2 3; do load_start "l$i" "$i" t.k; done
# Hot rows with a unique key that moves: each statement depends on what is before it.
hot() {
    while [ -e "$LS_WORK/go" ]; do
        sql "$1" "UPDATE t.hot SET n = n + 1 WHERE id = 1 + FLOOR(RAND() * 20);
            DELETE FROM t.hot WHERE id = 21;
            INSERT INTO t.hot VALUES (21, 0, 21);
            UPDATE t.hot SET u = u + 100 WHERE id = 21" 2>&1 | grep '^ERROR' >>"$LS_WORK/hot.errors"
    done
}
: >"$LS_WORK/go"
: >"$LS_WORK/hot.errors"
workers=()
for i in 1 2 3; do
    hot "$i" &
    workers+=($!)
done
for threads in 16 2 8 1 4; do
    for i in 1 2 3; do must sql "$i" "SET GLOBAL wsrep_slave_threads=$threads"; done
    for i in 1 2 3; do expect "node$i goes on with $threads appliers" load_grows "l$i"; done
done
rm "$LS_WORK/go"
wait "${workers[@]}"
for i in 1 2 3; do load_stop "l$i"; done
expect_same "no error other than 1213 and a duplicate key was seen" "" \
    "$(grep -vE '^ERROR (1213|1062) ' "$LS_WORK/hot.errors" | sort | uniq -c)"
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.hot
for i in 1 2 3; do expect "nothing of node$i is lost" nothing_lost "l$i" $((i % 3 + 1)) t.k; done
