#include "test/sim/host.h"

#include "test/sim/server.h"
#include "test/sim/text.h"
#include "test/sim/workload.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TICK_US 20000
#define LEAVE_LIMIT_US 5000000

static const char *name_of(void *ctx, const struct ls_uuid *id)
{
    struct ls_world *w = ctx;
    static char names[4][16];
    static int turn;

    turn = (turn + 1) & 3;
    for (int i = 0; i < w->count; i++) {
        if (ls_uuid_equal(&w->nodes[i].disk.id, id)) {
            snprintf(names[turn], sizeof(names[turn]), "n%d", i);
            return names[turn];
        }
    }
    snprintf(names[turn], sizeof(names[turn]), "old-n%d", id->b[15]);
    return names[turn];
}

static struct ls_member describe(const struct ls_node *n)
{
    struct ls_member m = {.id = n->disk.id,
                          .incarnation = n->disk.incarnation,
                          .role = LS_MEMBER_LEARNER,
                          .state = LS_NODE_JOINER,
                          .weight = n->weight,
                          .no_data = n->arbiter,
                          .proto_app = 4};

    snprintf(m.name, sizeof(m.name), "n%d", n->slot);
    snprintf(m.incoming, sizeof(m.incoming), "10.0.0.%d:3306", n->slot + 1);
    snprintf(m.addr, sizeof(m.addr), "10.0.0.%d:4567", n->slot + 1);
    return m;
}

uint64_t ls_host_position(struct ls_node *n)
{
    struct ls_core_log log = ls_disk_core_log(&n->disk);
    struct ls_log_pos pos = ls_disk_base(&n->disk);
    const struct ls_disk_entry *e;

    if (n->arbiter || !n->disk.db.valid) {
        return pos.index;
    }
    if (!log.find_seqno(log.ctx, n->disk.db.seqno, &pos)) {
        ls_oracle_fail(&n->world->oracle,
                       "host: the log of node %d does not reach back to seqno %" PRId64, n->slot,
                       n->disk.db.seqno);
    }
    /* Delivered, hence with a verdict: the database may be of another history than our log's end.
     */
    while ((e = ls_disk_find(&n->disk, pos.index)) != NULL && e->e.verdict == LS_VERDICT_UNKNOWN) {
        pos.index--;
    }
    return pos.index;
}

/* What was delivered has a verdict, hence is committed, be it in the database or not. */
static uint64_t committed(struct ls_node *n)
{
    uint64_t index = ls_host_position(n);
    const struct ls_disk_entry *e;

    while (n->disk.db.valid && (e = ls_disk_find(&n->disk, index + 1)) != NULL &&
           e->e.verdict != LS_VERDICT_UNKNOWN) {
        index++;
    }
    return index;
}

static struct ls_core *make_core(struct ls_node *n)
{
    struct ls_world *w = n->world;
    struct ls_disk *d = &n->disk;
    struct ls_error err = {0};
    struct ls_core_start s = {.me = describe(n),
                              .keep = d->db.valid ? w->group : ls_uuid_zero,
                              .term = d->term,
                              .vote = d->vote,
                              .base = ls_disk_base(d),
                              .last = ls_disk_last(d),
                              .commit = committed(n),
                              .context = d->segments[0].context,
                              .context_size = d->segments[0].context_size,
                              .seed = ls_prng_next(&w->rng),
                              .params = n->params,
                              .log = ls_disk_core_log(d)};

    struct ls_core *core = ls_core_create(&s, &err);
    if (core == NULL) {
        ls_oracle_fail(&w->oracle, "node %d: its core does not start: %s", n->slot, err.text);
    }
    return core;
}

