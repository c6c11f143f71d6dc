/* Following: what the leader sends (Raft section 3.5), and acknowledgements. */
#include "gcomm/core/internal.h"

#include <string.h>

void core_become_follower(struct ls_core *c, const struct ls_uuid *leader)
{
    bool changed = c->role != LS_ROLE_FOLLOWER || !ls_uuid_equal(&c->leader, leader);

    if (c->role == LS_ROLE_LEADER || c->role == LS_ROLE_CANDIDATE || c->role == LS_ROLE_CATCHUP ||
        c->role == LS_ROLE_IDLE || c->role == LS_ROLE_JOINER) {
        c->role = LS_ROLE_FOLLOWER;
    }
    c->leader = *leader;
    c->leader_suspected = false;
    c->reforming = false;
    if (!ls_uuid_is_zero(leader)) {
        c->reform_until_us = 0; /* somebody has formed a component: the wish for one is over */
        core_origin_yield(c);
    }
    c->append_due = false;
    core_reset_election(c);
    if (changed) {
        c->ack_index = 0;
        c->ack_to_count = 0;
        c->spare = 0;          /* a word of the leader before; the next one counts anew */
        c->submitted_term = 0; /* what was handed over while we knew no leader goes out now */
        core_act_role(c);
    }
}

void core_forget_matches(struct ls_core *c)
{
    c->term_first = 0;
    c->matched = (struct ls_log_pos){0};
    c->ack_index = 0;
    c->nack_index = UINT64_MAX;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        c->peers[i].acked = 0;
        c->peers[i].ack_term = 0;
    }
}

/* A higher term: no vote in it yet, nobody's acknowledgement counts, our log is matched anew. */
void core_set_term(struct ls_core *c, uint64_t term)
{
    struct ls_action *a;

    LS_ASSERT(term > c->term);
    c->term = term;
    c->vote = ls_uuid_zero;
    c->reformer = ls_uuid_zero;
    a = core_act(c, LS_ACT_PERSIST);
    a->u.persist.term = c->term;
    a->u.persist.vote = c->vote;
    core_forget_matches(c);
    c->ack_to_count = 0;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        c->peers[i].asked = false;
        c->peers[i].granted = false;
    }
    core_submissions_new_term(c);
    if (c->role == LS_ROLE_LEADER || c->role == LS_ROLE_CANDIDATE || c->role == LS_ROLE_CATCHUP ||
        !ls_uuid_is_zero(&c->leader)) {
        core_become_follower(c, &ls_uuid_zero);
    }
}

static void send_nack(struct ls_core *c, const struct ls_uuid *to, const struct ls_log_pos *pos,
                      bool need_payload)
{
    struct ls_msg *m;

    /* every message in flight would draw the same answer: once is enough for a while */
    if (c->nack_index == pos->index && c->nack_payload == need_payload &&
        c->now_us - c->nack_us < 50000) {
        return;
    }
    c->nack_index = pos->index;
    c->nack_payload = need_payload;
    c->nack_us = c->now_us;
    m = core_send(c, to, LS_MSG_NACK);
    m->flags = (uint8_t)(need_payload ? LS_ACK_NEED_PAYLOAD : 0);
    m->u.ack.pos = *pos;
    m->u.ack.applied = c->applied;
    m->u.ack.commit = c->commit;
    m->u.ack.delivered = c->delivered;
}

/* The leader that let us in died, and the next one, which does not know yet that we began anew,
 * takes us for a voter, who has no need of verdicts. It may need our acknowledgement to find out,
 * so we take what it sends and ask to be let in once more. */
static void note_verdict(struct ls_core *c, const struct ls_entry *e)
{
    if (c->want_join || e->type != LS_ENTRY_WRITESET || e->index > c->verdicts_upto ||
        e->verdict != LS_VERDICT_UNKNOWN) {
        return;
    }
    core_log(c, LS_LOG_INFO,
             "entry %llu came without its verdict, which cannot be found here: asking to be let in "
             "again",
             (unsigned long long)e->index);
    if (c->primary) {
        core_nonprimary(c);
    }
    c->want_join = true;
    c->need_state = true;
}

bool core_take_entries(struct ls_core *c, const struct ls_msg *m, bool payload_here,
                       bool *need_payload)
{
    *need_payload = false;
    for (uint32_t i = 0; i < m->u.append.count; i++) {
        struct ls_entry e = m->u.append.entries[i];
        if (e.index <= c->commit) {
            continue; /* committed: it is the same one */
        }
        if (e.index <= c->last.index) {
            struct ls_log_pos mine;
            if (core_pos_at(c, e.index, &mine) && ls_hash128_equal(mine.chain, e.chain)) {
                continue;
            }
            if (c->matched.term != 0 && e.index <= c->matched.index) {
                return false; /* it contradicts what we acknowledged to it in this very term */
            }
            core_truncate(c, e.index);
            if (c->role == LS_ROLE_LEFT) {
                return false;
            }
        }
        if (e.index != c->last.index + 1 || e.term < c->last.term || e.term > c->term ||
            e.seqno != c->last.seqno + ((e.flags & LS_EF_SEQNO) != 0)) {
            return false;
        }
        if (!ls_hash128_equal(e.chain, ls_entry_chain(c->last.chain, &e))) {
            return false;
        }
        if ((e.flags & LS_EF_BIG) && e.payload == NULL && !payload_here) {
            *need_payload = true;
            return false;
        }
        note_verdict(c, &e);
        core_append(c, &e);
        if (c->role == LS_ROLE_LEFT) {
            return false;
        }
    }
    return true;
}

