/* The oracles: what must hold whatever happens. They know nothing of the core's rules; they keep
 * the one true history by being told of everything that any node commits and delivers, and
 * compare.
 *
 * order   one order: every index is the same entry everywhere, seqnos step exactly, no index twice
 *         or left out, verdicts equal, a new leader holds all that was decided
 * submit  nothing acknowledged is lost, nothing is ordered twice, invented, or ordered after it was
 *         rejected
 * read    a read sees everything acknowledged anywhere before it was asked
 * calm    nobody is deposed whom a majority hears
 * live    after the faults: a component of all, nothing hangs, equal state; bounds on memory
 *
 * The first violation is kept; the run ends there. */
#ifndef LS_SIM_ORACLE_H
#define LS_SIM_ORACLE_H

#include "gcomm/core/config.h"
#include "gcomm/core/entry.h"

#define LS_ORACLE_NODES 9

/* What the history knows of one index. */
struct ls_order_record {
    struct ls_sub_id sub;
    struct ls_hash128 chain;
    uint64_t term;
    uint64_t payload_hash;
    int64_t seqno;
    uint64_t known_in_term; /* term in which the first node committed it */
    uint8_t type;
    uint8_t flags;
    uint8_t verdict; /* enum ls_verdict, as first told */
    uint8_t first_slot;
};

enum ls_fate {
    LS_FATE_PENDING = 0,
    LS_FATE_ACKED,    /* the client was told that it is committed */
    LS_FATE_CONFLICT, /* ordered, certified, lost */
    LS_FATE_REJECTED, /* the client was told that it will never be */
    LS_FATE_UNKNOWN,  /* non-primary, left, or the process died */
};

struct ls_submit_record {
    struct ls_sub_id sub;
    uint64_t payload_hash;
    uint64_t index; /* in the order, 0: not there (yet) */
    uint8_t fate;   /* enum ls_fate */
};

struct ls_oracle {
    bool failed;
    char text[600];
    /* order */
    struct ls_order_record *order; /* [index - 1] */
    uint64_t order_count, order_capacity;
    struct ls_config members; /* in force at the end of it */
    int64_t view;             /* number of the last view */
    int64_t view_before;      /* the last one a second ago */
    uint64_t view_index;      /* last configuration looked at */
    uint64_t outage_term;     /* highest of any node when all were down the last time */
    uint64_t outage_incarnation[LS_ORACLE_NODES]; /* of the processes that had died then */
    uint64_t delivered[LS_ORACLE_NODES];          /* per slot, of the process that runs there */
    bool placed[LS_ORACLE_NODES];
    /* submit: records, and two tables over them by submission and by payload */
    struct ls_submit_record *subs;
    uint32_t sub_count, sub_capacity;
    uint32_t *by_sub, *by_payload; /* record number + 1, 0: free */
    uint32_t table_size;
    /* read */
    uint64_t acked_index;
};

void ls_oracle_init(struct ls_oracle *o);
void ls_oracle_free(struct ls_oracle *o);
void ls_oracle_fail(struct ls_oracle *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- order ---- */
/* A process started, or got a snapshot: its deliveries go on after `index`. */
void ls_oracle_place(struct ls_oracle *o, int slot, uint64_t index);
void ls_oracle_unplace(struct ls_oracle *o, int slot);
/* A node's core says that the entry is committed; term: its current one. Not only what is delivered
 * makes history: who lets a newcomer in at a position may die before it delivers that far. */
void ls_oracle_decided(struct ls_oracle *o, int slot, uint64_t term, const struct ls_entry *e);
void ls_oracle_delivered(struct ls_oracle *o, int slot, const struct ls_entry *e);
/* Everybody is down: a component that forms later may show none of these as a full member. */
void ls_oracle_outage(struct ls_oracle *o, int slot, uint64_t term, uint64_t incarnation);
void ls_oracle_view(struct ls_oracle *o, int slot, const struct ls_entry *e,
                    const struct ls_config *c);
void ls_oracle_verdict(struct ls_oracle *o, int slot, uint64_t index, bool pass);
/* A node leads term; found: its entry at `index` exists, with this chain. */
uint64_t ls_oracle_decided_before(const struct ls_oracle *o, uint64_t term);
void ls_oracle_leads(struct ls_oracle *o, int slot, uint64_t term, uint64_t index, bool found,
                     struct ls_hash128 chain);

/* ---- submit ---- */
void ls_oracle_submitted(struct ls_oracle *o, int slot, const struct ls_sub_id *sub,
                         uint64_t payload_hash);
void ls_oracle_settled(struct ls_oracle *o, int slot, const struct ls_sub_id *sub,
                       enum ls_fate fate, uint64_t index);
/* Called by the order: the entry at index came from this submission. */
void ls_oracle_ordered(struct ls_oracle *o, int slot, const struct ls_entry *e);

/* ---- read ---- */
uint64_t ls_oracle_read_floor(const struct ls_oracle *o);
void ls_oracle_read(struct ls_oracle *o, int slot, uint64_t floor, uint64_t index);

/* ---- live ---- */
struct ls_world;
/* True when the healed world has settled; else why (static storage) says what is missing. */
bool ls_oracle_settled_world(struct ls_world *w, char *why, unsigned long size);
/* A node leads a new term: nobody was to be deposed for it who was well. */
struct ls_node;
void ls_oracle_elected(struct ls_world *w, const struct ls_node *winner);
/* A node appends a configuration. */
void ls_oracle_proposed(struct ls_world *w, const struct ls_node *n, const struct ls_entry *e);
/* Never two that are sure to lead and would say so (plugin/provider/export.c). */
void ls_oracle_writers(struct ls_world *w);
/* Bounds on what the nodes hold; fails the oracle. */
void ls_oracle_bounds(struct ls_world *w);

#endif