void ls_host_start(struct ls_node *n, bool bootstrap)
{
    struct ls_world *w = n->world;
    struct ls_event ev = {.type = LS_EV_JOIN};

    LS_ASSERT(!n->running);
    if (ls_uuid_is_zero(&n->disk.id)) {
        n->disk.id = ls_uuid_generate(&w->rng);
        n->disk.id.b[15] = (uint8_t)n->slot; /* so that the network finds it by looking */
    }
    n->disk.incarnation++;
    n->run++;
    n->troubled_at = w->now;
    n->led_term = 0;
    n->running = true;
    n->paused = n->leaving = n->left = false;
    n->crash_after = -1;
    n->start_at = n->kill_at = LS_SIM_NEVER;
    n->next_tick = w->now;
    n->busy_until = w->now;
    n->sync_target = 0;
    n->sync_done_at = LS_SIM_NEVER;
    n->next_sub_id = 1;
    n->role = LS_ROLE_IDLE;
    memset(n->up, 0, sizeof(n->up));
    if (bootstrap) {
        n->disk.db = (struct ls_database){.valid = true};
    }
    ls_world_trace(w, n,
                   "--- starts, incarnation %" PRIu64 ", log %" PRIu64 "..%" PRIu64
                   ", database %s at %" PRId64,
                   n->disk.incarnation, ls_disk_base(&n->disk).index + 1,
                   ls_disk_last(&n->disk).index, n->disk.db.valid ? "valid" : "none",
                   n->disk.db.seqno);
    n->params = n->options;
    ls_disk_start(&n->disk, n->params.sync_majority);
    n->core = make_core(n);
    if (n->core == NULL) {
        n->running = false;
        return;
    }
    ls_server_start(n);
    ls_simnet_process_up(w, n->slot);
    if (bootstrap) {
        ev.type = LS_EV_BOOTSTRAP;
        ev.u.bootstrap.group = w->group;
        ev.u.bootstrap.seqno = 0;
    } else {
        ev.u.join.need_state = (!n->disk.db.valid || n->disk.half) && !n->arbiter;
        ev.u.join.half = n->disk.db.valid && n->disk.half && !n->arbiter;
    }
    n->due = w->now;
    ls_host_step(n, &ev);
}

static void drop_process(struct ls_node *n, bool silent)
{
    ls_host_settle_all(n, LS_FATE_UNKNOWN);
    for (uint32_t i = 0; i < n->staged_count; i++) {
        ls_blob_unref(n->staged[i].blob);
    }
    n->staged_count = n->read_count = 0;
    n->running = false;
    n->paused = false;
    n->role = LS_ROLE_IDLE;
    n->due = LS_SIM_NEVER;
    ls_server_stop(n);
    ls_core_destroy(n->core);
    n->core = NULL;
    ls_simnet_process_gone(n->world, n->slot, silent);
    ls_oracle_unplace(&n->world->oracle, n->slot);
}

void ls_host_crash(struct ls_node *n, bool power)
{
    struct ls_world *w = n->world;

    if (!n->running) {
        return;
    }
    ls_world_trace(w, n, "--- %s", power ? "loses power" : "crashes");
    drop_process(n, power);
    if (power) {
        ls_disk_lose_unsynced(&n->disk, &w->rng);
    }
}

void ls_host_stop(struct ls_node *n)
{
    if (!n->running) {
        return;
    }
    ls_world_trace(n->world, n, "--- stops");
    ls_server_apply(n);
    if (n->srv.data) {
        n->disk.db = n->srv.db;
    }
    drop_process(n, false);
}

void ls_host_leave(struct ls_node *n)
{
    struct ls_event ev = {.type = LS_EV_LEAVE};

    if (n->running && !n->leaving) {
        n->leaving = true;
        n->kill_at = n->world->now + LEAVE_LIMIT_US;
        ls_host_step(n, &ev);
    }
}

/* ---- own submissions ---- */

struct ls_sim_sub *ls_host_find_sub(struct ls_node *n, uint64_t id)
{
    for (uint32_t i = 0; i < n->sub_count; i++) {
        if (n->subs[i].id == id) {
            return &n->subs[i];
        }
    }
    return NULL;
}

static struct ls_sub_id sub_id(const struct ls_node *n, uint64_t id)
{
    return (struct ls_sub_id){.origin = n->disk.id, .incarnation = n->disk.incarnation, .id = id};
}

