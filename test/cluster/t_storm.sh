# A minute of the storm test, with a kill every quarter of it, so that CI sees that it works;
# `storm.sh 60` is the real one.
set -- 1
STORM_PERIOD_S=15
. "$(dirname "$0")/storm.sh"
