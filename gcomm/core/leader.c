/* The leader: appends, sends, counts (Raft section 3.5), and its periodic duties. */
#include "gcomm/core/internal.h"

#include <string.h>

#define MESSAGE_ENTRIES 512
#define MESSAGE_BYTES (1024 * 1024)
#define ENTRY_OVERHEAD 96 /* bytes an entry takes beside its payload, for the window */

void core_propose(struct ls_core *c, enum ls_entry_type type, const struct ls_sub_id *sub,
                  uint8_t flags, uint32_t size, uint64_t hash, const void *payload)
{
    struct ls_entry e = {0};

    LS_ASSERT(c->role == LS_ROLE_LEADER);
    e.index = c->last.index + 1;
    e.term = c->term;
    e.seqno = c->last.seqno + ((flags & LS_EF_SEQNO) ? 1 : 0);
    if (sub != NULL) {
        e.sub = *sub;
        if (type == LS_ENTRY_WRITESET) {
            core_place_wrote(c, &sub->origin);
        }
    } else {
        e.sub.origin = c->me.id;
        e.sub.incarnation = c->me.incarnation;
    }
    e.type = (uint8_t)type;
    e.flags = flags;
    e.size = size;
    e.payload_hash = hash;
    e.payload = payload;
    e.chain = ls_entry_chain(c->last.chain, &e);
    core_append(c, &e);
    c->append_due = true;
}

/* Progress of a peer from here on: its log is assumed to equal ours up to `from` until it objects.
 */
void core_leader_track(struct ls_core *c, struct peer *p, uint64_t from)
{
    p->next = from + 1;
    p->floor = from;
    p->inflight_bytes = 0;
    p->commit_sent = 0;
    p->held_sent = 0;
    p->own_sent = 0;
}

/* What the others may count as held by us: with ack.level=all nobody counts for himself (P6), all
 * wait for our word. */
static uint64_t held_to_tell(const struct ls_core *c)
{
    return c->params.ack_all ? c->commit : core_self_held(c);
}

static struct ls_msg *begin_append(struct ls_core *c, struct peer *p, const struct ls_log_pos *prev)
{
    struct ls_msg *m = core_send(c, &p->id, LS_MSG_APPEND);

    m->u.append.prev = *prev;
    m->u.append.first = prev->index + 1;
    m->u.append.last = prev->index;
    m->u.append.leader_held = held_to_tell(c);
    m->u.append.commit = c->commit;
    m->u.append.entries = NULL;
    m->u.append.count = 0;
    p->commit_sent = c->commit;
    p->held_sent = m->u.append.leader_held;
    p->sent_us = c->now_us;
    return m;
}

static bool cannot_serve(struct ls_core *c, struct peer *p)
{
    if (p->next > c->base.index) {
        return false;
    }
    if (c->now_us - p->probed_us > REPROBE_US) {
        p->probed_us = c->now_us; /* it may have restarted with more than it said */
        core_leader_track(c, p, c->base.index);
        return false;
    }
    core_refuse(c, p, LS_REFUSE_HISTORY,
                "the log of the group no longer reaches back to yours: a state transfer is needed");
    return true;
}

void core_leader_heartbeat(struct ls_core *c, struct peer *p)
{
    struct ls_log_pos prev;

    if (!p->up || cannot_serve(c, p) || !core_pos_at(c, p->next - 1, &prev)) {
        return;
    }
    begin_append(c, p, &prev);
}

static bool holds_payload(struct ls_core *c, const struct peer *p, const struct ls_sub_id *sub)
{
    const struct staged *s = core_staged_find(c, sub);

    for (uint32_t i = 0; s != NULL && i < s->holder_count; i++) {
        if (ls_uuid_equal(&s->holders[i], &p->id)) {
            return true;
        }
    }
    return false;
}