void ls_host_settle(struct ls_node *n, struct ls_sim_sub *s, enum ls_fate fate, uint64_t index)
{
    struct ls_sub_id id = sub_id(n, s->id);
    struct ls_sim_stats *st = &n->world->stats;

    ls_oracle_settled(&n->world->oracle, n->slot, &id, fate, index);
    if (s->type == LS_ENTRY_WRITESET) {
        st->acked += fate == LS_FATE_ACKED;
        st->conflicts += fate == LS_FATE_CONFLICT;
        st->rejected += fate == LS_FATE_REJECTED;
        st->unknown += fate == LS_FATE_UNKNOWN;
    }
    if (s->id == n->srv.state_sub) {
        n->srv.state_sub = 0;
    }
    if (s->id == n->srv.sst_sub) {
        n->srv.sst_sub = 0;
    }
    ls_blob_unref(s->blob);
    *s = n->subs[--n->sub_count];
}

void ls_host_settle_all(struct ls_node *n, enum ls_fate fate)
{
    while (n->sub_count > 0) {
        ls_host_settle(n, &n->subs[0], fate, 0);
    }
}

uint64_t ls_host_submit(struct ls_node *n, uint8_t type, struct ls_blob *blob, int64_t last_seen)
{
    struct ls_world *w = n->world;

    if (n->sub_count == LS_SIM_MAX_SUBS) {
        ls_blob_unref(blob);
        return 0;
    }
    bool lose = w->plant == LS_PLANT_LOSE_SUBMIT && type == LS_ENTRY_WRITESET &&
                n->next_sub_id % 50 == 0 && ls_world_chance(w, 0.5);
    uint64_t id = lose ? UINT64_MAX - w->next_tag++ : n->next_sub_id++;
    struct ls_sub_id full = sub_id(n, id);
    n->subs[n->sub_count++] = (struct ls_sim_sub){
        .id = id, .type = type, .last_seen = last_seen, .asked_at = w->now, .blob = blob};
    ls_oracle_submitted(&w->oracle, n->slot, &full, blob->hash);
    if (lose) {
        return id;
    }
    struct ls_event ev = {.type = LS_EV_SUBMIT};
    ev.u.submit.id = id;
    ev.u.submit.entry_type = type;
    ev.u.submit.size = blob->size;
    ev.u.submit.payload_hash = blob->hash;
    ev.u.submit.payload = blob->data;
    n->event_blob = ls_blob_ref(blob);
    ls_host_step(n, &ev);
    n->event_blob = NULL;
    ls_blob_unref(blob);
    return id;
}

void ls_host_read(struct ls_node *n)
{
    struct ls_event ev = {.type = LS_EV_READ};

    if (n->read_count == sizeof(n->reads) / sizeof(n->reads[0])) {
        return;
    }
    uint64_t floor = ls_oracle_read_floor(&n->world->oracle);
    n->world->stats.reads++;
    if (n->world->plant == LS_PLANT_READ_LOCAL) {
        ls_oracle_read(&n->world->oracle, n->slot, floor, n->srv.commit);
        return;
    }
    ev.u.token = ++n->next_token;
    n->reads[n->read_count++] = (struct ls_sim_read){.token = ev.u.token, .floor = floor};
    ls_host_step(n, &ev);
}

void ls_host_set_params(struct ls_node *n, const struct ls_core_params *params)
{
    struct ls_event ev = {.type = LS_EV_PARAMS, .u.params = *params};

    if (params->sync_majority != n->params.sync_majority) {
        ls_disk_set_sync(&n->disk, params->sync_majority);
    }
    n->params = *params;
    ls_host_step(n, &ev);
}

/* ---- events ---- */

int64_t ls_node_clock_us(const struct ls_node *n)
{
    return (int64_t)((double)n->world->now * n->clock_rate) + n->clock_offset_us;
}

