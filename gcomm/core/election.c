/* Change of leader: Raft's terms, votes and pre-vote (sections 3.4, 9.6), with the adoption of the
 * best log by the new leader of Viewstamped Replication Revisited (section 4.2): a candidate needs
 * a majority, not the best log (rule 12). Deviation from Raft section 3.6.1: a voter grants its
 * vote whatever the candidate's log is, and tells its own position; before the candidate orders
 * anything it fetches the highest (term, index) log among its voters. A committed entry is on a
 * majority, so on one of these voters, and the highest of their logs contains it (same induction as
 * Raft's leader completeness). The voter's log cannot change meanwhile: it has promised this term.
 */
#include "gcomm/core/internal.h"

#include <string.h>

static bool higher(const struct ls_log_pos *a, const struct ls_log_pos *b)
{
    return a->term > b->term || (a->term == b->term && a->index > b->index);
}

#define JITTER_HALF_LIFE_US 10000000
#define CONTEST_US 40000 /* between two attempts to stand, at first */
#define CONTEST_DOUBLINGS 5

static int64_t below(struct ls_core *c, int64_t n)
{
    return (int64_t)ls_prng_below(&c->prng, (uint64_t)(n > 0 ? n : 1));
}

/* A leader's silence is judged by what is usual here (rule 13): on a busy machine or a bad line its
 * messages come late now and then without anything being wrong. The option is the upper bound. */
static int64_t patience_us(const struct ls_core *c)
{
    int64_t limit = c->params.suspect_us > c->params.election_min_us ? c->params.suspect_us
                                                                     : c->params.election_min_us;
    int64_t patience =
        c->params.election_min_us + (ls_uuid_is_zero(&c->leader) ? 0 : 2 * c->leader_jitter_us);

    return patience < limit ? patience : limit;
}

void core_reset_election(struct ls_core *c)
{
    c->election_due_us = c->now_us + patience_us(c) +
                         below(c, c->params.election_max_us - c->params.election_min_us);
}

void core_note_leader_heard(struct ls_core *c)
{
    int64_t late = c->now_us - c->leader_heard_us - c->params.heartbeat_us;

    core_place_heard(c, late);
    if (c->now_us - c->jitter_us >= JITTER_HALF_LIFE_US) {
        c->leader_jitter_us /= 2;
        c->jitter_us = c->now_us;
    }
    if (c->heard_term == c->term && late > c->leader_jitter_us && late < c->params.suspect_us) {
        c->leader_jitter_us = late;
        c->jitter_us = c->now_us;
    }
    c->heard_term = c->term;
    c->leader_heard_us = c->now_us;
    c->leader_suspected = false;
    c->attempts = 0;
    core_reset_election(c);
}

/* Nobody leads, and two may have stood at the same moment: the next attempt comes soon, by chance
 * at another moment, and later each time. */
static void plan_next_attempt(struct ls_core *c)
{
    int64_t base = (CONTEST_US + 2 * c->round_trip_us)
                   << (c->attempts < CONTEST_DOUBLINGS ? c->attempts : CONTEST_DOUBLINGS);

    base = base < c->params.election_max_us ? base : c->params.election_max_us;
    c->election_due_us = c->now_us + base + below(c, 2 * base);
    c->attempts++;
    c->asked_vote_us = c->now_us;
}

/* An arbitrator votes and hands over what it holds, but never leads (rule 15); the same goes for
 * one that lost its database but not its log. Nobody leads an epoch that another has ended (rule
 * 17). */
bool core_may_stand(const struct ls_core *c)
{
    if (c->me.no_data || c->need_state || core_epoch_outlived(c)) {
        return false;
    }
    return core_votes(c, &c->me.id);
}

static bool has_granted(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p;

    if (ls_uuid_equal(id, &c->me.id)) {
        return true;
    }
    p = core_peer(c, id);
    return p != NULL && p->granted;
}

static void ask_voter(struct ls_core *c, struct peer *p)
{
    struct ls_msg *m;

    if (!p->up || p->asked || !core_votes(c, &p->id)) {
        return;
    }
    p->asked = true;
    m = core_send(c, &p->id, LS_MSG_VOTE_REQ);
    m->term = c->pre_vote ? c->term + 1 : c->term;
    m->u.vote.pre = c->pre_vote;
    m->u.vote.granted = 0;
    m->u.vote.transfer = c->transfer;
    m->flags = c->reforming ? LS_VOTE_REFORM : 0;
    m->u.vote.pos = c->last;
    m->u.vote.commit = c->commit;
}

static void ask_all(struct ls_core *c)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        ask_voter(c, &c->peers[i]);
    }
}