/* One message of what comes next for this peer; false when there is nothing it may have now. */
static bool send_next(struct ls_core *c, struct peer *p, uint64_t limit, bool verdicts)
{
    struct ls_log_pos prev;
    struct ls_entry e;
    struct ls_msg *m;
    uint64_t last = p->next - 1;
    uint64_t bytes = 0;
    uint64_t low = p->match > p->floor ? p->match : p->floor;
    bool meta_only = false;

    while (last < limit && last - (p->next - 1) < MESSAGE_ENTRIES && bytes < MESSAGE_BYTES) {
        bool first = last == p->next - 1;
        if (last - low >= c->params.window_entries ||
            (p->inflight_bytes + bytes >= c->params.window_bytes && last > low)) {
            break;
        }
        if (!c->log.entry_get(c->log.ctx, last + 1, &e)) {
            break; /* appended in this very step: the next flush has it. Or it cannot be read */
        }
        if ((e.flags & LS_EF_BIG) && !first) {
            break; /* a big entry travels alone */
        }
        last++;
        bytes += e.size + ENTRY_OVERHEAD;
        if (e.type == LS_ENTRY_WRITESET && ls_uuid_equal(&e.sub.origin, &p->id)) {
            p->own_sent = last;
        }
        if (e.flags & LS_EF_BIG) {
            meta_only = !verdicts && holds_payload(c, p, &e.sub);
            break;
        }
    }
    if (last < p->next || !core_pos_at(c, p->next - 1, &prev)) {
        return false;
    }
    m = begin_append(c, p, &prev);
    m->u.append.last = last;
    core_place_sent(c, p, last);
    m->flags =
        (uint8_t)((meta_only ? LS_APPEND_META_ONLY : 0) | (verdicts ? LS_APPEND_VERDICTS : 0));
    p->next = last + 1;
    p->inflight_bytes += bytes;
    return true;
}

static bool counts_for_itself(struct ls_core *c, const struct peer *p)
{
    return core_is_voter(&c->old, &p->id) && core_pair_is_majority(c, &c->me.id, &p->id);
}

/* Whether somebody there may wait for the news that goes from `told` to `now`: for a write of his
 * own, or because nothing more is under way to this peer that would bring them. */
static bool is_awaited(const struct peer *p, uint64_t told, uint64_t now)
{
    return told < now && (p->own_sent > told || now + 1 >= p->next);
}

/* A peer that can count by itself (P6) needs no notice of the commit, but at once the word that our
 * disk holds what it was sent: with that and its own disk it knows after one round trip. */
static bool needs_notice(struct ls_core *c, const struct peer *p)
{
    uint64_t held = held_to_tell(c);

    if (counts_for_itself(c, p)) {
        if (is_awaited(p, p->held_sent, held < p->next - 1 ? held : p->next - 1)) {
            return true;
        }
        if (p->held_sent >= c->commit) {
            return false;
        }
    }
    return is_awaited(p, p->commit_sent, c->commit);
}

/* Its own disk is slower than that of the others: the commit is news to it all the same. */
static bool is_slow_to_know(const struct ls_core *c, const struct peer *p)
{
    return p->commit_sent < c->commit && p->match < c->commit;
}

static void send_to(struct ls_core *c, struct peer *p)
{
    const struct ls_member *m = ls_config_find(&c->old, &p->id);
    const struct ls_member *next =
        c->pending_index != 0 ? ls_config_find(&c->latest, &p->id) : NULL;
    uint64_t limit = c->last.index;
    bool verdicts = false;

    if (!p->up || cannot_serve(c, p)) {
        return;
    }
    if (m == NULL) {
        /* only in the pending configuration: it is told once that is committed */
        return;
    }
    if (m->role == LS_MEMBER_LEARNER) {
        /* Learners get what is certified here, with the verdicts: their index starts in the middle.
         * One that is about to vote has had what came before it joined; now the group waits for it.
         */
        if (next == NULL || next->role == LS_MEMBER_LEARNER) {
            limit = c->commit < c->delivered ? c->commit : c->delivered;
        }
        verdicts = true;
    }
    while (p->next <= limit && send_next(c, p, limit, verdicts)) {
    }
    if (needs_notice(c, p)) {
        core_leader_heartbeat(c, p);
    }
}

void core_leader_flush(struct ls_core *c)
{
    if (!c->append_due) {
        return;
    }
    c->append_due = false;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        if (core_is_member(c, &c->peers[i].id)) {
            send_to(c, &c->peers[i]);
        }
    }
}

static void note_progress(struct ls_core *c, struct peer *p, uint64_t index)
{
    uint64_t from = p->match > p->floor ? p->match : p->floor;

    if (index <= p->match) {
        return;
    }
    if (index + 1 >= p->next) {
        p->inflight_bytes = 0;
        p->next = index + 1;
    } else {
        for (uint64_t i = from + 1; i <= index; i++) {
            struct ls_entry e;
            uint64_t size = ENTRY_OVERHEAD;
            if (c->log.entry_get(c->log.ctx, i, &e)) {
                size += e.size;
            }
            p->inflight_bytes -= size < p->inflight_bytes ? size : p->inflight_bytes;
        }
    }
    p->match = index;
    p->probed_us = 0;
    c->append_due = true;
}

/* An acknowledgement that was sent before the member knew the commit of the view that let it in
 * again says nothing new. */
