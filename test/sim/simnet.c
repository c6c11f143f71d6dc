#include "test/sim/simnet.h"

#include "test/sim/world.h"
#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define SPIKE_LIMIT_US 1500000
#define HEALED_US 2000000

/* ---- messages ---- */

struct ls_sim_msg *ls_sim_msg_create(const struct ls_msg *m, const struct ls_uuid *from,
                                     uint32_t entries)
{
    struct ls_sim_msg *msg = calloc(1, sizeof(*msg));

    LS_ASSERT(msg != NULL);
    msg->m = *m;
    msg->from = *from;
    msg->entry_count = entries;
    if (entries > 0) {
        msg->entries = calloc(entries, sizeof(*msg->entries));
        msg->blobs = calloc(entries, sizeof(*msg->blobs));
        LS_ASSERT(msg->entries != NULL && msg->blobs != NULL);
    }
    return msg;
}

void ls_sim_msg_free(struct ls_sim_msg *msg)
{
    for (uint32_t i = 0; i < msg->entry_count; i++) {
        ls_blob_unref(msg->blobs[i]);
    }
    ls_blob_unref(msg->blob);
    free(msg->entries);
    free(msg->blobs);
    free(msg->config);
    free(msg);
}

/* ---- one direction ---- */

static struct ls_net_item *item_at(struct ls_net_dir *d, uint32_t i)
{
    return &d->ring[(d->head + i) & (d->capacity - 1)];
}

static void push(struct ls_world *w, int from, int to, const struct ls_net_item *item)
{
    struct ls_net_dir *d = &w->net.dir[from][to];

    if (d->count == d->capacity) {
        uint32_t capacity = d->capacity ? 2 * d->capacity : 64;
        struct ls_net_item *ring = malloc(capacity * sizeof(*ring));
        LS_ASSERT(ring != NULL);
        for (uint32_t i = 0; i < d->count; i++) {
            ring[i] = *item_at(d, i);
        }
        free(d->ring);
        d->ring = ring;
        d->head = 0;
        d->capacity = capacity;
    }
    struct ls_net_item *slot = item_at(d, d->count++);
    *slot = *item;
    if (slot->at < d->last_at) {
        slot->at = d->last_at;
    }
    d->last_at = slot->at;
    int64_t due = slot->at > d->not_before ? slot->at : d->not_before;
    if (due < w->nodes[to].due) {
        w->nodes[to].due = due;
    }
}

/* The last message comes before the one ahead of it. */
static void overtake(struct ls_net_dir *d)
{
    struct ls_net_item *last = item_at(d, d->count - 1);
    struct ls_net_item *before = d->count > 1 ? item_at(d, d->count - 2) : NULL;

    if (before != NULL && before->kind == LS_ITEM_MSG && before->gen == last->gen) {
        struct ls_sim_msg *msg = before->msg;
        before->msg = last->msg;
        last->msg = msg;
    }
}

static void drop_item(struct ls_net_item *item)
{
    if (item->msg != NULL) {
        ls_sim_msg_free(item->msg);
        item->msg = NULL;
    }
}

static void drop_all(struct ls_net_dir *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        drop_item(item_at(d, i));
    }
    d->count = 0;
    d->last_at = 0;
}

/* Messages behind the limit are lost: the tail of a stream that broke. */
static void drop_tail(struct ls_net_dir *d, int64_t limit)
{
    while (d->count > 0) {
        struct ls_net_item *last = item_at(d, d->count - 1);
        if (last->kind != LS_ITEM_MSG || (!d->cut && last->at <= limit)) {
            break;
        }
        drop_item(last);
        d->count--;
    }
    d->last_at = d->count > 0 ? item_at(d, d->count - 1)->at : 0;
}

static int64_t travel_us(struct ls_world *w, const struct ls_net_dir *d)
{
    int64_t us = d->latency_us * (int64_t)d->slow;
    uint64_t r = ls_prng_next(&w->rng);

    us += (int64_t)((double)us * w->profile.jitter * (double)(r & 0xffff) / 65536.0);
    if (w->faults_on && (double)(r >> 40) / 16777216.0 < w->profile.spike) {
        us = 100 * us < SPIKE_LIMIT_US ? 100 * us : SPIKE_LIMIT_US;
    }
    return us;
}

/* ---- pairs ---- */

static struct ls_net_pair *pair_of(struct ls_world *w, int a, int b)
{
    return a < b ? &w->net.pair[a][b] : &w->net.pair[b][a];
}

