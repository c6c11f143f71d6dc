# Corosync and Pacemaker on nodes that have namespaces of their own (spaces_make): network, mounts, host name,
# and processes, since mariadbd-safe ends what looks like its own server gone wild.
#
# pacemaker_start N      both on the nodes 1..N, named db1..dbN; waits until they are one cluster
# on_node I COMMAND...   in node I's namespaces, as root: crm_mon, cibadmin, ...
# pacemaker_resource XML adds it
# pacemaker_shows REGEX  what crm_mon prints, on the first node that answers
# pacemaker_gets SECONDS COMMAND...  it comes to that, or what Pacemaker shows is printed
#
# What the daemons write lies under LS_WORK/pcmk. In the namespaces node I's directory is /mnt, so that one
# set of parameters does for all.

on_node() {
    local i=$1
    shift
    nsenter --target "$(cat "$LS_WORK/pcmk/$i/holder")" --mount --uts --net --pid --root --wd "$@"
}

# The namespaces live as long as a process in them.
pacemaker_space() {
    local i=$1 dir=$LS_WORK/pcmk/$1 k propagation
    propagation=$(mounts_propagation)
    mkdir -p "$dir"/{etc,lib-corosync,lib-pacemaker,log,lib-lockstep}
    mkdir -p /var/lib/lockstep
    cp -a /var/lib/pacemaker/. "$dir/lib-pacemaker/"
    chown hacluster:haclient "$dir/lib-pacemaker" "$dir/log"
    server_owns "$dir/lib-lockstep"
    cat >"$dir/etc/corosync.conf" <<CONF
totem {
    version: 2
    cluster_name: lockstep
    transport: udpu
}
quorum {
    provider: corosync_votequorum
}
logging {
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
    to_syslog: no
}
nodelist {
$(for k in $(seq "$2"); do printf '    node {\n        ring0_addr: %s\n        name: db%s\n        nodeid: %s\n    }\n' "${LS_HOST[$k]}" "$k" "$k"; done)
}
CONF
    { echo "127.0.0.1 localhost" && for k in $(seq "$2"); do echo "${LS_HOST[$k]} db$k"; done; } >"$dir/etc/hosts"
    cat >"$dir/enter" <<SH
set -e
hostname db$i
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/corosync /run/crm /run/resource-agents /run/mysqld
ln -s /mnt/sock /run/mysqld/mysqld.sock # where the agents' client looks
chown hacluster:haclient /run/crm
mount --bind $dir/etc /etc/corosync
mount --bind $dir/etc/hosts /etc/hosts
mount --bind $dir/lib-corosync /var/lib/corosync
mount --bind $dir/lib-pacemaker /var/lib/pacemaker
mount --bind $dir/log /var/log/pacemaker
mount --bind $dir/log /var/log/corosync
mount --bind $dir/lib-lockstep /var/lib/lockstep
mount --bind $(node_dir "$i") /mnt
touch $dir/ready
while :; do sleep 3600 & wait \$!; done # and not sleep alone: the first process reaps the orphans
SH
    (into_space "$i" setsid unshare --mount --propagation "$propagation" --uts --pid --fork --mount-proc --kill-child bash "$dir/enter" 9>&- >"$dir/enter.log" 2>&1) &
    LS_PID[pcmk$i]=$!
    disown $!
    wait_until 10 test -e "$dir/ready" && pgrep -P "${LS_PID[pcmk$i]}" >"$dir/holder"
}

pacemaker_daemon() {
    local i=$1 name=$2
    shift 2
    (on_node "$i" setsid "$@" 9>&- >"$LS_WORK/pcmk/$i/$name.out" 2>&1) &
    disown $!
}

pacemaker_start() {
    local i
    need corosync pacemakerd cibadmin crm_mon
    for i in $(seq "$1"); do
        mkdir -p "$(node_dir "$i")"
        pacemaker_space "$i" "$1" || return 1
    done
    for i in $(seq "$1"); do pacemaker_daemon "$i" corosync corosync -f; done
    sleep 2
    for i in $(seq "$1"); do pacemaker_daemon "$i" pacemaker pacemakerd -f; done
    wait_until 90 pacemaker_shows "Online: \[ $(seq -f 'db%g' -s ' ' "$1") \]" || return 1
    on_node 1 crm_attribute --name stonith-enabled --update false
}

pacemaker_shows() {
    local i
    for i in 1 2 3; do
        [ -s "$LS_WORK/pcmk/$i/holder" ] || continue
        on_node "$i" timeout 10 crm_mon -1 >"$LS_WORK/pcmk/shown" 2>/dev/null && grep -qE "$1" "$LS_WORK/pcmk/shown" && return 0
    done
    return 1
}

pacemaker_gets() {
    wait_until "$@" && return 0
    sed 's/^/    /' "$LS_WORK/pcmk/shown"
    return 1
}

pacemaker_resource() { on_node 1 cibadmin --create --scope resources --xml-text "$1"; }

# name=value pairs of a set of parameters: nvpairs ID PAIR...
nvpairs() {
    local id=$1 pair
    shift
    for pair in "$@"; do printf '<nvpair id="%s-%s" name="%s" value="%s"/>' "$id" "${pair%%=*}" "${pair%%=*}" "${pair#*=}"; done
}
# The resource `galera` on so many nodes: galera_resource PROMOTED-MAX ADDRESSES
galera_resource() {
    printf '<clone id="galera-clone"><meta_attributes id="galera-meta">%s</meta_attributes><primitive id="galera" class="ocf" provider="heartbeat" type="galera"><instance_attributes id="galera-parameters">%s</instance_attributes><operations>%s</operations></primitive></clone>' \
        "$(nvpairs meta promotable=true promoted-max="$1" clone-max="$1" ordered=false interleave=true)" \
        "$(nvpairs p binary=/usr/bin/mariadbd-safe config=/mnt/my.cnf datadir=/mnt/data pid=/mnt/pid socket=/mnt/sock log=/mnt/error.log \
            wsrep_cluster_address="gcomm://$2" cluster_host_map="db1:10.0.0.1;db2:10.0.0.2;db3:10.0.0.3" check_user=app)" \
        "<op id=\"o1\" name=\"start\" interval=\"0\" timeout=\"120s\"/><op id=\"o2\" name=\"promote\" interval=\"0\" timeout=\"300s\"/><op id=\"o3\" name=\"stop\" interval=\"0\" timeout=\"120s\"/><op id=\"o4\" name=\"monitor\" role=\"Promoted\" interval=\"3s\" timeout=\"30s\"/><op id=\"o5\" name=\"monitor\" role=\"Unpromoted\" interval=\"5s\" timeout=\"30s\"/>"
}
promoted() { pacemaker_shows "Promoted: \[ $* \]"; }

# The first process of a namespace takes all others with it.
pacemaker_end() {
    local i
    for i in 1 2 3; do
        [ -s "$LS_WORK/pcmk/$i/holder" ] || continue
        [ -z "${LS_LOGS:-}" ] || { mkdir -p "$LS_LOGS" && cp "$LS_WORK/pcmk/$i/log/pacemaker.log" "$LS_LOGS/pacemaker$i.log" 2>/dev/null; }
        kill -KILL "$(cat "$LS_WORK/pcmk/$i/holder")" 2>/dev/null
    done
    rmdir /var/lib/lockstep 2>/dev/null || true
}
