# Disks that freeze, and one that fails: the others go on, and nothing acknowledged is lost. Who has
# thawed comes back by itself, who has lost its disk leaves and says why.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start_on_disks 3 700
must keys_table 1 t.k

others_of() { echo "1 2 3" | tr -d "$1"; }
pid=$(node_pid 3)
round=0
# freeze I: it stands still for as long as the group needs to notice, and longer.
freeze() {
    local i=$1 j
    round=$((round + 1))
    for j in 1 2 3; do load_start "$round$j" "$j" t.k; done
    for j in 1 2 3; do must load_grows "$round$j"; done
    must disk_freeze "$i"
    for j in $(others_of "$i"); do expect "node$j goes on while the disk of node$i is frozen" load_grows "$round$j"; done
    sleep 7
    for j in $(others_of "$i"); do expect "and still does" load_grows "$round$j"; done
    must disk_thaw "$i"
    expect "node$i comes back" node_wait "$i"
    expect "as a member" cluster_wait_size 3 1 2 3
    for j in 1 2 3; do expect "node$j takes writes" load_grows "$round$j"; done
    for j in 1 2 3; do load_stop "$round$j"; done
    for j in 1 2 3; do expect "nothing acknowledged by node$j is lost" nothing_lost "$round$j" "$i" t.k; done
}
# One of them leads.
for i in 1 2 3; do freeze $i; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "no server was restarted" "$pid" "$(node_pid 3)"

# From now on every write of node 3 to its disk is an error.
load_start f1 1 t.k
load_start f3 3 t.k
must load_grows f1
must disk_fail 3
says_why() { log_says 3 'leaves the cluster; set the disk right' || node_is_dead 3; }
expect "it leaves, or its server ends" wait_until 30 says_why
expect "the others go on" load_grows f1
expect "without it" cluster_wait_size 2 1 2
load_stop f1
load_stop f3
for name in f1 f3; do expect "nothing acknowledged is lost" nothing_lost $name 1 t.k; done
node_kill 3
# The storage engine aborts on such a disk, which is no crash of ours.
if log_says 3 '\[FATAL\] InnoDB: .*operating system error 5'; then
    : >"$(node_log 3)"
    : >"$(node_dir 3)/output"
fi
must disk_renew 3
must node_start 3
expect "with a disk that works it is a member again" cluster_wait_size 3 1 2 3
for name in f1 f3; do expect "and has everything" nothing_lost $name 3 t.k; done
