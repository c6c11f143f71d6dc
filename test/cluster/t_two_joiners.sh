# Two nodes join while the only one that can give has much to apply before it can begin: it gives to one of them,
# and then to the other.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="fc.time_limit=PT0S;"
must cluster_start 2
must keys_table 1 t.k
must sql 2 "SET GLOBAL wsrep_desync=ON"
given() { grep -c "Running: .*--role .donor" "$(node_log 1)"; }
before=$(given)
# An applier of the donor has to wait for a client that holds a lock for as long as its input is open.
locked() { sql 1 "SHOW OPEN TABLES WHERE In_use > 0" | grep -qw k; }
exec 7> >(client 1 --batch)
echo "LOCK TABLES t.k READ;" >&7
must wait_until 20 locked
must sql 2 "INSERT INTO t.k VALUES ('waits')"
NODES=4
for i in 3 4; do must node_prepare $i; done
must node_launch 3 7>&-
expect "the first is told its donor" wait_until 20 log_says 1 "Member .*(node3).*requested state transfer.*Selected .*(node1)"
must node_launch 4 7>&-
expect "the second waits for one" wait_until 20 log_says 4 "Waiting for a donor"
expect_same "nobody gives yet" "$before" "$(given)"
exec 7>&-
expect "the first gets the data" node_wait 3 90
expect "and the second" node_wait 4 90
must sql 2 "SET GLOBAL wsrep_desync=OFF"
expect "they are four" cluster_wait_size 4 1 2 3 4
expect "the same rows" tables_equal "1 2 3 4" t.k
