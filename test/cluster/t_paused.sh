# A server that stands still (SIGSTOP) holds the others up no longer than one detection interval,
# and is a member again when it goes on.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="evs.suspect_timeout=PT3S;evs.inactive_timeout=PT5S;"
must cluster_start 3
must keys_table 1 t.k
load_start a 1 t.k
must load_grows a
kill -STOP "$(node_pid 3)"
longest=$(longest_stall a 10000)
kill -CONT "$(node_pid 3)"
say "    longest time without a commit on node1: $longest ms"
expect "no gap longer than the detection interval and a second" [ "$longest" -lt 6000 ]
expect "all are members again" cluster_wait_size 3 1 2 3
must node_wait 3 30
expect "writes go on" load_grows a
load_stop a
expect "nothing is missing on the one that stood still" nothing_lost a 3 t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.k
