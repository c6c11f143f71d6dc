/* Epochs (rule 17): a history starts a new one whenever a component is formed by somebody's wish
 * instead of a majority of the last one: at a bootstrap, by pc.bootstrap, pc.ignore_quorum or
 * pc.ignore_sb. The first entry of an epoch is a configuration that stands alone: nobody of the
 * epoch before is asked.
 *
 * The epoch before may go on elsewhere, in terms as high as ours, so terms alone do not keep the
 * two apart. Neighbours tell each other their epochs (EPOCH goes out before anything else of a new
 * one, on connections that keep the order), and who belongs to a later one takes neither entries
 * nor votes' requests from a past one. Who sees a later one forms no component by itself, it asks
 * to be let in, and remembers it until it is; but not while it is in a primary component, whether
 * that has a leader at the moment or not: what it has acknowledged is not given up because somebody
 * bootstrapped a node that it lacked. Such a node does not count for its majority either. */
#include "gcomm/core/internal.h"

#define RECORD_FORMAT 1 /* version of records that this code writes (rule 27) */
#define REFORM_PATIENCE_US 10000000
#define TWIN_PATIENCE_US 5000000 /* whoever is on his way from one to the other needs no line */

static struct epoch epoch_of(const struct ls_config *config)
{
    return (struct epoch){.group = config->group, .number = config->epoch, .id = config->epoch_id};
}

/* Of one history: by number; two of one number by id, for want of anything better. */
static int compare(const struct epoch *a, const struct epoch *b)
{
    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    return ls_uuid_compare(&a->id, &b->id);
}

static bool same_epoch(const struct epoch *a, const struct epoch *b)
{
    return ls_uuid_equal(&a->group, &b->group) && compare(a, b) == 0;
}

bool core_epoch_is_past(const struct ls_core *c, const struct peer *p)
{
    struct epoch mine = epoch_of(&c->latest);

    if (!p->epoch_told || c->latest.count == 0) {
        return false;
    }
    return !ls_uuid_equal(&p->epoch.group, &mine.group) || compare(&p->epoch, &mine) < 0;
}

/* Of our history, and after the epoch that we belong to. */
static bool is_later(const struct ls_core *c, const struct epoch *e)
{
    struct epoch mine = epoch_of(&c->latest);

    return c->latest.count > 0 && ls_uuid_equal(&e->group, &mine.group) && compare(e, &mine) > 0;
}

bool core_epoch_is_ahead(const struct ls_core *c, const struct peer *p)
{
    return p->epoch_told && is_later(c, &p->epoch);
}

static bool later_is_known(const struct ls_core *c)
{
    bool known = is_later(c, &c->highest);

    for (uint32_t i = 0; i < c->peer_count; i++) {
        known |= c->peers[i].up && core_epoch_is_ahead(c, &c->peers[i]);
    }
    return known;
}

/* The component has ended for us, or is about to: it has no majority, and we wish for a new one. */
static bool is_over(const struct ls_core *c)
{
    return !c->primary || c->reform_until_us != 0;
}

bool core_epoch_outlived(const struct ls_core *c)
{
    return is_over(c) && later_is_known(c);
}

bool core_epoch_is_no_concern(const struct ls_core *c, const struct peer *p)
{
    return !is_over(c) && core_epoch_is_ahead(c, p) && !ls_uuid_equal(&c->leader, &p->id) &&
           !ls_uuid_equal(&c->reformer, &p->id);
}

/* ---- telling ---- */

void core_epoch_greet(struct ls_core *c, const struct ls_uuid *to)
{
    struct ls_msg *m;

    if (c->latest.count == 0 || c->role == LS_ROLE_IDLE || c->role == LS_ROLE_LEFT) {
        return;
    }
    m = core_send(c, to, LS_MSG_EPOCH);
    m->u.epoch.group = c->latest.group;
    m->u.epoch.epoch = c->latest.epoch;
    m->u.epoch.epoch_id = c->latest.epoch_id;
    m->u.epoch.primary = c->primary;
    m->flags = c->latest.bare ? LS_EPOCH_BARE : 0;
}

