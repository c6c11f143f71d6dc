# The arbitrator under the name and with the command lines that garbd's users have: options, config file,
# /etc/default/garb, daemon, signals, readiness; and what is wrong with each is said.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
NODES=2
must cluster_start 2
must arbitrator_prepare 3
must mkdir -p "$LS_WORK/garb" && must cp "$ARBITRATOR" "$LS_WORK/garb/garbd"
must server_owns "$LS_WORK/garb"
garbd=$LS_WORK/garb/garbd
url=$(arbitrator_address 3)
own="gmcast.listen_addr=tcp://127.0.0.1:$(node_group_port 3)"

# says STATUS REGEX ARG...: garbd ends with the status and its words match.
says() {
    local want=$1 text=$2 out rc
    shift 2
    out=$( (as_server timeout 20 "$garbd" "$@" </dev/null) 2>&1)
    rc=$?
    [ "$rc" = "$want" ] && grep -qE -e "$text" <<<"$out" && return 0
    say "    status $rc: $out"
    return 1
}
expect "help" says 0 "--address" -h
expect "version" says 0 "^Lockstep arbitrator [0-9]" -v
expect "no address" says 1 "give --address" -g x
expect "an unknown option" says 1 "unrecognized option" --nonsense
expect "an option without its value" says 1 "requires an argument" -a
expect "an address that is none" says 1 "does not begin with gcomm://" -a http://x -g x
expect "an address of nobody" says 1 "cannot found one" -a gcomm:// -g x
expect "a port that is none" says 1 "port" -a gcomm://127.0.0.1:99999 -g x
expect "two addresses" says 1 "is too much" -a gcomm://a gcomm://b
expect "too long a name" says 1 "name must have 1 to 31 bytes" -a "$url" -n "$(printf '%040d' 1)"
expect "an option of the provider that is none" says 1 "no option 'gcs.nonsense'" -a "$url" -g x -w "$(arbitrator_state 3)" -o "gcs.nonsense=1"
expect "a value that is none" says 1 "evs.suspect_timeout" -a "$url" -g x -w "$(arbitrator_state 3)" -o "evs.suspect_timeout=soon"
expect "a directory that cannot be written to" says 1 "give it a directory with --workdir" -a "$url" -g x -w /proc/nowhere
expect "a directory that is a file" says 1 "is no directory" -a "$url" -g x -w "$garbd"
expect "a log file that cannot be" says 1 "log file '/nowhere/log' cannot be opened" -a "$url" -g x -l /nowhere/log
expect "a config file that is missing" says 1 "configuration file: .*nowhere" -c /nowhere
printf 'group = x\nnonsense\n' >"$LS_WORK/bad1"
printf 'colour = red\n' >"$LS_WORK/bad2"
printf 'daemon = maybe\n' >"$LS_WORK/bad3"
head -c 100000 /dev/urandom >"$LS_WORK/bad4"
chmod a+r "$LS_WORK"/bad?
expect "a line of it that is none" says 1 'line 2: .nonsense. is not "option = value"' -c "$LS_WORK/bad1"
expect "an option of it that is none" says 1 "line 1: there is no option 'colour'" -c "$LS_WORK/bad2"
expect "a flag of it that is none" says 1 "give yes or no" -c "$LS_WORK/bad3"
expect "a file that is no text" says 1 "bad4|no text file|larger|more than" -c "$LS_WORK/bad4"
expect "a port that is taken" says 1 "4567|in use|$(node_group_port 1)" -a "$url" -g "$CLUSTER" -w "$(arbitrator_state 3)" -o "gmcast.listen_addr=tcp://127.0.0.1:$(node_group_port 1)"
expect "another cluster's name, in its log" says 1 "no primary component within 2 s" -a "$url" -g other -w "$(arbitrator_state 3)" -o "$own;pc.wait_prim_timeout=PT2S"
expect "nobody there" says 1 "no primary component within 1 s" -a "gcomm://127.0.0.1:$(node_group_port 5)" -g other -w "$(arbitrator_state 3)" -o "$own;pc.wait_prim_timeout=PT1S"

