# Pacemaker with the unmodified resource agents `galera` on two nodes and `garbd` on the third: the arbitrator is
# started, watched and stopped, and makes either server's loss survivable.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../../scripts/lib/pacemaker.sh"
LS_OWN_PORTS=yes
LS_NET=10.0.0
NODES=2
test_begin
trap 'pacemaker_end; test_end' EXIT
must with_plugin
must spaces_make 3
must cluster_prepare 2
must arbitrator_prepare 3
must install -D -m 755 "$ARBITRATOR" "$LS_WORK/garb/garbd"
must pacemaker_start 3
never() { on_node 1 cibadmin --create --scope constraints --xml-text "<rsc_location id=\"never-$1-$2\" rsc=\"$1\" node=\"$2\" score=\"-INFINITY\"/>"; }
must pacemaker_resource "$(galera_resource 2 10.0.0.1,10.0.0.2)"
must never galera-clone db3
expect "both servers are promoted" pacemaker_gets 100 promoted db1 db2
must keys_table 1 t.k
must pacemaker_resource "<primitive id=\"garbd\" class=\"ocf\" provider=\"heartbeat\" type=\"garbd\"><meta_attributes id=\"garbd-meta\">$(nvpairs gm target-role=Stopped)</meta_attributes><instance_attributes id=\"garbd-parameters\">$(
    nvpairs g binary="$LS_WORK/garb/garbd" wsrep_cluster_address=gcomm://10.0.0.1:4567,10.0.0.2:4567 wsrep_cluster_name="$CLUSTER" log=/mnt/garbd.log pid=/mnt/garbd.pid
)</instance_attributes><operations><op id=\"g1\" name=\"monitor\" interval=\"3s\" timeout=\"20s\"/><op id=\"g2\" name=\"start\" interval=\"0\" timeout=\"30s\"/><op id=\"g3\" name=\"stop\" interval=\"0\" timeout=\"30s\"/></operations></primitive>"
must never garbd db1
must never garbd db2
role() { on_node 1 crm_resource --resource garbd --set-parameter target-role --meta --parameter-value "$1"; }
must role Started
expect "the agent starts the arbitrator" pacemaker_gets 60 pacemaker_shows "garbd.*Started db3"
for i in 1 2 3; do [ ! -s "$(node_dir $i)/garbd.log" ] || grep -h ERROR "$(node_dir $i)/garbd.log" | sed "s/^/    db$i: /"; done
expect "three members" cluster_wait_size 3 1 2
votes() { status 1 lockstep_members | grep -qE 'garb: Synced, weight 1(;|$)'; }
expect "it votes" wait_until 30 votes
load_start a 1 t.k
must load_grows a
must on_node 3 pkill -KILL -x garbd
expect "its death holds up nobody" load_grows a
expect "it is missed" cluster_wait_size 2 1 2
expect "the agent starts it again" cluster_wait_size 3 1 2
expect "it votes again" wait_until 30 votes
must on_node 2 pkill -KILL -x mariadbd
expect "with it one server goes on" load_grows a
expect "and the other is brought back" wait_until 120 cluster_has_size 1 3
load_stop a
must role Stopped
expect "the agent stops it" wait_until 60 eval '! on_node 3 pgrep -x garbd >/dev/null'
expect "having left" cluster_wait_size 2 1 2
expect "nothing acknowledged is lost" nothing_lost a 2 t.k
