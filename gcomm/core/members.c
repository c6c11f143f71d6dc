/* Who is in: bootstrap, joining, leaving, removal, promotion, and loss of quorum (rules 8 to 11,
 * 16, 17).
 *
 * A node that starts with a stored configuration in which it votes goes on voting (its log counts
 * after a total outage) while it asks to be let in again as a member of the server's view:
 * `want_join`. Until it is let in it commits but delivers nothing. One that only lost the quorum
 * (`need_view`) stays a member and needs a new view. */
#include "gcomm/core/internal.h"

#include <stdio.h>
#include <string.h>

void core_propose_config(struct ls_core *c, struct ls_config *next, bool is_view, bool is_bootstrap)
{
    uint8_t *buf = core_scratch(c, LS_CONFIG_MAX_BYTES);
    struct ls_writer w = ls_writer_init(buf, LS_CONFIG_MAX_BYTES);
    uint32_t size;
    bool ok;

    next->is_view = is_view;
    next->is_bootstrap = is_bootstrap;
    next->view += is_view;
    ok = ls_config_encode(next, &w);
    LS_ASSERT(ok);
    size = (uint32_t)(w.pos - buf);
    core_propose(c, LS_ENTRY_CONFIG, NULL, is_view ? LS_EF_SEQNO : 0, size, ls_hash64(buf, size),
                 buf);
}

static void act_welcome(struct ls_core *c, bool from_log, const struct ls_log_pos *base,
                        int64_t base_cut, const struct ls_log_pos *joined,
                        const struct ls_config *config)
{
    struct ls_config *copy = core_scratch(c, sizeof(*copy));
    struct ls_action *a;

    *copy = *config;
    c->want_join = false;
    /* Let in by a view that we have had already, before our server was shown a non-primary one: it
     * takes another view, which our acknowledgements ask for. */
    c->need_view = c->need_view && from_log && joined->index <= c->commit_told;
    c->need_state = false;
    c->half = false;
    c->half_chosen = false;
    c->primary = !c->need_view;
    c->quorum_seen_us = c->now_us;
    a = core_act(c, LS_ACT_WELCOME);
    a->u.welcome.from_log = from_log;
    a->u.welcome.base = *base;
    a->u.welcome.base_cut = base_cut;
    a->u.welcome.joined = *joined;
    a->u.welcome.config = copy;
}

void core_start_join(struct ls_core *c, bool need_state)
{
    if (c->role != LS_ROLE_IDLE) {
        return;
    }
    c->want_join = true;
    c->need_state = need_state;
    c->asked_us = c->now_us - JOIN_INTERVAL_US;
    if (core_votes(c, &c->me.id)) {
        core_become_follower(c, &ls_uuid_zero);
    } else {
        c->role = LS_ROLE_JOINER;
        core_act_role(c);
    }
}

void core_left(struct ls_core *c, const char *text)
{
    struct ls_action *a;

    if (c->role == LS_ROLE_LEFT) {
        return;
    }
    core_submissions_unknown(c);
    core_read_fail(c);
    c->role = LS_ROLE_LEFT;
    c->leader = ls_uuid_zero;
    c->primary = false;
    core_act_role(c);
    a = core_act(c, LS_ACT_LEFT);
    a->u.log.level = LS_LOG_INFO;
    snprintf(a->u.log.text, sizeof(a->u.log.text), "%s", text);
}

void core_start_leave(struct ls_core *c)
{
    if (c->role == LS_ROLE_LEFT || c->leaving) {
        return;
    }
    c->leaving = true;
    c->leave_due_us = c->now_us + LEAVE_LIMIT_US;
    c->asked_us = c->now_us - LEAVE_INTERVAL_US;
    if (c->role == LS_ROLE_IDLE || c->want_join || !c->primary) {
        core_left(c, "left without being part of a primary component");
    } else if (c->latest.count == 1) {
        core_left(c, "left as the last member");
    } else if (c->role == LS_ROLE_LEADER) {
        core_manage_members(c);
    } else {
        core_members_tick(c);
    }
}

/* ---- the leader changes the configuration ---- */

bool core_is_quorum_lost(const struct ls_core *c, int64_t limit_us)
{
    return c->now_us - c->quorum_seen_us > (c->params.isolated ? 0 : limit_us);
}

