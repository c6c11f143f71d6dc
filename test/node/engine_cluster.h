/* Three nodes in one process, and clients of theirs, for tests. */
#ifndef LS_TEST_ENGINE_CLUSTER_H
#define LS_TEST_ENGINE_CLUSTER_H

#include "test/node/engine_node.h"

#include <stdatomic.h>

#define NODES 3

struct cluster {
    struct node nodes[NODES];
};

/* Three nodes, the first bootstrapped. */
void cluster_start(struct cluster *c);
/* Those that run leave. */
void cluster_stop(struct cluster *c);
/* Its place; -1: nobody leads. */
int cluster_leader(struct cluster *c);
/* Those that run have taken the same, up to the same position. */
void cluster_check(struct cluster *c);

struct client {
    ls_thread thread;
    struct node *node;
    unsigned count;
    size_t size;
    bool forget_some;
    atomic_bool *stop;
    unsigned done, unknown, refused;
    uint64_t *indexes; /* of what was acknowledged */
    int64_t *latency_us;
};

/* Ready to submit `count` write-sets of `size` bytes, one after the other; the rest of its fields
 * may be set before client_run(). */
void client_start(struct client *c, struct node *n, unsigned count, size_t size);
void client_run(struct client *c);
void client_end(struct client *c);
/* Every acknowledged one is in the witness's order. */
void check_kept(const struct client *c, struct node *witness);
/* Clients at every node, all done, and everything that was acknowledged is there. */
void run_load(struct cluster *c, unsigned per_node, unsigned count, size_t size, bool forget);
/* Shortest first. */
void client_sort_latencies(struct client *c);

#endif
