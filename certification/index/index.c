/* The rules of certification. README.md of this folder gives them in prose, with the reasons. */
#include "certification/index/index.h"

#include "certification/index/table.h"
#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

/* Every member must have the same. */
#define LENGTH_MAX 16384

/* Keys whose slots are asked for ahead of the one in work. */
#define PREFETCH_AHEAD 12u

/* A word of a slot: seqno - base in the upper 46 bits, the key's type as the table's tag, the
 * source's number in the lower 16. So words compare as their seqnos do, and one word with all bits
 * below the seqno set can stand for "up to this seqno". */
#define SOURCE_MASK 0xffffu
#define SEQNO_SHIFT 18
#define BELOW_SEQNO ((UINT64_C(1) << SEQNO_SHIFT) - 1)
/* Equals no source, not even itself: the source of a TOI, against which a conflict always counts.
 */
#define SOURCE_NOBODY 0u

/* Key type in the index against key type under test: bit sets of the types in the index. */
#define BIT(type) (1u << (type))
static const uint8_t conflict_with[4] = {
    [LS_KEY_SHARED] = BIT(LS_KEY_EXCLUSIVE),
    [LS_KEY_REFERENCE] = BIT(LS_KEY_EXCLUSIVE),
    [LS_KEY_UPDATE] = BIT(LS_KEY_UPDATE) | BIT(LS_KEY_EXCLUSIVE),
    [LS_KEY_EXCLUSIVE] = BIT(LS_KEY_REFERENCE) | BIT(LS_KEY_UPDATE) | BIT(LS_KEY_EXCLUSIVE),
};
static const uint8_t depend_on[4] = {
    [LS_KEY_SHARED] = BIT(LS_KEY_UPDATE) | BIT(LS_KEY_EXCLUSIVE),
    [LS_KEY_REFERENCE] = BIT(LS_KEY_UPDATE) | BIT(LS_KEY_EXCLUSIVE),
    [LS_KEY_UPDATE] =
        BIT(LS_KEY_SHARED) | BIT(LS_KEY_REFERENCE) | BIT(LS_KEY_UPDATE) | BIT(LS_KEY_EXCLUSIVE),
    [LS_KEY_EXCLUSIVE] =
        BIT(LS_KEY_SHARED) | BIT(LS_KEY_REFERENCE) | BIT(LS_KEY_UPDATE) | BIT(LS_KEY_EXCLUSIVE),
};

struct source {
    struct ls_uuid uuid;
    int64_t last; /* seqno */
};

struct ls_cert {
    struct ls_table table;
    int64_t base;     /* words count from here */
    int64_t position; /* last seqno given */
    int64_t floor;    /* commit cut, or the start: nothing at or below it counts */
    int64_t barrier;  /* last event that all later ones depend on */
    uint64_t dead;    /* the floor as a word */
    bool optimistic_pa;
    double deps_distance;
    struct source *sources; /* number i stands at i - 1 */
    uint32_t source_count;
    uint32_t source_cap;
};

/* One write-set on its way through the rules. */
struct trial {
    const struct ls_ws_view *ws;
    int64_t seqno;
    const struct ls_uuid *source;
    uint64_t word;   /* what its keys are entered as, if it passes */
    uint64_t seen;   /* last_seen as a word; all ones when conflicts do not count */
    uint64_t newest; /* highest word depended on */
};

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- words ---- */

static uint64_t word_make(const struct ls_cert *c, int64_t seqno, uint64_t below)
{
    uint64_t offset = (uint64_t)seqno - (uint64_t)c->base;

    LS_ASSERT(seqno >= c->base && offset >> (64 - SEQNO_SHIFT) == 0);
    return offset << SEQNO_SHIFT | below;
}

static int64_t word_seqno(const struct ls_cert *c, uint64_t word)
{
    return c->base + (int64_t)(word >> SEQNO_SHIFT);
}

static uint32_t word_source(uint64_t word)
{
    return word & SOURCE_MASK;
}

static bool source_same(uint64_t a, uint64_t b)
{
    return word_source(a) == word_source(b) && word_source(a) != SOURCE_NOBODY;
}

/* ---- sources ---- */

static uint32_t source_add(struct ls_cert *c, const struct ls_uuid *uuid, int64_t seqno)
{
    if (c->source_count == c->source_cap) {
        if (c->source_cap == SOURCE_MASK) {
            return SOURCE_NOBODY; /* conflicts count where they need not: strict, never wrong */
        }
        c->source_cap =
            c->source_cap == 0 ? 15 : c->source_cap * 2 + 1; /* 2^n - 1: ends at the mask */
        c->sources = realloc(c->sources, c->source_cap * sizeof(*c->sources));
        LS_ASSERT(c->sources != NULL);
    }
    c->sources[c->source_count] = (struct source){*uuid, seqno};
    return ++c->source_count;
}

