# A full state transfer by mysqldump that fails (here nobody has given it an account): the joiner says so
# and ends, the donor serves on.
. "$(dirname "$0")/lib.sh"
SST=mysqldump
test_begin
must cluster_start 1
must keys_table 1 t.k
NODES=2
must node_prepare 2
node_launch 2
expect "the donor says that it failed" wait_until 60 log_says 1 "State transfer to .* failed"
expect "the joiner ends" ends_within 60 2
expect "with the reason" log_says 2 "Will never receive state. Need to abort"
expect "the donor is synced" wait_until 30 node_is_synced 1
expect "and takes writes" sql 1 "INSERT INTO t.k VALUES ('here')"
