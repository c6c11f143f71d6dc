/* One order: what every node delivers at an index is the same, in every part. */
#include "test/sim/oracle.h"
#include "wsrep/base/assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ls_oracle_place(struct ls_oracle *o, int slot, uint64_t index)
{
    o->placed[slot] = true;
    o->delivered[slot] = index;
}

void ls_oracle_unplace(struct ls_oracle *o, int slot)
{
    o->placed[slot] = false;
}

static bool takes_seqno(const struct ls_entry *e)
{
    return (e->flags & LS_EF_SEQNO) != 0;
}

/* Who is no member at that place in the order has nothing ordered there: it would come behind the
 * view that its origin has left with. */
static void check_membership(struct ls_oracle *o, int slot, const struct ls_entry *e)
{
    const struct ls_member *origin = ls_config_find(&o->members, &e->sub.origin);

    if (e->type == LS_ENTRY_CONFIG) {
        if (ls_config_decode(e->payload, e->size, &o->members, NULL) != LS_OK) {
            ls_oracle_fail(o,
                           "order: node %d commits a configuration at index %" PRIu64
                           " that cannot be read",
                           slot, e->index);
        }
    } else if (e->type == LS_ENTRY_WRITESET &&
               (origin == NULL || origin->incarnation != e->sub.incarnation)) {
        ls_oracle_fail(o, "order: write-set at index %" PRIu64 " is of no member", e->index);
    }
}

/* What is decided first makes history; it must go on from what is there. */
static void extend(struct ls_oracle *o, int slot, uint64_t term, const struct ls_entry *e)
{
    const struct ls_order_record *last = o->order_count > 0 ? &o->order[o->order_count - 1] : NULL;
    int64_t before = last != NULL ? last->seqno : 0;

    if (e->seqno != before + (takes_seqno(e) ? 1 : 0)) {
        ls_oracle_fail(o,
                       "order: node %d commits index %" PRIu64 " with seqno %" PRId64
                       " after seqno %" PRId64,
                       slot, e->index, e->seqno, before);
    }
    if (e->type == LS_ENTRY_WRITESET && !takes_seqno(e)) {
        ls_oracle_fail(o, "order: write-set at index %" PRIu64 " without a seqno", e->index);
    }
    if (e->type != LS_ENTRY_WRITESET && e->type != LS_ENTRY_CONFIG && takes_seqno(e)) {
        ls_oracle_fail(o, "order: entry of type %d at index %" PRIu64 " took a seqno", e->type,
                       e->index);
    }
    if (last != NULL && e->term < last->term) {
        ls_oracle_fail(o, "order: term goes back from %" PRIu64 " to %" PRIu64 " at index %" PRIu64,
                       last->term, e->term, e->index);
    }
    if (o->order_count == o->order_capacity) {
        o->order_capacity = o->order_capacity ? 2 * o->order_capacity : 4096;
        o->order = realloc(o->order, o->order_capacity * sizeof(*o->order));
    }
    LS_ASSERT(o->order != NULL);
    o->order[o->order_count++] = (struct ls_order_record){.sub = e->sub,
                                                          .chain = e->chain,
                                                          .term = e->term,
                                                          .payload_hash = e->payload_hash,
                                                          .seqno = e->seqno,
                                                          .known_in_term = term,
                                                          .type = e->type,
                                                          .flags = e->flags,
                                                          .first_slot = (uint8_t)slot};
    check_membership(o, slot, e);
    if (e->sub.id != 0) {
        ls_oracle_ordered(o, slot, e);
    }
}

static bool same(const struct ls_order_record *r, const struct ls_entry *e)
{
    return r->term == e->term && r->payload_hash == e->payload_hash && r->seqno == e->seqno &&
           r->type == e->type && r->flags == e->flags && r->sub.id == e->sub.id &&
           r->sub.incarnation == e->sub.incarnation &&
           memcmp(&r->sub.origin, &e->sub.origin, sizeof(e->sub.origin)) == 0 &&
           r->chain.lo == e->chain.lo && r->chain.hi == e->chain.hi;
}

void ls_oracle_decided(struct ls_oracle *o, int slot, uint64_t term, const struct ls_entry *e)
{
    if (e->index == o->order_count + 1) {
        extend(o, slot, term, e);
    }
}

