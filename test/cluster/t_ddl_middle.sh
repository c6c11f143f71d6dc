# Servers die, or their machines' power goes, in the middle of statements that change tables, each time at another
# step of theirs, or just behind them: all servers, or all but one that has the statement whole, or has not
# begun with it. Among them are statements that fail, or undo themselves, when they are run a second time. Each
# is ordered when it begins, so it has happened everywhere in the end, once, and nobody has to be called.
#   DDL_SWEEP=yes    every third step of every statement in every way, which takes half an hour (TEST_TIMEOUT)
. "$(dirname "$0")/lib.sh"
test_begin
must gcc -shared -fPIC -o "$LS_WORK/stop_at.so" stop_at.c
NODE_PRELOAD=$LS_WORK/stop_at.so
must cluster_start_on_disks 3 700

# Each with a question, the answer once it has happened, and its number of steps.
declare -A STATEMENT QUESTION ANSWER STEPS
STATEMENT[add]="ALTER TABLE d.a ADD COLUMN n INT NOT NULL DEFAULT 7"
QUESTION[add]="SELECT SUM(n) FROM d.a"
ANSWER[add]=700
STEPS[add]=13
STATEMENT[swap]="RENAME TABLE d.a TO d.x, d.b TO d.a, d.x TO d.b"
QUESTION[swap]="SELECT GROUP_CONCAT(DISTINCT c) FROM d.a"
ANSWER[swap]=b
STEPS[swap]=16
STATEMENT[drop]="DROP TABLE d.a, d.b"
QUESTION[drop]="SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'd'"
ANSWER[drop]=0
STEPS[drop]=14
# Ordered when its rows are there: its origin is through with it while the others are in its middle.
STATEMENT[select]="CREATE TABLE d.c (PRIMARY KEY (i)) SELECT * FROM d.a"
QUESTION[select]="SELECT COUNT(*) FROM d.c"
ANSWER[select]=100
STEPS[select]=6

tables_anew() {
    sql 1 "CREATE OR REPLACE DATABASE d;
        CREATE TABLE d.a (i INT PRIMARY KEY, c CHAR(10));
        CREATE TABLE d.b LIKE d.a;
        INSERT INTO d.a SELECT seq, 'a' FROM d.seq_1_to_100;
        INSERT INTO d.b SELECT seq, 'b' FROM d.seq_1_to_50" && wait_all
}
# All have all that is ordered.
wait_all() {
    local i
    for i in 1 2 3; do sql $i "SET SESSION wsrep_sync_wait=15; SELECT COUNT(*) FROM mysql.db" >/dev/null || return 1; done
}
happened() { [ "$(sql "$1" "${QUESTION[$2]}" 2>/dev/null)" = "${ANSWER[$2]}" ]; }
stands() { grep -q '^State:.T' "/proc/$(node_pid "$1")/status"; }
# shape NODE: all tables of d, and what is in them.
shape() {
    local table
    for table in $(sql "$1" "SHOW TABLES FROM d"); do
        sql "$1" "SHOW CREATE TABLE d.$table; CHECKSUM TABLE d.$table EXTENDED"
    done
}
# same_shapes WHAT: everywhere, after everything that is ordered.
same_shapes() {
    local i
    must wait_all
    shape 1 >"$LS_WORK/shape1"
    for i in 2 3; do expect "$1: on node$i in the same way as on the first" cmp "$LS_WORK/shape1" <(shape $i); done
}
# At one moment, so that none goes on without the others.
kill_all() {
    kill -KILL "$(node_pid 1)" "$(node_pid 2)" "$(node_pid 3)"
    for i in 1 2 3; do node_kill $i; done
}
power_all() { power_cut 1 2 3; }

# behind HOW STATEMENT: it has been acknowledged, and all die at once. What the storage engine has on its disk of
# it, and whether it knows that it has, is not the same for all statements.
behind() {
    local what="$1, $2 just acknowledged" i
    must tables_anew
    must sql 1 "SELECT SLEEP(2)" >/dev/null # what was before is on the disks
    must sql 1 "${STATEMENT[$2]}"
    must "$1_all"
    for i in 3 1 2; do node_launch $i; done
    for i in 1 2 3; do must node_wait $i 90; done
    same_shapes "$what"
    for i in 1 2 3; do expect "$what: it has happened on node$i" happened $i "$2"; done
}

# dies HOW STATEMENT STEP OUTSIDE: none; has: node 3 has it whole (of a CREATE ... SELECT node 1 does); not: node 3
# stands still before it.
dies() {
    local name=$2 what="$1, $2 at step $3, outside: $4" stopped="1 2 3" outside='' i
    [ "$4" = none ] || outside=3
    [ "$name" != select ] || outside=1
    [ -z "$outside" ] || stopped=$(tr -d "$outside " <<<"$stopped" | sed 's/./& /g')
    must tables_anew
    for i in 1 2 3; do log_forget $i; done
    [ "$4" != not ] || must kill -STOP "$(node_pid 3)"
    for i in $stopped; do echo "$3" >"$(node_dir $i)/data/stop_at"; done
    sql 1 "${STATEMENT[$name]}" >/dev/null 2>&1 &
    for i in $stopped; do must wait_until 30 stands $i; done
    [ -z "$outside" ] || [ "$4" = not ] || must wait_until 30 happened $outside $name
    must "$1_all"
    wait $!
    for i in 1 2 3; do rm -f "$(node_dir $i)/data/"stop_at*; done
    for i in 2 3 1; do node_launch $i; done
    for i in 1 2 3; do must node_wait $i 90; done
    same_shapes "$what"
    for i in 1 2 3; do expect "$what: it has happened on node$i" happened $i $name; done
    [ "$name" != select ] || return 0
    for i in $stopped; do
        expect "$what: node$i knows that it was in the middle of it" log_says $i "died in the middle of a statement that runs on all"
    done
    if [ -n "$outside" ]; then
        for i in $stopped; do expect "$what: node$i copies the data of who was not" log_says $i "SST received"; done
        expect "$what: who copies nothing" eval "! log_says $outside 'SST received'"
    else
        expect "$what: somebody says that he runs it again" any_log_says "none has it whole: this node runs it again"
    fi
}

if [ -n "${DDL_SWEEP:-}" ]; then
    for how in kill power; do
        for name in "${!STATEMENT[@]}"; do
            behind $how "$name"
            for outside in none has not; do
                [ "$name $outside" != "select none" ] && [ "$name $outside" != "select not" ] || continue
                for step in $(seq 1 3 "${STEPS[$name]}"); do dies $how "$name" "$step" $outside; done
            done
        done
    done
else
    dies power add 11 none
    dies kill swap 9 none
    dies power drop 8 has
    dies kill add 8 not
    dies power select 5 has
    behind kill select
    behind power swap
fi