static bool heard_within(struct ls_core *c, const struct ls_uuid *id, int64_t limit_us)
{
    const struct peer *p;

    if (ls_uuid_equal(id, &c->me.id)) {
        return true;
    }
    p = core_peer(c, id);
    return !c->params.isolated && p != NULL && p->up && c->now_us - p->heard_us <= limit_us;
}

bool core_is_heard(struct ls_core *c, const struct ls_uuid *id)
{
    return heard_within(c, id, c->params.quiet_us);
}

bool core_is_seen(struct ls_core *c, const struct ls_uuid *id)
{
    return heard_within(c, id, c->params.suspect_us);
}

/* Its process is gone: a reconnect was refused. When all are about to die, one a moment before the
 * others, those must not shrink the group first: then only they could bring it back, and not the
 * majority of all that was there. So the dead one's vote stays for a while, where it does no harm.
 */
static bool is_gone(struct ls_core *c, const struct ls_member *m, const struct peer *p)
{
    return !p->up && p->unreachable &&
           (m->role != LS_MEMBER_VOTER || c->now_us - p->unreachable_us >= c->params.quiet_us ||
            core_vote_hinders(c, &m->id));
}

/* Removal needs the leader's own evidence (rule 13): a reconnect that was refused, or silence. */
static bool is_dead(struct ls_core *c, const struct ls_member *m)
{
    const struct peer *p = core_peer(c, &m->id);

    if (ls_uuid_equal(&m->id, &c->me.id)) {
        return false;
    }
    if (core_is_evicted(c, &m->id)) {
        return true;
    }
    if (p == NULL) {
        return c->now_us - c->leader_since_us > c->params.suspect_us;
    }
    if (is_gone(c, m, p) || core_epoch_is_elsewhere(c, p)) {
        return true;
    }
    return c->now_us - p->heard_us > c->params.suspect_us;
}

static bool change_leavers(struct ls_core *c, struct ls_config *next)
{
    bool changed = false;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        const struct ls_member *m = p->wants_leave ? ls_config_find(next, &p->id) : NULL;
        if (m != NULL && m->incarnation == p->leave_incarnation) {
            changed |= ls_config_remove(next, &p->id);
        }
    }
    return changed;
}

static const char *why_dead(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p = core_peer(c, id);

    if (core_is_evicted(c, id)) {
        return "is shut out";
    }
    return p != NULL && core_epoch_is_elsewhere(c, p) ? "has joined another cluster"
                                                      : "does not answer";
}

static bool change_dead(struct ls_core *c, struct ls_config *next)
{
    bool changed = false;

    for (uint32_t i = 0; i < c->latest.count; i++) {
        const struct ls_member *m = &c->latest.members[i];
        if (is_dead(c, m)) {
            core_log(c, LS_LOG_INFO, "%s (%s) %s: removing it from the group", LS_UUID_STR(&m->id),
                     m->name, why_dead(c, &m->id));
            changed |= ls_config_remove(next, &m->id);
        }
    }
    return changed;
}

static bool can_continue(struct ls_core *c, const struct peer *p)
{
    struct ls_log_pos mine;

    return !p->join_need_state && p->join_pos.index > 0 && p->join_pos.index >= c->base.index &&
           core_pos_at(c, p->join_pos.index, &mine) &&
           ls_hash128_equal(mine.chain, p->join_pos.chain);
}

/* Who comes with the address of a member that is not connected stands in its place, with a new
 * disk: the one before cannot be there any more. Its vote would be missed in the next outage. */
static void replace_lost(struct ls_core *c, const struct ls_member *m, struct ls_config *next)
{
    for (uint32_t i = next->count; i-- > 0;) {
        const struct ls_member old = next->members[i];
        const struct peer *p = core_peer(c, &old.id);
        if (m->addr[0] != '\0' && strcmp(old.addr, m->addr) == 0 && (p == NULL || !p->up) &&
            !ls_uuid_equal(&old.id, &m->id) && !ls_uuid_equal(&old.id, &c->me.id)) {
            core_log(c, LS_LOG_INFO, "%s (%s) comes in the place of %s: removing that one",
                     LS_UUID_STR(&m->id), m->name, LS_UUID_STR(&old.id));
            ls_config_remove(next, &old.id);
        }
    }
}

