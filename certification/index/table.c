#include "certification/index/table.h"

#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

/* A segment that would need more places than this is split. 48 KiB: stays in the second-level cache
 * while it is rebuilt, and below malloc's threshold for mapping memory. */
#define SEGMENT_CAP 2048u
#define SEGMENT_CAP_MIN 16u
#define DEPTH_MAX 24u
/* Full at 7/8, rebuilt to 7/10: every key is moved about four times in a life of growth. */
#define FULL(count, cap) ((count)*8u > (cap)*7u)
#define CAP_FOR(count) ((count)*4u / 3u)
/* Two halves are merged when together they fill less than half of a segment. */
#define MERGE_COUNT (SEGMENT_CAP * 7u / 20u)
/* Free places behind the last one in use after a rebuild; the very last stays free for ever. */
#define SLACK(cap) (16u + (cap) / 64u)

static void *must_alloc(void *p)
{
    /* A verdict that this node cannot reach would set it apart from the others. */
    LS_ASSERT(p != NULL);
    return p;
}

static uint64_t hash_lo(const struct ls_hash128 *hash)
{
    return hash->lo != 0 ? hash->lo : 1;
}

/* Rises with lo, so that hash order is the order of places. */
static uint32_t home(uint64_t lo, uint32_t cap)
{
    return (uint32_t)(((lo >> 32) * cap) >> 32);
}

static size_t dir_index(const struct ls_table *t, uint64_t hi)
{
    return t->depth > 0 ? (size_t)(hi >> (64 - t->depth)) : 0;
}

/* How many directory entries point at the segment. */
static size_t dir_span(const struct ls_table *t, const struct ls_segment *seg)
{
    return (size_t)1 << (t->depth - seg->depth);
}

static void dir_set(struct ls_table *t, size_t index, struct ls_segment *seg)
{
    size_t span = dir_span(t, seg);
    size_t first = index & ~(span - 1);

    for (size_t i = first; i < first + span; i++) {
        t->dir[i] = seg;
    }
}

static bool slot_dead(const struct ls_slot *s, uint64_t dead)
{
    return s->word <= dead;
}

/* First place whose hash is not below lo. */
static uint32_t seek(const struct ls_segment *seg, uint64_t lo)
{
    uint32_t i = home(lo, seg->cap);

    while (seg->slots[i].lo - 1 < lo - 1) { /* a free place, 0 - 1, is not below anything */
        i++;
    }
    return i;
}

/* ---- one segment ---- */

static struct ls_slot *scratch_reserve(struct ls_table *t, int which, size_t count)
{
    if (t->scratch_size[which] < count) {
        free(t->scratch[which]);
        t->scratch[which] = must_alloc(malloc(count * sizeof(struct ls_slot)));
        t->bytes += (count - t->scratch_size[which]) * sizeof(struct ls_slot);
        t->scratch_size[which] = count;
    }
    return t->scratch[which];
}

/* Copies the live slots of seg, in order, to scratch `which`. */
static uint32_t collect(struct ls_table *t, int which, const struct ls_segment *seg, uint64_t dead)
{
    struct ls_slot *out = scratch_reserve(t, which, (size_t)seg->count + seg->count / 2);
    uint32_t n = 0;

    for (uint32_t i = 0; i < seg->alloc; i++) {
        if (seg->slots[i].lo != 0 && !slot_dead(&seg->slots[i], dead)) {
            out[n++] = seg->slots[i];
        }
    }
    return n;
}

/* Gives seg a fresh array with these n slots, which are in order. */
static void fill(struct ls_table *t, struct ls_segment *seg, const struct ls_slot *from, uint32_t n)
{
    uint32_t cap = CAP_FOR(n) > SEGMENT_CAP_MIN ? CAP_FOR(n) : SEGMENT_CAP_MIN;
    uint32_t next = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = home(from[i].lo, cap);
        next = (at > next ? at : next) + 1;
    }
    t->bytes -= seg->alloc * sizeof(struct ls_slot);
    t->count -= seg->count;
    free(seg->slots);
    seg->cap = cap;
    seg->alloc = (next > cap ? next : cap) + SLACK(cap);
    seg->count = n;
    seg->slots = must_alloc(calloc(seg->alloc, sizeof(struct ls_slot)));
    t->bytes += seg->alloc * sizeof(struct ls_slot);
    t->count += n;
    next = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = home(from[i].lo, cap);
        at = at > next ? at : next;
        seg->slots[at] = from[i];
        next = at + 1;
    }
}

