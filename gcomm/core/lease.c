/* Whether a leader is one still (rule 7): what it has heard does not tell, since a message may have
 * waited, in a network that was cut or before a process that stood still, while others elected a
 * new leader. So it asks, a round trip at a time, and a majority's answer in its term says that it
 * led when the round began (Raft thesis, section 6.4.1). Who answered follows it, takes the
 * question for a heartbeat, and elects nobody else before election_min_us after it.
 *
 * The questions are those of reads (read.c), whose rounds have smaller numbers. */
#include "gcomm/core/internal.h"

#define LEASE_ROUND (UINT64_C(1) << 63)
#define LEASE_RETRY_US 1000000 /* an answer that takes longer was lost */
#define MARGIN_US 50000        /* clocks differ by less in election_min_us */
#define HANDED_US 1000000      /* a word to stand for election has had its effect, or none */

static bool answered(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p;

    if (ls_uuid_equal(id, &c->me.id)) {
        return true;
    }
    p = core_peer(c, id);
    return p != NULL && p->lease_round == c->lease_round;
}

static void note_majority(struct ls_core *c)
{
    if (c->lease_open && core_majority(c, answered)) {
        c->lease_open = false;
        c->lease_us = c->lease_sent_us;
    }
}

static bool hands_over(const struct ls_core *c)
{
    return c->handed_us != 0 && c->now_us - c->handed_us < HANDED_US;
}

static void ask_all(struct ls_core *c)
{
    c->lease_round = (c->lease_round + 1) | LEASE_ROUND;
    c->lease_open = true;
    c->lease_sent_us = c->now_us;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (p->up && core_votes(c, &p->id)) {
            core_read_ask(c, p, c->lease_round);
            core_place_asked(c, p, c->lease_round);
        }
    }
    note_majority(c); /* a sole voter needs nobody */
}

void core_lease_tick(struct ls_core *c)
{
    int64_t wait_us = c->lease_open ? LEASE_RETRY_US : c->params.heartbeat_us;

    if (c->lease_sent_us == 0 || c->now_us - c->lease_sent_us >= wait_us) {
        ask_all(c);
    }
    c->sure_until_us = 0;
    if (c->lease_us != 0 && core_majority(c, core_is_fresh) && !hands_over(c)) {
        c->sure_until_us = c->lease_us + c->params.election_min_us - MARGIN_US;
    }
}

/* Only who follows the asker promises to elect nobody else for a while, from now on. */
bool core_lease_may_answer(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    if ((m->u.read.round & LEASE_ROUND) == 0) {
        return true;
    }
    if (!ls_uuid_equal(&c->leader, from) ||
        c->now_us - c->leader_heard_us >= c->params.election_min_us) {
        return false;
    }
    core_note_leader_heard(c);
    return true;
}

bool core_lease_answer(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    if ((m->u.read.round & LEASE_ROUND) == 0) {
        return false;
    }
    if (c->role != LS_ROLE_LEADER || m->term != c->term) {
        return true;
    }
    core_place_answered(c, p, m->u.read.round);
    if (m->u.read.round == c->lease_round) {
        p->lease_round = m->u.read.round;
        note_majority(c);
    }
    return true;
}

void core_lease_doubt(struct ls_core *c)
{
    c->lease_open = false;
    c->lease_us = 0;
    c->sure_until_us = 0;
    c->lease_sent_us = 0;
}

void core_hand_over(struct ls_core *c, const struct ls_uuid *to)
{
    c->handed_us = c->now_us;
    c->sure_until_us = 0;
    core_send(c, to, LS_MSG_CAMPAIGN);
}
