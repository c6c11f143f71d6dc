# A disk gives back something else than was written, of what the write-set log holds below its last sync. A
# member that was away needs it, from the leader: that one leaves and says why, the others go on, and who was
# away gets it from them. Its log is dropped at its next start, and nothing is lost.
. "$(dirname "$0")/lib.sh"
test_begin
must with_plugin
must cluster_start 3
must keys_table 1 t.k t.n
leader=
for n in 1 2 3; do if leads "$n"; then leader=$n; fi; done
[ -n "$leader" ] || die "nobody leads"
away=$((leader % 3 + 1))
other=$((away % 3 + 1))
# damage TEXT: one byte of it, where the leader's log has it. Its mapping shows what the file has.
damage() {
    python3 - "$1" "$(node_dir "$leader")"/data/lockstep-[0-9]*.log <<'PY'
import sys
hits = 0
for name in sys.argv[2:]:
    with open(name, "r+b") as f:
        data = f.read()
        at = data.find(sys.argv[1].encode())
        if at >= 0:
            f.seek(at)
            f.write(bytes([data[at] ^ 1]))
            hits += 1
sys.exit(hits != 1)
PY
}

must node_stop "$away"
must cluster_wait_size 2 "$leader" "$other"
must sql "$leader" "INSERT INTO t.n VALUES ('needle-in-the-log')"
load_start a "$leader" t.k
must load_grows a
load_stop a
must leads "$leader"
must damage needle-in-the-log
load_start b "$other" t.k
must load_grows b
log_mark "$away"
must node_start "$away"
expect "the leader says what it found" log_says "$leader" "write-set log: entry [0-9]+ has gone bad: check the disk"
expect "and leaves" wait_until 30 log_says "$leader" "write-set log is damaged.*leaves the cluster"
expect "its server ends" ends_within 30 "$leader"
expect "and says so" log_says "$leader" "The server ends now"
expect "the others are a component" cluster_wait_size 2 "$away" "$other"
expect "and go on" load_grows b
expect "who was away has it from the log of the third" came_back_by_ist "$away"
log_forget "$leader"
must node_start "$leader"
expect "the damaged log is dropped at the next start" log_says "$leader" "damaged.*comes to the cluster as a new member"
expect "members are three" cluster_wait_size 3 1 2 3
load_stop b
for n in 1 2 3; do must node_wait "$n"; done
expect "nothing is missing" nothing_lost a "$away" t.k
expect "nothing that was written meanwhile, either" nothing_lost b "$leader" t.k
expect "the same rows everywhere" tables_equal "1 2 3" t.k t.n
