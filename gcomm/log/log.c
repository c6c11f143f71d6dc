/* The write-set log on disk: format and the writing side.
 *
 * FORMAT 2. All integers little endian. A log is a row of segment files with consecutive numbers,
 *
 *     lockstep-NNNNNNNN.log    NNNNNNNN: number, decimal, eight digits or more
 *     lockstep-spare.log       a reserved file for the next segment; its content means nothing
 *     lockstep-temp.log        a segment in the making; removed at start
 *
 * Segment file:
 *
 *     offset size
 *      0      8   "LOCKSTEP"
 *      8      2   format the segment is written in
 *     10      2   lowest format version that a reader must know
 *     12      4   flags; 1: the log starts here, segments with lower numbers do not count
 *     16      8   XXH3-64 of everything else from 0 to the end of the context, without a seed
 *     24      8   number, as in the file's name
 *     32     40   position before the first entry: index, term, seqno, chain (16)
 *     72      4   generation (below)
 *     76      4   size of log key and context together, at most 1 MiB
 *     80      4   offset of the first entry: behind the context, rounded up to 64
 *     84      4   zero
 *     88      8   durable mark (below)
 *     96      8   log key (below)
 *    104      -   context: what the core needs to start from this position; zeros to the first
 * entry
 *
 * then entries without gaps, each rounded up to 8 with zeros:
 *
 *      0      8   XXH3-64 of the bytes 8 to 110, seeded with the segment's key (below)
 *      8      4   "LSE1"
 *     12      4   generation
 *     16      8   index: one above that of the entry before
 *     24      8   term
 *     32      8   seqno in force after the entry; never falls
 *     40     16   origin      56  8  incarnation      64  8  submission id
 *     72      8   XXH3-64 of the payload
 *     80     16   chain: ls_entry_chain() of the chain before and this entry
 *     96      8   durable mark
 *    104      4   size of the payload
 *    108      1   type; 0 is the end mark, which has no payload and the chain of the entry before
 * it 109      1   flags 110      1   zero 111      1   verdict: 0x5a pass, 0xa5 fail, anything else
 * unknown. Written in place after certification, hence outside of the checksum and coded against
 * flipped bits 112      -   payload
 *
 * What makes an entry valid: checksum, index, chain, payload checksum, and a generation not below
 * that of the entry (or header) before it. The generation rises at every truncation and at every
 * start, and an end mark of the new generation is put where the log was cut. So bytes behind a cut
 * never come back, even when the entry before them is written again byte for byte.
 *
 * The log key is random, made when a log is begun, and the same in all its segments; a segment's
 * key is the XXH3-64 of its number (8 bytes) seeded with it. What lies behind the last entry is
 * whatever the file held in an earlier life, or the rest of a torn batch: to a large part bytes
 * that clients chose. No client knows the key, so none can make bytes that pass for an entry, and
 * since files that are used again get another number, their old entries do not pass either. Each
 * segment's key can be had from any other's header: one that has lost its own is still searched for
 * lost entries.
 *
 * FORMAT 1 has no log key (the context starts at 96) and no seed. Its segments are read; none is
 * begun any more, and one that is found active ends with the first flush. A version that knows
 * format 1 only refuses a log with segments of format 2, and its words say so: header and checksum
 * are where it looks for them.
 *
 * The durable mark is the highest index known to be synced when the bytes were written. If entries
 * are missing at or below the highest mark found, what was acknowledged is lost; above it, a power
 * failure explains a gap. When damage was found, the end mark that is put before it (or the header
 * of the log begun anew) carries a mark above the last entry, so that the next start finds the
 * damage as well if the process dies before it could draw its conclusions.
 *
 * A segment ends at the end of a flush, never in the middle of a batch: only then does the context
 * that the core gives belong to the position. A batch that does not fit makes its segment longer.
 */