/* Lets one in: new, or again with another incarnation. Its vote stays with it only when it kept the
 * log that it voted and acknowledged with. */
static bool admit(struct ls_core *c, struct peer *p, struct ls_config *next)
{
    const struct ls_member *old = ls_config_find(next, &p->id);
    struct ls_member m = p->join_me;

    m.role = old != NULL && old->role == LS_MEMBER_VOTER && can_continue(c, p) ? LS_MEMBER_VOTER
                                                                               : LS_MEMBER_LEARNER;
    m.state = LS_NODE_JOINER;
    m.joined_index = c->last.index + 1;
    ls_config_remove(next, &p->id);
    replace_lost(c, &m, next);
    if (!ls_config_add(next, &m)) {
        core_refuse(c, p, LS_REFUSE_FULL, "the group has as many members as it can have");
        p->wants_join = false;
        return false;
    }
    return true;
}

/* The joiner's index is rebuilt from what is above the commit cut (contract 2.4). False: our log
 * begins behind it, and an index without all of that would decide otherwise than ours (P2). */
static bool reach_back(struct ls_core *c, struct ls_log_pos *base)
{
    if (!c->log.find_seqno(c->log.ctx, c->cut_committed, base)) {
        *base = c->base;
    }
    return base->seqno <= c->cut_committed;
}

static void ask_again(struct ls_core *c, struct peer *p)
{
    core_refuse(c, p, LS_REFUSE_HISTORY,
                "the log does not reach back to the commit cut yet: ask again");
    p->wants_join = false; /* or each tick would make a view for it */
}

/* Let in already, so that it holds no cut back any more, but not welcomed yet. */
static bool is_waiting(const struct ls_config *config, const struct peer *p)
{
    const struct ls_member *m = ls_config_find(config, &p->id);

    return m != NULL && m->incarnation == p->join_me.incarnation && m->role == LS_MEMBER_LEARNER &&
           m->state == LS_NODE_JOINER;
}

static bool change_joiners(struct ls_core *c, struct ls_config *next)
{
    bool changed = false;
    struct ls_log_pos base;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (!p->wants_join || !p->up) {
            continue;
        }
        if (is_waiting(next, p) && !can_continue(c, p) && !reach_back(c, &base)) {
            ask_again(c, p);
        } else {
            changed |= admit(c, p, next);
        }
    }
    return changed;
}

/* Those whose server was shown a non-primary view, ourselves included: the same members, a new view
 * (rule 10). */
static bool change_nonprimary(struct ls_core *c, struct ls_config *next)
{
    bool changed = false;

    for (uint32_t i = 0; i < next->count; i++) {
        struct ls_member *m = &next->members[i];
        struct peer *p = core_peer(c, &m->id);
        bool me = ls_uuid_equal(&m->id, &c->me.id);
        if (me ? (c->need_view || c->want_join)
               : (p != NULL && p->up && p->nonprimary && !p->wants_join &&
                  p->incarnation == m->incarnation)) {
            if (me && c->want_join) {
                uint8_t role = m->role;
                *m = c->me; /* restarted: name and addresses may be new */
                m->role = role;
            }
            m->joined_index = c->last.index + 1;
            m->state = LS_NODE_JOINER;
            changed = true;
            if (p != NULL) {
                p->nonprimary = false; /* one view for one word of it, heard or not after that */
            }
        }
    }
    return changed;
}

/* After an outage of all the configuration still shows those as full members whom nobody has met
 * since: they may never come back, and would be waited for as donors. One that lives says its state
 * again when it sees this. */
static void doubt_unmet(struct ls_core *c, struct ls_config *next)
{
    for (uint32_t i = 0; i < next->count; i++) {
        struct ls_member *m = &next->members[i];
        const struct peer *p = core_peer(c, &m->id);
        if (!ls_uuid_equal(&m->id, &c->me.id) && ls_node_is_full(m->state) &&
            (p == NULL || p->incarnation != m->incarnation)) {
            m->state = LS_NODE_UNDEFINED;
        }
    }
}

