# Tools that users have: keepalived with the file of scripts/examples moves an address to a healthy server;
# oslo.db runs a transaction again that lost; prometheus-mysqld-exporter reads the status.
. "$(dirname "$0")/lib.sh"
LS_OWN_PORTS=yes
LS_NET=10.0.0
test_begin
need keepalived prometheus-mysqld-exporter
must with_plugin
must spaces_make 4
must cluster_start 3
must keys_table 1 t.k
for i in 1 2 3; do must health_start $i; done

say "  keepalived"
for i in 1 2 3; do
    (cd "$LS_WORK" && into_space $i setsid keepalived --dont-fork --log-console --use-file="$LS_ROOT/scripts/examples/keepalived.conf" \
        --pid="$LS_WORK/keepalived$i.pid" --vrrp_pid="$LS_WORK/vrrp$i.pid" --checkers_pid="$LS_WORK/checkers$i.pid" 9>&- >"$LS_WORK/keepalived$i.log" 2>&1) &
    LS_PID[keepalived$i]=$!
    disown $!
done
at() { in_space 4 mariadb --no-defaults --user=app --host=10.0.0.100 --protocol=tcp --connect-timeout=2 --batch --skip-column-names -e "$*" 2>/dev/null; }
holder() { at "SELECT @@wsrep_node_name"; }
held() { [ -n "$(holder)" ]; }
held_by_other() { now=$(holder) && [ -n "$now" ] && [ "$now" != "$1" ]; }
holders() { for i in 1 2 3; do ip_in "${LS_SPACE[$i]}" -4 address show dev eth0 | grep -q '10\.0\.0\.100' && echo $i; done; }
expect "somebody has the address" wait_until 30 held
expect_same "one of them" 1 "$(holders | wc -l)"
first=$(holder)
must sql "${first#node}" "SET GLOBAL wsrep_desync=ON"
expect "a desynced server gives it up" wait_until 30 held_by_other "$first"
must sql "${first#node}" "SET GLOBAL wsrep_desync=OFF"
second=$(holder)
kill -STOP "$(node_pid "${second#node}")"
expect "so does one that hangs" wait_until 30 held_by_other "$second"
kill -CONT "$(node_pid "${second#node}")"
third=$(holder)
node_kill "${third#node}"
expect "so does one that was killed" wait_until 30 held_by_other "$third"
expect "which is a writer" at "INSERT INTO t.k VALUES ('by the address')"
must node_start "${third#node}"
for i in 1 2 3; do
    server_end_session "${LS_PID[keepalived$i]}"
    unset "LS_PID[keepalived$i]"
done

say "  oslo.db"
must sql 1 "CREATE TABLE t.counter (id INT PRIMARY KEY, n INT); INSERT INTO t.counter VALUES (1, 0)"
must tables_equal "1 2 3" t.counter
result=$(in_space 4 /usr/bin/python3 "$(dirname "$0")/oslo.py" mysql+pymysql://app@10.0.0.1/t mysql+pymysql://app@10.0.0.2/t)
say "    increments, tries again, given up: $result"
expect_same "each acknowledged increment counts" "${result%% *}" "$(sql 3 "SET SESSION wsrep_sync_wait=15; SELECT n FROM t.counter")"
expect "and it had to try again" [ "$(cut -d' ' -f2 <<<"$result")" -gt 0 ]

say "  prometheus-mysqld-exporter"
(LS_IN_SPACE=${LS_SPACE[1]} DATA_SOURCE_NAME="app@tcp(10.0.0.1:3306)/" as_server setsid prometheus-mysqld-exporter \
    --web.listen-address=127.0.0.1:9104 9>&- >"$LS_WORK/exporter.log" 2>&1) &
LS_PID[exporter]=$!
disown $!
scrape() { in_space 1 curl --silent --max-time 5 http://127.0.0.1:9104/metrics >"$LS_WORK/scraped" && grep -q '^mysql_up 1' "$LS_WORK/scraped"; }
expect "it scrapes" wait_until 20 scrape
for metric in 'mysql_global_status_wsrep_local_state 4' 'mysql_global_status_wsrep_cluster_size 3' 'mysql_global_status_wsrep_ready 1' \
    'mysql_global_status_wsrep_cluster_status 1' 'mysql_global_status_wsrep_local_commits ' 'mysql_galera_gcache_size_bytes ' \
    'mysql_galera_evs_repl_latency_avg_seconds ' 'mysql_galera_status_info'; do
    expect "it has ${metric%% *}" grep -q "^${metric}" "$LS_WORK/scraped"
done
