# Links that are neither up nor down: one that carries packets one way only, one that loses a fifth of
# them, one that comes and goes. The others go on; when all is well again nothing is missing anywhere.
. "$(dirname "$0")/lib.sh"
test_begin
must spaces_make 3
must cluster_start 3
must keys_table 1 t.k
for i in 1 2 3; do load_start "l$i" "$i" t.k; done
for i in 1 2 3; do must load_grows "l$i"; done
pids="$(node_pid 1) $(node_pid 2) $(node_pid 3)"

# The premise: no connection comes about from node I to node J.
out_of_reach() {
    ! timeout 1 nsenter "--net=/run/netns/${LS_SPACE[$1]}" \
        bash -c "</dev/tcp/${LS_HOST[$2]}/$(node_group_port "$2")" 2>/dev/null
}
others_go_on() {
    expect "$1: node1 goes on" load_grows l1
    expect "$1: node2 goes on" load_grows l2
}
# Two of the three can always hear each other, so some majority works: which, is theirs to find out.
some_go_on() {
    local before after
    before=$(cat "$LS_WORK"/load.l? | wc -l)
    more() { [ "$(cat "$LS_WORK"/load.l? | wc -l)" -gt $((before + 100)) ]; }
    expect "$1: writes go on" wait_until 30 more
}
all_is_well() {
    expect "$1: three members again" cluster_wait_size 3 1 2 3
    for i in 1 2 3; do must node_wait "$i"; done
    expect "$1: who was out has what it missed from a log" came_back_by_ist 1 2 3
    for i in 1 2 3; do expect "$1: node$i takes writes" load_grows "l$i"; done
}

log_mark 1 2 3
must eval "! out_of_reach 3 1"
must space_deafen 1 3
must out_of_reach 3 1
some_go_on "node1 does not hear node3"
sleep 3
some_go_on "some seconds later"
must space_heal 1
all_is_well "node1 hears node3"

must space_deafen 3 1
must out_of_reach 1 3
some_go_on "node3 does not hear node1"
sleep 3
some_go_on "some seconds later"
must space_heal 3
all_is_well "node3 hears node1"

must space_lose 3 20
others_go_on "a fifth of the packets to node3 is lost"
must space_heal 3
all_is_well "none is lost"

for i in 1 2 3 4 5; do
    must space_cut 3
    sleep 1
    must space_mend 3
    sleep 2
done
others_go_on "node3's cable was out five times"
all_is_well "it is in"

for i in 1 2 3; do load_stop "l$i"; done
for i in 1 2 3; do expect "nothing acknowledged by node$i is lost" nothing_lost "l$i" 1 t.k; done
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect_same "no server had to be restarted" "$pids" "$(node_pid 1) $(node_pid 2) $(node_pid 3)"
