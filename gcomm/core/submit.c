/* Submissions: from the origin's hand to an entry of the log (rules 1, 4, 5).
 *
 * The origin sends a submission to the leader of a term, tagged with that term, only once its own
 * log matches that leader's first entry of the term: from then on an id that is not in its log is
 * not in the leader's either, apart from what it sent in this very term. A leader takes only
 * submissions of its own term, and each id once (a window above the origin's lowest unsettled id):
 * so nothing is ordered twice, and nothing is lost by a change of leader.
 *
 * A big payload goes from its origin to everybody, apart. Each node that has it all tells the
 * leader (HELD); the origin asks for it to be ordered (SUBMIT without payload) by the same rule as
 * above. The leader appends it once it was asked in this term, holds the payload itself, and a
 * majority does. */
#include "gcomm/core/internal.h"

#include <stdlib.h>
#include <string.h>

static struct submission *slot(struct ls_core *c, uint64_t id)
{
    return &c->subs[id % LS_CORE_MAX_PENDING];
}

static struct submission *find(struct ls_core *c, uint64_t id)
{
    struct submission *s = slot(c, id);
    return id >= c->sub_low && id < c->sub_next && s->id == id ? s : NULL;
}

static void clear(struct submission *s)
{
    free(s->state);
    free(s->spread);
    memset(s, 0, sizeof(*s));
}

static void settle(struct ls_core *c, struct submission *s)
{
    c->given_up -= s->given_up;
    clear(s);
    while (c->sub_low < c->sub_next && slot(c, c->sub_low)->id != c->sub_low) {
        c->sub_low++;
    }
}

static void reject(struct ls_core *c, uint64_t id)
{
    core_act(c, LS_ACT_REJECTED)->u.id = id;
}

static struct ls_sub_id own_id(const struct ls_core *c, uint64_t id)
{
    return (struct ls_sub_id){.origin = c->me.id, .incarnation = c->me.incarnation, .id = id};
}

static bool is_big(const struct ls_core *c, const struct submission *s)
{
    return s->type == LS_ENTRY_WRITESET && s->size > c->params.big_bytes;
}

static uint8_t flags_of(uint8_t type)
{
    return type == LS_ENTRY_WRITESET ? LS_EF_SEQNO : 0;
}

/* ---- our big payloads ---- */

/* A leader that was asked for it may order it still, also when nobody waits for it any more: only
 * then is its end known. */
static bool wants_spread(const struct ls_core *c, const struct submission *s)
{
    return s->spread != NULL && s->index == 0 && (!s->given_up || s->sent_term == c->term);
}

/* Where we note what a node got; NULL when there have been more nodes than a group has. */
static struct spread *spread_find(struct submission *s, const struct ls_uuid *to)
{
    for (uint32_t i = 0; i < s->spread_count; i++) {
        if (ls_uuid_equal(&s->spread[i].to, to)) {
            return &s->spread[i];
        }
    }
    if (s->spread_count == LS_MAX_MEMBERS) {
        return NULL;
    }
    s->spread[s->spread_count] = (struct spread){.to = *to, .sent_us = INT64_MIN};
    return &s->spread[s->spread_count++];
}

static void spread(struct ls_core *c, struct submission *s, struct spread *k)
{
    struct ls_action *a = core_act(c, LS_ACT_SPREAD);

    a->u.spread.to = k->to;
    a->u.spread.id = s->id;
    k->sent_us = c->now_us;
    k->held = false;
}

static void spread_to_members(struct ls_core *c, struct submission *s)
{
    int64_t patience = SPREAD_PATIENCE_US + 4 * (int64_t)s->size;

    for (uint32_t i = 0; i < c->latest.count; i++) {
        const struct peer *p = core_peer(c, &c->latest.members[i].id);
        struct spread *k = p != NULL && p->up ? spread_find(s, &p->id) : NULL;
        if (k != NULL && !k->held &&
            (k->sent_us == INT64_MIN || c->now_us - k->sent_us > patience)) {
            spread(c, s, k);
        }
    }
}

