# Servers that are started without --wsrep-start-position, as containers start them, have only the position in
# grastate.dat: it must not be there while the tables have another one. One is killed in its clean stop, before
# its storage engine has written what it had in memory, one in the middle of an increment.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 2
must keys_table 1 t.k
must sql 1 "CREATE TABLE t.n (v INT) ENGINE=InnoDB; INSERT INTO t.n VALUES (0)"
saved() { sed -n 's/^seqno: *//p' "$(node_dir "$1")/data/grastate.dat"; }
# start_bare I: with what stands in its data directory, and nothing else.
start_bare() { rm -f "$(node_dir "$1")/started" && node_start "$1"; }
launch_bare() { rm -f "$(node_dir "$1")/started" && node_launch "$1"; }

# The clean stop.
for i in a b c d; do load_start "$i" 2 t.k; done
for i in a b c d; do must load_grows "$i"; done
pid=$(node_pid 2)
log=$(node_log 2)
log_forget 2
kill -TERM "$pid"
must wait_until 30 eval "grep -q 'Shifting .* -> CLOSED' '$log'"
expect_same "before it has ended its file has no position" -1 "$(saved 2)"
node_kill 2
for i in a b c d; do load_stop "$i"; done
must start_bare 2
for i in a b c d; do expect "nothing acknowledged is missing after a stop that was cut short" nothing_lost "$i" 2 t.k; done
expect "the same rows" tables_equal "1 2" t.k

must node_stop 2
expect "after one that was not it has one" [ "$(saved 2)" -gt 0 ]

# The increment: of rows that can be there twice.
for i in $(seq 20000); do echo "INSERT INTO t.n VALUES ($i);"; done | client 1
log_forget 2
launch_bare 2
must wait_until 30 log_says 2 "Receiving IST"
expect "from its position" log_says 2 "State at [0-9]+ is good"
expect_same "in the increment its file has none" -1 "$(saved 2)"
node_kill 2
must start_bare 2
expect "no row is there twice" tables_equal "1 2" t.n t.k
