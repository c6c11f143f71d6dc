# A donor fails while it has no majority to tell, or while the joiner is out of the group: the joiner hears
# of it all the same, and does not wait for ever.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "this test mounts small file systems and needs root"
test_begin
quick="evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S"
logs() { echo "$LS_WORK/log$1"; }
umount_logs() { for n in 1 2; do umount -l "$(logs $n)" 2>/dev/null; done; }
trap 'rc=$?; umount_logs; (exit $rc); test_end' EXIT
sst=$LS_WORK/sst
must mkdir "$sst"
must chmod 777 "$sst"
# A method whose donor works until it is told to fail; the joiner waits for it, as that of rsync does.
cat >"$sst/wsrep_sst_failing" <<SH
#!/bin/bash
while [ \$# -gt 0 ]; do
    case \$1 in
    --role) role=\$2 ;;
    --parent) parent=\$2 ;;
    --address) address=\$2 ;;
    esac
    shift
done
if [ "\$role" = donor ]; then
    touch $sst/donating
    until [ -e $sst/fail ]; do sleep 0.1; done
    exit 1
fi
echo "ready \$address/failing"
while kill -0 \$parent 2>/dev/null; do sleep 0.5; done
SH
must chmod 755 "$sst/wsrep_sst_failing"
PATH=$sst:$PATH
NODES=3
must spaces_make 3
# Small disks, so that the logs do not reach back for a minute.
for n in 1 2; do
    must mkdir "$(logs $n)"
    must mount -t tmpfs -o size=250m lockstep-log "$(logs $n)"
    server_owns "$(logs $n)"
    NODE_OPTIONS="$quick;gcache.size=16M;gcache.dir=$(logs $n)" must node_prepare $n
done
NODE_OPTIONS=$quick must node_prepare 3
must node_start 1 --wsrep-new-cluster
must node_start 2
must sql 1 "CREATE DATABASE t; CREATE TABLE t.b (id INT PRIMARY KEY, n INT, b LONGBLOB) ENGINE=InnoDB;
    INSERT INTO t.b VALUES (1, 0, '')"

primary() { [ "$(status "$1" wsrep_cluster_status)" = Primary ]; }
nonprimary() { ! primary "$1"; }
begin() {
    rm -f "$sst/donating" "$sst/fail"
    log_forget 1
    log_forget 3
    node_launch 3 --wsrep-sst-method=failing --wsrep-sst-donor=node1
    must wait_until 60 test -e "$sst/donating"
}
fail() {
    touch "$sst/fail"
    must wait_until 30 log_says 1 "failing.*--role .donor.*exited|Command did not run|Failed to read from: wsrep_sst_failing"
}
ends() {
    expect "$1: the joiner ends" ends_within 60 3
    expect "$1: and says why" log_says 3 "Will never receive state.*$2"
    node_kill 3
    expect "$1: the donor is synced" node_wait 1
}

begin
must kill -STOP "$(node_pid 2)"
expect "the donor loses the majority" wait_until 30 nonprimary 1
fail
must kill -CONT "$(node_pid 2)"
ends "failed without a majority" "the donor .*node1.* could not send it"
expect "the log of the donor says that it failed" log_says 1 "State transfer to .*node3.* failed"
expect "and not that it is complete" eval "! log_says 1 'State transfer to .* complete'"
must node_wait 2

begin
must space_cut 3
expect "the joiner is thrown out" cluster_wait_size 2 1 2
fail
expect "the donor is synced meanwhile" node_wait 1
must space_mend 3
ends "failed while the joiner was out" "the donor .*node1.* could not send it"

# The same among writes, until what the joiner has missed is in no log any more.
begin
must space_cut 3
expect "the joiner is thrown out again" cluster_wait_size 2 1 2
fail
expect "the donor is synced again" node_wait 1
from=$(status 1 wsrep_last_committed)
is_gone() { [ "$(status "$1" wsrep_local_cached_downto)" -gt "$from" ]; }
write_until_gone() {
    sql 2 "UPDATE t.b SET n = n + 1, b = REPEAT('x', 4000000)"
    is_gone 1 && is_gone 2
}
expect "the logs begin later" wait_until 90 write_until_gone
must space_mend 3
ends "failed and forgotten" "was out of the group for longer than .* its donor has failed"
must node_start 3 --wsrep-sst-method=rsync
expect "a copy that works is taken" tables_equal "1 2 3" t.b
