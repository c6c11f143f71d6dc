# A server of three that applies too slowly holds the others up for a while, then leaves flow control and
# they go on without it. It stays a member, and is synced again when it has caught up.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_OPTIONS="fc.time_limit=PT3S;"
must cluster_start 3
must keys_table 1 t.k
load_start a 1 t.k
must load_grows a
stands_aside() { [ "$(status 3 wsrep_local_state_comment)" = Donor/Desynced ]; }
# Its appliers get a moment now and then: slow, and not stuck.
hold() { while echo "LOCK TABLES t.k READ; SELECT SLEEP(0.3); UNLOCK TABLES;"; do sleep 0.3; done; }
hold 2>/dev/null > >(client 3 --batch >/dev/null) &
holder=$!
expect "it leaves flow control" wait_until 30 stands_aside
expect "and says why" log_says 3 "cannot keep up: it applies too slowly"
expect "the others go on" load_grows a
expect_same "it is a member" 3 "$(status 1 wsrep_cluster_size)"
expect_same "nobody has asked it to desync" 0 "$(status 3 wsrep_desync_count)"
# Its server tells the same state once more, which is no news: a backup does, too.
must sql 3 "SET GLOBAL wsrep_desync=ON"
must load_grows a
expect_same "that it stands aside is logged once" 1 "$(grep -c 'node3) desyncs itself' "$(node_log 1)")"
must sql 3 "SET GLOBAL wsrep_desync=OFF"
kill "$holder"
must node_wait 3
expect "writes go on" load_grows a
load_stop a
expect "nothing is missing on the slow one" nothing_lost a 3 t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.k
