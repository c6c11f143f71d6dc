/* Who is the origin of the data when all died in the middle of a statement in total order (rule
 * 22).
 *
 * Such a statement is not undone with its transaction, and what the storage engine says of its
 * place does not tell whether it ran. So a node that died in it takes the data of a member that did
 * not. When there is none, one of them runs it again and the others take its data: the one with the
 * lowest id of those that are there. All must be there, or a majority when the others do not come.
 * Who is whole, or has a lower id, is waited for no longer than the missing: its own log may have
 * lost the entry that made it a voter, and then it stands in no election. */
#include "gcomm/core/internal.h"

#define PATIENCE_US 30000000 /* for somebody better */

void core_origin_start(struct ls_core *c, bool half)
{
    c->half = half;
    c->half_chosen = false;
    c->half_since_us = c->now_us;
}

/* What a JOIN says, whoever leads. */
void core_origin_told(struct peer *p, const struct ls_msg *m)
{
    p->told_state = true;
    p->told_need = m->u.join.need_state != 0;
    p->told_half = (m->flags & LS_JOIN_HALF) != 0;
}

/* Somebody else leads: one origin is enough. */
void core_origin_yield(struct ls_core *c)
{
    if (c->half_chosen && c->want_join) {
        c->half_chosen = false;
        c->need_state = true;
    }
}

bool core_origin_could_be(const struct ls_core *c)
{
    return c->half && core_votes(c, &c->me.id);
}

static bool is_there(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p = core_peer(c, id);

    return ls_uuid_equal(id, &c->me.id) || (p != NULL && p->up && p->told_state);
}

/* How long this member keeps us from being the origin. */
static int64_t patience_us(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p = core_peer(c, id);

    if (!is_there(c, id) || !p->told_need) {
        return PATIENCE_US; /* it may be whole, or is */
    }
    return p->told_half && ls_uuid_compare(id, &c->me.id) < 0 ? 2 * PATIENCE_US : 0;
}

/* False: somebody can be the origin, or may come who can. */
static bool nobody_else(struct ls_core *c, const struct ls_config *config)
{
    for (uint32_t i = 0; i < config->count; i++) {
        const struct ls_member *m = &config->members[i];
        if (m->role == LS_MEMBER_VOTER && !m->no_data && !ls_uuid_equal(&m->id, &c->me.id) &&
            c->now_us - c->half_since_us < patience_us(c, &m->id)) {
            return false;
        }
    }
    return true;
}

/* Who needs state stands in no election and goes on naming a leader that is gone. */
static bool is_led(const struct ls_core *c)
{
    return !ls_uuid_is_zero(&c->leader) && c->now_us - c->leader_heard_us <= c->params.suspect_us;
}

void core_origin_tick(struct ls_core *c)
{
    if (!core_origin_could_be(c)) {
        core_origin_yield(c); /* chosen, it adopted a log that says that it was removed */
        return;
    }
    if (!c->need_state || c->primary || is_led(c) || c->role == LS_ROLE_LEFT ||
        !core_majority(c, is_there) || !nobody_else(c, &c->old) || !nobody_else(c, &c->latest)) {
        return;
    }
    core_log(c, LS_LOG_WARN,
             "all members died in the middle of a statement that runs on all nodes (DDL), and none "
             "has it whole: this node runs it again, and the others copy its data");
    c->need_state = false;
    c->half_chosen = true;
    core_reset_election(c);
}
