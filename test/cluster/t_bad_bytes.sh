# Anybody may connect to the group's port: scanners, other protocols, half messages, many at once.
# Nothing happens to the cluster.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
load_start a 1 t.k
must load_grows a
port=$(node_group_port 1)
ist=$(node_ist_port 1)
send() { timeout 3 socat -t 0.2 - "TCP:127.0.0.1:$1" >/dev/null 2>&1; }
for p in $port $ist; do
    send "$p" </dev/null
    printf 'GET / HTTP/1.0\r\n\r\n' | send "$p"
    head -c 100000 /dev/urandom | send "$p"
    head -c 100000 /dev/zero | send "$p"
    head -c 64 /dev/zero | tr '\0' '\377' | send "$p"
done
for i in $(seq 60); do
    head -c $((RANDOM % 300)) /dev/urandom | send "$port" &
done
# What a member says first, said by a stranger: whole, cut short, and turned.
NODES=5 node_prepare 4
sed -i "s#^wsrep-cluster-address=.*#wsrep-cluster-address=gcomm://127.0.0.1:$(node_group_port 5)#" "$(node_dir 4)/my.cnf"
timeout 20 socat -u "TCP-LISTEN:$(node_group_port 5),bind=127.0.0.1,reuseaddr" "CREATE:$LS_WORK/hello" 9>&- &
listener=$!
node_launch 4
must wait_until 20 test -s "$LS_WORK/hello"
node_kill 4
wait "$listener"
say "    a member's first message has $(wc -c <"$LS_WORK/hello") bytes"
for i in $(seq 20); do
    head -c $((i * 7)) "$LS_WORK/hello" | send "$port"
    { head -c $((i * 3)) "$LS_WORK/hello"; head -c 50 /dev/urandom; } | send "$port"
done
send "$port" <"$LS_WORK/hello"
# A connection that says nothing at all must not be in the way.
silent=()
for i in $(seq 20); do
    sleep 30 | socat - "TCP:127.0.0.1:$port" >/dev/null 2>&1 9>&- &
    silent+=($!)
done
expect "writes go on" load_grows a
for i in 1 2 3; do
    expect "node$i is still synced" node_is_synced "$i"
    expect_same "node$i sees three members" 3 "$(status "$i" wsrep_cluster_size)"
done
must node_stop 3
must node_start 3
expect "a member can leave and come back meanwhile" load_grows a
kill "${silent[@]}" 2>/dev/null
load_stop a
expect "the same rows everywhere" tables_equal "1 2 3" t.k
expect "nothing was lost" nothing_lost a 3 t.k