#include "gcomm/log/log_internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES (1024u * 1024)        /* written out when this much has gathered */
#define DIRECT_BYTES (128u * 1024)         /* larger payloads are not copied to the buffer */
#define GROW_BYTES ((uint64_t)1024 * 1024) /* a segment grows in steps of at most this */
#define PIECES_MAX 16

enum ls_rc ls_log_check_failed(struct ls_log *log, struct ls_error *err)
{
    enum ls_rc rc;

    if (!atomic_load_explicit(&log->failed, memory_order_relaxed)) {
        return LS_OK;
    }
    ls_mutex_lock(&log->lock);
    rc = ls_error_set(err, log->failure.code, "%s", log->failure.text);
    ls_mutex_unlock(&log->lock);
    return rc;
}

enum ls_rc ls_log_fail(struct ls_log *log, const struct ls_error *why, struct ls_error *err)
{
    bool first;

    ls_mutex_lock(&log->lock);
    first = !log->failed;
    if (first) {
        log->failure = *why;
        (void)ls_error_wrap(&log->failure, why->code,
                            "the write-set log takes no more writes until the server is restarted");
        atomic_store(&log->failed, true);
    }
    ls_mutex_unlock(&log->lock);
    if (first) {
        ls_error_log("write-set log: %s", why->text);
    }
    return ls_log_check_failed(log, err);
}

/* ---- append ---- */

static enum ls_rc ensure_room(struct ls_log *log, struct ls_segment *s, uint64_t bytes,
                              struct ls_error *err)
{
    uint64_t need = s->used + bytes + LS_ENTRY_HEADER_BYTES; /* and an end mark, see truncate */
    uint64_t step = log->segment_bytes / 4 < GROW_BYTES ? log->segment_bytes / 4 : GROW_BYTES;
    uint64_t to = (need + step - 1) / step * step;
    enum ls_rc rc;

    if (need <= s->allocated) {
        return LS_OK;
    }
    rc = ls_file_allocate(s->fd, s->allocated, to, s->path, err);
    if (rc == LS_E_NOSPC && log->have_spare) {
        ls_log_spare_drop(log); /* a next segment is of no use when this one cannot be ended */
        rc = ls_file_allocate(s->fd, s->allocated, to, s->path, err);
    }
    if (rc == LS_OK) {
        ls_mutex_lock(&log->lock);
        rc = ls_segment_map(s, to, err);
        if (rc == LS_OK) {
            s->allocated = to;
        }
        ls_mutex_unlock(&log->lock);
    }
    return rc;
}

/* Writes the buffer and the pieces behind it, and publishes what is now complete. */
static enum ls_rc write_out(struct ls_log *log, const struct ls_piece *more, size_t more_count,
                            struct ls_error *err)
{
    struct ls_segment *s = ls_log_active(log);
    struct ls_piece pieces[PIECES_MAX + 3];
    struct ls_error why;
    uint64_t bytes = log->buf_used;
    enum ls_rc rc;

    pieces[0] = (struct ls_piece){.data = log->buf, .len = log->buf_used};
    LS_ASSERT(more_count <= PIECES_MAX + 2);
    for (size_t i = 0; i < more_count; i++) {
        pieces[i + 1] = more[i];
        bytes += more[i].len;
    }
    if (bytes == 0) {
        return LS_OK;
    }
    rc = ensure_room(log, s, bytes, &why);
    if (rc == LS_OK) {
        rc = ls_file_write_pieces_at(s->fd, pieces, more_count + 1, s->used, s->path, &why);
    }
    if (rc != LS_OK) {
        return ls_log_fail(log, &why, err);
    }
    ls_mutex_lock(&log->lock);
    s->used += bytes;
    s->count += log->pending;
    s->writes++;
    log->last = log->tail;
    ls_mutex_unlock(&log->lock);
    log->buf_used = 0;
    log->pending = 0;
    log->end_marked = false;
    return LS_OK;
}

