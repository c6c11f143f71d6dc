# Two transactions, two servers, one row: exactly one commits, the other gets 1213, and nothing is
# lost when the application tries again.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must sql 1 "CREATE DATABASE t; CREATE TABLE t.c (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB;
    INSERT INTO t.c VALUES (1, 0), (2, 0), (3, 0)"
must tables_equal "1 2 3" t.c
must sql 1 "SET GLOBAL wsrep_provider_options='cert.log_conflicts=yes'"

# The loser holds the row's lock while the winner's write-set arrives.
must session_open a 1
must session_open b 2
session a "BEGIN"
session b "BEGIN"
session a "UPDATE t.c SET n = n + 1 WHERE id = 1"
session b "UPDATE t.c SET n = n + 100 WHERE id = 1"
expect_same "the first to commit commits" "" "$(session a "COMMIT")"
answer=$(session b "COMMIT")
expect "the second gets error 1213" grep -q '^ERROR 1213 (40001).*Deadlock found' <<<"$answer"
session b "BEGIN"
session b "UPDATE t.c SET n = n + 100 WHERE id = 1"
expect_same "and succeeds when it tries again" "" "$(session b "COMMIT")"
expect_same "both changes are there" 101 "$(sql 3 "SET SESSION wsrep_sync_wait=1; SELECT n FROM t.c WHERE id = 1")"

# Different rows never conflict.
session a "BEGIN"
session b "BEGIN"
session a "UPDATE t.c SET n = n + 1 WHERE id = 1"
session b "UPDATE t.c SET n = n + 1 WHERE id = 2"
expect_same "different rows: the first commits" "" "$(session a "COMMIT")"
expect_same "different rows: the second as well" "" "$(session b "COMMIT")"
session_close a
session_close b

# Many at once on one row, each tried until it is acknowledged. The server itself may try an
# autocommit statement again; what counts is that the sum is right.
increment() {
    local i tries
    for i in $(seq 60); do
        for tries in $(seq 200); do
            sql "$1" "UPDATE t.c SET n = n + 1 WHERE id = 3" 2>>"$LS_WORK/errors" && break
        done
        [ "$tries" -lt 200 ] || return 1
    done
}
: >"$LS_WORK/errors"
workers=()
for node in 1 2 3; do
    increment "$node" &
    workers+=($!)
done
for worker in "${workers[@]}"; do
    expect "every increment is acknowledged in the end" wait "$worker"
done
expect_same "no error other than 1213 was seen" "" "$(grep '^ERROR' "$LS_WORK/errors" | grep -v '^ERROR 1213 ')"
expect_same "180 acknowledged increments make 180" 180 "$(sql 2 "SET SESSION wsrep_sync_wait=1; SELECT n FROM t.c WHERE id = 3")"
expect "the same rows everywhere" tables_equal "1 2 3" t.c
failures=$(($(status 1 wsrep_local_cert_failures) + $(status 2 wsrep_local_cert_failures) + $(status 3 wsrep_local_cert_failures)))
expect_same "with cert.log_conflicts node 1 has told each write-set that failed" "$failures" \
    "$(grep -c 'Conflict: write-set [0-9]* (member' "$(node_log 1)")"
