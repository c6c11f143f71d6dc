# The disk of a database has no byte left, and the others are no majority without its server, so that it
# cannot stand aside: a change that it cannot apply makes it leave, and its server ends. Started again it
# waits for room and takes the data of another one, although there was no room to write down that its own
# are not to be used.
. "$(dirname "$0")/lib.sh"
test_begin
NODES=3
must node_prepare 1
NODE_OPTIONS="gcache.dir=$(node_dir 2)" must node_prepare 2 # the write-set log has room
must node_prepare 3
must disk_make 2 500
must cluster_launch
must keys_table 1 t.k
# Rows that stay in their pages: of one with pages of its own the engine could not even undo the part that it
# has written, and would end the server itself ("Out of disk space in rollback").
must sql 1 "CREATE TABLE t.b (k VARCHAR(40) PRIMARY KEY, b BLOB NOT NULL DEFAULT REPEAT('x', 4000)) ENGINE=InnoDB"
load_start a 1 t.b
must load_grows a
must kill -STOP "$(node_pid 3)"
must cluster_wait_size 2 1 2
must disk_fill "${LS_DISK[2]}" 0
expect "it cannot apply a change" wait_until 30 log_says 2 "Inconsistency detected"
expect "its server ends" ends_within 60 2
load_stop a # alone it would get an error for each row
must kill -CONT "$(node_pid 3)"
must node_wait 1
load_start b 1 t.k # small rows: what it copies has to fit on its disk
expect "the others go on" load_grows b
must disk_clear "${LS_DISK[2]}"
must disk_fill "${LS_DISK[2]}" 32768 # with no byte a server does not start at all
log_forget 2
must node_launch 2
expect "started again it waits for room" wait_until 60 log_says 2 "waits for room"
must disk_clear "${LS_DISK[2]}"
expect "with room it is back" node_wait 2
expect "it takes the data of another one" log_says 2 "SST received"
load_stop b
expect "nothing is missing" nothing_lost a 2 t.b
expect "nor of the other load" nothing_lost b 2 t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.b t.k