static enum ls_rc check_entry(const struct ls_log *log, const struct ls_entry *e,
                              const struct ls_piece *pieces, size_t count, struct ls_error *err)
{
    uint64_t size = 0;

    for (size_t i = 0; i < count; i++) {
        size += pieces[i].len;
    }
    if (size != e->size || e->size > LS_LOG_PAYLOAD_CAP || count > PIECES_MAX) {
        return ls_error_set(err, LS_E_INVAL,
                            "log entry %" PRIu64 " says %u bytes and has %" PRIu64 " in %zu pieces",
                            e->index, e->size, size, count);
    }
    if (e->index != log->tail.index + 1 || e->seqno < log->tail.seqno || e->type == 0) {
        return ls_error_set(err, LS_E_INVAL,
                            "log entry %" PRIu64 " (seqno %" PRId64 ", type %u) cannot follow "
                            "entry %" PRIu64 " (seqno %" PRId64 ")",
                            e->index, e->seqno, e->type, log->tail.index, log->tail.seqno);
    }
    if (!ls_hash128_equal(e->chain, ls_entry_chain(log->tail.chain, e))) {
        return ls_error_set(err, LS_E_CORRUPT,
                            "the chain hash of log entry %" PRIu64 " does not follow from entry "
                            "%" PRIu64 " as this node has it",
                            e->index, log->tail.index);
    }
    return LS_OK;
}

static enum ls_rc wrong_payload(const struct ls_entry *e, struct ls_error *err)
{
    return ls_error_set(err, LS_E_CORRUPT,
                        "the payload of log entry %" PRIu64 " has another hash "
                        "than the entry says: it was changed on its way",
                        e->index);
}

/* Large payloads go from where they are to the page cache, behind what the buffer holds. */
static enum ls_rc append_direct(struct ls_log *log, const struct ls_entry *e,
                                const struct ls_piece *pieces, size_t count, struct ls_error *err)
{
    static const uint8_t zeros[LS_LOG_ALIGN];
    struct ls_piece all[PIECES_MAX + 2];
    struct ls_entry_header h;

    if (ls_hash64_pieces(pieces, count) != e->payload_hash) {
        return wrong_payload(e, err);
    }
    ls_entry_header_encode(e, log->generation, atomic_load(&log->durable), ls_log_active(log)->key,
                           &h);
    all[0] = (struct ls_piece){.data = &h, .len = sizeof(h)};
    memcpy(all + 1, pieces, count * sizeof(*pieces));
    all[count + 1] = (struct ls_piece){
        .data = zeros, .len = (size_t)(ls_log_entry_stride(e->size) - sizeof(h) - e->size)};
    log->pending++;
    log->tail = ls_entry_pos(e);
    return write_out(log, all, count + 2, err);
}

static enum ls_rc append_buffered(struct ls_log *log, const struct ls_entry *e,
                                  const struct ls_piece *pieces, size_t count, struct ls_error *err)
{
    struct ls_entry_header h;
    uint8_t *start = log->buf + log->buf_used;
    uint8_t *at = start + sizeof(h);

    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len > 0) {
            memcpy(at, pieces[i].data, pieces[i].len);
            at += pieces[i].len;
        }
    }
    if (ls_hash64(start + sizeof(h), e->size) != e->payload_hash) {
        return wrong_payload(e, err);
    }
    ls_entry_header_encode(e, log->generation, atomic_load(&log->durable), ls_log_active(log)->key,
                           &h);
    memcpy(start, &h, sizeof(h));
    memset(at, 0, (size_t)(start + ls_log_entry_stride(e->size) - at));
    log->buf_used += ls_log_entry_stride(e->size);
    log->pending++;
    log->tail = ls_entry_pos(e);
    return LS_OK;
}

