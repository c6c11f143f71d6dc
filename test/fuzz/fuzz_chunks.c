/* Chunks of big payloads, as members and others send them: of whatever submission, from wherever in
 * it, with the bytes that were announced or others. What is called complete has the bytes of its
 * hash, stays as it is while it is needed, and is nobody's but a member's. */
#include "gcomm/engine/internal.h"
#include "wsrep/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EVENTS 200
#define MEMBERS 2
#define ORIGINS 3 /* the last one is no member */
#define SMALL_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __wrap_engine_step(struct ls_engine *e, struct ls_event *ev);
void __wrap_ls_core_get_status(const struct ls_core *c, struct ls_core_status *out);

static struct ls_reader in;
static struct ls_sub_id held; /* the last one that was called complete */
static uint64_t next_id;
static bool huge[ORIGINS]; /* one that takes all the room may be under way */

/* ---- the engine around it ---- */

static void check_held(struct ls_engine *e, const struct ls_sub_id *sub, uint64_t size,
                       uint64_t hash)
{
    struct ls_piece piece;

    LS_ASSERT(engine_stage_find(e, sub, size, hash, &piece));
    LS_ASSERT(piece.len == size && ls_hash64(piece.data, piece.len) == hash);
}

void __wrap_engine_step(struct ls_engine *e, struct ls_event *ev)
{
    LS_ASSERT(ev->type == LS_EV_PAYLOAD_HELD);
    held = ev->u.held.sub;
    LS_ASSERT(held.origin.b[0] < MEMBERS);
    check_held(e, &held, ev->u.held.size, ev->u.held.payload_hash);
}

void __wrap_ls_core_get_status(const struct ls_core *c, struct ls_core_status *out)
{
    static struct ls_config config = {.count = MEMBERS};

    (void)c;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        config.members[i].id.b[0] = (uint8_t)i;
    }
    *out = (struct ls_core_status){.config = &config};
}

/* ---- payloads ---- */

/* A submission has one size and one content; only sizes that are small are ever complete. */
struct payload {
    struct ls_sub_id sub;
    uint64_t total;
    uint64_t hash;
    uint8_t bytes[SMALL_MAX];
};

static void make_payload(struct payload *p, uint8_t origin, uint64_t id, uint64_t total)
{
    *p = (struct payload){.sub = {.origin.b[0] = origin, .incarnation = 1, .id = id}};
    p->total = total;
    for (size_t i = 0; i < SMALL_MAX; i++) {
        p->bytes[i] = (uint8_t)(i * 7 + id);
    }
    p->hash = total <= SMALL_MAX ? ls_hash64(p->bytes, (size_t)total) : 1;
}

/* Allocated to the byte, as a sanitizer wants it. */
static void send(struct ls_engine *e, const struct payload *p, uint64_t offset, size_t len,
                 uint8_t flip)
{
    uint8_t *data = malloc(len);

    LS_ASSERT(data != NULL);
    for (size_t i = 0; i < len; i++) {
        data[i] = p->bytes[(offset + i) % SMALL_MAX] ^ flip;
    }
    engine_stage_chunk(e, &p->sub.origin, &p->sub, p->total, p->hash, offset, data, len);
    free(data);
}

static void draw_payload(struct payload *p)
{
    static const uint64_t totals[] = {
        1, 64, 300, SMALL_MAX, (uint64_t)3 << 20, (uint64_t)3 << 30, (uint64_t)5 << 30, UINT64_MAX};
    uint8_t which = ls_get_u8(&in);
    uint8_t id = which % 8;

    make_payload(p, ls_get_u8(&in) % ORIGINS, id, totals[(id + which / 64) % 8]);
}

/* Any chunk of it, mostly near the beginning. */
static void some_chunk(struct ls_engine *e)
{
    static struct payload p;
    uint8_t odd;
    uint64_t offset;
    size_t len;

    draw_payload(&p);
    odd = ls_get_u8(&in);
    offset = (uint64_t)(ls_get_u8(&in) % 16) * 32;
    len = 1 + ls_get_u8(&in);
    len = (odd & 1) ? len * 16 : len;
    offset = odd == 254 ? UINT64_MAX - len / 2 : offset;
    p.hash ^= odd == 255;
    p.total *= (odd & 0x0e) == 0x0e ? 2 : 1; /* not what was said first */
    huge[p.sub.origin.b[0]] |= p.total > SMALL_MAX;
    send(e, &p, offset, len, (odd & 0x70) == 0x70);
}

/* What an honest member sends is held. */
static void whole_payload(struct ls_engine *e)
{
    static struct payload p;
    uint8_t origin = ls_get_u8(&in) % ORIGINS;
    uint64_t total = 1 + ls_get_u16(&in) % SMALL_MAX;
    size_t step = 1 + ls_get_u8(&in) * 16;
    bool again = ls_get_u8(&in) & 1;

    make_payload(&p, origin, next_id++, total);
    if (again) { /* broken off once */
        send(e, &p, 0, (total + 1) / 2, 0);
    }
    for (uint64_t at = 0; at < total; at += step) {
        send(e, &p, at, total - at < step ? (size_t)(total - at) : step, 0);
    }
    LS_ASSERT(ls_sub_id_equal(&held, &p.sub) || origin >= MEMBERS || huge[origin]);
}

/* ---- */

static void one_event(struct ls_engine *e)
{
    static struct payload p;
    struct ls_piece piece;
    uint8_t what = ls_get_u8(&in);

    switch (what % 8) {
    case 0:
        draw_payload(&p);
        engine_stage_ordered(e, &p.sub, what & 128);
        break;
    case 1:
        draw_payload(&p);
        engine_stage_drop(e, &p.sub);
        LS_ASSERT(!engine_stage_find(e, &p.sub, p.total, p.hash, &piece));
        break;
    case 2:
        e->now_us += (int64_t)1000000 << what / 32;
        engine_stage_expire(e);
        break;
    case 3:
        draw_payload(&p);
        if (engine_stage_find(e, &p.sub, p.total, p.hash, &piece)) {
            check_held(e, &p.sub, p.total, p.hash);
        }
        break;
    case 4:
        whole_payload(e);
        break;
    default:
        some_chunk(e);
    }
}

static void drop_line(enum ls_log_level level, const char *text)
{
    if (level == LS_LOG_FATAL) {
        fprintf(stderr, "%s\n", text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_engine *e = calloc(1, sizeof(*e));

    LS_ASSERT(e != NULL);
    ls_log_set_sink(drop_line);
    in = ls_reader_init(data, size);
    next_id = 100;
    memset(&held, 0, sizeof(held));
    memset(huge, 0, sizeof(huge));
    for (int i = 0; i < MAX_EVENTS && ls_reader_left(&in) > 0; i++) {
        one_event(e);
    }
    engine_stage_destroy(e);
    free(e);
    return 0;
}
