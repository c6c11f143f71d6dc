# Two servers and the arbitrator: either server may die, or the arbitrator, or stand still, and nothing
# is lost; DDL does not wait for it; after an outage of all it waits for the others, and ends when told.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
NODES=2
must cluster_start 2
must keys_table 1 t.k
ARBITRATOR_OPTIONS="gcache.size=4M"
must arbitrator_launch 3
expect "it votes" wait_until 30 arbitrator_counts 3 1
expect "three members" cluster_wait_size 3 1 2

# The survivor goes on alone with it, serves writers and readers, and nothing is lost; then the other one.
for i in 1 2; do must health_start $i; done
roles() { for i in 1 2; do for page in writer replica; do health_code $i /$page; echo -n ' '; done; done; }
roles_are_shared() { [[ "$(roles)" =~ ^("200 503 503 200 "|"503 200 200 503 ")$ ]]; }
for dead in 2 1; do
    alive=$((3 - dead))
    for i in 1 2; do
        load_start "d$dead$i" $i t.k
        must load_grows "d$dead$i"
    done
    node_kill $dead
    expect "node$alive goes on without node$dead" load_grows "d$dead$alive"
    expect "as one of two members" cluster_wait_size 2 $alive
    for page in writer replica; do expect "/$page is node$alive" wait_until 20 health_is $alive /$page 200; done
    load_stop "d${dead}1"
    load_stop "d${dead}2"
    for i in 1 2; do expect "what node$i acknowledged is there" nothing_lost "d$dead$i" $alive t.k; done
    must node_start $dead
    expect "node$dead is back" cluster_wait_size 3 1 2
    expect "one writes, the other one reads" wait_until 20 roles_are_shared
done

load_start a 1 t.k
load_start b 2 t.k
expect "it votes again" wait_until 30 arbitrator_counts 3 1
kill -STOP "$(node_pid 3)"
expect "DDL does not wait for it" timeout 20 mariadb --no-defaults -u root --socket="$(node_dir 1)/sock" -e "CREATE TABLE t.d (a INT PRIMARY KEY)"
expect "nor do writes" load_grows a
kill -CONT "$(node_pid 3)"
expect "it is back" cluster_wait_size 3 1 2
expect "and votes" wait_until 30 arbitrator_counts 3 2

node_kill 3
expect "without it both go on" load_grows a
expect "also the other" load_grows b
expect "two members" cluster_wait_size 2 1 2
must arbitrator_launch 3
expect "it is back" cluster_wait_size 3 1 2
expect "and votes again" wait_until 30 arbitrator_counts 3 1

# All die. It and one server are a majority, whichever server that is.
load_stop a
load_stop b
kill -KILL "$(node_pid 1)" "$(node_pid 2)" "$(node_pid 3)"
for i in 1 2 3; do node_kill $i; done
must arbitrator_launch 3
expect "it says for whom it waits" wait_until 30 log_says 3 "missing: .*node1"
must node_launch 2
expect "with one server it is a majority" node_wait 2 60
for name in a b; do expect "nothing acknowledged is lost" nothing_lost $name 2 t.k; done
must node_start 1
expect "the same rows" tables_equal "1 2" t.k
expect "three members" cluster_wait_size 3 1 2

# What every server holds, it need not: it keeps gcache.size of it.
must sql 1 "CREATE TABLE t.b (k INT PRIMARY KEY, v LONGBLOB)"
for n in $(seq 64); do must sql 1 "INSERT INTO t.b VALUES ($n, REPEAT('x', 1000000))"; done
kept_mb() { du -sm "$(arbitrator_state 3)" | cut -f 1; }
is_bounded() { [ "$(kept_mb)" -lt 24 ]; }
expect "64 MB later it keeps a bounded log" wait_until 20 is_bounded || kept_mb
kill -TERM "$(node_pid 3)"
expect "it ends when told to" ends_within 10 3
expect "having left" cluster_wait_size 2 1 2
