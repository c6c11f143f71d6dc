/* Who is in: joining, leaving, what a committed configuration means, and loss of quorum (rules 8 to
 * 11, 16, 17).
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
    c->parted = false;
    c->half = false;
    c->half_chosen = false;
    core_set_primary(c, !c->need_view);
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

/* ---- what a committed configuration means ---- */

/* Members know entries for committed that others than those of the group were when a component was
 * formed without a majority of the last one, and they had been in that. */
static bool has_parted(struct ls_core *c, const struct peer *p)
{
    struct ls_log_pos mine;

    return p->join_pos.index > c->last.index ||
           (p->join_pos.index > c->base.index && core_pos_at(c, p->join_pos.index, &mine) &&
            !ls_hash128_equal(mine.chain, p->join_pos.chain));
}

static struct ls_msg *welcome_to(struct ls_core *c, struct peer *p, bool from_log,
                                 const struct ls_log_pos *base, const struct ls_log_pos *joined,
                                 const struct ls_config *config)
{
    struct ls_config *copy = core_scratch(c, sizeof(*copy));
    struct ls_msg *m;

    *copy = *config;
    m = core_send(c, &p->id, LS_MSG_WELCOME);
    m->u.welcome.from_log = from_log;
    m->u.welcome.base = *base;
    m->u.welcome.base_cut = c->cut_committed;
    m->u.welcome.joined_index = joined->index;
    m->u.welcome.joined_pos = *joined;
    m->u.welcome.config = copy;
    core_leader_track(c, p, base->index);
    c->append_due = true;
    return m;
}

static void send_welcome(struct ls_core *c, struct peer *p, const struct ls_log_pos *joined,
                         const struct ls_config *config)
{
    struct ls_msg *m;
    struct ls_log_pos base = {0};
    bool from_log = core_can_continue(c, p);
    struct ls_log_pos before;

    if (from_log) {
        base = p->join_pos;
    } else {
        if (!core_reach_back(c, &base)) {
            core_ask_again(c, p);
            return;
        }
        if (base.index >= joined->index && core_pos_at(c, joined->index - 1, &before)) {
            base = before;
        }
    }
    m = welcome_to(c, p, from_log, &base, joined, config);
    m->flags = !from_log && has_parted(c, p) ? LS_WELCOME_PARTED : 0;
    p->wants_join = false;
    p->welcomed_us = c->now_us;
    p->match = 0;
    p->ack = (struct ls_log_pos){0};
    p->acked = 0;
}

/* A voter that lacks what our log has no more, where nothing is committed without its vote. It
 * would become a learner and take a copy, which is a commit. What it has acknowledged and was
 * committed stands before our base, which was: so its log may begin there, as with a snapshot of
 * Raft (section 7), and it stays the voter that it is. Its database is of before: it does not lead,
 * and asks for a copy. */
void core_rebase_voters(struct ls_core *c)
{
    struct ls_log_pos base;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        struct ls_log_pos joined;
        if (!p->up || !p->wants_join || !p->join_need_state || !core_votes(c, &p->id) ||
            p->match >= c->base.index ||
            (p->rebased_us != 0 && c->now_us - p->rebased_us < WELCOME_PATIENCE_US) ||
            !core_reach_back(c, &base) || base.index > c->commit) {
            continue;
        }
        joined = base;
        if (c->config_index > base.index && !core_pos_at(c, c->config_index, &joined)) {
            continue;
        }
        welcome_to(c, p, false, &base, &joined, &c->committed)->flags = LS_WELCOME_VOTER;
        p->rebased_us = c->now_us;
        core_log(c, LS_LOG_INFO,
                 "nothing is committed without %s, whose log ends before ours begins: it begins "
                 "anew there",
                 LS_UUID_STR(&p->id));
    }
}

void core_hand_over_to_best(struct ls_core *c)
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
        core_hand_over(c, &best->id);
    }
}

