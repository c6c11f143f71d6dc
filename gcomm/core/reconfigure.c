/* The leader changes the configuration: who leaves, who is dead, who comes, who votes (rules 8 to
 * 10 and 13). */
#include "gcomm/core/internal.h"

#include <stdio.h>
#include <string.h>

bool core_is_quorum_lost(const struct ls_core *c, int64_t limit_us)
{
    return c->now_us - c->quorum_seen_us > (c->params.isolated ? 0 : limit_us);
}

static bool heard_since(struct ls_core *c, const struct ls_uuid *id, int64_t limit_us)
{
    const struct peer *p = core_peer(c, id);

    if (ls_uuid_equal(id, &c->me.id)) {
        return true;
    }
    if (p != NULL && c->role == LS_ROLE_LEADER && core_epoch_is_ahead(c, p)) {
        return false; /* it has gone over, and is no follower of ours (rule 17) */
    }
    return !c->params.isolated && p != NULL && p->up && c->now_us - p->heard_us <= limit_us;
}

static bool heard_within(struct ls_core *c, const struct ls_uuid *id, int64_t limit_us)
{
    const struct peer *p = core_peer(c, id);

    if (p != NULL && c->role == LS_ROLE_LEADER) {
        limit_us += (int64_t)(p->inflight_bytes / BYTES_A_US); /* it may be writing them */
    }
    return heard_since(c, id, limit_us);
}

bool core_is_heard(struct ls_core *c, const struct ls_uuid *id)
{
    return heard_within(c, id, c->params.quiet_us);
}

bool core_is_fresh(struct ls_core *c, const struct ls_uuid *id)
{
    return heard_since(c, id, c->params.heartbeat_us * 5 / 2);
}

bool core_is_seen(struct ls_core *c, const struct ls_uuid *id)
{
    return heard_within(c, id, c->params.suspect_us);
}

bool ls_core_sees(struct ls_core *core, const struct ls_uuid *id)
{
    return core_is_seen(core, id);
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
    int64_t heard_us = c->leader_since_us; /* before that it may have had nothing to say to us */

    if (ls_uuid_equal(&m->id, &c->me.id)) {
        return false;
    }
    if (core_is_evicted(c, &m->id)) {
        return true;
    }
    if (p != NULL && (is_gone(c, m, p) || core_epoch_is_elsewhere(c, p))) {
        return true;
    }
    if (p != NULL && p->heard_us > heard_us) {
        heard_us = p->heard_us;
    }
    return c->now_us - heard_us > c->params.suspect_us;
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
            changed |= ls_config_remove(next, &m->id);
        }
    }
    return changed;
}

static const struct ls_member *find_at(const struct ls_config *config, const char *addr)
{
    for (uint32_t i = 0; i < config->count; i++) {
        if (strcmp(config->members[i].addr, addr) == 0) {
            return &config->members[i];
        }
    }
    return NULL;
}

/* Said when it is done: it is wanted in each tick until it can be committed. Who leaves says so
 * himself. */
static void log_removals(struct ls_core *c, const struct ls_config *next)
{
    for (uint32_t i = 0; i < c->latest.count; i++) {
        const struct ls_member *m = &c->latest.members[i];
        const struct ls_member *in_place = find_at(next, m->addr);
        if (ls_config_find(next, &m->id) != NULL) {
            continue;
        }
        if (is_dead(c, m)) {
            core_log(c, LS_LOG_INFO, "%s (%s) %s: removing it from the group", LS_UUID_STR(&m->id),
                     m->name, why_dead(c, &m->id));
        } else if (m->addr[0] != '\0' && in_place != NULL) {
            core_log(c, LS_LOG_INFO, "%s (%s) comes in the place of %s: removing that one",
                     LS_UUID_STR(&in_place->id), in_place->name, LS_UUID_STR(&m->id));
        }
    }
}

bool core_can_continue(struct ls_core *c, const struct peer *p)
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

    m.role = old != NULL && old->role == LS_MEMBER_VOTER && core_can_continue(c, p)
                 ? LS_MEMBER_VOTER
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
bool core_reach_back(struct ls_core *c, struct ls_log_pos *base)
{
    if (!c->log.find_seqno(c->log.ctx, c->cut_committed, base)) {
        *base = c->base;
    }
    return base->seqno <= c->cut_committed;
}

void core_ask_again(struct ls_core *c, struct peer *p)
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
        if (is_waiting(next, p) && !core_can_continue(c, p) && !core_reach_back(c, &base)) {
            core_ask_again(c, p);
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

/* Alive, and our log has what it lacks. One for which it does not reach back takes a copy as a
 * learner, once that is committed: a majority that needs its vote for it would wait for ever. */
static bool can_commit(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p = core_peer(c, id);

    return core_is_heard(c, id) &&
           (ls_uuid_equal(id, &c->me.id) || (p != NULL && p->match >= c->base.index));
}

/* One change at a time, only after an entry of our own term is committed (rule 8), and only when
 * the members now alive can commit it. */
void core_manage_members(struct ls_core *c)
{
    struct ls_config next;
    bool is_view;
    bool changed;

    if (c->role == LS_ROLE_LEADER && !core_majority(c, can_commit)) {
        core_rebase_voters(c);
    }
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
    if (!core_majority_of(c, &c->old, can_commit) || !core_majority_of(c, &next, can_commit)) {
        return;
    }
    if (is_view) {
        doubt_unmet(c, &next);
    }
    log_removals(c, &next);
    core_propose_config(c, &next, is_view, false);
    core_advance_commit(c);
}