void core_epoch_tell(struct ls_core *c)
{
    struct epoch mine = epoch_of(&c->latest);

    if (c->latest.count == 0 || c->role == LS_ROLE_IDLE ||
        (same_epoch(&mine, &c->told) && c->primary == c->told_primary)) {
        return;
    }
    c->told = mine;
    c->told_primary = c->primary;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        if (c->peers[i].up) {
            core_epoch_greet(c, &c->peers[i].id);
        }
    }
}

bool core_epoch_is_elsewhere(const struct ls_core *c, const struct peer *p)
{
    return p->epoch_told && p->primary && !ls_uuid_equal(&p->epoch.group, &c->latest.group);
}

static bool is_twin(struct ls_core *c, const struct peer *p)
{
    struct epoch mine = epoch_of(&c->latest);

    if (c->role != LS_ROLE_LEADER || !c->primary || !p->up || !p->epoch_told || !p->primary ||
        same_epoch(&p->epoch, &mine)) {
        return false;
    }
    /* a member of an epoch before ours has not heard of it yet */
    return core_epoch_is_elsewhere(c, p) || core_epoch_is_ahead(c, p) || !core_is_member(c, &p->id);
}

/* Two primary components under one name, of one history or of two: only a person can have made
 * them, and only a person can say whose writes are to stay. Neither gives way by itself. */
static void warn_of_twin(struct ls_core *c, const struct peer *p)
{
    struct epoch mine = epoch_of(&c->latest);

    if (!core_epoch_is_elsewhere(c, p)) {
        core_log(c, LS_LOG_ERROR,
                 "%s belongs to another primary component of this cluster (epoch %llu, ours %llu): "
                 "stop the servers of one of the two and start them again; what was written there "
                 "since they parted is given up",
                 LS_UUID_STR(&p->id), (unsigned long long)p->epoch.number,
                 (unsigned long long)mine.number);
    } else {
        core_log(c, LS_LOG_ERROR,
                 "another cluster has this name (%s, ours %s): stop one of the two, remove "
                 "grastate.dat there and start it without --wsrep-new-cluster, what was written "
                 "there is given up, or change its wsrep_cluster_name",
                 LS_UUID_STR(&p->epoch.group), LS_UUID_STR(&mine.group));
    }
}

void core_twins_tick(struct ls_core *c)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (!is_twin(c, p)) {
            p->twin_since_us = 0;
            p->twin_told = false;
        } else if (p->twin_since_us == 0) {
            p->twin_since_us = c->now_us;
        } else if (!p->twin_told && c->now_us - p->twin_since_us >= TWIN_PATIENCE_US) {
            p->twin_told = true;
            warn_of_twin(c, p);
        }
    }
}

void core_on_epoch(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    p->epoch = (struct epoch){
        .group = m->u.epoch.group, .number = m->u.epoch.epoch, .id = m->u.epoch.epoch_id};
    p->epoch_told = true;
    p->primary = m->u.epoch.primary != 0;
    p->bare = (m->flags & LS_EPOCH_BARE) != 0;
    if (c->latest.count == 0) {
        return;
    }
    if (!ls_uuid_equal(&p->epoch.group, &c->latest.group)) {
        return;
    }
    if (is_over(c) && (!ls_uuid_equal(&c->highest.group, &p->epoch.group) ||
                       compare(&p->epoch, &c->highest) > 0)) {
        c->highest = p->epoch;
    }
    if (core_epoch_outlived(c) &&
        (c->role == LS_ROLE_LEADER || c->role == LS_ROLE_CANDIDATE || c->role == LS_ROLE_CATCHUP)) {
        core_log(c, LS_LOG_INFO,
                 "%s belongs to epoch %llu of this cluster, this node only to %llu: it forms no "
                 "component without the other, but joins it",
                 LS_UUID_STR(&p->id), (unsigned long long)p->epoch.number,
                 (unsigned long long)c->latest.epoch);
        core_become_follower(c, &ls_uuid_zero);
    }
}

/* ---- a new epoch of this node alone ---- */

