# A server that stands still (SIGSTOP) holds the others up no longer than one detection interval with default
# options, whether it leads or not, and is a member again when it goes on, without a copy.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
# pause I J: longer than until the others remove it (evs.suspect_timeout, 5 s).
pause() {
    local i=$1 j=$2 longest
    load_start "l$i" "$j" t.k
    must load_grows "l$i"
    log_mark "$i"
    kill -STOP "$(node_pid "$i")"
    longest=$(longest_stall "l$i" 8000)
    kill -CONT "$(node_pid "$i")"
    say "    longest time without a commit on node$j: $longest ms"
    # The interval is a second; the rest is for a machine that does more.
    expect "no gap longer than the detection interval while node$i stands still" [ "$longest" -lt 3000 ]
    expect "all are members again" cluster_wait_size 3 1 2 3
    must node_wait "$i" 30
    expect "with what it missed from a log" came_back_by_ist "$i"
    expect "writes go on" load_grows "l$i"
    load_stop "l$i"
    expect "nothing is missing on the one that stood still" nothing_lost "l$i" "$i" t.k
}
# One of them leads.
pause 3 1
pause 1 2
pause 2 3
expect "the same rows everywhere" tables_equal "1 2 3" t.k
