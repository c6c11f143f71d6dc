# A member comes back with a write-set log that the disk has spoiled: its log says what is wrong and
# what comes of it, the data come from the others, and nothing is lost.
. "$(dirname "$0")/lib.sh"
test_begin
must cluster_start 3
must keys_table 1 t.k t.still
load_start a 1 t.k
load_start b 3 t.still
must load_grows a
must load_grows b
load_stop b
data=$(node_dir 3)/data
newest() { ls "$data"/lockstep-[0-9]*.log | tail -n 1; }
# Where the newest segment ends: behind its last byte that is not zero.
used() { python3 -c 'import sys; print(len(open(sys.argv[1], "rb").read().rstrip(b"\0")))' "$(newest)"; }
# flip FILE OFFSET: all bits of one byte.
flip() {
    python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]
f.seek(int(sys.argv[2])); f.write(bytes([b ^ 255]))' "$1" "$2"
}
# zero FILE OFFSET BYTES
zero() { dd if=/dev/zero of="$1" bs=1 seek="$2" count="$3" conv=notrunc status=none; }

# comes_back DESCRIPTION REGEX STOP DAMAGE...: node 3 is stopped (node_stop or node_kill), what DAMAGE
# does happens to it, and it is started again.
comes_back() {
    local what=$1 regex=$2 stop=$3
    shift 3
    must "$stop" 3
    "$@" || die "cannot damage: $*"
    log_forget 3
    must node_start 3
    expect "$what: it is told ($regex)" log_says 3 "$regex"
    expect "$what: and what comes of it" log_says 3 "comes to the cluster as a new member; what it lacks is copied"
    expect "$what: members are three" cluster_wait_size 3 1 2 3
    expect "$what: it takes writes" sql 3 "INSERT INTO t.still VALUES (UUID())"
    expect "$what: the same rows everywhere" tables_equal "1 2 3" t.still
    must load_grows a
}
where='lockstep-[0-9]+\.log'
flip_middle() { flip "$(newest)" $(($(used) / 2)); }
comes_back "a flipped byte after a crash" "damaged behind entry [0-9]+.*$where, offset.*Check the disk" node_kill flip_middle
comes_back "a flipped byte after a clean stop" "damaged behind entry [0-9]+.*$where, offset" node_stop flip_middle
zero_middle() { zero "$(newest)" $(($(used) / 2)) 5000; }
comes_back "missing bytes" "damaged behind entry [0-9]+.*$where, offset" node_kill zero_middle
cut_half() { truncate -s $(($(used) / 2)) "$(newest)"; }
comes_back "a file cut to its half" "damaged behind entry [0-9]+|ends at entry [0-9]+, but was on disk up to" node_stop cut_half
no_bytes() { : >"$(newest)"; }
comes_back "an empty file" "damaged|ends at entry [0-9]+, but|write-set log of a former member is missing" node_kill no_bytes
no_segments() { rm "$data"/lockstep-[0-9]*.log; }
comes_back "no file at all" "write-set log of a former member is missing|ends at entry 0, but" node_stop no_segments
no_identity() { rm "$data/lockstep-identity.log"; }
comes_back "no identity" "identity file is missing" node_kill no_identity
flip_identity() { flip "$data/lockstep-identity.log" 40; flip "$data/lockstep-identity.log" 4136; }
comes_back "a damaged identity" "identity file is damaged" node_stop flip_identity

# What it must not use and cannot replace is refused, with the reason, and left as it was.
must node_stop 3
cp "$(newest)" "$LS_WORK/whole"
# A header of format 99 that needs 99, with a right checksum (XXH3-64 of the header without it, and the context).
python3 - "$(newest)" <<'PY' || die "cannot write a header"
import ctypes, ctypes.util, struct, sys
xxh = ctypes.CDLL(ctypes.util.find_library("xxhash"))
xxh.XXH3_64bits.restype = ctypes.c_uint64
with open(sys.argv[1], "r+b") as f:
    head = bytearray(f.read(96))
    head[8:12] = struct.pack("<HH", 99, 99)
    (context,) = struct.unpack("<I", head[76:80])
    rest = f.read(context)
    text = bytes(head[:16] + head[24:]) + rest
    head[16:24] = struct.pack("<Q", xxh.XXH3_64bits(text, ctypes.c_size_t(len(text))))
    f.seek(0)
    f.write(head)
PY
log_forget 3
node_launch 3
expect "a log of a newer version: the server ends" ends_within 60 3
expect "a log of a newer version: it is told" log_says 3 "version 99"
node_kill 3
cp "$LS_WORK/whole" "$(newest)"
mv "$data/lockstep-identity.log" "$LS_WORK/identity"
mkdir "$data/lockstep-identity.log"
server_owns "$data"
log_forget 3
node_launch 3
expect "a directory in its place: the server ends" ends_within 60 3
expect "a directory in its place: it is told" log_says 3 "lockstep-identity.log"
node_kill 3
rmdir "$data/lockstep-identity.log"
mv "$LS_WORK/identity" "$data/lockstep-identity.log"
log_forget 3
must node_start 3
expect "with the files as they were it comes back as itself" eval "! log_says 3 'as a new member|SST received'"
load_stop a
expect "nothing acknowledged is lost" nothing_lost a 3 t.k
expect "nor what the spoiled node had acknowledged" nothing_lost b 1 t.still
expect "the same rows everywhere at last" tables_equal "1 2 3" t.k t.still
