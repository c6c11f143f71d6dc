/* Life of a core, and the step function. */
#include "gcomm/core/core.h"

#include "gcomm/core/internal.h"

#include <stdlib.h>
#include <string.h>

void ls_core_params_default(struct ls_core_params *p)
{
    *p = (struct ls_core_params){
        .heartbeat_us = 100000,
        .election_min_us = 500000,
        .election_max_us = 900000,
        .quiet_us = 1500000,
        .suspect_us = 5000000,
        .inactive_us = 15000000,
        .big_bytes = 64 * 1024,
        .window_bytes = 8 * 1024 * 1024,
        .window_entries = 8192,
        .cut_interval = 128,
        .lag_limit = 16384,
        .lag_us = 5000000,
        .sync_majority = 0,
        .ignore_quorum = 0,
        .ignore_sb = 0,
    };
}

struct ls_core *ls_core_create(const struct ls_core_start *start, struct ls_error *err)
{
    struct ls_core *c = calloc(1, sizeof(*c));
    enum ls_rc rc;

    if (c == NULL) {
        ls_error_set(err, LS_E_NOMEM, "no memory for the ordering core");
        return NULL;
    }
    c->me = start->me;
    c->params = start->params;
    c->log = start->log;
    c->keep = start->keep;
    c->term = start->term > start->last.term ? start->term : start->last.term;
    c->joined_term = c->term;
    c->vote = start->term == c->term ? start->vote : ls_uuid_zero;
    c->sub_low = 1;
    c->sub_next = 1;
    c->nack_index = UINT64_MAX;
    c->applied = -1;
    c->applied_sent = -1;
    ls_prng_seed(&c->prng, start->seed);
    c->peers = calloc(PEERS_MAX, sizeof(*c->peers));
    c->subs = calloc(LS_CORE_MAX_PENDING, sizeof(*c->subs));
    c->own = calloc(LS_CORE_MAX_PENDING, sizeof(*c->own));
    c->big_done = calloc(BIG_DONE, sizeof(*c->big_done));
    if (c->peers == NULL || c->subs == NULL || c->own == NULL || c->big_done == NULL) {
        ls_error_set(err, LS_E_NOMEM, "no memory for the ordering core");
        ls_core_destroy(c);
        return NULL;
    }
    rc = core_load(c, start, err);
    if (rc != LS_OK) {
        ls_core_destroy(c);
        return NULL;
    }
    return c;
}

void ls_core_destroy(struct ls_core *core)
{
    if (core == NULL) {
        return;
    }
    ls_core_actions_done(core);
    for (size_t i = 0; i < core->control_count; i++) {
        if (core->controls[i].type == LS_ENTRY_CONFIG) {
            free(core->controls[i].u.config);
        }
    }
    free(core->controls);
    for (size_t i = 0; core->subs != NULL && i < LS_CORE_MAX_PENDING; i++) {
        free(core->subs[i].state);
        free(core->subs[i].spread);
    }
    free(core->peers);
    free(core->subs);
    free(core->own);
    free(core->staged);
    free(core->big_done);
    free(core->reads);
    free(core->actions);
    free(core->scratch);
    free(core);
}

/* Somebody who is no member speaks as one: a leader tells it. */
static bool is_stranger(struct ls_core *c, struct peer *p)
{
    if (c->role != LS_ROLE_LEADER || core_is_member(c, &p->id)) {
        return false;
    }
    core_refuse(c, p, LS_REFUSE_REMOVED, "you are not a member of the group (any more)");
    return true;
}

