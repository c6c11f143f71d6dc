# The disk of the write-set log fails, that of the database does not: the node leaves, the others go on,
# and the server ends, so that whoever watches it starts it again. On a disk that works it is back.
. "$(dirname "$0")/lib.sh"
test_begin
NODES=3
for n in 1 2; do must node_prepare $n; done
disk=$(node_dir 3)/disk
NODE_OPTIONS="gcache.dir=$disk" must node_prepare 3
must truncate -s 300M "$(node_dir 3)/disk.img"
must mkfs.ext4 -q -F "$(node_dir 3)/disk.img"
must mkdir "$disk"
must disk_mount 3
LS_DISK[3]=$disk
server_owns "$disk"
must node_start 1 --wsrep-new-cluster
must node_start 2
must node_start 3
must keys_table 1 t.k
load_start a 1 t.k
load_start b 3 t.k
must load_grows a
must load_grows b
must disk_fail 3
expect "it leaves and says why" wait_until 30 log_says 3 "leaves the cluster; set the disk right"
expect "the others go on" load_grows a
expect "without it" cluster_wait_size 2 1 2
expect "its server ends" ends_within 30 3
expect "and says so" log_says 3 "The server ends now"
load_stop b
must disk_renew 3
must node_start 3
expect "with a disk that works it is a member again" cluster_wait_size 3 1 2 3
load_stop a
expect "nothing is missing" nothing_lost a 3 t.k
expect "nothing that it had acknowledged, either" nothing_lost b 1 t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.k
