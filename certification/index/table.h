/* The flat table under the index: 128-bit hash to the last write-sets of a key.
 *
 * Extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979) over small segments: the high half
 * of the hash chooses a segment, the low half the place in it. A segment is an open-addressing
 * array kept in hash order (linear probing with ordered chains, Amble and Knuth 1974), so that
 * looking for what is not there stops early even when it is 7/8 full. Everything that costs more
 * than a look-up
 * - growing, splitting, merging, dropping dead slots - is done to one segment at a time, in the
 * order of ten microseconds, whatever the size of the table: there is no pause that grows with it.
 *
 * The caller's `dead` is a threshold: a slot none of whose words is above it counts for nothing. It
 * is dropped when its segment is next rebuilt or swept. */
#ifndef LS_CERT_TABLE_H
#define LS_CERT_TABLE_H

#include "wsrep/base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_SLOT_WORDS 4

struct ls_slot {
    uint64_t lo; /* low half of the hash, never 0; 0: the slot is free */
    uint64_t hi;
    uint64_t last[LS_SLOT_WORDS];
};

struct ls_segment {
    struct ls_slot *slots;
    uint32_t cap;   /* home positions: [0, cap) */
    uint32_t alloc; /* slots in the array, above cap: chains run on to the right, never round */
    uint32_t count;
    uint32_t depth; /* how many leading bits of hi all its hashes share */
};

struct ls_table {
    struct ls_segment **dir; /* 2^depth of them, by the leading bits of hi */
    uint32_t depth;
    uint64_t count;
    uint64_t bytes;
    /* sweeping */
    size_t cursor;       /* next directory entry to look at */
    uint64_t credit;     /* slots that may be looked at */
    uint64_t pass_dead;  /* threshold when this pass began */
    uint64_t swept_dead; /* threshold of the last pass that was completed */
    /* live slots of the segment that is being rebuilt, and of its other half */
    struct ls_slot *scratch[2];
    size_t scratch_size[2];
};

void ls_table_init(struct ls_table *t);
void ls_table_free(struct ls_table *t);

/* Asks the processor for the slot of a look-up that will follow. */
void ls_table_prefetch(const struct ls_table *t, const struct ls_hash128 *hash);

/* NULL when there is none. A slot found may be dead: look at its words. */
struct ls_slot *ls_table_find(const struct ls_table *t, const struct ls_hash128 *hash);

/* The slot of the hash, made with zero words if there was none. Valid until the next call that
 * changes the table. */
struct ls_slot *ls_table_enter(struct ls_table *t, const struct ls_hash128 *hash, uint64_t dead);

/* Allows `slots` more slots to be looked at for dead ones; does so by whole segments. */
void ls_table_sweep(struct ls_table *t, uint64_t dead, uint64_t slots);

#endif
