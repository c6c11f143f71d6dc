# A minute of the soak test, so that CI sees that it works; `soak.sh 30` is the real one.
set -- 1
. "$(dirname "$0")/soak.sh"
