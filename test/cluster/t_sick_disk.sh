# Disks that freeze, and one that fails: the others go on without the sick node, and nothing acknowledged is
# lost. Who stands still is no place for clients and says why, although nothing of it moves; thawed it comes back
# by itself with what it missed. Who has lost its disk leaves and says why.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
must cluster_start_on_disks 3 700
must keys_table 1 t.k
for i in 1 2 3; do must health_start "$i"; done

others_of() { echo "1 2 3" | tr -d "$1"; }
others_log_that() {
    local j
    for j in $(others_of "$1"); do log_adds "$j" "$2" && return 0; done
    return 1
}
# What answers while the disk is frozen: the status itself, whatever stands behind it.
shows() { [ "$(timeout 5 mariadb --no-defaults -u root --socket="$(node_dir "$1")/sock" -N -e "SHOW STATUS LIKE '$2'" | cut -f 2)" = "$3" ]; }
health_tells() { health_get "$1" /health | grep -q "$2"; }
server_pids() { for i in 1 2 3; do cat "$(node_dir $i)/pid"; done; }
pids=$(server_pids)
round=0
# freeze I: it stands still for as long as the group needs to notice, and longer.
freeze() {
    local i=$1 j longest
    round=$((round + 1))
    for j in 1 2 3; do load_start "$round$j" "$j" t.k; done
    for j in 1 2 3; do must load_grows "$round$j"; done
    log_mark 1 2 3
    must disk_freeze "$i"
    longest=$(longest_stall "$round$((i % 3 + 1))" 3000)
    say "    longest time without a commit on node$((i % 3 + 1)): $longest ms"
    expect "no longer than a detection interval, and some time for this machine" [ "$longest" -lt 2500 ]
    for j in $(others_of "$i"); do expect "node$j goes on while the disk of node$i is frozen" load_grows "$round$j"; done
    expect "node$i is taken out of the load balancers" wait_until 10 health_is "$i" / 503
    expect "with the reason" wait_until 10 health_tells "$i" "the disk of the write-set log has not taken a write"
    expect "its log has it" wait_until 10 log_adds "$i" "the disk of the write-set log has not taken a write for .* this node stands still"
    expect "its status answers and says so" wait_until 10 shows "$i" lockstep_majority_heard OFF
    # shellcheck disable=SC2046 # two numbers
    expect "the others remove it" cluster_wait_size 2 $(others_of "$i")
    expect "and say whom and why" others_log_that "$i" "\(node$i\) does not answer: removing it from the group"
    expect "it does not call itself synced" wait_until 10 shows "$i" wsrep_local_state_comment Initialized
    expect_same "it is not the one to write to" 503 "$(health_code "$i" /writer)"
    for j in $(others_of "$i"); do expect "node$j still goes on" load_grows "$round$j"; done
    must disk_thaw "$i"
    expect "node$i comes back" node_wait "$i"
    expect "as a member" cluster_wait_size 3 1 2 3
    expect "with what it missed from a log" came_back_by_ist 1 2 3
    expect "and is back in the load balancers" wait_until 10 health_is "$i" / 200
    for j in 1 2 3; do expect "node$j takes writes" load_grows "$round$j"; done
    for j in 1 2 3; do load_stop "$round$j"; done
    for j in 1 2 3; do expect "nothing acknowledged by node$j is lost" nothing_lost "$round$j" "$i" t.k; done
}
# One of them leads.
for i in 1 2 3; do freeze $i; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "no server was restarted" "$pids" "$(server_pids)"

# From now on every write of node 3 to its disk is an error.
load_start f1 1 t.k
load_start f3 3 t.k
must load_grows f1
log_mark 3
must disk_fail 3
# The storage engine may meet it first, and aborts.
says_why() { log_adds 3 'leaves the cluster; set the disk right|\[FATAL\] InnoDB: .*operating system error 5'; }
expect "it says why it leaves" wait_until 30 says_why
expect "and its server ends" ends_within 60 3
expect "the others go on" load_grows f1
expect "without it" cluster_wait_size 2 1 2
load_stop f1
load_stop f3
for name in f1 f3; do expect "nothing acknowledged is lost" nothing_lost $name 1 t.k; done
node_kill 3
# The storage engine aborts on such a disk, which is no crash of ours: forgotten unseen.
if log_says 3 '\[FATAL\] InnoDB: .*operating system error 5'; then
    : >"$(node_log 3)"
    : >"$(node_dir 3)/output"
fi
must disk_renew 3
log_mark 3
must node_start 3
expect "with a disk that works it is a member again" cluster_wait_size 3 1 2 3
expect "and its log had kept what it acknowledged: no copy" came_back_by_ist 3
for name in f1 f3; do expect "and has everything" nothing_lost $name 3 t.k; done
