# Real MariaDB servers for the demo and the tests: data directories, start, stop, kill, questions.
#
# work_begin           makes LS_WORK (outside the checkout, owned by user mysql) and takes ports
# node_prepare I       data directory and configuration of node I (1..9)
# node_start I [ARG..] starts it and waits until it is synced; node_launch does not wait
# node_stop I          asks it to end and waits; node_kill I is kill -9
# sql I STATEMENT      rows of an answer, tab separated; status I NAME, gvar I NAME
# work_end             ends what this script started, by its own ids, and removes LS_WORK
#
# Settings: PROVIDER (library under test), SST (rsync), THREADS (appliers), CLUSTER (name),
# NODE_OPTIONS (added to wsrep_provider_options), NODE_CNF (lines for [mysqld]), NODE_PRELOAD (a library
# to load first), NODES (addresses named in the cluster address).

: "${PROVIDER:=$LS_ROOT/build/liblockstep.so}"
: "${SST:=rsync}"
: "${THREADS:=4}"
: "${CLUSTER:=lockstep_test}"
: "${NODES:=3}"
: "${NODE_OPTIONS:=}"
: "${NODE_CNF:=}"
: "${START_TIMEOUT:=60}"

LS_WORK=
declare -A LS_PID=()

# Node I of 1..5 has a row of ten ports; HAProxy has the sixth row. With LS_OWN_PORTS each has the ports
# that everybody knows, for nodes in network namespaces of their own.
port_of() { echo "$((LS_PORT_BASE + $1 * 10 - 10 + $2))"; }
node_port() { if [ -n "${LS_OWN_PORTS:-}" ]; then echo 3306; else port_of "$1" 0; fi; }
node_group_port() { if [ -n "${LS_OWN_PORTS:-}" ]; then echo 4567; else port_of "$1" 1; fi; }
node_ist_port() { if [ -n "${LS_OWN_PORTS:-}" ]; then echo 4568; else port_of "$1" 2; fi; }
node_sst_port() { if [ -n "${LS_OWN_PORTS:-}" ]; then echo 4444; else port_of "$1" 3; fi; }
node_health_port() { if [ -n "${LS_OWN_PORTS:-}" ]; then echo 9200; else port_of "$1" 4; fi; }
node_agent_port() { if [ -n "${LS_OWN_PORTS:-}" ]; then echo 9201; else port_of "$1" 5; fi; }
node_host() { echo "${LS_HOST[$1]:-127.0.0.1}"; }
node_dir() { echo "$LS_WORK/n$1"; }
node_log() { echo "$LS_WORK/n$1/error.log"; }
node_pid() { echo "${LS_PID[$1]:-}"; }
node_alive() { [ -n "${LS_PID[$1]:-}" ] && pid_alive "${LS_PID[$1]}"; }

# as_server COMMAND...: as user mysql when we are root, else as ourselves, in the network namespace
# named by LS_IN_SPACE if any, on the rebooted machine LS_IN_BOOT if any (disk.sh). Replaces this
# process.
as_server() {
    if [ "$(id -u)" = 0 ]; then
        exec ${LS_IN_SPACE:+nsenter "--net=/run/netns/$LS_IN_SPACE"} \
            ${LS_IN_BOOT:+unshare --mount --propagation unchanged "$LS_ROOT/scripts/lib/rebooted" "$LS_IN_BOOT"} \
            setpriv --reuid=mysql --regid=mysql --init-groups --no-new-privs "$@"
    fi
    exec "$@"
}

server_owns() {
    [ "$(id -u)" != 0 ] || chown -R mysql:mysql "$@"
}

# The template is made once a machine and server version and copied for every node.
template_dir() {
    echo "/var/tmp/lockstep-template.$(id -u).$(mariadbd --version | sed -n 's/.*Ver \([0-9.]*\).*/\1/p')"
}

template_make() {
    local final dir
    final=$(template_dir)
    [ -f "$final/complete" ] && [ -O "$final/complete" ] && return 0
    dir=$(mktemp -d /var/tmp/lockstep-template.XXXXXX) || return 1
    chmod 755 "$dir"
    mkdir "$dir/data"
    server_owns "$dir"
    if ! (cd "$dir" && as_server mariadb-install-db --no-defaults --datadir="$dir/data" \
        --auth-root-authentication-method=normal --skip-test-db \
        --innodb-log-file-size=16M) >"$dir/log" 2>&1 ||
        ! (cd "$dir" && as_server mariadbd --no-defaults --datadir="$dir/data" --bootstrap \
            --innodb-log-file-size=16M) >>"$dir/log" 2>&1 <<'SQL'; then
FLUSH PRIVILEGES;
CREATE USER haproxy_check@'%';
CREATE USER app@'%';
GRANT ALL ON *.* TO app@'%' WITH GRANT OPTION;
SQL
        tail -n 20 "$dir/log" >&2
        warn "cannot make a data directory in $dir"
        return 1
    fi
    [ "$(id -u)" != 0 ] || chown root:root "$dir"
    touch "$dir/complete"
    # Somebody else may have been quicker; his is as good.
    mv -T "$dir" "$final" 2>/dev/null || rm -rf "$dir"
    [ -f "$final/complete" ]
}

