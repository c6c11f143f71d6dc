/* What members ask of the leader while the group runs: another quorum weight (pc.weight), and that
 * one be shut out (evs.evict).
 *
 * A weight is wanted until the configuration has it: a follower asks whoever leads, again and
 * again. Who is shut out is remembered by every member that was told, so that the next leader knows
 * it, too; it is forgotten with the process, or on request. */
#include "gcomm/core/internal.h"

#include <string.h>

bool core_is_evicted(const struct ls_core *c, const struct ls_uuid *id)
{
    for (uint32_t i = 0; i < c->evicted_count; i++) {
        if (ls_uuid_equal(&c->evicted[i], id)) {
            return true;
        }
    }
    return false;
}

static struct ls_msg *send_change(struct ls_core *c, const struct ls_uuid *to,
                                  enum ls_change_kind kind, const struct ls_uuid *id)
{
    struct ls_msg *m = core_send(c, to, LS_MSG_CHANGE);

    m->u.change.kind = (uint8_t)kind;
    m->u.change.id = *id;
    m->u.change.value = 0;
    return m;
}

static void take_eviction(struct ls_core *c, const struct ls_uuid *id)
{
    if (ls_uuid_is_zero(id)) {
        c->evicted_count = 0;
        return;
    }
    if (!core_is_evicted(c, id) && !ls_uuid_equal(id, &c->me.id)) {
        if (c->evicted_count == LS_CORE_MAX_EVICTED) { /* the oldest is forgotten */
            memmove(&c->evicted[0], &c->evicted[1],
                    (LS_CORE_MAX_EVICTED - 1) * sizeof(c->evicted[0]));
            c->evicted_count--;
        }
        c->evicted[c->evicted_count++] = *id;
    }
    core_manage_members(c);
}

void core_evict(struct ls_core *c, const struct ls_uuid *id)
{
    if (ls_uuid_equal(id, &c->me.id)) {
        core_log(c, LS_LOG_WARN, "evs.evict names this node itself: ask another member");
        return;
    }
    for (uint32_t i = 0; i < c->peer_count; i++) {
        if (c->peers[i].up && core_is_member(c, &c->peers[i].id)) {
            send_change(c, &c->peers[i].id, LS_CHANGE_EVICT, id);
        }
    }
    take_eviction(c, id);
}

void core_set_weight(struct ls_core *c, uint8_t weight)
{
    c->me.weight = weight;
    c->change_asked_us = c->now_us - CHANGE_INTERVAL_US;
    core_manage_members(c);
    core_change_tick(c);
}

void core_change_tick(struct ls_core *c)
{
    const struct ls_member *m = ls_config_find(&c->latest, &c->me.id);

    if (c->role != LS_ROLE_FOLLOWER || ls_uuid_is_zero(&c->leader) || c->want_join || m == NULL ||
        m->incarnation != c->me.incarnation || m->weight == c->me.weight ||
        c->now_us - c->change_asked_us < CHANGE_INTERVAL_US) {
        return;
    }
    c->change_asked_us = c->now_us;
    send_change(c, &c->leader, LS_CHANGE_WEIGHT, &c->me.id)->u.change.value = c->me.weight;
}

void core_on_change(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    if (!core_is_member(c, &p->id)) {
        return;
    }
    if (m->u.change.kind == LS_CHANGE_EVICT && c->role == LS_ROLE_LEADER &&
        ls_uuid_equal(&m->u.change.id, &c->me.id)) {
        core_log(c, LS_LOG_WARN,
                 "evs.evict of %s names this node, which leads: another one is to "
                 "lead, and to remove it",
                 LS_UUID_STR(&p->id));
        core_hand_over_to_best(c);
    } else if (m->u.change.kind == LS_CHANGE_EVICT) {
        take_eviction(c, &m->u.change.id);
    } else if (m->u.change.kind == LS_CHANGE_WEIGHT && c->role == LS_ROLE_LEADER &&
               m->u.change.value <= UINT8_MAX && ls_uuid_equal(&m->u.change.id, &p->id)) {
        p->wants_weight = true;
        p->weight = (uint8_t)m->u.change.value;
        core_manage_members(c);
    }
}

bool core_change_weights(struct ls_core *c, struct ls_config *next)
{
    bool changed = false;

    for (uint32_t i = 0; i < next->count; i++) {
        struct ls_member *m = &next->members[i];
        struct peer *p = core_peer(c, &m->id);
        bool me = ls_uuid_equal(&m->id, &c->me.id);
        uint8_t weight = me ? c->me.weight : p != NULL && p->wants_weight ? p->weight : m->weight;
        if (p != NULL && m->weight == weight) {
            p->wants_weight = false;
        }
        changed |= m->weight != weight;
        m->weight = weight;
    }
    return changed;
}
