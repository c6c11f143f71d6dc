#include "test/sim/server.h"

#include "test/sim/host.h"
#include "wsrep/base/assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DB_FLUSH_US 1000000 /* innodb_flush_log_at_trx_commit=0: a crash loses up to this much */
#define REPORT_US 20000

static void clear_cert(struct ls_server *s)
{
    if (s->cert != NULL) {
        ls_cert_destroy(s->cert);
        s->cert = NULL;
    }
}

void ls_server_start(struct ls_node *n)
{
    struct ls_server *s = &n->srv;
    struct ls_sim_apply *queue = s->queue;
    size_t capacity = s->queue_capacity;

    memset(s, 0, sizeof(*s));
    s->queue = queue;
    s->queue_capacity = capacity;
    s->db = n->disk.db;
    s->data = s->db.valid || n->arbiter;
    s->deliver_at = s->sst_at = LS_SIM_NEVER;
    s->sst_donor = -1;
    s->flush_at = n->world->now + DB_FLUSH_US;
    s->reported_applied = -1;
}

void ls_server_stop(struct ls_node *n)
{
    clear_cert(&n->srv);
    n->srv.connected = n->srv.in_view = n->srv.data = false;
    n->srv.queue_len = n->srv.queue_head = 0;
}

/* ---- from actions ---- */

/* The history up to index is decided, and stands in this log. */
static void tell_decided(struct ls_node *n, const struct ls_disk *disk, uint64_t index)
{
    struct ls_oracle *o = &n->world->oracle;
    struct ls_core_status st;

    ls_core_get_status(n->core, &st);
    for (uint64_t i = o->order_count + 1; i <= index; i++) {
        const struct ls_disk_entry *d = ls_disk_find(disk, i);
        if (d != NULL) {
            ls_oracle_decided(o, n->slot, st.term, &d->e);
        }
    }
}

/* A log may only begin at what is decided. Who said so may have died before it told anybody else;
 * the entries are on a majority's disks. */
static void tell_base_decided(struct ls_node *n, const struct ls_log_pos *base)
{
    struct ls_world *w = n->world;

    for (int i = 0; i < w->count && base->index > w->oracle.order_count; i++) {
        const struct ls_disk *disk = &w->nodes[i].disk;
        const struct ls_disk_entry *d = ls_disk_find(disk, base->index);
        if (d != NULL && ls_hash128_equal(d->e.chain, base->chain)) {
            tell_decided(n, disk, base->index);
        }
    }
}

void ls_server_reset(struct ls_node *n, const struct ls_log_pos *base)
{
    struct ls_server *s = &n->srv;

    clear_cert(s);
    s->queue_len = s->queue_head = 0;
    s->placed = true;
    s->delivered = s->commit = base->index;
    tell_base_decided(n, base);
    ls_oracle_place(&n->world->oracle, n->slot, base->index);
    if (!n->arbiter) {
        s->data = false;
        s->db.valid = n->disk.db.valid = false;
    }
}

/* The index starts where our log does, so that verdicts that were not stored can be found again; a
 * joiner's log starts where the leader says. */
static void start_index(struct ls_node *n, const struct ls_action *a)
{
    struct ls_server *s = &n->srv;
    const struct ls_disk_segment *first = &n->disk.segments[0];
    struct ls_log_pos base = a->u.welcome.base;
    int64_t cut = a->u.welcome.base_cut;

    if (a->u.welcome.from_log) {
        base = first->base;
        cut = ls_core_context_cut(first->context, first->context_size);
    }
    if (n->world->plant == LS_PLANT_SKIP_PRELOAD) {
        base = s->joined;
    }
    s->cert = ls_cert_create(base.seqno, cut);
    s->fed = base.index;
    s->cut = cut;
    s->preload_to = s->joined.index;
}

void ls_server_welcome(struct ls_node *n, const struct ls_action *a)
{
    struct ls_server *s = &n->srv;

    s->connected = true;
    s->joined = a->u.welcome.joined;
    n->disk.half = false;
    if (a->u.welcome.from_log && !s->data && s->cert == NULL) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d has no data and is told to go on from its log", n->slot);
        return;
    }
    if (s->cert == NULL && !n->arbiter) {
        start_index(n, a);
    }
}

/* A process that starts knows what its database holds by seqno; which index that is can be told
 * once a part of the log is known to be decided. */
