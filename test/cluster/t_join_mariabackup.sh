# A new server joins under load by mariabackup.
SST=mariabackup
. "$(dirname "$0")/join.sh"
