/* What of the log may go (rule 20): what nobody needs, and what was taken so long ago that the
 * storage engine has it on disk by itself. That is 60 s where the disk allows; a burst that fills
 * it leaves 10 s. Neither is less than what the provider asks for, ten times what the storage
 * engine waits before it flushes (ls_engine_keep(); innodb_flush_log_at_timeout, 1 s by default).
 * When even that leaves no room, new write-sets wait (flow.c) until it does.
 *
 * They wait only for what a purge will free. A log that is as small as it gets goes on until the
 * disk refuses a write: somebody else fills the disk then, and the log itself needs hardly more of
 * it, since the spare segment, which is part of the log for that reason and given up only where
 * the present one could not end otherwise, is the next one, and the oldest one the next spare. */
#include "gcomm/engine/internal.h"

#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#define KEEP_SECONDS 60
#define KEEP_LEAST_SECONDS 10
#define ROOM_LEAST 2 /* times what one node may have under way */
#define ROOM_BACK 3
#define TELL_US 60000000

static uint64_t mebibytes(uint64_t bytes)
{
    return bytes >> 20;
}

/* What a purge would free if nobody needed it: the spare stays, and so does the segment that is
 * written to. */
static uint64_t bytes_above_floor(const struct ls_engine *e)
{
    struct ls_log_stats stats;
    uint64_t held;

    ls_log_get_stats(e->log, &stats);
    held = stats.bytes - stats.spare_bytes;
    return stats.segments > 1 && held > e->opt.log_bytes ? held - e->opt.log_bytes : 0;
}

void ls_engine_keep(struct ls_engine *e, unsigned seconds)
{
    atomic_store(&e->keep_s, seconds < KEEP_MAX_SECONDS ? seconds : KEEP_MAX_SECONDS);
}

static size_t seconds_to_keep(const struct ls_engine *e, bool is_short)
{
    unsigned least = atomic_load(&e->keep_s);
    unsigned usual = is_short ? KEEP_LEAST_SECONDS : KEEP_SECONDS;

    return least > usual ? least : usual;
}

/* The part of the log that only time holds back takes as much of the disk as is left free at most.
 */
static bool is_short_of_room(struct ls_engine *e, uint64_t free_bytes)
{
    uint64_t extra = bytes_above_floor(e);

    if (extra <= free_bytes && !atomic_load(&e->log_full)) {
        return false;
    }
    if (e->now_us >= e->short_log_told_us + TELL_US || e->short_log_told_us == 0) {
        e->short_log_told_us = e->now_us;
        ls_warn(
            "the write-set log has grown to %llu MiB, %llu MiB are left on its disk: it keeps the "
            "last %zu s and no more (gcache.size is %llu MiB)",
            (unsigned long long)mebibytes(e->opt.log_bytes + extra),
            (unsigned long long)mebibytes(free_bytes), seconds_to_keep(e, true),
            (unsigned long long)mebibytes(e->opt.log_bytes));
    }
    return true;
}

/* False: not known, and the log's own errors tell. */
static bool free_space(const struct ls_engine *e, uint64_t *bytes)
{
    return ls_file_free_bytes(e->opt.data_dir, bytes, NULL) == LS_OK;
}

/* An arbitrator has no storage engine and no verdicts: what others may need is all. */
static void purge_witness(struct ls_engine *e)
{
    uint64_t keep = ls_core_needed_index(e->core, 0);
    uint64_t cursor = engine_stream_taken(e).cursor;

    if (engine_flush_log(e)) {
        ls_log_purge(e->log, cursor < keep ? cursor : keep);
    }
}

/* The cut, but not above what our own database has: a node that is far behind holds up no cut (see
 * lag_limit), and its log is all that it has of what is below. */
static int64_t own_cut(const struct ls_engine *e, const struct taken *oldest)
{
    int64_t applied = atomic_load_explicit(&e->applied, memory_order_relaxed);

    return applied >= 0 && applied < oldest->cut ? applied : oldest->cut;
}

/* Removes what neither others, nor a restart of our own, nor the last `seconds` need. A restart
 * certifies again what was taken without its verdict being kept: it needs all above the cut in
 * force there; the core's own cut may be far ahead of what a node behind has taken. With `give_up`
 * those who lack what is older than that are no more thought of. */
static void purge(struct ls_engine *e, size_t seconds, bool give_up)
{
    const struct taken *oldest =
        &e->taken[(e->taken_next + KEEP_MAX_SECONDS - seconds) % (KEEP_MAX_SECONDS + 1)];
    uint64_t keep = ls_core_needed_index(e->core, give_up ? oldest->cursor : 0);
    struct ls_log_pos cut;

    if (e->taken_count <= seconds) {
        return; /* nothing is old enough yet */
    }
    if (oldest->cursor < keep) {
        keep = oldest->cursor;
    }
    if (!engine_find_seqno(e, own_cut(e, oldest), &cut)) {
        return; /* the log starts behind the cut: all of it is needed */
    }
    if (cut.index + 1 < keep) {
        keep = cut.index + 1;
    }
    if (engine_flush_log(e)) {
        ls_log_purge(e->log, keep);
    }
}

/* Early: what the commit cut lets go now is old enough to go some seconds later. */
static void tell_shortage(struct ls_engine *e, bool is_short)
{
    if (is_short != e->short_of_room) {
        e->short_of_room = is_short;
        ls_mutex_lock(&e->mutex);
        e->new_params = true;
        ls_mutex_unlock(&e->mutex);
    }
}

void engine_purge_log(struct ls_engine *e)
{
    uint64_t free_bytes = UINT64_MAX;
    bool is_short;

    if (e->opt.no_data) {
        purge_witness(e);
        return;
    }
    e->taken[e->taken_next] = engine_stream_taken(e);
    e->taken_next = (e->taken_next + 1) % (KEEP_MAX_SECONDS + 1);
    e->taken_count++;
    free_space(e, &free_bytes);
    is_short = is_short_of_room(e, free_bytes);
    tell_shortage(e, is_short);
    purge(e, seconds_to_keep(e, is_short), false);
}

/* What may go at once when room is short. */
static void purge_most(struct ls_engine *e)
{
    if (e->opt.no_data) {
        purge_witness(e);
    } else {
        purge(e, seconds_to_keep(e, true), true);
    }
}

/* Room for what is under way here and at others, who hear of it later; as long as waiting can make
 * some. */
void engine_watch_room(struct ls_engine *e)
{
    bool full = atomic_load(&e->log_full);
    uint64_t room = e->opt.max_pending_bytes * (full ? ROOM_BACK : ROOM_LEAST);
    uint64_t free_bytes;
    bool wait;

    if (!free_space(e, &free_bytes)) {
        return;
    }
    wait = free_bytes < room && bytes_above_floor(e) > 0;
    if (wait) {
        purge_most(e);
        wait = bytes_above_floor(e) > 0;
    }
    if (full == wait) {
        return;
    }
    atomic_store(&e->log_full, !full);
    if (full) {
        ls_info("the disk of the write-set log has room again");
    } else {
        ls_warn("the disk of the write-set log is nearly full (%llu MiB are left): new write-sets "
                "wait until the log's oldest part may go. Make room there, or write more slowly",
                (unsigned long long)mebibytes(free_bytes));
    }
}