static struct ls_segment *segment_create(struct ls_table *t, uint32_t depth)
{
    struct ls_segment *seg = must_alloc(calloc(1, sizeof(*seg)));

    seg->depth = depth;
    t->bytes += sizeof(*seg);
    return seg;
}

static void segment_destroy(struct ls_table *t, struct ls_segment *seg)
{
    t->bytes -= sizeof(*seg) + seg->alloc * sizeof(struct ls_slot);
    t->count -= seg->count;
    free(seg->slots);
    free(seg);
}

static void dir_double(struct ls_table *t)
{
    size_t size = (size_t)1 << t->depth;

    t->dir = must_alloc(realloc(t->dir, 2 * size * sizeof(*t->dir)));
    for (size_t i = size; i-- > 0;) {
        t->dir[2 * i] = t->dir[2 * i + 1] = t->dir[i];
    }
    t->depth++;
    t->cursor *= 2;
    t->bytes += size * sizeof(*t->dir);
}

/* The n live slots of the segment at `index` are in scratch 0. */
static void split(struct ls_table *t, size_t index, uint32_t n)
{
    struct ls_segment *low = t->dir[index];
    struct ls_segment *high;
    struct ls_slot *from = t->scratch[0];
    struct ls_slot *out = scratch_reserve(t, 1, n);
    uint64_t bit = (uint64_t)1 << (63 - low->depth);
    uint32_t n_low = 0;
    uint32_t n_high = 0;

    for (uint32_t i = 0; i < n; i++) {
        if ((from[i].hi & bit) != 0) {
            out[n_high++] = from[i];
        } else {
            from[n_low++] = from[i];
        }
    }
    if (low->depth == t->depth) {
        dir_double(t);
        index *= 2;
    }
    index &= ~(dir_span(t, low) - 1);
    low->depth++;
    high = segment_create(t, low->depth);
    fill(t, low, from, n_low);
    fill(t, high, out, n_high);
    dir_set(t, index + dir_span(t, high), high);
}

/* Drops what is dead and makes room for more. */
static void rebuild(struct ls_table *t, size_t index, uint64_t dead)
{
    struct ls_segment *seg = t->dir[index];
    uint32_t n = collect(t, 0, seg, dead);

    if (CAP_FOR(n) > SEGMENT_CAP && seg->depth < DEPTH_MAX) {
        split(t, index, n);
    } else {
        fill(t, seg, t->scratch[0], n);
    }
}

/* Merges the segment at `index` with its other half if both have become small. */
static void merge(struct ls_table *t, size_t index, uint64_t dead)
{
    struct ls_segment *seg = t->dir[index];
    struct ls_segment *other;
    struct ls_slot *a, *b, *out, *merged;
    uint32_t n_a, n_b;

    if (seg->depth == 0) {
        return;
    }
    other = t->dir[index ^ dir_span(t, seg)];
    if (other->depth != seg->depth || seg->count + other->count > MERGE_COUNT) {
        return;
    }
    n_a = collect(t, 0, seg, dead);
    n_b = collect(t, 1, other, dead);
    merged = must_alloc(malloc(((size_t)n_a + n_b + 1) * sizeof(*merged)));
    a = t->scratch[0];
    b = t->scratch[1];
    out = merged;
    for (uint32_t i = 0, j = 0; i < n_a || j < n_b;) {
        *out++ = j == n_b || (i < n_a && a[i].lo <= b[j].lo) ? a[i++] : b[j++];
    }
    seg->depth--;
    fill(t, seg, merged, n_a + n_b);
    free(merged);
    segment_destroy(t, other);
    dir_set(t, index, seg);
}

/* ---- the table ---- */

void ls_table_init(struct ls_table *t)
{
    *t = (struct ls_table){.bytes = sizeof(struct ls_segment *)};
    t->dir = must_alloc(malloc(sizeof(*t->dir)));
    t->dir[0] = segment_create(t, 0);
    fill(t, t->dir[0], NULL, 0);
}

