# Two servers with one name: both work, and a warning tells the people who will read the logs. A name that is
# longer than the server can show is cut between two characters.
. "$(dirname "$0")/lib.sh"
test_begin
NODES=2
must node_prepare 1
must node_prepare 2
must node_start 1 --wsrep-new-cluster
must node_start 2 --wsrep-node-name=node1
must keys_table 1 t.k
must sql 2 "SET SESSION wsrep_sync_wait=15; INSERT INTO t.k VALUES ('two')"
expect "both are members" cluster_wait_size 2 1 2
expect "the same rows on both" tables_equal "1 2" t.k
expect "a warning names the double name" grep -qiE '\[(warning|error)\].*(name).*(node1)|\[(warning|error)\].*node1.*name' \
    "$(node_log 1)" "$(node_log 2)"
must node_stop 2
must node_start 2 --wsrep-node-name=nääääääääääääääääääää
expect "a long name is a whole number of characters" wait_until 10 log_says 1 'member .*\(näääääääääääääää\)'