/* Origins that wait for this acknowledgement and cannot count without it (P6, rule 1). */
static void note_waiting_origins(struct ls_core *c, const struct ls_msg *m)
{
    for (uint32_t i = 0; i < m->u.append.count && !c->params.ack_all; i++) {
        const struct ls_entry *e = &m->u.append.entries[i];
        const struct ls_uuid *o = &e->sub.origin;
        uint32_t k = 0;
        if (e->type != LS_ENTRY_WRITESET || ls_uuid_equal(o, &c->me.id) ||
            ls_uuid_equal(o, &c->leader) || core_pair_is_majority(c, o, &c->leader)) {
            continue;
        }
        while (k < c->ack_to_count && !ls_uuid_equal(&c->ack_to[k].origin, o)) {
            k++;
        }
        if (k == c->ack_to_count && k < LS_MAX_MEMBERS) {
            c->ack_to[c->ack_to_count++] = (struct waiter){.origin = *o};
        }
        if (k < c->ack_to_count) {
            c->ack_to[k].index = e->index;
        }
    }
}

/* Where the leader may go on from when its message does not fit: what we have matched in this term,
 * else what is committed, which every leader's log contains. */
static struct ls_log_pos resume_pos(struct ls_core *c)
{
    struct ls_log_pos pos;

    if (c->matched.term != 0) {
        return c->matched;
    }
    if (!core_pos_at(c, c->commit, &pos)) {
        pos = c->base;
    }
    return pos;
}

bool core_prev_fits(struct ls_core *c, const struct ls_log_pos *prev)
{
    struct ls_log_pos mine;

    if (prev->index > c->last.index) {
        return false;
    }
    if (prev->index <= c->commit) {
        return true;
    }
    return core_pos_at(c, prev->index, &mine) && ls_hash128_equal(mine.chain, prev->chain);
}

/* Whether the message contradicts what we hold for decided: the leader belongs to an epoch that
 * began without us, after ours had gone on. The chain covers all before, so one place of each is
 * enough. */
static bool history_differs(struct ls_core *c, const struct ls_msg *m)
{
    const struct ls_log_pos *prev = &m->u.append.prev;
    struct ls_log_pos mine;

    if (prev->index <= c->commit && prev->index > c->base.index &&
        core_pos_at(c, prev->index, &mine) && !ls_hash128_equal(mine.chain, prev->chain)) {
        return true;
    }
    if (m->u.append.count > 0 && m->u.append.entries[0].index <= c->commit) {
        uint64_t decided = c->commit - m->u.append.entries[0].index;
        const struct ls_entry *e =
            &m->u.append.entries[decided < m->u.append.count ? decided : m->u.append.count - 1];
        return core_pos_at(c, e->index, &mine) && !ls_hash128_equal(mine.chain, e->chain);
    }
    return false;
}

static void give_up_history(struct ls_core *c, const struct ls_uuid *from)
{
    if (!c->need_state) {
        core_log(c, LS_LOG_ERROR,
                 "%s leads a component that parted from this node's history: what was written here "
                 "since then is given up, this node needs a state transfer",
                 LS_UUID_STR(from));
    }
    if (c->primary) {
        core_nonprimary(c);
    }
    c->want_join = true;
    c->need_state = true;
    c->parted = true;
}

/* Entries that our disk does not hold yet need no answer of their own: the one that counts comes
 * with the sync. Nor does the word of a commit, when the leader knows all that we hold. Messages
 * that say nothing are what a busy group has most of. */
static bool needs_answer(struct ls_core *c, const struct ls_msg *m, uint64_t last_before)
{
    bool news = m->u.append.count > 0 ? m->u.append.prev.index >= last_before
                                      : m->u.append.commit > c->commit;

    return !news || c->need_view || core_self_held(c) != c->ack_index ||
           c->now_us - c->ack_sent_us >= c->params.heartbeat_us / 4;
}

