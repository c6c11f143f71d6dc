# A cluster that works goes from plain connections to encrypted ones, server by server, and then from one
# authority to another without a restart: docs/operations.md, "Certificates", step by step.
. "$(dirname "$0")/lib.sh"
test_begin
. ./certs.sh
must authority ca
must authority next
must certificate node ca "$yesterday" "$next_month"
must certificate later next "$yesterday" "$next_month"
must cp "$CERTS/node.pem" "$CERTS/now.pem"
must cp "$CERTS/node.key" "$CERTS/now.key"
must cp "$CERTS/ca.pem" "$CERTS/believed.pem"
must certs_done

must cluster_start 3
must keys_table 1 t.k
# one_by_one OPTIONS WHAT LOAD: restarted with them, one after the other.
one_by_one() {
    local n other
    for n in 1 2 3; do
        other=$((n % 3 + 1))
        must load_start "$3$n" "$other" t.k
        must node_stop "$n"
        NODE_OPTIONS=$1 node_configure "$n"
        must node_start "$n"
        expect "$2: node$n is back" cluster_wait_size 3 1 2 3
        expect "$2: node$n takes writes" sql "$n" "INSERT INTO t.k VALUES ('$3-own-$n')"
        expect "$2: the others have worked" load_grows "$3$n"
        load_stop "$3$n"
        expect "$2: no error but conflicts" only_conflicts "$3$n"
        expect "$2: nothing acknowledged is missing" nothing_lost "$3$n" "$n" t.k
    done
}
# encrypted_only NODE: all that it has connected since log_mark.
encrypted_only() { log_adds "$1" "connection established to .* ssl://" && ! log_adds "$1" "connection established to .* tcp://"; }

expect "at first nothing is encrypted" log_says 1 "connection established to .* tcp://"
one_by_one "$(tls now believed);socket.dynamic=yes" "keys and socket.dynamic" a
log_mark 1 2 3
one_by_one "$(tls now believed)" "keys alone" b
for n in 1 2 3; do expect "node$n speaks TLS with everybody" encrypted_only $n; done
must node_stop 3
log_mark 1 2
NODE_OPTIONS="socket.ssl=no;pc.wait_prim_timeout=PT5S;pc.announce_timeout=PT1S" node_configure 3
node_launch 3
expect "who comes in the clear is refused" ends_within 60 3
expect "and is told why" log_says 3 "it speaks TLS, and this node does not"
NODE_OPTIONS=$(tls now believed) node_configure 3
must node_start 3
must cluster_wait_size 3 1 2 3

# reload WHAT: on one after the other, as a person would.
reload() {
    local n
    for n in 1 2 3; do
        expect "$1: node$n reads it" sql "$n" "SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'"
        sleep 0.2
    done
    expect "$1: writes go on" load_grows c
}
must load_start c 1 t.k
view=$(status 1 wsrep_cluster_conf_id)
cat "$CERTS/ca.pem" "$CERTS/next.pem" >"$CERTS/believed.pem"
reload "both authorities"
must cp "$CERTS/later.pem" "$CERTS/now.pem"
must cp "$CERTS/later.key" "$CERTS/now.key"
reload "a certificate of the new one"
must cp "$CERTS/next.pem" "$CERTS/believed.pem"
reload "the new authority alone"
expect_same "no member has gone" "$view" "$(status 1 wsrep_cluster_conf_id)"
node_kill 3
must node_start 3
expect "a server that was killed comes back under the new authority" cluster_wait_size 3 1 2 3
must node_stop 3
NODE_OPTIONS="$(tls node);pc.wait_prim_timeout=PT5S;pc.announce_timeout=PT1S" node_configure 3
log_forget 3
node_launch 3
expect "one with the old one's is refused" ends_within 60 3
expect "and is told why" log_says 3 "refuses our certificate|its certificate \(/CN=later\) is refused"
NODE_OPTIONS=$(tls now believed) node_configure 3
must node_start 3
must cluster_wait_size 3 1 2 3
load_stop c
expect "no error but conflicts" only_conflicts c
expect "nothing acknowledged is missing" nothing_lost c 3 t.k
expect "all servers hold the same" tables_equal "1 2 3" t.k
