#include "plugin/provider/pending.h"

#include "wsrep/base/assert.h"

#include <string.h>

void ls_pending_init(struct ls_pending *p)
{
    memset(p, 0, sizeof(*p));
    ls_mutex_init(&p->lock);
}

void ls_pending_destroy(struct ls_pending *p)
{
    LS_ASSERT(p->first == NULL);
    ls_mutex_destroy(&p->lock);
}

int64_t ls_pending_add(struct ls_pending *p, struct ls_trx *trx, const struct ls_order *applied)
{
    ls_mutex_lock(&p->lock);
    int64_t last_seen = ls_order_position(applied);
    LS_ASSERT(!trx->is_pending);
    LS_ASSERT(p->last == NULL || p->last->last_seen <= last_seen);
    trx->is_pending = true;
    trx->last_seen = last_seen;
    trx->pending_prev = p->last;
    trx->pending_next = NULL;
    if (p->last != NULL) {
        p->last->pending_next = trx;
    } else {
        p->first = trx;
    }
    p->last = trx;
    ls_mutex_unlock(&p->lock);
    return last_seen;
}

void ls_pending_remove(struct ls_pending *p, struct ls_trx *trx)
{
    ls_mutex_lock(&p->lock);
    if (trx->is_pending) {
        trx->is_pending = false;
        if (trx->pending_prev != NULL) {
            trx->pending_prev->pending_next = trx->pending_next;
        } else {
            p->first = trx->pending_next;
        }
        if (trx->pending_next != NULL) {
            trx->pending_next->pending_prev = trx->pending_prev;
        } else {
            p->last = trx->pending_prev;
        }
    }
    ls_mutex_unlock(&p->lock);
}

int64_t ls_pending_limit(struct ls_pending *p, const struct ls_order *applied)
{
    int64_t limit = ls_order_position(applied);
    ls_mutex_lock(&p->lock);
    if (p->first != NULL && p->first->last_seen < limit) {
        limit = p->first->last_seen;
    }
    ls_mutex_unlock(&p->lock);
    return limit;
}
