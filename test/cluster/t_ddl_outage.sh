# All servers die in the middle of a DDL statement, which no storage engine undoes everywhere alike: one of
# them runs it again, the others copy its data, and nobody has to be called.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must sql 1 "CREATE DATABASE d"
must sql 1 "CREATE TABLE d.big (i INT PRIMARY KEY AUTO_INCREMENT, c VARCHAR(100))"
must sql 1 "INSERT INTO d.big (c) SELECT REPEAT('x', 90) FROM d.seq_1_to_60000"
must keys_table 1 t.k
must sql 1 "INSERT INTO t.k VALUES ('before')"

in_ddl() {
    local i
    for i in 1 2 3; do grep -q '^ddl:' "$(node_dir $i)/data/grastate.dat" || return 1; done
}
signal_all() {
    local i
    for i in 1 2 3; do kill "-$1" "$(node_pid $i)"; done
}
# A thread that is in the kernel, with a file of its, goes on to the end of that.
stand_still() {
    local i
    for i in 1 2 3; do
        ! grep -L '^[0-9]* ([^)]*) T' /proc/"$(node_pid $i)"/task/*/stat | grep -q . || return 1
    done
}
# Stopped at a moment in which all of them run it.
caught() {
    in_ddl || return 1
    signal_all STOP
    wait_until 10 stand_still && in_ddl && return 0
    signal_all CONT
    return 1
}
(while :; do echo "ALTER TABLE d.big FORCE, ALGORITHM=COPY;"; done | client 1 >/dev/null 2>&1) &
ddl=$!
must wait_until 60 caught
for i in 1 2 3; do node_kill $i; done
wait $ddl
for i in 2 3 1; do node_launch $i; done
for i in 1 2 3; do must node_wait $i 90; done
expect "what happened is told" any_log_says "died in the middle of a statement that runs on all nodes"
expect "and who runs it again" any_log_says "none has it whole: this node runs it again"
expect_same "the table is whole" 60000 "$(sql 3 'SET SESSION wsrep_sync_wait=15; SELECT COUNT(*) FROM d.big')"
expect "nothing is lost" sql 1 "SELECT k FROM t.k WHERE k='before'"
expect "the cluster takes writes" sql 2 "INSERT INTO t.k VALUES ('after')"
expect "and statements" sql 3 "ALTER TABLE d.big ADD COLUMN n INT"
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect "and in the table that was being changed" tables_equal "1 2 3" d.big
