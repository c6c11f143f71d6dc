/* The reading side of the log: any thread, concurrent with the writer. */
#include "gcomm/log/log_internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/file.h"

#include <inttypes.h>
#include <string.h>

#define TELL_US 5000000

/* Highest segment whose base lies before index, which must be held. Under the lock, or writer. */
static struct ls_segment *find_segment(const struct ls_log *log, uint64_t index)
{
    size_t lo = 0;
    size_t hi = log->segment_count;

    if (log->segments[hi - 1]->base.index < index) {
        return log->segments[hi - 1]; /* mostly it is a new entry that is asked for */
    }
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (log->segments[mid]->base.index < index) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return log->segments[lo];
}

/* A published entry's segment, referenced, and its bytes. NULL when not held. */
static struct ls_segment *hold_entry(struct ls_log *log, uint64_t index, const uint8_t **bytes,
                                     uint64_t *offset)
{
    struct ls_segment *s = NULL;

    ls_mutex_lock(&log->lock);
    if (index > log->segments[0]->base.index && index <= log->last.index) {
        s = find_segment(log, index);
        LS_ASSERT(index - s->base.index <= s->count);
        *offset = ls_segment_offset(s, index - s->base.index - 1);
        *bytes = s->map + *offset;
        ls_segment_ref(s);
    }
    ls_mutex_unlock(&log->lock);
    return s;
}

/* Who needs what has gone bad asks for it again and again. */
static bool may_tell_bad(struct ls_log *log)
{
    int64_t told_us = atomic_load(&log->bad_told_us);
    int64_t now_us = ls_clock_us();

    return (told_us == 0 || now_us - told_us >= TELL_US) &&
           atomic_compare_exchange_strong(&log->bad_told_us, &told_us, now_us);
}

/* Parses what was checked when it was read or written; checked again since the page may have been
 * read from the disk anew. */
static bool load_entry(struct ls_log *log, const struct ls_segment *s, const uint8_t *bytes,
                       uint64_t index, struct ls_entry *out)
{
    struct ls_entry_header h;

    memcpy(&h, bytes, sizeof(h));
    if (!ls_entry_header_check(&h, s->key) || h.index != index) {
        if (may_tell_bad(log)) {
            ls_error_log("write-set log: the header of entry %" PRIu64 " in %s has gone bad: check "
                         "the disk; after a restart this node gets what it lacks from the others",
                         index, s->path);
        }
        return false;
    }
    ls_entry_header_decode(&h, out);
    out->payload = bytes + sizeof(h);
    return true;
}

bool ls_log_payload_is_whole(struct ls_log *log, const struct ls_entry *e)
{
    if (ls_hash64(e->payload, e->size) == e->payload_hash) {
        return true;
    }
    if (may_tell_bad(log)) {
        ls_error_log("write-set log: entry %" PRIu64 " has gone bad: check the disk; after a "
                     "restart this node gets what it lacks from the others",
                     e->index);
    }
    return false;
}

/* The writer's view: published entries without a reference, and those not yet written. */
static bool get_unpinned(struct ls_log *log, uint64_t index, struct ls_entry *out)
{
    const struct ls_segment *s;
    uint64_t offset;

    if (index <= log->segments[0]->base.index || index > log->tail.index) {
        return false;
    }
    s = find_segment(log, index);
    offset = ls_segment_offset(s, index - s->base.index - 1);
    if (index > log->last.index) {
        return load_entry(log, s, log->buf + (offset - s->used), index, out);
    }
    return load_entry(log, s, s->map + offset, index, out);
}

bool ls_log_get(struct ls_log *log, uint64_t index, struct ls_entry *out, struct ls_log_pin **pin)
{
    struct ls_segment *s;
    const uint8_t *bytes;
    uint64_t offset;

    if (pin == NULL) {
        return get_unpinned(log, index, out);
    }
    *pin = NULL;
    s = hold_entry(log, index, &bytes, &offset);
    if (s == NULL) {
        return false;
    }
    if (!load_entry(log, s, bytes, index, out)) {
        ls_segment_unref(s);
        return false;
    }
    *pin = &s->pin;
    return true;
}

void ls_log_unpin(struct ls_log_pin *pin)
{
    /* The pin is the first member of its segment. */
    ls_segment_unref((struct ls_segment *)pin);
}

struct ls_log_pos ls_log_base(struct ls_log *log)
{
    struct ls_log_pos pos;

    ls_mutex_lock(&log->lock);
    pos = log->segments[0]->base;
    ls_mutex_unlock(&log->lock);
    return pos;
}

struct ls_log_pos ls_log_last(struct ls_log *log)
{
    struct ls_log_pos pos;