static void on_message(struct ls_core *c, const struct ls_event *ev)
{
    const struct ls_uuid *from = &ev->u.message.from;
    const struct ls_msg *m = ev->u.message.msg;
    struct peer *p = core_peer_get(c, from);
    bool leads = m->type == LS_MSG_APPEND || m->type == LS_MSG_VOTE_REQ; /* or wants to */

    if (p == NULL || c->role == LS_ROLE_LEFT || c->role == LS_ROLE_IDLE || c->params.isolated) {
        return;
    }
    if (leads && core_epoch_is_no_concern(c, p)) {
        return;
    }
    p->heard_us = c->now_us;
    if (leads && core_epoch_is_past(c, p)) {
        return; /* it was told of our epoch and will find out */
    }
    switch (m->type) {
    case LS_MSG_APPEND:
        core_on_append(c, from, m, ev->u.message.payload_here);
        break;
    case LS_MSG_ACK:
        if (!is_stranger(c, p)) {
            core_on_ack(c, p, m);
        }
        break;
    case LS_MSG_NACK:
        if (!is_stranger(c, p)) {
            core_on_nack(c, p, m);
        }
        break;
    case LS_MSG_VOTE_REQ:
        if (!is_stranger(c, p)) {
            core_on_vote_req(c, from, m);
        }
        break;
    case LS_MSG_VOTE_RESP:
        core_on_vote_resp(c, p, m);
        break;
    case LS_MSG_FETCH:
        core_on_fetch(c, from, m);
        break;
    case LS_MSG_ENTRIES:
        core_on_entries(c, from, m);
        break;
    case LS_MSG_SUBMIT:
        if (!is_stranger(c, p)) {
            core_on_submit(c, p, m);
        }
        break;
    case LS_MSG_HELD:
        core_on_held(c, p, m);
        break;
    case LS_MSG_READ_REQ:
        core_on_read_req(c, from, m);
        break;
    case LS_MSG_READ_RESP:
        core_on_read_resp(c, p, m);
        break;
    case LS_MSG_JOIN:
        core_on_join(c, p, m);
        break;
    case LS_MSG_WELCOME:
        core_on_welcome(c, from, m);
        break;
    case LS_MSG_REFUSE:
        core_on_refuse(c, p, m);
        break;
    case LS_MSG_LEAVE:
        core_on_leave(c, p, m);
        break;
    case LS_MSG_CAMPAIGN:
        /* What has waited while we stood still may be long out of date: the leader that said it,
         * and still leads, would lose its term for nothing. */
        if (m->term == c->term && c->role == LS_ROLE_FOLLOWER && ls_uuid_equal(from, &c->leader) &&
            core_is_voter(&c->old, &c->me.id) && core_may_stand(c) &&
            (c->woken_us == 0 || c->now_us - c->woken_us > WOKEN_US)) {
            core_campaign(c, true);
        }
        break;
    case LS_MSG_EPOCH:
        core_on_epoch(c, p, m);
        break;
    case LS_MSG_CHANGE:
        core_on_change(c, p, m);
        break;
    case LS_MSG_SPARE:
        core_on_spare(c, p, m);
        break;
    default:
        core_log(c, LS_LOG_WARN, "message of unknown type %u from %s ignored", m->type,
                 LS_UUID_STR(from));
        break;
    }
}

/* A host that stood still (a stopped process, a machine with more to do than it can) has heard
 * nobody meanwhile, and that is nobody's silence: what came in waits to be read. */
static void discount_standstill(struct ls_core *c)
{
    int64_t lost = c->now_us - c->stepped_us - STANDSTILL_US;
    bool first = c->stepped_us == 0;

    c->stepped_us = c->now_us;
    if (first || lost <= 0) {
        return;
    }
    if (lost > c->params.election_min_us) {
        c->woken_us = c->now_us;
    }
    c->leader_heard_us += lost;
    c->quorum_seen_us += lost;
    c->election_due_us += lost;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        p->heard_us = p->heard_us + lost < c->now_us ? p->heard_us + lost : c->now_us;
        p->asked_us += p->asked_us != 0 ? lost : 0;
    }
}

static void on_tick(struct ls_core *c)
{
    if (c->role == LS_ROLE_LEFT || c->role == LS_ROLE_IDLE) {
        return;
    }
    core_refresh_base(c);
    if (c->role == LS_ROLE_LEADER) {
        core_leader_tick(c);
    } else {
        core_follower_tick(c);
        core_election_tick(c);
    }
    if (c->role != LS_ROLE_LEFT) {
        core_members_tick(c);
        core_change_tick(c);
        core_reform_tick(c);
        core_twins_tick(c);
        core_origin_tick(c);
        core_read_tick(c);
        core_staged_tick(c);
        core_spread_tick(c);
        core_given_up_tick(c);
        if (c->role == LS_ROLE_FOLLOWER) {
            core_resubmit(c);
        }
    }
}