void ls_table_free(struct ls_table *t)
{
    size_t size = (size_t)1 << t->depth;

    for (size_t i = 0; i < size;) {
        struct ls_segment *seg = t->dir[i];
        i += dir_span(t, seg);
        segment_destroy(t, seg);
    }
    free(t->dir);
    free(t->scratch[0]);
    free(t->scratch[1]);
}

void ls_table_prefetch(const struct ls_table *t, const struct ls_hash128 *hash)
{
    const struct ls_segment *seg = t->dir[dir_index(t, hash->hi)];
    const char *slot = (const char *)&seg->slots[home(hash_lo(hash), seg->cap)];

    __builtin_prefetch(slot);
    __builtin_prefetch(slot + 64);
}

bool ls_table_find(const struct ls_table *t, const struct ls_hash128 *hash, uint64_t words[LS_TAGS])
{
    const struct ls_segment *seg = t->dir[dir_index(t, hash->hi)];
    uint64_t lo = hash_lo(hash);
    bool any = false;

    memset(words, 0, LS_TAGS * sizeof(*words));
    for (uint32_t i = seek(seg, lo); seg->slots[i].lo == lo; i++) {
        if (seg->slots[i].hi == hash->hi) {
            words[LS_TAG_OF(seg->slots[i].word)] = seg->slots[i].word;
            any = true;
        }
    }
    return any;
}

/* Makes a place at `at` by moving the rest of its chain one to the right. False when the array ends
 * before the chain does. */
static bool open_place(struct ls_segment *seg, uint32_t at)
{
    uint32_t end = at;

    while (seg->slots[end].lo != 0) {
        end++;
    }
    if (end + 1 >= seg->alloc) {
        return false;
    }
    memmove(&seg->slots[at + 1], &seg->slots[at], (end - at) * sizeof(struct ls_slot));
    return true;
}

uint64_t ls_table_enter(struct ls_table *t, const struct ls_hash128 *hash, uint64_t word,
                        uint64_t dead)
{
    uint64_t lo = hash_lo(hash);

    for (;;) {
        size_t index = dir_index(t, hash->hi);
        struct ls_segment *seg = t->dir[index];
        uint32_t at = seek(seg, lo);

        for (; seg->slots[at].lo == lo; at++) {
            struct ls_slot *s = &seg->slots[at];
            if (s->hi == hash->hi && LS_TAG_OF(s->word) == LS_TAG_OF(word)) {
                uint64_t before = s->word;
                s->word = word;
                return before;
            }
        }
        if (FULL(seg->count + 1, seg->cap) || !open_place(seg, at)) {
            rebuild(t, index, dead);
            continue;
        }
        seg->slots[at] = (struct ls_slot){.lo = lo, .hi = hash->hi, .word = word};
        seg->count++;
        t->count++;
        return 0;
    }
}

static uint32_t count_live(const struct ls_segment *seg, uint64_t dead)
{
    uint32_t live = 0;

    for (uint32_t i = 0; i < seg->alloc; i++) {
        live += seg->slots[i].lo != 0 && !slot_dead(&seg->slots[i], dead);
    }
    return live;
}

void ls_table_sweep(struct ls_table *t, uint64_t dead, uint64_t slots)
{
    if (t->cursor == 0) {
        if (t->swept_dead >= dead) {
            t->credit = 0;
            return;
        }
        t->pass_dead = dead;
    }
    t->credit += slots;
    while (t->credit >= t->dir[t->cursor]->alloc) {
        struct ls_segment *seg = t->dir[t->cursor];
        size_t span;

        t->credit -= seg->alloc;
        if (!FULL(count_live(seg, dead), seg->count)) {
            rebuild(t, t->cursor, dead); /* may double the directory, and the cursor with it */
        }
        merge(t, t->cursor, dead);
        span = dir_span(t, t->dir[t->cursor]);
        t->cursor = (t->cursor & ~(span - 1)) + span;
        if (t->cursor >= (size_t)1 << t->depth) {
            t->cursor = 0;
            t->swept_dead = t->pass_dead;
            return;
        }
    }
}
