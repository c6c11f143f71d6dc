/* Delivery thread: everything in the stream that is no write-set. Keeps the copy of the members and
 * their states as the order gives them, so that every node decides alike, and says in the log what
 * happened, in the words that people and their tools look for. */
#include "plugin/provider/provider.h"

#include "sst/donor/donor.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER_TEXT_SIZE (LS_NAME_SIZE + 40)

/* "index.segment (name)" as Galera writes it. `lock` is held, or the delivery thread asks. */
static const char *member_text(const struct ls_config *c, const struct ls_uuid *id,
                               char out[MEMBER_TEXT_SIZE])
{
    const struct ls_member *m = ls_config_find(c, id);

    if (m == NULL) {
        snprintf(out, MEMBER_TEXT_SIZE, "(left the group)");
    } else {
        snprintf(out, MEMBER_TEXT_SIZE, "%d.%u (%s)", ls_config_index_of(c, id), m->segment,
                 m->name);
    }
    return out;
}

/* gcs.fc_limit grows with the square root of the members that write; a node that donates or is
 * desynced lets its queue grow. */
void ls_control_update_flow(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e == NULL) {
        return;
    }
    ls_mutex_lock(&p->lock);
    double limit = p->settings.fc_limit;
    double factor = p->settings.fc_factor;
    if (!p->settings.fc_single_primary) {
        limit *= sqrt((double)(p->config.count > 0 ? p->config.count : 1));
    }
    bool part = atomic_load(&p->phase) == LS_PHASE_SYNCED;
    ls_mutex_unlock(&p->lock);
    ls_engine_set_flow_limit(e, part && limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX, factor);
    ls_provider_drop_engine(p);
}

/* The same process as when it was chosen: one that was started again knows nothing of it. */
static bool is_still_in(const struct ls_config *c, const struct ls_uuid *donor,
                        uint64_t incarnation)
{
    const struct ls_member *m = ls_config_find(c, donor);

    return m != NULL && m->incarnation == incarnation;
}

/* A joiner whose donor is gone cannot complete. missed: nor can one wait for a donor's word that
 * may have been ordered while it was away, and is not in the stream; its state does not tell, since
 * a donor may as well be desynced. `lock` is held. */
static void look_after_donor(struct ls_provider *p, bool missed)
{
    struct ls_sst_wait *s = &p->sst;

    if (!s->active || !s->granted || s->received) {
        return;
    }
    if (!is_still_in(&p->config, &s->donor, s->donor_incarnation)) {
        snprintf(s->failure, sizeof(s->failure),
                 "the donor has left the group before the state transfer was complete");
    } else if (missed) {
        snprintf(s->failure, sizeof(s->failure),
                 "this node was out of the group for longer than the others keep write-sets "
                 "(gcache.size), and cannot know whether its donor has failed meanwhile");
    } else {
        return;
    }
    ls_cond_broadcast(&p->changed);
}

static void forget_transfers(struct ls_provider *p, const struct ls_uuid *donor)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->transfer_count; i++) {
        const struct ls_transfer *t = &p->transfers[i];
        bool gone = donor != NULL ? ls_uuid_equal(&t->donor, donor)
                                  : !is_still_in(&p->config, &t->donor, t->donor_incarnation);
        if (!gone) {
            p->transfers[kept++] = p->transfers[i];
        }
    }
    p->transfer_count = kept;
}

/* What others have seen end while this node was away is known by the states that they gave it; a
 * donor that has only been chosen has given none yet. Who was out, too, has still to say how its
 * donation ended. `lock` is held. */
static void forget_ended_transfers(struct ls_provider *p)
{
    size_t kept = 0;

    forget_transfers(p, NULL);
    for (size_t i = 0; i < p->transfer_count; i++) {
        const struct ls_member *donor = ls_config_find(&p->config, &p->transfers[i].donor);
        bool ended = donor->state == LS_NODE_JOINED || donor->state == LS_NODE_SYNCED;
        if (!ended || !p->transfers[i].begun) {
            p->transfers[kept++] = p->transfers[i];
        }
    }
    p->transfer_count = kept;
}

