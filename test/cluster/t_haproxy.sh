# HAProxy in front, as OpenStack uses it: an application that reconnects sees no outage longer than
# the detection, when a server dies, is stopped, or comes back.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must haproxy_start
must keys_table 1 t.k
n=0
# write_through LIMIT_MS: one row through HAProxy, tried again until it is acknowledged.
write_through() {
    local start
    start=$(now_ms)
    n=$((n + 1))
    until haproxy_sql "INSERT IGNORE INTO t.k VALUES ('h-$n')" 2>>"$LS_WORK/errors"; do
        [ $(($(now_ms) - start)) -lt "$1" ] || return 1
        sleep 0.05
    done
}
used() { haproxy_sql "SELECT @@wsrep_node_name"; }
for i in $(seq 12); do used; done | sort -u >"$LS_WORK/used"
expect_same "all three are used" "node1 node2 node3 " "$(tr '\n' ' ' <"$LS_WORK/used")"
expect "a write" write_through 5000
node_kill 2
expect "a write after a server died" write_through 15000
expect "and more" write_through 5000
must node_start 2
must node_stop 3
expect "a write after a server was stopped" write_through 5000
expect "and more" write_through 5000
must node_start 3
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "every acknowledged row is there" "$n" "$(sql 1 "SELECT COUNT(*) FROM t.k")"