/* ---- staged payloads ---- */

static struct staged *staged_find(struct ls_core *c, const struct ls_sub_id *sub)
{
    for (size_t i = 0; i < c->staged_count; i++) {
        if (ls_sub_id_equal(&c->staged[i].sub, sub)) {
            return &c->staged[i];
        }
    }
    return NULL;
}

const struct staged *core_staged_find(const struct ls_core *c, const struct ls_sub_id *sub)
{
    return staged_find((struct ls_core *)c, sub);
}

static struct staged *staged_get(struct ls_core *c, const struct ls_sub_id *sub, uint32_t size,
                                 uint64_t hash)
{
    struct staged *s = staged_find(c, sub);

    if (s != NULL) {
        return s->size == size && s->hash == hash ? s : NULL;
    }
    if (c->staged_count == c->staged_cap) {
        size_t cap = c->staged_cap == 0 ? 8 : 2 * c->staged_cap;
        struct staged *grown = realloc(c->staged, cap * sizeof(*grown));
        LS_ASSERT(grown != NULL);
        c->staged = grown;
        c->staged_cap = cap;
    }
    LS_ASSERT(c->staged != NULL);
    s = &c->staged[c->staged_count++];
    *s = (struct staged){.sub = *sub, .size = size, .hash = hash, .since_us = c->now_us};
    return s;
}

static void staged_drop(struct ls_core *c, size_t i)
{
    if (c->staged[i].here) {
        core_act(c, LS_ACT_DROP_PAYLOAD)->u.sub = c->staged[i].sub;
    }
    c->staged[i] = c->staged[--c->staged_count];
}

/* Payloads travel apart from their entries, and may come late or once more. */
static bool is_done(const struct ls_core *c, const struct ls_sub_id *sub)
{
    for (uint32_t i = 0; i < BIG_DONE; i++) {
        if (c->big_done[i].index != 0 && ls_sub_id_equal(&c->big_done[i].sub, sub)) {
            return true;
        }
    }
    return false;
}

static void add_holder(struct staged *s, const struct ls_uuid *id)
{
    for (uint32_t i = 0; i < s->holder_count; i++) {
        if (ls_uuid_equal(&s->holders[i], id)) {
            return;
        }
    }
    if (s->holder_count < LS_MAX_MEMBERS) {
        s->holders[s->holder_count++] = *id;
    }
}

static bool holders_are_majority(struct ls_core *c, const struct staged *s,
                                 const struct ls_config *config)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < s->holder_count; i++) {
        sum += core_weight(config, &s->holders[i]);
    }
    return 2 * sum > core_weight_total(config);
}

/* Nothing of who has left, or has died and come back, is ordered behind that. */
static bool is_of_member(const struct ls_core *c, const struct ls_sub_id *sub)
{
    const struct ls_member *origin = ls_config_find(&c->latest, &sub->origin);
    return origin != NULL && origin->incarnation == sub->incarnation;
}

static void order_if_held(struct ls_core *c, struct staged *s)
{
    if (c->role != LS_ROLE_LEADER || !s->by_origin || s->index != 0 || !s->here ||
        !is_of_member(c, &s->sub) || !holders_are_majority(c, s, &c->old) ||
        (c->pending_index != 0 && !holders_are_majority(c, s, &c->latest))) {
        return;
    }
    core_propose(c, LS_ENTRY_WRITESET, &s->sub, LS_EF_SEQNO | LS_EF_BIG, s->size, s->hash, NULL);
}

static void send_held(struct ls_core *c, const struct staged *s, const struct ls_uuid *to)
{
    struct ls_msg *m = core_send(c, to, LS_MSG_HELD);

    m->u.submit.sub = s->sub;
    m->u.submit.low = 0;
    m->u.submit.entry_type = LS_ENTRY_WRITESET;
    m->u.submit.entry_flags = LS_EF_BIG;
    m->u.submit.size = s->size;
    m->u.submit.payload_hash = s->hash;
    m->u.submit.payload = NULL;
}

