# A disk of its own for each node, whose power can be cut: an ext4 image that loses what was not synced.
#
# disk_make I MIB   node I, prepared already, gets its data directory on one
# power_cut I...    the servers stop at one moment, what their disks had not written is gone, and the
#                   machines are others after it (their boot ids are)
# disk_fail I       every access to its disk is an error from now on
# disk_renew I      a server that is down finds its disk as it was when that began
# disk_freeze I     every write to it waits; disk_thaw I; disks_thaw: all, as nothing ends on a frozen disk
# disk_fill DIR KIB what is mounted there has that much room left for the servers; disk_clear DIR
# disks_end         unmounts all
#
# Needs root. The power goes by FS_IOC_SHUTDOWN without a flush of the journal; the next mount replays it
# as after a crash.

declare -A LS_DISK=() LS_BOOT=()

disk_mount() {
    mount -o loop "$(node_dir "$1")/disk.img" "$(node_dir "$1")/disk"
}

disk_make() {
    local dir
    dir=$(node_dir "$1")
    need mkfs.ext4 losetup fsfreeze
    [ "$(id -u)" = 0 ] || die "disks whose power can be cut need root"
    truncate -s "$2M" "$dir/disk.img" && mkfs.ext4 -q -F "$dir/disk.img" && mkdir "$dir/disk" &&
        disk_mount "$1" || return 1
    LS_DISK[$1]=$dir/disk
    mv "$dir/data" "$dir/disk/data" && ln -s disk/data "$dir/data" && server_owns "$dir/disk"
}

disk_is_free() {
    umount "${LS_DISK[$1]}" 2>/dev/null
    ! mountpoint -q "${LS_DISK[$1]}" && [ -z "$(losetup -j "$(node_dir "$1")/disk.img")" ]
}

disk_fail() {
    /usr/bin/python3 -c 'import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))' "${LS_DISK[$1]}"
}

# The threads of a killed server let go of their files one by one, and so do the namespaces of others:
# mounted before all have, it would be the same file system, whose power is gone. A namespace of another
# test may hold it for minutes: then a copy takes its place.
disk_renew() {
    local image
    image=$(node_dir "$1")/disk.img
    if ! wait_until 5 disk_is_free "$1"; then
        umount -l "${LS_DISK[$1]}" 2>/dev/null
        cp --sparse=always "$image" "$image.new" && mv "$image.new" "$image" || return 1
    fi
    disk_mount "$1"
}

disk_freeze() { fsfreeze --freeze "${LS_DISK[$1]}"; }
disk_thaw() { fsfreeze --unfreeze "${LS_DISK[$1]}"; }

disks_thaw() {
    local i
    for i in "${!LS_DISK[@]}"; do
        disk_thaw "$i" 2>/dev/null
    done
}

disk_room() { df --output=avail "$1" | tail -n 1; }

# Again and again, since a server makes room meanwhile and takes it.
disk_fill() {
    local end=$((SECONDS + 20))
    until
        dd if=/dev/zero bs=1M count="$(($(disk_room "$1") - $2))K" iflag=count_bytes >>"$1/filler" 2>/dev/null
        [ "$(disk_room "$1")" -lt $(($2 + 1024)) ]
    do
        [ "$SECONDS" -lt "$end" ] || return 1
    done
}

disk_clear() { rm "$1/filler"; }

power_cut() {
    local i
    for i in "$@"; do
        kill -STOP "$(node_pid "$i")"
    done
    for i in "$@"; do
        disk_fail "$i" || return 1
    done
    for i in "$@"; do
        node_kill "$i"
    done
    for i in "$@"; do
        disk_renew "$i" || return 1
        LS_BOOT[$i]=$(node_dir "$i")
        cat /proc/sys/kernel/random/uuid >"${LS_BOOT[$i]}/boot_id"
    done
}

disks_end() {
    local i
    for i in "${!LS_DISK[@]}"; do
        umount -l "${LS_DISK[$i]}" 2>/dev/null
    done
    LS_DISK=()
}
