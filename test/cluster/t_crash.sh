# One server is killed with -9 under load: the others go on, it comes back, nothing is lost.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k t.own
load_start a 1 t.k
load_start b 2 t.k
load_start c 3 t.own
must load_grows a
must load_grows c
node_kill 3
expect "the others go on (node1)" load_grows a
expect "the others go on (node2)" load_grows b
load_stop c
expect "they see it gone" cluster_wait_size 2 1 2
must node_start 3
expect "all see it back" cluster_wait_size 3 1 2 3
expect "writes went on meanwhile" load_grows a
load_stop a
load_stop b
expect "what it had acknowledged before it died is on the others" nothing_lost c 1 t.own
expect "and on itself" nothing_lost c 3 t.own
expect "what it missed is there" nothing_lost a 3 t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.own

# The first server, which formed the cluster, is nothing special.
load_start d 2 t.k
node_kill 1
expect "the others go on without the first server" load_grows d
must node_start 1
load_stop d
expect "the same rows everywhere again" tables_equal "1 2 3" t.k t.own