void ls_core_step(struct ls_core *core, const struct ls_event *event)
{
    struct ls_core *c = core;

    LS_ASSERT(c->action_count == 0);
    c->controls_moved = false;
    if (event->now_us > c->now_us) {
        c->now_us = event->now_us;
    }
    discount_standstill(c);
    switch (event->type) {
    case LS_EV_TICK:
        on_tick(c);
        break;
    case LS_EV_BOOTSTRAP:
        core_bootstrap(c, &event->u.bootstrap.group, event->u.bootstrap.seqno,
                       event->u.bootstrap.bare != 0);
        break;
    case LS_EV_JOIN:
        core_start_join(c, event->u.join.need_state != 0);
        core_origin_start(c, event->u.join.half != 0);
        break;
    case LS_EV_LEAVE:
        core_start_leave(c);
        break;
    case LS_EV_MESSAGE:
        on_message(c, event);
        break;
    case LS_EV_PEER_UP:
        core_on_peer_up(c, &event->u.peer.peer, event->u.peer.incarnation);
        break;
    case LS_EV_PEER_DOWN:
        core_on_peer_down(c, &event->u.peer.peer, event->u.peer.unreachable != 0);
        break;
    case LS_EV_ARRIVING:
        core_on_arriving(c, &event->u.arriving.from, event->u.arriving.type);
        break;
    case LS_EV_SUBMIT:
        core_on_submit_event(c, event);
        break;
    case LS_EV_GIVE_UP:
        core_on_give_up(c, event->u.submit.id);
        break;
    case LS_EV_PAYLOAD_HELD:
        core_on_held_event(c, event);
        break;
    case LS_EV_LOG_HELD:
        if (event->u.index > c->log_held && event->u.index <= c->last.index) {
            c->log_held = event->u.index;
            c->ack_due = true;
            c->append_due = true;
        }
        break;
    case LS_EV_DELIVERED:
        c->delivered = event->u.index;
        c->append_due = c->role == LS_ROLE_LEADER;
        break;
    case LS_EV_APPLIED:
        c->applied = event->u.seqno;
        break;
    case LS_EV_READ:
        core_on_read(c, event->u.token);
        break;
    case LS_EV_PARAMS:
        c->params = event->u.params;
        break;
    case LS_EV_REFORM:
        if (c->primary) {
            core_log(c, LS_LOG_INFO, "this node is in a primary component already");
        } else {
            core_reform(c);
        }
        break;
    case LS_EV_WEIGHT:
        core_set_weight(c, event->u.weight);
        break;
    case LS_EV_EVICT:
        core_evict(c, &event->u.id);
        break;
    case LS_EV_FLUSH:
        if (c->role == LS_ROLE_LEADER) {
            core_leader_flush(c);
        } else if (c->role == LS_ROLE_FOLLOWER) {
            core_follower_flush(c);
        }
        return;
    default:
        LS_ASSERT(!"unknown event");
    }
    core_advance_commit(c);
    core_epoch_tell(c);
}

void ls_core_get_status(const struct ls_core *core, struct ls_core_status *out)
{
    out->role = (uint8_t)core->role;
    out->term = core->term;
    out->leader = core->leader;
    out->last = core->last;
    out->commit = core->commit;
    out->primary = core->primary;
    out->majority = !core_is_quorum_lost(core, core->params.quiet_us);
    out->cut = core->cut;
    out->pending = (uint32_t)(core->sub_next - core->sub_low);
    out->staged = core->staged_count;
    out->leader_since_us = core->leader_since_us;
    out->sure_until_us = core->role == LS_ROLE_LEADER ? core->sure_until_us : 0;
    out->config = &core->latest;
    out->old = &core->old;
    out->evicted = core->evicted;
    out->evicted_count = core->evicted_count;
}

int64_t ls_core_member_applied(const struct ls_core *core, const struct ls_uuid *id)
{
    const struct peer *p = core_peer(core, id);

    if (core->role != LS_ROLE_LEADER) {
        return LS_SEQNO_UNDEFINED;
    }
    return ls_uuid_equal(id, &core->me.id) ? core->applied
           : p != NULL                     ? p->applied
                                           : LS_SEQNO_UNDEFINED;
}

/* One whose progress we do not know yet in this term may need all. */
static bool pins(const struct ls_core *c, const struct peer *p, uint64_t given_up)
{
    return core_is_member(c, &p->id) && (p->match == 0 || p->match >= given_up);
}

/* A majority holds what stands at `index`, by configurations old and new. */
static bool is_held_by_most(const struct ls_core *c, uint64_t index)
{
    const struct ls_config *configs[] = {&c->old, &c->latest};

    for (size_t k = 0; k < 2; k++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < configs[k]->count; i++) {
            const struct ls_uuid *id = &configs[k]->members[i].id;
            const struct peer *p = core_peer(c, id);
            if (ls_uuid_equal(id, &c->me.id) || (p != NULL && p->match >= index)) {
                sum += core_weight(configs[k], id);
            }
        }
        if (2 * sum <= core_weight_total(configs[k])) {
            return false;
        }
    }
    return true;
}

uint64_t ls_core_needed_index(const struct ls_core *core, uint64_t given_up)
{
    struct ls_log_pos at_cut;
    uint64_t needed = core->commit;

    if (ls_uuid_is_zero(&core->leader)) {
        return core->base.index + 1; /* who leads next may need us for what a voter lacks */
    }
    if (core->me.no_data) {
        return core->spare + 1 < needed ? core->spare + 1 : needed;
    }
    if (core->log.find_seqno(core->log.ctx, core->cut_committed, &at_cut) &&
        at_cut.index + 1 < needed) {
        needed = at_cut.index + 1;
    }
    if (core->role == LS_ROLE_LEADER) {
        if (!is_held_by_most(core, given_up)) {
            given_up = 0; /* nothing is ordered without somebody who lacks it */
        }
        for (uint32_t i = 0; i < core->peer_count; i++) {
            const struct peer *p = &core->peers[i];
            if (pins(core, p, given_up) && p->match + 1 < needed) {
                needed = p->match > core->base.index ? p->match + 1 : core->base.index + 1;
            }
        }
    }
    return needed;
}