enum ls_rc ls_log_append(struct ls_log *log, const struct ls_entry *entry,
                         const struct ls_piece *pieces, size_t count, struct ls_error *err)
{
    struct ls_segment *s = ls_log_active(log);
    enum ls_rc rc = ls_log_check_failed(log, err);
    uint64_t stride = ls_log_entry_stride(entry->size);

    if (rc == LS_OK) {
        rc = check_entry(log, entry, pieces, count, err);
    }
    if (rc == LS_OK && log->buf_used + stride > log->buf_room) {
        rc = write_out(log, NULL, 0, err);
    }
    if (rc != LS_OK) {
        return rc;
    }
    if (s->count + log->pending == s->offsets_room) {
        bool ok;
        ls_mutex_lock(&log->lock);
        ok = ls_segment_reserve_offsets(s, s->count + log->pending + 1);
        ls_mutex_unlock(&log->lock);
        if (!ok) {
            return ls_error_set(err, LS_E_NOMEM, "no memory for the index of the write-set log");
        }
    }
    LS_ASSERT((s->used + log->buf_used) / LS_LOG_ALIGN <= UINT32_MAX);
    s->offsets[s->count + log->pending] = (uint32_t)((s->used + log->buf_used) / LS_LOG_ALIGN);
    return entry->size >= DIRECT_BYTES ? append_direct(log, entry, pieces, count, err)
                                       : append_buffered(log, entry, pieces, count, err);
}

static enum ls_rc roll(struct ls_log *log, struct ls_error *err)
{
    struct ls_segment_header h = {.flags = 0};
    struct ls_segment *s;
    size_t size = 0;
    void *context = NULL;
    struct ls_error why;
    enum ls_rc rc = LS_OK;

    if (log->context != NULL) {
        context = malloc(log->context_max);
        if (context == NULL) {
            return ls_error_set(err, LS_E_NOMEM, "no memory for a new log segment");
        }
        size = log->context(log->context_ctx, context, log->context_max);
        LS_ASSERT(size <= log->context_max);
        if (size == 0) {
            free(context);
            return LS_OK;
        }
    }
    h.number = ls_log_active(log)->number + 1;
    h.base = log->last;
    h.context_size = (uint32_t)size;
    rc = ls_log_segment_create(log, &h, context, &s, &why);
    free(context);
    if (rc == LS_E_NOSPC || rc == LS_E_NOFILES) {
        return LS_OK; /* nothing is lost: the present segment goes on as long as it can grow */
    }
    if (rc == LS_OK) {
        rc = ls_log_table_push(log, s, &why);
        if (rc != LS_OK) {
            ls_segment_unref(s);
        }
    }
    if (rc != LS_OK) {
        return ls_log_fail(log, &why, err);
    }
    /* As long as purge yields no spare one, reserve it here: a full disk shows a segment early. */
    if (ls_log_table_bytes(log) < log->max_bytes && ls_log_spare_prepare(log, &why) != LS_OK) {
        ls_warn("write-set log: no room for a spare segment: %s. Free some disk space, or lower "
                "gcache.size",
                why.text);
    }
    return LS_OK;
}

enum ls_rc ls_log_flush(struct ls_log *log, struct ls_error *err)
{
    const struct ls_segment *s = ls_log_active(log);
    enum ls_rc rc = ls_log_check_failed(log, err);

    if (rc == LS_OK) {
        rc = write_out(log, NULL, 0, err);
    }
    /* An eighth is left so that the batch that crosses the line rarely makes the file longer. What
     * an older version began is ended at once: its checksums have no key. */
    if (rc == LS_OK && s->count > 0 &&
        (s->used >= log->segment_bytes - log->segment_bytes / 8 ||
         s->format < LS_LOG_FORMAT_CURRENT)) {
        rc = roll(log, err);
    }
    return rc;
}

/* ---- sync ---- */