static void place(struct ls_node *n, uint64_t commit)
{
    struct ls_server *s = &n->srv;
    uint64_t index = ls_host_position(n);

    s->delivered = index < commit ? index : commit;
    s->placed = true;
    ls_oracle_place(&n->world->oracle, n->slot, s->delivered);
}

void ls_server_commit(struct ls_node *n, uint64_t index)
{
    struct ls_server *s = &n->srv;

    if (!s->connected) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d is told to deliver %" PRIu64 " before it was welcomed",
                       n->slot, index);
        return;
    }
    tell_decided(n, &n->disk, index);
    if (!s->placed) {
        place(n, index);
    }
    if (index > s->commit) {
        s->commit = index;
    }
    if (s->deliver_at == LS_SIM_NEVER) {
        s->deliver_at = n->world->now + ls_world_between(n->world, 5, 100) * n->slowness;
    }
}

void ls_server_nonprimary(struct ls_node *n)
{
    n->srv.in_view = false;
    n->srv.was_nonprimary = true;
    n->srv.desync_until = 0;
}

/* ---- applying ---- */

static void push_apply(struct ls_server *s, const struct ls_sim_apply *a)
{
    if (s->queue_head + s->queue_len == s->queue_capacity) {
        if (s->queue_head > s->queue_len) {
            memmove(s->queue, s->queue + s->queue_head, s->queue_len * sizeof(*s->queue));
            s->queue_head = 0;
        } else {
            s->queue_capacity = s->queue_capacity ? 2 * s->queue_capacity : 64;
            s->queue = realloc(s->queue, s->queue_capacity * sizeof(*s->queue));
            LS_ASSERT(s->queue != NULL);
        }
    }
    s->queue[s->queue_head + s->queue_len++] = *a;
}

static void apply_one(struct ls_server *s, const struct ls_sim_apply *a)
{
    s->db.seqno = a->seqno;
    s->db.hash = (s->db.hash ^ a->hash ^ (uint64_t)a->seqno) * 0x9e3779b97f4a7c15u;
    s->db.hash ^= s->db.hash >> 29;
}

void ls_server_apply(struct ls_node *n)
{
    struct ls_server *s = &n->srv;
    int64_t now = n->world->now;

    while (s->data && s->queue_len > 0) {
        const struct ls_sim_apply *a = &s->queue[s->queue_head];
        int64_t done = s->apply_busy_until + a->cost_us * n->slowness;
        if (done > now) {
            return;
        }
        s->apply_busy_until = done;
        apply_one(s, a);
        s->queue_head++;
        s->queue_len--;
    }
    if (s->queue_len == 0) {
        s->queue_head = 0;
        s->apply_busy_until = now;
    }
}

/* min(applied, last_seen of what is under way): the promise that the commit cut is made of. */
static int64_t applied_promise(const struct ls_node *n)
{
    int64_t seqno = n->srv.db.seqno;

    for (uint32_t i = 0; i < n->sub_count; i++) {
        if (n->subs[i].type == LS_ENTRY_WRITESET && n->subs[i].last_seen < seqno) {
            seqno = n->subs[i].last_seen;
        }
    }
    return seqno;
}

/* ---- delivery ---- */

static bool certify(struct ls_node *n, struct ls_disk_entry *d)
{
    struct ls_server *s = &n->srv;
    struct ls_cert_result result;
    struct ls_ws_view view;
    struct ls_error err = {0};

    if (d->e.index <= s->fed) {
        if (d->e.verdict == LS_VERDICT_UNKNOWN) {
            ls_oracle_fail(&n->world->oracle,
                           "verdict: node %d needs that of index %" PRIu64
                           ", below what its index starts from, and it is not stored",
                           n->slot, d->e.index);
        }
        return d->e.verdict == LS_VERDICT_PASS;
    }
    if (ls_ws_view_init(&view, d->blob->data, d->blob->size, &err) != LS_OK) {
        ls_oracle_fail(&n->world->oracle, "host: node %d cannot read index %" PRIu64 ": %s",
                       n->slot, d->e.index, err.text);
        return false;
    }
    if (d->e.index <= s->preload_to && d->e.verdict != LS_VERDICT_UNKNOWN) {
        bool pass = d->e.verdict == LS_VERDICT_PASS;
        ls_cert_preload(s->cert, d->e.seqno, &d->e.sub.origin, &view, pass, &result);
        return pass;
    }
    ls_cert_test(s->cert, d->e.seqno, &d->e.sub.origin, &view, &result);
    return result.pass;
}