static void take_config(struct ls_provider *p, const struct ls_config *c)
{
    ls_mutex_lock(&p->lock);
    p->config = *c;
    p->group = c->group;
    forget_transfers(p, NULL);
    look_after_donor(p, false);
    ls_cond_broadcast(&p->changed);
    if (atomic_load(&p->phase) == LS_PHASE_OPEN && ls_config_find(c, &p->self) != NULL) {
        ls_phase_shift(p, LS_PHASE_PRIMARY); /* the component is back, with us in it */
    }
    ls_mutex_unlock(&p->lock);
    ls_control_update_flow(p);
}

/* Ordered before we became a member: CONNECTED brought the members and states that came of it. */
static bool is_past(const struct ls_provider *p, const struct ls_entry *e)
{
    return e->index < p->known_upto;
}

void ls_control_config(struct ls_provider *p, struct ls_stream_event *ev)
{
    const struct ls_entry *e = &ev->entry;
    bool past = is_past(p, e);

    if (!past) {
        take_config(p, ev->config);
    }
    if ((e->flags & LS_EF_SEQNO) == 0) {
        return; /* promotions, weights: nothing that the server sees (rule 10) */
    }
    if (!past) {
        ls_engine_log_view(ev->config, &p->self, true);
    }
    ls_cert_view(p->cert, e->seqno);
    bool in = ls_config_find(ev->config, &p->self) != NULL;
    struct ls_item item = {
        .type = LS_ITEM_VIEW,
        .mine = !past && in,
        .parting = !past && !in,
        .seqno = e->seqno,
        .index = e->index,
        .config = ev->config,
        .pin = ev->pin,
    };
    ev->config = NULL; /* the item's now */
    ev->pin = NULL;
    ls_queue_put(&p->queue, &item);
}

/* The phase follows our own entries: what the others have seen counts. `lock` is held. Returns
 * whether the server has to be told that we are synced. */
static bool follow_own_state(struct ls_provider *p, const struct ls_member_state *s)
{
    enum ls_phase phase = (enum ls_phase)atomic_load(&p->phase);

    switch (s->state) {
    case LS_NODE_DONOR:
        if (phase >= LS_PHASE_JOINED) {
            ls_phase_shift(p, LS_PHASE_DONOR);
        }
        return false;
    case LS_NODE_JOINED:
        if (p->losses_met != p->losses) {
            return false; /* a word of a resync; what came while we were out is not applied yet */
        }
        p->sync_asked = false;
        p->lag.out = false;
        ls_phase_shift(p, LS_PHASE_JOINED);
        return false;
    case LS_NODE_SYNCED:
        if (phase != LS_PHASE_JOINED) {
            return false;
        }
        ls_phase_shift(p, LS_PHASE_SYNCED);
        return true;
    default:
        return false;
    }
}

static struct ls_transfer *transfer_from(struct ls_provider *p, const struct ls_uuid *donor)
{
    for (size_t i = 0; i < p->transfer_count; i++) {
        if (ls_uuid_equal(&p->transfers[i].donor, donor)) {
            return &p->transfers[i];
        }
    }
    return NULL;
}

/* A donor reports the end of its donation. `lock` is held. */
static void end_transfer(struct ls_provider *p, const struct ls_member_state *s,
                         const struct ls_transfer *t)
{
    char donor[MEMBER_TEXT_SIZE], joiner[MEMBER_TEXT_SIZE];

    member_text(&p->config, &t->donor, donor);
    member_text(&p->config, &t->joiner, joiner);
    if (s->seqno >= 0) {
        ls_info("%s: State transfer to %s complete.", donor, joiner);
    } else {
        ls_warn("%s: State transfer to %s failed: %lld (%s)", donor, joiner, (long long)s->seqno,
                strerror((int)-s->seqno));
    }
    forget_transfers(p, &s->id);
}