/* The number of a source that originates seqno. Numbers are used again once everything that their
 * source wrote is at or below the floor, where nobody looks. */
static uint32_t source_number(struct ls_cert *c, const struct ls_uuid *uuid, int64_t seqno)
{
    struct source *unused = NULL;

    for (uint32_t i = 0; i < c->source_count; i++) {
        struct source *s = &c->sources[i];
        if (ls_uuid_equal(&s->uuid, uuid)) {
            s->last = seqno;
            return i + 1;
        }
        if (unused == NULL && s->last <= c->floor) {
            unused = s;
        }
    }
    if (unused != NULL) {
        *unused = (struct source){*uuid, seqno};
        return (uint32_t)(unused - c->sources) + 1;
    }
    return source_add(c, uuid, seqno);
}

/* ---- keys ---- */

/* The REFERENCE word of a key holds the last writer; the last one of any *other* source is kept in
 * a slot of its own, under this hash. References do not exclude each other, so the last writer may
 * be the source under test and hide one that it has not seen. For the other types this cannot be:
 * whoever writes an UPDATE or EXCLUSIVE has seen all of those before. */
static struct ls_hash128 other_reference(const struct ls_hash128 *hash)
{
    return (struct ls_hash128){.lo = hash->lo, .hi = ~hash->hi};
}

/* The word of this type against which the conflict counts, or 0. */
static uint64_t conflict_word(const struct ls_cert *c, const struct trial *t,
                              const struct ls_ws_key *key, int type, uint64_t word)
{
    struct ls_hash128 hash;
    uint64_t words[LS_TAGS];

    if (word <= t->seen) {
        return 0;
    }
    if (!source_same(word, t->word)) {
        return word;
    }
    if (type != LS_KEY_REFERENCE) {
        return 0;
    }
    hash = other_reference(&key->hash);
    ls_table_find(&c->table, &hash, words);
    word = words[LS_KEY_REFERENCE];
    return word > t->seen ? word : 0;
}

/* False: a conflict, and why. Words at or below the floor are not told apart here: they are not
 * above last_seen, so they make no conflict, and a dependency on them is one on the floor. That is
 * why it does not matter when they are purged. */
static bool test_key(const struct ls_cert *c, struct trial *t, const struct ls_ws_key *key,
                     struct ls_cert_conflict *why)
{
    uint64_t words[LS_TAGS];

    if (!ls_table_find(&c->table, &key->hash, words)) {
        return true;
    }
    for (int type = LS_KEY_EXCLUSIVE; type >= LS_KEY_SHARED; type--) {
        uint64_t word = words[type];
        if ((depend_on[key->type] & BIT(type)) == 0) {
            continue;
        }
        if (word > t->newest) {
            t->newest = word;
        }
        if ((conflict_with[key->type] & BIT(type)) != 0) {
            uint64_t against = conflict_word(c, t, key, type, word);
            if (against != 0) {
                *why = (struct ls_cert_conflict){word_seqno(c, against), *key, (uint8_t)type};
                return false;
            }
        }
    }
    return true;
}

static void prefetch_key(const struct ls_cert *c, const struct ls_ws_view *ws, uint32_t i)
{
    struct ls_ws_key key;

    if (i < ws->key_count) {
        ls_ws_view_key(ws, i, &key);
        ls_table_prefetch(&c->table, &key.hash);
    }
}

static bool test_keys(const struct ls_cert *c, struct trial *t, struct ls_cert_conflict *why)
{
    struct ls_ws_key key;

    for (uint32_t i = 0; i < PREFETCH_AHEAD; i++) {
        prefetch_key(c, t->ws, i);
    }
    for (uint32_t i = 0; i < t->ws->key_count; i++) {
        prefetch_key(c, t->ws, i + PREFETCH_AHEAD);
        ls_ws_view_key(t->ws, i, &key);
        if (!test_key(c, t, &key, why)) {
            return false;
        }
    }
    return true;
}

static void enter_key(struct ls_cert *c, const struct ls_hash128 *hash, int type, uint64_t word)
{
    uint64_t previous = ls_table_enter(&c->table, hash, word | LS_TAG_BITS(type), c->dead);

    if (type == LS_KEY_REFERENCE && previous > c->dead && !source_same(previous, word)) {
        struct ls_hash128 other = other_reference(hash);
        ls_table_enter(&c->table, &other, previous, c->dead);
    }
}

