# Two minutes of the storm test, with a kill every half minute, so that CI sees that it works;
# `storm.sh 60` is the real one.
set -- 2
STORM_PERIOD_S=30
. "$(dirname "$0")/storm.sh"
