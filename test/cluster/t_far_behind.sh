# A member whose appliers stand still while more is written than the others' disks hold: they go on and
# keep nothing for it, since it has what it lacks in its own log; from there it catches up.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "this test mounts small file systems and needs root"
test_begin
NODES=3
WRITERS="1 2 3 4 5 6"
EACH=2300 # of 24,000 bytes: 331 MB in all, and new write-sets wait from 272 MB on
logs() { echo "$LS_WORK/log$1"; }
umount_logs() { for n in 1 2; do umount -l "$(logs $n)" 2>/dev/null; done; }
trap 'rc=$?; umount_logs; (exit $rc); test_end' EXIT
for n in 1 2; do
    must mkdir "$(logs $n)"
    must mount -t tmpfs -o size=400m lockstep-log "$(logs $n)"
    server_owns "$(logs $n)"
    NODE_OPTIONS="gcache.size=16M;gcache.dir=$(logs $n)" must node_prepare $n
done
must node_prepare 3
must node_start 1 --wsrep-new-cluster
must node_start 2
must node_start 3
must sql 1 "CREATE DATABASE t; CREATE TABLE t.b (id INT PRIMARY KEY, n INT, b BLOB) ENGINE=InnoDB"
for i in $WRITERS; do must sql 1 "INSERT INTO t.b VALUES ($i, 0, '')"; done
# fill ROW: from its own connection to node1.
fill() { seq "$EACH" | sed "s/.*/UPDATE t.b SET n = &, b = REPEAT('x', 24000) WHERE id = $1;/" | client 1 --batch; }

has_all() { [ "$(sql 3 "SELECT COUNT(*) FROM t.b")" = 6 ]; }
must wait_until 30 has_all
# A client that holds a lock for as long as its input is open.
exec 7> >(client 3 --batch)
echo "LOCK TABLES t.b READ;" >&7
locked() { sql 3 "SHOW OPEN TABLES FROM t WHERE In_use > 0" | grep -q .; }
must wait_until 10 locked
writers=()
for i in $WRITERS; do
    fill "$i" 7>&- &
    writers+=($!)
done
for pid in "${writers[@]}"; do expect "all that this client writes is taken" wait "$pid"; done
expect_same "node2 has all of it" "$((6 * EACH))" "$(sql 2 "SET SESSION wsrep_sync_wait=15; SELECT SUM(n) FROM t.b")"
expect "node3 has not" [ "$(sql 3 "SELECT SUM(n) FROM t.b")" -lt $EACH ]
expect "it says so" log_says 3 "cannot keep up: it has applied nothing for"
expect_same "it is a member" 3 "$(status 1 wsrep_cluster_size)"
expect "the others' disks have room" [ "$(disk_room "$(logs 1)")" -gt 51200 ]
log_forget 3
exec 7>&-
expect "it catches up" node_wait 3 120
expect "from its own log" eval "! log_says 3 'State transfer required|SST request|Inconsistency'"
expect "and has the same rows" tables_equal "1 2 3" t.b
