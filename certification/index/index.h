/* Certification: does this write-set conflict with what was ordered before it, and what must be
 * applied before it?
 *
 * Deterministic, single-threaded, in total order; no lock, no clock, no thread of its own. The same
 * sequence of calls gives the same verdicts on every node (design, section 4). A flat
 * open-addressing index over 128-bit key hashes keeps, per key, the last write-set of each of the
 * four types. */
#ifndef LS_CERT_INDEX_H
#define LS_CERT_INDEX_H

#include "wsrep/base/uuid.h"
#include "wsrep/writeset/writeset.h"

struct ls_cert;

/* The index starts behind seqno `start` with the commit cut `cut`: write-sets whose last_seen is
 * below the cut in force fail. It then has to be given everything above `cut`, in order: start may
 * be below the cut (what is at or below the cut changes nothing), but a start above it leaves a
 * gap, and then a last_seen below `start` fails too. That is right only where all members start
 * there at once, as in a new history. Out of memory is an assertion here and below: a node without
 * a verdict cannot go on. */
struct ls_cert *ls_cert_create(int64_t start, int64_t cut);
void ls_cert_destroy(struct ls_cert *c);

struct ls_cert_conflict { /* filled when the verdict is a key conflict */
    int64_t seqno;        /* of the write-set in the index */
    struct ls_ws_key key;
    uint8_t index_type; /* type under which it is held there */
};

struct ls_cert_result {
    bool pass;
    int64_t depends_on; /* everything up to it must have been applied before this is delivered to
                           an applier, also when it failed: a failed fragment rolls back */
    bool conflict;      /* pass == false because of a key; else last_seen or length rules */
    struct ls_cert_conflict why;
};

/* Next event in order. seqno must be above every earlier one (asserted). source: the origin's uuid
 * and incarnation hashed is not enough, the uuid itself is compared. A rollback fragment passes
 * always. */
void ls_cert_test(struct ls_cert *c, int64_t seqno, const struct ls_uuid *source,
                  const struct ls_ws_view *ws, struct ls_cert_result *out);
/* The verdict is known already (preload, replay from the log): enters the keys of a passed one. The
 * depends_on is computed as in ls_cert_test(); nothing can make it fail. */
void ls_cert_preload(struct ls_cert *c, int64_t seqno, const struct ls_uuid *source,
                     const struct ls_ws_view *ws, bool pass, struct ls_cert_result *out);
/* A primary view, or anything else with a seqno that is no write-set: a barrier. */
void ls_cert_view(struct ls_cert *c, int64_t seqno);
/* The commit cut entry: entries at or below may go, and count for nothing from now on. Never
 * lowers, never above the last seqno given. Purging itself is done in bounded steps by this and
 * later calls. */
void ls_cert_cut(struct ls_cert *c, int64_t cut);
/* cert.optimistic_pa=no: dependants wait at least for last_seen. Local choice, no verdict changes.
 */
void ls_cert_set_optimistic_pa(struct ls_cert *c, bool on);

struct ls_cert_stats {
    uint64_t keys;        /* index entries, those included that a later step will purge */
    uint64_t bytes;       /* memory held */
    uint64_t writesets;   /* seqnos above the cut */
    double deps_distance; /* of the last that passed: seqno - depends_on */
};
void ls_cert_get_stats(const struct ls_cert *c, struct ls_cert_stats *out);

#endif
