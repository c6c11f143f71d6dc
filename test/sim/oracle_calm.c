/* A leader that a majority has heard all the time stays the leader: who was cut off, stood still or
 * came late takes the lead from nobody (PreVote, Raft section 9.6; rule 13). Who voted in a later
 * term before that leader was elected without it, ends its term when it comes back (Raft
 * section 5.1). */
#include "test/sim/oracle.h"
#include "test/sim/world.h"

#include <inttypes.h>

#define CALM_US 3000000
#define JUST_US 1000000 /* it may have heard of the new term first */
#define NEAR_US 1000    /* delays that no time-out can mistake for silence */

static bool is_calm(const struct ls_world *w, int64_t troubled_at)
{
    return w->now - troubled_at > CALM_US;
}

static bool is_well(const struct ls_world *w, const struct ls_node *n)
{
    return n->running && !n->paused && !n->leaving && is_calm(w, n->troubled_at);
}

static bool heard_by(const struct ls_world *w, const struct ls_node *leader,
                     const struct ls_node *n)
{
    int a = leader->slot < n->slot ? leader->slot : n->slot;
    int b = leader->slot < n->slot ? n->slot : leader->slot;
    const struct ls_net_pair *p = &w->net.pair[a][b];

    return is_well(w, n) && p->up && is_calm(w, p->troubled_at);
}

/* Of the voters it counts; weights that are all zero count one each. */
static bool majority_hears(const struct ls_world *w, const struct ls_node *leader)
{
    struct ls_core_status st;
    unsigned raw = 0, all = 0, heard = 0;

    ls_core_get_status(leader->core, &st);
    for (uint32_t i = 0; i < st.old->count; i++) {
        raw += st.old->members[i].role == LS_MEMBER_VOTER ? st.old->members[i].weight : 0;
    }
    for (uint32_t i = 0; i < st.old->count; i++) {
        const struct ls_member *m = &st.old->members[i];
        const struct ls_node *n = &w->nodes[m->id.b[15]];
        unsigned weight = raw > 0 ? m->weight : 1;

        if (m->role == LS_MEMBER_VOTER) {
            all += weight;
            if (ls_uuid_equal(&n->disk.id, &m->id) && (n == leader || heard_by(w, leader, n))) {
                heard += weight;
            }
        }
    }
    return 2 * heard > all;
}

/* A leader removes nobody who is well and connected to it. It does what its predecessor proposed,
 * in better days or worse: so what counts is the configuration before its own. */
void ls_oracle_proposed(struct ls_world *w, const struct ls_node *leader, const struct ls_entry *e)
{
    const struct ls_config *before;
    struct ls_core_status st;
    struct ls_config after;

    if (leader->role != LS_ROLE_LEADER || !is_well(w, leader) || w->profile.spike > 0 ||
        w->profile.latency_max_us > NEAR_US ||
        ls_config_decode(e->payload, e->size, &after, NULL) != LS_OK) {
        return;
    }
    ls_core_get_status(leader->core, &st);
    before = st.old;
    for (uint32_t i = 0; i < before->count; i++) {
        const struct ls_member *m = &before->members[i];
        const struct ls_node *n = &w->nodes[m->id.b[15]];
        if (n != leader && ls_uuid_equal(&n->disk.id, &m->id) &&
            n->disk.incarnation == m->incarnation && ls_config_find(&after, &m->id) == NULL &&
            heard_by(w, leader, n)) {
            ls_oracle_fail(&w->oracle, "calm: node %d removes node %d, which was well all the time",
                           leader->slot, n->slot);
        }
    }
}

void ls_oracle_elected(struct ls_world *w, const struct ls_node *winner)
{
    if (w->profile.spike > 0 || w->profile.latency_max_us > NEAR_US ||
        !is_calm(w, w->transfer_at)) {
        return;
    }
    for (int i = 0; i < w->count; i++) {
        const struct ls_node *n = &w->nodes[i];
        if (n != winner && n->led_term > 0 && !n->led_below && n->led_term == w->led_last &&
            n->led_term < winner->role_term &&
            (n->role == LS_ROLE_LEADER || w->now - n->led_until < JUST_US) && is_well(w, n) &&
            majority_hears(w, n)) {
            ls_oracle_fail(&w->oracle,
                           "calm: node %d leads term %" PRIu64 " though a majority heard node %d, "
                           "the leader of term %" PRIu64 ", all the time",
                           winner->slot, winner->role_term, n->slot, n->led_term);
        }
    }
}