static void drop_bulk(struct ls_world *w, int a, int b)
{
    struct ls_simnet *n = &w->net;

    for (uint32_t i = 0; i < n->bulk_count;) {
        struct ls_net_bulk *k = &n->bulk[i];
        if ((k->from == a && k->to == b) || (k->from == b && k->to == a)) {
            ls_blob_unref(k->blob);
            *k = n->bulk[--n->bulk_count];
        } else {
            i++;
        }
    }
}

static void retry_in(struct ls_world *w, struct ls_net_pair *p, int64_t us)
{
    p->retry_at = w->now + us;
    if (p->retry_at < w->net.next_retry) {
        w->net.next_retry = p->retry_at;
    }
}

void ls_simnet_init(struct ls_world *w)
{
    struct ls_simnet *n = &w->net;

    memset(n, 0, sizeof(*n));
    n->next_retry = LS_SIM_NEVER;
    for (int a = 0; a < w->count; a++) {
        for (int b = 0; b < w->count; b++) {
            n->dir[a][b].slow = 1;
            n->dir[a][b].latency_us =
                ls_world_between(w, w->profile.latency_min_us, w->profile.latency_max_us);
            if (a < b) {
                retry_in(w, &n->pair[a][b], ls_world_between(w, 0, 100000));
            }
        }
    }
}

void ls_simnet_free(struct ls_world *w)
{
    for (int a = 0; a < w->count; a++) {
        for (int b = 0; b < w->count; b++) {
            drop_all(&w->net.dir[a][b]);
            free(w->net.dir[a][b].ring);
            drop_bulk(w, a, b);
        }
    }
}

/* With references of its own to what it carries. */
static struct ls_sim_msg *twin_of(const struct ls_sim_msg *msg)
{
    struct ls_sim_msg *twin = ls_sim_msg_create(&msg->m, &msg->from, msg->entry_count);

    for (uint32_t i = 0; i < msg->entry_count; i++) {
        twin->entries[i] = msg->entries[i];
        twin->blobs[i] = msg->blobs[i] != NULL ? ls_blob_ref(msg->blobs[i]) : NULL;
    }
    twin->payload_sent = msg->payload_sent;
    twin->blob = msg->blob != NULL ? ls_blob_ref(msg->blob) : NULL;
    if (msg->config != NULL) {
        twin->config = malloc(sizeof(*twin->config));
        LS_ASSERT(twin->config != NULL);
        *twin->config = *msg->config;
    }
    return twin;
}

void ls_simnet_send(struct ls_world *w, struct ls_node *from, int to, struct ls_sim_msg *msg)
{
    struct ls_net_pair *p = pair_of(w, from->slot, to);
    struct ls_net_dir *d = &w->net.dir[from->slot][to];

    if (!p->up || from->up_gen[to] != p->gen) {
        ls_sim_msg_free(msg); /* into a broken connection that nobody noticed yet */
        return;
    }
    w->stats.messages++;
    /* No stream does that; the core has to live with it all the same. */
    if (w->profile.twins > 0 && ls_world_chance(w, w->profile.twins)) {
        push(w, from->slot, to,
             &(struct ls_net_item){
                 .at = w->now, .kind = LS_ITEM_MSG, .gen = p->gen, .msg = twin_of(msg)});
    }
    push(w, from->slot, to,
         &(struct ls_net_item){
             .at = w->now + travel_us(w, d), .kind = LS_ITEM_MSG, .gen = p->gen, .msg = msg});
    if (w->profile.overtakes > 0 && ls_world_chance(w, w->profile.overtakes)) {
        overtake(d);
    }
}

void ls_simnet_send_bulk(struct ls_world *w, struct ls_node *from, int to,
                         const struct ls_sub_id *sub, struct ls_blob *blob)
{
    struct ls_simnet *n = &w->net;
    struct ls_net_pair *p = pair_of(w, from->slot, to);
    struct ls_net_dir *d = &n->dir[from->slot][to];

    if (!p->up || from->up_gen[to] != p->gen) {
        return;
    }
    LS_ASSERT(n->bulk_count < LS_SIM_MAX_BULK);
    int64_t at = w->now > d->bulk_last_at ? w->now : d->bulk_last_at;
    at += (int64_t)blob->size * d->slow / 4 + 2 * travel_us(w, d);
    d->bulk_last_at = at;
    n->bulk[n->bulk_count++] = (struct ls_net_bulk){.at = at,
                                                    .from = from->slot,
                                                    .to = to,
                                                    .gen = p->gen,
                                                    .sub = *sub,
                                                    .blob = ls_blob_ref(blob)};
    if (at < w->nodes[to].due) {
        w->nodes[to].due = at;
    }
}

