# DDL runs on all servers at one place in the order, beside writes, and fails alike on all.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
load_start a 1 t.k
must sql 2 "SET SESSION wsrep_sync_wait=15; CREATE TABLE t.d (id INT PRIMARY KEY, v INT) ENGINE=InnoDB"
must sql 3 "SET SESSION wsrep_sync_wait=15; INSERT INTO t.d VALUES (1, 1), (2, 2), (3, 3)"
must sql 1 "SET SESSION wsrep_sync_wait=15; ALTER TABLE t.d ADD COLUMN w VARCHAR(10) DEFAULT 'w'"
must sql 2 "SET SESSION wsrep_sync_wait=15; CREATE INDEX dv ON t.d (v); INSERT INTO t.d VALUES (4, 4, 'x')"
must sql 3 "SET SESSION wsrep_sync_wait=15; CREATE VIEW t.dview AS SELECT v FROM t.d;
    CREATE USER someone@'%' IDENTIFIED BY 'x'; GRANT SELECT ON t.* TO someone@'%'"
must sql 3 "ALTER TABLE t.k ADD COLUMN extra INT DEFAULT 7"
expect "writes go on beside it" load_grows a
expect "DDL that fails says so" refused 1050 1 "CREATE TABLE t.d (id INT)"
expect "also on another server" refused 1051 2 "DROP TABLE t.missing"
must sql 1 "SET SESSION wsrep_OSU_method='RSU'; ALTER TABLE t.d ADD INDEX local_only (w)"
load_stop a

for i in 1 2 3; do
    expect_same "node$i has the new column" "id,v,w" \
        "$(sql "$i" "SET SESSION wsrep_sync_wait=15; SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position)
            FROM information_schema.columns WHERE table_schema='t' AND table_name='d'")"
    expect_same "node$i has the view" 4 "$(sql "$i" "SELECT COUNT(*) FROM t.dview")"
    expect_same "node$i has the user" 1 "$(sql "$i" "SELECT COUNT(*) FROM mysql.user WHERE user='someone'")"
    expect_same "node$i is still a member" 3 "$(status "$i" wsrep_cluster_size)"
done
expect_same "a rolling change stays where it was made" 0 "$(sql 2 "SELECT COUNT(*) FROM information_schema.statistics
    WHERE table_schema='t' AND index_name='local_only'")"
expect "the same rows everywhere" tables_equal "1 2 3" t.d t.k
must sql 2 "TRUNCATE t.d; DROP TABLE t.k; DROP DATABASE t"
for i in 1 3; do
    expect_same "node$i dropped the database" 0 "$(sql "$i" "SET SESSION wsrep_sync_wait=15;
        SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name='t'")"
done