/* HELD without a size is not about holding. From the leader: what of this one? `low` tells whether
 * the leader has it. From the origin: I know nothing of it, forget it. */
static void send_about(struct ls_core *c, const struct ls_sub_id *sub, const struct ls_uuid *to,
                       bool here)
{
    struct ls_msg *m = core_send(c, to, LS_MSG_HELD);

    memset(&m->u.submit, 0, sizeof(m->u.submit));
    m->u.submit.sub = *sub;
    m->u.submit.low = here;
    m->u.submit.entry_type = LS_ENTRY_WRITESET;
    m->u.submit.entry_flags = LS_EF_BIG;
}

/* The leader counts, and the origin need not send it again. */
static void tell_held(struct ls_core *c, const struct staged *s)
{
    if (!ls_uuid_is_zero(&c->leader) && c->role != LS_ROLE_LEADER) {
        send_held(c, s, &c->leader);
    }
    if (!ls_uuid_equal(&s->sub.origin, &c->leader)) {
        send_held(c, s, &s->sub.origin);
    }
}

void core_on_held_event(struct ls_core *c, const struct ls_event *ev)
{
    struct staged *s = staged_find(c, &ev->u.held.sub);

    if (s != NULL && s->here) {
        return; /* once more: what is in the log may be truncated, and is needed again then */
    }
    if (ls_config_find(&c->latest, &ev->u.held.sub.origin) == NULL || is_done(c, &ev->u.held.sub)) {
        core_act(c, LS_ACT_DROP_PAYLOAD)->u.sub = ev->u.held.sub;
        return;
    }
    s = staged_get(c, &ev->u.held.sub, ev->u.held.size, ev->u.held.payload_hash);
    if (s == NULL) {
        core_act(c, LS_ACT_DROP_PAYLOAD)->u.sub = ev->u.held.sub;
        return;
    }
    s->here = true;
    add_holder(s, &c->me.id);
    tell_held(c, s);
    order_if_held(c, s);
}

static void note_held(struct ls_core *c, const struct peer *p, const struct ls_msg *m)
{
    struct submission *own =
        m->u.submit.sub.incarnation == c->me.incarnation ? find(c, m->u.submit.sub.id) : NULL;
    struct spread *to = own != NULL && own->spread != NULL ? spread_find(own, &p->id) : NULL;

    if (own == NULL && m->u.submit.size == 0) {
        send_about(c, &m->u.submit.sub, &p->id, false);
    } else if (to != NULL && m->term == c->term) {
        to->held = m->u.submit.size != 0 || m->u.submit.low != 0;
        if (m->u.submit.size == 0 && to->held) {
            /* The leader has it and still waits: what others said of it came before it knew of the
             * submission. They get it again, and say so again. */
            for (uint32_t i = 0; i < own->spread_count; i++) {
                own->spread[i].held = &own->spread[i] == to;
            }
        }
    }
}

static void forget_staged(struct ls_core *c, const struct ls_sub_id *sub)
{
    for (size_t i = c->staged_count; i-- > 0;) {
        if (ls_sub_id_equal(&c->staged[i].sub, sub) && c->staged[i].index == 0) {
            staged_drop(c, i);
        }
    }
}

/* It has not happened, and will not: who waits for big payloads waits for this one no more. */
static void abandon(struct ls_core *c, struct submission *s)
{
    struct ls_sub_id sub = own_id(c, s->id);

    forget_staged(c, &sub);
    reject(c, s->id);
    settle(c, s);
}

