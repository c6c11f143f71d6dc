# innodb_flush_log_at_timeout is long, so that after a kill -9 of all no storage engine has what was written
# lately: it is in the write-set logs, also where their disks are small.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "this test mounts small file systems and needs root"
test_begin
NODES=3
# A redo log so large that nothing but this time has it flushed.
NODE_CNF="innodb-flush-log-at-timeout=100
innodb-log-file-size=256M"
logs() { echo "$LS_WORK/log$1"; }
umount_logs() { for n in 1 2 3; do umount -l "$(logs $n)" 2>/dev/null; done; }
trap 'rc=$?; umount_logs; (exit $rc); test_end' EXIT
for n in 1 2 3; do
    must mkdir "$(logs $n)"
    must mount -t tmpfs -o size=520m lockstep-log "$(logs $n)"
    server_owns "$(logs $n)"
    NODE_OPTIONS="gcache.size=16M;gcache.dir=$(logs $n)" must node_prepare $n
done
must cluster_launch
must wait_until 10 log_says 1 'innodb_flush_log_at_timeout is 100: .* keeps what was written in 1000 s'
must keys_table 1 t.k
must sql 1 "CREATE TABLE t.b (id INT PRIMARY KEY, n INT, b LONGBLOB) ENGINE=InnoDB; INSERT INTO t.b VALUES (1, 0, REPEAT('x', 4000000))"
# As in an idle cluster everything is on disk soon: from here on it is not idle.
load_start a 1 t.k
must load_grows a
# 8 MB of write-set each, of which the storage engine logs some bytes.
for i in $(seq 37); do must sql 1 "UPDATE t.b SET n = $i WHERE id = 1"; done
must wait_until 10 any_log_says "write-set log has grown to .* it keeps the last"
# Longer than the log of a small disk was kept for.
sleep 14
load_stop a
for n in 1 2 3; do node_kill $n; done
log_mark 1 2 3
for n in 1 2 3; do node_launch $n; done
for n in 1 2 3; do must node_wait $n; done
expect "all are back without anybody's help, and without a copy" came_back_by_ist 1 2 3
expect_same "the last update is there" 37 "$(sql 2 "SET SESSION wsrep_sync_wait=15; SELECT n FROM t.b")"
for n in 1 2 3; do expect "nothing acknowledged is lost" nothing_lost a $n t.k; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.b
