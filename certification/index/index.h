/* Certification: does this write-set conflict with what was ordered before it, and what must be
 * applied before it?
 *
 * Deterministic, single-threaded, in total order; no lock, no clock, no thread of its own. The same
 * sequence of calls gives the same verdicts on every node (design, section 4). A flat open-addressing
 * index over 128-bit key hashes keeps, per key, the last write-set of each of the four types. */
#ifndef LS_CERT_INDEX_H
#define LS_CERT_INDEX_H

#include "wsrep/base/uuid.h"
#include "wsrep/writeset/writeset.h"

struct ls_cert;

/* The index starts behind seqno `start` with the commit cut `cut`: write-sets whose last_seen is
 * below the cut in force fail. */
struct ls_cert *ls_cert_create(int64_t start, int64_t cut);
void ls_cert_destroy(struct ls_cert *c);

struct ls_cert_conflict { /* filled when the verdict is a key conflict */
    int64_t seqno;          /* of the write-set in the index */
    struct ls_ws_key key;
    uint8_t index_type;     /* type under which it is held there */
};

struct ls_cert_result {
    bool pass;
    int64_t depends_on; /* valid when pass; every seqno up to it must have been applied */
    bool conflict;      /* pass == false because of a key; else last_seen or length rules */
    struct ls_cert_conflict why;
};

/* Next event in order. seqno must be above every earlier one. source: the origin's uuid and
 * incarnation hashed is not enough, the uuid itself is compared. */
void ls_cert_test(struct ls_cert *c, int64_t seqno, const struct ls_uuid *source,
                  const struct ls_ws_view *ws, struct ls_cert_result *out);
/* The verdict is known already (preload, replay from the log): enters the keys of a passed one. The
 * depends_on is computed as in ls_cert_test(); keys cannot make it fail. */
void ls_cert_preload(struct ls_cert *c, int64_t seqno, const struct ls_uuid *source,
                     const struct ls_ws_view *ws, bool pass, struct ls_cert_result *out);
/* A primary view, or anything else with a seqno that is no write-set: a barrier. */
void ls_cert_view(struct ls_cert *c, int64_t seqno);
/* The commit cut entry: entries at or below may go. Never lowers. Purging itself is done in bounded
 * steps by later calls. */
void ls_cert_cut(struct ls_cert *c, int64_t cut);
/* cert.optimistic_pa=no: dependants wait at least for last_seen. Local choice, no verdict changes. */
void ls_cert_set_optimistic_pa(struct ls_cert *c, bool on);

struct ls_cert_stats {
    uint64_t keys;         /* index entries */
    uint64_t bytes;        /* memory held */
    uint64_t writesets;    /* held for purge */
    double deps_distance;  /* sum and count since reset are in the provider; last value here */
};
void ls_cert_get_stats(const struct ls_cert *c, struct ls_cert_stats *out);

#endif