static bool knows_its_view(struct ls_core *c, const struct peer *p, const struct ls_msg *m)
{
    const struct ls_member *member = ls_config_find(&c->latest, &p->id);

    return member != NULL && m->u.ack.commit >= member->joined_index;
}

/* We stepped down since nobody answered, and what we had said before has come through after all:
 * it made them our followers once more, who would wait for a leader that is none. Nobody else can
 * lead this term. */
static bool is_followed_again(const struct ls_core *c)
{
    return c->role == LS_ROLE_FOLLOWER && ls_uuid_is_zero(&c->leader) && c->led_term == c->term &&
           core_may_stand(c);
}

void core_on_ack(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    if (m->term > c->term) {
        core_set_term(c, m->term);
        return;
    }
    if (m->term < c->term) {
        return;
    }
    if (m->u.ack.pos.index > p->ack.index || p->ack_term != m->term) {
        p->ack = m->u.ack.pos;
        p->ack_term = m->term;
    }
    core_recheck_acks(c);
    if (c->role == LS_ROLE_LEADER) {
        core_place_acked(c, p, m->u.ack.pos.index);
        p->applied = m->u.ack.applied;
        p->delivered = m->u.ack.delivered;
        p->unwilling = (m->flags & LS_ACK_UNWILLING) != 0;
        p->short_of_room = (m->flags & LS_ACK_SHORT) != 0;
        p->nonprimary = (m->flags & LS_ACK_NONPRIMARY) && knows_its_view(c, p, m);
        if (p->acked >= m->u.ack.pos.index) {
            note_progress(c, p, m->u.ack.pos.index);
        }
        if (p->nonprimary) {
            core_manage_members(c);
        }
    }
    core_advance_commit(c);
    if (is_followed_again(c)) {
        core_campaign(c, false);
    }
}

/* A follower asks for what follows all that it knows to be committed. When our log begins later
 * than that, its own may still reach our oldest entry: only when it has said no to that, too, for a
 * while (older messages are still under way) is it beyond help. */
static void resume_at(struct ls_core *c, struct peer *p, uint64_t index)
{
    if (index >= c->base.index) {
        p->probed_us = 0;
        core_leader_track(c, p, index);
    } else if (p->probed_us == 0) {
        p->probed_us = c->now_us;
        core_leader_track(c, p, c->base.index);
    } else if (c->now_us - p->probed_us > PROBE_LIMIT_US) {
        core_leader_track(c, p, index);
    }
}

void core_on_nack(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    if (m->term > c->term) {
        core_set_term(c, m->term);
        return;
    }
    if (m->term < c->term || c->role != LS_ROLE_LEADER) {
        return;
    }
    if (m->u.ack.pos.index > c->last.index) {
        return; /* nothing of ours: a confused or hostile peer */
    }
    if (m->flags & LS_ACK_NEED_PAYLOAD) {
        struct ls_entry e;
        if (c->log.entry_get(c->log.ctx, m->u.ack.pos.index + 1, &e)) {
            struct staged *s = (struct staged *)core_staged_find(c, &e.sub);
            for (uint32_t i = 0; s != NULL && i < s->holder_count; i++) {
                if (ls_uuid_equal(&s->holders[i], &p->id)) {
                    s->holders[i] = s->holders[--s->holder_count];
                    break;
                }
            }
        }
    }
    if (p->match > m->u.ack.pos.index) {
        p->match = m->u.ack.pos.index;
    }
    resume_at(c, p, m->u.ack.pos.index);
    c->append_due = true;
}

/* What it has not applied is in its own log. What it has not got is in those of the others, which
 * keep no more than is above the cut: when the leader dies, its vote may need theirs. */
static bool has_log(const struct ls_core *c, const struct peer *p)
{
    return p->match + (uint64_t)c->params.lag_limit >= c->commit;
}

/* One that was not met yet may be there all the same, or come back for what it lacks of the log.
 * One that falls behind for ever must not have all the others keep everything for ever: it has what
 * it has not applied in its own log (P4). */
static bool holds_cut(const struct ls_core *c, const struct ls_member *m, const struct peer *p)
{
    if (p != NULL && p->applied >= 0 &&
        ((c->applied - p->applied > c->params.lag_limit && has_log(c, p)) ||
         p->applied < c->lag_floor)) {
        return false;
    }
    return !m->no_data && !ls_uuid_equal(&m->id, &c->me.id) &&
           (m->state == LS_NODE_UNDEFINED || ls_node_is_full(m->state));
}

static bool anybody_is_short(const struct ls_core *c)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        const struct peer *p = &c->peers[i];
        if (p->up && p->short_of_room && core_is_member(c, &p->id)) {
            return true;
        }
    }
    return c->params.short_of_room;
}