void core_on_append(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m,
                    bool payload_here)
{
    struct peer *p = core_peer(c, from);
    struct ls_log_pos upto;
    uint64_t end = m->u.append.prev.index + m->u.append.count;
    uint64_t last_before;
    uint64_t commit;
    bool need_payload;
    bool ok;

    if (c->role == LS_ROLE_IDLE || c->role == LS_ROLE_LEFT ||
        (c->role == LS_ROLE_JOINER && c->old.count == 0)) {
        return; /* a joiner that kept its log may be a voter to be: the group may need its answer */
    }
    if (m->term < c->term) {
        struct ls_log_pos pos = resume_pos(c);
        send_nack(c, from, &pos, false); /* tells a stale leader the term */
        return;
    }
    if (m->term > c->term) {
        core_set_term(c, m->term);
    }
    if (history_differs(c, m)) {
        give_up_history(c, from);
        return;
    }
    if (c->role == LS_ROLE_LEADER) {
        core_log(c, LS_LOG_ERROR, "%s claims to lead my own term %llu: ignored", LS_UUID_STR(from),
                 (unsigned long long)c->term);
        return;
    }
    if (c->role != LS_ROLE_FOLLOWER || !ls_uuid_equal(&c->leader, from)) {
        core_become_follower(c, from);
    }
    core_note_leader_heard(c);
    c->quorum_seen_us = c->now_us;

    if (!core_prev_fits(c, &m->u.append.prev)) {
        struct ls_log_pos pos = resume_pos(c);
        send_nack(c, from, &pos, false);
        return;
    }
    last_before = c->last.index;
    ok = core_take_entries(c, m, payload_here, &need_payload);
    if (c->role == LS_ROLE_LEFT) {
        return;
    }
    if (!ok) {
        if (!need_payload) {
            core_log(c, LS_LOG_WARN, "leader %s sent entries that do not follow each other",
                     LS_UUID_STR(from));
        }
        end = c->last.index < end ? c->last.index : m->u.append.prev.index;
    }
    /* `end` is now the last index at which our log is known to equal the leader's */
    if (end > c->last.index) {
        end = c->last.index;
    }
    if (end >= c->matched.index && core_pos_at(c, end, &upto)) {
        c->matched = upto;
        if (c->matched.term == 0) {
            c->matched.term = 1; /* an empty log matches as well */
        }
    }
    if (need_payload) {
        send_nack(c, from, &c->last, true);
    } else {
        c->nack_index = UINT64_MAX;
    }
    c->ack_due |= !ok || needs_answer(c, m, last_before);
    note_waiting_origins(c, m);
    if (p != NULL) {
        uint64_t held = m->u.append.leader_held;
        p->acked = held < c->matched.index ? held : c->matched.index;
    }
    core_recheck_acks(c);
    commit = m->u.append.commit < c->matched.index ? m->u.append.commit : c->matched.index;
    if (commit > c->commit) {
        core_set_commit(c, commit);
    }
    core_advance_commit(c);
    if (c->role == LS_ROLE_FOLLOWER) {
        core_resubmit(c);
    }
}

static void send_ack(struct ls_core *c, const struct ls_uuid *to, const struct ls_log_pos *pos)
{
    struct ls_msg *m = core_send(c, to, LS_MSG_ACK);

    m->flags = (uint8_t)((c->need_view && !c->want_join ? LS_ACK_NONPRIMARY : 0) |
                         (c->params.unwilling || core_place_is_spared(c) ? LS_ACK_UNWILLING : 0) |
                         (c->params.short_of_room ? LS_ACK_SHORT : 0));
    m->u.ack.pos = *pos;
    m->u.ack.applied = c->applied;
    m->u.ack.commit = c->commit;
    m->u.ack.delivered = c->delivered;
}

/* One cumulative acknowledgement per loop turn (rule 1). */
void core_follower_flush(struct ls_core *c)
{
    struct ls_log_pos pos;
    uint64_t held = core_self_held(c);
    uint32_t waiting = 0;

    if (!c->ack_due || ls_uuid_is_zero(&c->leader) || !core_pos_at(c, held, &pos)) {
        return;
    }
    c->ack_due = false;
    send_ack(c, &c->leader, &pos);
    for (uint32_t i = 0; i < c->ack_to_count; i++) {
        if (held > c->ack_index) {
            send_ack(c, &c->ack_to[i].origin, &pos);
        }
        if (c->ack_to[i].index > held) {
            c->ack_to[waiting++] = c->ack_to[i];
        }
    }
    c->ack_to_count = waiting;
    c->ack_index = held;
    c->applied_sent = c->applied;
    c->ack_sent_us = c->now_us;
}

/* The leader hears of us at the pace of the heartbeats that we cannot answer meanwhile, or it would
 * remove us for our silence. Nothing new is acknowledged: where nothing is matched yet in this
 * term, what our log begins with, which is committed. */
void core_follower_arriving(struct ls_core *c)
{
    struct ls_log_pos pos;

    c->leader_heard_us = c->now_us;
    c->quorum_seen_us = c->now_us;
    core_reset_election(c);
    if (c->now_us - c->ack_sent_us < c->params.heartbeat_us) {
        return;
    }
    if (!core_pos_at(c, core_self_held(c), &pos)) {
        pos = c->base;
    }
    c->ack_sent_us = c->now_us;
    send_ack(c, &c->leader, &pos);
}

void core_follower_tick(struct ls_core *c)
{
    /* what was applied since the last acknowledgement: the commit cut waits for it */
    if (c->role == LS_ROLE_FOLLOWER && c->matched.term != 0 && c->applied != c->applied_sent &&
        c->now_us - c->ack_sent_us >= STALE_ACK_US) {
        c->ack_due = true;
    }
}
