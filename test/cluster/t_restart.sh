# Servers are stopped and started in good order: what they missed comes as an increment, the last to
# leave may bootstrap, the others are refused.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k
load_start a 1 t.k
must load_grows a
must node_stop 3
expect "the others see it leave" cluster_wait_size 2 1 2
expect "writes go on" load_grows a
expect "its state file has the position" grep -qE '^seqno: +[0-9]+$' "$(node_dir 3)/data/grastate.dat"
log_forget 3
must node_start 3
expect "it got the missing part only" log_says 3 "IST received"
load_stop a
expect "the same rows everywhere" tables_equal "1 2 3" t.k

must node_stop 3
must node_stop 2
must node_stop 1
expect "the last to leave is safe to bootstrap" grep -qE '^safe_to_bootstrap: +1$' "$(node_dir 1)/data/grastate.dat"
expect "an earlier one is not" grep -qE '^safe_to_bootstrap: +0$' "$(node_dir 2)/data/grastate.dat"
node_launch 2 --wsrep-new-cluster
expect "bootstrap of the earlier one is refused" ends_within 30 2
expect "and its log says why" log_says 2 "safe_to_bootstrap"
node_kill 2
must node_start 1 --wsrep-new-cluster
must node_start 2
must node_start 3
expect "nothing is missing after the bootstrap" nothing_lost a 3 t.k
expect "the same rows everywhere after the bootstrap" tables_equal "1 2 3" t.k
