# A backup by way of the arbitrator (--sst) and a majority that goes away while it is asked for or given: the
# caller is told "complete" when the donor's script has ended well, and never before.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
sst=$LS_WORK/sst
must mkdir "$sst" && must chmod 777 "$sst"
cat >"$sst/wsrep_sst_held" <<SH
#!/bin/bash
while [ \$# -gt 0 ]; do
    case \$1 in --gtid) gtid=\$2 ;; esac
    shift
done
touch $sst/donating
while [ -e $sst/hold ]; do sleep 0.1; done
touch $sst/over
[ ! -e $sst/fail ] || exit 1
echo "done \$gtid 0"
SH
must chmod 755 "$sst/wsrep_sst_held"
PATH=$sst:$PATH
NODE_OPTIONS="evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;"
NODES=2
must cluster_start 2
must arbitrator_prepare 3
is_primary() { [ "$(status "$1" wsrep_cluster_status)" = Primary ]; }
is_out() { [ "$(status "$1" wsrep_cluster_status)" = non-Primary ]; }
backup_says() { grep -qE -e "$1" "$LS_WORK/backup.log"; }

# Its status is in backup.end, with whether the donor's script was through by then.
backup_begin() {
    rm -f "$sst"/{donating,over,fail} "$LS_WORK/backup.end"
    touch "$sst/hold"
    : >"$LS_WORK/backup.log"
    (
        (as_server timeout 100 "$LS_WORK/arbitrator" -a "$(arbitrator_address 3)" -g "$CLUSTER" -w "$(arbitrator_state 3)" \
            -o "gmcast.listen_addr=tcp://127.0.0.1:$(node_group_port 3);$NODE_OPTIONS" \
            --sst held:x --donor node1 9>&- >"$LS_WORK/backup.log" 2>&1)
        echo "$? $([ ! -e "$sst/over" ] || echo over)" >"$LS_WORK/backup.tmp"
        mv "$LS_WORK/backup.tmp" "$LS_WORK/backup.end"
    ) &
}
backup_ends() {
    wait_until 60 test -e "$LS_WORK/backup.end" && [ "$(cat "$LS_WORK/backup.end")" = "$1" ] && return 0
    say "    $(cat "$LS_WORK/backup.end" 2>&1)" "$(tail -n 5 "$LS_WORK/backup.log")"
    return 1
}
majority_goes() {
    kill -STOP "$(node_pid 2)"
    must wait_until 30 is_out 1
    must wait_until 30 backup_says "primary = no"
}
all_are_well() {
    expect "both servers are synced again" eval 'node_wait 1 && node_wait 2'
    expect "and two" cluster_wait_size 2 1 2
}

backup_begin
must wait_until 30 test -e "$sst/donating"
majority_goes
kill -CONT "$(node_pid 2)"
must wait_until 30 is_primary 1
must cluster_wait_size 3 1 2
gives() { [ "$(status 1 wsrep_local_state_comment)" = Donor/Desynced ]; }
expect "the donor goes on giving" wait_until 30 gives
rm "$sst/hold"
expect "the backup is complete when the script is" backup_ends "0 over"
all_are_well

backup_begin
must wait_until 30 test -e "$sst/donating"
majority_goes
touch "$sst/fail"
rm "$sst/hold"
must wait_until 30 test -e "$sst/over"
kill -CONT "$(node_pid 2)"
expect "one that fails without a majority is no success" backup_ends "1 over"
expect "which is said" backup_says "nobody was told how|could not complete"
all_are_well

backup_begin
must wait_until 30 test -e "$sst/donating"
majority_goes
node_kill 1
must node_launch 1
kill -CONT "$(node_pid 2)"
expect "nor is one whose donor was started again" backup_ends "1 "
expect "which is said" backup_says "donor has left the cluster before"
all_are_well

# Asked for once a second while the donor is busy: one request is lost with the component.
must sql 1 "SET GLOBAL wsrep_desync=ON"
backup_begin
must wait_until 30 backup_says "requested state transfer"
majority_goes
kill -CONT "$(node_pid 2)" # out of the component nobody is desynced
expect "a request that was lost is made again" wait_until 30 test -e "$sst/donating"
rm "$sst/hold"
expect "and answered" backup_ends "0 over"
all_are_well
