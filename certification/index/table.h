/* The flat table under the index: 128-bit hash to the last write-sets of a key, one for each tag.
 *
 * Extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979) over small segments: the high half
 * of the hash chooses a segment, the low half the place in it. A segment is an open-addressing
 * array kept in hash order (linear probing with ordered chains, Amble and Knuth 1974), so that
 * looking for what is not there stops early even when it is 7/8 full. Everything that costs more
 * than a look-up
 * - growing, splitting, merging, dropping dead slots - is done to one segment at a time, in the
 * order of ten microseconds, whatever the size of the table: there is no pause that grows with it.
 *
 * Most keys are entered with one tag only (rows as written, tables as shared), so each tag of a key
 * has a slot of its own: half the memory, and half the cache lines to touch, of a slot for all.
 *
 * The caller's `dead` is a threshold: a slot whose word is not above it counts for nothing. It is
 * dropped when its segment is next rebuilt or swept. */
#ifndef LS_CERT_TABLE_H
#define LS_CERT_TABLE_H

#include "wsrep/base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word has its tag in these bits; what stands above and below them is the caller's. */
#define LS_TAGS 4
#define LS_TAG_SHIFT 16
#define LS_TAG_BITS(tag) ((uint64_t)(tag) << LS_TAG_SHIFT)
#define LS_TAG_OF(word) ((unsigned)((word) >> LS_TAG_SHIFT) % LS_TAGS)

struct ls_slot {
    uint64_t lo; /* low half of the hash, never 0; 0: the slot is free */
    uint64_t hi;
    uint64_t word;
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

/* The words of the hash, by tag, 0 where there is none. They may be dead. False when all are 0. */
bool ls_table_find(const struct ls_table *t, const struct ls_hash128 *hash,
                   uint64_t words[LS_TAGS]);

/* Puts the word in the place of the one with its tag, and returns that, or 0. */
uint64_t ls_table_enter(struct ls_table *t, const struct ls_hash128 *hash, uint64_t word,
                        uint64_t dead);

/* Allows `slots` more slots to be looked at for dead ones; does so by whole segments. */
void ls_table_sweep(struct ls_table *t, uint64_t dead, uint64_t slots);

#endif
