# ack.level=applied: what was committed on one server is read on every other at once, without
# wsrep_sync_wait. One that cannot apply holds commits up for a moment only.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k

# stale N: how many of N rows written on server 1 are not there yet on 2 or 3 when the commit returns.
stale() {
    local i seen missing=0
    exec 8> >(client 1 --batch --skip-column-names --unbuffered >"$LS_WORK/answers" 2>&1)
    for i in $(seq "$1"); do
        echo "INSERT INTO t.k VALUES ('$2-$i'); SELECT 'done $i';" >&8
        wait_until 10 grep -q "^done $i\$" "$LS_WORK/answers" || { missing=never; break; }
        for n in 2 3; do
            seen=$(sql $n "SELECT COUNT(*) FROM t.k WHERE k='$2-$i'")
            [ "$seen" = 1 ] || missing=$((missing + 1))
        done
    done
    exec 8>&-
    echo "$missing"
}

must sql 1 "SET GLOBAL wsrep_provider_options='ack.level=applied'"
expect_same "read everywhere at once" 0 "$(stale 40 a)"
# Its applier has to wait for a lock. On a machine that is so busy that it takes too long, it is told.
fresh_or_told() { [ "$(stale 3 b)" = 0 ] || log_says 1 "node3 has not applied anything"; }
exec 7> >(client 3 --batch --skip-column-names --unbuffered >"$LS_WORK/locker")
locked() { grep -q "^$1\$" "$LS_WORK/locker"; }
echo "LOCK TABLES t.k READ; SELECT 'once'; SELECT SLEEP(0.7); UNLOCK TABLES;" >&7
must wait_until 10 locked once
expect "and when an applier has to wait" fresh_or_told
# It does not move at all.
echo "LOCK TABLES t.k READ; SELECT 'twice';" >&7
must wait_until 10 locked twice
must sql 1 "INSERT INTO t.k VALUES ('while node 3 stands still')"
expect "the others do not wait for ever" log_says 1 "node3 has not applied anything"
expect_same "the second one has it" 1 "$(sql 2 "SELECT COUNT(*) FROM t.k WHERE k='while node 3 stands still'")"
exec 7>&-
must node_wait 3
caught_up() { log_says 1 "node3 has caught up: commits wait for it again"; }
must wait_until 20 caught_up
expect_same "waited for again" 0 "$(stale 20 c)"
must sql 1 "CREATE TABLE t.d (i INT PRIMARY KEY)"
expect_same "and what a statement in total order makes" "0 0" "$(sql 2 'SELECT COUNT(*) FROM t.d') $(sql 3 'SELECT COUNT(*) FROM t.d')"
must sql 1 "SET GLOBAL wsrep_provider_options='ack.level=majority'"
expect "writes go on" sql 1 "INSERT INTO t.k VALUES ('last')"
expect "the same rows everywhere" tables_equal "1 2 3" t.k