/* A learner that keeps pace may vote where the others can go on without it (Raft section 4.2.1):
 * it holds what was committed an election time-out ago. One that is some entries behind and gets
 * nothing may be what a quorum needs when others fail, and then nobody may have those entries.
 * Where the others cannot go on without it, as beside a sole voter, everything would wait for what
 * it lacks, for ever if it lost its log then. */
static bool holds_enough(struct ls_core *c, const struct peer *p, const struct ls_config *next)
{
    uint32_t total = core_weight_total(next);
    uint32_t others = total - core_weight(next, &p->id);

    return p->match >= c->commit || (2 * others > total && p->match >= c->commit_then);
}

static bool change_promotions(struct ls_core *c, struct ls_config *next)
{
    for (uint32_t i = 0; i < next->count; i++) {
        struct ls_member *m = &next->members[i];
        const struct peer *p = core_peer(c, &m->id);
        if (m->role == LS_MEMBER_LEARNER && ls_node_is_full(m->state) && p != NULL && p->up &&
            p->match > 0) {
            m->role = LS_MEMBER_VOTER;
            if (holds_enough(c, p, next)) {
                return true; /* one by one: each is sure to leave the quorum alive */
            }
            m->role = LS_MEMBER_LEARNER;
        }
    }
    return false;
}

static bool can_lead_itself(const struct ls_config *config)
{
    for (uint32_t i = 0; i < config->count; i++) {
        if (config->members[i].role == LS_MEMBER_VOTER && !config->members[i].no_data) {
            return true;
        }
    }
    return false;
}

/* One change at a time, only after an entry of our own term is committed (rule 8), and only when
 * the members now alive can commit it. */
void core_manage_members(struct ls_core *c)
{
    struct ls_config next;
    bool is_view;
    bool changed;

    if (c->role != LS_ROLE_LEADER || c->pending_index != 0 || c->term_first == 0 ||
        c->commit < c->term_first || c->removed) {
        return;
    }
    if (c->leaving && c->latest.count == 1) {
        core_left(c, "left as the last member");
        return;
    }
    next = c->latest;
    is_view = change_leavers(c, &next);
    is_view |= change_dead(c, &next);
    if (c->leaving) {
        /* a configuration of nobody could never be committed: the last one goes when it is alone */
        is_view |= next.count > 1 && ls_config_remove(&next, &c->me.id);
    } else {
        is_view |= change_joiners(c, &next);
        is_view |= change_nonprimary(c, &next);
    }
    if (!can_lead_itself(&next)) {
        /* Nobody could ever lead the rest: whom it can, the leaver makes a voter before it goes. If
         * it can make none, it goes without an answer, and the group waits for its return. */
        next = c->latest;
        is_view = false;
    }
    changed = core_change_weights(c, &next);
    if (!is_view && !change_promotions(c, &next) && !changed) {
        return;
    }
    if (!core_majority_of(c, &c->old, core_is_heard) ||
        !core_majority_of(c, &next, core_is_heard)) {
        return;
    }
    if (is_view) {
        doubt_unmet(c, &next);
    }
    core_propose_config(c, &next, is_view, false);
    core_advance_commit(c);
}

/* ---- what a committed configuration means ---- */

static void send_welcome(struct ls_core *c, struct peer *p, const struct ls_log_pos *joined,
                         const struct ls_config *config)
{
    struct ls_config *copy;
    struct ls_msg *m;
    struct ls_log_pos base = {0};
    bool from_log = can_continue(c, p);
    struct ls_log_pos before;

    if (from_log) {
        base = p->join_pos;
    } else {
        if (!reach_back(c, &base)) {
            ask_again(c, p);
            return;
        }
        if (base.index >= joined->index && core_pos_at(c, joined->index - 1, &before)) {
            base = before;
        }
    }
    copy = core_scratch(c, sizeof(*copy));
    *copy = *config;
    m = core_send(c, &p->id, LS_MSG_WELCOME);
    m->u.welcome.from_log = from_log;
    m->u.welcome.base = base;
    m->u.welcome.base_cut = c->cut_committed;
    m->u.welcome.joined_index = joined->index;
    m->u.welcome.joined_pos = *joined;
    m->u.welcome.config = copy;
    p->wants_join = false;
    p->welcomed_us = c->now_us;
    p->match = 0;
    p->ack = (struct ls_log_pos){0};
    p->acked = 0;
    core_leader_track(c, p, base.index);
    c->append_due = true;
}