void core_set_primary(struct ls_core *c, bool primary)
{
    c->primary = primary;
    if (primary) {
        c->highest = (struct epoch){.number = 0}; /* of no concern to a component that lives */
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
        core_set_primary(c, true);
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
        core_hand_over_to_best(c);
        return;
    }
    if (me == NULL || me->role != LS_MEMBER_VOTER) {
        /* elected with an older configuration, this is the one that took our vote: others lead */
        core_hand_over_to_best(c);
        core_become_follower(c, &ls_uuid_zero);
        return;
    }
    for (uint32_t i = 0; i < c->committed.count; i++) {
        const struct ls_member *m = &c->committed.members[i];
        struct peer *p = core_peer(c, &m->id);
        if (m->joined_index == index && p != NULL && p->wants_join && p->up &&
            p->join_me.incarnation == m->incarnation &&
            (m->role == LS_MEMBER_LEARNER || core_can_continue(c, p)) &&
            core_pos_at(c, index, &joined)) {
            /* a voter that cannot go on after all stays unanswered until it is a learner */
            send_welcome(c, p, &joined, &c->committed);
        }
    }
}

/* ---- another history ---- */

/* What a history has acknowledged may be nowhere else than here. For one that an empty node has
 * founded, by mistake or for want of its volume, no node gives that up unless a person has said so,
 * by taking its grastate.dat away; for one that was founded with data a person has said so there.
 */
static bool is_kept_from(const struct ls_core *c, const struct ls_uuid *group, bool bare)
{
    return bare && !ls_uuid_is_zero(&c->keep) && !ls_uuid_equal(&c->keep, group);
}

static void tell_kept(struct ls_core *c, const struct peer *p)
{
    if (!p->primary || ls_uuid_equal(&c->kept_from, &p->epoch.group)) {
        return;
    }
    c->kept_from = p->epoch.group;
    core_log(
        c, LS_LOG_ERROR,
        "%s is in a cluster of another history (%s), which an empty node has founded; the data "
        "here are of %s and are not given up for that by themselves: stop its servers if the "
        "data here are the right ones; if not, remove grastate.dat here and start again",
        LS_UUID_STR(&p->id), LS_UUID_STR(&p->epoch.group), LS_UUID_STR(&c->keep));
}

