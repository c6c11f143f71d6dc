/* A node for tests: an engine, its consumer thread, and what the consumer saw. The consumer stands
 * in for the provider: every write-set passes, a snapshot is complete at once. */
#ifndef LS_TEST_ENGINE_NODE_H
#define LS_TEST_ENGINE_NODE_H

#include "gcomm/engine/engine.h"
#include "wsrep/os/thread.h"

#define NODE_RECORDS 200000

struct record {
    uint64_t index;
    int64_t seqno;
    struct ls_hash128 chain;
    uint64_t payload_hash;
    struct ls_sub_id sub;
};

struct node {
    char dir[64];
    char name[16];
    struct ls_engine *engine;
    ls_thread consumer;
    bool consuming;

    ls_mutex mutex;
    ls_cond cond;
    struct record *records; /* by index, 0 unused */
    uint64_t last;          /* highest index taken */
    uint64_t first;         /* lowest of this life */
    int64_t seqno;
    struct ls_uuid group;
    uint32_t connected, nonprimary, left, from_log;
    bool failed;      /* so it left */
    uint32_t members; /* of the last configuration */
    uint32_t voters;
    uint64_t owns;
    int state; /* own state in the last configuration */
    uint64_t wrong;
    uint32_t delay_us; /* per entry: a slow consumer */
};

/* Makes the data directory; once per node. */
void node_init(struct node *n, const char *name);
/* Removes it. */
void node_fini(struct node *n);

/* A start; position from the last life unless `forget`. peers: nodes to contact. */
void node_start(struct node *n, struct node *const *peers, size_t count, bool bootstrap,
                bool forget);
/* Waits for the primary component and, by the stream, for the synced state. */
void node_wait_synced(struct node *n);
bool node_wait_members(struct node *n, uint32_t members, uint32_t voters, int64_t timeout_us);
/* Until the consumer took everything that `other` took; false after 10 s. */
bool node_wait_level(struct node *n, struct node *other);
/* False after 10 s. */
bool node_wait_nonprimary(struct node *n);
bool node_wait_left(struct node *n);
/* leave: properly; else as if the process died. */
void node_stop(struct node *n, bool leave);

/* One write-set of size bytes, all bytes from a counter; the answer. */
enum ls_rc node_submit(struct node *n, size_t size, uint64_t *index);
/* The same and gives it up at once. */
void node_submit_forget(struct node *n, size_t size);

extern bool node_sync_majority;
extern bool node_ack_all;
extern bool node_ignore_quorum;
extern bool node_usual_times; /* as by default, not as short as most tests can bear */
extern uint32_t node_fc_limit;
extern uint64_t
    node_max_pending_bytes; /* twice as much free makes a disk nearly full; 0: default */

#endif