/* A donation has failed: our own, and the others know it now; or that of the donor we wait for,
 * which counts from our request on, also when it was ordered while we were away. `lock` is held. */
static void take_failure(struct ls_provider *p, uint64_t index, const struct ls_member_state *s)
{
    struct ls_sst_wait *w = &p->sst;
    char donor[MEMBER_TEXT_SIZE];

    if (ls_uuid_equal(&s->id, &p->self)) {
        p->untold_failure = 0;
    } else if (w->active && w->granted && !w->received && index > w->granted_at &&
               ls_uuid_equal(&s->id, &w->donor) && s->incarnation == w->donor_incarnation) {
        snprintf(w->failure, sizeof(w->failure),
                 "the donor %s could not send it (error %lld, see its error log)",
                 member_text(&p->config, &w->donor, donor), (long long)s->seqno);
        ls_cond_broadcast(&p->changed);
    }
}

/* `lock` is held. */
static void log_state(struct ls_provider *p, const struct ls_member *m,
                      const struct ls_member_state *s)
{
    char text[MEMBER_TEXT_SIZE];
    struct ls_transfer *t = transfer_from(p, &s->id);

    member_text(&p->config, &s->id, text);
    if (s->state == LS_NODE_SYNCED && m->state != LS_NODE_SYNCED) {
        ls_info("Member %s synced with group.", text);
    } else if (s->state == LS_NODE_DONOR && s->desynced) {
        if (m->state != LS_NODE_DONOR) { /* else it had left flow control before */
            ls_info("Member %s desyncs itself from group", text);
        }
    } else if (s->state == LS_NODE_DONOR && t != NULL) {
        t->begun = true;
    } else if (s->state == LS_NODE_JOINED && t != NULL && !s->desynced) {
        end_transfer(p, s, t);
    } else if (s->state == LS_NODE_JOINED && m->state == LS_NODE_DONOR) {
        ls_info("Member %s resyncs itself to group.", text);
    } else if (s->state == LS_NODE_JOINED && m->state != LS_NODE_JOINED && s->seqno >= 0) {
        ls_info("Member %s has its state complete at %lld.", text, (long long)s->seqno);
    }
}

void ls_control_state(struct ls_provider *p, const struct ls_entry *e)
{
    struct ls_member_state s;
    struct ls_error err = {0};
    bool synced = false;

    if (ls_member_state_decode(e->payload, e->size, &s, &err) != LS_OK) {
        ls_error_log("Entry %llu of the log is ignored, on all nodes: %s",
                     (unsigned long long)e->index, err.text);
        return;
    }
    ls_mutex_lock(&p->lock);
    if (s.state == LS_NODE_JOINED && !s.desynced && s.seqno < 0) {
        take_failure(p, e->index, &s);
    }
    struct ls_member *m = (struct ls_member *)ls_config_find(&p->config, &s.id);
    bool counts = !is_past(p, e) && m != NULL && m->incarnation == s.incarnation &&
                  ls_node_state_counts(m->state, s.state);
    if (counts) {
        log_state(p, m, &s);
        m->state = s.state;
        if (ls_uuid_equal(&s.id, &p->self)) {
            synced = follow_own_state(p, &s);
        }
    }
    ls_mutex_unlock(&p->lock);
    if (!counts) {
        return;
    }
    ls_control_update_flow(p);
    if (synced) {
        ls_queue_put(&p->queue, &(struct ls_item){
                                    .type = LS_ITEM_SYNCED, .seqno = e->seqno, .index = e->index});
    }
    ls_phase_check_sync(p);
}

static void queue_donation(struct ls_provider *p, const struct ls_entry *e,
                           const struct ls_sst_request *r)
{
    struct ls_donation *d = malloc(sizeof(*d) + r->request_size);

    LS_ASSERT(d != NULL);
    d->joiner = r->joiner;
    d->bypass_at = r->ist_wanted ? r->position.seqno : LS_SEQNO_UNDEFINED;
    d->size = r->request_size;
    if (d->size > 0) {
        memcpy(d->request, r->request, d->size);
    }
    ls_queue_put(&p->queue,
                 &(struct ls_item){
                     .type = LS_ITEM_DONATE, .seqno = e->seqno, .index = e->index, .donation = d});
}

