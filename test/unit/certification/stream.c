#include "test/unit/certification/stream.h"

#include "wsrep/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES 3
#define LENGTH_MAX 16384

struct ls_uuid source_uuid(const char *name)
{
    struct ls_uuid u = {{0}};

    u.b[0] = (uint8_t)name[0];
    u.b[15] = 1;
    return u;
}

static enum ls_key_type type_of(char letter)
{
    switch (letter) {
    case 's':
        return LS_KEY_SHARED;
    case 'r':
        return LS_KEY_REFERENCE;
    case 'u':
        return LS_KEY_UPDATE;
    }
    LS_ASSERT(letter == 'x');
    return LS_KEY_EXCLUSIVE;
}

static void add_key(struct ls_ws_builder *b, const char *text)
{
    struct ls_piece parts[8];
    size_t n = 0;
    enum ls_rc rc;

    LS_ASSERT(text[1] == ':');
    for (const char *p = text + 2; *p != '\0';) {
        size_t len = strcspn(p, "/");
        LS_ASSERT(n < 8);
        parts[n++] = (struct ls_piece){p, len};
        p += len + (p[len] == '/');
    }
    rc = ls_ws_add_key(b, parts, n, type_of(text[0]));
    LS_ASSERT(rc == LS_OK);
}

static uint32_t flags_of(const struct ws *ws)
{
    return ws->flags != 0 ? ws->flags : LS_WS_TRX_START | LS_WS_TRX_END;
}

void ws_encode(const struct ws *ws, struct encoded *out)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_piece pieces[LS_WS_PIECES];
    struct ls_ws_header h = {.flags = flags_of(ws),
                             .last_seen = ws->last_seen,
                             .trx_id = ws->trx_id,
                             .pa_range = ws->set_pa_range ? ws->pa_range : LS_WS_PA_RANGE_MAX};
    size_t size = 0;
    size_t n;
    enum ls_rc rc;

    LS_ASSERT(b != NULL);
    for (size_t i = 0; i < KEYS_MAX && ws->keys[i] != NULL; i++) {
        add_key(b, ws->keys[i]);
    }
    n = ls_ws_encode(b, &h, pieces);
    for (size_t i = 0; i < n; i++) {
        LS_ASSERT(size + pieces[i].len <= sizeof(out->bytes));
        memcpy(out->bytes + size, pieces[i].data, pieces[i].len);
        size += pieces[i].len;
    }
    ls_ws_builder_destroy(b);
    rc = ls_ws_view_init(&out->view, out->bytes, size, NULL);
    LS_ASSERT(rc == LS_OK);
}

struct ls_cert_result ws_test(struct ls_cert *c, int64_t seqno, const struct ws *ws)
{
    struct ls_uuid uuid = source_uuid(ws->source);
    struct ls_cert_result result;
    struct encoded e;

    ws_encode(ws, &e);
    ls_cert_test(c, seqno, &uuid, &e.view, &result);
    return result;
}

struct ls_cert_result ws_preload(struct ls_cert *c, int64_t seqno, const struct ws *ws, bool pass)
{
    struct ls_uuid uuid = source_uuid(ws->source);
    struct ls_cert_result result;
    struct encoded e;

    ws_encode(ws, &e);
    ls_cert_preload(c, seqno, &uuid, &e.view, pass, &result);
    return result;
}

/* ---- the naive reference ---- */

/* The matrix as the contract prints it: rows in the index, columns under test. */
static const char matrix[4][5] = {"--DD", "--DC", "DDCC", "CCCC"};

struct reference {
    int64_t cut;
    int64_t barrier;
};

static bool is_set(const struct event *e, uint32_t flag)
{
    return (flags_of(&e->ws) & flag) != 0;
}

