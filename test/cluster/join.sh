# A new server joins two that are being written to, by the state transfer named in SST.
# Sourced by the tests of each method.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 2
must keys_table 1 t.k t.more
must sql 1 "CREATE TABLE t.old AS SELECT seq AS id, MD5(seq) AS v FROM t.seq_1_to_20000; ALTER TABLE t.old ADD PRIMARY KEY (id)"
NODES=3
must node_prepare 3
load_start a 1 t.k
load_start b 2 t.more
must load_grows a
must node_start 3
expect "the first server takes writes afterwards" load_grows a
expect "the second as well" load_grows b
load_start c 3 t.k
expect "and the new one" load_grows c
for load in a b c; do load_stop "$load"; done

expect "its log tells of the transfer" log_says 3 "SST (complete|succeeded|received)|State transfer"
for i in 1 2 3; do
    expect_same "node$i sees three members" 3 "$(status "$i" wsrep_cluster_size)"
done
expect "nothing acknowledged is missing on the new one" nothing_lost a 3 t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.more t.old
must node_stop 3
must node_start 3
expect "it can be stopped and started again" tables_equal "1 2 3" t.k t.more t.old
