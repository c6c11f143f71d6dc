# All servers die, one a moment before the others, and the disk of another one is gone. That one is started
# long before the others, and waits; the two that are left with their disks bring the cluster back, and nothing
# acknowledged is lost.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
for i in 1 2 3; do load_start "a$i" "$i" t.k; done
for i in 1 2 3; do must load_grows "a$i"; done
kill -KILL "$(node_pid 1)"
sleep 0.3
kill -KILL "$(node_pid 2)" "$(node_pid 3)"
for i in 1 2 3; do
    node_kill $i
    load_stop "a$i"
done
log_forget 2
rm -rf "$(node_dir 2)"/data && must node_prepare 2
# Its service manager hears what it waits for: a server that starts takes no connections.
socat -u "UNIX-RECV:$LS_WORK/manager,mode=0666" "CREATE:$LS_WORK/told" 9>&- &
manager=$!
must wait_until 10 test -S "$LS_WORK/manager"
NOTIFY_SOCKET=$LS_WORK/manager node_launch 2
sleep 32 # more than pc.wait_prim_timeout
expect "the one without a disk waits" node_alive 2
expect "and says that nobody answers" log_says 2 "waiting for a primary component; connected to: nobody.*no address answers"
expect "systemd shows that, too" grep -aq "STATUS=connected to: nobody.*no address answers" "$LS_WORK/told"
for i in 3 1; do node_launch $i; done
for i in 1 2 3; do must node_wait $i 90; done
expect "and that it is a member" grep -aq "STATUS=a member of the primary component" "$LS_WORK/told"
kill $manager
expect "three members" cluster_wait_size 3 1 2 3
for i in 1 2 3; do expect "nothing acknowledged by node$i is lost" nothing_lost "a$i" 1 t.k; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
load_start b 2 t.k
expect "writes go on" load_grows b
load_stop b
