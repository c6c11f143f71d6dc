# The health endpoint, as a daemon and inside the server: what load balancers, people and Prometheus are
# told in each state, one writer at most, and what strangers and hung servers cannot do to it.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
must cluster_prepare 3
for i in 1 2 3; do
    # Inside of the servers it has the ports of the nodes' rows behind those of the daemon.
    printf 'lockstep_health_port=%s\nlockstep_health_agent_port=%s\nlockstep_health_listen=127.0.0.1\nlockstep_health_disabled_file=%s\n' \
        "$(port_of $i 6)" "$(port_of $i 7)" "$LS_WORK/disabled$i" >"$LS_WORK/own$i"
    sed -i "/^lockstep_health/d; /^plugin-load-add/r $LS_WORK/own$i" "$(node_dir $i)/my.cnf"
done
must cluster_launch
must keys_table 1 t.k
for i in 1 2 3; do must health_start $i; done
inside_code() { curl --silent --max-time 1.5 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$(port_of "$1" 6)$2"; }
both_are() { health_is "$1" "$2" "$3" && [ "$(inside_code "$1" "$2")" = "$3" ]; }
within() { wait_until 10 "$@"; }
# writers: how many are the writer by either endpoint, asked as nearly at once as can be.
writers() {
    local i
    for i in 1 2 3; do health_code "$i" /writer >"$LS_WORK/w$i" & inside_code "$i" /writer >"$LS_WORK/v$i" & done
    wait $(jobs -p)
    for i in 1 2 3; do cat "$LS_WORK/w$i" "$LS_WORK/v$i" | grep -q 200 && echo "node$i"; done | wc -l
}
one_writer() { [ "$(writers)" = 1 ]; }

for i in 1 2 3; do expect "node$i is up, by both" within both_are $i / 200; done
for method in GET HEAD OPTIONS; do
    expect_same "$method" 200 "$(health_code 1 / $([ $method = HEAD ] && echo --head || echo --request $method))"
done
expect_same "HTTP/1.0, as HAProxy asks" "HTTP/1.1 200 OK" "$(exec 3<>"/dev/tcp/127.0.0.1/$(node_health_port 1)" && printf 'OPTIONS / HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3 | tr -d '\r')"
expect_same "another method" 405 "$(health_code 1 / --request DELETE)"
expect_same "a body is not wanted" 405 "$(health_code 1 / --data x)"
expect_same "another path" 404 "$(health_code 1 /nothing)"
expect_same "the agent" "up 100%" "$(health_agent 1)"
expect "one writer" within one_writer
expect "the report is JSON" eval 'health_get 1 /health | /usr/bin/python3 -c "import json, sys; r = json.load(sys.stdin); assert r[\"up\"] and r[\"cluster_size\"] == 3 and r[\"node\"] == \"node1\""'
if command -v promtool >/dev/null; then
    expect "promtool takes the metrics" eval 'health_get 1 /metrics | promtool check metrics'
    expect "and those from inside" eval 'curl --silent "http://127.0.0.1:$(port_of 1 6)/metrics" | promtool check metrics'
    expect "and the alert rules" promtool test rules "$LS_ROOT/scripts/examples/prometheus-alerts-test.yml"
fi
# Names that rules and dashboard use are served; a conflict, a pause and a transfer bring the rest.
must sql 1 "INSERT INTO t.k VALUES ('a')"
quarrel() { # both at once, which a loaded machine does not promise
    local i n loops=()
    for i in 1 2; do
        (for n in $(seq 150); do echo "UPDATE t.k SET k='$i-$n'; UPDATE t.k SET k='a';"; done | client $i --force >/dev/null 2>&1) &
        loops+=($!)
    done
    wait "${loops[@]}"
    sleep 0.5 # the endpoint asks its server four times a second
    for i in 1 2 3; do health_get $i /metrics >"$LS_WORK/metrics$i"; done
    grep -q '^lockstep_conflicts_total{table="t.k"} [1-9]' "$LS_WORK"/metrics?
}
expect "conflicts by table" wait_until 100 quarrel
cat >"$LS_WORK/names.py" <<'PY'
import json, re, sys
text = "".join(open(f).read() for f in sys.argv[3:])
served = set(re.findall(r"^# TYPE (\w+)", text, re.M))
used = set(re.findall(r"\blockstep_\w+", " ".join(re.findall(r"expr: (.*)", open(sys.argv[1]).read()) +
    [t["expr"] for p in json.load(open(sys.argv[2]))["panels"] for t in p["targets"]])))
used = {re.sub(r"_bucket$", "", name) for name in used}
late = {"lockstep_transfer_done", "lockstep_transfer_total", "lockstep_flow_control_asked_seconds_total"}
print(" ".join(sorted(used - served - late)))
PY
expect_same "what the rules and the dashboard ask for is served" "" "$(/usr/bin/python3 "$LS_WORK/names.py" \
    "$LS_ROOT/scripts/examples/prometheus-alerts.yml" "$LS_ROOT/scripts/examples/grafana-dashboard.json" "$LS_WORK"/metrics?)"

# States.
must sql 2 "SET GLOBAL wsrep_desync=ON"
expect "a desynced node is out" within both_are 2 / 503
expect_same "but for Consul's warning" 429 "$(health_code 2 '/health?donor=429')"
expect "and says why" grep -q "wsrep_desync" <<<"$(health_get 2 /)"
expect "the agent, too" grep -q "^down #.*desync" <<<"$(health_agent 2)"
must sql 2 "SET GLOBAL wsrep_desync=OFF"
expect "it is back" within both_are 2 / 200
must sql 2 "SET GLOBAL read_only=ON"
expect "a read-only server is out" within both_are 2 / 503
expect_same "but good for reads" 200 "$(health_code 2 /replica)"
must sql 2 "SET GLOBAL read_only=OFF"
expect "it is back" within both_are 2 / 200
must sql 2 "SET GLOBAL wsrep_reject_queries=ALL"
expect "a server that rejects queries is out" within both_are 2 / 503
expect "and says why" grep -q "rejects queries" <<<"$(health_get 2 /)"
must sql 2 "SET GLOBAL wsrep_reject_queries=NONE"
expect "it is back" within both_are 2 / 200
kill -STOP "$(node_pid 2)" "$(node_pid 3)"
expect "a server without a majority is out" within both_are 1 / 503
says_alone() { health_get 1 / | grep -qi "primary"; }
expect "and says why" within says_alone
kill -CONT "$(node_pid 2)" "$(node_pid 3)"
for i in 1 2 3; do expect "node$i is back" within both_are $i / 200; done
expect "one writer" within one_writer
touch "$LS_WORK/disabled3"
expect "taken out by hand" within both_are 3 / 503
expect "says so" grep -q "by hand" <<<"$(health_get 3 /)"
rm "$LS_WORK/disabled3"
expect "it is back" within both_are 3 / 200

# The leader is desynced: another one is the writer.
writes_first() { first=$(health_writer) && [ -n "$first" ]; } # there is none while leadership moves
must wait_until 30 writes_first
must sql "$first" "SET GLOBAL wsrep_desync=ON"
moved() { now=$(health_writer) && [ -n "$now" ] && [ "$now" != "$first" ]; }
expect "the writer moves from a desynced node" within moved
must sql "$first" "SET GLOBAL wsrep_desync=OFF"
expect "the desynced one is back" within both_are "$first" / 200

# So it does from one that was taken out by hand.
expect "one writer" within one_writer
first=$(health_writer)
touch "$LS_WORK/disabled$first"
expect "the writer moves from a server taken out by hand" within moved
rm "$LS_WORK/disabled$first"
expect "which is back" within both_are "$first" / 200

# So it does from a read-only one, which stays good for reads.
expect "one writer" within one_writer
first=$(health_writer)
must sql "$first" "SET GLOBAL read_only=ON"
expect "the writer moves from a read-only server" within moved
expect_same "which is good for reads" 200 "$(health_code "$first" /replica)"
must sql "$first" "SET GLOBAL read_only=OFF"
expect "it is back" within both_are "$first" / 200

# Kills and stops: never two writers, and soon one again.
two=
for round in 1 2 3; do
    victim=$(health_writer)
    kill -"$([ $round = 2 ] && echo STOP || echo KILL)" "$(node_pid "$victim")"
    for n in $(seq 15); do [ "$(writers)" -le 1 ] || two=$round; done
    expect "a writer again after round $round" within one_writer
    if [ $round = 2 ]; then
        expect "a hung server is out, within the time-out" health_is "$victim" / 503
        kill -CONT "$(node_pid "$victim")"
    else
        node_kill "$victim"
        must node_launch "$victim"
    fi
    must node_wait "$victim"
    expect "node$victim is up again" within both_are "$victim" / 200
done
expect_same "never two writers" "" "$two"

# Strangers: connections that say nothing or little, garbage, headers without end.
cat >"$LS_WORK/stranger.py" <<'PY'
import os, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
port, held = int(sys.argv[1]), []
for i in range(3000):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
    held.append(s)
time.sleep(0.5)
for n in range(40):
    for i, s in enumerate(held):
        try:
            s.send(b"G" if i % 3 else os.urandom(64))
        except OSError:
            pass
    if n == 0:
        print("ready", flush=True)
    time.sleep(0.2)
PY
for port in "$(node_health_port 1)" "$(port_of 1 6)"; do
    coproc STRANGER { /usr/bin/python3 "$LS_WORK/stranger.py" "$port"; }
    read -r -t 20 ready <&"${STRANGER[0]}"
    answered=0
    for n in $(seq 20); do
        [ "$(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$port/")" = 200 ] && answered=$((answered + 1))
    done
    expect_same "with 3,000 strangers on port $port all checks are answered" 20 "$answered"
    kill "$STRANGER_PID" 2>/dev/null
    wait "$STRANGER_PID" 2>/dev/null
done
head -c 1000000 /dev/zero | tr '\0' 'a' | timeout 20 socat -u - "TCP:127.0.0.1:$(node_health_port 1)" 2>/dev/null
expect_same "after headers without end a check is answered" 200 "$(health_code 1 /)"
expect "2,000 checks at once are answered" /usr/bin/python3 - "$(node_health_port 1)" <<'PY'
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
held = []
for i in range(2000):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
    s.sendall(b"OPTIONS / HTTP/1.0\r\n\r\n")
    held.append(s)
assert all(b"200 OK" in h.recv(1000) for h in held)
PY
ticks() { awk '{ print $14 + $15 }' "/proc/${LS_PID[health1]}/stat"; }

# Wrong command lines and files.
says() {
    local want=$1 out rc
    shift
    out=$(timeout 10 "$LS_WORK/health" "$@" 2>&1 </dev/null)
    rc=$?
    [ "$rc" = 1 ] && grep -qE -e "$want" <<<"$out" && return 0
    say "    status $rc: $out"
    return 1
}
printf 'port = 99999\n' >"$LS_WORK/bad1"
printf 'nonsense = 1\n' >"$LS_WORK/bad2"
expect "a port that is none" says "no number from 1 to 65535" --port 0
expect "a time that is none" says "0.1 to 60" --timeout soon
expect "a flag that is none" says "give yes or no" --available-when-donor=perhaps
expect "a lag that is none" says "no number" --max-lag -1
expect "an option that is none" says "unrecognized option" --nonsense
expect "a word too much" says "is no option" word
expect "a file that is missing" says "configuration file" --config /nowhere
expect "a value in a file" says "bad1.*line 1: --port: '99999'" --config "$LS_WORK/bad1"
expect "a name in a file" says "bad2.*line 1: there is no option 'nonsense'" --config "$LS_WORK/bad2"
expect "socket and host" says "one of them" --socket /x --host y
expect "one port for both" says "the same" --port 9300 --agent-port 9300
expect "a host that is none" says "." --host 'a b:c'
expect "a password file that is missing" says "no password file '/nowhere'" --password-file /nowhere
expect "a log file that cannot be" says "cannot be opened" --log /nowhere/log
expect "a port that is taken" says "in use" --port "$(node_health_port 1)" --listen 127.0.0.1 --agent-port 0
expect "an address that is not ours" says "Give an address" --port "$(port_of 5 4)" --listen 192.0.2.1
expect "a password that is wrong is 503, and said" eval '
    (timeout 5 "$LS_WORK/health" --port "$(port_of 5 4)" --agent-port 0 --socket "$(node_dir 1)/sock" --user nobody >"$LS_WORK/nobody.log" 2>&1 &)
    wait_until 5 curl --silent --output /dev/null "http://127.0.0.1:$(port_of 5 4)/"
    [ "$(curl --silent --output /dev/null --write-out "%{http_code}" "http://127.0.0.1:$(port_of 5 4)/")" = 503 ] && grep -q "Access denied" "$LS_WORK/nobody.log"'
before=$(ticks)
for n in $(seq 100); do health_code 1 / >/dev/null; done
say "    100 checks took $(($(ticks) - before)) hundredths of a second of the daemon's CPU"
for i in 1 2 3; do expect "TERM ends the daemon of node$i" health_stop $i; done
