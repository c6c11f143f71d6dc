# A server is desynced again while it comes back from the time before: the others take it for synced only
# when it is.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 2
for _ in $(seq 40); do
    must sql 1 "FLUSH TABLES WITH READ LOCK; UNLOCK TABLES; FLUSH TABLES WITH READ LOCK; DO SLEEP(0.05); UNLOCK TABLES"
done
expect "it is synced in the end" wait_until 30 node_is_synced 1
turns=$(grep -cE "\(node1\) (desyncs itself|resyncs itself|synced with)" "$(node_log 2)")
early=$(grep -oE "\(node1\) (desyncs|resyncs|synced)" "$(node_log 2)" |
    awk '$2 == "synced" && before == "desyncs" { n++ } { before = $2 } END { print n + 0 }')
expect "it has come and gone" [ "$turns" -gt 40 ]
expect_same "and was never taken for synced while it was not" 0 "$early"
