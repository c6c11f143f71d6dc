# The leader leaves the group and comes back, again and again, while all are written to: what it had under
# way ends, and nobody waits for an order that goes on without it.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
must cluster_start 3
must keys_table 1 t.k
must sql 1 "CREATE TABLE t.c (id INT PRIMARY KEY AUTO_INCREMENT, n INT NOT NULL)"
touch "$LS_WORK/go"
write() {
    while [ -e "$LS_WORK/go" ]; do
        yes "INSERT INTO t.c (n) VALUES (1);" | head -n 2000 | client "$1" --batch >/dev/null 2>&1
        sleep 0.1
    done
}
for n in 1 1 1 1 2 2 2 2 3 3 3 3; do write $n & done
address=$(sql 1 "SELECT @@wsrep_cluster_address")
again() {
    local leader
    for leader in 1 2 3; do leads $leader && break; done
    timeout 60 mariadb --no-defaults -uroot --socket="$(node_dir $leader)/sock" \
        -e "SET GLOBAL wsrep_cluster_address='$address'" || return 1
    node_wait $leader 30
}
for round in $(seq 10); do expect "round $round: the leader leaves and is back" again; done
expect "writes go on" sql 1 "INSERT INTO t.k VALUES ('after')"
rm "$LS_WORK/go"
ended() { [ -z "$(jobs -rp)" ]; }
expect "every statement has ended" wait_until 60 ended
for n in 1 2 3; do must node_wait $n; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.c
