# A disk gets full under a running server: its node stands aside before anything has failed, the others
# go on, and with room it comes back by itself and gets what it missed from their logs.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "this test mounts small file systems and needs root"
test_begin
NODES=3
for n in 2 3; do must mkdir "$LS_WORK/small$n"; done
umount_all() { for n in 2 3; do umount -l "$LS_WORK/small$n" 2>/dev/null; done; }
trap 'rc=$?; umount_all; (exit $rc); test_end' EXIT
# Node 2 has its write-set log on a small disk, node 3 everything.
must mount -t tmpfs -o size=100m lockstep-log "$LS_WORK/small2"
must mount -t tmpfs -o size=700m lockstep-data "$LS_WORK/small3"
for n in 2 3; do server_owns "$LS_WORK/small$n"; done
must node_prepare 1
NODE_OPTIONS="gcache.size=32M;gcache.dir=$LS_WORK/small2" must node_prepare 2
must node_prepare 3
must mv "$(node_dir 3)/data" "$LS_WORK/small3/data"
must ln -s "$LS_WORK/small3/data" "$(node_dir 3)/data"
must node_start 1 --wsrep-new-cluster
must node_start 2
must node_start 3
must keys_table 1 t.k
must sql 1 "CREATE TABLE t.b (id INT PRIMARY KEY, n INT, b LONGBLOB) ENGINE=InnoDB; INSERT INTO t.b VALUES (1, 0, '')"

# full N KIB: the disk of node N gets full, and has room again later.
full() {
    local n=$1 left=$2 pid
    pid=$(cat "$(node_dir "$n")/pid")
    log_forget "$n"
    load_start "a$n" 1 t.k
    load_start "b$n" "$n" t.k
    must load_grows "a$n"
    must load_grows "b$n"
    must disk_fill "$LS_WORK/small$n" "$left"
    # the log goes on to the end of what it has reserved
    for i in $(seq 20); do must sql 1 "UPDATE t.b SET n = $i, b = REPEAT('x', 300000 + $i) WHERE id = 1"; done
    expect "node$n stands aside and says why" wait_until 30 log_says "$n" "is full .*: this node stands aside"
    expect "the others go on" load_grows "a$n"
    expect "without it" cluster_wait_size 2 1 "$((5 - n))"
    expect "its server runs" node_alive "$n"
    expect "it says what it waits for" wait_until 30 log_says "$n" "waiting for a primary component; this node stands aside until there is room"
    expect "and refuses writes" refused 1047 "$n" "INSERT INTO t.k VALUES ('full')"
    must disk_clear "$LS_WORK/small$n"
    expect "with room it is back" node_wait "$n"
    expect "as a member" cluster_wait_size 3 1 2 3
    expect_same "nobody started it" "$pid" "$(cat "$(node_dir "$n")/pid")"
    expect "it has copied nothing" eval "! log_says $n 'State transfer required|SST request|Inconsistency'"
    expect "the others go on" load_grows "a$n"
    load_stop "a$n"
    load_stop "b$n"
    expect "nothing is missing" nothing_lost "a$n" "$n" t.k
    expect "nothing that it had acknowledged, either" nothing_lost "b$n" 1 t.k
}
full 2 0
# A storage engine that has no byte left fails before anybody can look.
full 3 32768
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.b