void core_bootstrap(struct ls_core *c, const struct ls_uuid *group, int64_t seqno, bool bare)
{
    struct ls_config first = {0};
    struct ls_member me = c->me;
    struct ls_action *a;

    if (c->role != LS_ROLE_IDLE) {
        return;
    }
    if (!c->me.no_data) {
        c->keep = *group;
    }
    first.group = *group;
    first.epoch = c->latest.epoch + 1;
    first.epoch_id = ls_uuid_generate(&c->prng);
    first.view = ls_uuid_equal(&c->latest.group, group) ? c->latest.view : 0;
    first.bare = ls_uuid_equal(&c->latest.group, group) ? c->latest.bare : bare;
    first.format = RECORD_FORMAT;
    me.role = LS_MEMBER_VOTER;
    me.state = LS_NODE_JOINED;

    if (c->last.seqno != seqno) {
        struct ls_log_pos base = c->last;
        struct ls_config none = {0};
        base.seqno = seqno;
        base.chain.lo ^= ls_prng_next(&c->prng); /* another history: no old entry fits behind it */
        base.chain.hi ^= ls_prng_next(&c->prng);
        core_reset_log(c, &base, seqno, &none, base.index);
    }
    me.joined_index = c->last.index + 1;
    ls_config_add(&first, &me);

    c->term = (c->term > c->last.term ? c->term : c->last.term) + 1;
    c->vote = c->me.id;
    a = core_act(c, LS_ACT_PERSIST);
    a->u.persist.term = c->term;
    a->u.persist.vote = c->vote;
    c->role = LS_ROLE_LEADER;
    c->leader = c->me.id;
    c->led_term = c->term;
    c->term_first = 0;
    c->want_join = true; /* let in by our own first entry */
    c->quorum_seen_us = c->now_us;
    /* nothing that was pending counts any more */
    core_adopt_config(c, &first, c->config_index);
    core_act_role(c);
    core_propose_config(c, &first, true, true);
    core_advance_commit(c);
}

/* ---- a new epoch of those that are seen ---- */

/* Weight of those seen against the configuration's whole. */
static bool is_half_seen(struct ls_core *c, const struct ls_config *config)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < config->count; i++) {
        if (core_is_seen(c, &config->members[i].id)) {
            sum += core_weight(config, &config->members[i].id);
        }
    }
    return 2 * sum >= core_weight_total(config);
}

bool core_may_ignore_quorum(struct ls_core *c)
{
    if (!core_may_reform(c) || c->leaving) {
        return false;
    }
    return c->params.ignore_quorum != 0 ||
           (c->params.ignore_sb != 0 && is_half_seen(c, &c->latest));
}

/* A learner whose data are complete will do: it may be the only one left. */
bool core_may_reform(const struct ls_core *c)
{
    const struct ls_member *me = ls_config_find(&c->latest, &c->me.id);

    if (c->me.no_data || c->need_state || later_is_known(c) || me == NULL) {
        return false;
    }
    return me->role == LS_MEMBER_VOTER || ls_node_is_full(me->state);
}

/* Somebody that we hear is in a primary component: forming another one would part the history. */
static bool is_formed(struct ls_core *c)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        const struct peer *p = &c->peers[i];
        if (!c->primary && p->up && p->epoch_told && p->primary &&
            ls_uuid_equal(&p->epoch.group, &c->latest.group) && core_is_seen(c, &p->id)) {
            return true;
        }
    }
    return false;
}

static bool may_reform(struct ls_core *c, const char **why)
{
    if (c->role == LS_ROLE_IDLE || c->role == LS_ROLE_LEFT || c->leaving) {
        *why = "it is not connected to the group";
    } else if (later_is_known(c)) {
        *why = "another node belongs to a later epoch: this one will join it";
    } else if (is_formed(c)) {
        *why = "a node that can be reached is in one: mend the connections between the others and "
               "this one, and it is let in";
    } else if (!core_may_reform(c)) {
        *why = "its data are not complete, or it holds none: ask a node that was a full member";
    } else {
        return true;
    }
    return false;
}

/* What was heard of a later epoch, by those who are not here any more, binds no person. */
static void forget_the_gone(struct ls_core *c)
{
    if (!c->primary && is_later(c, &c->highest)) {
        c->epoch_given_up = c->highest.number;
        c->highest = (struct epoch){.number = 0};
    }
}

void core_reform(struct ls_core *c)
{
    struct epoch highest = c->highest;
    uint64_t given_up = c->epoch_given_up;
    const char *why;

    forget_the_gone(c);
    if (!may_reform(c, &why)) {
        c->highest = highest;
        c->epoch_given_up = given_up;
        core_log(c, LS_LOG_WARN, "this node cannot form a primary component: %s", why);
        return;
    }
    if (c->reform_until_us == 0) {
        core_log(c, LS_LOG_INFO,
                 "forming a primary component of the members that can be reached, without a "
                 "majority of the last one");
    }
    c->reform_until_us = c->now_us + REFORM_PATIENCE_US;
    core_stand_reform(c);
}