void core_on_held(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    struct staged *s;

    if (ls_uuid_equal(&m->u.submit.sub.origin, &c->me.id)) {
        note_held(c, p, m);
    } else if (m->u.submit.size == 0 && ls_uuid_equal(&m->u.submit.sub.origin, &p->id)) {
        forget_staged(c, &m->u.submit.sub);
    }
    if (m->u.submit.size == 0) {
        return;
    }
    if (c->role != LS_ROLE_LEADER || m->term != c->term ||
        ls_config_find(&c->latest, &m->u.submit.sub.origin) == NULL ||
        is_done(c, &m->u.submit.sub)) {
        return;
    }
    s = staged_get(c, &m->u.submit.sub, m->u.submit.size, m->u.submit.payload_hash);
    if (s != NULL) {
        add_holder(s, &p->id);
        order_if_held(c, s);
    }
}

/* Origins that are members no more will not ask for what they sent. One that joins or restarted may
 * have sent already what its new membership is not committed for here. */
void core_staged_origin_gone(struct ls_core *c, const struct ls_config *config)
{
    for (size_t i = c->staged_count; i-- > 0;) {
        const struct ls_sub_id *sub = &c->staged[i].sub;
        const struct ls_member *m = ls_config_find(config, &sub->origin);
        bool gone = m == NULL ? ls_config_find(&c->latest, &sub->origin) == NULL
                              : m->incarnation > sub->incarnation;
        if (c->staged[i].index == 0 && gone) {
            staged_drop(c, i);
        }
    }
}

/* Some are never asked for: the origin gave up, or lost the component and does not know. Should one
 * be ordered after all, we fetch it with its entry. What the leader was asked for stays. */
void core_staged_tick(struct ls_core *c)
{
    for (size_t i = c->staged_count; i-- > 0;) {
        struct staged *s = &c->staged[i];
        if (s->index != 0 || ls_uuid_equal(&s->sub.origin, &c->me.id)) {
            continue;
        }
        if (c->role != LS_ROLE_LEADER || !s->by_origin) {
            if (c->now_us - s->since_us > STAGED_LIMIT_US) {
                staged_drop(c, i);
            }
        } else if (c->now_us - s->since_us > STAGED_ASK_US &&
                   c->now_us - s->asked_us > STAGED_ASK_US) {
            s->asked_us = c->now_us;
            send_about(c, &s->sub, &s->sub.origin, s->here);
        }
    }
}

void core_respread(struct ls_core *c, const struct ls_uuid *to, bool fresh)
{
    for (uint64_t id = c->sub_low; id < c->sub_next; id++) {
        struct submission *s = find(c, id);
        struct spread *k = s != NULL && wants_spread(c, s) ? spread_find(s, to) : NULL;
        if (k != NULL && (fresh || !k->held) && core_is_member(c, to)) {
            spread(c, s, k);
        }
    }
}

/* Members come and go, connections break, and who took the origin for gone drops what it sent:
 * whoever should hold a payload and did not say so in time gets it again. */
void core_spread_tick(struct ls_core *c)
{
    if (c->now_us - c->spread_us < SPREAD_CHECK_US) {
        return;
    }
    c->spread_us = c->now_us;
    for (uint64_t id = c->sub_low; id < c->sub_next; id++) {
        struct submission *s = find(c, id);
        if (s != NULL && wants_spread(c, s)) {
            spread_to_members(c, s);
        }
    }
}

/* ---- own submissions ---- */

static void order_own(struct ls_core *c, struct submission *s, const void *payload)
{
    struct ls_sub_id id = own_id(c, s->id);

    if (ls_config_find(&c->latest, &c->me.id) == NULL) {
        /* We leave: behind the entry that says so nothing of ours has a place in the order. What
         * went to nobody is not ordered; the rest ends with our membership. */
        if (s->sent_term == 0) {
            reject(c, s->id);
            settle(c, s);
        }
        return;
    }
    s->sent_term = c->term;
    if (is_big(c, s)) {
        struct staged *st = staged_get(c, &id, s->size, s->hash);
        if (st != NULL) {
            st->here = true; /* the host has it as the submission's own bytes */
            st->by_origin = true;
            add_holder(st, &c->me.id);
            order_if_held(c, st);
        }
        return;
    }
    if (payload == NULL && s->state != NULL) {
        /* we read it ourselves; a copy, since the action outlives the submission */
        void *copy = core_scratch(c, s->size);
        memcpy(copy, s->state, s->size);
        payload = copy;
    }
    core_propose(c, (enum ls_entry_type)s->type, &id, flags_of(s->type), s->size, s->hash, payload);
}

