# Free loopback ports. A run takes a block of 100 ports below the kernel's ephemeral range and
# holds a lock on it, so that runs side by side never take the same one.

# port_is_free PORT: nobody listens there (asked of the kernel's table, nothing is connected to).
port_is_free() {
    local hex
    hex=$(printf ':%04X ' "$1")
    ! cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v p="$hex" '$4 == "0A" && index($2 " ", p) { found = 1 } END { exit !found }'
}

# ports_take: sets LS_PORT_BASE to a free block; the lock ends with this shell.
ports_take() {
    local try base port free
    for try in $(seq 50); do
        base=$((20000 + (RANDOM % 120) * 100))
        exec 9>"/var/tmp/lockstep-ports.$(id -u).$base" || return 1
        flock -n 9 || continue
        free=yes
        for port in $(seq "$base" $((base + 59))); do
            port_is_free "$port" || free=no
        done
        if [ "$free" = yes ]; then
            LS_PORT_BASE=$base
            return 0
        fi
    done
    warn "no free block of ports between 20000 and 32000 after $try tries"
    return 1
}
