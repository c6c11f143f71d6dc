# Networks that are no two halves: five servers of which one hears all and the others only their side, a
# ring, a chain, a star, and connections that open one way only. Some majority can always talk, so
# writes go on somewhere; nowhere do two sides take them. When all hear each other again nothing is
# missing, and no server had to be restarted.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;"
must spaces_make 5
must cluster_start 5
must keys_table 1 t.k
pids() { for i in 1 2 3 4 5; do node_pid $i; done | tr '\n' ' '; }
before=$(pids)
for i in 1 2 3 4 5; do load_start "l$i" "$i" t.k; done
for i in 1 2 3 4 5; do must load_grows "l$i"; done

acknowledged() { cat "$LS_WORK"/load.l? | wc -l; }
some_go_on() {
    local count
    count=$(acknowledged)
    more() { [ "$(acknowledged)" -gt $((count + 100)) ]; }
    expect "$1: writes go on" wait_until 40 more
}
# shape NAME PAIR...: those who do not hear each other, as in 1-4; 1>4: what 1 says does not reach 4.
shape() {
    local name=$1 pair
    shift
    log_mark 1 2 3 4 5
    for pair in "$@"; do
        case $pair in
        *-*) must space_deafen "${pair%-*}" "${pair#*-}" && must space_deafen "${pair#*-}" "${pair%-*}" ;;
        *) must space_deafen "${pair#*>}" "${pair%>*}" ;;
        esac
    done
    some_go_on "$name"
    sleep 5
    some_go_on "$name, some seconds later"
    for i in 1 2 3 4 5; do space_heal $i 2>/dev/null; done
    expect "$name is over: five members" cluster_wait_size 5 1 2 3 4 5
    for i in 1 2 3 4 5; do must node_wait $i; done
    expect "$name is over: what they missed came from logs" came_back_by_ist 1 2 3 4 5
    for i in 1 2 3 4 5; do expect "$name is over: node$i takes writes" load_grows "l$i"; done
}
shape "a bridge" 2-4 2-5 3-4 3-5
shape "a ring" 1-3 1-4 2-4 2-5 3-5
shape "a chain" 1-3 1-4 1-5 2-4 2-5 3-5
shape "a star" 2-3 2-4 2-5 3-4 3-5 4-5
shape "one-way links" '1>3' '3>4' '4>1' '2>5'

for i in 1 2 3 4 5; do load_stop "l$i"; done
for i in 1 2 3 4 5; do expect "nothing acknowledged by node$i is lost" nothing_lost "l$i" $((i % 5 + 1)) t.k; done
expect "the same rows everywhere" tables_equal "1 2 3 4 5" t.k
expect_same "no server was restarted" "$before" "$(pids)"