void ls_oracle_delivered(struct ls_oracle *o, int slot, const struct ls_entry *e)
{
    if (!o->placed[slot]) {
        ls_oracle_fail(o, "order: node %d delivers index %" PRIu64 " before it has a position",
                       slot, e->index);
        return;
    }
    if (e->index != o->delivered[slot] + 1) {
        ls_oracle_fail(o, "order: node %d delivers index %" PRIu64 " after %" PRIu64, slot,
                       e->index, o->delivered[slot]);
        return;
    }
    o->delivered[slot] = e->index;
    if (e->index > o->order_count) {
        ls_oracle_fail(o, "order: node %d delivers index %" PRIu64 ", nobody committed it", slot,
                       e->index);
        return;
    }
    const struct ls_order_record *r = &o->order[e->index - 1];
    if (!same(r, e)) {
        ls_oracle_fail(o,
                       "order: index %" PRIu64 " is type %d term %" PRIu64 " seqno %" PRId64
                       " sub %" PRIu64 ".%" PRIu64 " on node %d, but was type %d term %" PRIu64
                       " seqno %" PRId64 " sub %" PRIu64 ".%" PRIu64 " on node %d",
                       e->index, e->type, e->term, e->seqno, e->sub.incarnation, e->sub.id, slot,
                       r->type, r->term, r->seqno, r->sub.incarnation, r->sub.id, r->first_slot);
    }
}

void ls_oracle_outage(struct ls_oracle *o, int slot, uint64_t term, uint64_t incarnation)
{
    o->outage_term = term > o->outage_term ? term : o->outage_term;
    o->outage_incarnation[slot] = incarnation;
}

/* The last byte of a member's id is its slot. */
static void look_for_ghosts(struct ls_oracle *o, const struct ls_entry *e,
                            const struct ls_config *c)
{
    for (uint32_t i = 0; i < c->count && e->term > o->outage_term; i++) {
        const struct ls_member *m = &c->members[i];
        if (ls_node_is_full(m->state) && m->incarnation <= o->outage_incarnation[m->id.b[15]]) {
            ls_oracle_fail(o,
                           "order: the view at index %" PRIu64 " of term %" PRIu64
                           " shows node %d in state %d, as it was before the outage of all",
                           e->index, e->term, m->id.b[15], m->state);
        }
    }
}

void ls_oracle_view(struct ls_oracle *o, int slot, const struct ls_entry *e,
                    const struct ls_config *c)
{
    if ((c->is_view != 0) != takes_seqno(e)) {
        ls_oracle_fail(o, "order: configuration at index %" PRIu64 ": is_view %d, seqno taken %d",
                       e->index, c->is_view, takes_seqno(e));
    }
    if (e->index <= o->view_index) {
        return; /* somebody had it before: it was compared by its hash */
    }
    o->view_index = e->index;
    if (c->is_view) {
        if (o->view != 0 && c->view != o->view + 1) {
            ls_oracle_fail(o, "order: node %d sees view %" PRId64 " after view %" PRId64, slot,
                           c->view, o->view);
        }
        o->view = c->view;
        look_for_ghosts(o, e, c);
    }
}

void ls_oracle_verdict(struct ls_oracle *o, int slot, uint64_t index, bool pass)
{
    uint8_t verdict = pass ? LS_VERDICT_PASS : LS_VERDICT_FAIL;
    LS_ASSERT(index >= 1 && index <= o->order_count);

    struct ls_order_record *r = &o->order[index - 1];
    if (r->verdict == LS_VERDICT_UNKNOWN) {
        r->verdict = verdict;
    } else if (r->verdict != verdict) {
        ls_oracle_fail(o, "verdict: seqno %" PRId64 " (index %" PRIu64 ") %s on node %d only",
                       r->seqno, index, pass ? "passes" : "fails", slot);
    }
}

uint64_t ls_oracle_decided_before(const struct ls_oracle *o, uint64_t term)
{
    uint64_t i = o->order_count;

    while (i > 0 && o->order[i - 1].known_in_term >= term) {
        i--;
    }
    return i;
}

void ls_oracle_leads(struct ls_oracle *o, int slot, uint64_t term, uint64_t index, bool found,
                     struct ls_hash128 chain)
{
    if (index == 0) {
        return;
    }
    const struct ls_order_record *r = &o->order[index - 1];
    if (!found) {
        ls_oracle_fail(o,
                       "order: node %d leads term %" PRIu64 " without index %" PRIu64
                       ", which was decided in term %" PRIu64,
                       slot, term, index, r->known_in_term);
    } else if (chain.lo != r->chain.lo || chain.hi != r->chain.hi) {
        ls_oracle_fail(o,
                       "order: node %d leads term %" PRIu64 " with another entry at index %" PRIu64
                       " than the one decided in term %" PRIu64,
                       slot, term, index, r->known_in_term);
    }
}