/* An attempt may end by a higher term somewhere: again, while it is still wanted. */
void core_reform_tick(struct ls_core *c)
{
    if (c->reform_until_us == 0) {
        return;
    }
    if (c->now_us >= c->reform_until_us || core_epoch_outlived(c)) {
        core_log(c, LS_LOG_WARN, "no primary component could be formed");
        c->reform_until_us = 0;
        if (c->primary) {
            core_nonprimary(c);
        }
    } else if (!c->reforming && (c->role == LS_ROLE_FOLLOWER || c->role == LS_ROLE_CANDIDATE) &&
               ls_uuid_is_zero(&c->leader) && core_may_reform(c)) {
        core_stand_reform(c);
    }
}

/* Two stand for a new epoch at once, and each has its own vote: the lower id goes on, in a term in
 * which the other can vote for it. */
bool core_reform_yields(struct ls_core *c, const struct ls_uuid *to, uint64_t term)
{
    if (!c->reforming || c->role != LS_ROLE_CANDIDATE) {
        return false;
    }
    if (ls_uuid_compare(&c->me.id, to) < 0) {
        if (term > c->term) {
            core_set_term(c, term);
        }
        core_stand_reform(c);
    } else {
        c->reform_until_us = 0;
        c->reform_hold_us = c->now_us + 2 * REFORM_WAIT_US;
        core_become_follower(c, &ls_uuid_zero);
    }
    return true;
}

bool core_reform_is_due(struct ls_core *c)
{
    if (c->now_us >= c->reform_due_us) {
        return true;
    }
    for (uint32_t i = 0; i < c->latest.count; i++) {
        const struct ls_member *m = &c->latest.members[i];
        const struct peer *p = core_peer(c, &m->id);
        if (m->role == LS_MEMBER_VOTER && p != NULL && core_is_seen(c, &m->id) && !p->granted) {
            return false;
        }
    }
    return true;
}

/* A voter whose own leader is silent and whose log is good for its database may be part of it. */
bool core_may_grant_reform(const struct ls_core *c)
{
    return !c->need_state && c->role != LS_ROLE_JOINER && core_is_voter(&c->latest, &c->me.id);
}

/* Those that have granted their vote and are the same processes as in the configuration; the others
 * ask to be let in as always. */
static bool takes_part(struct ls_core *c, const struct ls_member *m)
{
    const struct peer *p = core_peer(c, &m->id);

    return p != NULL && p->granted && p->incarnation == m->incarnation &&
           m->role == LS_MEMBER_VOTER;
}

/* Needs a new view, its server having been shown a non-primary one. */
static void readmit(struct ls_core *c, struct ls_member *m)
{
    const struct peer *p = core_peer(c, &m->id);
    bool me = ls_uuid_equal(&m->id, &c->me.id);

    if (me && c->want_join) {
        *m = c->me; /* restarted: name and addresses may be new */
    }
    m->role = LS_MEMBER_VOTER;
    if (me ? c->need_view || c->want_join : p == NULL || !p->primary) {
        m->joined_index = c->last.index + 1;
        m->state = LS_NODE_JOINER;
    }
}

void core_reform_lead(struct ls_core *c)
{
    struct ls_config next = c->latest;

    c->reforming = false;
    c->reform_until_us = 0;
    for (uint32_t i = next.count; i-- > 0;) {
        struct ls_member *m = &next.members[i];
        if (!ls_uuid_equal(&m->id, &c->me.id) && !takes_part(c, m)) {
            const struct ls_uuid id = m->id;
            ls_config_remove(&next, &id);
        } else {
            readmit(c, m);
        }
    }
    next.epoch = (next.epoch > c->epoch_given_up ? next.epoch : c->epoch_given_up) + 1;
    next.epoch_id = ls_uuid_generate(&c->prng);
    core_adopt_config(c, &next, c->config_index); /* nothing that was pending counts any more */
    core_log(c, LS_LOG_INFO, "epoch %llu begins with %u members", (unsigned long long)next.epoch,
             next.count);
    core_propose_config(c, &next, true, true);
}
