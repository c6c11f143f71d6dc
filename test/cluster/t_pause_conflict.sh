# FLUSH TABLES WITH READ LOCK while all servers change the same few rows: it waits for what was ordered
# before it, and what that waits for must not be held up by the lock itself.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must sql 1 "CREATE DATABASE t; CREATE TABLE t.c (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB;
    INSERT INTO t.c VALUES (1, 0), (2, 0)"
must tables_equal "1 2 3" t.c

# writer NODE NAME: transactions on either row until it is ended, whatever they meet.
writer() {
    # shellcheck disable=SC2016 # for the shell below
    setsid bash -c 'while :; do echo "BEGIN; UPDATE t.c SET n = n + 1 WHERE id = $((1 + RANDOM % 2)); COMMIT;"; done |
        exec mariadb --no-defaults -u root --socket="$0" --force --batch >/dev/null 2>&1' \
        "$(node_dir "$1")/sock" 9>&- &
    LS_PID[writer_$2]=$!
    disown $!
}

committed() { sql "$1" "SELECT SUM(n) FROM t.c"; }

flush_and_unlock() {
    timeout 20 mariadb --no-defaults -u root --socket="$(node_dir "$1")/sock" \
        -e "FLUSH TABLES WITH READ LOCK; UNLOCK TABLES"
}

rounds=0
longest=0
flush_many() {
    local started took until
    until=$(($(now_ms) + 30000))
    while [ "$rounds" -lt 200 ] && [ "$(now_ms)" -lt "$until" ]; do
        started=$(now_ms)
        flush_and_unlock 1 || { stalled; return 1; }
        took=$(($(now_ms) - started))
        [ "$took" -le "$longest" ] || longest=$took
        rounds=$((rounds + 1))
    done
}

i=0
for node in 1 1 1 1 2 2 2 3; do
    i=$((i + 1))
    writer "$node" $i
done
must wait_until 30 eval '[ "$(committed 3)" -gt 100 ]'
expect "every lock is given" flush_many
say "    $rounds rounds, the longest took $longest ms"
before=$(committed 2)
expect "the writers go on" wait_until 30 eval "[ \"\$(committed 2)\" -gt $before ]"
for i in 1 2 3 4 5 6 7 8; do
    server_end_session "${LS_PID[writer_$i]}"
    unset "LS_PID[writer_$i]"
done
expect "node 1 is synced" wait_until 30 node_is_synced 1
expect "the same rows everywhere" tables_equal "1 2 3" t.c