/* Best match of one earlier write-set: 'C', 'D' or '-', over all pairs of equal keys. */
static char relation(const struct event *earlier, const struct event *e)
{
    char worst = '-';
    struct ls_ws_key a, b;

    for (uint32_t i = 0; i < earlier->encoded.view.key_count; i++) {
        ls_ws_view_key(&earlier->encoded.view, i, &a);
        for (uint32_t j = 0; j < e->encoded.view.key_count; j++) {
            ls_ws_view_key(&e->encoded.view, j, &b);
            if (ls_hash128_equal(a.hash, b.hash)) {
                char r = matrix[a.type][b.type];
                worst = r == 'C' || worst == 'C' ? 'C' : r == 'D' ? 'D' : worst;
            }
        }
    }
    return worst;
}

static bool same_streaming_trx(const struct event *a, const struct event *b)
{
    return a->ws.source[0] == b->ws.source[0] && a->ws.trx_id == b->ws.trx_id &&
           !is_set(a, LS_WS_ISOLATION) &&
           (flags_of(&a->ws) & (LS_WS_TRX_START | LS_WS_TRX_END)) !=
               (LS_WS_TRX_START | LS_WS_TRX_END);
}

/* Sets pass and depends_on of e from everything before it. */
static void reference_judge(struct reference *r, const struct stream *s, struct event *e)
{
    int64_t seen = e->ws.last_seen;
    int64_t depends = r->cut > r->barrier ? r->cut : r->barrier;
    bool alone = is_set(e, LS_WS_ISOLATION | LS_WS_PA_UNSAFE | LS_WS_ROLLBACK);
    bool keys_count = !is_set(e, LS_WS_ROLLBACK | LS_WS_ISOLATION);

    e->pass = is_set(e, LS_WS_ROLLBACK) || (seen >= r->cut && e->seqno - seen <= LENGTH_MAX);
    for (size_t i = 0; i < s->count && e->pass && keys_count; i++) {
        const struct event *other = &s->events[i];
        if (other->type != EVENT_WS || !other->pass || other->seqno <= r->cut ||
            is_set(other, LS_WS_ROLLBACK)) {
            continue;
        }
        char rel = relation(other, e);
        if (rel == 'C' && other->seqno > seen &&
            (is_set(other, LS_WS_ISOLATION) || other->ws.source[0] != e->ws.source[0])) {
            e->pass = false;
        }
        if ((rel != '-' || (!is_set(e, LS_WS_TRX_START) && same_streaming_trx(other, e))) &&
            other->seqno > depends) {
            depends = other->seqno;
        }
    }
    if (is_set(e, LS_WS_IMPLICIT_DEPS) && seen > depends) {
        depends = seen;
    }
    e->depends_on = alone ? e->seqno - 1 : depends;
    if (e->pass ? is_set(e, LS_WS_PA_UNSAFE | LS_WS_ROLLBACK)
                : !is_set(e, LS_WS_TRX_START | LS_WS_ISOLATION)) {
        r->barrier = e->seqno;
    }
}

/* ---- generating ---- */

struct generator {
    struct ls_prng prng;
    int64_t seqno;
    int64_t seen[SOURCES];
    bool open[SOURCES]; /* has a streaming transaction under way */
    uint64_t trx_id;
    uint64_t open_trx[SOURCES];
};

static void random_key(struct generator *g, char *text)
{
    static const char letters[] = "ssrruuxxxx";
    char letter = letters[ls_prng_below(&g->prng, 10)];
    unsigned table = (unsigned)ls_prng_below(&g->prng, 3);
    unsigned row = (unsigned)ls_prng_below(&g->prng, 40);

    switch (ls_prng_below(&g->prng, 60)) {
    case 0:
        snprintf(text, 16, "s:d/%u", table);
        break;
    case 1:
        snprintf(text, 16, "%c:", letter);
        break;
    default:
        snprintf(text, 16, "%c:d/%u/%u", letter, table, row);
    }
}

