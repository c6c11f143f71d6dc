/* A node that has nothing and is told to found a cluster asks the nodes that are listed first: one
 * of them may live in a cluster of this name, and a second history under it would be a trap for
 * whoever looks at either. Only an empty directory asks: who has a state, or has written
 * safe_to_bootstrap, knows what he does, and nodes may be unreachable for good reasons. */
#include "gcomm/engine/internal.h"

#include "wsrep/base/log.h"

#include <stdio.h>

#define ASK_US 5000000  /* at most: a connection that is not answered takes 3 s */
#define QUIET_US 300000 /* an answer follows a connection at once */

static void found(struct ls_engine *e)
{
    struct ls_event ev = {.type = LS_EV_BOOTSTRAP};

    if (e->ask_first) {
        /* Who is not there yet comes by itself, with a list of its own. */
        e->ask_until_us = 0;
        ls_net_forget_all(e->net);
    }
    ev.u.bootstrap.group = e->position.uuid;
    ev.u.bootstrap.seqno = e->position.seqno;
    engine_step(e, &ev);
}

void engine_found(struct ls_engine *e)
{
    if (!e->ask_first) {
        found(e);
        return;
    }
    ls_info("this node is empty: asking the nodes in wsrep_cluster_address whether the cluster "
            "exists already");
    e->ask_until_us = e->now_us + ASK_US;
    e->ask_quiet_us = e->now_us;
}

void engine_ask_tick(struct ls_engine *e)
{
    if (e->ask_until_us == 0 || e->left) {
        return;
    }
    if (!ls_net_has_tried(e->net)) {
        e->ask_quiet_us = e->now_us;
    }
    if (e->now_us >= e->ask_until_us || e->now_us >= e->ask_quiet_us + QUIET_US) {
        found(e);
    }
}

void engine_ask_told(struct ls_engine *e, const struct ls_uuid *peer, const struct ls_msg *msg)
{
    const struct engine_peer *p = engine_peer_find(e, peer);
    char text[240];

    if (e->ask_until_us == 0 || e->left || msg->type != LS_MSG_EPOCH || !msg->u.epoch.primary) {
        return;
    }
    e->ask_until_us = 0;
    snprintf(
        text, sizeof(text),
        "%.40s at %.50s has this cluster already: start without --wsrep-new-cluster to join it "
        "(or write safe_to_bootstrap: 1 into a new grastate.dat)",
        p != NULL ? p->name : "a node", p != NULL ? p->addr : "?");
    ls_error_log("this empty node founds no cluster: %s", text);
    engine_finish(e, text);
}