static void hand_over(struct ls_core *c)
{
    const struct peer *best = NULL;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        const struct ls_member *m = ls_config_find(&c->committed, &p->id);
        if (p->up && m != NULL) {
            core_leader_heartbeat(c, p); /* the commit of our leave */
            if (m->role == LS_MEMBER_VOTER && !m->no_data &&
                (best == NULL || p->match > best->match)) {
                best = p;
            }
        }
    }
    if (best != NULL) {
        core_send(c, &best->id, LS_MSG_CAMPAIGN);
    }
}

static void let_in_self(struct ls_core *c, const struct ls_member *me, uint64_t index)
{
    struct ls_log_pos joined;

    if (me->joined_index != index) {
        return;
    }
    if (c->want_join) {
        if (me->role == LS_MEMBER_VOTER && core_pos_at(c, index, &joined)) {
            act_welcome(c, true, &joined, c->cut_committed, &joined, &c->committed);
        } /* else WELCOME comes from the leader, with the place to start from */
    } else if (c->need_view) {
        c->need_view = false;
        c->primary = true;
        core_act(c, LS_ACT_PRIMARY);
    }
}

void core_config_committed(struct ls_core *c, const struct ls_config *before, uint64_t index)
{
    const struct ls_member *me = ls_config_find(&c->committed, &c->me.id);
    struct ls_log_pos joined;

    if (c->role == LS_ROLE_IDLE || c->role == LS_ROLE_LEFT) {
        return;
    }
    core_staged_origin_gone(c, &c->committed);
    if (me != NULL && me->incarnation == c->me.incarnation) {
        let_in_self(c, me, index);
    } else if (me == NULL && c->leaving) {
        c->removed = true;
    } else if (me == NULL && !c->want_join) {
        /* the others took us for dead: ask to be let in again */
        core_log(c, LS_LOG_INFO, "the group has removed this node: asking to be let in again");
        if (c->primary) {
            core_nonprimary(c);
        }
        c->want_join = true;
    }
    if (c->role != LS_ROLE_LEADER) {
        return;
    }
    for (uint32_t i = 0; i < before->count; i++) {
        struct peer *p = core_peer(c, &before->members[i].id);
        if (p != NULL && ls_config_find(&c->committed, &p->id) == NULL) {
            p->wants_leave = false;
            core_leader_heartbeat(c, p); /* a leaver waits to hear that it may go */
        }
    }
    if (c->removed) {
        hand_over(c);
        return;
    }
    if (me == NULL || me->role != LS_MEMBER_VOTER) {
        /* elected with an older configuration, this is the one that took our vote: others lead */
        hand_over(c);
        core_become_follower(c, &ls_uuid_zero);
        return;
    }
    for (uint32_t i = 0; i < c->committed.count; i++) {
        const struct ls_member *m = &c->committed.members[i];
        struct peer *p = core_peer(c, &m->id);
        if (m->joined_index == index && p != NULL && p->wants_join && p->up &&
            p->join_me.incarnation == m->incarnation &&
            (m->role == LS_MEMBER_LEARNER || can_continue(c, p)) &&
            core_pos_at(c, index, &joined)) {
            /* a voter that cannot go on after all stays unanswered until it is a learner */
            send_welcome(c, p, &joined, &c->committed);
        }
    }
}

/* ---- messages ---- */

void core_on_join(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    core_origin_told(p, m);
    if (c->role != LS_ROLE_LEADER) {
        return; /* a joiner asks everybody it knows; only the leader answers */
    }
    if (!ls_uuid_equal(&m->u.join.me.id, &p->id) || m->u.join.me.incarnation != p->incarnation) {
        core_refuse(c, p, LS_REFUSE_DUPLICATE,
                    "the request names another node than the connection");
        return;
    }
    if (core_is_evicted(c, &p->id)) {
        core_refuse(c, p, LS_REFUSE_EVICTED,
                    "this node was shut out of the group (evs.evict); setting evs.evict to nothing "
                    "on a member lets it in again");
        return;
    }
    if (p->welcomed_us != 0 && c->now_us - p->welcomed_us < WELCOME_PATIENCE_US) {
        return; /* sent before our answer came: that is on its way */
    }
    /* Also when it was let in before and the answer was lost: by a new view, since what its index
     * is rebuilt from belongs to the commit cut in force where it joins. */
    p->join_me = m->u.join.me;
    p->join_pos = m->u.join.pos;
    p->join_need_state = m->u.join.need_state != 0;
    p->wants_join = true;
    core_manage_members(c);
}

