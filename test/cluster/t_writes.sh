# Three servers take writes at the same time, of all kinds, and end up with the same rows.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3

must keys_table 1 t.one t.two t.three t.all3
must sql 2 "CREATE TABLE t.parent (id INT AUTO_INCREMENT PRIMARY KEY, v BLOB) ENGINE=InnoDB;
    CREATE TABLE t.child (id INT AUTO_INCREMENT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES t.parent (id)
        ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB;
    CREATE TABLE t.nokey (a INT, b VARCHAR(20)) ENGINE=InnoDB;
    CREATE TABLE t.big (id INT PRIMARY KEY, v LONGBLOB) ENGINE=InnoDB"
load_start a 1 t.one
load_start b 2 t.two
load_start c 3 t.three
load_start d 1 t.all3
load_start e 2 t.all3
load_start f 3 t.all3

for i in 1 2 3; do
    must sql "$i" "SET SESSION wsrep_sync_wait=15;
        INSERT INTO t.parent (v) VALUES ('x'), ('y'), ('z');
        INSERT INTO t.child (p) SELECT id FROM t.parent;
        INSERT INTO t.nokey VALUES ($i, 'a'), ($i, 'b');
        UPDATE t.nokey SET b = CONCAT(b, '$i') WHERE a = $i;
        DELETE FROM t.nokey WHERE a = $i AND b LIKE 'b%'"
done
must sql 3 "SET SESSION wsrep_sync_wait=15; DELETE FROM t.parent ORDER BY id LIMIT 2"
must sql 1 "SET SESSION wsrep_sync_wait=15; INSERT INTO t.big VALUES (1, REPEAT('lockstep', 1000000))"
must sql 2 "SET SESSION wsrep_sync_wait=15; UPDATE t.big SET v = CONCAT(v, 'end')"
must sql 3 "CREATE TABLE t.many (PRIMARY KEY (id)) AS SELECT seq AS id, MD5(seq) AS v FROM t.seq_1_to_20000"
must sql 1 "SET SESSION wsrep_sync_wait=15; UPDATE t.many SET v = REVERSE(v)"
# Splitting streams, which is refused: by an error that no client takes for a deadlock and repeats.
rows=$LS_WORK/tmp/rows
seq 12000 >"$rows" && chmod 644 "$rows"
must sql 2 "CREATE TABLE t.loaded (id INT PRIMARY KEY) ENGINE=InnoDB; SET GLOBAL wsrep_load_data_splitting=ON"
expect "LOAD DATA in pieces is refused for good" refused 1105 2 "LOAD DATA INFILE '$rows' INTO TABLE t.loaded"
expect "the same in a transaction" refused 1105 2 "BEGIN; INSERT INTO t.loaded VALUES (0);
    LOAD DATA INFILE '$rows' INTO TABLE t.loaded; COMMIT"
expect_same "one line names both settings" 1 \
    "$(grep -c 'wsrep_trx_fragment_size=0 and wsrep_load_data_splitting=OFF' "$(node_log 2)")"
must sql 2 "SET GLOBAL wsrep_load_data_splitting=OFF; LOAD DATA INFILE '$rows' INTO TABLE t.loaded"
for load in a b c d e f; do
    expect "load $load makes progress beside the others" load_grows "$load"
done
for load in a b c d e f; do load_stop "$load"; done
expect "no load met an error other than 1213" only_conflicts a b c d e f

expect "the same rows everywhere" tables_equal "1 2 3" t.one t.two t.three t.all3 t.parent t.child t.nokey t.big t.many t.loaded
for load in a d e f; do
    table=t.all3
    [ "$load" != a ] || table=t.one
    expect "no acknowledged row of load $load is missing" nothing_lost "$load" 3 "$table"
done
expect_same "a write-set of 8 MB arrived whole" 8000003 "$(sql 3 "SELECT LENGTH(v) FROM t.big")"
expect "all end in good order" cluster_stop