static void clear_votes(struct ls_core *c)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        c->peers[i].asked = false;
        c->peers[i].granted = false;
    }
}

static void try_win(struct ls_core *c);

static void stand(struct ls_core *c, bool reforming)
{
    struct ls_action *a;

    c->pre_vote = false;
    core_set_term(c, c->term + 1); /* role becomes follower for a moment: set below */
    c->reforming = reforming;
    c->vote = c->me.id;
    a = core_act(c, LS_ACT_PERSIST);
    a->u.persist.term = c->term;
    a->u.persist.vote = c->vote;
    c->role = LS_ROLE_CANDIDATE;
    c->leader = ls_uuid_zero;
    core_act_role(c);
    plan_next_attempt(c);
    clear_votes(c);
    ask_all(c);
    try_win(c);
}

void core_campaign(struct ls_core *c, bool transfer)
{
    c->role = LS_ROLE_CANDIDATE;
    c->leader = ls_uuid_zero;
    c->transfer = transfer;
    c->pre_vote = true;
    c->reforming = false;
    plan_next_attempt(c);
    core_act_role(c);
    if (transfer) {
        stand(c, false);
        return;
    }
    clear_votes(c);
    ask_all(c);
    try_win(c); /* a sole voter has its majority already */
}

/* For a new epoch the votes of all that are seen are asked for, and those that come are enough. No
 * pre-vote: who follows a living leader refuses, and keeps its term. */
void core_stand_reform(struct ls_core *c)
{
    c->transfer = false;
    c->reform_due_us = c->now_us + REFORM_WAIT_US;
    stand(c, true);
}

/* Behind what has come: our own log may go on otherwise from there. */
static void fetch_more(struct ls_core *c, uint64_t index)
{
    struct ls_log_pos pos = c->last;

    if (index < c->last.index && !core_pos_at(c, index, &pos)) {
        return; /* what is missing is asked for again by the next who stands */
    }
    core_send(c, &c->catchup_from, LS_MSG_FETCH)->u.fetch.pos = pos;
}

static void start_catchup(struct ls_core *c, const struct peer *best)
{
    struct ls_msg *m = core_send(c, &best->id, LS_MSG_FETCH);

    c->role = LS_ROLE_CATCHUP;
    c->catchup_from = best->id;
    c->catchup_pos = best->vote_pos;
    core_act_role(c);
    core_reset_election(c);
    /* From what is committed here on: that much is the same in both logs. */
    if (!core_pos_at(c, c->commit, &m->u.fetch.pos)) {
        m->u.fetch.pos = c->base;
    }
}

static void try_win(struct ls_core *c)
{
    const struct peer *best = NULL;

    if (c->reforming ? !core_may_reform(c) : !core_may_stand(c)) {
        core_become_follower(c, &ls_uuid_zero); /* the adopted log says that we were removed */
        return;
    }
    if (c->reforming ? !core_reform_is_due(c) : !core_majority(c, has_granted)) {
        ask_all(c); /* an adopted log may have brought new voters */
        return;
    }
    if (c->pre_vote) {
        stand(c, false);
        return;
    }
    for (uint32_t i = 0; i < c->peer_count; i++) {
        const struct peer *p = &c->peers[i];
        if (p->granted && !core_epoch_is_past(c, p) &&
            higher(&p->vote_pos, best == NULL ? &c->last : &best->vote_pos)) {
            best = p;
        }
    }
    if (best != NULL) {
        start_catchup(c, best);
    } else {
        core_become_leader(c);
    }
}

/* What another knows for committed is so, as far as our log is the same as its own. A candidate
 * that missed the commit of a configuration would ask the wrong majority for ever. False: it
 * removed us. */
static bool learn_commit(struct ls_core *c, const struct ls_msg *m)
{
    const struct ls_log_pos *pos = &m->u.vote.pos;
    uint64_t index = m->u.vote.commit < pos->index ? m->u.vote.commit : pos->index;
    struct ls_log_pos mine;

    if (index > c->commit && pos->index <= c->last.index && core_pos_at(c, pos->index, &mine) &&
        ls_hash128_equal(mine.chain, pos->chain)) {
        core_set_commit(c, index);
    }
    return c->role != LS_ROLE_LEFT;
}

bool core_has_leader(const struct ls_core *c)
{
    return c->role == LS_ROLE_LEADER ||
           (!ls_uuid_is_zero(&c->leader) && !c->leader_suspected &&
            c->now_us - c->leader_heard_us < c->params.election_min_us);
}