static void send_own(struct ls_core *c, struct submission *s)
{
    struct ls_msg *m;

    s->sent_term = c->term;
    m = core_send(c, &c->leader, LS_MSG_SUBMIT);
    m->u.submit.sub = own_id(c, s->id);
    m->u.submit.low = c->sub_low;
    m->u.submit.entry_type = s->type;
    m->u.submit.entry_flags = (uint8_t)(is_big(c, s) ? LS_EF_BIG : 0);
    m->u.submit.size = s->size;
    m->u.submit.payload_hash = s->hash;
    m->u.submit.payload = NULL;
}

/* Whether the leader's log is known to us up to its first entry of this term. */
static bool synced_with_leader(const struct ls_core *c)
{
    return c->role == LS_ROLE_FOLLOWER && !ls_uuid_is_zero(&c->leader) &&
           c->matched.term == c->term;
}

void core_on_submit_event(struct ls_core *c, const struct ls_event *ev)
{
    struct submission *s;
    uint64_t id = ev->u.submit.id;

    if (!c->primary || id != c->sub_next || id - c->sub_low >= LS_CORE_MAX_PENDING) {
        reject(c, id);
        if (id == c->sub_next) {
            if (c->sub_low == c->sub_next) {
                c->sub_low++;
            }
            slot(c, id)->id = 0;
            c->sub_next++;
        }
        return;
    }
    s = slot(c, id);
    memset(s, 0, sizeof(*s));
    s->id = id;
    s->type = ev->u.submit.entry_type;
    s->size = ev->u.submit.size;
    s->hash = ev->u.submit.payload_hash;
    if (s->type == LS_ENTRY_STATE) {
        s->state = malloc(s->size + 1);
        LS_ASSERT(s->state != NULL);
        memcpy(s->state, ev->u.submit.payload, s->size);
    }
    c->sub_next++;
    if (is_big(c, s)) {
        s->spread = calloc(LS_MAX_MEMBERS, sizeof(*s->spread));
        LS_ASSERT(s->spread != NULL);
        spread_to_members(c, s);
    }
    if (c->role == LS_ROLE_LEADER) {
        order_own(c, s, ev->u.submit.payload);
    } else if (synced_with_leader(c)) {
        send_own(c, s);
    } else {
        c->submitted_term = 0; /* it goes once the leader's log is known, in this term, too */
    }
}

/* What a leader of an earlier term was asked for may be in logs that we do not see, and be ordered
 * by a leader that comes after ours, until an entry of a later term is committed: that one is in
 * the log of every leader to come, and so is what is ahead of it, which is what we have (Ongaro's
 * thesis, 3.6.2). Only then has it not happened. */
void core_given_up_tick(struct ls_core *c)
{
    struct ls_log_pos decided;

    if (c->given_up == 0 || !core_pos_at(c, c->commit, &decided)) {
        return;
    }
    for (uint64_t id = c->sub_low; id < c->sub_next; id++) {
        struct submission *s = find(c, id);
        if (s != NULL && s->given_up && s->index == 0 && s->sent_term < decided.term) {
            abandon(c, s);
        }
    }
}

void core_on_give_up(struct ls_core *c, uint64_t id)
{
    struct submission *s = find(c, id);

    if (s == NULL || s->index != 0 || s->given_up) {
        return;
    }
    s->given_up = true;
    c->given_up++;
    if (s->sent_term == 0) {
        abandon(c, s);
    }
}

