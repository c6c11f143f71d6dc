/* Reads after writes (rule 25): one round trip to a majority, no clock.
 *
 * A round asks every voter for the highest index that it has acknowledged. Whatever was committed
 * before the round began is acknowledged by a majority, so the highest answer of a majority covers
 * it. The reader waits until its own commit passes that; when the term or the configuration changes
 * meanwhile the entry may be gone, and it asks again. All readers that wait when a round starts
 * share it. */
#include "gcomm/core/internal.h"

#include <stdlib.h>
#include <string.h>

/* What we may have acknowledged, in an earlier life of this process, too: all of the log, once it
 * ends with an entry of this term. Only this term's leader made that, so everything before it is as
 * in the leader's log, and has all that older terms committed. Before that a stale tail might be
 * named, and the reader would wait for entries that never commit. */
static bool acknowledged(const struct ls_core *c, uint64_t *index)
{
    *index = c->last.index;
    return c->last.term == c->term;
}

static bool answered(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p;
    uint64_t index;

    if (ls_uuid_equal(id, &c->me.id)) {
        return acknowledged(c, &index);
    }
    p = core_peer(c, id);
    return p != NULL && p->read_round == c->read_round;
}

void core_read_ask(struct ls_core *c, const struct peer *p, uint64_t round)
{
    struct ls_msg *m = core_send(c, &p->id, LS_MSG_READ_REQ);

    m->u.read.round = round;
    m->u.read.index = 0;
}

static void send_round(struct ls_core *c)
{
    c->read_sent_us = c->now_us;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (p->up && p->read_round != c->read_round && core_votes(c, &p->id)) {
            core_read_ask(c, p, c->read_round);
        }
    }
}

static void start_round(struct ls_core *c)
{
    c->read_round++;
    c->read_running = true;
    c->read_target = 0;
    c->read_term = c->term;
    c->read_config = c->config_index;
    for (size_t i = 0; i < c->read_count; i++) {
        c->reads[i].round = c->read_round;
    }
    send_round(c);
}

static void finish_round(struct ls_core *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->read_count; i++) {
        if (c->reads[i].round == c->read_round) {
            struct ls_action *a = core_act(c, LS_ACT_READ_READY);
            a->u.read.token = c->reads[i].token;
            a->u.read.index = c->read_target;
        } else {
            c->reads[kept++] = c->reads[i];
        }
    }
    c->read_count = kept;
    c->read_running = false;
    if (kept > 0) {
        start_round(c);
        core_read_progress(c);
    }
}

void core_read_progress(struct ls_core *c)
{
    if (!c->read_running) {
        return;
    }
    if (c->read_term != c->term || c->read_config != c->config_index) {
        start_round(c);
    }
    if (c->read_target == 0 && core_majority(c, answered)) {
        uint64_t target = 0;
        (void)acknowledged(c, &target);
        for (uint32_t i = 0; i < c->peer_count; i++) {
            if (c->peers[i].read_round == c->read_round && c->peers[i].read_index > target) {
                target = c->peers[i].read_index;
            }
        }
        c->read_target = target > 0 ? target : c->commit;
    }
    if (c->read_target != 0 && c->commit >= c->read_target) {
        finish_round(c);
    }
}

void core_on_read(struct ls_core *c, uint64_t token)
{
    if (!c->primary) {
        struct ls_action *a = core_act(c, LS_ACT_READ_FAILED);
        a->u.read.token = token;
        a->u.read.index = 0;
        return;
    }
    if (c->read_count == c->read_cap) {
        size_t cap = c->read_cap == 0 ? 16 : 2 * c->read_cap;
        struct read_waiter *grown = realloc(c->reads, cap * sizeof(*grown));
        LS_ASSERT(grown != NULL);
        c->reads = grown;
        c->read_cap = cap;
    }
    c->reads[c->read_count++] = (struct read_waiter){.token = token, .round = 0};
    if (!c->read_running) {
        start_round(c);
        core_read_progress(c); /* a sole voter needs nobody */
    }
}

void core_on_read_req(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    const struct peer *p = core_peer(c, from);
    struct ls_msg *r;
    uint64_t index;

    if (p != NULL && core_epoch_is_past(c, p)) {
        return; /* its term is not ours, whatever its number */
    }
    if (m->term != c->term || !acknowledged(c, &index) || core_log_is_given_up(c) ||
        !core_lease_may_answer(c, from, m)) {
        return; /* the reader repeats */
    }
    r = core_send(c, from, LS_MSG_READ_RESP);
    r->u.read.round = m->u.read.round;
    r->u.read.index = index;
}

void core_on_read_resp(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    if (core_lease_answer(c, p, m)) {
        return;
    }
    if (!c->read_running || m->u.read.round != c->read_round) {
        return;
    }
    if (m->term != c->term) {
        return;
    }
    p->read_round = m->u.read.round;
    p->read_index = m->u.read.index;
    core_read_progress(c);
}

void core_read_fail(struct ls_core *c)
{
    for (size_t i = 0; i < c->read_count; i++) {
        struct ls_action *a = core_act(c, LS_ACT_READ_FAILED);
        a->u.read.token = c->reads[i].token;
        a->u.read.index = 0;
    }
    c->read_count = 0;
    c->read_running = false;
}

void core_read_tick(struct ls_core *c)
{
    if (c->read_running && c->read_target == 0 && c->now_us - c->read_sent_us > READ_RETRY_US) {
        send_round(c);
    }
    core_read_progress(c);
}
