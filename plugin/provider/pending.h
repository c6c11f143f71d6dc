/* The local submissions that were sent and are not settled, in the order of sending.
 *
 * Their oldest last_seen bounds what this node may report as applied (design, section 4): a commit
 * cut above it would make them fail everywhere. */
#ifndef LS_PROVIDER_PENDING_H
#define LS_PROVIDER_PENDING_H

#include "plugin/provider/order.h"
#include "plugin/provider/trx.h"

struct ls_pending {
    ls_mutex lock;
    struct ls_trx *first, *last;
};

void ls_pending_init(struct ls_pending *p);
/* Must be empty. */
void ls_pending_destroy(struct ls_pending *p);

/* At the moment of sending: reads last_seen from the apply order and enters it, in one step, so
 * that ls_pending_limit() can never have let a higher number out in between. Returns it. */
int64_t ls_pending_add(struct ls_pending *p, struct ls_trx *trx, const struct ls_order *applied);
/* Settled, one way or the other; harmless when it is not in the list. */
void ls_pending_remove(struct ls_pending *p, struct ls_trx *trx);

/* What this node may report: the position of the apply order, or an older last_seen in the list. */
int64_t ls_pending_limit(struct ls_pending *p, const struct ls_order *applied);

#endif