void core_on_vote_req(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    /* a leader that asks for votes in a later term leads ours no more */
    bool leader_asks = m->term > c->term && ls_uuid_equal(&c->leader, from);
    bool leader_alive = core_has_leader(c) && !leader_asks;
    bool granted = false;
    struct peer *p = core_peer(c, from);
    struct ls_msg *r;

    if (c->role == LS_ROLE_IDLE || c->role == LS_ROLE_LEFT ||
        (c->role == LS_ROLE_JOINER && c->old.count == 0)) {
        return; /* never was a voter of anything */
    }
    if (!learn_commit(c, m)) {
        return;
    }
    if ((m->flags & LS_VOTE_REFORM) != 0 && core_reform_yields(c, from, m->term)) {
        return;
    }
    if (core_log_is_given_up(c) &&
        (m->u.vote.pos.index < c->config_index || m->u.vote.pos.term < c->joined_term)) {
        /* Who still takes us for a voter must not win without what we acknowledged as one: all of
         * that stands before the entry that let us in, and a log that ends behind it, in its term
         * or a later one, has it (Raft section 3.6.3). */
    } else if (higher(&c->last, &m->u.vote.pos) && m->u.vote.commit < c->base.index &&
               (core_may_stand(c) || !core_votes(c, from))) {
        /* It would have to adopt our log, which does not reach back to where its own agrees. We can
         * stand ourselves; or it was removed, and our term would rise for nothing whenever it
         * stands, before the voters that have to win stand once. */
    } else if (m->u.vote.pre) {
        granted = m->term > c->term && (!leader_alive || m->u.vote.transfer);
    } else if (!leader_alive || m->u.vote.transfer) {
        if (m->term > c->term) {
            core_set_term(c, m->term);
        }
        if (m->term == c->term && (ls_uuid_is_zero(&c->vote) || ls_uuid_equal(&c->vote, from)) &&
            c->role != LS_ROLE_LEADER &&
            ((m->flags & LS_VOTE_REFORM) == 0 || core_may_grant_reform(c))) {
            struct ls_action *a;
            granted = true;
            c->vote = *from;
            c->reformer = (m->flags & LS_VOTE_REFORM) != 0 ? *from : ls_uuid_zero;
            if (c->role != LS_ROLE_JOINER) {
                core_become_follower(c, &ls_uuid_zero);
            }
            core_reset_election(c);
            a = core_act(c, LS_ACT_PERSIST);
            a->u.persist.term = c->term;
            a->u.persist.vote = c->vote;
        }
    }
    if (leader_alive && !granted && p != NULL && !core_is_member(c, from)) {
        /* It may not know the leader, which came after its removal, so that nobody else tells it.
         */
        core_refuse(c, p, LS_REFUSE_REMOVED, "you are not a member of the group (any more)");
    }
    r = core_send(c, from, LS_MSG_VOTE_RESP);
    r->term = granted && m->u.vote.pre ? m->term : c->term;
    r->u.vote.pre = m->u.vote.pre;
    r->u.vote.granted = granted;
    r->u.vote.transfer = 0;
    r->u.vote.pos = c->last;
    r->u.vote.commit = c->commit;
}

void core_on_vote_resp(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    if (c->role != LS_ROLE_JOINER && !learn_commit(c, m)) {
        return;
    }
    if (!m->u.vote.granted) {
        if (m->term > c->term) {
            core_set_term(c, m->term);
        }
        return;
    }
    if (c->role != LS_ROLE_CANDIDATE || c->pre_vote != (m->u.vote.pre != 0) ||
        m->term != (c->pre_vote ? c->term + 1 : c->term)) {
        return;
    }
    c->round_trip_us = c->now_us - c->asked_vote_us > c->round_trip_us / 2
                           ? c->now_us - c->asked_vote_us
                           : c->round_trip_us / 2;
    p->granted = true;
    p->vote_pos = m->u.vote.pos;
    try_win(c);
}

/* A candidate that we voted for wants what it lacks. Answered in pieces, by range: the host reads
 * the entries from the log. */
void core_on_fetch(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    const struct ls_log_pos *pos = &m->u.fetch.pos;
    struct ls_log_pos mine;
    struct ls_entry e;
    struct ls_msg *r;
    uint64_t last;
    uint64_t bytes = 0;

    if (m->term != c->term || c->role == LS_ROLE_LEADER) {
        return; /* it will stand again, or we shall */
    }
    if (pos->index < c->base.index) {
        mine = c->base; /* it may hold that much, though it does not know it for committed */
    } else if (!core_pos_at(c, pos->index, &mine)) {
        return;
    } else if (!ls_hash128_equal(mine.chain, pos->chain)) {
        core_log(c, LS_LOG_ERROR, "candidate %s has another history at entry %llu",
                 LS_UUID_STR(from), (unsigned long long)pos->index);
        return;
    }
    last = mine.index;
    while (last < c->last.index && last - mine.index < 512 && bytes < 1024 * 1024 &&
           c->log.entry_get(c->log.ctx, last + 1, &e)) {
        if ((e.flags & LS_EF_BIG) && last > mine.index) {
            break;
        }
        last++;
        bytes += e.size;
    }
    r = core_send(c, from, LS_MSG_ENTRIES);
    r->u.append.prev = mine;
    r->u.append.first = mine.index + 1;
    r->u.append.last = last;
    r->u.append.leader_held = 0;
    r->u.append.commit = c->commit;
    r->u.append.entries = NULL;
    r->u.append.count = 0;
}

