# Pacemaker and Corosync on three nodes with the unmodified resource agent `galera`: start and promote, a node
# that dies comes back; the others die while it comes back, and the highest seqno bootstraps.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../../scripts/lib/pacemaker.sh"
LS_OWN_PORTS=yes
LS_NET=10.0.0
test_begin
trap 'pacemaker_end; test_end' EXIT
must spaces_make 3
must cluster_prepare 3
must pacemaker_start 3
kill_server() { on_node "$1" pkill -KILL -x mariadbd; }

must pacemaker_resource "$(galera_resource 3 10.0.0.1,10.0.0.2,10.0.0.3)"
expect "all three are promoted" pacemaker_gets 100 promoted db1 db2 db3
expect "and are one cluster" cluster_wait_size 3 1 2 3
must keys_table 1 t.k
load_start a 1 t.k
must load_grows a

must kill_server 2
expect "the others go on" load_grows a
demoted() { ! promoted db1 db2 db3; }
wait_until 20 demoted
expect "Pacemaker brings it back" pacemaker_gets 100 promoted db1 db2 db3
expect "three members" cluster_wait_size 3 1 2 3

# A node that Pacemaker starts finds nobody to join, and Pacemaker starts the others only when that start has
# ended (galera-4 waits until the action's time-out of 300 s).
starts() { grep -c 'Starting mariadbd daemon' "$(node_log 1)"; }
before=$(starts)
must kill_server 1
started() { [ "$(starts)" -gt "$before" ]; } # what it says before it looks for the position to start from
expect "Pacemaker starts it again" wait_until 60 started
for i in 2 3; do must kill_server $i; done
load_stop a
wait_until 30 eval '! pacemaker_shows "Promoted: \[.* db[23] "'
expect "they are promoted again" pacemaker_gets 120 promoted db1 db2 db3
expect "as one cluster" cluster_wait_size 3 1 2 3
expect "nothing acknowledged is lost" nothing_lost a 2 t.k
expect "the same rows" tables_equal "1 2 3" t.k
