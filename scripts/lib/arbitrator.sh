# The arbitrator as one more member of a cluster of servers; node numbers and addresses as theirs.
#
# arbitrator_launch I [ARG...]   starts it as node I's neighbour in space; arbitrator_wait I
# arbitrator_state I             the directory that keeps its vote and log
# node_stop, node_kill, node_alive, node_log work on it as on a server.
#
# Settings: ARBITRATOR (the program; beside PROVIDER), ARBITRATOR_OPTIONS (added to --options).

: "${ARBITRATOR:=$(dirname "$PROVIDER")/lockstep-arbitrator}"
: "${ARBITRATOR_OPTIONS:=}"

arbitrator_state() { echo "$LS_WORK/n$1/state"; }

# Nodes in its address: all but itself.
arbitrator_address() {
    local i list=
    for i in $(seq "$NODES"); do
        [ "$i" = "$1" ] || list="$list${list:+,}$(node_host "$i"):$(node_group_port "$i")"
    done
    echo "gcomm://$list"
}

arbitrator_prepare() {
    local dir
    dir=$(node_dir "$1")
    [ -x "$ARBITRATOR" ] || die "no arbitrator at $ARBITRATOR (scripts/build makes it)"
    mkdir -p "$(arbitrator_state "$1")"
    [ -e "$LS_WORK/arbitrator" ] || cp "$ARBITRATOR" "$LS_WORK/arbitrator"
    : >>"$dir/error.log"
    server_owns "$dir"
}

arbitrator_launch() {
    local i=$1 dir
    shift
    arbitrator_prepare "$i" || return 1
    dir=$(node_dir "$i")
    (
        cd "$dir/state" || exit 1
        ulimit -c unlimited
        LS_IN_SPACE=${LS_SPACE[$i]:-} as_server setsid "$LS_WORK/arbitrator" \
            --address "$(arbitrator_address "$i")" --group "$CLUSTER" --name "arbitrator$i" \
            --workdir "$(arbitrator_state "$i")" --log "$dir/error.log" \
            --options "gmcast.listen_addr=tcp://$(node_host "$i"):$(node_group_port "$i");$ARBITRATOR_OPTIONS" \
            "$@" 9>&- >>"$dir/output" 2>&1
    ) &
    LS_PID[$i]=$!
    disown $!
}

# arbitrator_counts I NODE: the node sees it as a voting member.
arbitrator_counts() { [ "$(arbitrator_shown "$1" "$2")" = Synced ]; }

# Its state as the node's status plugin has it; empty when it is no member or does not vote yet.
arbitrator_shown() {
    sql "$2" "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='lockstep_members'" 2>/dev/null |
        tr ';' '\n' | sed -n "s/^ *arbitrator$1: \([A-Za-z]*\), weight [0-9]*\$/\1/p"
}
