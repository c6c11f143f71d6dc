# Clusters of real servers and what can be asked of them as a whole. Sources the rest.
. "$(dirname "${BASH_SOURCE[0]}")/base.sh"
. "$(dirname "${BASH_SOURCE[0]}")/ports.sh"
. "$(dirname "${BASH_SOURCE[0]}")/space.sh"
. "$(dirname "${BASH_SOURCE[0]}")/disk.sh"
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
. "$(dirname "${BASH_SOURCE[0]}")/arbitrator.sh"
. "$(dirname "${BASH_SOURCE[0]}")/health.sh"
. "$(dirname "${BASH_SOURCE[0]}")/session.sh"
. "$(dirname "${BASH_SOURCE[0]}")/haproxy.sh"

# cluster_prepare N, cluster_launch: in two steps, for what a test changes in between.
cluster_prepare() {
    local i
    NODES=$1
    for i in $(seq "$NODES"); do
        node_prepare "$i" || return 1
    done
}

cluster_launch() {
    local i
    node_start 1 --wsrep-new-cluster || return 1
    for i in $(seq 2 "$NODES"); do
        node_launch "$i"
    done
    for i in $(seq 2 "$NODES"); do
        node_wait "$i" || return 1
    done
}

# cluster_start N: the first bootstraps, the others join through a state transfer.
cluster_start() { cluster_prepare "$1" && cluster_launch; }

# cluster_start_on_disks N MIB: the same, each on a disk of its own (disk.sh).
cluster_start_on_disks() {
    local i
    cluster_prepare "$1" || return 1
    for i in $(seq "$1"); do
        disk_make "$i" "$2" || return 1
    done
    cluster_launch
}

cluster_stop() {
    local i
    for i in "${!LS_PID[@]}"; do
        case $i in [1-9]) node_stop "$i" || return 1 ;; esac
    done
}

cluster_has_size() { [ "$(status "$1" wsrep_cluster_size 2>/dev/null)" = "$2" ]; }

# cluster_wait_size SIZE NODE...: every named node sees that many members.
cluster_wait_size() {
    local size=$1 i
    shift
    for i in "$@"; do
        wait_until 60 cluster_has_size "$i" "$size" && continue
        warn "node$i sees $(status "$i" wsrep_cluster_size) members after 60 s, not $size"
        return 1
    done
}

# table_sum NODE TABLE: rows and checksum, read after everything that is already ordered.
table_sum() {
    sql "$1" "SET SESSION wsrep_sync_wait=15; SELECT COUNT(*) FROM $2; CHECKSUM TABLE $2 EXTENDED" |
        awk '{ printf "%s%s", sep, $NF; sep = " " } END { print "" }'
}

# tables_equal "NODE..." TABLE...: the same rows everywhere, or a line for each node that differs.
tables_equal() {
    local nodes=$1 table i first sum
    shift
    for table in "$@"; do
        first=
        for i in $nodes; do
            sum=$(table_sum "$i" "$table")
            case $sum in *" NULL" | "") warn "node$i cannot read $table"; return 1 ;; esac
            [ -n "$first" ] || first=$sum
            [ "$sum" = "$first" ] && continue
            warn "$table differs: node$i has $sum, the first node $first (rows, checksum)"
            return 1
        done
    done
}

# cluster_table TABLE: what each node says of the cluster, for people.
cluster_table() {
    local i
    printf '%-7s %-5s %-12s %-8s %-10s %-6s %-8s %s\n' node size status state committed index rows checksum
    for i in $(seq "$NODES"); do
        if ! node_alive "$i"; then
            printf '%-7s %s\n' "node$i" "(not running)"
            continue
        fi
        # shellcheck disable=SC2046 # split on purpose
        printf '%-7s %-5s %-12s %-8s %-10s %-6s %-8s %s\n' "node$i" \
            "$(status "$i" wsrep_cluster_size)" "$(status "$i" wsrep_cluster_status)" \
            "$(status "$i" wsrep_local_state_comment)" "$(status "$i" wsrep_last_committed)" \
            "$(status "$i" wsrep_local_index)" $(table_sum "$i" "$1")
    done
}