/* The next segment above *number, up to the given one, that has something to sync; referenced. */
static struct ls_segment *next_dirty(struct ls_log *log, uint64_t *number, uint64_t up_to,
                                     uint64_t *writes)
{
    struct ls_segment *found = NULL;

    ls_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->segment_count && found == NULL; i++) {
        struct ls_segment *s = log->segments[i];
        if (s->number > *number && s->number <= up_to && s->writes != s->synced) {
            found = s;
            *number = s->number;
            *writes = s->writes;
            ls_segment_ref(s);
        }
    }
    ls_mutex_unlock(&log->lock);
    return found;
}

static enum ls_rc sync_segments(struct ls_log *log, uint64_t up_to, struct ls_error *err)
{
    struct ls_segment *s;
    uint64_t number = 0;
    uint64_t writes = 0;
    enum ls_rc rc = LS_OK;

    while (rc == LS_OK && (s = next_dirty(log, &number, up_to, &writes)) != NULL) {
        rc = ls_file_sync_data(s->fd, s->path, err);
        if (rc == LS_OK) {
            ls_mutex_lock(&log->lock);
            if (s->synced < writes) {
                s->synced = writes;
            }
            ls_mutex_unlock(&log->lock);
        }
        ls_segment_unref(s);
    }
    return rc;
}

enum ls_rc ls_log_sync(struct ls_log *log, struct ls_error *err)
{
    struct ls_error why;
    uint64_t target;
    uint64_t up_to;
    uint64_t dir_writes;
    uint32_t generation;
    bool dir_dirty;
    enum ls_rc rc = ls_log_check_failed(log, err);

    if (rc != LS_OK) {
        return rc;
    }
    ls_mutex_lock(&log->lock);
    target = log->last.index;
    up_to = ls_log_active(log)->number;
    generation = log->generation;
    dir_writes = log->dir_writes;
    dir_dirty = dir_writes != log->dir_synced;
    ls_mutex_unlock(&log->lock);

    rc = sync_segments(log, up_to, &why);
    if (rc == LS_OK && dir_dirty) {
        rc = ls_file_sync_open_dir(log->dir_fd, log->dir, &why);
    }
    if (rc != LS_OK) {
        return ls_log_fail(log, &why, err);
    }
    ls_mutex_lock(&log->lock);
    if (log->dir_synced < dir_writes) {
        log->dir_synced = dir_writes;
    }
    /* After a cut in between, nobody can say which entries of these numbers were synced. */
    if (generation == log->generation && log->durable < target) {
        atomic_store(&log->durable, target);
    }
    ls_mutex_unlock(&log->lock);
    return LS_OK;
}

/* ---- cut ---- */

/* Removes segments that start at or behind the position, the first one excepted. */
static enum ls_rc drop_later_segments(struct ls_log *log, uint64_t last_kept, struct ls_error *err)
{
    enum ls_rc rc = LS_OK;

    /* From the end: what a process killed in between leaves is still one log. */
    while (rc == LS_OK && log->segment_count > 1 && ls_log_active(log)->base.index > last_kept) {
        struct ls_segment *s = ls_log_active(log);
        const struct ls_segment *before = log->segments[log->segment_count - 2];

        ls_mutex_lock(&log->lock);
        log->segment_count--;
        log->last = s->base;
        log->dir_writes++;
        ls_mutex_unlock(&log->lock);
        LS_ASSERT(before->base.index + before->count == s->base.index);
        rc = ls_file_unlink(s->path, err);
        ls_segment_unref(s);
    }
    return rc;
}

/* Makes the active segment end before entry i of it. If somebody has it pinned, its bytes must
 * stay: then a copy takes its place. */
static enum ls_rc cut_segment(struct ls_log *log, size_t i, const struct ls_log_pos *last,
                              struct ls_error *err)
{
    struct ls_segment *s = ls_log_active(log);
    struct ls_segment *copy = NULL;
    uint64_t used = i < s->count ? ls_segment_offset(s, i) : s->used;
    enum ls_rc rc;

