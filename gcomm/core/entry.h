/* One entry of the replicated log, and its chain hash.
 *
 * The log index counts everything; the wsrep seqno counts only what the server sees (design, rule
 * 3). Each entry stores the seqno in force after it, and LS_EF_SEQNO tells whether it took that
 * number itself. */
#ifndef LS_CORE_ENTRY_H
#define LS_CORE_ENTRY_H

#include "wsrep/base/hash.h"
#include "wsrep/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum ls_entry_type {
    LS_ENTRY_NOOP = 1,        /* first entry of a leader's term; payload: none, origin = leader */
    LS_ENTRY_WRITESET = 2,    /* transaction, fragment or TOI; payload: wsrep/writeset bytes */
    LS_ENTRY_CONFIG = 3,      /* members changed; payload: struct ls_config */
    LS_ENTRY_STATE = 4,       /* a member's state changed; payload: struct ls_member_state */
    LS_ENTRY_SST_REQUEST = 5, /* a joiner asks for a snapshot; payload: opaque to the core */
    LS_ENTRY_CUT = 6,         /* commit cut; payload: i64 seqno */
};

enum ls_entry_flag {
    LS_EF_SEQNO = 1, /* this entry consumed its seqno */
    LS_EF_BIG = 2,   /* the payload travelled apart, origin to all (rule 1) */
};

enum ls_verdict {
    LS_VERDICT_UNKNOWN = 0,
    LS_VERDICT_PASS = 1,
    LS_VERDICT_FAIL = 2,
};

/* Which submission an entry came from (rule 4). Entries the leader makes itself have id 0. */
struct ls_sub_id {
    struct ls_uuid origin;
    uint64_t incarnation; /* of the origin's process or membership, never reused */
    uint64_t id;          /* rises per incarnation, from 1 */
};

struct ls_entry {
    uint64_t index; /* from 1 */
    uint64_t term;
    int64_t seqno; /* in force after this entry; its own when LS_EF_SEQNO */
    struct ls_sub_id sub;
    uint8_t type;    /* enum ls_entry_type */
    uint8_t flags;   /* enum ls_entry_flag */
    uint8_t verdict; /* enum ls_verdict: a local annotation, not part of the chain */
    uint32_t size;   /* payload bytes */
    uint64_t payload_hash;
    struct ls_hash128 chain; /* of this and, through its predecessor's, of all before */
    const void *payload;     /* borrowed; how long it lives is said where the entry comes from */
};

/* A position in a log, and all that a log that starts behind it must know of its past. */
struct ls_log_pos {
    uint64_t index;
    uint64_t term;
    int64_t seqno;
    struct ls_hash128 chain;
};

/* The chain hash of e after the predecessor's. Uses all fields but verdict, chain and payload. */
struct ls_hash128 ls_entry_chain(struct ls_hash128 previous, const struct ls_entry *e);

bool ls_sub_id_equal(const struct ls_sub_id *a, const struct ls_sub_id *b);

struct ls_log_pos ls_entry_pos(const struct ls_entry *e);

#endif
