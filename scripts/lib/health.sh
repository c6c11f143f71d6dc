# The health endpoint beside a server.
#
# health_start I [ARG...]   the daemon for node I, on the node's health and agent ports
# health_get I PATH         the body; health_code I PATH [ARG...] the status of HTTP
# health_agent I            what the agent-check says
# in_space I COMMAND...     in node I's network namespace, if it has one; as ourselves. into_space takes
#                           the place of this (sub)shell, so that $! is the command
#
# Settings: HEALTH (the program; beside PROVIDER).

LS_PLUGIN=
: "${HEALTH:=$(dirname "$PROVIDER")/lockstep-health}"

in_space() {
    local i=$1
    shift
    ${LS_SPACE[$i]:+nsenter "--net=/run/netns/${LS_SPACE[$i]}"} "$@"
}

into_space() {
    local i=$1
    shift
    exec ${LS_SPACE[$i]:+nsenter "--net=/run/netns/${LS_SPACE[$i]}"} "$@"
}

health_start() {
    local i=$1
    shift
    [ -x "$HEALTH" ] || die "no health daemon at $HEALTH (scripts/build makes it)"
    [ -e "$LS_WORK/health" ] || cp "$HEALTH" "$LS_WORK/health"
    (LS_IN_SPACE=${LS_SPACE[$i]:-} as_server setsid "$LS_WORK/health" --port "$(node_health_port "$i")" \
        --agent-port "$(node_agent_port "$i")" --socket "$(node_dir "$i")/sock" --user app \
        --disabled-file "$LS_WORK/disabled$i" "$@" 9>&- >>"$LS_WORK/health$i.log" 2>&1) &
    LS_PID[health$i]=$!
    disown $!
    wait_until 10 health_answers "$i"
}

health_stop() {
    kill -TERM "${LS_PID[health$1]}"
    wait_until 10 eval "! pid_alive ${LS_PID[health$1]}" || return 1
    unset "LS_PID[health$1]"
}

health_url() { echo "http://$(node_host "$1"):$(node_health_port "$1")$2"; }
health_get() { in_space "$1" curl --silent --max-time 5 "$(health_url "$1" "$2")"; }
health_code() {
    local i=$1 path=$2
    shift 2
    in_space "$i" curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' "$@" "$(health_url "$i" "$path")"
}
health_answers() { [ "$(health_code "$1" /)" != 000 ]; }
health_is() { [ "$(health_code "$1" "$2")" = "$3" ]; }
# health_writer: the nodes of 1..3 that say they are the writer, a line each.
health_writer() {
    local i
    for i in 1 2 3; do [ "$(health_code $i /writer)" != 200 ] || echo $i; done
}
health_agent() { in_space "$1" timeout 5 bash -c "exec 3<>/dev/tcp/$(node_host "$1")/$(node_agent_port "$1"); cat <&3"; }

# The nodes prepared from now on load the status plugin, and look for the file that health_start names.
with_plugin() {
    local plugin
    plugin=$(dirname "$PROVIDER")/lockstep_status.so
    [ -r "$plugin" ] || plugin=$LS_ROOT/build/lockstep_status.so
    mkdir "$LS_WORK/plugins" && cp "$plugin" "$LS_WORK/plugins/" && chmod -R a+rX "$LS_WORK/plugins" || return 1
    LS_PLUGIN=yes
    NODE_CNF="plugin-dir=$LS_WORK/plugins
plugin-load-add=lockstep_status
$NODE_CNF"
}

# leads N: by its own word, for which it needs the plugin.
leads() { [ "$(status "$1" lockstep_leader)" = "node$1" ]; }