    ls_mutex_lock(&log->lock);
    if (ls_segment_pins(s) == 0) {
        s->count = i;
        s->used = used;
        log->last = *last;
    }
    rc = log->last.index == last->index ? LS_OK : LS_E_BUSY;
    ls_mutex_unlock(&log->lock);
    if (rc == LS_OK) {
        return LS_OK;
    }
    rc = ls_log_segment_copy(log, s, used, i, &copy, err);
    if (rc != LS_OK) {
        return rc;
    }
    ls_mutex_lock(&log->lock);
    log->segments[log->segment_count - 1] = copy;
    log->last = *last;
    log->dir_writes++;
    ls_mutex_unlock(&log->lock);
    ls_segment_unref(s);
    return LS_OK;
}

/* Everything from index on goes; the log holds more than that. */
static enum ls_rc truncate_to(struct ls_log *log, const struct ls_log_pos *last,
                              struct ls_error *err)
{
    enum ls_rc rc = drop_later_segments(log, last->index, err);

    if (rc == LS_OK && log->last.index > last->index) {
        rc = cut_segment(log, (size_t)(last->index - ls_log_active(log)->base.index), last, err);
    }
    ls_mutex_lock(&log->lock);
    log->generation++;
    if (log->durable > last->index) {
        atomic_store(&log->durable, last->index);
    }
    ls_mutex_unlock(&log->lock);
    log->tail = *last;
    return rc == LS_OK ? ls_log_mark_end(log, log->durable, err) : rc;
}

enum ls_rc ls_log_truncate(struct ls_log *log, uint64_t index, struct ls_error *err)
{
    struct ls_log_pos last = log->segments[0]->base;
    struct ls_error why;
    struct ls_entry e;
    enum ls_rc rc = ls_log_check_failed(log, err);

    if (rc == LS_OK) {
        rc = write_out(log, NULL, 0, err);
    }
    if (rc != LS_OK || index > log->last.index) {
        return rc;
    }
    if (index <= last.index) {
        return ls_error_set(err, LS_E_INVAL,
                            "cannot cut the write-set log at %" PRIu64
                            ": it starts behind %" PRIu64,
                            index, last.index);
    }
    if (index > last.index + 1) {
        if (!ls_log_get(log, index - 1, &e, NULL)) {
            ls_error_set(&why, LS_E_CORRUPT, "entry %" PRIu64 " cannot be read", index - 1);
            return ls_log_fail(log, &why, err);
        }
        last = ls_entry_pos(&e);
    }
    rc = truncate_to(log, &last, &why);
    return rc == LS_OK ? LS_OK : ls_log_fail(log, &why, err);
}

/* Makes s the only segment in one step, so that no reader meets two histories in the table. The old
 * ones come back in *old. */
static void replace_table(struct ls_log *log, struct ls_segment *s, struct ls_segment **fresh,
                          struct ls_segment ***old, size_t *old_count)
{
    ls_mutex_lock(&log->lock);
    *old = log->segments;
    *old_count = log->segment_count;
    fresh[0] = s;
    log->segments = fresh;
    log->segment_count = 1;
    log->segment_room = 1;
    log->last = s->base;
    log->dir_writes++;
    log->generation++;
    atomic_store(&log->durable, 0);
    ls_mutex_unlock(&log->lock);
    log->tail = s->base;
    log->buf_used = 0;
    log->pending = 0;
}

/* The new start must be durable before the old entries go, or a power failure would leave neither.
 */
static enum ls_rc drop_old_segments(struct ls_log *log, struct ls_segment **old, size_t count,
                                    struct ls_error *err)
{
    const struct ls_segment *s = ls_log_active(log);
    enum ls_rc rc = ls_file_sync_data(s->fd, s->path, err);