/* After a change of leader, and when connections were lost: what is not in the log goes again. */
void core_resubmit(struct ls_core *c)
{
    bool lead = c->role == LS_ROLE_LEADER;

    if (c->submitted_term == c->term || (!lead && !synced_with_leader(c))) {
        return;
    }
    c->submitted_term = c->term;
    for (uint64_t id = c->sub_low; id < c->sub_next; id++) {
        struct submission *s = find(c, id);
        if (s == NULL || s->index != 0) {
            continue;
        }
        if (s->given_up && s->sent_term != c->term) {
            continue; /* core_given_up_tick() */
        }
        if (lead) {
            order_own(c, s, NULL); /* the host finds the bytes by the id */
        } else {
            send_own(c, s);
        }
    }
    for (size_t i = 0; i < c->staged_count; i++) {
        if (c->staged[i].here && c->staged[i].index == 0 &&
            !ls_uuid_equal(&c->staged[i].sub.origin, &c->me.id)) {
            tell_held(c, &c->staged[i]);
        }
    }
}

uint64_t core_big_bytes_waiting(struct ls_core *c)
{
    uint64_t bytes = 0;

    for (uint64_t id = c->sub_low; id < c->sub_next; id++) {
        const struct submission *s = find(c, id);
        bytes += s != NULL && s->index == 0 && is_big(c, s) ? s->size : 0;
    }
    for (size_t i = 0; i < c->staged_count; i++) {
        bytes += c->staged[i].index == 0 ? c->staged[i].size : 0;
    }
    return bytes;
}

void core_submissions_new_term(struct ls_core *c)
{
    for (uint64_t id = c->sub_low; id < c->sub_next; id++) {
        struct submission *s = find(c, id);
        for (uint32_t i = 0; s != NULL && i < s->spread_count; i++) {
            s->spread[i].held = false; /* who still holds it tells the new leader and us */
        }
    }
    for (size_t i = c->staged_count; i-- > 0;) {
        struct staged *s = &c->staged[i];
        s->by_origin = false;
        s->holder_count = 0;
        if (s->here) {
            add_holder(s, &c->me.id);
        } else if (s->index == 0) {
            staged_drop(c, i); /* only hearsay of the last term */
        }
    }
}

void core_submissions_loaded(struct ls_core *c, const struct ls_entry *e)
{
    if (e->flags & LS_EF_BIG) {
        c->big_done[c->big_next++ % BIG_DONE] = (struct big_done){.sub = e->sub, .index = e->index};
    }
}

void core_submissions_appended(struct ls_core *c, const struct ls_entry *e)
{
    core_submissions_loaded(c, e);
    if (e->flags & LS_EF_BIG) {
        struct staged *st = staged_find(c, &e->sub);
        if (st != NULL) {
            st->index = e->index;
        }
    }
    if (ls_uuid_equal(&e->sub.origin, &c->me.id) && e->sub.incarnation == c->me.incarnation &&
        e->sub.id != 0) {
        struct submission *s = find(c, e->sub.id);
        if (s != NULL) {
            LS_ASSERT(c->own_count < LS_CORE_MAX_PENDING);
            s->index = e->index;
            c->own[(c->own_head + c->own_count++) % LS_CORE_MAX_PENDING] =
                (struct own_in_log){.index = e->index, .id = e->sub.id};
        }
    }
}

void core_submissions_truncated(struct ls_core *c, uint64_t index)
{
    while (c->own_count > 0) {
        const struct own_in_log *o =
            &c->own[(c->own_head + c->own_count - 1) % LS_CORE_MAX_PENDING];
        struct submission *s = find(c, o->id);
        if (o->index < index) {
            break;
        }
        if (s != NULL) {
            s->index = 0;
        }
        c->own_count--;
        c->submitted_term = 0;
    }
    for (uint32_t i = 0; i < BIG_DONE; i++) {
        if (c->big_done[i].index >= index) {
            c->big_done[i].index = 0;
        }
    }
    for (size_t i = 0; i < c->staged_count; i++) {
        if (c->staged[i].index >= index) {
            c->staged[i].index = 0;
        }
    }
}