void ls_host_step(struct ls_node *n, struct ls_event *ev)
{
    struct ls_world *w = n->world;
    char line[400];

    if (!n->running) {
        return;
    }
    ev->now_us = ls_node_clock_us(n);
    w->stats.steps++;
    if (w->verbose && ev->type != LS_EV_TICK && ev->type != LS_EV_FLUSH) {
        ls_text_event(line, sizeof(line), ev, name_of, w);
        ls_world_trace(w, n, "> %s", line);
    }
    n->event = ev;
    ls_core_step(n->core, ev);
    if (w->verbose) {
        size_t count;
        const struct ls_action *a = ls_core_actions(n->core, &count);
        for (size_t i = 0; i < count; i++) {
            ls_text_action(line, sizeof(line), &a[i], name_of, w);
            ls_world_trace(w, n, "    %s", line);
        }
    }
    bool alive = ls_host_perform(n);
    n->event = NULL;
    ls_core_actions_done(n->core);
    if (!alive) {
        ls_host_crash(n, n->crash_power);
        n->start_at = w->now + (n->crash_soon_back ? ls_world_between(w, 3000, 300000)
                                                   : ls_world_between(w, 100000, 5000000));
        n->crash_soon_back = false;
    }
}

struct ls_blob *ls_host_staged(struct ls_node *n, const struct ls_sub_id *sub)
{
    for (uint32_t i = 0; i < n->staged_count; i++) {
        if (ls_sub_id_equal(&n->staged[i].sub, sub)) {
            return n->staged[i].blob;
        }
    }
    if (ls_uuid_equal(&sub->origin, &n->disk.id) && sub->incarnation == n->disk.incarnation) {
        struct ls_sim_sub *own = ls_host_find_sub(n, sub->id);
        return own != NULL ? own->blob : NULL;
    }
    return NULL;
}

static void take_message(struct ls_node *n, struct ls_sim_msg *msg)
{
    struct ls_event ev = {.type = LS_EV_MESSAGE};
    struct ls_msg *m = &msg->m;

    if (m->type == LS_MSG_APPEND || m->type == LS_MSG_ENTRIES) {
        m->u.append.entries = msg->entries;
        m->u.append.count = msg->entry_count;
        for (uint32_t i = 0; i < msg->entry_count; i++) {
            msg->entries[i].payload = msg->blobs[i] != NULL ? msg->blobs[i]->data : NULL;
        }
        ev.u.message.payload_here = msg->entry_count == 1 && (msg->entries[0].flags & LS_EF_BIG) &&
                                    ls_host_staged(n, &msg->entries[0].sub) != NULL;
    } else if (m->type == LS_MSG_SUBMIT) {
        m->u.submit.payload = msg->blob != NULL ? msg->blob->data : NULL;
    } else if (m->type == LS_MSG_WELCOME) {
        m->u.welcome.config = msg->config;
    } else if (m->type == LS_MSG_ACK && n->world->plant == LS_PLANT_ACK_ANY) {
        const struct ls_disk_entry *mine = ls_disk_find(&n->disk, m->u.ack.pos.index);
        struct ls_core_status st;
        ls_core_get_status(n->core, &st);
        m->term = st.term;
        if (mine != NULL) {
            m->u.ack.pos = ls_entry_pos(&mine->e);
        }
    }
    if (m->type == LS_MSG_VOTE_RESP && n->world->plant == LS_PLANT_SKIP_ADOPT) {
        m->u.vote.pos = (struct ls_log_pos){0};
    }
    if (m->type == LS_MSG_VOTE_REQ && n->world->plant == LS_PLANT_IMPATIENT) {
        m->u.vote.transfer = 1;
    }
    ev.u.message.from = msg->from;
    ev.u.message.msg = m;
    n->event_msg = msg;
    ls_host_step(n, &ev);
    n->event_msg = NULL;
    ls_sim_msg_free(msg);
}

/* Planted: what is under way is handed over again under a new id. */
static void submit_again(struct ls_node *n)
{
    for (uint32_t i = 0; i < n->sub_count; i++) {
        if (n->subs[i].type == LS_ENTRY_WRITESET) {
            ls_host_submit(n, LS_ENTRY_WRITESET, ls_blob_ref(n->subs[i].blob),
                           n->subs[i].last_seen);
            return;
        }
    }
}

