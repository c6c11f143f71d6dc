/* What became of each submission: acknowledged ones stay, none is ordered twice, and what a client
 * was told is true. A write-set's payload is unlike every other of the run, so that the same
 * write-set under two ids is found, too. Reads are judged by what was acknowledged before them. */
#include "test/sim/oracle.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool sub_equal(const struct ls_sub_id *a, const struct ls_sub_id *b)
{
    return a->id == b->id && a->incarnation == b->incarnation &&
           memcmp(&a->origin, &b->origin, sizeof(a->origin)) == 0;
}

static uint64_t sub_hash(const struct ls_sub_id *s)
{
    uint64_t h;
    memcpy(&h, &s->origin, sizeof(h));
    return (h ^ (s->incarnation * 0x9e3779b97f4a7c15u) ^ s->id) * 0xff51afd7ed558ccdu;
}

static uint32_t slot_of(uint64_t hash, uint32_t size)
{
    return (uint32_t)(hash >> 32) & (size - 1);
}

static void table_put(uint32_t *table, uint32_t size, uint64_t hash, uint32_t value)
{
    uint32_t i = slot_of(hash, size);

    while (table[i] != 0) {
        i = (i + 1) & (size - 1);
    }
    table[i] = value;
}

static void grow(struct ls_oracle *o)
{
    if (o->sub_count == o->sub_capacity) {
        o->sub_capacity = o->sub_capacity ? 2 * o->sub_capacity : 1024;
        o->subs = realloc(o->subs, o->sub_capacity * sizeof(*o->subs));
        LS_ASSERT(o->subs != NULL);
    }
    if (2 * (o->sub_count + 1) <= o->table_size) {
        return;
    }
    free(o->by_sub);
    free(o->by_payload);
    o->table_size = o->table_size ? 2 * o->table_size : 4096;
    o->by_sub = calloc(o->table_size, sizeof(*o->by_sub));
    o->by_payload = calloc(o->table_size, sizeof(*o->by_payload));
    LS_ASSERT(o->by_sub != NULL && o->by_payload != NULL);
    for (uint32_t i = 0; i < o->sub_count; i++) {
        table_put(o->by_sub, o->table_size, sub_hash(&o->subs[i].sub), i + 1);
        table_put(o->by_payload, o->table_size, o->subs[i].payload_hash, i + 1);
    }
}

static struct ls_submit_record *find_sub(struct ls_oracle *o, const struct ls_sub_id *sub)
{
    if (o->table_size == 0) {
        return NULL;
    }
    for (uint32_t i = slot_of(sub_hash(sub), o->table_size); o->by_sub[i] != 0;
         i = (i + 1) & (o->table_size - 1)) {
        struct ls_submit_record *r = &o->subs[o->by_sub[i] - 1];
        if (sub_equal(&r->sub, sub)) {
            return r;
        }
    }
    return NULL;
}

/* Another submission with this payload that is in the order. */
static const struct ls_submit_record *find_ordered_twin(const struct ls_oracle *o,
                                                        uint64_t payload_hash)
{
    for (uint32_t i = slot_of(payload_hash, o->table_size); o->by_payload[i] != 0;
         i = (i + 1) & (o->table_size - 1)) {
        const struct ls_submit_record *r = &o->subs[o->by_payload[i] - 1];
        if (r->payload_hash == payload_hash && r->index != 0) {
            return r;
        }
    }
    return NULL;
}

void ls_oracle_submitted(struct ls_oracle *o, int slot, const struct ls_sub_id *sub,
                         uint64_t payload_hash)
{
    grow(o);
    if (find_sub(o, sub) != NULL) {
        ls_oracle_fail(o, "submit: node %d uses submission id %" PRIu64 ".%" PRIu64 " twice", slot,
                       sub->incarnation, sub->id);
        return;
    }
    o->subs[o->sub_count++] = (struct ls_submit_record){.sub = *sub, .payload_hash = payload_hash};
    table_put(o->by_sub, o->table_size, sub_hash(sub), o->sub_count);
    table_put(o->by_payload, o->table_size, payload_hash, o->sub_count);
}

void ls_oracle_ordered(struct ls_oracle *o, int slot, const struct ls_entry *e)
{
    struct ls_submit_record *r = find_sub(o, &e->sub);

    if (r == NULL || r->payload_hash != e->payload_hash) {
        ls_oracle_fail(o, "submit: index %" PRIu64 " on node %d holds what nobody submitted",
                       e->index, slot);
        return;
    }
    const struct ls_submit_record *twin =
        e->type == LS_ENTRY_WRITESET ? find_ordered_twin(o, e->payload_hash) : NULL;
    if (r->index != 0) {
        twin = r;
    }
    if (twin != NULL) {
        ls_oracle_fail(o,
                       "submit: submission %" PRIu64 ".%" PRIu64 " is ordered twice, at %" PRIu64
                       " and %" PRIu64,
                       e->sub.incarnation, e->sub.id, twin->index, e->index);
        return;
    }
    if (r->fate == LS_FATE_REJECTED) {
        ls_oracle_fail(
            o, "submit: submission %" PRIu64 ".%" PRIu64 " was rejected, now it is at %" PRIu64,
            e->sub.incarnation, e->sub.id, e->index);
    }
    r->index = e->index;
}

void ls_oracle_settled(struct ls_oracle *o, int slot, const struct ls_sub_id *sub,
                       enum ls_fate fate, uint64_t index)
{
    struct ls_submit_record *r = find_sub(o, sub);

    if (r == NULL || r->fate != LS_FATE_PENDING) {
        ls_oracle_fail(o, "submit: node %d settles submission %" PRIu64 ".%" PRIu64 " %s", slot,
                       sub->incarnation, sub->id, r == NULL ? "nobody made" : "twice");
        return;
    }
    r->fate = (uint8_t)fate;
    if (fate == LS_FATE_REJECTED && r->index != 0) {
        ls_oracle_fail(o,
                       "submit: node %d rejects submission %" PRIu64 ".%" PRIu64
                       ", which is ordered at %" PRIu64,
                       slot, sub->incarnation, sub->id, r->index);
    }
    if ((fate == LS_FATE_ACKED || fate == LS_FATE_CONFLICT) && r->index != index) {
        ls_oracle_fail(o,
                       "submit: node %d settles submission %" PRIu64 ".%" PRIu64 " at %" PRIu64
                       ", the order has it at %" PRIu64,
                       slot, sub->incarnation, sub->id, index, r->index);
    }
    if (fate == LS_FATE_ACKED && index > o->acked_index) {
        o->acked_index = index;
    }
}

uint64_t ls_oracle_read_floor(const struct ls_oracle *o)
{
    return o->acked_index;
}

void ls_oracle_read(struct ls_oracle *o, int slot, uint64_t floor, uint64_t index)
{
    if (index < floor) {
        ls_oracle_fail(o,
                       "read: node %d may read at index %" PRIu64 ", but %" PRIu64
                       " was acknowledged before it asked",
                       slot, index, floor);
    }
}
