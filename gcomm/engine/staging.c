/* Big payloads of other members while they come in and until they are settled (rule 1).
 *
 * Chunks are taken from members only, and only of their own submissions. A payload is paid for as a
 * whole when it begins, so that what has begun can always be completed. */
#include "gcomm/engine/internal.h"

#include <stdlib.h>
#include <string.h>

struct staged_payload {
    struct staged_payload *next;
    struct ls_sub_id sub;
    uint64_t total;
    uint64_t hash;
    uint64_t held;
    size_t cap;
    uint8_t *bytes;
    bool complete;
    int64_t touched_us;
};

static struct staged_payload **stage_place(struct ls_engine *e, const struct ls_sub_id *sub)
{
    struct staged_payload **at = &e->staged;

    while (*at != NULL && !ls_sub_id_equal(&(*at)->sub, sub)) {
        at = &(*at)->next;
    }
    return at;
}

static void stage_remove(struct staged_payload **at)
{
    struct staged_payload *p = *at;

    *at = p->next;
    free(p->bytes);
    free(p);
}

static bool is_member(struct ls_engine *e, const struct ls_uuid *id)
{
    struct ls_core_status st;

    ls_core_get_status(e->core, &st);
    return st.config != NULL && ls_config_find(st.config, id) != NULL;
}

static bool fits(struct ls_engine *e, const struct ls_uuid *origin, uint64_t total)
{
    uint64_t sum = 0;

    for (const struct staged_payload *p = e->staged; p != NULL; p = p->next) {
        if (ls_uuid_equal(&p->sub.origin, origin)) {
            sum += p->total;
        }
    }
    return sum == 0 || (sum <= STAGE_ORIGIN_MAX && total <= STAGE_ORIGIN_MAX - sum);
}

/* A transfer that comes late, or again, for what is in the log: nobody would ever drop it. */
static bool was_ordered(struct ls_engine *e, const struct ls_sub_id *sub)
{
    for (size_t i = 0; i < STAGE_ORDERED; i++) {
        if (ls_sub_id_equal(&e->ordered[i], sub)) {
            return true;
        }
    }
    return false;
}

void engine_stage_ordered(struct ls_engine *e, const struct ls_sub_id *sub, bool from_stage)
{
    struct staged_payload **at = stage_place(e, sub);

    if (!was_ordered(e, sub)) {
        e->ordered[e->ordered_next] = *sub;
        e->ordered_next = (e->ordered_next + 1) % STAGE_ORDERED;
    }
    if (!from_stage && *at != NULL && !(*at)->complete) {
        stage_remove(at);
    }
}

static struct staged_payload *stage_begin(struct ls_engine *e, const struct ls_sub_id *sub,
                                          uint64_t total, uint64_t hash)
{
    struct staged_payload *p;

    if (total > UINT32_MAX || !is_member(e, &sub->origin) || was_ordered(e, sub)) {
        return NULL;
    }
    if (!fits(e, &sub->origin, total)) {
        ls_warn("a member has more than %llu MiB of large write-sets under way: a further one is "
                "not held here until it is ordered",
                (unsigned long long)(STAGE_ORIGIN_MAX >> 20));
        return NULL;
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->sub = *sub;
    p->total = total;
    p->hash = hash;
    p->next = e->staged;
    e->staged = p;
    return p;
}

static bool stage_room(struct staged_payload *p, size_t need)
{
    size_t cap = p->cap == 0 ? (size_t)1 << 20 : p->cap;
    uint8_t *grown;

    if (need <= p->cap) {
        return true;
    }
    while (cap < need) {
        cap *= 2;
    }
    if (cap > p->total) {
        cap = (size_t)p->total;
    }
    grown = realloc(p->bytes, cap);
    if (grown == NULL) {
        return false;
    }
    p->bytes = grown;
    p->cap = cap;
    return true;
}

static void stage_complete(struct ls_engine *e, struct staged_payload *p)
{
    struct ls_event ev = {.type = LS_EV_PAYLOAD_HELD};

    if (ls_hash64(p->bytes, (size_t)p->total) != p->hash) {
        ls_warn("a large write-set of %s came in damaged and is dropped",
                LS_UUID_STR(&p->sub.origin));
        engine_stage_drop(e, &p->sub);
        return;
    }
    p->complete = true;
    ev.u.held.sub = p->sub;
    ev.u.held.size = (uint32_t)p->total;
    ev.u.held.payload_hash = p->hash;
    engine_step(e, &ev);
}

void engine_stage_chunk(struct ls_engine *e, const struct ls_uuid *peer,
                        const struct ls_sub_id *sub, uint64_t total, uint64_t payload_hash,
                        uint64_t offset, const void *data, size_t len)
{
    struct staged_payload *p;

    if (e->left || !ls_uuid_equal(peer, &sub->origin) || len > total || offset > total - len) {
        return;
    }
    p = *stage_place(e, sub);
    if (p != NULL && (p->total != total || p->hash != payload_hash)) {
        return; /* an id is never used twice: not an honest one */
    }
    if (p == NULL) {
        p = offset == 0 ? stage_begin(e, sub, total, payload_hash) : NULL;
    }
    if (p == NULL || p->complete) {
        return;
    }
    p->touched_us = e->now_us;
    if (offset > p->held || offset + len <= p->held) {
        return; /* a second attempt: what we have stays; or a hole: the next attempt fills it */
    }
    if (!stage_room(p, (size_t)(offset + len))) {
        ls_warn("no memory for a large write-set of %s", LS_UUID_STR(&p->sub.origin));
        engine_stage_drop(e, sub);
        return;
    }
    memcpy(p->bytes + offset, data, len);
    p->held = offset + len;
    if (p->held == p->total) {
        stage_complete(e, p);
    }
}

bool engine_stage_find(struct ls_engine *e, const struct ls_sub_id *sub, uint64_t size,
                       uint64_t hash, struct ls_piece *out)
{
    const struct staged_payload *p = *stage_place(e, sub);

    if (p == NULL || !p->complete || p->total != size || p->hash != hash) {
        return false;
    }
    *out = (struct ls_piece){.data = p->bytes, .len = (size_t)p->total};
    return true;
}

void engine_stage_drop(struct ls_engine *e, const struct ls_sub_id *sub)
{
    struct staged_payload **at = stage_place(e, sub);

    if (*at != NULL) {
        stage_remove(at);
    }
}

/* Incomplete ones that stand still, of origins that are gone: nobody will complete them. What is
 * complete is dropped when the core says so. */
void engine_stage_expire(struct ls_engine *e)
{
    struct staged_payload **at = &e->staged;

    while (*at != NULL) {
        struct staged_payload *p = *at;
        if (!p->complete && e->now_us - p->touched_us > STAGE_IDLE_US) {
            stage_remove(at);
        } else {
            at = &p->next;
        }
    }
}

void engine_stage_destroy(struct ls_engine *e)
{
    while (e->staged != NULL) {
        stage_remove(&e->staged);
    }
}
