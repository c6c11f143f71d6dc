/* The node that strangers meet: one net on one loop, and what must hold of it whatever they do. Its
 * clock stands still but for node_pass(); it dials nobody but strangers of this process and a port
 * at which nobody listens, and asks no name server, whatever addresses it is told. */
#ifndef LS_FUZZ_NODE_H
#define LS_FUZZ_NODE_H

#include "gcomm/net/net.h"

#include <stdbool.h>
#include <stdint.h>

#define NODE_PEERS 4 /* uuids that differ in the last byte alone */
#define NODE_SELF 2
#define NODE_CLUSTER "fuzz"

struct node {
    struct ls_net *net;
    struct ls_tls *tls; /* NULL: plain */
    bool tls_dynamic;
    uint16_t port;
    uint16_t strangers_port; /* where it may dial */
    bool up[NODE_PEERS];
    bool may_be_up[NODE_PEERS]; /* what is needed for that was said on some connection */
};
extern struct node node;

void node_start(struct ls_tls *tls, bool tls_dynamic);
void node_turns(int turns);
/* Time goes on, and what is due is done. */
void node_pass(int64_t us);
/* All strangers have hung up: nothing is left of them. */
void node_end(void);

#endif
