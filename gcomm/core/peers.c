/* Other nodes: connections, and what each of them acknowledged. */
#include "gcomm/core/internal.h"

#include <string.h>

struct peer *core_peer(const struct ls_core *c, const struct ls_uuid *id)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        if (ls_uuid_equal(&c->peers[i].id, id)) {
            return &c->peers[i];
        }
    }
    return NULL;
}

bool core_is_member(const struct ls_core *c, const struct ls_uuid *id)
{
    return ls_config_find(&c->old, id) != NULL ||
           (c->pending_index != 0 && ls_config_find(&c->latest, id) != NULL);
}

/* NULL only when the table is full of members and live connections. */
struct peer *core_peer_get(struct ls_core *c, const struct ls_uuid *id)
{
    struct peer *p = core_peer(c, id);

    if (p != NULL) {
        return p;
    }
    if (c->peer_count < PEERS_MAX) {
        p = &c->peers[c->peer_count++];
    } else {
        for (uint32_t i = 0; i < c->peer_count && p == NULL; i++) {
            if (!c->peers[i].up && !core_is_member(c, &c->peers[i].id)) {
                p = &c->peers[i];
            }
        }
        if (p == NULL) {
            return NULL;
        }
    }
    memset(p, 0, sizeof(*p));
    p->id = *id;
    p->heard_us = c->now_us;
    p->applied = -1;
    if (c->role == LS_ROLE_LEADER) {
        core_leader_track(c, p, c->last.index);
    }
    return p;
}

void core_on_peer_up(struct ls_core *c, const struct ls_uuid *id, uint64_t incarnation)
{
    struct peer *p = core_peer_get(c, id);
    bool fresh;

    if (p == NULL) {
        core_log(c, LS_LOG_WARN, "too many peers: %s is not taken in", LS_UUID_STR(id));
        return;
    }
    p->up = true;
    p->unreachable = false;
    p->heard_us = c->now_us;
    p->welcomed_us = 0;
    p->rebased_us = 0;
    p->epoch_told = false;
    core_epoch_greet(c, id);
    p->probed_us = 0;
    core_place_forget_late(p);
    fresh = p->incarnation != incarnation;
    if (fresh) {
        p->incarnation = incarnation;
        p->wants_join = false;
        p->told_state = false;
        p->wants_leave = false;
        p->wants_weight = false;
        p->nonprimary = false;
        p->applied = -1;
        p->low = 0; /* its ids begin anew */
        memset(p->seen, 0, sizeof(p->seen));
    }
    if (c->role == LS_ROLE_LEADER) {
        /* what was in flight on the old connection may be lost */
        core_leader_track(c, p, p->match > 0 ? p->match : c->last.index);
        core_leader_heartbeat(c, p);
        c->append_due = true;
    } else if (ls_uuid_equal(id, &c->leader)) {
        c->leader_suspected = false;
        core_reset_election(c);
        c->ack_index = 0; /* nor may our last acknowledgement have come there */
        c->submitted_term =
            0; /* submissions may be lost, too: once more (the leader drops twins) */
    }
    core_respread(c, id, fresh);
    if (c->role == LS_ROLE_CANDIDATE) {
        p->asked = false;
    }
}

void core_on_peer_down(struct ls_core *c, const struct ls_uuid *id, bool unreachable)
{
    struct peer *p = core_peer(c, id);

    if (p == NULL) {
        return;
    }
    p->up = false;
    p->unreachable = unreachable;
    p->unreachable_us = c->now_us;
    core_lease_doubt(c);
    if (ls_uuid_equal(id, &c->leader) && c->role != LS_ROLE_LEADER) {
        /* Rule 13: a closed connection is suspicion. A short random pause keeps two from standing
         * at the same moment. */
        int64_t soon = c->now_us + 5000 + (int64_t)ls_prng_below(&c->prng, 40000);
        c->leader_suspected = true;
        if (soon < c->election_due_us) {
            c->election_due_us = soon;
        }
    }
    if (c->role == LS_ROLE_CATCHUP && ls_uuid_equal(id, &c->catchup_from)) {
        c->election_due_us = c->now_us;
    }
    if (c->role == LS_ROLE_LEADER && unreachable) {
        core_manage_members(c);
    }
}

/* A huge entry takes its time on a slow line, and what its sender says meanwhile waits behind it.
 * Its bytes are a sign of life as good as a heartbeat: who would stand for election, or turn
 * non-primary, would have it sent once more from its beginning each time (rule 13). Only those of
 * what a leader sends say so of a leader: one that has stepped down sends other things. */
void core_on_arriving(struct ls_core *c, const struct ls_uuid *id, uint8_t type)
{
    struct peer *p = core_peer(c, id);

    if (p == NULL || !p->up || c->params.isolated || core_epoch_is_past(c, p)) {
        return;
    }
    p->heard_us = c->now_us;
    if (type == LS_MSG_APPEND && c->role == LS_ROLE_FOLLOWER && ls_uuid_equal(id, &c->leader)) {
        core_follower_arriving(c);
    } else if (type == LS_MSG_ENTRIES && c->role == LS_ROLE_CATCHUP &&
               ls_uuid_equal(id, &c->catchup_from)) {
        core_reset_election(c);
    }
}

/* An acknowledgement counts when it is of this term and its hash is that of our own log (rule 2).
 * One that runs ahead of us is kept until we have come so far. */
static void recheck_ack(struct ls_core *c, struct peer *p)
{
    struct ls_log_pos mine;
    uint64_t verified = c->role == LS_ROLE_LEADER ? c->last.index : c->matched.index;

    if (p->ack_term != c->term || p->ack.index <= p->acked || p->ack.index > verified ||
        p->ack.index < c->base.index) {
        return;
    }
    if (!core_pos_at(c, p->ack.index, &mine)) {
        return;
    }
    if (!ls_hash128_equal(mine.chain, p->ack.chain)) {
        core_log(c, LS_LOG_ERROR,
                 "member %s acknowledges entry %llu with another history: not counted",
                 LS_UUID_STR(&p->id), (unsigned long long)p->ack.index);
        p->ack_term = 0;
        return;
    }
    p->acked = p->ack.index;
}

void core_recheck_acks(struct ls_core *c)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        if (c->peers[i].ack_term == c->term && c->peers[i].ack.index > c->peers[i].acked) {
            recheck_ack(c, &c->peers[i]);
        }
    }
}