/* A log cannot hold what is younger than the leader's term, nor begin behind the entry that lets us
 * in, and the cut lies where the log begins or before. */
static bool is_sound_welcome(const struct ls_msg *m)
{
    const struct ls_log_pos *base = &m->u.welcome.base;
    const struct ls_log_pos *joined = &m->u.welcome.joined_pos;

    return joined->term <= m->term && base->term <= joined->term &&
           base->index <= m->u.welcome.joined_index && base->seqno <= joined->seqno &&
           (m->u.welcome.from_log || m->u.welcome.base_cut <= base->seqno);
}

void core_on_welcome(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    const struct ls_config *config = m->u.welcome.config;
    const struct ls_member *me = ls_config_find(config, &c->me.id);

    if (!c->want_join || me == NULL || me->incarnation != c->me.incarnation) {
        return;
    }
    if (!is_sound_welcome(m)) {
        core_log(c, LS_LOG_WARN, "%s lets us in with positions that cannot be: ignored",
                 LS_UUID_STR(from));
        return;
    }
    if (c->need_state && c->latest.count > 0 && !ls_uuid_equal(&config->group, &c->latest.group)) {
        /* Our log is of another history, whose data are given up for this one's: terms and votes
         * count within a history. Here we begin as a learner, promised nothing to anybody. */
        c->term = 0;
    }
    if (m->term < c->term && c->role != LS_ROLE_JOINER) {
        return;
    }
    if (m->term > c->term) {
        core_set_term(c, m->term);
    }
    if (m->u.welcome.from_log && m->u.welcome.base.index > c->last.index) {
        return;
    }
    c->role = LS_ROLE_FOLLOWER;
    c->leader = *from;
    c->leader_heard_us = c->now_us;
    core_reset_election(c);
    core_act_role(c);
    if (m->u.welcome.from_log) {
        if (m->u.welcome.joined_index > c->config_index) {
            core_adopt_config(c, config, m->u.welcome.joined_index);
        }
    } else {
        c->verdicts_upto = m->u.welcome.joined_index;
        c->joined_term = m->u.welcome.joined_pos.term; /* kept with the log that begins */
        core_reset_log(c, &m->u.welcome.base, m->u.welcome.base_cut, config,
                       m->u.welcome.joined_index);
    }
    act_welcome(c, m->u.welcome.from_log, &m->u.welcome.base, m->u.welcome.base_cut,
                &m->u.welcome.joined_pos, config);
    if (m->u.welcome.from_log) {
        core_act_commit(c);
    }
}

void core_refuse(struct ls_core *c, struct peer *p, uint8_t reason, const char *text)
{
    struct ls_msg *m;

    if (!p->up || (p->refused_us != 0 && c->now_us - p->refused_us < REFUSE_INTERVAL_US)) {
        return;
    }
    p->refused_us = c->now_us;
    m = core_send(c, &p->id, LS_MSG_REFUSE);
    m->u.refuse.reason = reason;
    snprintf(m->u.refuse.text, sizeof(m->u.refuse.text), "%s", text);
}

void core_on_refuse(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    switch (m->u.refuse.reason) {
    case LS_REFUSE_REMOVED:
    case LS_REFUSE_HISTORY:
        if (c->role == LS_ROLE_LEFT || c->role == LS_ROLE_LEADER || c->role == LS_ROLE_IDLE ||
            (m->u.refuse.reason == LS_REFUSE_REMOVED && c->want_join)) {
            return;
        }
        if (m->u.refuse.reason == LS_REFUSE_REMOVED && !ls_uuid_is_zero(&c->leader) &&
            !ls_uuid_equal(&c->leader, from)) {
            return; /* said before we were let in again: our leader knows better */
        }
        if (c->leaving) {
            core_left(c, "left the group");
            return;
        }
        if (m->u.refuse.reason == LS_REFUSE_HISTORY) {
            c->need_state = true;
        }
        if (m->term < c->term && c->primary) {
            return; /* a stale leader: ours knows better */
        }
        core_log(c, LS_LOG_INFO, "%s says: %s", LS_UUID_STR(from), m->u.refuse.text);
        if (c->primary) {
            core_nonprimary(c);
        }
        c->want_join = true;
        break;
    default:
        if (c->want_join) {
            core_log(c, LS_LOG_ERROR, "%s refuses us: %s", LS_UUID_STR(from), m->u.refuse.text);
            core_left(c, m->u.refuse.text);
        }
        break;
    }
}

