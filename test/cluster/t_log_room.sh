# A small disk for the write-set log and more writes than it holds: they wait for room, and no server
# leaves.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "this test mounts small file systems and needs root"
test_begin
NODES=3
logs() { echo "$LS_WORK/log$1"; }
umount_logs() { for n in 1 2 3; do umount -l "$(logs $n)" 2>/dev/null; done; }
trap 'rc=$?; umount_logs; (exit $rc); test_end' EXIT
for n in 1 2 3; do
    must mkdir "$(logs $n)"
    must mount -t tmpfs -o size=400m lockstep-log "$(logs $n)"
    server_owns "$(logs $n)"
    NODE_OPTIONS="gcache.size=16M;gcache.dir=$(logs $n)" must node_prepare $n
done
must node_start 1 --wsrep-new-cluster
must node_start 2
must node_start 3
must sql 1 "CREATE DATABASE t; CREATE TABLE t.b (id INT PRIMARY KEY, n INT, b LONGBLOB) ENGINE=InnoDB;
    INSERT INTO t.b VALUES (1, 0, ''), (2, 0, '')"
# 130 times 4 MB: more than the disk holds.
statements=
for i in $(seq 130); do
    statements="$statements UPDATE t.b SET n = $i, b = REPEAT('x', 4000000 + $i) WHERE id = 1;"
done
sql 1 "$statements" &
writer=$!
expect "that the log keeps less is told" wait_until 100 any_log_says "write-set log has grown to .* it keeps the last 10 s"
# Slow writers never wait: what is 10 s old goes. Something else takes their room.
for n in 1 2 3; do must fallocate -l 70M "$(logs $n)/ballast"; done
expect "that writes wait is told" wait_until 60 any_log_says "disk of the write-set log is nearly full"
for n in 1 2 3; do must rm "$(logs $n)/ballast"; done
expect "all is written" wait "$writer"
expect_same "on the other nodes, too" "130 4000130" \
    "$(sql 3 "SET SESSION wsrep_sync_wait=15; SELECT n, LENGTH(b) FROM t.b WHERE id = 1" | tr '\t' ' ')"
expect "no server has left" cluster_wait_size 3 1 2 3
expect "all servers hold the same" tables_equal "1 2 3" t.b
for n in 1 2 3; do node_kill $n; done
for n in 1 2 3; do node_launch $n; done
for n in 1 2 3; do expect "killed with the others, node$n is back without anybody's help" node_wait $n; done
expect_same "with all that was written" "130 4000130" \
    "$(sql 3 "SET SESSION wsrep_sync_wait=15; SELECT n, LENGTH(b) FROM t.b WHERE id = 1" | tr '\t' ' ')"
expect "on all" tables_equal "1 2 3" t.b