static void see_config(struct ls_node *n, const struct ls_entry *e)
{
    struct ls_server *s = &n->srv;
    struct ls_config c;
    struct ls_error err = {0};

    if (ls_config_decode(e->payload, e->size, &c, &err) != LS_OK) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d cannot read the configuration at %" PRIu64 ": %s", n->slot,
                       e->index, err.text);
        return;
    }
    ls_oracle_view(&n->world->oracle, n->slot, e, &c);
    if (e->index > n->world->config_index) {
        n->world->config_index = e->index;
        n->world->config = c;
    }
    const struct ls_member *me = ls_config_find(&c, &n->disk.id);
    if (me == NULL || me->incarnation != n->disk.incarnation || e->index < s->joined.index) {
        return;
    }
    s->state = me->state;
    if (me->joined_index == e->index) {
        s->was_nonprimary = false; /* only a view that lets us in again ends it (rule 10) */
    }
    s->in_view = !s->was_nonprimary;
}

static void see_state(struct ls_node *n, const struct ls_entry *e)
{
    struct ls_member_state m;

    if (ls_member_state_decode(e->payload, e->size, &m, NULL) == LS_OK &&
        ls_uuid_equal(&m.id, &n->disk.id) && m.incarnation == n->disk.incarnation &&
        ls_node_state_counts(n->srv.state, m.state)) {
        n->srv.state = m.state;
    }
}

static void choose_donor(struct ls_node *n)
{
    struct ls_world *w = n->world;
    int from = (int)ls_prng_below(&w->rng, (uint64_t)w->count);

    for (int i = 0; i < w->count; i++) {
        struct ls_node *d = &w->nodes[(from + i) % w->count];
        if (d != n && d->running && !d->arbiter && d->srv.data && d->srv.in_view &&
            d->srv.state >= LS_NODE_DONOR) {
            n->srv.sst_donor = d->slot;
            n->srv.sst_donor_run = d->run;
            n->srv.sst_at = w->now + ls_world_between(w, 200000, 3000000);
            return;
        }
    }
    n->srv.sst_at = w->now + 1000000; /* nobody can now: ask again */
}

static void settle_own(struct ls_node *n, const struct ls_entry *e, bool pass)
{
    if (e->sub.id == 0 || e->sub.incarnation != n->disk.incarnation ||
        !ls_uuid_equal(&e->sub.origin, &n->disk.id)) {
        return;
    }
    struct ls_sim_sub *s = ls_host_find_sub(n, e->sub.id);
    if (s == NULL) {
        return;
    }
    bool request = s->id == n->srv.sst_sub;
    ls_host_settle(n, s, pass ? LS_FATE_ACKED : LS_FATE_CONFLICT, e->index);
    if (request) {
        n->srv.sst_seqno = e->seqno;
        choose_donor(n);
    }
}

/* One entry reaches the server. */
static void hand_over(struct ls_node *n, struct ls_disk_entry *d, bool pass)
{
    struct ls_server *s = &n->srv;
    const struct ls_entry *e = &d->e;

    ls_oracle_delivered(&n->world->oracle, n->slot, e);
    if (n->world->oracle.failed) {
        return;
    }
    if (e->type == LS_ENTRY_WRITESET && !n->arbiter) {
        ls_oracle_verdict(&n->world->oracle, n->slot, e->index, pass);
    } else if (e->type == LS_ENTRY_CONFIG) {
        see_config(n, e);
    } else if (e->type == LS_ENTRY_STATE) {
        see_state(n, e);
    }
    if ((e->flags & LS_EF_SEQNO) && !n->arbiter && !(s->data && e->seqno <= s->db.seqno)) {
        push_apply(
            s, &(struct ls_sim_apply){.seqno = e->seqno,
                                      .hash = pass ? e->payload_hash : 0,
                                      .cost_us = pass ? ls_world_between(n->world, 50, 2000) : 0});
    }
    settle_own(n, e, pass);
}