/* A long piece on a slow line comes when we ask for votes again. It is kept, as long as that
 * changes no term: the vote that it came with holds, and each attempt has less to wait for. */
static bool wants_entries(const struct ls_core *c, const struct ls_uuid *from)
{
    return (c->role == LS_ROLE_CATCHUP || (c->role == LS_ROLE_CANDIDATE && c->pre_vote)) &&
           ls_uuid_equal(from, &c->catchup_from);
}

void core_on_entries(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m)
{
    bool need_payload;

    if (m->term != c->term || !wants_entries(c, from)) {
        return;
    }
    core_reset_election(c);
    if (!core_prev_fits(c, &m->u.append.prev) || !core_take_entries(c, m, false, &need_payload)) {
        if (c->role != LS_ROLE_LEFT) {
            core_log(c, LS_LOG_WARN, "cannot adopt the log of %s", LS_UUID_STR(from));
            core_become_follower(c, &ls_uuid_zero);
        }
        return;
    }
    if (c->role == LS_ROLE_CANDIDATE || !higher(&c->catchup_pos, &c->last)) {
        c->role = LS_ROLE_CANDIDATE;
        try_win(c); /* the adopted log may hold another configuration: count again */
        return;
    }
    if (m->u.append.count == 0) {
        core_become_follower(c, &ls_uuid_zero);
        return;
    }
    fetch_more(c, m->u.append.prev.index + m->u.append.count);
}

void core_become_leader(struct ls_core *c)
{
    c->role = LS_ROLE_LEADER;
    c->leader = c->me.id;
    c->transfer = false;
    c->attempts = 0;
    c->quorum_seen_us = c->now_us;
    c->cut_us = c->now_us;
    c->lag_us = c->now_us;
    c->lag_then = c->lag_now = c->lag_floor = -1;
    c->leader_since_us = c->now_us;
    c->led_term = c->term;
    c->commit_sample_us = c->now_us;
    c->commit_then = c->commit_sample = UINT64_MAX;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        core_leader_track(c, p, c->last.index);
        p->match = 0;
        p->applied = -1;
        p->nonprimary = false;
        p->sent_us = 0;
        p->probed_us = 0;
        p->low = 0;
        memset(p->seen, 0, sizeof(p->seen));
    }
    core_place_reset(c);
    core_lease_doubt(c);
    c->handed_us = 0;
    core_act_role(c);
    core_log(c, LS_LOG_INFO, "leader of term %llu from log entry %llu on",
             (unsigned long long)c->term, (unsigned long long)c->last.index + 1);
    if (c->reforming) {
        core_reform_lead(c);
    } else {
        core_propose(c, LS_ENTRY_NOOP, NULL, 0, 0, ls_hash64("", 0), NULL);
    }
    core_resubmit(c);
    core_advance_commit(c);
}

/* The leader whose connection stands may be writing a huge payload that waits here, too. */
static bool leader_writes(struct ls_core *c)
{
    return c->role == LS_ROLE_FOLLOWER && !ls_uuid_is_zero(&c->leader) && !c->leader_suspected &&
           c->now_us - c->election_due_us < (int64_t)(core_big_bytes_waiting(c) / BYTES_A_US);
}

void core_election_tick(struct ls_core *c)
{
    if (c->role != LS_ROLE_FOLLOWER && c->role != LS_ROLE_CANDIDATE && c->role != LS_ROLE_CATCHUP) {
        return;
    }
    if (c->reforming && c->role == LS_ROLE_CANDIDATE) {
        try_win(c); /* the time for answers may be over */
        return;
    }
    if (c->now_us < c->election_due_us || leader_writes(c)) {
        return;
    }
    if (core_may_stand(c)) {
        core_campaign(c, false);
    } else if (c->role != LS_ROLE_FOLLOWER) {
        /* what it adopted so far says that it was removed, and the rest does not come */
        core_become_follower(c, &ls_uuid_zero);
    }
}
