/* Who is a majority, and what is therefore committed. */
#include "gcomm/core/internal.h"

bool core_is_voter(const struct ls_config *config, const struct ls_uuid *id)
{
    const struct ls_member *m = ls_config_find(config, id);
    return m != NULL && m->role == LS_MEMBER_VOTER;
}

bool core_log_is_given_up(const struct ls_core *c)
{
    return c->last.index < c->config_index && !core_is_voter(&c->latest, &c->me.id);
}

bool core_votes(const struct ls_core *c, const struct ls_uuid *id)
{
    return core_is_voter(&c->old, id) || (c->pending_index != 0 && core_is_voter(&c->latest, id));
}

/* When all weights are zero every voter counts one: a cluster whose weights were all set to zero by
 * mistake still has a majority. */
static uint32_t member_weight(const struct ls_member *m, uint32_t total)
{
    if (m->role != LS_MEMBER_VOTER) {
        return 0;
    }
    return total > 0 ? m->weight : 1;
}

uint32_t core_weight_total(const struct ls_config *config)
{
    uint32_t total = ls_config_weight(config);

    if (total == 0) {
        for (uint32_t i = 0; i < config->count; i++) {
            total += config->members[i].role == LS_MEMBER_VOTER;
        }
    }
    return total;
}

uint32_t core_weight(const struct ls_config *config, const struct ls_uuid *id)
{
    const struct ls_member *m = ls_config_find(config, id);
    return m == NULL ? 0 : member_weight(m, ls_config_weight(config));
}

bool core_majority_of(struct ls_core *c, const struct ls_config *config,
                      bool (*has)(struct ls_core *c, const struct ls_uuid *id))
{
    uint32_t raw = ls_config_weight(config);
    uint32_t sum = 0;

    for (uint32_t i = 0; i < config->count; i++) {
        if (config->members[i].role == LS_MEMBER_VOTER && has(c, &config->members[i].id)) {
            sum += member_weight(&config->members[i], raw);
        }
    }
    return 2 * sum > core_weight_total(config);
}

bool core_majority(struct ls_core *c, bool (*has)(struct ls_core *c, const struct ls_uuid *id))
{
    return core_majority_of(c, &c->old, has) &&
           (c->pending_index == 0 || core_majority_of(c, &c->latest, has));
}

/* Whether two nodes alone are a majority: then a commit needs nobody's notice (P6). */
bool core_pair_is_majority(struct ls_core *c, const struct ls_uuid *a, const struct ls_uuid *b)
{
    const struct ls_config *in_force[2] = {&c->old, c->pending_index != 0 ? &c->latest : NULL};

    for (int i = 0; i < 2; i++) {
        if (in_force[i] != NULL &&
            2 * (core_weight(in_force[i], a) + core_weight(in_force[i], b)) <=
                core_weight_total(in_force[i])) {
            return false;
        }
    }
    return true;
}

bool core_vote_hinders(struct ls_core *c, const struct ls_uuid *dead)
{
    const struct ls_config *config = &c->latest;
    uint32_t total = core_weight_total(config);
    uint32_t without = total - core_weight(config, dead);
    uint32_t alive = 0;

    for (uint32_t i = 0; i < config->count; i++) {
        const struct ls_uuid *id = &config->members[i].id;
        alive += core_is_heard(c, id) ? core_weight(config, id) : 0;
    }
    for (uint32_t i = 0; i < config->count; i++) {
        const struct ls_uuid *id = &config->members[i].id;
        uint32_t left = core_is_heard(c, id) ? 2 * (alive - core_weight(config, id)) : 0;
        if (left > without && left <= total) {
            return true;
        }
    }
    return false;
}

/* What a voter is known to hold of the current term's log, ourselves included. */
static uint64_t acked_by(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p;

    if (ls_uuid_equal(id, &c->me.id)) {
        return core_self_held(c);
    }
    p = core_peer(c, id);
    return p == NULL ? 0 : p->acked;
}

/* Highest index that a majority of the configuration holds. */
static uint64_t quorum_index(struct ls_core *c, const struct ls_config *config)
{
    uint64_t index[LS_MAX_MEMBERS];
    uint32_t weight[LS_MAX_MEMBERS];
    uint32_t raw = ls_config_weight(config);
    uint32_t total = core_weight_total(config);
    uint32_t n = 0;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < config->count; i++) {
        uint64_t held;
        uint32_t at;
        if (config->members[i].role != LS_MEMBER_VOTER) {
            continue;
        }
        held = acked_by(c, &config->members[i].id);
        for (at = n; at > 0 && index[at - 1] < held; at--) {
            index[at] = index[at - 1];
            weight[at] = weight[at - 1];
        }
        index[at] = held;
        weight[at] = member_weight(&config->members[i], raw);
        n++;
    }
    for (uint32_t i = 0; i < n; i++) {
        sum += weight[i];
        if (2 * sum > total) {
            return index[i];
        }
    }
    return 0;
}

static bool keeps_pace(const struct ls_core *c, struct pace *pace, bool heard, uint64_t acked)
{
    if (acked >= c->last.index || acked != pace->acked) {
        pace->moved_us = c->now_us;
    }
    pace->acked = acked;
    if (!heard || c->now_us - pace->moved_us > c->params.quiet_us) {
        pace->lost = true;
    } else if (acked >= c->commit) {
        pace->lost = false;
    }
    return !pace->lost;
}

/* What every voter holds that keeps pace. One that does not is waited for again once it has come
 * up: a sick member holds the others up for quiet_us and no longer. */
static uint64_t held_by_all(struct ls_core *c, const struct ls_config *config, uint64_t n)
{
    for (uint32_t i = 0; i < config->count; i++) {
        const struct ls_member *m = &config->members[i];
        bool me = ls_uuid_equal(&m->id, &c->me.id);
        struct peer *p = me ? NULL : core_peer(c, &m->id);
        bool heard = me || (p != NULL && p->up && c->now_us - p->heard_us <= c->params.quiet_us);
        uint64_t held = acked_by(c, &m->id);

        if (m->role == LS_MEMBER_VOTER && (me || p != NULL) &&
            keeps_pace(c, me ? &c->own_pace : &p->pace, heard, held) && held < n) {
            n = held;
        }
    }
    return n;
}

/* Every node counts for itself (P6): the leader, and any other that has matched the leader's log in
 * this term. Entries of older terms commit only through one of the current term (rule 2; Raft
 * section 3.6.2). A pending configuration and all behind it need both majorities (rule 8). */
void core_advance_commit(struct ls_core *c)
{
    for (;;) {
        uint64_t n;

        if (c->term_first == 0 || c->old.count == 0) {
            return;
        }
        n = quorum_index(c, &c->old);
        if (c->pending_index != 0 && n >= c->pending_index) {
            uint64_t both = quorum_index(c, &c->latest);
            both = both < n ? both : n;
            n = both >= c->pending_index ? both : c->pending_index - 1;
        }
        if (c->params.ack_all && c->role == LS_ROLE_LEADER) {
            n = held_by_all(c, &c->old, n);
        }
        if (n < c->term_first || n <= c->commit) {
            return;
        }
        core_set_commit(c, n); /* may change the configurations: look again */
    }
}
