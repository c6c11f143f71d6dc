# The power of all machines goes while one node's disk takes its time for the write-set log, but not for what
# the storage engine writes at each commit: that node's database is ahead of its log then. And the disk of another
# one is gone. The one with the short log has kept all that it ever promised, so its vote counts: the two
# that are left form the cluster by themselves, and nothing acknowledged is lost.
. "$(dirname "$0")/lib.sh"
test_begin
must gcc -shared -fPIC -o "$LS_WORK/lag_sync.so" lag_sync.c
NODE_CNF="innodb-flush-log-at-trx-commit=1"
must with_plugin
NODE_PRELOAD=$LS_WORK/lag_sync.so
must cluster_start_on_disks 3 700
must keys_table 1 t.k
lag=$(node_dir 1)/data/lag_sync

all_vote() { [ "$(status 3 lockstep_members | grep -o 'weight 1\(;\|$\)' | wc -l)" = 3 ]; }
# Where the database of node 1 is ahead of its log its start says so, long before anybody else is there.
was_judged() { log_adds 1 "listening at"; }
is_ahead() { log_adds 1 "the database stands at [0-9]+, the write-set log"; }
loads=
# Behind a sync that has just ended the log is as long as the database: again then.
for round in 1 2 3 4; do
    must wait_until 30 all_vote
    for i in 1 2 3; do
        load_start "$round-$i" $i t.k
        loads="$loads $round-$i"
    done
    touch "$lag"
    for i in 1 2 3; do must load_grows "$round-$i"; done
    must power_cut 1 2 3
    for i in 1 2 3; do load_stop "$round-$i"; done
    rm -f "$lag"
    log_mark 1
    NODE_PRELOAD='' node_launch 1
    must wait_until 30 was_judged
    is_ahead && break
    say "    the log of node1 was not behind in round $round"
    node_kill 1
    for i in 1 2 3; do node_launch $i; done
    for i in 1 2 3; do must node_wait $i 90; done
done
must is_ahead
expect "node1 says what became of its log, and what comes of it" log_adds 1 "reached the disk only to .*stays the member it was"
# Its service manager may be out of patience before the others are there.
node_kill 1
log_mark 1
NODE_PRELOAD='' node_launch 1
expect "it says so at the next start, too" wait_until 30 log_adds 1 "stays the member it was"

log_forget 2
rm -rf "$(node_dir 2)"/data && must node_prepare 2
for i in 2 3; do node_launch $i; done
for i in 1 2 3; do must node_wait $i 60; done
expect "three members" cluster_wait_size 3 1 2 3
for name in $loads; do expect "nothing acknowledged by node${name#*-} is lost" nothing_lost "$name" 1 t.k; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect "the cluster takes writes" sql 2 "INSERT INTO t.k VALUES ('after')"