    if (rc == LS_OK) {
        rc = ls_file_sync_open_dir(log->dir_fd, log->dir, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (rc == LS_OK) {
            rc = ls_file_unlink(old[i]->path, err);
        }
        ls_segment_unref(old[i]);
    }
    free(old);
    return rc;
}

enum ls_rc ls_log_reset(struct ls_log *log, const struct ls_log_pos *base, const void *context,
                        size_t context_size, struct ls_error *err)
{
    struct ls_segment_header h = {.number = ls_log_active(log)->number + 1,
                                  .base = *base,
                                  .flags = LS_SEGMENT_RESET,
                                  .context_size = (uint32_t)context_size};
    struct ls_segment **fresh;
    struct ls_segment **old;
    struct ls_segment *s;
    struct ls_error why;
    size_t old_count;
    enum ls_rc rc = ls_log_check_failed(log, err);

    if (rc != LS_OK) {
        return rc;
    }
    if (context_size > LS_LOG_CONTEXT_CAP) {
        return ls_error_set(err, LS_E_TOOBIG, "log context of %zu bytes", context_size);
    }
    fresh = malloc(sizeof(struct ls_segment *));
    if (fresh == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for the table of log segments");
    }
    /* The entries left in the spare may have higher indexes than the new ones will. */
    ls_log_spare_drop(log);
    rc = ls_log_segment_create(log, &h, context, &s, &why);
    if (rc != LS_OK) {
        free(fresh);
        return ls_log_fail(log, &why, err);
    }
    replace_table(log, s, fresh, &old, &old_count);
    rc = drop_old_segments(log, old, old_count, &why);
    return rc == LS_OK ? LS_OK : ls_log_fail(log, &why, err);
}

/* ---- open, close ---- */

static void free_log(struct ls_log *log)
{
    for (size_t i = 0; i < log->segment_count; i++) {
        ls_segment_unref(log->segments[i]);
    }
    free(log->segments);
    free(log->buf);
    ls_file_close(log->dir_fd);
    free(log->dir);
    ls_mutex_destroy(&log->lock);
    free(log);
}

enum ls_rc ls_log_open(const struct ls_log_options *opt, struct ls_log **out, bool *damaged,
                       struct ls_error *err)
{
    struct ls_log *log = calloc(1, sizeof(*log));
    enum ls_rc rc = LS_OK;

    *out = NULL;
    *damaged = false;
    if (log == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for the write-set log");
    }
    ls_mutex_init(&log->lock);
    log->max_bytes = opt->max_bytes;
    log->segment_bytes_given = opt->segment_bytes != 0;
    log->segment_bytes = opt->segment_bytes != 0 ? (opt->segment_bytes + 4095) & ~(uint64_t)4095
                                                 : ls_log_default_segment_bytes(opt->max_bytes);
    log->context = opt->context;
    log->context_max = opt->context_max;
    log->context_ctx = opt->context_ctx;
    LS_ASSERT(log->context_max <= LS_LOG_CONTEXT_CAP);
    log->dir = strdup(opt->dir);
    log->dir_fd = -1;
    log->buf_room = BUFFER_BYTES;
    log->buf = malloc(log->buf_room);
    if (log->dir == NULL || log->buf == NULL) {
        rc = ls_error_set(err, LS_E_NOMEM, "no memory for the write-set log");
    } else {
        rc = ls_file_open_dir(log->dir, &log->dir_fd, err);
    }
    if (rc == LS_OK) {
        rc = ls_log_recover(log, opt, damaged, err);
    }
    if (rc != LS_OK) {
        free_log(log);
        return ls_error_wrap(err, rc, "cannot open the write-set log in %s", opt->dir);
    }
    log->tail = log->last;
    *out = log;
    return LS_OK;
}

void ls_log_close(struct ls_log *log)
{
    if (log == NULL) {
        return;
    }
    /* The mark spares the next start a search for what may stand behind. Failures have been logged,
     * or do no harm. A mark of damage stays unless something was written over it. */
    if (!log->failed && write_out(log, NULL, 0, NULL) == LS_OK && !log->end_marked) {
        (void)ls_log_mark_end(log, log->durable, NULL);
    }
    free_log(log);
}