/* `lock` is held. What the choice means for us as the joiner. */
static void note_answer(struct ls_provider *p, uint64_t index, enum ls_rc rc,
                        const struct ls_donor_choice *choice)
{
    struct ls_sst_wait *w = &p->sst;

    if (!w->active || w->granted) {
        return;
    }
    w->answered = true;
    w->granted = rc == LS_OK;
    w->granted_at = index;
    if (rc == LS_OK) {
        w->donor = p->config.members[choice->index].id;
        w->donor_incarnation = p->config.members[choice->index].incarnation;
    } else {
        snprintf(w->why, sizeof(w->why), "%.*s", (int)sizeof(w->why) - 1, choice->line);
    }
    ls_cond_broadcast(&p->changed);
}

/* A joiner that could not tell whether its request was ordered has asked again: the donor that it
 * has is the answer, another one would write into the same files. `lock` is held. */
static bool is_served(struct ls_provider *p, const struct ls_sst_request *r,
                      struct ls_donor_choice *out)
{
    const struct ls_member *joiner = ls_config_find(&p->config, &r->joiner);
    char donor_text[MEMBER_TEXT_SIZE], joiner_text[MEMBER_TEXT_SIZE];

    for (size_t i = 0; joiner != NULL && i < p->transfer_count; i++) {
        const struct ls_transfer *t = &p->transfers[i];
        int donor = ls_config_index_of(&p->config, &t->donor);
        if (donor >= 0 && ls_uuid_equal(&t->joiner, &joiner->id) &&
            t->joiner_incarnation == joiner->incarnation) {
            out->index = (uint32_t)donor;
            snprintf(out->line, sizeof(out->line),
                     "Member %s requested state transfer again: its donor is %s already.",
                     member_text(&p->config, &joiner->id, joiner_text),
                     member_text(&p->config, &t->donor, donor_text));
            return true;
        }
    }
    return false;
}

/* `lock` is held. Whether this node is the donor. */
static bool begin_transfer(struct ls_provider *p, const struct ls_sst_request *r, uint32_t index)
{
    /* Busy from here on for every node, not only when its own STATE entry is ordered. */
    struct ls_member *donor = &p->config.members[index];
    const struct ls_member *joiner = ls_config_find(&p->config, &r->joiner);

    LS_ASSERT(joiner != NULL); /* else nobody would have been chosen */
    donor->state = LS_NODE_DONOR;
    forget_transfers(p, &donor->id);
    LS_ASSERT(p->transfer_count < LS_MAX_MEMBERS); /* one per donor */
    p->transfers[p->transfer_count++] =
        (struct ls_transfer){.donor = donor->id,
                             .donor_incarnation = donor->incarnation,
                             .joiner = r->joiner,
                             .joiner_incarnation = joiner->incarnation};
    return ls_uuid_equal(&donor->id, &p->self);
}

void ls_control_sst_request(struct ls_provider *p, const struct ls_entry *e)
{
    struct ls_sst_request r;
    struct ls_donor_choice choice;
    struct ls_error err = {0};
    bool chosen = false;

    if (is_past(p, e)) {
        return;
    }
    if (ls_sst_request_decode(e->payload, e->size, &r, &err) != LS_OK) {
        ls_error_log("A state transfer request is ignored, on all nodes: %s", err.text);
        return;
    }
    ls_mutex_lock(&p->lock);
    enum ls_rc rc = LS_OK;
    if (!is_served(p, &r, &choice)) {
        /* Who leads is known to each node at its own time, so it must not decide here. */
        rc = ls_donor_choose(&p->config, NULL, &ls_uuid_zero, &r, &choice);
        chosen = rc == LS_OK && begin_transfer(p, &r, choice.index);
    }
    ls_info("%s", choice.line);
    if (ls_uuid_equal(&r.joiner, &p->self)) {
        note_answer(p, e->index, rc, &choice);
    }
    if (chosen) {
        p->donations++;
        ls_phase_shift(p, LS_PHASE_DONOR);
    }
    ls_mutex_unlock(&p->lock);
    if (chosen) {
        /* Before what is ordered so far is applied, which may take minutes: a view that comes
         * meanwhile shows the state that the log has, and a second joiner must not choose us. */
        ls_phase_announce(p, LS_NODE_DONOR, false, ls_order_position(&p->apply));
        ls_control_update_flow(p);
        queue_donation(p, e, &r);
    }
}