static void deliver_one(struct ls_node *n, uint64_t index)
{
    struct ls_server *s = &n->srv;
    struct ls_disk_entry *d = ls_disk_find(&n->disk, index);
    bool pass = true;

    if (d == NULL) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d is to deliver index %" PRIu64 ", which its log does not hold",
                       n->slot, index);
        return;
    }
    if (!n->arbiter) {
        if (d->e.type == LS_ENTRY_WRITESET && (index > s->fed || index > s->delivered)) {
            pass = certify(n, d);
            d->e.verdict = pass ? LS_VERDICT_PASS : LS_VERDICT_FAIL;
        } else if (index > s->fed && d->e.type == LS_ENTRY_CUT) {
            int64_t cut;
            if (ls_cut_decode(d->e.payload, d->e.size, &cut, NULL) == LS_OK) {
                ls_cert_cut(s->cert, cut);
                s->cut = cut;
            }
        } else if (index > s->fed && (d->e.flags & LS_EF_SEQNO)) {
            ls_cert_view(s->cert, d->e.seqno);
        }
        s->fed = index > s->fed ? index : s->fed;
        if (d->e.type != LS_ENTRY_WRITESET && index > s->delivered) {
            d->e.verdict = LS_VERDICT_PASS; /* that it is committed */
        }
    }
    if (index > s->delivered) {
        s->delivered = index;
        hand_over(n, d, pass);
    }
}

static void deliver(struct ls_node *n)
{
    struct ls_server *s = &n->srv;
    uint64_t from = s->delivered;

    s->deliver_at = LS_SIM_NEVER;
    if (!n->arbiter && s->fed < from) {
        from = s->fed;
    }
    for (uint64_t i = from + 1; i <= s->commit && !n->world->oracle.failed; i++) {
        deliver_one(n, i);
    }
}

/* ---- state ---- */

static void submit_state(struct ls_node *n, uint8_t state, bool desynced)
{
    struct ls_member_state m = {.id = n->disk.id,
                                .incarnation = n->disk.incarnation,
                                .state = state,
                                .desynced = desynced,
                                .seqno = n->srv.db.seqno};
    uint8_t buf[64];
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));

    LS_ASSERT(ls_member_state_encode(&m, &w));
    n->srv.state_sub = UINT64_MAX; /* so that what the step settles at once is not missed */
    uint64_t id =
        ls_host_submit(n, LS_ENTRY_STATE, ls_blob_create(buf, (size_t)(w.pos - buf)), m.seqno);
    n->srv.state_sub = n->running && ls_host_find_sub(n, id) != NULL ? id : 0;
}

static void request_transfer(struct ls_node *n)
{
    uint8_t buf[16] = {0};
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));

    ls_put_u64(&w, n->world->next_tag++);
    ls_put_u64(&w, (uint64_t)n->slot);
    uint64_t id = ls_host_submit(n, LS_ENTRY_SST_REQUEST, ls_blob_create(buf, sizeof(buf)), 0);
    n->srv.sst_sub = n->running && ls_host_find_sub(n, id) != NULL ? id : 0;
}

static void finish_transfer(struct ls_node *n)
{
    struct ls_server *s = &n->srv;
    struct ls_node *d = s->sst_donor >= 0 ? &n->world->nodes[s->sst_donor] : NULL;

    s->sst_at = LS_SIM_NEVER;
    s->sst_donor = -1;
    if (d == NULL || !d->running || d->run != s->sst_donor_run || !d->srv.data || d->paused) {
        return; /* the donor is gone: another request follows */
    }
    ls_server_apply(d);
    if (d->srv.db.seqno < s->sst_seqno) {
        return; /* it gives nothing before it has applied what was ordered before the request */
    }
    if (d->srv.db.seqno < ls_disk_base(&n->disk).seqno) {
        ls_oracle_fail(&n->world->oracle,
                       "host: the snapshot for node %d is at seqno %" PRId64
                       ", its log begins after %" PRId64,
                       n->slot, d->srv.db.seqno, ls_disk_base(&n->disk).seqno);
    }
    s->db = d->srv.db;
    s->data = true;
    n->disk.db = s->db;
    while (s->queue_len > 0 && s->queue[s->queue_head].seqno <= s->db.seqno) {
        s->queue_head++;
        s->queue_len--;
    }
    s->apply_busy_until = n->world->now;
    n->world->stats.transfers++;
    ls_world_trace(n->world, n, "--- snapshot from n%d at seqno %" PRId64, d->slot, s->db.seqno);
}

/* All that was ordered before it joined is applied: from now on it counts for the commit cut. */
static bool caught_up(const struct ls_node *n)
{
    const struct ls_server *s = &n->srv;

    return s->delivered >= s->joined.index && (n->arbiter || s->db.seqno >= s->joined.seqno);
}

