/* The simulated disk of one machine: write-set log, identity file, and what the database wrote.
 *
 * It outlives the process. A crashed process loses nothing that it wrote (page cache); a power cut
 * loses what was not synced. Truncation, reset and votes are durable at once. */
#ifndef LS_SIM_DISK_H
#define LS_SIM_DISK_H

#include "gcomm/core/core.h"
#include "test/sim/blob.h"
#include "wsrep/base/prng.h"

struct ls_disk_entry {
    struct ls_entry e; /* payload points into blob */
    struct ls_blob *blob;
    bool verdict_inside; /* came with its verdict: they are as durable as each other */
};

struct ls_disk_segment {
    struct ls_log_pos base;
    void *context;
    size_t context_size;
};

/* A database as far as the group is concerned: how far, and a hash over all that it applied. */
struct ls_database {
    int64_t seqno;
    uint64_t hash;
    bool valid; /* false: none, or a state transfer that did not end */
};

struct ls_disk {
    /* identity */
    struct ls_uuid id;
    uint64_t incarnation;
    uint64_t term;
    struct ls_uuid vote;
    struct ls_database db; /* what a restart finds */
    bool half;             /* and that it died in the middle of a statement in total order */
    bool full;             /* nothing can be appended; the identity file's place is reserved */
    bool marked;           /* the identity file says that what was acknowledged is durable */
    uint64_t mark_from;    /* it will, once the log is durable up to here; UINT64_MAX: never */
    /* log: entries[head .. head + count) have indexes base + 1 .. */
    struct ls_disk_entry *entries;
    size_t head, count, capacity;
    struct ls_disk_segment *segments; /* the first one's base is the log's */
    size_t segment_count, segment_capacity;
    uint64_t verdicts_synced; /* power loss forgets the verdicts put on entries above */
    uint64_t synced;          /* durable up to this index */
    uint32_t segment_entries; /* a new segment after so many */
};

void ls_disk_init(struct ls_disk *d, uint32_t segment_entries);
/* Everything is lost; the identity is zero afterwards. */
void ls_disk_wipe(struct ls_disk *d);
void ls_disk_free(struct ls_disk *d);

struct ls_log_pos ls_disk_base(const struct ls_disk *d);
struct ls_log_pos ls_disk_last(const struct ls_disk *d);
/* NULL when not held. */
struct ls_disk_entry *ls_disk_find(const struct ls_disk *d, uint64_t index);
struct ls_core_log ls_disk_core_log(struct ls_disk *d);

/* True when the next append starts a new segment: then ls_disk_new_segment() comes first. */
bool ls_disk_wants_segment(const struct ls_disk *d);
void ls_disk_new_segment(struct ls_disk *d, const void *context, size_t size);
/* Takes over a reference of blob. */
void ls_disk_append(struct ls_disk *d, const struct ls_entry *e, struct ls_blob *blob);
void ls_disk_truncate(struct ls_disk *d, uint64_t index);
void ls_disk_reset(struct ls_disk *d, const struct ls_log_pos *base, const void *context,
                   size_t size);
/* Drops whole old segments that hold nothing at or above keep_from. */
void ls_disk_purge(struct ls_disk *d, uint64_t keep_from);
void ls_disk_sync(struct ls_disk *d, uint64_t index);
/* A process starts with log.sync=majority, or without: what it finds is made durable first. */
void ls_disk_start(struct ls_disk *d, bool majority);
/* log.sync is another one from now on. */
void ls_disk_set_sync(struct ls_disk *d, bool majority);
/* Power was cut: un-synced entries go, in part or all. */
void ls_disk_lose_unsynced(struct ls_disk *d, struct ls_prng *rng);

#endif