/* Where the index starts anew: behind `base`, with the cut in force there. The stream brings what
 * is needed since. */
static void start_index(struct ls_provider *p, const struct ls_stream_event *ev, bool continues)
{
    if (!continues) {
        ls_cert_destroy(p->cert);
        p->cert = ls_cert_create(ev->base.seqno, ev->base_cut);
        LS_ASSERT(p->cert != NULL);
    }
    p->known_upto = ev->joined.index;
    /* Right after a start nothing is under way: the database position is the apply order's. */
    p->unneeded_upto = !continues && ev->from_log ? ls_order_position(&p->apply) : -1;
}

void ls_control_connected(struct ls_provider *p, struct ls_stream_event *ev)
{
    struct ls_join *join = malloc(sizeof(*join));

    LS_ASSERT(join != NULL && ev->config != NULL);
    join->bootstrap = ev->bootstrap;
    join->from_log = ev->from_log;
    join->continues = p->cert != NULL && ev->from_log;
    /* What was ordered behind the last that we have and up to the base is not in the stream. */
    bool missed = !join->continues && ev->base.seqno > atomic_load(&p->delivered_seqno);
    start_index(p, ev, join->continues);
    join->base = ev->base;
    join->joined = ev->joined;
    join->config = *ev->config;
    ls_mutex_lock(&p->lock);
    p->config = *ev->config;
    p->group = ev->config->group;
    p->joined_seqno = ev->joined.seqno;
    p->sync_asked = false;
    p->components++;
    forget_ended_transfers(p);
    look_after_donor(p, missed);
    ls_phase_shift(p, LS_PHASE_PRIMARY);
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    ls_queue_put(&p->queue, &(struct ls_item){.type = LS_ITEM_CONNECTED,
                                              .seqno = atomic_load(&p->delivered_seqno),
                                              .join = join});
}

void ls_control_nonprimary(struct ls_provider *p, struct ls_stream_event *ev)
{
    LS_ASSERT(ev->config != NULL);
    ls_engine_log_view(ev->config, &p->self, false);
    ls_mutex_lock(&p->lock);
    p->components++;
    p->losses++;
    ls_phase_shift(p, LS_PHASE_OPEN);
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    ls_queue_put(&p->queue, &(struct ls_item){.type = LS_ITEM_NONPRIMARY,
                                              .seqno = atomic_load(&p->delivered_seqno),
                                              .config = ev->config});
    ev->config = NULL; /* the item's now */
}

void ls_control_left(struct ls_provider *p, const struct ls_stream_event *ev)
{
    if (ev->text[0] != '\0') {
        ls_info("Left the group: %s", ev->text);
    }
    ls_mutex_lock(&p->lock);
    bool failed = ev->failed && p->connected && !p->closing; /* a start or an end tells by itself */
    bool ends_full = p->ends_full && p->connected;
    p->failed = failed;
    p->left = true;
    p->closing = true;
    ls_phase_shift(p, LS_PHASE_CLOSED);
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    ls_order_kick_all(&p->commit);
    ls_order_kick_all(&p->apply);
    ls_queue_put(&p->queue, &(struct ls_item){.type = LS_ITEM_FINAL,
                                              .seqno = atomic_load(&p->delivered_seqno)});
    if (failed || ends_full) {
        ls_phase_end_failed(p, failed ? ev->text : "the disk of the database is full");
    }
}
