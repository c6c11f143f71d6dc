# Transactions on lists while nodes are killed, stopped, deaf, all killed at once, and all without power: what
# their history proves; once more with snapshots, which forbid what repeatable reads allow. Longer, with other
# faults and levels: test/history/run.
. "$(dirname "$0")/lib.sh"
history=$(dirname "$0")/../history
test_begin
expect "the checker finds what is planted" "$history/test_checker.py" --quiet
expect "nothing is found that is promised not to be" \
    "$history/run" --provider "$PROVIDER" --seconds 30 --faults kill,stop,all,oneway,power_all
expect "nor with snapshots, lost updates and read skew neither" \
    "$history/run" --provider "$PROVIDER" --snapshot --seconds 15 --faults kill,stop,all