static int64_t head_due(const struct ls_net_dir *d)
{
    if (d->count == 0) {
        return LS_SIM_NEVER;
    }
    const struct ls_net_item *i = &d->ring[d->head];
    if (i->kind == LS_ITEM_MSG) {
        if (d->cut) {
            return LS_SIM_NEVER;
        }
        return i->at > d->not_before ? i->at : d->not_before;
    }
    return i->at;
}

int64_t ls_simnet_due(const struct ls_world *w, int to)
{
    const struct ls_simnet *n = &w->net;
    int64_t due = LS_SIM_NEVER;

    for (int from = 0; from < w->count; from++) {
        int64_t at = head_due(&n->dir[from][to]);
        due = at < due ? at : due;
    }
    for (uint32_t i = 0; i < n->bulk_count; i++) {
        const struct ls_net_bulk *k = &n->bulk[i];
        if (k->to == to && !n->dir[k->from][to].cut && k->at < due) {
            due = k->at;
        }
    }
    return due;
}

bool ls_simnet_take(struct ls_world *w, int to, int *from, struct ls_net_item *out)
{
    int64_t best = LS_SIM_NEVER;
    int who = -1;

    for (int i = 0; i < w->count; i++) {
        int64_t at = head_due(&w->net.dir[i][to]);
        if (at < best) {
            best = at;
            who = i;
        }
    }
    if (who < 0 || best > w->now) {
        return false;
    }
    struct ls_net_dir *d = &w->net.dir[who][to];
    *out = *item_at(d, 0);
    d->head = (d->head + 1) & (d->capacity - 1);
    d->count--;
    *from = who;
    return true;
}

bool ls_simnet_take_bulk(struct ls_world *w, int to, struct ls_net_bulk *out)
{
    struct ls_simnet *n = &w->net;

    for (uint32_t i = 0; i < n->bulk_count; i++) {
        struct ls_net_bulk *k = &n->bulk[i];
        if (k->to == to && k->at <= w->now && !n->dir[k->from][to].cut) {
            *out = *k;
            *k = n->bulk[--n->bulk_count];
            return true;
        }
    }
    return false;
}

static void push_down(struct ls_world *w, int from, int to, int64_t in_us)
{
    if (w->nodes[to].running) {
        push(w, from, to,
             &(struct ls_net_item){
                 .at = w->now + in_us, .kind = LS_ITEM_DOWN, .peer = w->nodes[from].disk.id});
    }
}

void ls_simnet_break(struct ls_world *w, int a, int b)
{
    struct ls_net_pair *p = pair_of(w, a, b);

    if (a == b || !p->up) {
        return;
    }
    p->up = false;
    p->told_unreachable = false;
    for (int side = 0; side < 2; side++) {
        int from = side ? b : a, to = side ? a : b;
        struct ls_net_dir *d = &w->net.dir[from][to];
        drop_tail(d, w->now + ls_world_between(w, 0, 2 * d->latency_us));
        push_down(w, from, to, ls_world_between(w, 0, 3000));
    }
    drop_bulk(w, a, b);
    retry_in(w, p, ls_world_between(w, 5000, 300000));
}

void ls_simnet_process_gone(struct ls_world *w, int slot, bool silent)
{
    w->net.off[slot] = silent;
    for (int b = 0; b < w->count; b++) {
        struct ls_net_pair *p = pair_of(w, slot, b);
        if (b == slot) {
            continue;
        }
        drop_all(&w->net.dir[b][slot]);
        drop_bulk(w, slot, b);
        if (p->up) {
            struct ls_net_dir *d = &w->net.dir[slot][b];
            p->up = false;
            p->told_unreachable = false;
            drop_tail(d, w->now + ls_world_between(w, 0, 2 * d->latency_us));
            push_down(w, slot, b,
                      silent ? ls_world_between(w, 2000000, 8000000)
                             : ls_world_between(w, 0, 1000));
            retry_in(w, p, ls_world_between(w, 5000, 300000));
        }
    }
}