/* What we had applied lag_us ago, up to twice as long, while somebody is short of room: their logs
 * keep all above the cut, and full disks have all wait for the slowest (P4). */
static void sample_applied(struct ls_core *c)
{
    if (c->now_us - c->lag_us >= c->params.lag_us) {
        c->lag_us = c->now_us;
        c->lag_then = c->lag_now;
        c->lag_now = c->applied;
    }
    c->lag_floor = anybody_is_short(c) ? c->lag_then : -1;
}

/* The commit cut (design, section 4): what every member that may originate has applied. */
static void propose_cut(struct ls_core *c, bool any)
{
    int64_t cut = c->applied;
    uint8_t *buf;
    struct ls_writer w;
    uint32_t size;

    for (uint32_t i = 0; i < c->latest.count; i++) {
        const struct ls_member *m = &c->latest.members[i];
        const struct peer *p = core_peer(c, &m->id);
        if (!holds_cut(c, m, p)) {
            continue;
        }
        if (p == NULL || p->applied < cut) {
            cut = p == NULL ? -1 : p->applied;
        }
    }
    if (cut <= c->cut || (!any && cut - c->cut < c->params.cut_interval)) {
        return;
    }
    buf = core_scratch(c, 16);
    w = ls_writer_init(buf, 16);
    ls_cut_encode(cut, &w);
    size = (uint32_t)(w.pos - buf);
    core_propose(c, LS_ENTRY_CUT, NULL, 0, size, ls_hash64(buf, size), buf);
}

/* Every voter with data holds the log up to here, by configurations old and new. */
static uint64_t held_by_data(struct ls_core *c)
{
    const struct ls_config *configs[] = {&c->old, &c->latest};
    uint64_t held = core_self_held(c);

    for (size_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < configs[k]->count; i++) {
            const struct ls_member *m = &configs[k]->members[i];
            const struct peer *p = core_peer(c, &m->id);
            if (m->no_data || m->role != LS_MEMBER_VOTER || ls_uuid_equal(&m->id, &c->me.id)) {
                continue;
            }
            if (p == NULL || p->match < held) {
                held = p == NULL ? 0 : p->match;
            }
        }
    }
    return held;
}

/* Rule 15: an arbitrator keeps what a voter with data lacks. It cannot see that by itself, and the
 * commit cut, which waits for what is applied, would have it keep far more. */
static void tell_arbitrators(struct ls_core *c)
{
    for (uint32_t i = 0; i < c->latest.count; i++) {
        const struct ls_member *m = &c->latest.members[i];
        const struct peer *p = m->no_data ? core_peer(c, &m->id) : NULL;
        if (p != NULL && p->up) {
            core_send(c, &m->id, LS_MSG_SPARE)->u.spare.index = held_by_data(c);
        }
    }
}

void core_on_spare(struct ls_core *c, const struct peer *p, const struct ls_msg *m)
{
    if (m->term == c->term && ls_uuid_equal(&c->leader, &p->id) && m->u.spare.index > c->spare) {
        c->spare = m->u.spare.index;
    }
}

void core_leader_tick(struct ls_core *c)
{
    if (core_majority(c, core_is_fresh)) {
        c->quorum_seen_us = c->now_us;
    } else if (core_majority(c, core_is_heard)) {
        /* silent, but not for long, or busy with what it was sent */
        if (core_is_quorum_lost(c, c->params.quiet_us)) {
            c->quorum_seen_us = c->now_us - c->params.quiet_us;
        }
    } else if (core_is_quorum_lost(c, c->params.quiet_us)) {
        /* Raft section 6.2: a leader without a majority steps down, so that it misleads nobody. */
        core_log(c, LS_LOG_INFO, "leader of term %llu: no majority answers, stepping down",
                 (unsigned long long)c->term);
        core_become_follower(c, &ls_uuid_zero);
        return;
    }
    core_lease_tick(c);
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (p->up && ls_config_find(&c->old, &p->id) != NULL &&
            (is_slow_to_know(c, p) || c->now_us - p->sent_us >= c->params.heartbeat_us)) {
            core_leader_heartbeat(c, p);
        }
    }
    if (c->params.ack_all) {
        core_advance_commit(c); /* somebody may have stood still for too long */
    }
    core_sample_commit(c);
    sample_applied(c);
    core_place_tick(c);
    core_manage_members(c);
    if (c->role == LS_ROLE_LEADER && c->commit >= c->term_first) {
        bool settled = c->now_us - c->cut_us >= 1000000;
        if (settled) {
            c->cut_us = c->now_us;
            tell_arbitrators(c);
        }
        propose_cut(c, settled);
    }
}