    ls_mutex_lock(&log->lock);
    pos = log->last;
    ls_mutex_unlock(&log->lock);
    return pos;
}

uint64_t ls_log_durable(struct ls_log *log)
{
    return atomic_load(&log->durable);
}

const void *ls_log_context(struct ls_log *log, size_t *size)
{
    const struct ls_segment *s = log->segments[0];

    *size = s->context_size;
    return s->map + ls_log_context_start(s->format);
}

/* Highest segment whose base seqno is at or below seqno, referenced; NULL when the log is later. */
static struct ls_segment *hold_seqno(struct ls_log *log, int64_t seqno, size_t *count)
{
    struct ls_segment *s = NULL;

    ls_mutex_lock(&log->lock);
    if (log->segments[0]->base.seqno <= seqno) {
        size_t lo = 0;
        size_t hi = log->segment_count;
        while (hi - lo > 1) {
            size_t mid = lo + (hi - lo) / 2;
            if (log->segments[mid]->base.seqno <= seqno) {
                lo = mid;
            } else {
                hi = mid;
            }
        }
        s = log->segments[lo];
        *count = s->count;
        ls_segment_ref(s);
    }
    ls_mutex_unlock(&log->lock);
    return s;
}

/* Entry i of a referenced segment. The offsets may move while the writer appends, the bytes of a
 * referenced segment do not change. */
static bool segment_entry(struct ls_log *log, struct ls_segment *s, size_t i, struct ls_entry *out)
{
    const uint8_t *bytes;

    ls_mutex_lock(&log->lock);
    bytes = s->map + ls_segment_offset(s, i);
    ls_mutex_unlock(&log->lock);
    return load_entry(log, s, bytes, s->base.index + i + 1, out);
}

bool ls_log_find_seqno(struct ls_log *log, int64_t seqno, struct ls_log_pos *out)
{
    struct ls_entry e;
    size_t hi = 0;
    size_t lo = 0; /* entries below lo are at or below seqno, those from hi on above */
    struct ls_segment *s = hold_seqno(log, seqno, &hi);
    bool ok = s != NULL;

    while (ok && lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        ok = segment_entry(log, s, mid, &e);
        if (ok && e.seqno <= seqno) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (ok && lo == 0) {
        *out = s->base;
    } else if (ok) {
        ok = segment_entry(log, s, lo - 1, &e);
        *out = ls_entry_pos(&e);
    }
    if (s != NULL) {
        ls_segment_unref(s);
    }
    return ok;
}

int64_t ls_log_first_seqno(struct ls_log *log)
{
    struct ls_log_pos base = ls_log_base(log);
    struct ls_log_pos before;
    struct ls_log_pin *pin;
    struct ls_entry e;

    while (!ls_log_find_seqno(log, base.seqno, &before)) {
        struct ls_log_pos now = ls_log_base(log);
        if (now.index == base.index) {
            return LS_SEQNO_UNDEFINED; /* unreadable, not purged meanwhile */
        }
        base = now;
    }
    /* The entry behind the last one that still has the base's number took the next number itself.
     */
    if (!ls_log_get(log, before.index + 1, &e, &pin)) {
        return LS_SEQNO_UNDEFINED;
    }
    ls_log_unpin(pin);
    return e.seqno;
}

void ls_log_set_verdict(struct ls_log *log, uint64_t index, enum ls_verdict verdict)
{
    uint8_t code = ls_log_verdict_code((uint8_t)verdict);
    struct ls_error err;
    const uint8_t *bytes;
    uint64_t offset;
    struct ls_segment *s = hold_entry(log, index, &bytes, &offset);

    if (s == NULL) {
        return;
    }
    /* A verdict that is lost is found again by certifying again, so a failed write only loses time.
     * The reference keeps the writer from using these bytes for another entry meanwhile. */
    if (bytes[LS_ENTRY_VERDICT_OFFSET] != code &&
        ls_file_write_at(s->fd, &code, 1, offset + LS_ENTRY_VERDICT_OFFSET, s->path, &err) !=
            LS_OK) {
        ls_warn("write-set log: verdict of entry %" PRIu64 " not kept: %s", index, err.text);
    }
    ls_segment_unref(s);
}

void ls_log_get_stats(struct ls_log *log, struct ls_log_stats *out)
{
    *out = (struct ls_log_stats){0};
    ls_mutex_lock(&log->lock);
    out->spare_bytes = log->spare_bytes;
    out->bytes = ls_log_table_bytes(log) + out->spare_bytes;
    out->segments = log->segment_count;
    for (size_t i = 0; i < log->segment_count; i++) {
        out->pins += ls_segment_pins(log->segments[i]);
    }
    ls_mutex_unlock(&log->lock);
}
