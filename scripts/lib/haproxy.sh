# HAProxy in front of the cluster: checking with the MySQL handshake as many installations do, or with a
# file of scripts/examples. Its process is kept as LS_PID[haproxy] and ends with the rest.

# haproxy_run [NAMESPACE]: with $LS_WORK/haproxy/cfg, on this machine or in a network namespace of its own.
haproxy_run() {
    server_owns "$LS_WORK/haproxy"
    # from a place that its user may go back to: the checkout may be closed to others
    (cd "$LS_WORK/haproxy" && LS_IN_SPACE=${1:-} as_server setsid haproxy -db -f "$LS_WORK/haproxy/cfg" 9>&- >"$LS_WORK/haproxy/log" 2>&1) &
    LS_PID[haproxy]=$!
    disown $!
}

haproxy_stop() {
    server_end_session "${LS_PID[haproxy]}"
    unset "LS_PID[haproxy]"
}

# haproxy_example NAME SPACE: scripts/examples/haproxy-NAME.cfg as it is, on its usual ports.
haproxy_example() {
    need haproxy
    mkdir -p "$LS_WORK/haproxy" && cp "$LS_ROOT/scripts/examples/haproxy-$1.cfg" "$LS_WORK/haproxy/cfg" &&
        haproxy -c -q -f "$LS_WORK/haproxy/cfg" || return 1
    # Low ports need root or this: the namespace is ours.
    nsenter "--net=/run/netns/${LS_SPACE[$2]}" sysctl -q net.ipv4.ip_unprivileged_port_start=0 2>/dev/null
    haproxy_run "${LS_SPACE[$2]}"
}

haproxy_port() { echo $((LS_PORT_BASE + 50)); }

haproxy_configure() {
    local i
    cat <<CFG
global
    stats socket $LS_WORK/haproxy/stats mode 600
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option redispatch
    retries 3
listen mariadb
    bind 127.0.0.1:$(haproxy_port)
    balance leastconn
    option mysql-check user haproxy_check
    default-server inter 300ms rise 1 fall 2 on-marked-down shutdown-sessions
CFG
    for i in $(seq "$NODES"); do
        printf '    server node%s 127.0.0.1:%s check\n' "$i" "$(node_port "$i")"
    done
}

haproxy_start() {
    need haproxy
    mkdir -p "$LS_WORK/haproxy"
    haproxy_configure >"$LS_WORK/haproxy/cfg"
    haproxy_run
    wait_until 10 haproxy_sql "SELECT 1" >/dev/null 2>&1 && return 0
    warn "HAProxy does not let anybody through; what it said:"
    tail -n 10 "$LS_WORK/haproxy/log" >&2
    return 1
}

# haproxy_sql STATEMENT: one connection through HAProxy, as an application would make it.
haproxy_sql() {
    mariadb --no-defaults --user=app --host=127.0.0.1 --protocol=tcp --port="$(haproxy_port)" \
        --connect-timeout=5 --batch --skip-column-names -e "$*"
}
