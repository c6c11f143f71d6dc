/* Sends our own big payloads to the members, each on its bulk connection (rule 1).
 *
 * The core asks once per peer and connection. When only the bulk connection breaks the core does
 * not notice: then we try again until the submission is settled or the peer is down. */
#include "gcomm/engine/internal.h"

#include <stdlib.h>

static void spread_free(struct spread *s)
{
    engine_blob_unref(s->blob);
    free(s);
}

static bool wanted(struct ls_engine *e, const struct spread *s)
{
    const struct engine_peer *peer = engine_peer_find(e, &s->to);
    struct slot *slot;
    bool under_way;

    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, s->id);
    under_way = slot != NULL && !slot->committed;
    ls_mutex_unlock(&e->mutex);
    return under_way && !e->left && peer != NULL && peer->up;
}

static void spread_later(struct spread *s)
{
    s->retry_us = s->engine->now_us + SPREAD_RETRY_US;
    s->next = s->engine->retries;
    s->engine->retries = s;
}

/* One that takes nothing must not make us keep what is settled long ago: what it has no room for
 * waits, and is forgotten once it is settled. The leader sends it with the entry then. */
static bool has_room(const struct engine_peer *peer, const struct spread *s)
{
    return peer->spread_bytes == 0 || peer->spread_bytes + s->blob->size <= SPREAD_PEER_MAX;
}

static void spread_done(void *arg, enum ls_rc rc)
{
    struct spread *s = arg;
    struct engine_peer *peer = engine_peer_find(s->engine, &s->to);

    if (peer != NULL) {
        peer->spread_bytes -=
            s->blob->size < peer->spread_bytes ? s->blob->size : peer->spread_bytes;
    }
    for (struct spread *w = s->engine->retries; w != NULL; w = w->next) {
        if (ls_uuid_equal(&w->to, &s->to)) {
            w->retry_us = 0; /* there is room for it */
        }
    }
    if (rc != LS_OK && wanted(s->engine, s)) {
        spread_later(s);
    } else {
        spread_free(s);
    }
}

static void spread_send(struct spread *s, uint64_t hash)
{
    struct ls_engine *e = s->engine;
    struct ls_piece piece = {.data = s->blob->bytes, .len = s->blob->size};
    struct ls_sub_id sub = {.origin = e->identity.id, .incarnation = e->identity.incarnation};
    struct engine_peer *peer = engine_peer_find(e, &s->to);

    sub.id = s->id;
    if (peer != NULL && has_room(peer, s) &&
        ls_net_send_bulk(e->net, &s->to, &sub, &piece, 1, hash, spread_done, s) == LS_OK) {
        peer->spread_bytes += s->blob->size;
    } else if (wanted(e, s)) {
        spread_later(s);
    } else {
        spread_free(s);
    }
}

void engine_spread_start(struct ls_engine *e, const struct ls_uuid *to, uint64_t id)
{
    uint64_t hash = 0;
    struct blob *blob = engine_own_blob(e, id, &hash);
    struct spread *s;

    if (blob == NULL) {
        return; /* settled meanwhile, or no memory: the leader asks for the bytes if it must */
    }
    s = calloc(1, sizeof(*s));
    LS_ASSERT(s != NULL);
    s->engine = e;
    s->to = *to;
    s->id = id;
    s->blob = blob;
    spread_send(s, hash);
}

void engine_spread_retry(struct ls_engine *e)
{
    struct spread *list = e->retries;
    struct spread *next;

    e->retries = NULL;
    for (struct spread *s = list; s != NULL; s = next) {
        uint64_t hash = 0;
        struct blob *b;

        next = s->next;
        if (e->now_us < s->retry_us) {
            s->next = e->retries;
            e->retries = s;
            continue;
        }
        b = engine_own_blob(e, s->id, &hash);
        if (b != NULL && wanted(e, s)) {
            spread_send(s, hash);
        } else {
            spread_free(s);
        }
        engine_blob_unref(b);
    }
}

void engine_spread_destroy(struct ls_engine *e)
{
    struct spread *next;

    for (struct spread *s = e->retries; s != NULL; s = next) {
        next = s->next;
        spread_free(s);
    }
    e->retries = NULL;
}