work_begin() {
    need mariadbd mariadb mariadb-install-db setpriv flock
    [ -r "$PROVIDER" ] || die "no provider at $PROVIDER (scripts/build makes build/liblockstep.so)"
    LS_WORK=$(mktemp -d /var/tmp/lockstep.XXXXXX) || return 1
    trap 'work_end' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    chmod 755 "$LS_WORK"
    cp "$PROVIDER" "$LS_WORK/provider.so" && chmod 644 "$LS_WORK/provider.so"
    mkdir "$LS_WORK/tmp"
    server_owns "$LS_WORK"
    ports_take && template_make
}

work_end() {
    local pid
    trap - EXIT
    disks_thaw
    for pid in "${LS_PID[@]}"; do
        server_end_session "$pid"
    done
    spaces_end
    disks_end
    [ -z "$LS_WORK" ] || [ -n "${LS_KEEP:-}" ] || rm -rf "$LS_WORK"
}

# Every server leads a session of its own, so its state transfer scripts end with it.
server_end_session() {
    pkill -KILL -s "$1" 2>/dev/null
    wait_until 10 eval "! pid_alive $1"
}

cluster_address() {
    local i list=
    for i in $(seq "$NODES"); do
        list="$list${list:+,}$(node_host "$i"):$(node_group_port "$i")"
    done
    echo "gcomm://$list"
}

# node_configure I: writes its my.cnf again (data stays), for tests that change a setting.
node_configure() {
    local i=$1 dir group host bind
    dir=$(node_dir "$i")
    group=$(node_group_port "$i")
    host=$(node_host "$i")
    bind=${LS_OWN_PORTS:+0.0.0.0} # an address that moves belongs to nobody at the start
    bind=${bind:-$host}
    cat >"$dir/my.cnf" <<CNF
[mysqld]
datadir=$dir/data
tmpdir=$LS_WORK/tmp
socket=$dir/sock
pid-file=$dir/pid
log-error=$dir/error.log
port=$(node_port "$i")
bind-address=$bind
skip-name-resolve
core-file
max-connections=300
performance-schema=OFF
innodb-log-file-size=16M
innodb-buffer-pool-size=64M
innodb-flush-log-at-trx-commit=0
innodb-autoinc-lock-mode=2
default-storage-engine=InnoDB
binlog-format=ROW
wsrep-on=ON
wsrep-provider=$LS_WORK/provider.so
wsrep-cluster-name=$CLUSTER
wsrep-cluster-address=$(cluster_address)
wsrep-node-name=node$i
wsrep-node-address=$host:$group
wsrep-node-incoming-address=$host:$(node_port "$i")
wsrep-provider-options="base_port=$group;gmcast.listen_addr=tcp://$host:$group;ist.recv_addr=$host:$(node_ist_port "$i");gcache.size=64M;${LS_PLUGIN:+writer.disabled_file=$LS_WORK/disabled$i;}$NODE_OPTIONS"
wsrep-slave-threads=$THREADS
wsrep-sst-method=$SST
wsrep-sst-auth=root:
wsrep-sst-receive-address=$host:$(node_sst_port "$i")
$NODE_CNF

[sst]
ssl-mode=DISABLED
CNF
}

node_prepare() {
    local dir
    dir=$(node_dir "$1")
    mkdir -p "$dir"
    cp -a --reflink=auto "$(template_dir)/data" "$dir/data" || return 1
    node_configure "$1"
    : >"$dir/error.log"
    server_owns "$dir"
}

# An address or undefined-behaviour sanitizer in the provider wants its runtime loaded first.
sanitizer_preload() {
    local kind
    for kind in asan tsan; do
        if ldd "$LS_WORK/provider.so" 2>/dev/null | grep -q "lib$kind"; then
            gcc -print-file-name="lib$kind.so"
            [ -f "$LS_WORK/no_catalogs.so" ] ||
                gcc -shared -fPIC -o "$LS_WORK/no_catalogs.so" "$LS_ROOT/test/cluster/no_catalogs.c"
            echo "$LS_WORK/no_catalogs.so"
        fi
    done
}

server_loader() { ldd "$(command -v mariadbd)" | grep -o '/[^ ]*/ld-linux[^ ]*'; }

