/* The core behind the decoder, as a host has it, and messages for it. */
#ifndef LS_FUZZ_CORE_NODE_H
#define LS_FUZZ_CORE_NODE_H

#include "gcomm/core/core.h"
#include "test/sim/disk.h"
#include "wsrep/base/cursor.h"

#define PAYLOAD_MAX 16384

struct core_node {
    struct ls_core *core;
    struct ls_disk disk;
    struct ls_core_params params;
    struct ls_core_status status; /* after the last step */
    int64_t now_us;
    uint64_t committed;
    uint64_t next_sub;
    struct ls_reader in;
};

/* Drawn from n->in. Numbers lie near what the core has as often as not. */
uint64_t draw_near(struct core_node *n, uint64_t at);
struct ls_uuid draw_id(struct core_node *n); /* of a peer, the node itself, or nobody */
/* Of any type, with everything that the wire carries for it; what it points to lives until the next
 * one. */
void draw_message(struct core_node *n, struct ls_msg *m);

#endif
