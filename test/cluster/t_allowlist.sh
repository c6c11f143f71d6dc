# The server's list of addresses (wsrep_allowlist, mysql.wsrep_allowlist): who is not in it does not
# become a member, whoever dials, also when everybody starts anew and nobody's tables can be read yet.
# An address that is added lets its node in, and no member has to be restarted.
. "$(dirname "$0")/lib.sh"
test_begin
must spaces_make 3
NODE_CNF="wsrep-allowlist=10.77.0.1,10.77.0.2,10.77.0.3"
must cluster_start 3
expect_same "the bootstrap takes the variable into the table" "10.77.0.1 10.77.0.2 10.77.0.3" \
    "$(sql 2 'SELECT ip FROM mysql.wsrep_allowlist ORDER BY 1' | tr '\n' ' ' | sed 's/ $//')"
NODE_CNF=
for n in 1 2 3; do node_configure $n; done # from here on only the table has it
must keys_table 1 t.k
must node_stop 3
must sql 1 "DELETE FROM mysql.wsrep_allowlist WHERE ip = '10.77.0.3'"
must sql 2 "SET SESSION wsrep_sync_wait=15; INSERT INTO t.k VALUES ('one')"

refusal="Connection not allowed, IP 10.77.0.3 not found in allowlist"
stays_out() { ! wait_until "$1" eval "[ \"\$(status 3 wsrep_cluster_status 2>/dev/null)\" = Primary ] ||
    [ \"\$(status 1 wsrep_cluster_size 2>/dev/null)\" = 3 ]"; }
node_launch 3
expect "a node whose address was taken out does not get in" stays_out 20
expect_same "the members go on as two" "2 2" "$(status 1 wsrep_cluster_size) $(status 2 wsrep_cluster_size)"
expect "the first says whom it refuses" log_says 1 "$refusal"
expect "the second, too" log_says 2 "$refusal"
expect "once a minute" [ "$(grep -c "$refusal" "$(node_log 1)")" = 1 ]

# All start at the same time: nobody is primary at first, and nobody can read his table.
must node_stop 2
must node_stop 1
for n in 1 2; do log_forget "$n"; done
for n in 1 2; do node_launch $n; done
for n in 1 2; do must node_wait $n; done
expect "nor does it after all have started anew" stays_out 10
expect "the members are two" cluster_wait_size 2 1 2
expect "which was told" any_log_says "$refusal"
expect "and take writes" sql 1 "INSERT INTO t.k VALUES ('two')"

# The same after a crash of all members.
node_kill 1
node_kill 2
for n in 1 2; do node_launch $n; done
for n in 1 2; do must node_wait $n; done
expect "nor after a crash of all" stays_out 10
before="$(node_pid 1) $(node_pid 2)"

must sql 2 "INSERT INTO mysql.wsrep_allowlist VALUES ('10.77.0.3')"
if node_alive 3; then must node_wait 3; else must node_start 3; fi
expect "with its address in the table it gets in" cluster_wait_size 3 1 2 3
expect_same "without a restart of the members" "$before" "$(node_pid 1) $(node_pid 2)"
expect "with the same rows" tables_equal "1 2 3" t.k

# A member's table that lacks others does no harm: all are members, and stay it.
for n in 1 2 3; do node_kill $n; done
for n in 1 2 3; do node_launch $n; done
for n in 1 2 3; do must node_wait $n; done
expect "all three are back after a crash of all" cluster_wait_size 3 1 2 3