static void take_item(struct ls_node *n, int from, struct ls_net_item *item)
{
    struct ls_event ev = {0};

    if (item->kind == LS_ITEM_MSG) {
        take_message(n, item->msg);
        return;
    }
    ev.type = item->kind == LS_ITEM_UP ? LS_EV_PEER_UP : LS_EV_PEER_DOWN;
    ev.u.peer.peer = item->peer;
    ev.u.peer.incarnation = item->incarnation;
    ev.u.peer.unreachable = item->kind == LS_ITEM_UNREACHABLE;
    n->up[from] = item->kind == LS_ITEM_UP;
    n->up_gen[from] = item->gen;
    n->up_id[from] = item->peer;
    ls_host_step(n, &ev);
    if (item->kind == LS_ITEM_UP && n->running && n->world->plant == LS_PLANT_SUBMIT_TWICE) {
        submit_again(n);
    }
}

static void take_bulk(struct ls_node *n, struct ls_net_bulk *k)
{
    struct ls_event ev = {.type = LS_EV_PAYLOAD_HELD};

    if (ls_host_staged(n, &k->sub) == NULL) {
        if (n->staged_count == LS_SIM_MAX_STAGED) {
            ls_oracle_fail(&n->world->oracle, "bounds: node %d holds %u big payloads", n->slot,
                           n->staged_count);
            ls_blob_unref(k->blob);
            return;
        }
        n->staged[n->staged_count++] = (struct ls_sim_staged){.sub = k->sub, .blob = k->blob};
    } else {
        ls_blob_unref(k->blob);
    }
    ev.u.held.sub = k->sub;
    ev.u.held.size = k->blob->size;
    ev.u.held.payload_hash = k->blob->hash;
    ls_host_step(n, &ev);
}

static void log_held(struct ls_node *n)
{
    struct ls_event ev = {.type = LS_EV_LOG_HELD};
    struct ls_world *w = n->world;

    if (!n->params.sync_majority) {
        return;
    }
    if (n->sync_target != 0 && n->sync_done_at <= w->now) {
        ls_disk_sync(&n->disk, n->sync_target);
        ev.u.index = n->sync_target;
        n->sync_target = 0;
        n->sync_done_at = LS_SIM_NEVER;
        ls_host_step(n, &ev);
    }
    uint64_t last = ls_disk_last(&n->disk).index;
    if (n->running && n->sync_target == 0 && last > n->disk.synced) {
        n->sync_target = last;
        n->sync_done_at = w->now + ls_world_between(w, 50, 1500) * n->slowness;
        if (w->plant == LS_PLANT_ACK_UNSYNCED) {
            ev.u.index = last;
            ls_host_step(n, &ev);
        }
    }
}

static void compute_due(struct ls_node *n)
{
    int64_t due = n->next_tick;
    int64_t other[] = {ls_simnet_due(n->world, n->slot), ls_server_due(n), n->sync_done_at,
                       ls_workload_due(n), n->kill_at};

    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        due = other[i] < due ? other[i] : due;
    }
    n->due = due > n->busy_until ? due : n->busy_until;
}

void ls_host_turn(struct ls_node *n)
{
    struct ls_world *w = n->world;
    struct ls_net_item item;
    struct ls_net_bulk bulk;
    struct ls_event flush = {.type = LS_EV_FLUSH};
    int from;

    w->stats.turns++;
    n->busy_until =
        w->now + 20; /* before the work: what arrives meanwhile waits for the next turn */
    if (n->next_tick <= w->now) {
        struct ls_event ev = {.type = LS_EV_TICK};
        n->next_tick = w->now + TICK_US;
        ls_host_step(n, &ev);
    }
    while (n->running && ls_simnet_take(w, n->slot, &from, &item)) {
        take_item(n, from, &item);
    }
    while (n->running && ls_simnet_take_bulk(w, n->slot, &bulk)) {
        take_bulk(n, &bulk);
    }
    if (n->running) {
        log_held(n);
    }
    if (n->running) {
        ls_server_turn(n);
    }
    if (n->running) {
        ls_workload_turn(n);
    }
    ls_host_step(n, &flush);
    if (n->running && (n->left || n->kill_at <= w->now)) {
        ls_host_stop(n);
        n->start_at = w->now + ls_world_between(w, 200000, 3000000);
        return;
    }
    if (n->running) {
        if (n->sync_target == 0) {
            log_held(n); /* what this turn appended */
        }
        if (n->running) {
            compute_due(n);
        }
    }
}
