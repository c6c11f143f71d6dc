/* Who is told to bootstrap looks first whether others live.
 *
 * A node that has nothing looks for a cluster of this name: a second history under it would be a
 * trap for whoever looks at either. It asks the nodes that are listed, and listens for a moment,
 * listed or not: living members dial the addresses that they were given or remember again and
 * again. A person who insists writes safe_to_bootstrap.
 *
 * A node that has a state asks those that are listed and those of its last component whether they
 * have formed a primary component of that history meanwhile, which a new one beside it would part.
 * After an outage they do so by themselves, and who is told to bootstrap a node (a runbook, an
 * operator of Kubernetes) may come a second later. Nobody can want that: to go back to the state of
 * this node means to stop the others. */
#include "gcomm/engine/internal.h"

#include "wsrep/base/log.h"

#include <stdio.h>

#define ASK_US 5000000  /* at most: a connection that is not answered takes 3 s */
#define QUIET_US 300000 /* an answer follows a connection at once */
/* A member dials a missing address after a second at the latest (gcomm/net/internal.h), when the
 * attempt before has failed: where a machine answers, that is at once. The rest is for slow ones.
 */
#define LISTEN_US 1500000

static void found(struct ls_engine *e)
{
    struct ls_event ev = {.type = LS_EV_BOOTSTRAP};

    if (e->fresh) {
        ls_info("no cluster of this name was found: founding it");
    }
    /* Who is not there yet comes by itself, with a list of its own. */
    e->ask_until_us = 0;
    ls_net_forget_all(e->net);
    ev.u.bootstrap.group = e->position.uuid;
    ev.u.bootstrap.seqno = e->position.seqno;
    ev.u.bootstrap.bare = e->fresh;
    engine_step(e, &ev);
}

void engine_found(struct ls_engine *e)
{
    e->ask_until_us = e->now_us + ASK_US;
    e->ask_quiet_us = e->now_us;
    if (!e->fresh) {
        ls_info(
            "before it bootstraps the cluster this node asks the others whether they have formed "
            "a primary component");
        return;
    }
    e->ask_quiet_us += LISTEN_US - QUIET_US;
    ls_info("this node is empty: before it founds a cluster it asks the nodes in "
            "wsrep_cluster_address whether there is one, and listens %.1f s for members that look "
            "for it",
            LISTEN_US / 1e6);
}

void engine_ask_tick(struct ls_engine *e)
{
    if (e->ask_until_us == 0 || e->left) {
        return;
    }
    if (e->now_us > e->ask_quiet_us && !ls_net_has_tried(e->net)) {
        e->ask_quiet_us = e->now_us;
    }
    if (e->now_us >= e->ask_until_us || e->now_us >= e->ask_quiet_us + QUIET_US) {
        found(e);
    }
}

void engine_ask_told(struct ls_engine *e, const struct ls_uuid *peer, const struct ls_msg *msg)
{
    const struct engine_peer *p = engine_peer_find(e, peer);
    char text[300];

    /* For an empty node whoever has a history counts, also outside of a primary component: after an
     * outage its members wait for each other. */
    if (e->ask_until_us == 0 || e->left || msg->type != LS_MSG_EPOCH ||
        (!e->fresh &&
         (!msg->u.epoch.primary || !ls_uuid_equal(&msg->u.epoch.group, &e->position.uuid)))) {
        return;
    }
    e->ask_until_us = 0;
    snprintf(text, sizeof(text),
             !e->fresh ? "%.26s at %.40s is in a primary component of this cluster: start without "
                         "--wsrep-new-cluster to join it. To give up what it has and go back to "
                         "the state of this node, stop all of its servers first"
             : msg->u.epoch.primary
                 ? "%.26s at %.40s has this cluster already: start without "
                   "--wsrep-new-cluster, with its address in wsrep_cluster_address, to join "
                   "(or write safe_to_bootstrap: 1 into a new grastate.dat)"
                 : "%.26s at %.40s has data of this cluster and waits for its members: start "
                   "without --wsrep-new-cluster, with its address in wsrep_cluster_address, to "
                   "wait with it (or write safe_to_bootstrap: 1 into a new grastate.dat)",
             p != NULL ? p->name : "a node", p != NULL ? p->addr : "?");
    ls_error_log(e->fresh ? "this empty node founds no cluster: %s"
                          : "this node does not bootstrap the cluster: %s",
                 text);
    engine_finish(e, text);
}
