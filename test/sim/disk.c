#include "test/sim/disk.h"

#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

static void add_segment(struct ls_disk *d, const struct ls_log_pos *base, const void *context,
                        size_t size)
{
    if (d->segment_count == d->segment_capacity) {
        d->segment_capacity = d->segment_capacity ? 2 * d->segment_capacity : 4;
        d->segments = realloc(d->segments, d->segment_capacity * sizeof(*d->segments));
        LS_ASSERT(d->segments != NULL);
    }
    struct ls_disk_segment *s = &d->segments[d->segment_count++];
    s->base = *base;
    s->context_size = size;
    s->context = NULL;
    if (size > 0) {
        s->context = malloc(size);
        LS_ASSERT(s->context != NULL);
        memcpy(s->context, context, size);
    }
}

void ls_disk_init(struct ls_disk *d, uint32_t segment_entries)
{
    struct ls_log_pos zero = {0};

    memset(d, 0, sizeof(*d));
    d->segment_entries = segment_entries;
    add_segment(d, &zero, NULL, 0);
}

static void drop_log(struct ls_disk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        ls_blob_unref(d->entries[d->head + i].blob);
    }
    d->head = d->count = 0;
    for (size_t i = 0; i < d->segment_count; i++) {
        free(d->segments[i].context);
    }
    d->segment_count = 0;
}

void ls_disk_free(struct ls_disk *d)
{
    drop_log(d);
    free(d->entries);
    free(d->segments);
    memset(d, 0, sizeof(*d));
}

void ls_disk_wipe(struct ls_disk *d)
{
    uint32_t n = d->segment_entries;

    ls_disk_free(d);
    ls_disk_init(d, n);
}

struct ls_log_pos ls_disk_base(const struct ls_disk *d)
{
    return d->segments[0].base;
}

struct ls_log_pos ls_disk_last(const struct ls_disk *d)
{
    return d->count == 0 ? ls_disk_base(d) : ls_entry_pos(&d->entries[d->head + d->count - 1].e);
}

struct ls_disk_entry *ls_disk_find(const struct ls_disk *d, uint64_t index)
{
    uint64_t base = d->segments[0].base.index;

    if (index <= base || index > base + d->count) {
        return NULL;
    }
    return &d->entries[d->head + (index - base - 1)];
}

static bool entry_get(void *ctx, uint64_t index, struct ls_entry *out)
{
    const struct ls_disk_entry *e = ls_disk_find(ctx, index);

    if (e == NULL) {
        return false;
    }
    *out = e->e;
    return true;
}

static bool find_seqno(void *ctx, int64_t seqno, struct ls_log_pos *out)
{
    const struct ls_disk *d = ctx;
    size_t lo = 0, hi = d->count;

    if (d->segments[0].base.seqno > seqno) {
        return false;
    }
    while (lo < hi) { /* first entry above seqno */
        size_t mid = lo + (hi - lo) / 2;
        if (d->entries[d->head + mid].e.seqno <= seqno) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *out = lo == 0 ? ls_disk_base(d) : ls_entry_pos(&d->entries[d->head + lo - 1].e);
    return true;
}

struct ls_core_log ls_disk_core_log(struct ls_disk *d)
{
    return (struct ls_core_log){.entry_get = entry_get, .find_seqno = find_seqno, .ctx = d};
}

bool ls_disk_wants_segment(const struct ls_disk *d)
{
    uint64_t begin = d->segments[d->segment_count - 1].base.index;

    return ls_disk_last(d).index - begin >= d->segment_entries;
}

void ls_disk_new_segment(struct ls_disk *d, const void *context, size_t size)
{
    struct ls_log_pos last = ls_disk_last(d);

    add_segment(d, &last, context, size);
}

static void make_room(struct ls_disk *d)
{
    if (d->head + d->count < d->capacity) {
        return;
    }
    if (d->head > d->count) {
        memmove(d->entries, d->entries + d->head, d->count * sizeof(*d->entries));
        d->head = 0;
        return;
    }
    d->capacity = d->capacity ? 2 * d->capacity : 256;
    d->entries = realloc(d->entries, d->capacity * sizeof(*d->entries));
    LS_ASSERT(d->entries != NULL);
}

void ls_disk_append(struct ls_disk *d, const struct ls_entry *e, struct ls_blob *blob)
{
    make_room(d);
    struct ls_disk_entry *slot = &d->entries[d->head + d->count++];
    slot->e = *e;
    slot->blob = blob;
    slot->e.payload = blob != NULL ? blob->data : NULL;
    slot->verdict_inside = e->verdict != LS_VERDICT_UNKNOWN;
}

void ls_disk_truncate(struct ls_disk *d, uint64_t index)
{
    uint64_t base = ls_disk_base(d).index;
    LS_ASSERT(index > base);

    size_t keep = (size_t)(index - base - 1);
    if (keep >= d->count) {
        return;
    }
    if (d->synced >= index) {
        d->synced = index - 1;
    }
    for (size_t i = keep; i < d->count; i++) {
        ls_blob_unref(d->entries[d->head + i].blob);
    }
    d->count = keep;
    while (d->segment_count > 1 && d->segments[d->segment_count - 1].base.index >= index) {
        free(d->segments[--d->segment_count].context);
    }
}

void ls_disk_reset(struct ls_disk *d, const struct ls_log_pos *base, const void *context,
                   size_t size)
{
    drop_log(d);
    add_segment(d, base, context, size);
    d->synced = d->verdicts_synced = base->index;
}

void ls_disk_purge(struct ls_disk *d, uint64_t keep_from)
{
    size_t drop = 0;

    while (drop + 1 < d->segment_count && d->segments[drop + 1].base.index < keep_from) {
        drop++;
    }
    if (drop == 0) {
        return;
    }
    size_t entries = (size_t)(d->segments[drop].base.index - ls_disk_base(d).index);
    for (size_t i = 0; i < entries; i++) {
        ls_blob_unref(d->entries[d->head + i].blob);
    }
    d->head += entries;
    d->count -= entries;
    for (size_t i = 0; i < drop; i++) {
        free(d->segments[i].context);
    }
    d->segment_count -= drop;
    memmove(d->segments, d->segments + drop, d->segment_count * sizeof(*d->segments));
}

void ls_disk_sync(struct ls_disk *d, uint64_t index)
{
    if (index > d->synced) {
        d->synced = index;
    }
    d->marked |= d->synced >= d->mark_from;
}

void ls_disk_start(struct ls_disk *d, bool majority)
{
    d->mark_from = majority ? 0 : UINT64_MAX;
    if (majority) {
        ls_disk_sync(d, ls_disk_last(d).index);
    } else {
        d->marked = false;
    }
}

void ls_disk_set_sync(struct ls_disk *d, bool majority)
{
    d->mark_from = majority ? ls_disk_last(d).index : UINT64_MAX;
    d->marked = false;
}

void ls_disk_lose_unsynced(struct ls_disk *d, struct ls_prng *rng)
{
    uint64_t last = ls_disk_last(d).index;

    for (uint64_t i = d->verdicts_synced + 1; i <= last; i++) {
        struct ls_disk_entry *e = ls_disk_find(d, i);
        if (e != NULL && !e->verdict_inside) {
            e->e.verdict = LS_VERDICT_UNKNOWN;
        }
    }
    if (last > d->synced) {
        uint64_t keep = d->synced + ls_prng_below(rng, last - d->synced + 1);
        ls_disk_truncate(d, keep + 1);
    }
}