static uint32_t random_flags(struct generator *g, unsigned source)
{
    uint32_t flags = LS_WS_TRX_START | LS_WS_TRX_END;

    if (g->open[source] && ls_prng_chance(&g->prng, 1, 3)) {
        switch (ls_prng_below(&g->prng, 5)) {
        case 0:
            flags = LS_WS_TRX_END | LS_WS_PA_UNSAFE;
            break;
        case 1:
            flags = LS_WS_ROLLBACK | LS_WS_PA_UNSAFE;
            break;
        case 2:
            flags = LS_WS_TRX_END; /* the index may not rely on the other flag */
            break;
        default:
            return LS_WS_NATIVE; /* neither start nor end */
        }
        return flags;
    }
    switch (ls_prng_below(&g->prng, 30)) {
    case 0:
        return flags | LS_WS_PA_UNSAFE;
    case 1:
        return flags | LS_WS_IMPLICIT_DEPS;
    case 2:
        return flags | LS_WS_ISOLATION;
    case 3:
        return LS_WS_TRX_START;
    default:
        return flags;
    }
}

static void random_ws(struct generator *g, struct event *e)
{
    static const char *const names[SOURCES] = {"A", "B", "C"};
    unsigned source = (unsigned)ls_prng_below(&g->prng, SOURCES);
    size_t keys = 1 + ls_prng_below(&g->prng, KEYS_MAX - 1);
    uint64_t ahead = (uint64_t)(g->seqno - g->seen[source]);

    e->type = EVENT_WS;
    e->seqno = ++g->seqno;
    g->seen[source] += (int64_t)ls_prng_below(&g->prng, ahead < 12 ? ahead + 1 : ahead);
    e->ws.source = names[source];
    e->ws.last_seen = g->seen[source];
    e->ws.flags = random_flags(g, source);
    if (e->ws.flags == LS_WS_TRX_START) {
        g->open[source] = true;
        g->open_trx[source] = ++g->trx_id;
    }
    e->ws.trx_id = (e->ws.flags & LS_WS_TRX_START) != 0 && e->ws.flags != LS_WS_TRX_START
                       ? ++g->trx_id
                       : g->open_trx[source];
    if ((e->ws.flags & (LS_WS_TRX_END | LS_WS_ROLLBACK)) != 0 &&
        (e->ws.flags & LS_WS_TRX_START) == 0) {
        g->open[source] = false;
    }
    for (size_t i = 0; i < keys; i++) {
        if ((e->ws.flags & LS_WS_ISOLATION) != 0) {
            snprintf(e->texts[i], sizeof(e->texts[i]), "x:d/%u",
                     (unsigned)ls_prng_below(&g->prng, 3));
        } else {
            random_key(g, e->texts[i]);
        }
        e->ws.keys[i] = e->texts[i];
    }
    ws_encode(&e->ws, &e->encoded);
}

static int64_t min_seen(const struct generator *g)
{
    int64_t min = g->seqno;

    for (size_t i = 0; i < SOURCES; i++) {
        min = g->seen[i] < min ? g->seen[i] : min;
    }
    return min;
}

/* Now and then above somebody's last_seen, whose next write-sets then fail. */
static int64_t random_cut(struct generator *g)
{
    int64_t cut = min_seen(g) + (ls_prng_chance(&g->prng, 1, 8) ? 3 : 0);
    return cut < g->seqno ? cut : g->seqno;
}

struct stream stream_generate(uint64_t seed, size_t count)
{
    struct stream s = {calloc(count, sizeof(struct event)), 0};
    struct reference r = {0, 0};
    struct generator g = {.seqno = 0};

    LS_ASSERT(s.events != NULL);
    ls_prng_seed(&g.prng, seed);
    for (; s.count < count; s.count++) {
        struct event *e = &s.events[s.count];
        uint64_t dice = ls_prng_below(&g.prng, 100);
        if (dice < 6) {
            *e = (struct event){.type = EVENT_CUT, .seqno = random_cut(&g)};
            r.cut = e->seqno > r.cut ? e->seqno : r.cut;
        } else if (dice < 7) {
            *e = (struct event){.type = EVENT_VIEW, .seqno = ++g.seqno};
            r.barrier = e->seqno;
        } else {
            random_ws(&g, e);
            reference_judge(&r, &s, e);
        }
    }
    return s;
}

void stream_free(struct stream *s)
{
    free(s->events);
}