void core_submissions_committed(struct ls_core *c, uint64_t index)
{
    while (c->own_count > 0 && c->own[c->own_head].index <= index) {
        struct submission *s = find(c, c->own[c->own_head].id);
        if (s != NULL) {
            settle(c, s);
        }
        c->own_head = (c->own_head + 1) % LS_CORE_MAX_PENDING;
        c->own_count--;
    }
    for (size_t i = c->staged_count; i-- > 0;) {
        if (c->staged[i].index != 0 && c->staged[i].index <= index) {
            staged_drop(c, i);
        }
    }
}

/* Rule 5: with the component goes the knowledge of what became of them. Those that are in some log
 * may still be ordered: they are applied as if remote then. */
void core_submissions_unknown(struct ls_core *c)
{
    for (uint64_t id = c->sub_low; id < c->sub_next; id++) {
        clear(slot(c, id));
    }
    c->sub_low = c->sub_next;
    c->given_up = 0;
    c->own_count = 0;
    for (size_t i = c->staged_count; i-- > 0;) {
        if (ls_uuid_equal(&c->staged[i].sub.origin, &c->me.id) && c->staged[i].index == 0) {
            staged_drop(c, i);
        }
    }
}

/* ---- the leader takes them ---- */

static bool accept_id(struct peer *p, const struct ls_msg *m)
{
    uint64_t id = m->u.submit.sub.id;

    if (m->u.submit.low > id || id == 0) {
        return false;
    }
    if (m->u.submit.low > p->low) {
        uint64_t from = p->low;
        if (m->u.submit.low - from >= WINDOW_IDS) {
            memset(p->seen, 0, sizeof(p->seen));
        } else {
            for (uint64_t i = from; i < m->u.submit.low; i++) {
                p->seen[i % WINDOW_IDS / 64] &= ~((uint64_t)1 << (i % 64));
            }
        }
        p->low = m->u.submit.low;
    }
    if (id < p->low || id - p->low >= WINDOW_IDS ||
        (p->seen[id % WINDOW_IDS / 64] >> (id % 64) & 1)) {
        return false;
    }
    p->seen[id % WINDOW_IDS / 64] |= (uint64_t)1 << (id % 64);
    return true;
}

void core_on_submit(struct ls_core *c, struct peer *p, const struct ls_msg *m)
{
    uint8_t type = m->u.submit.entry_type;
    bool big = (m->u.submit.entry_flags & LS_EF_BIG) != 0;

    if (c->role != LS_ROLE_LEADER || m->term != c->term || !is_of_member(c, &m->u.submit.sub) ||
        !ls_uuid_equal(&m->u.submit.sub.origin, &p->id) ||
        (type != LS_ENTRY_WRITESET && type != LS_ENTRY_STATE && type != LS_ENTRY_SST_REQUEST)) {
        return;
    }
    if (big ? type != LS_ENTRY_WRITESET : m->u.submit.payload == NULL && m->u.submit.size > 0) {
        return;
    }
    if (type == LS_ENTRY_STATE) {
        struct ls_member_state s;
        if (ls_member_state_decode(m->u.submit.payload, m->u.submit.size, &s, NULL) != LS_OK ||
            !ls_uuid_equal(&s.id, &p->id)) {
            core_log(c, LS_LOG_WARN, "member %s sent a state report that is not its own: ignored",
                     LS_UUID_STR(&p->id));
            return;
        }
    }
    if (!accept_id(p, m)) {
        return;
    }
    if (big) {
        struct staged *s =
            staged_get(c, &m->u.submit.sub, m->u.submit.size, m->u.submit.payload_hash);
        if (s != NULL) {
            s->by_origin = true;
            add_holder(s, &p->id);
            order_if_held(c, s);
        }
        return;
    }
    core_propose(c, (enum ls_entry_type)type, &m->u.submit.sub, flags_of(type), m->u.submit.size,
                 m->u.submit.payload_hash, m->u.submit.payload);
}
