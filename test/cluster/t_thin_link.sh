# A member behind a link that carries less than is written, and disks that hold no more of it: the others
# go on and keep nothing for it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "this test mounts small file systems and needs root"
test_begin
NODES=3
WRITERS="1 2 3 4 5 6"
EACH=900 # of 60,000 bytes: 324 MB in all, and new write-sets wait from 272 MB on
logs() { echo "$LS_WORK/log$1"; }
umount_logs() { for n in 1 2; do umount -l "$(logs $n)" 2>/dev/null; done; }
trap 'rc=$?; umount_logs; (exit $rc); test_end' EXIT
must spaces_make 3
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
fill() { seq "$EACH" | sed "s/.*/UPDATE t.b SET n = &, b = REPEAT('x', 60000) WHERE id = $1;/" | client 1 --batch; }

must space_narrow 3 4mbit
writers=()
for i in $WRITERS; do
    fill "$i" &
    writers+=($!)
done
for pid in "${writers[@]}"; do expect "all that this client writes is taken" wait "$pid"; done
expect_same "node2 has all of it" "$((6 * EACH))" "$(sql 2 "SET SESSION wsrep_sync_wait=15; SELECT SUM(n) FROM t.b")"
expect "the others' disks have room" [ "$(disk_room "$(logs 1)")" -gt 51200 ]
must space_widen 3
# What it lacks is gone, and a running server cannot take a full copy with rsync.
expect "its server ends" ends_within 60 3
expect "and says why" log_says 3 "was away for longer than the others keep write-sets .* restart it"
expect "started again it takes a copy" node_start 3
expect "it is a member" cluster_wait_size 3 1 2 3
expect "and has the same rows" tables_equal "1 2 3" t.b