static void send_leave(struct ls_core *c, const struct ls_uuid *to)
{
    struct ls_msg *m = core_send(c, to, LS_MSG_LEAVE);

    m->u.leave.id = c->me.id;
    m->u.leave.incarnation = c->me.incarnation;
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

static void follow(struct ls_core *c, const struct ls_uuid *leader)
{
    core_forget_matches(c); /* of another leader, maybe of another epoch, and of this very term */
    c->role = LS_ROLE_FOLLOWER;
    c->leader = *leader;
    c->leader_heard_us = c->now_us;
    core_reset_election(c);
    core_act_role(c);
}

/* See core_rebase_voters(). */
static void on_rebase(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    const struct ls_log_pos *base = &m->u.welcome.base;
    struct ls_log_pos mine;

    if (!c->need_state || !core_votes(c, &c->me.id) || m->term < c->term ||
        !ls_uuid_equal(&m->u.welcome.config->epoch_id, &c->latest.epoch_id) ||
        (core_pos_at(c, base->index, &mine) && ls_hash128_equal(mine.chain, base->chain))) {
        return;
    }
    if (m->term > c->term) {
        core_set_term(c, m->term);
    }
    core_log(c, LS_LOG_INFO,
             "the log here ends at entry %llu, the leader's begins at %llu: it begins anew there, "
             "so that the group can go on; a state transfer follows",
             (unsigned long long)c->last.index, (unsigned long long)base->index);
    follow(c, from);
    core_reset_log(c, base, m->u.welcome.base_cut, m->u.welcome.config, m->u.welcome.joined_index);
}

void core_on_welcome(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    const struct ls_config *config = m->u.welcome.config;
    const struct ls_member *me = ls_config_find(config, &c->me.id);
    bool other = c->latest.count > 0 && !ls_uuid_equal(&config->group, &c->latest.group);
    bool rebase = (m->flags & LS_WELCOME_VOTER) != 0;

    if (!c->want_join || me == NULL || (me->incarnation != c->me.incarnation && !rebase)) {
        return;
    }
    if (!is_sound_welcome(m) || (other && m->u.welcome.from_log)) {
        core_log(c, LS_LOG_WARN, "%s lets us in with positions that cannot be: ignored",
                 LS_UUID_STR(from));
        return;
    }
    if (rebase) {
        on_rebase(c, from, m);
        return;
    }
    if (is_kept_from(c, &config->group, config->bare != 0)) {
        /* the request went out before its epoch was known */
        send_leave(c, from);
        return;
    }
    if (other) {
        /* Our log is of another history, whose data are given up for this one's: terms and votes
         * count within a history. Here we begin as a learner, promised nothing to anybody. */
        if (!c->need_state) {
            core_log(c, LS_LOG_INFO,
                     "the cluster is another one than this node's last (history %s, not %s): what "
                     "this node kept of that is given up",
                     LS_UUID_STR(&config->group), LS_UUID_STR(&c->latest.group));
        }
        c->term = 0;
    }
    if (m->term < c->term && c->role != LS_ROLE_JOINER &&
        ls_uuid_equal(&config->epoch_id, &c->latest.epoch_id)) {
        return; /* of one epoch; our NACK tells a leader of another one our term */
    }
    if (m->term > c->term) {
        core_set_term(c, m->term);
    }
    if (m->u.welcome.from_log && m->u.welcome.base.index > c->last.index) {
        return;
    }
    if (!c->me.no_data) {
        c->keep = config->group;
    }
    follow(c, from);
    /* within one history: the data of another one have no position in this one anyway */
    c->parted = (c->parted || (m->flags & LS_WELCOME_PARTED) != 0) &&
                ls_uuid_equal(&config->group, &c->latest.group);
    if (m->u.welcome.from_log) {
        if (m->u.welcome.joined_index > c->config_index) {
            core_catch_up_config(c, config, m->u.welcome.joined_index);
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

/* Said again as long as it is so, and many times at once by way of a narrow link: a line now and
 * then is enough. */
static void log_refusal(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    if (p->refusal_told == m->u.refuse.reason && c->now_us - p->refusal_told_us < REFUSAL_TELL_US) {
        return;
    }
    p->refusal_told = m->u.refuse.reason;
    p->refusal_told_us = c->now_us;
    core_log(c, LS_LOG_INFO, "%s says: %s", LS_UUID_STR(&p->id), m->u.refuse.text);
}

void core_on_refuse(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    switch (m->u.refuse.reason) {
    case LS_REFUSE_REMOVED:
    case LS_REFUSE_HISTORY:
        if (c->role == LS_ROLE_LEFT || c->role == LS_ROLE_LEADER || c->role == LS_ROLE_IDLE ||
            (m->u.refuse.reason == LS_REFUSE_REMOVED && c->want_join)) {
            return;
        }
        if (m->u.refuse.reason == LS_REFUSE_REMOVED && !ls_uuid_is_zero(&c->leader) &&
            !ls_uuid_equal(&c->leader, &p->id)) {
            return; /* said before we were let in again: our leader knows better */
        }
        if (c->leaving) {
            core_left(c, "left the group");
            return;
        }
        if (m->term < c->term && c->primary) {
            return; /* a stale leader: ours knows better */
        }
        if (m->u.refuse.reason == LS_REFUSE_HISTORY) {
            c->need_state = true;
        }
        log_refusal(c, p, m);
        if (c->primary) {
            core_nonprimary(c);
        }
        c->want_join = true;
        break;
    default:
        if (c->want_join) {
            core_log(c, LS_LOG_ERROR, "%s refuses us: %s", LS_UUID_STR(&p->id), m->u.refuse.text);
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

void ls_core_get_seen(struct ls_core *c, struct ls_config *out)
{
    *out = c->committed;
    for (uint32_t i = out->count; i-- > 0;) {
        const struct ls_uuid id = out->members[i].id;
        if (!core_is_seen(c, &id)) {
            ls_config_remove(out, &id);
        }
    }
}

void core_nonprimary(struct ls_core *c)
{
    struct ls_config *seen = core_scratch(c, sizeof(*seen));

    ls_core_get_seen(c, seen);
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
        const struct peer *p = &c->peers[i];
        if (!p->up) {
            continue;
        }
        if (p->epoch_told && is_kept_from(c, &p->epoch.group, p->bare)) {
            tell_kept(c, p);
            continue;
        }
        m = core_send(c, &p->id, LS_MSG_JOIN);
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
        c->asked_us = c->now_us;
        send_leave(c, &c->leader);
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