void core_on_leave(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    const struct ls_member *old;

    if (c->role != LS_ROLE_LEADER || !ls_uuid_equal(&m->u.leave.id, &p->id)) {
        return;
    }
    old = ls_config_find(&c->latest, &p->id);
    if (old == NULL || old->incarnation != m->u.leave.incarnation) {
        if (c->pending_index == 0) {
            core_refuse(c, p, LS_REFUSE_REMOVED, "you have left");
        }
        return;
    }
    p->wants_leave = true;
    p->leave_incarnation = m->u.leave.incarnation;
    core_manage_members(c);
}

/* ---- duties of everybody ---- */

void core_nonprimary(struct ls_core *c)
{
    struct ls_config *seen = core_scratch(c, sizeof(*seen));

    *seen = c->committed;
    for (uint32_t i = seen->count; i-- > 0;) {
        const struct ls_uuid id = seen->members[i].id;
        if (!core_is_seen(c, &id)) {
            ls_config_remove(seen, &id);
        }
    }
    c->primary = false;
    c->need_view = true;
    core_submissions_unknown(c);
    core_read_fail(c);
    core_act(c, LS_ACT_NONPRIMARY)->u.nonprimary.config = seen;
}

static void send_join(struct ls_core *c)
{
    struct ls_log_pos pos;

    c->asked_us = c->now_us;
    if (!core_pos_at(c, c->commit, &pos)) {
        pos = c->base;
    }
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct ls_msg *m;
        if (!c->peers[i].up) {
            continue;
        }
        m = core_send(c, &c->peers[i].id, LS_MSG_JOIN);
        m->u.join.me = c->me;
        m->u.join.pos = pos;
        m->u.join.epoch = c->latest.epoch;
        m->u.join.need_state = c->need_state;
        m->flags = core_origin_could_be(c) ? LS_JOIN_HALF : 0;
    }
}

void core_sample_commit(struct ls_core *c)
{
    if (c->now_us - c->commit_sample_us >= c->params.election_min_us) {
        c->commit_sample_us = c->now_us;
        c->commit_then = c->commit_sample;
        c->commit_sample = c->commit;
    }
}

void core_members_tick(struct ls_core *c)
{
    if (c->leaving && c->now_us >= c->leave_due_us) {
        core_left(c, "left without an answer of the group");
        return;
    }
    if (c->leaving && c->role != LS_ROLE_LEADER && !ls_uuid_is_zero(&c->leader) &&
        c->now_us - c->asked_us >= LEAVE_INTERVAL_US) {
        struct ls_msg *m = core_send(c, &c->leader, LS_MSG_LEAVE);
        c->asked_us = c->now_us;
        m->u.leave.id = c->me.id;
        m->u.leave.incarnation = c->me.incarnation;
    }
    if (c->need_view && c->role == LS_ROLE_FOLLOWER && !core_may_stand(c) &&
        c->now_us - c->leader_heard_us >
            (core_epoch_outlived(c) ? c->params.election_max_us : c->params.suspect_us)) {
        /* one that asks for no votes is not told that it was removed */
        c->want_join = true;
    }
    if (c->want_join && c->role != LS_ROLE_LEADER && c->role != LS_ROLE_LEFT &&
        c->now_us - c->asked_us >= JOIN_INTERVAL_US) {
        send_join(c);
    }
    if (c->primary && core_is_quorum_lost(c, c->params.suspect_us)) {
        if (!core_may_ignore_quorum(c)) {
            core_nonprimary(c);
        } else if (c->reform_until_us == 0 && c->now_us >= c->reform_hold_us) {
            core_reform(c);
        }
    }
}
