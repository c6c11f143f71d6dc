# A new server joins under load by rsync.
SST=rsync
. "$(dirname "$0")/join.sh"
