# A binary log that is not synced, beside a storage engine that does not write its log at commit. After a crash
# the engine asks the binary log about transactions that it had prepared, and either of them may have kept
# more than the other. The tables have everything all the same. What README.md promises of the binary log,
# no more and no less, is what is seen in it: the last moment twice after a kill, its end missing after
# a power cut. Node 2 writes into its own what its own clients do only.
. "$(dirname "$0")/lib.sh"
test_begin
NODE_CNF="log-bin=bin
sync-binlog=0"
must cluster_prepare 3
for i in 1 2 3; do
    must disk_make $i 700
    echo "server-id=$i" >>"$(node_dir $i)/my.cnf"
done
for i in 1 3; do sed -i '/^log-bin=/a log-slave-updates' "$(node_dir $i)/my.cnf"; done
must cluster_launch
must keys_table 1 t.k

# logged NODE: the keys in its binary log. A file may end in the middle of an event.
logged() {
    find "$(node_dir "$1")/data/" -name 'bin.[0-9]*' -size +0 | sort |
        xargs -n 1 mariadb-binlog --no-defaults --verbose 2>/dev/null | sed -n "s/^###   @1='\(.*\)'.*/\1/p"
}

# how_often NODE LOAD: a line "TIMES ROWS PIECES" for each number of times that rows of the load are in the binary
# log of the node; how many rows, and in how many pieces of what the load wrote one after the other.
how_often() {
    grep "^$2-" "$LS_WORK/logged$1" | cat - <(grep "^$2-" "$LS_WORK/rows") | sort -V | uniq -c |
        awk '{ rows[$1 - 1]++; pieces[$1 - 1] += $1 != last; last = $1 }
            END { for (times in rows) print times, rows[times], pieces[times] }'
}

# all_go HOW COMMAND...: what is left of the rows and of the binary logs after an outage of all under load.
all_go() {
    local how=$1 i n times rows pieces
    shift
    for i in 1 2 3; do load_start "$how$i" $i t.k; done
    for i in 1 2 3; do must load_grows "$how$i"; done
    sleep 2 # the engine writes its log once a second: a part of this load is in it
    must order_note
    must "$@"
    for i in 1 2 3; do load_stop "$how$i"; done
    for i in 3 1 2; do node_launch $i; done
    for i in 1 2 3; do must node_wait $i 90; done
    for i in 1 2 3; do
        for n in 1 2 3; do
            expect "$how: nothing acknowledged by node$i is lost on node$n" nothing_lost "$how$i" $n t.k
        done
        expect "$how: node$i takes no copy of another one's data" eval "! log_says $i 'Inconsistency|SST request'"
    done
    expect "$how: the same rows everywhere" tables_equal "1 2 3" t.k
    expect "$how: in the same history, and not behind" order_kept "1 2 3"
    sql 1 "SELECT k FROM t.k" >"$LS_WORK/rows"
    for n in 1 2 3; do
        logged $n >"$LS_WORK/logged$n"
        for i in 1 2 3; do
            [ $n != 2 ] || [ $i = 2 ] || continue
            while read -r times rows pieces; do
                say "    $how: node$n's binary log has $rows rows of node$i $times times"
                case $times in
                0) expect "$how: what is missing is its end, after a power cut" [ "$how $pieces" = "power 1" ] ;;
                1) ;;
                2) expect "$how: what is there twice is one moment" [ "$pieces" = 1 ] ;;
                *) expect "$how: nothing is there more often" false ;;
                esac
            done < <(how_often $n "$how$i")
        done
    done
}
kill_all() { for i in 2 1 3; do node_kill $i; done; }
for i in 1 2 3; do log_forget $i; done # of how they joined
all_go kill kill_all
all_go power power_cut 1 2 3
