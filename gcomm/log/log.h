/* The write-set log: one copy of every ordered write-set, for durability, state transfer and
 * replay.
 *
 * Segmented, checksummed, plain top-level files `lockstep-*.log` in the data directory (the stock
 * SST scripts keep `*.log` and wipe or replace other names). The format is specified at the top of
 * log.c. Written with pwritev into preallocated segments (a full disk is an error, not a SIGBUS),
 * read through shared read-only mappings.
 *
 * Threads: one writer (the engine's loop) calls everything marked [W]. Functions marked [R] may be
 * called from any thread at any time. An entry got with a pin stays readable, whatever is purged or
 * truncated, until ls_log_unpin(). */
#ifndef LS_LOG_LOG_H
#define LS_LOG_LOG_H

#include "gcomm/core/entry.h"
#include "wsrep/base/error.h"
#include "wsrep/base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ls_log;
struct ls_log_pin;

struct ls_log_options {
    const char *dir;        /* data directory; copied */
    uint64_t max_bytes;     /* gcache.size: history kept beyond what is pinned, default 128 MiB */
    uint64_t segment_bytes; /* 0: max_bytes / 8 between 1 MiB and 32 MiB; a larger entry gets a
                              segment of its own size */
    /* Gives the bytes that the head of a new segment stores (ls_core_context_encode), [W]. 0: not
     * now, the segment goes on and the next flush asks again. NULL: nothing is stored. */
    size_t (*context)(void *ctx, void *buf, size_t size);
    size_t context_max;
    void *context_ctx;
    bool rebooted; /* the machine was started anew since the log was last open: bytes that were not
                      synced may be missing in the middle, which is then no damage */
    bool reread;   /* a sync may have failed: what stands above `durable` is read from the disk */
    uint64_t durable;
};

/* Opens or creates. A torn tail is cut (logged, with what was lost); damage before the tail is
 * named (file, offset, index) and everything from it on is cut as well, with *damaged set: the
 * caller decides whether its identity may still vote (rule 16). Never leaves a half-used state. */
enum ls_rc ls_log_open(const struct ls_log_options *opt, struct ls_log **out, bool *damaged,
                       struct ls_error *err);
void ls_log_close(struct ls_log *log);

/* Removes all lockstep-*.log segment files of a directory (not the identity file). */
enum ls_rc ls_log_remove_all(const char *dir, struct ls_error *err);

/* [R] position before the oldest entry held, and of the newest flushed (= base when empty). */
struct ls_log_pos ls_log_base(struct ls_log *log);
struct ls_log_pos ls_log_last(struct ls_log *log);

/* Context stored at the head of the oldest segment; valid until the next [W] call. */
const void *ls_log_context(struct ls_log *log, size_t *size);

/* [W] Buffers one entry; index must follow the last. The payload (in pieces, together entry->size
 * bytes, at most 16) is copied; entry->payload is not looked at. entry->verdict is kept. Refuses,
 * without other consequence, entries whose index, seqno, chain or payload hash do not fit. Readable
 * by [R] calls after ls_log_flush() at the latest; by ls_log_get() without pin at once. */
enum ls_rc ls_log_append(struct ls_log *log, const struct ls_entry *entry,
                         const struct ls_piece *pieces, size_t count, struct ls_error *err);
/* [W] Writes what is buffered, one system call where possible. Here, and only here, a new segment
 * is begun and `context` asked: call it when the core stands exactly behind the last append, that
 * is after all appends of a step were performed.
 *
 * After a failed write or sync (LS_E_IO, LS_E_NOSPC) every further append, flush, sync, truncate
 * and reset fails with the same error (rule 19); reading goes on. */
enum ls_rc ls_log_flush(struct ls_log *log, struct ls_error *err);
/* fdatasync of everything flushed before the call; any thread. */
enum ls_rc ls_log_sync(struct ls_log *log, struct ls_error *err);
/* [R] the highest index known to be synced, by this process or as the log itself tells. Falls with
 * a truncation. What LS_EV_LOG_HELD says after a sync. */
uint64_t ls_log_durable(struct ls_log *log);
/* [W] Drops entries from index on (buffered ones, too). Pinned ones stay readable. */
enum ls_rc ls_log_truncate(struct ls_log *log, uint64_t index, struct ls_error *err);
/* [W] Drops everything; the log starts behind pos, with this context. */
enum ls_rc ls_log_reset(struct ls_log *log, const struct ls_log_pos *base, const void *context,
                        size_t context_size, struct ls_error *err);
/* [W] Removes whole old segments while more than max_bytes are held, never an entry >= keep_from,
 * never a pinned one. */
void ls_log_purge(struct ls_log *log, uint64_t keep_from);
/* [W] Reserves the file of the next segment, unless there is one, once the present segment is a
 * quarter full, or `now`: the rest is for what comes until somebody has acted on it. LS_E_NOSPC:
 * the log cannot go on behind the present segment; nothing has failed yet. */
enum ls_rc ls_log_reserve_next(struct ls_log *log, bool now, struct ls_error *err);
/* [W] gcache.size changed, etc. */
void ls_log_set_max_bytes(struct ls_log *log, uint64_t max_bytes);

/* [R] entry by index. Without pin (pin NULL) the payload pointer is valid only on the writer
 * thread, until the next [W] call. With pin, *pin must be given back. False when not held, or when
 * it has gone bad, which is logged. */
bool ls_log_get(struct ls_log *log, uint64_t index, struct ls_entry *out, struct ls_log_pin **pin);
void ls_log_unpin(struct ls_log_pin *pin);
/* [R] the payload is what was written: for who applies or sends it, since a page may have been read
 * from the disk anew (what was written a moment ago need not be looked at before it is sent: the
 * receiver does). Logs the reason when it is not. Takes as long as its bytes do: not under a
 * lock that the writer waits for. */
bool ls_log_payload_is_whole(struct ls_log *log, const struct ls_entry *e);

/* [R] highest index whose seqno in force is at or below seqno, among what is flushed; the base
 * counts as well. False when the log starts later. */
bool ls_log_find_seqno(struct ls_log *log, int64_t seqno, struct ls_log_pos *out);
/* [R] lowest seqno held (LS_SEQNO_UNDEFINED when none). */
int64_t ls_log_first_seqno(struct ls_log *log);

/* [R] the annotation of an entry: verdict known after certification. Survives a process crash. For
 * flushed entries; one that is not held is ignored. */
void ls_log_set_verdict(struct ls_log *log, uint64_t index, enum ls_verdict verdict);

struct ls_log_stats {
    uint64_t bytes;       /* on disk, with the spare */
    uint64_t spare_bytes; /* reserved for the next segment, whatever max_bytes says; 0: none */
    uint64_t segments;
    uint64_t pins; /* on segments that are part of the log */
};
void ls_log_get_stats(struct ls_log *log, struct ls_log_stats *out);

#endif