void ls_simnet_process_up(struct ls_world *w, int slot)
{
    w->net.off[slot] = false;
    for (int b = 0; b < w->count; b++) {
        struct ls_net_dir *d = &w->net.dir[slot][b];
        /* A peer that still waits for a dead machine now gets its answer: connection reset. */
        if (b != slot && d->count > 0 && item_at(d, d->count - 1)->kind != LS_ITEM_MSG &&
            d->last_at > w->now + 2000) {
            item_at(d, d->count - 1)->at = d->last_at = w->now + 2000;
            w->nodes[b].due = w->now < w->nodes[b].due ? w->now : w->nodes[b].due;
        }
    }
}

void ls_simnet_cut(struct ls_world *w, int from, int to, bool cut)
{
    struct ls_net_dir *d = &w->net.dir[from][to];

    if (d->cut == cut || from == to) {
        return;
    }
    d->cut = cut;
    pair_of(w, from, to)->troubled_at = w->now;
    if (!cut) {
        d->not_before = w->now + ls_world_between(w, 0, 400000); /* the next retransmission */
        w->nodes[to].due = w->now < w->nodes[to].due ? w->now : w->nodes[to].due;
        return;
    }
    if (!pair_of(w, from, to)->up) { /* what a broken stream still had is lost for good */
        uint32_t kept = 0;
        for (uint32_t i = 0; i < d->count; i++) {
            struct ls_net_item *item = item_at(d, i);
            if (item->kind == LS_ITEM_MSG) {
                drop_item(item);
            } else {
                *item_at(d, kept++) = *item;
            }
        }
        d->count = kept;
    }
}

void ls_simnet_heal(struct ls_world *w)
{
    for (int a = 0; a < w->count; a++) {
        for (int b = 0; b < w->count; b++) {
            ls_simnet_cut(w, a, b, false);
            w->net.dir[a][b].slow = 1;
            if (w->net.dir[a][b].bulk_last_at > w->now + HEALED_US) {
                w->net.dir[a][b].bulk_last_at = w->now + HEALED_US;
            }
        }
    }
    for (uint32_t i = 0; i < w->net.bulk_count; i++) { /* what waits was timed by the slow link */
        struct ls_net_bulk *k = &w->net.bulk[i];
        k->at = k->at < w->now + HEALED_US ? k->at : w->now + HEALED_US;
        w->nodes[k->to].due = k->at < w->nodes[k->to].due ? k->at : w->nodes[k->to].due;
    }
}

static void establish(struct ls_world *w, int a, int b, struct ls_net_pair *p)
{
    p->troubled_at = w->now;
    p->up = true;
    p->gen++;
    for (int side = 0; side < 2; side++) {
        int from = side ? b : a, to = side ? a : b;
        const struct ls_node *peer = &w->nodes[from];
        push(w, from, to,
             &(struct ls_net_item){.at = w->now + travel_us(w, &w->net.dir[from][to]),
                                   .kind = LS_ITEM_UP,
                                   .gen = p->gen,
                                   .peer = peer->disk.id,
                                   .incarnation = peer->disk.incarnation});
    }
}

/* One dial, from both sides as it were. */
static void try_pair(struct ls_world *w, int a, int b)
{
    struct ls_net_pair *p = pair_of(w, a, b);
    struct ls_node *na = &w->nodes[a], *nb = &w->nodes[b];
    bool cut = w->net.dir[a][b].cut || w->net.dir[b][a].cut;

    if (na->running && nb->running && !na->paused && !nb->paused && !cut) {
        establish(w, a, b, p);
        return;
    }
    if (!cut && !p->told_unreachable && na->running != nb->running) {
        struct ls_node *gone = na->running ? nb : na, *here = na->running ? na : nb;
        if (!w->net.off[gone->slot] && !ls_uuid_is_zero(&gone->disk.id)) {
            p->told_unreachable = true;
            push(w, gone->slot, here->slot,
                 &(struct ls_net_item){
                     .at = w->now + 200, .kind = LS_ITEM_UNREACHABLE, .peer = gone->disk.id});
        }
    }
    retry_in(w, p, ls_world_between(w, 100000, 600000));
}

void ls_simnet_retry(struct ls_world *w)
{
    struct ls_simnet *n = &w->net;
    int64_t next = LS_SIM_NEVER;

    n->next_retry = LS_SIM_NEVER;
    for (int a = 0; a < w->count; a++) {
        for (int b = a + 1; b < w->count; b++) {
            struct ls_net_pair *p = &n->pair[a][b];
            if (!p->up && p->retry_at <= w->now) {
                try_pair(w, a, b);
            }
            if (!p->up && p->retry_at < next) {
                next = p->retry_at;
            }
        }
    }
    n->next_retry = next;
}
