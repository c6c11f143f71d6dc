# Encrypted connections between the nodes: a cluster with certificates, who is refused and what both
# sides are told, and certificates replaced while the cluster works.
. "$(dirname "$0")/lib.sh"
test_begin
. ./certs.sh
must authority ca
must authority foreign
must certificate node ca "$yesterday" "$next_month"
must certificate fresh ca "$yesterday" "$next_month"
must certificate stranger foreign "$yesterday" "$next_month"
must certificate expired ca "$(date -u -d '3 days ago' +%Y%m%d)" "$yesterday"
must cp "$CERTS/node.pem" "$CERTS/now.pem"
must cp "$CERTS/node.key" "$CERTS/now.key"
must certs_done

NODE_OPTIONS=$(tls now)
must cluster_start 3
must keys_table 1 t.k
expect "three servers, all connections under TLS" cluster_wait_size 3 1 2 3
expect "the log says so" log_says 1 "connection established to .* ssl://"
expect "and nothing in the clear" eval '! grep -q "connection established to .* tcp://" "$(node_log 1)"'
expect "the options show it" grep -q 'socket.ssl = YES' <<<"$(sql 1 "SHOW VARIABLES LIKE 'wsrep_provider_options'")"
must sql 1 "CREATE TABLE t.big (id INT PRIMARY KEY, b LONGBLOB) ENGINE=InnoDB"
expect "a large write-set" sql 2 "INSERT INTO t.big VALUES (1, REPEAT('x', 12000000))"

# Who is not let in. Server 3 is away meanwhile, and back each time with what is wrong.
must load_start a 1 t.k
must node_stop 3
# refused_with OPTIONS WHAT REGEX-ON-3 [REGEX-ON-1]
refused_with() {
    log_forget 3
    NODE_OPTIONS="$1;pc.wait_prim_timeout=PT5S;pc.announce_timeout=PT1S" node_configure 3
    node_launch 3
    expect "$2: the server ends" ends_within 60 3
    expect "$2: its log says why ($3)" log_says 3 "$3"
    [ $# -lt 4 ] || expect "$2: so does the others' ($4)" eval "log_says 1 '$4' || log_says 2 '$4'"
    node_kill 3
}
refused_with "$(tls stranger)" "a certificate of another authority" \
    "refuses our certificate: its socket.ssl_ca has not signed" "no TLS with .*CN=stranger"
refused_with "$(tls expired)" "an expired certificate" \
    "certificate in socket.ssl_cert .*expired.pem.* has expired" "no TLS with .*CN=expired.* has expired"
refused_with "$(tls now foreign)" "it believes another authority" \
    "its certificate \(/CN=node\) is refused" "no TLS with .* refuses our certificate"
refused_with "socket.ssl=no" "no TLS at all" \
    "it speaks TLS, and this node does not" "no TLS with .* does not speak TLS"
refused_with "$(tls nowhere)" "no such file" "socket.ssl_cert.*nowhere.pem.*No such file"
expect "a stranger who shows no certificate is refused" eval \
    "openssl s_client -connect 127.0.0.1:$(node_group_port 1) -quiet </dev/null >/dev/null 2>&1;
     wait_until 10 log_says 1 'it has shown no certificate'"
expect "the others have worked all the time" load_grows a
NODE_OPTIONS=$(tls now) node_configure 3
must node_start 3
expect "with the right ones it comes back" cluster_wait_size 3 1 2 3

# New certificates: nobody is dropped, and they count from the next connection on.
view=$(status 1 wsrep_cluster_conf_id)
must cp "$CERTS/fresh.pem" "$CERTS/now.pem"
must cp "$CERTS/fresh.key" "$CERTS/now.key"
for n in 1 2 3; do
    expect "node$n reads its certificate again" sql $n "SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'"
done
expect "writes go on" load_grows a
expect_same "and no member has gone" "$view" "$(status 1 wsrep_cluster_conf_id)"
echo nonsense >"$CERTS/now.pem"
expect "one that cannot be read is refused" refused 1210 1 "SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'"
expect "and named in the log" log_says 1 "socket.ssl_cert.*now.pem"
must cp "$CERTS/fresh.pem" "$CERTS/now.pem"
expect "FLUSH SSL does the same" sql 1 "FLUSH SSL"
node_kill 3
must node_start 3
expect "a server that was killed comes back with the new one" cluster_wait_size 3 1 2 3
load_stop a
expect "no error but conflicts" only_conflicts a
expect "nothing acknowledged is missing" nothing_lost a 3 t.k
expect "all servers hold the same" tables_equal "1 2 3" t.k t.big

# The arbitrator is let in and kept out by the same rules.
NODES=3
ARBITRATOR_OPTIONS=$(tls stranger foreign)
must arbitrator_launch 4
expect "an arbitrator of another authority is refused" wait_until 10 \
    log_says 4 "its certificate \(/CN=[a-z]+\) is refused|refuses our certificate"
expect_same "and is no member" 3 "$(status 1 wsrep_cluster_size)"
node_kill 4
ARBITRATOR_OPTIONS=$(tls now)
must arbitrator_launch 4
expect "one with a certificate of ours is let in" cluster_wait_size 4 1 2 3
kill -HUP "$(node_pid 4)"
expect "and reads it again when told to" wait_until 10 log_says 4 "Read again: log file, certificates"
expect "it stays a member" cluster_wait_size 4 1 2 3
