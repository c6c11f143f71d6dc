# At most one server says that it is the writer, at every moment, while leaders are cut off, stopped, killed,
# deaf and taken out; and soon there is one again. Each server's endpoint is asked all the time from beside it.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
must spaces_make 3
must cluster_start 3
must keys_table 1 t.k
for i in 1 2 3; do must health_start $i; done

cat >"$LS_WORK/ask.py" <<'PY'
import socket, sys, time
out = open(sys.argv[3], "w", buffering=1)
while True:
    begin, answer = time.monotonic(), b""
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as s:
            s.sendall(b"GET /writer HTTP/1.0\r\n\r\n")
            answer = s.recv(100)
    except OSError:
        pass
    if b" 200 " in answer:
        out.write(f"{begin:.6f} {time.monotonic():.6f}\n")
    time.sleep(0.01)
PY
for i in 1 2 3; do
    (into_space $i setsid /usr/bin/python3 "$LS_WORK/ask.py" "$(node_host $i)" "$(node_health_port $i)" "$LS_WORK/writer$i" 9>&-) &
    LS_PID[ask$i]=$!
    disown $!
done
# One that was heard to be the writer between two answers of another, which were closer together than two moves
# can be: both were.
cat >"$LS_WORK/judge.py" <<'PY'
import sys
said = sorted((*map(float, line.split()), name) for name in sys.argv[1:] for line in open(name) if line.endswith("\n"))
last, twice, moves = {}, 0, 0
previous = None
for begin, end, name in said:
    if previous not in (None, name):
        moves += 1
        twice += name in last and begin - last[name] < 0.45
    last[name], previous = end, name
print(f"{len(said)} {moves} {twice}")
PY
judged() { /usr/bin/python3 "$LS_WORK/judge.py" "$LS_WORK"/writer?; }
is_writer() { [ -n "$(health_writer)" ]; }
unheard() { health_get "$1" /health | grep -q 'majority of the cluster is heard' && health_is "$1" / 503; }
moved() { now=$(health_writer) && [ -n "$now" ] && [ "$now" != "$first" ]; }

for fault in cut stop kill deaf disable desync cut long; do
    must cluster_wait_size 3 1 2 3
    must wait_until 20 is_writer
    first=$(health_writer)
    case $fault in
    cut) space_cut "$first" ;;
    stop | long) kill -STOP "$(node_pid "$first")" ;;
    kill) node_kill "$first" ;;
    deaf) space_deafen "$first" $((first % 3 + 1)) && space_deafen "$first" $(((first + 1) % 3 + 1)) ;;
    disable) touch "$LS_WORK/disabled$first" ;;
    desync) sql "$first" "SET GLOBAL wsrep_desync=ON" ;;
    esac
    expect "$fault: another one is the writer" wait_until 20 moved
    case $fault in
    cut)
        expect "cut: it is out of rotation before its statements are refused" wait_until 10 unheard "$first"
        space_mend "$first"
        ;;
    stop) kill -CONT "$(node_pid "$first")" ;;
    long) sleep 2 && kill -CONT "$(node_pid "$first")" && sleep 1 ;; # what it said last is old by then
    kill) must node_start "$first" ;;
    deaf) space_heal "$first" ;;
    disable) rm "$LS_WORK/disabled$first" ;;
    desync) must sql "$first" "SET GLOBAL wsrep_desync=OFF" ;;
    esac
done
read -r said moves twice <<<"$(judged)"
say "    $said answers, the writer moved $moves times"
expect "it moved" [ "$moves" -ge 8 ]
expect_same "never two writers" 0 "$twice"
