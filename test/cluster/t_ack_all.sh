# ack.level=all: a commit returns when every member has its write-set that keeps pace, with who leads it set.
# One that stands still is waited for, for 1.5 s and no longer.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
must cluster_start 3
must keys_table 1 t.k
level() { for n in 1 2 3; do must sql $n "SET GLOBAL wsrep_provider_options='ack.level=$1'"; done; }

# Milliseconds that a commit on server 1 takes while server N stands still. A busy machine makes it longer,
# never shorter.
waited() {
    local from
    kill -STOP "$(node_pid "$1")"
    from=$(date +%s%N)
    sql 1 "INSERT INTO t.k VALUES ('without $1, $from')" && echo $((($(date +%s%N) - from) / 1000000))
    kill -CONT "$(node_pid "$1")"
    node_wait "$1" >&2
}
waits() { [ "$(waited "$1")" -ge 1000 ]; }
goes_on() { [ "$(waited "$1")" -lt 1000 ]; }

level all
must sql 1 "INSERT INTO t.k VALUES ('all')"
# Without its leader the group goes on as soon as there is another, which knows why it had to be elected.
follower=2
! leads 2 || follower=3
for round in 1 2; do expect "it is waited for, $round" waits $follower; done
level majority
expect "by default nobody is" wait_until 60 goes_on $follower
expect "the same rows everywhere" tables_equal "1 2 3" t.k
