# What is promised of the binary log: with sync_binlog=1 and innodb_flush_log_at_trx_commit=1 it has every
# transaction once, on every server, also when the power of all machines went at one moment.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_CNF="log-bin=bin
log-slave-updates
sync-binlog=1
innodb-flush-log-at-trx-commit=1"
must cluster_prepare 3
for i in 1 2 3; do
    must disk_make $i 700
    echo "server-id=$i" >>"$(node_dir $i)/my.cnf"
done
must cluster_launch
must keys_table 1 t.k
for i in 1 2 3; do load_start a$i $i t.k; done
for i in 1 2 3; do must load_grows a$i; done
must power_cut 1 2 3
for i in 1 2 3; do load_stop a$i; done
for i in 3 1 2; do node_launch $i; done
for i in 1 2 3; do must node_wait $i 90; done
must sql 1 "INSERT INTO t.k VALUES ('afterwards')"
for i in 1 2 3; do
    sql $i "SET SESSION wsrep_sync_wait=15; SELECT k FROM t.k" | sort >"$LS_WORK/rows"
    # A file that came with a copy of the data was not synced by the script, and may be empty now.
    find "$(node_dir $i)/data/" -name 'bin.[0-9]*' -size +0 | sort |
        xargs mariadb-binlog --no-defaults --verbose |
        sed -n "s/^###   @1='\(.*\)'.*/\1/p" | sort >"$LS_WORK/events"
    expect "node$i has written rows" [ "$(wc -l <"$LS_WORK/rows")" -gt 10 ]
    expect "each of them is in its binary log, once" cmp "$LS_WORK/rows" "$LS_WORK/events"
    expect "nothing acknowledged by node$i is lost" nothing_lost a$i 1 t.k
done
expect_same "the same GTIDs" "$(sql 1 'SELECT @@gtid_binlog_pos')" "$(sql 2 'SELECT @@gtid_binlog_pos')"
