/* What server.c and client.c share: the context of whoever applies. */
#ifndef LS_TEST_NODE_DRIVER_SERVER_H
#define LS_TEST_NODE_DRIVER_SERVER_H

#include "test/node/driver/driver.h"

/* recv_ctx of an applier, or trx_ctx of a replay. */
struct apply_ctx {
    struct trx trx;
    const wsrep_ws_handle_t *replay_of; /* NULL: an applier; else the local handle */
    int calls;                          /* of apply_cb in this replay */
};

void server_isolate(int mode);

#endif