# Sets `program` to what runs a server with what it needs preloaded. By the loader and not by LD_PRELOAD, which
# state transfer scripts would inherit: ps hangs with it.
server_program() {
    local preload
    # shellcheck disable=SC2046,SC2116,SC2086 # names separated by blanks
    preload=$(echo $(sanitizer_preload) ${NODE_PRELOAD:-})
    program=(mariadbd)
    [ -z "$preload" ] || program=(env ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
        "$(server_loader)" --preload "$preload" --argv0 mariadbd "$(command -v mariadbd)")
}

# As the unit file of the distribution does: ask the storage engine where it stands, and say so.
node_recovered_position() {
    local dir log program
    dir=$(node_dir "$1")
    [ -f "$dir/started" ] || return 0
    log=$dir/recover.log
    rm -f "$log"
    server_program
    (cd "$dir/data" && as_server "${program[@]}" --defaults-file="$dir/my.cnf" --log-error="$log" \
        --wsrep-recover --skip-networking) >/dev/null 2>&1
    sed -n 's/.*WSREP: Recovered position:[[:space:]]*\([^ ,]*\).*/\1/p' "$log" | tail -n 1
}

node_launch() {
    local i=$1 dir position program
    shift
    dir=$(node_dir "$i")
    position=$(node_recovered_position "$i")
    server_program
    : >"$dir/started"
    (
        cd "$dir/data" || exit 1
        ulimit -c unlimited
        LS_IN_SPACE=${LS_SPACE[$i]:-} LS_IN_BOOT=${LS_BOOT[$i]:-} as_server setsid "${program[@]}" --defaults-file="$dir/my.cnf" \
            ${position:+--wsrep-start-position="$position"} "$@" 9>&- >>"$dir/output" 2>&1
    ) &
    LS_PID[$i]=$!
    disown $! # the shell need not report how it ended
}

node_is_synced() {
    [ "$(sql "$1" "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
        WHERE VARIABLE_NAME IN ('wsrep_local_state_comment','wsrep_ready') ORDER BY 1" 2>/dev/null |
        tr '\n' ' ')" = "ON Synced " ]
}

node_is_up_or_dead() { ! node_alive "$1" || node_is_synced "$1"; }

# node_wait I [SECONDS]: until it is synced; a server that ended or never came shows its log.
node_wait() {
    wait_until "${2:-$START_TIMEOUT}" node_is_up_or_dead "$1" && node_alive "$1" && return 0
    if node_alive "$1"; then
        warn "node$1 is not synced after ${2:-$START_TIMEOUT} s; the end of its error log:"
    else
        warn "node$1 ended while it started; the end of its error log:"
    fi
    tail -n 25 "$(node_log "$1")" | sed "s/^/  node$1| /" >&2
    return 1
}

node_start() {
    local i=$1
    node_launch "$@"
    node_wait "$i"
}

# node_stop I [SECONDS]: a graceful end.
node_stop() {
    local i=$1 pid=${LS_PID[$1]:-}
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2>/dev/null
    if ! wait_until "${2:-60}" node_is_dead "$i"; then
        warn "node$i did not end within ${2:-60} s; the end of its error log:"
        tail -n 25 "$(node_log "$i")" | sed "s/^/  node$i| /" >&2
        node_kill "$i"
        return 1
    fi
    unset "LS_PID[$i]"
}

node_is_dead() { ! node_alive "$1"; }

node_kill() {
    [ -n "${LS_PID[$1]:-}" ] || return 0
    server_end_session "${LS_PID[$1]}"
    unset "LS_PID[$1]"
}

# node_wipe I: the node lost its disk.
node_wipe() {
    node_kill "$1"
    rm -rf "$(node_dir "$1")"
    node_prepare "$1"
}

# client I ARG...: the command line client, as root through the socket; ready for a here document.
client() {
    local i=$1
    shift
    mariadb --no-defaults --user=root --socket="$(node_dir "$i")/sock" --connect-timeout=5 "$@"
}

sql() {
    local i=$1
    shift
    client "$i" --batch --skip-column-names -e "$*"
}

status() {
    sql "$1" "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='$2'"
}

# Memory of the server itself. The write-set log is read through mappings of its files: those pages are
# the page cache's, their number is that of the log kept (gcache.size, or the last 60 s of a fast load).
node_memory_kb() { awk '/^RssAnon/ { print $2 }' "/proc/$(node_pid "$1")/status"; }

# node_backtrace I: what a core file says, when the server left one.
node_backtrace() {
    local core
    for core in "$(node_dir "$1")"/data/core*; do
        [ -s "$core" ] || continue
        gdb -batch -ex 'thread apply all bt 12' "$(command -v mariadbd)" "$core" 2>/dev/null |
            grep -v '^\[New LWP' | head -n 150
    done
}
