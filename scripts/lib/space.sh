# Nodes in network namespaces of their own, joined by a bridge, so that a cable can be pulled.
#
# spaces_make N   node I gets a namespace, and an address for LS_HOST[I], before it is prepared
# spaces_make_far N US   the same, each packet underway for so many microseconds; nothing to cut there
# space_cut I     its cable is pulled: packets vanish, no connection is told; space_mend I
# spaces_split I...  these on one side, the rest on the other; spaces_join
# space_deafen J I   J hears nothing of I any more, while I hears J
# space_lose I N     of the packets that come to I, N in a hundred are lost
# space_narrow I RATE   what goes to it passes at that rate (as tc writes it); space_widen I
# space_heal I       neither any more
# spaces_end      removes all of it (work_end does)
#
# The switch is a namespace, too: nothing of the machine's own network is touched.

declare -A LS_HOST=() LS_SPACE=()
: "${LS_NET:=10.77.0}"
LS_SWITCH=

# `ip -n` would mount things anew, which a chroot does not allow.
ip_in() {
    local name=$1
    shift
    nsenter "--net=/run/netns/$name" ip "$@"
}

# What unshare's --propagation must be: in a chroot / is no mount, and nobody's shared one.
mounts_propagation() { if unshare --mount true 2>/dev/null; then echo private; else echo unchanged; fi; }

space_add() {
    local i=$1 name=$LS_SWITCH-$1
    ip netns add "$name" || return 1
    LS_SPACE[$i]=$name
    LS_HOST[$i]=$LS_NET.$i
    ip_in "$LS_SWITCH" link add "port$i" type veth peer name eth0 netns "$name" &&
        ip_in "$LS_SWITCH" link set "port$i" master switch up &&
        ip_in "$name" address add "$LS_NET.$i/24" dev eth0 &&
        ip_in "$name" link set eth0 up && ip_in "$name" link set lo up
}

spaces_make() {
    local i
    need ip nsenter
    [ "$(id -u)" = 0 ] || die "network namespaces need root"
    LS_SWITCH=lockstep-$$
    ip netns add "$LS_SWITCH" && ip_in "$LS_SWITCH" link add switch type bridge &&
        ip_in "$LS_SWITCH" link set switch up || return 1
    for i in $(seq "$1"); do
        space_add "$i" || return 1
    done
}

spaces_make_far() {
    local i name delay=$LS_ROOT/build/test/bench/ls-delay ready names=()
    need ip nsenter
    [ "$(id -u)" = 0 ] || die "network namespaces need root"
    [ -x "$delay" ] || die "no $delay (scripts/build makes it)"
    LS_SWITCH=lockstep-$$
    ip netns add "$LS_SWITCH" || return 1
    for i in $(seq "$1"); do
        name=$LS_SWITCH-$i
        ip netns add "$name" || return 1
        LS_SPACE[$i]=$name
        LS_HOST[$i]=$LS_NET.$i
        names+=("$name")
    done
    # It ends with its input, so with this shell, too.
    coproc LS_DELAY { exec "$delay" "$2" "${names[@]}"; }
    read -r -t 10 ready <&"${LS_DELAY[0]}" && [ "$ready" = ready ] || return 1
    for i in "${!LS_SPACE[@]}"; do
        ip_in "${LS_SPACE[$i]}" address add "$LS_NET.$i/24" dev eth0 &&
            ip_in "${LS_SPACE[$i]}" link set eth0 up && ip_in "${LS_SPACE[$i]}" link set lo up || return 1
    done
}

space_cut() { ip_in "$LS_SWITCH" link set "port$1" down; }
space_mend() { ip_in "$LS_SWITCH" link set "port$1" up; }

# The other side's ports are moved to a switch of their own.
spaces_split() {
    local i
    ip_in "$LS_SWITCH" link add other type bridge 2>/dev/null
    ip_in "$LS_SWITCH" link set other up || return 1
    for i in "$@"; do
        ip_in "$LS_SWITCH" link set "port$i" master other || return 1
    done
}

spaces_join() {
    local i
    for i in "${!LS_SPACE[@]}"; do
        ip_in "$LS_SWITCH" link set "port$i" master switch || return 1
    done
}

space_filter() {
    local name=${LS_SPACE[$1]}
    shift
    need nft
    nsenter "--net=/run/netns/$name" nft -f - <<RULES
add table ip lockstep
add chain ip lockstep arriving { type filter hook input priority 0; }
add rule ip lockstep arriving $*
RULES
}
space_deafen() { space_filter "$1" ip saddr "${LS_HOST[$2]}" drop; }
space_lose() { space_filter "$1" ip saddr != "${LS_HOST[$1]}" numgen random mod 100 lt "$2" drop; }
space_heal() { nsenter "--net=/run/netns/${LS_SPACE[$1]}" nft "delete table ip lockstep"; }

space_narrow() {
    need tc
    nsenter "--net=/run/netns/$LS_SWITCH" tc qdisc add dev "port$1" root tbf rate "$2" burst 64kb limit 256kb
}
space_widen() { nsenter "--net=/run/netns/$LS_SWITCH" tc qdisc del dev "port$1" root; }

spaces_end() {
    local name
    [ -n "$LS_SWITCH" ] || return 0
    for name in "${LS_SPACE[@]}" "$LS_SWITCH"; do
        ip netns del "$name"
    done
    [ -z "${LS_DELAY_PID:-}" ] || kill "$LS_DELAY_PID" 2>/dev/null
    LS_SWITCH='' LS_SPACE=() LS_HOST=()
}
