# The units of scripts/service, and the server's own of the distribution, under systemd itself, which here is the
# first process of namespaces of its own: readiness, failures that a restart cannot mend and those that it
# can, reload, the end; a cluster founded by galera_new_cluster, killed, and back.
. "$(dirname "$0")/lib.sh"
test_begin
trap 'systemd_end; test_end' EXIT
need systemctl unshare nsenter
must with_plugin
NODES=2
must cluster_start 2
must sql 1 "CREATE USER lockstep_health@localhost IDENTIFIED BY 'a secret'"

# Behind /etc and /usr/bin lie the machine's; what is added is in memory.
dir=$LS_WORK/systemd
mkdir -p "$dir/units/service.d" "$dir/bin" "$dir/etc/default" "$dir/etc/lockstep" "$dir/etc/mysql/mariadb.conf.d" "$dir/root"
cp "$LS_ROOT"/scripts/service/*.service /lib/systemd/system/mariadb.service "$dir/units/"
cp "$(node_dir 1)/my.cnf" "$dir/etc/mysql/mariadb.conf.d/99-lockstep.cnf"
for target in network default sysinit basic network-online shutdown; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' $target >"$dir/units/$target.target"
done
# There is no journal: what services say goes into a file.
printf '[Service]\nStandardOutput=append:%s\nStandardError=append:%s\n' "$dir/said" "$dir/said" >"$dir/units/service.d/said.conf"
cp "$LS_ROOT/scripts/service/garb-systemd" "$dir/bin/"
cp "$HEALTH" "$dir/bin/lockstep-health"
cp "$ARBITRATOR" "$dir/bin/garbd"
cp "$LS_ROOT/scripts/service/garb.default" "$dir/etc/default/garb"
cat >"$dir/etc/lockstep/health.conf" <<CONF
port = $(node_health_port 1)
agent-port = $(node_agent_port 1)
listen = 127.0.0.1
socket = $(node_dir 1)/sock
password-file = /etc/lockstep/health.password
CONF
echo "a secret" >"$dir/etc/lockstep/health.password"
# systemd wants a root that is a mount, which that of a chroot is not: everything is mounted once more.
cat >"$dir/enter" <<SH
set -e
mount --rbind / $dir/root
mount --make-rprivate $dir/root
exec chroot $dir/root bash $dir/inner
SH
cat >"$dir/inner" <<SH
set -e
mount -t cgroup2 none /mnt
mkdir /mnt/lockstep-$$
echo \$\$ >/mnt/lockstep-$$/cgroup.procs
umount /mnt
mount -t tmpfs tmpfs /mnt
mkdir /mnt/w1 /mnt/w2
cp -a $dir/etc $dir/bin /mnt/
mount -t overlay etc -o lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/w1 /etc
mount -t overlay bin -o lowerdir=/usr/bin,upperdir=/mnt/bin,workdir=/mnt/w2 /usr/bin
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /run
exec unshare --mount --cgroup --pid --fork --mount-proc --kill-child bash $dir/first
SH
cat >"$dir/first" <<SH
mount -t tmpfs tmpfs /sys/fs/cgroup # the same may not be mounted upon itself
mount -t cgroup2 none /sys/fs/cgroup # what is seen of it is its own part
SYSTEMD_UNIT_PATH=$dir/units container=lockstep exec /lib/systemd/systemd --system --log-target=null --show-status=no
SH
propagation=$(mounts_propagation)
(setsid unshare --mount --propagation $propagation bash "$dir/enter" 9>&- >"$dir/log" 2>&1) &
LS_PID[systemd]=$!
disown $!

# The first process takes all others with it; what is left is its part of the tree of groups.
systemd_end() {
    [ -n "${LS_PID[systemd]:-}" ] || return 0
    server_end_session "${LS_PID[systemd]}"
    unset "LS_PID[systemd]"
    wait_until 5 unshare --mount --propagation $propagation sh -c "mount -t cgroup2 none /mnt &&
        find /mnt/lockstep-$$ -depth -type d -exec rmdir {} + 2>/dev/null"
}

inside() { nsenter --target "$first" --mount --pid --cgroup --root --wd "$@"; }
runs() { first=$(pgrep -P "${LS_PID[systemd]}" -x systemd) && inside systemctl is-system-running 2>/dev/null | grep -qE "running|degraded"; }
shows() { inside systemctl show --property "$2" --value "$1"; }
is() { [ "$(shows "$1" "$2")" = "$3" ]; }
if ! wait_until 20 runs; then
    tail -n 20 "$dir/log"
    must false
fi

for unit in garb lockstep-health; do
    expect_same "$unit.service is as systemd wants it" "" \
        "$(inside env "SYSTEMD_UNIT_PATH=$dir/units" systemd-analyze verify --recursive-errors=no $unit.service 2>&1)"
done

say "  the arbitrator"
expect "without settings it does not start" eval '! inside systemctl start garb 2>/dev/null'
expect_same "which is no success" failed "$(shows garb ActiveState)"
expect_same "but says: not configured" 6 "$(shows garb ExecMainStatus)"
expect_same "and is not tried again" 0 "$(shows garb NRestarts)"
expect "it says what to do" grep -q "set GALERA_NODES and GALERA_GROUP" "$dir/said"
inside sh -c "cat >/etc/default/garb" <<CONF
GALERA_NODES="127.0.0.1:$(node_group_port 1) 127.0.0.1:$(node_group_port 2)"
GALERA_GROUP="$CLUSTER"
GALERA_OPTIONS="gmcast.listen_addr=tcp://127.0.0.1:$(node_group_port 3)"
CONF
expect "with them it does" inside systemctl start garb
expect_same "and is ready" active "$(shows garb ActiveState)"
expect "a member" cluster_wait_size 3 1 2
votes() { sql 1 "SHOW STATUS LIKE 'lockstep_members'" | grep -q "garb: Synced, weight 1\$"; }
expect "that votes" wait_until 20 votes
main=$(shows garb MainPID)
must [ "$main" -gt 0 ]
# systemd gives DynamicUser= one of these.
expect "as a user that exists only for it" eval 'uid=$(inside stat --format %u "/proc/$main") && [ "$uid" -ge 61184 ] && [ "$uid" -le 65519 ]'
expect "its state is under /var/lib/lockstep" inside test -n "$(inside find "/var/lib/private/lockstep/$CLUSTER" -type f -size +0)"
expect "a reload" inside systemctl reload garb
expect_same "leaves it alone" "active $main" "$(shows garb ActiveState) $(shows garb MainPID)"
inside kill -KILL "$main"
restarted() { is garb ActiveState active && ! is garb MainPID "$main"; }
expect "killed, it is started again" wait_until 20 restarted
expect "a member again" cluster_wait_size 3 1 2
expect "that votes" wait_until 20 votes
expect "it is stopped" inside systemctl stop garb
expect_same "in good order" "inactive success" "$(shows garb ActiveState) $(shows garb Result)"
expect "having left" cluster_wait_size 2 1 2

say "  the health endpoint"
expect "it starts" inside systemctl start lockstep-health
expect "and answers" wait_until 5 health_is 1 / 200
main=$(shows lockstep-health MainPID)
must [ "$main" -gt 0 ]
expect_same "as the user that it is to have" mysql "$(inside stat --format %U "/proc/$main")"
expect "a reload" inside systemctl reload lockstep-health
expect_same "leaves it alone" "active $main" "$(shows lockstep-health ActiveState) $(shows lockstep-health MainPID)"
inside kill -KILL "$main"
answers_again() { ! is lockstep-health MainPID "$main" && health_is 1 / 200; }
expect "killed, it is started again" wait_until 20 answers_again
expect "it is stopped" inside systemctl stop lockstep-health
expect_same "in good order" "inactive success" "$(shows lockstep-health ActiveState) $(shows lockstep-health Result)"

if [ -n "$(sanitizer_preload)" ]; then # the server's unit knows nothing of what a sanitizer needs
    exit
fi
say "  the server"
must node_stop 2
must node_stop 1
log_forget 1
expect "galera_new_cluster starts the last one that was stopped" inside galera_new_cluster
expect "as the first of its cluster" wait_until 30 node_is_synced 1
expect_same "and is ready" active "$(shows mariadb ActiveState)"
must node_start 2
expect "others join it" cluster_wait_size 2 1 2
must keys_table 1 t.k
# killed WHO...: rows that the server of the unit has acknowledged, then its end.
killed() {
    load_start "$1" 1 t.k
    must load_grows "$1"
    main=$(shows mariadb MainPID)
    must [ "$main" -gt 0 ]
    log_forget 1
    [ "$1" != all ] || node_kill 2
    inside kill -KILL "$main"
    load_stop "$1"
}
is_back() { ! is mariadb MainPID "$main" && is mariadb ActiveState active && node_is_synced 1; }
killed alone
expect "killed, it is started again" wait_until 60 is_back
expect "a member again" cluster_wait_size 2 1 2
expect "with its position: no copy is taken" eval "log_says 1 'IST received' && ! log_says 1 'SST received'"
expect "nothing is lost" nothing_lost alone 1 t.k
must inside systemctl stop mariadb
log_forget 1
expect "stopped, it is started by systemctl" inside systemctl start mariadb
expect "a member again" cluster_wait_size 2 1 2
expect "and no copy is taken" eval "! log_says 1 'SST received'"
killed all
inside systemctl stop mariadb # which was to start it in 5 s
node_launch 2
expect "all killed, they are started as usual" inside systemctl start mariadb
expect "and are back" wait_until 60 node_is_synced 1
expect "both" cluster_wait_size 2 1 2
for i in 1 2; do expect "nothing acknowledged is missing on node$i" nothing_lost all $i t.k; done
expect "the same rows" tables_equal "1 2" t.k
expect "it is stopped" inside systemctl stop mariadb
expect_same "in good order" "inactive success" "$(shows mariadb ActiveState) $(shows mariadb Result)"
expect "having left" cluster_wait_size 1 2