static void look_after_state(struct ls_node *n)
{
    struct ls_server *s = &n->srv;

    if (s->sst_at <= n->world->now) {
        finish_transfer(n);
    }
    if (!s->in_view || n->leaving || n->left) {
        return;
    }
    if (!s->data) {
        if (s->sst_sub == 0 && s->sst_at == LS_SIM_NEVER) {
            request_transfer(n);
        }
        return;
    }
    if (s->state_sub != 0) {
        return;
    }
    if ((s->state == LS_NODE_JOINER || s->state == LS_NODE_UNDEFINED) && caught_up(n)) {
        submit_state(n, LS_NODE_JOINED, false);
    } else if (s->state == LS_NODE_JOINED && s->queue_len < 16) {
        submit_state(n, LS_NODE_SYNCED, false);
    } else if (s->state == LS_NODE_SYNCED && s->desync_until > n->world->now) {
        submit_state(n, LS_NODE_DONOR, true);
    } else if (s->state == LS_NODE_DONOR && s->desync_until <= n->world->now) {
        submit_state(n, LS_NODE_JOINED, false);
    }
}

/* Rule 20: what was delivered lately is kept, and what the cut and the database still need. */
static void purge(struct ls_node *n)
{
    struct ls_server *s = &n->srv;
    struct ls_core_log log = ls_disk_core_log(&n->disk);
    struct ls_log_pos pos;
    struct ls_sim_taken *sample = &s->taken[s->taken_next], oldest = *sample;
    uint64_t keep = ls_core_needed_index(n->core, n->world->seed % 8 == 3 ? oldest.index : 0);

    s->taken_next = (s->taken_next + 1) % LS_SIM_KEEP_SECONDS;
    *sample = (struct ls_sim_taken){.index = s->delivered, .cut = s->cut};
    if (n->arbiter) {
        if (n->world->plant == LS_PLANT_DROP_TAIL || s->delivered + 1 < keep) {
            keep = s->delivered + 1;
        }
    } else {
        keep = oldest.index < keep ? oldest.index : keep;
        int64_t low = oldest.cut < n->disk.db.seqno ? oldest.cut : n->disk.db.seqno;
        if (!log.find_seqno(log.ctx, low, &pos)) {
            return;
        }
        keep = pos.index + 1 < keep ? pos.index + 1 : keep;
    }
    ls_disk_purge(&n->disk, keep);
}

static void flush_db(struct ls_node *n)
{
    struct ls_server *s = &n->srv;

    s->flush_at = n->world->now + DB_FLUSH_US;
    if (s->data && s->placed) {
        if (!n->arbiter) {
            n->disk.db = s->db;
        }
        n->disk.verdicts_synced = s->delivered;
        uint64_t last = ls_disk_last(&n->disk).index;
        if (last != s->purged_at) { /* a log that does not grow fits into its bounds */
            purge(n);
            s->purged_at = last;
        }
    }
}

static void report(struct ls_node *n)
{
    struct ls_server *s = &n->srv;
    struct ls_event ev = {0};

    uint64_t certified = n->arbiter || s->fed > s->delivered ? s->delivered : s->fed;
    if (s->placed && certified > s->reported_delivered) {
        ev.type = LS_EV_DELIVERED;
        ev.u.index = s->reported_delivered = certified;
        ls_host_step(n, &ev);
    }
    if (!n->running || n->arbiter || !s->data || !s->placed) {
        return;
    }
    int64_t promise = applied_promise(n);
    if (promise > s->reported_applied) {
        ev.type = LS_EV_APPLIED;
        ev.u.seqno = s->reported_applied = promise;
        ls_host_step(n, &ev);
    }
}

void ls_server_turn(struct ls_node *n)
{
    struct ls_server *s = &n->srv;

    if (s->deliver_at <= n->world->now) {
        deliver(n);
    }
    ls_server_apply(n);
    if (n->next_tick - n->world->now == REPORT_US || s->delivered > s->reported_delivered) {
        look_after_state(n);
        if (n->running) {
            report(n);
        }
    }
    if (n->running && s->flush_at <= n->world->now) {
        flush_db(n);
    }
}

int64_t ls_server_due(const struct ls_node *n)
{
    return n->srv.deliver_at < n->srv.sst_at ? n->srv.deliver_at : n->srv.sst_at;
}

bool ls_server_ready(const struct ls_node *n)
{
    return n->running && n->srv.in_view && n->srv.data && !n->left && !n->arbiter &&
           (n->srv.state == LS_NODE_SYNCED || n->srv.state == LS_NODE_DONOR);
}
