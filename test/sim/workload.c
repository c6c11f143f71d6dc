#include "test/sim/workload.h"

#include "test/sim/host.h"
#include "test/sim/server.h"
#include "wsrep/base/assert.h"

#include <string.h>

#define READ_MEAN_US 400000
#define WRITER_US 17000000 /* then it is the next one's turn */

static void add_keys(struct ls_world *w)
{
    int count = 1 + (int)ls_prng_below(&w->rng, 3);

    for (int i = 0; i < count; i++) {
        uint32_t table = (uint32_t)ls_prng_below(&w->rng, 3);
        uint32_t row = (uint32_t)ls_prng_below(&w->rng, w->hot_keys);
        uint64_t kind = ls_prng_below(&w->rng, 10);
        enum ls_key_type type = kind < 7    ? LS_KEY_EXCLUSIVE
                                : kind == 7 ? LS_KEY_UPDATE
                                : kind == 8 ? LS_KEY_REFERENCE
                                            : LS_KEY_SHARED;
        struct ls_piece parts[2] = {{&table, sizeof(table)}, {&row, sizeof(row)}};
        LS_ASSERT(ls_ws_add_key(w->builder, parts, 2, type) == LS_OK);
    }
}

struct ls_blob *ls_workload_make(struct ls_world *w, int64_t last_seen, bool big)
{
    static const uint8_t filler[8192];
    struct ls_piece pieces[LS_WS_PIECES];
    struct ls_ws_header h = {.flags = LS_WS_TRX_START | LS_WS_TRX_END, .last_seen = last_seen};
    uint64_t tag = w->next_tag++;

    h.trx_id = tag;
    if (ls_prng_chance(&w->rng, 1, 200)) {
        h.flags |= LS_WS_ISOLATION;
    }
    ls_ws_builder_reset(w->builder);
    add_keys(w);
    LS_ASSERT(ls_ws_add_data(w->builder, &tag, sizeof(tag), true) == LS_OK);
    size_t fill =
        big ? w->params.big_bytes + ls_prng_below(&w->rng, 6000) : ls_prng_below(&w->rng, 200);
    LS_ASSERT(fill <= sizeof(filler) && ls_ws_add_data(w->builder, filler, fill, true) == LS_OK);
    size_t count = ls_ws_encode(w->builder, &h, pieces);
    struct ls_blob *blob = ls_blob_create(NULL, ls_ws_size(w->builder));
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        LS_ASSERT(at + pieces[i].len <= blob->size);
        memcpy(blob->data + at, pieces[i].data, pieces[i].len);
        at += pieces[i].len;
    }
    LS_ASSERT(at == blob->size);
    ls_blob_seal(blob);
    return blob;
}

static void submit_one(struct ls_node *n)
{
    struct ls_world *w = n->world;

    ls_server_apply(n);
    int64_t last_seen = n->srv.db.seqno;
    bool big = ls_world_chance(w, w->profile.big);
    w->stats.submitted++;
    ls_host_submit(n, LS_ENTRY_WRITESET, ls_workload_make(w, last_seen, big), last_seen);
}

/* A client stops waiting, now and then. */
static void give_up_one(struct ls_node *n)
{
    struct ls_event ev = {.type = LS_EV_GIVE_UP};
    struct ls_sim_sub *s = &n->subs[ls_prng_below(&n->world->rng, n->sub_count)];

    if (s->type == LS_ENTRY_WRITESET && !s->given_up && n->world->plant != LS_PLANT_LOSE_SUBMIT) {
        s->given_up = true;
        ev.u.submit.id = s->id;
        ls_host_step(n, &ev);
    }
}

/* With one writer at a time leadership follows it (rule 7). */
static bool may_write(const struct ls_node *n)
{
    const struct ls_world *w = n->world;

    return !w->one_writer || w->now / WRITER_US % w->count == n->slot;
}

void ls_workload_turn(struct ls_node *n)
{
    struct ls_world *w = n->world;

    if (!w->workload_on || !ls_server_ready(n)) {
        return;
    }
    if (n->next_submit <= w->now && !may_write(n)) {
        n->next_submit = (w->now / WRITER_US + 1) * WRITER_US;
    }
    if (n->next_submit <= w->now) {
        int64_t mean = (int64_t)(1e6 / w->profile.submit_rate) / (w->one_writer ? 8 : 1);
        int burst = ls_prng_chance(&w->rng, 1, 8) ? 1 + (int)ls_prng_below(&w->rng, 12) : 1;
        n->next_submit = w->now + ls_world_exponential(w, mean * burst);
        while (burst-- > 0 && n->running && n->sub_count < w->max_pending) {
            submit_one(n);
        }
        if (n->running && n->sub_count > 0 && ls_prng_chance(&w->rng, 1, 100)) {
            give_up_one(n);
        }
    }
    if (n->running && n->next_read <= w->now) {
        n->next_read = w->now + ls_world_exponential(w, READ_MEAN_US);
        ls_host_read(n);
    }
}

int64_t ls_workload_due(const struct ls_node *n)
{
    if (!n->world->workload_on || !ls_server_ready(n)) {
        return LS_SIM_NEVER;
    }
    return n->next_submit < n->next_read ? n->next_submit : n->next_read;
}