static void enter_keys(struct ls_cert *c, const struct trial *t)
{
    struct ls_ws_key key;

    for (uint32_t i = 0; i < t->ws->key_count; i++) {
        prefetch_key(c, t->ws, i + PREFETCH_AHEAD);
        ls_ws_view_key(t->ws, i, &key);
        enter_key(c, &key.hash, key.type, t->word);
    }
}

/* ---- streaming transactions ---- */

static bool has(const struct ls_ws_view *ws, uint32_t flag)
{
    return (ws->header.flags & flag) != 0;
}

/* An open streaming transaction is a key of its own, written by each fragment and read by the next.
 * It needs no end: when all its fragments are below the cut, nobody has to wait for them. */
static struct ls_hash128 streaming_key(const struct trial *t)
{
    uint8_t bytes[sizeof(struct ls_uuid) + sizeof(uint64_t)];

    memcpy(bytes, t->source, sizeof(struct ls_uuid));
    memcpy(bytes + sizeof(struct ls_uuid), &t->ws->header.trx_id, sizeof(uint64_t));
    return ls_hash128_seeded(bytes, sizeof(bytes), 0x5354524d /* "STRM" */);
}

static bool continues_streaming(const struct ls_ws_view *ws)
{
    return !has(ws, LS_WS_TRX_START | LS_WS_ISOLATION);
}

static bool is_to_be_continued(const struct ls_ws_view *ws)
{
    return !has(ws, LS_WS_TRX_END | LS_WS_ROLLBACK | LS_WS_ISOLATION);
}

static void test_previous_fragment(const struct ls_cert *c, struct trial *t)
{
    if (continues_streaming(t->ws)) {
        struct ls_hash128 hash = streaming_key(t);
        uint64_t words[LS_TAGS];
        ls_table_find(&c->table, &hash, words);
        if (words[LS_KEY_UPDATE] > t->newest) {
            t->newest = words[LS_KEY_UPDATE];
        }
    }
}

/* ---- the rules ---- */

/* Dependencies that do not come from keys. */
static int64_t depends_at_least(const struct ls_cert *c, const struct trial *t)
{
    const struct ls_ws_header *h = &t->ws->header;
    int64_t depends;

    if (has(t->ws, LS_WS_ISOLATION | LS_WS_PA_UNSAFE | LS_WS_ROLLBACK)) {
        return t->seqno - 1;
    }
    depends = max_i64(c->floor, c->barrier);
    depends = max_i64(depends, h->last_seen - h->pa_range);
    if (has(t->ws, LS_WS_IMPLICIT_DEPS) || !c->optimistic_pa) {
        depends = max_i64(depends, h->last_seen);
    }
    return min_i64(depends, t->seqno - 1);
}

/* A sender cannot have seen its own write-set; whoever says so is faulty. */
static bool last_seen_in_range(const struct ls_cert *c, const struct trial *t)
{
    int64_t last_seen = t->ws->header.last_seen;
    return last_seen >= c->floor && last_seen < t->seqno && t->seqno - last_seen <= LENGTH_MAX;
}

static void trial_pass(struct ls_cert *c, const struct trial *t, struct ls_cert_result *out)
{
    out->pass = true;
    out->depends_on =
        max_i64(depends_at_least(c, t), min_i64(word_seqno(c, t->newest), t->seqno - 1));
    c->deps_distance = (double)(t->seqno - out->depends_on);
    if (has(t->ws, LS_WS_ROLLBACK)) {
        c->barrier = t->seqno; /* takes the locks of its fragments away */
        return;
    }
    if (has(t->ws, LS_WS_PA_UNSAFE)) {
        c->barrier = t->seqno;
    }
    if (t->seqno <= c->floor) {
        return; /* preloaded, and counts for nothing already */
    }
    enter_keys(c, t);
    if (is_to_be_continued(t->ws)) {
        struct ls_hash128 hash = streaming_key(t);
        enter_key(c, &hash, LS_KEY_UPDATE, t->word);
    }
}

/* A failed write-set enters nothing. If earlier fragments have been applied, appliers get it as a
 * rollback, and it has a rollback's place in the order. */
static void trial_fail(struct ls_cert *c, const struct trial *t, struct ls_cert_result *out)
{
    out->pass = false;
    if (continues_streaming(t->ws)) {
        out->depends_on = t->seqno - 1;
        c->barrier = t->seqno;
    } else {
        out->depends_on = depends_at_least(c, t);
    }
}

