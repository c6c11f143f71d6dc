/* Local transactions and local TOI: one context each, its state machine, and the table of them.
 *
 *                 abort                    abort: flag only
 *   EXECUTING ----------> ABORTED <----+  (the outcome decides)
 *       | certify           ^          |
 *       v                   | refused  |
 *   SUBMITTING -------------+          |
 *       | the engine sends             |
 *       v             will never be ordered
 *     SENT ----------------------------+
 *       |  component lost: outcome unknown
 *       +-----------------> LOST
 *       | ordered, verdict
 *       +-- fail ---------> FAILED --enter--> LEAVING --leave--> ROLLED_BACK
 *       +-- pass, flagged -----------+
 *       v                            v
 *   CERTIFIED ---- abort ------> MUST_REPLAY --replay_trx--> REPLAYING
 *       | enter        | replay_trx (never aborted here)       | ^  | enter
 *       |              +---------------------------------------+-+  |
 *       v                                                           v
 *   COMMITTING <----------------------------------------------------+
 *       | leave
 *       v
 *   COMMITTED
 *
 * SUBMITTING to SENT happens on the engine's thread, SENT to the verdict or LOST on the delivery
 * thread, aborts on whatever thread needs the locks, all else on the client's thread: each move
 * under the transaction's own lock. */
#ifndef LS_PROVIDER_TRX_H
#define LS_PROVIDER_TRX_H

#include "gcomm/engine/engine.h"
#include "wsrep/base/uuid.h"
#include "wsrep/os/thread.h"
#include "wsrep/writeset/writeset.h"

#include <stdbool.h>
#include <stdint.h>

enum ls_trx_state {
    LS_TRX_EXECUTING = 0,
    LS_TRX_ABORTED, /* will not be ordered */
    LS_TRX_SUBMITTING,
    LS_TRX_SENT,
    LS_TRX_LOST, /* whether it is ordered one day is not known */
    LS_TRX_CERTIFIED,
    LS_TRX_FAILED, /* ordered, lost a conflict */
    LS_TRX_LEAVING,
    LS_TRX_ROLLED_BACK,
    LS_TRX_MUST_REPLAY,
    LS_TRX_REPLAYING,
    LS_TRX_COMMITTING,
    LS_TRX_COMMITTED,
    LS_TRX_STATE_COUNT,
};

/* What the server's opaque handle points to; the first field of struct ls_trx and of a remote
 * event, so that commit_order_* can tell them apart. */
enum ls_handle_kind { LS_HANDLE_LOCAL = 0x10ca1, LS_HANDLE_REMOTE = 0x4e307e };

/* Which tables the keys are of, in their order, for the report of a conflict. */
#define LS_TRX_TABLE_RUNS 8
#define LS_TABLE_NAME_SIZE 132 /* "database.table" and NUL; what is longer is cut */
struct ls_trx_tables {
    uint32_t count; /* LS_TRX_TABLE_RUNS + 1: there were more, and the last names are not known */
    struct {
        size_t from_key; /* position of the first one in the write-set */
        size_t name_len;
        char name[LS_TABLE_NAME_SIZE];
    } runs[LS_TRX_TABLE_RUNS];
};

struct ls_trx {
    enum ls_handle_kind kind;
    ls_mutex lock;
    ls_cond cond; /* the state moved on from SUBMITTING or SENT */
    uint64_t id;  /* the server's, or the connection of a TOI */
    uint64_t conn;
    enum ls_trx_state state;
    bool aborted;         /* by an ordered write-set, see abort in the drawing */
    bool sent;            /* it has left the send queue */
    bool retired;         /* its seqno passed both orders */
    enum ls_rc append_rc; /* first failure of append_key or append_data: certify must fail */
    uint32_t flags;       /* enum ls_ws_flag, as sent */
    struct ls_ws_builder *builder;
    struct ls_trx_tables tables;
    int64_t conflict_key; /* position of the key that it failed for; -1: none */
    struct ls_submission sub;
    int64_t seqno; /* LS_SEQNO_UNDEFINED until ordered */
    int64_t depends_on;
    uint64_t index; /* of its entry in the log */
    void *provider; /* for the engine's callbacks */
    struct ls_trx *hash_next;
    /* owned by pending.c */
    struct ls_trx *pending_prev, *pending_next;
    bool is_pending;
    int64_t last_seen;
};

/* The keys from here on are of this table. Cheap when it is the one of before. */
void ls_trx_note_table(struct ls_trx *trx, const struct ls_piece *database,
                       const struct ls_piece *table);
/* "database.table" of the conflict key; "" when not known. */
const char *ls_trx_conflict_table(const struct ls_trx *trx);

const char *ls_trx_state_name(enum ls_trx_state s);

/* One move of the state machine; asserts that the drawing has it. The lock is held. */
void ls_trx_move(struct ls_trx *trx, enum ls_trx_state to);

/* abort_certification, the decision only (contract 3.6). bf_seqno: of the aborter; below 1: it has
 * none. */
enum ls_abort_action {
    LS_ABORT_REFUSED,     /* the aborter must wait */
    LS_ABORT_DONE,        /* granted */
    LS_ABORT_KICK_SUBMIT, /* granted; wake it from waiting for room */
    LS_ABORT_KICK_COMMIT, /* granted; wake it from commit_order_enter */
};
enum ls_abort_action ls_trx_abort(struct ls_trx *trx, int64_t bf_seqno);

/* The verdict, with the lock held. Wakes the client. */
void ls_trx_decide(struct ls_trx *trx, bool pass, int64_t seqno, int64_t depends_on,
                   uint64_t index);

#define LS_TRX_SHARDS 64
#define LS_TRX_BUCKETS 64 /* per shard */
#define LS_TRX_SPARE 16   /* contexts kept for reuse, per shard */

struct ls_trx_shard {
    ls_mutex lock;
    struct ls_trx *buckets[LS_TRX_BUCKETS];
    struct ls_trx *spare;
    uint32_t spare_count;
    uint32_t count;
};

struct ls_trx_table {
    struct ls_trx_shard shards[LS_TRX_SHARDS];
};

void ls_trx_table_init(struct ls_trx_table *t);
void ls_trx_table_destroy(struct ls_trx_table *t);
/* NULL when there is none. The pointer is the client thread's until it removes it. */
struct ls_trx *ls_trx_find(struct ls_trx_table *t, uint64_t id);
/* NULL when memory is short. */
struct ls_trx *ls_trx_create(struct ls_trx_table *t, uint64_t id);
void ls_trx_remove(struct ls_trx_table *t, struct ls_trx *trx);
uint32_t ls_trx_count(struct ls_trx_table *t);
/* Runs fn on the transaction with this id under the shard's lock, so that it cannot be removed
 * meanwhile. False when there is none. */
bool ls_trx_with(struct ls_trx_table *t, uint64_t id, void (*fn)(struct ls_trx *trx, void *arg),
                 void *arg);

#endif
