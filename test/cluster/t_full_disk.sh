# A disk that is full when the server starts: it says so and ends, the others go on, and with room
# it joins.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "this test mounts a small file system and needs root"
test_begin
must cluster_start 2
must keys_table 1 t.k
must sql 1 "INSERT INTO t.k VALUES ('kept')"
NODES=3
must node_prepare 3
data=$(node_dir 3)/data
must mkdir "$(node_dir 3)/full"
# Room for the data directory, none for the provider's files.
kb=$(($(du -sk "$data" | cut -f1) + 3000))
must mount -t tmpfs -o "size=${kb}k" lockstep-full "$(node_dir 3)/full"
umount_full() { umount -l "$(node_dir 3)/full" 2>/dev/null; }
trap 'rc=$?; umount_full; (exit $rc); test_end' EXIT
must cp -a "$data/." "$(node_dir 3)/full/"
server_owns "$(node_dir 3)/full"
sed -i "s#^datadir=.*#datadir=$(node_dir 3)/full#" "$(node_dir 3)/my.cnf"
node_launch 3
expect "the server ends" ends_within 60 3
expect "its log says that there is no room" log_says 3 "no space|not enough|storage space|disk (is )?full|errno: 28|error 28"
node_kill 3
expect "the others go on" sql 1 "INSERT INTO t.k VALUES ('others')"
expect "without it" cluster_wait_size 2 1 2
umount_full
node_configure 3
must node_start 3
expect "with room it joins" tables_equal "1 2 3" t.k