static struct trial trial_begin(struct ls_cert *c, int64_t seqno, const struct ls_uuid *source,
                                const struct ls_ws_view *ws)
{
    bool toi = has(ws, LS_WS_ISOLATION);

    LS_ASSERT(seqno > c->position);
    c->position = seqno;
    return (struct trial){
        .ws = ws,
        .seqno = seqno,
        .source = source,
        .word = word_make(c, seqno, toi ? SOURCE_NOBODY : source_number(c, source, seqno)),
        .seen = UINT64_MAX,
        .newest = 0,
    };
}

/* Dead slots also go when their segment is full and somebody needs the place. Sweeping is for the
 * memory that nobody asks for, and need not hurry. */
#define SWEEP_PER_CUT 4096u
#define SWEEP_PER_WRITESET 4u

static void sweep_some(struct ls_cert *c, uint32_t keys)
{
    ls_table_sweep(&c->table, c->dead, SWEEP_PER_WRITESET + keys / 2);
}

void ls_cert_test(struct ls_cert *c, int64_t seqno, const struct ls_uuid *source,
                  const struct ls_ws_view *ws, struct ls_cert_result *out)
{
    struct trial t = trial_begin(c, seqno, source, ws);
    bool pass = true;

    *out = (struct ls_cert_result){0};
    if (!has(ws, LS_WS_ROLLBACK)) {
        pass = last_seen_in_range(c, &t);
        if (pass && !has(ws, LS_WS_ISOLATION)) {
            t.seen = word_make(c, ws->header.last_seen, BELOW_SEQNO);
            pass = test_keys(c, &t, &out->why);
            out->conflict = !pass;
            test_previous_fragment(c, &t);
        }
    }
    if (pass) {
        trial_pass(c, &t, out);
    } else {
        trial_fail(c, &t, out);
    }
    sweep_some(c, ws->key_count);
}

void ls_cert_preload(struct ls_cert *c, int64_t seqno, const struct ls_uuid *source,
                     const struct ls_ws_view *ws, bool pass, struct ls_cert_result *out)
{
    struct trial t = trial_begin(c, seqno, source, ws);

    *out = (struct ls_cert_result){0};
    if (!pass) {
        trial_fail(c, &t, out);
    } else {
        if (!has(ws, LS_WS_ROLLBACK | LS_WS_ISOLATION)) {
            bool no_conflict = test_keys(c, &t, &out->why);
            LS_ASSERT(no_conflict);
            test_previous_fragment(c, &t);
        }
        trial_pass(c, &t, out);
    }
    sweep_some(c, ws->key_count);
}

void ls_cert_view(struct ls_cert *c, int64_t seqno)
{
    LS_ASSERT(seqno > c->position);
    c->position = seqno;
    c->barrier = seqno;
}

static void set_floor(struct ls_cert *c, int64_t floor)
{
    c->floor = floor;
    c->dead = word_make(c, floor, BELOW_SEQNO);
}

void ls_cert_cut(struct ls_cert *c, int64_t cut)
{
    cut = min_i64(cut, c->position);
    if (cut > c->floor) {
        set_floor(c, cut);
    }
    ls_table_sweep(&c->table, c->dead, SWEEP_PER_CUT);
}

void ls_cert_set_optimistic_pa(struct ls_cert *c, bool on)
{
    c->optimistic_pa = on;
}

struct ls_cert *ls_cert_create(int64_t start, int64_t cut)
{
    struct ls_cert *c = calloc(1, sizeof(*c));

    LS_ASSERT(c != NULL && start >= LS_SEQNO_UNDEFINED);
    ls_table_init(&c->table);
    c->base = start;
    c->position = start;
    c->barrier = start;
    c->optimistic_pa = true;
    set_floor(c, max_i64(start, cut));
    return c;
}

void ls_cert_destroy(struct ls_cert *c)
{
    if (c == NULL) {
        return;
    }
    ls_table_free(&c->table);
    free(c->sources);
    free(c);
}

void ls_cert_get_stats(const struct ls_cert *c, struct ls_cert_stats *out)
{
    *out = (struct ls_cert_stats){
        .keys = c->table.count,
        .bytes = c->table.bytes + c->source_cap * sizeof(struct source) + sizeof(*c),
        .writesets = (uint64_t)max_i64(c->position - c->floor, 0),
        .deps_distance = c->deps_distance,
    };
}
