# The power of all machines goes at one moment under load: what their disks had not written is gone.
# With the write-set log synced by a majority nothing that was acknowledged is lost, although the
# storage engine does not write its own log at commit, and the order goes on where it was.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start_on_disks 3 700
must keys_table 1 t.k
LOAD_GTIDS=yes
loads_grow() {
    local i
    for i in 1 2 3; do load_start "$1$i" "$i" t.k; done
    for i in 1 2 3; do must load_grows "$1$i"; done
}
loads_stop() {
    local i
    for i in 1 2 3; do load_stop "$1$i"; done
}
nothing_acknowledged_is_lost() {
    local i
    for i in 1 2 3; do
        expect "nothing acknowledged by node$i is lost" nothing_lost "$1$i" 1 t.k
    done
    expect "the same rows everywhere" tables_equal "1 2 3" t.k
    expect "in the same history, and not behind" order_kept "1 2 3" "$1"{1,2,3}
}

loads_grow a
must order_note
must power_cut 1 2 3
loads_stop a
for i in 3 1 2; do node_launch $i; done
for i in 1 2 3; do must node_wait $i 90; done
nothing_acknowledged_is_lost a

# Switched off and on again while running: what was acknowledged since then is as safe as before.
for i in 1 2 3; do must sql $i "SET GLOBAL wsrep_provider_options='log.sync=none'"; done
must sql 1 "INSERT INTO t.k VALUES ('in memory')"
for i in 1 2 3; do must sql $i "SET GLOBAL wsrep_provider_options='log.sync=majority'"; done
loads_grow b
must order_note
must power_cut 2 3
loads_stop b
node_kill 1
for i in 2 1 3; do node_launch $i; done
for i in 1 2 3; do must node_wait $i 90; done
nothing_acknowledged_is_lost b
expect "every write-set in a place of its own" order_kept "1 2 3" {a,b}{1,2,3}
expect "the cluster takes writes" sql 2 "INSERT INTO t.k VALUES ('after')"