# The configuration file, as a daemon; what the command line says wins.
cat >"$LS_WORK/garb.cnf" <<CNF
# an arbitrator
address = "$url"
group   = nobody   # the command line has another
options = '$own'
workdir = $(arbitrator_state 3)
log     = $(node_log 3)
daemon  = yes
CNF
chmod a+r "$LS_WORK/garb.cnf"
(as_server "$garbd" --cfg "$LS_WORK/garb.cnf" --group "$CLUSTER" --name arbitrator3)
expect_same "the starter of a daemon ends with 0" 0 $?
LS_PID[3]=$(pgrep -f "$garbd --cfg")
expect "the daemon is a member" cluster_wait_size 3 1 2
expect "and votes" wait_until 30 arbitrator_counts 3 1
expect "in a session of its own" [ "$(ps -o sid= -p "$(node_pid 3)" | tr -d ' ')" = "$(node_pid 3)" ]
expect "with a connection of its own" grep -q . <(ss -Htnp state established 2>/dev/null | grep "pid=$(node_pid 3),")
expect "a second one in its directory is refused" says 1 "in use|another|runs" -a "$url" -g "$CLUSTER" -w "$(arbitrator_state 3)" -o "gmcast.listen_addr=tcp://127.0.0.1:$(node_group_port 4)"
must mv "$(node_log 3)" "$(node_log 3).1"
kill -HUP "$(node_pid 3)"
expect "HUP opens the log anew" wait_until 10 log_says 3 "read again"
kill -INT "$(node_pid 3)"
expect "INT ends it" ends_within 10 3
expect "having left" cluster_wait_size 2 1 2
unset "LS_PID[3]"
(as_server timeout 20 "$garbd" --cfg "$LS_WORK/garb.cnf" --group other --options "$own;nonsense=1" 2>/dev/null)
expect_same "a daemon that cannot start says so to its starter" 1 $?

# /etc/default/garb and systemd's readiness.
garb_default() { printf '%s\n' "$@" >"$LS_WORK/garb.default" && chmod a+r "$LS_WORK/garb.default"; }
service() { (GARBD=$garbd GARB_CONFIG=$LS_WORK/garb.default as_server "$LS_WORK/garb-systemd"); }
must install -m 755 "$LS_ROOT/scripts/service/garb-systemd" "$LS_WORK/garb-systemd"
must cp "$LS_ROOT/scripts/service/garb.default" "$LS_WORK/garb.default"
service 2>/dev/null
expect_same "the unedited example is refused with 6" 6 $?
garb_default 'GALERA_GROUP=x'
service 2>/dev/null
expect_same "so is one without nodes" 6 $?
garb_default 'GALERA_NODES="127.0.0.1"'
service 2>/dev/null
expect_same "and one without a group" 6 $?
garb_default "GALERA_NODES=\"127.0.0.1:$(node_group_port 1) 127.0.0.1:$(node_group_port 2)\"" "GALERA_GROUP=$CLUSTER" \
    "GALERA_OPTIONS=\"$own\"" "LOG_FILE=$(node_log 3)" "WORK_DIR=$(arbitrator_state 3)"
socat -u "UNIX-RECVFROM:$LS_WORK/notify,mode=777,fork" "OPEN:$LS_WORK/notified,creat,append" 9>&- &
LS_PID[notify]=$!
must wait_until 10 test -S "$LS_WORK/notify"
(NOTIFY_SOCKET=$LS_WORK/notify GARBD=$garbd GARB_CONFIG=$LS_WORK/garb.default as_server setsid "$LS_WORK/garb-systemd" 9>&- 2>/dev/null) &
LS_PID[3]=$!
disown $!
expect "the service is a member" cluster_wait_size 3 1 2
expect "systemd hears that it is ready" wait_until 10 grep -q READY=1 "$LS_WORK/notified"
expect "and how it is" wait_until 10 grep -q "STATUS=member of a primary component of 3" "$LS_WORK/notified"
kill -TERM "$(node_pid 3)"
expect "TERM ends it" ends_within 10 3
expect "and systemd hears that" grep -q STOPPING=1 "$LS_WORK/notified"
expect "two members" cluster_wait_size 2 1 2
kill "${LS_PID[notify]}"
unset "LS_PID[notify]" "LS_PID[3]"

# A backup: a donor runs its script, and the caller learns how it went.
backup() { (as_server timeout 60 "$garbd" -a "$url" -g "$CLUSTER" -w "$(arbitrator_state 3)" -o "$own" "$@" >"$LS_WORK/backup.log" 2>&1); }
expect "the donor's script runs" backup --sst backup:whatever --donor node2
expect_same "at a position of this cluster" "$(status 1 wsrep_cluster_state_uuid)" "$(cut -d: -f1 "$(node_dir 2)/data/backup_sst_complete")"
expect "the guest has left" cluster_wait_size 2 1 2
expect "the donor is synced again" node_wait 2
expect "a script that does not exist is a failure" eval '! backup --sst nothing:x --donor node2'
expect "which is said" grep -q "could not complete the state transfer" "$LS_WORK/backup.log"
expect "a donor that is none is a failure" eval '! backup --sst backup:x --donor nobody'
expect "which is said, too" grep -q "nobody" "$LS_WORK/backup.log"
expect "two members" cluster_wait_size 2 1 2

# A cluster made anew under the old name: what the arbitrator kept is of another history.
must arbitrator_launch 3
expect "it votes" wait_until 30 arbitrator_counts 3 1
node_kill 3 # while it lives, an empty server that hears of it founds no second cluster
for i in 1 2; do log_forget $i && node_wipe $i; done
must cluster_launch
must arbitrator_launch 3
expect "it joins the new cluster" cluster_wait_size 3 1 2
expect "and votes there" wait_until 60 arbitrator_counts 3 1
