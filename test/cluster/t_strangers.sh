# Something else answers where a node is looked for: Galera, when the nodes change provider one by one,
# or another service. The waiting server says so, and never that a person should bootstrap it.
. "$(dirname "$0")/lib.sh"
test_begin
NODES=1
must node_prepare 1
stranger=127.0.0.1:$(node_group_port 5)
nobody=127.0.0.1:$(node_group_port 4)

# What Galera sends whoever connects: length and kind of checksum, the checksum; version, handshake,
# flags, segment, two uuids.
galera_bytes() { printf '\44\0\0\2\151\170\147\166\0\1\20\0' && head -c 32 /dev/zero | tr '\0' '\252'; }
# What a MariaDB server sends.
server_bytes() { printf '\132\0\0\0\012%s\0\10\0\0\0' 5.5.5-10.11.19-MariaDB && head -c 60 /dev/zero; }

# answers BYTES-FUNCTION: every connection to the stranger's port gets these bytes.
answers() {
    "$1" >"$LS_WORK/bytes"
    setsid socat -t 5 "TCP-LISTEN:${stranger##*:},bind=127.0.0.1,reuseaddr,fork" \
        "SYSTEM:cat $LS_WORK/bytes; sleep 5" 9>&- 2>/dev/null &
    LS_PID[stranger]=$!
    disown $!
}

# waits_beside WHAT BYTES-FUNCTION REGEX: a start beside this stranger.
waits_beside() {
    log_forget 1
    answers "$2"
    node_launch 1 --wsrep-cluster-address="gcomm://$stranger,$nobody" \
        --wsrep-provider-options="$options;pc.wait_prim_timeout=PT12S;pc.announce_timeout=PT1S"
    expect "beside $1: the server ends" ends_within 60 1
    expect "beside $1: while it waits it says what answers" log_says 1 "waiting for a primary component.*; $stranger $3"
    expect "beside $1: in the end, too" log_says 1 "pc.wait_prim_timeout\): $stranger $3"
    expect "beside $1: no advice to bootstrap" eval "! log_says 1 'bootstrap (one|the)|no address answers'"
    node_kill 1
    server_end_session "${LS_PID[stranger]}"
    unset "LS_PID[stranger]"
}
options=$(sed -n 's/^wsrep-provider-options="\(.*\)"$/\1/p' "$(node_dir 1)/my.cnf")
waits_beside "Galera" galera_bytes "answers, but not as a Lockstep node \(Galera's protocol\): all nodes change provider together"
waits_beside "another server" server_bytes "answers, but not as a Lockstep node: check wsrep_cluster_address"

# Nobody at all: where the database stands is what nodes are compared by.
at=e0f01f46-c2aa-11f0-8f2e-37b25b2f6c11:27
printf 'version: 2.1\nuuid:    %s\nseqno:   %s\nsafe_to_bootstrap: 0\n' "${at%:*}" "${at#*:}" >"$(node_dir 1)/data/grastate.dat"
server_owns "$(node_dir 1)/data/grastate.dat"
rm -f "$(node_dir 1)/started"
for start in first second; do
    log_forget 1
    rm -f "$(node_dir 1)/started"
    node_launch 1 --wsrep-cluster-address="gcomm://$nobody" \
        --wsrep-provider-options="$options;pc.wait_prim_timeout=PT7S;pc.announce_timeout=PT1S"
    expect "$start start alone: the server ends" ends_within 60 1
    expect "$start start alone: its position while it waits" log_says 1 "none before, its database stands at $at"
    expect "$start start alone: and in the end" log_says 1 "highest position \(this one's database stands at $at\)"
    node_kill 1
done
