# wsrep_gtid_mode: only the first server has the domain of the group's GTIDs in its configuration. The
# others learn it when they join and when they come back, and all binary logs name every transaction
# alike, as those who replicate from them need it.
. "$(dirname "$0")/lib.sh"
test_begin
NODES=3
for n in 1 2 3; do
    must node_prepare $n
    printf '[mariadbd]\nlog-bin=bin\nlog-slave-updates\nserver-id=%s\nwsrep-gtid-mode=ON\ngtid-domain-id=%s\n' \
        1 $((20 + n)) >>"$(node_dir $n)/my.cnf"
done
echo 'wsrep-gtid-domain-id=100' >>"$(node_dir 1)/my.cnf"
must node_start 1 --wsrep-new-cluster
must node_start 2
must node_start 3
must keys_table 1 t.k

# where NODE: domain, and the last GTID of the group in its binary log.
where() {
    sql "$1" "SET SESSION wsrep_sync_wait=15; SELECT @@wsrep_gtid_domain_id, @@gtid_binlog_pos" |
        sed 's/\t.*\(100-[0-9-]*\).*/ \1/'
}
# same_gtids WHAT: after a write on each node.
same_gtids() {
    local n
    for n in 1 2 3; do
        must sql $n "INSERT INTO t.k VALUES (UUID())"
    done
    for n in 2 3; do
        expect_same "$1: node $n's domain and last GTID" "$(where 1)" "$(where $n)"
    done
    say "    $(where 1)"
}

same_gtids "joined by a copy"
node_kill 3
must sql 1 "INSERT INTO t.k VALUES ('while node 3 was dead')"
must node_start 3
same_gtids "killed and back"
expect "without a copy" log_says 3 "IST received"
must node_stop 2
must sql 1 "INSERT INTO t.k VALUES ('while node 2 was away')"
must node_start 2
same_gtids "stopped and back"
expect "without a copy" log_says 2 "IST received"
# With nobody left who could tell it a server starts without: its own setting counts when it
# bootstraps, and when somebody sets it. That is told.
for n in 1 2 3; do node_kill $n; done
for n in 1 2 3; do node_launch $n; done
for n in 1 2 3; do must node_wait $n 60; done
expect "all killed: what to do is told" any_log_says "SET GLOBAL wsrep_gtid_domain_id"
for n in 1 2 3; do must sql $n "SET GLOBAL wsrep_gtid_domain_id=100"; done
same_gtids "all killed, back, and set"
