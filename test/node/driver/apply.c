/* What apply_cb does with an event, in an applier and in a replay. */
#include "test/node/driver/driver.h"

#include <string.h>

void trx_init(struct trx *trx, bool local)
{
    memset(trx, 0, sizeof(*trx));
    trx->local = local;
    ls_mutex_init(&trx->lock);
    trx->handle.trx_id = WSREP_UNDEFINED_TRX_ID;
    trx->meta.gtid.seqno = WSREP_SEQNO_UNDEFINED;
    trx->meta.stid.trx = WSREP_UNDEFINED_TRX_ID;
    trx->meta.stid.conn = WSREP_UNDEFINED_CONN_ID;
    trx->meta.depends_on = WSREP_SEQNO_UNDEFINED;
}

static wsrep_cb_status_t commit_in_order(const wsrep_ws_handle_t *handle,
                                         const wsrep_trx_meta_t *meta, const struct change *change)
{
    wsrep_buf_t no_error = {NULL, 0};
    wsrep_status_t st = provider->commit_order_enter(provider, handle, meta);

    TRACE("app", "commit_order_enter %s -> %s", gtid_text(&meta->gtid), status_name(st));
    if (st != WSREP_OK) {
        violation("commit_order_enter of ordered seqno %lld: %s", (long long)meta->gtid.seqno,
                  status_name(st));
        return WSREP_CB_FAILURE;
    }
    db_commit(&meta->gtid, change);
    st = provider->commit_order_leave(provider, handle, meta, &no_error);
    TRACE("app", "commit_order_leave %s -> %s", gtid_text(&meta->gtid), status_name(st));
    return st == WSREP_OK ? WSREP_CB_SUCCESS : WSREP_CB_FAILURE;
}

static wsrep_cb_status_t apply_change(struct trx *trx, const wsrep_ws_handle_t *handle,
                                      const struct change *c, const wsrep_trx_meta_t *meta)
{
    wsrep_cb_status_t st;
    uint32_t rows = c->toi ? (uint32_t)cfg.rows : c->row_count;

    for (uint32_t i = 0; i < rows; i++) {
        db_lock_ordered(trx, c->toi ? i : c->rows[i], meta->gtid.seqno);
    }
    st = commit_in_order(handle, meta, c);
    for (uint32_t i = 0; i < rows; i++) {
        db_unlock(trx, c->toi ? i : c->rows[i]);
    }
    return st;
}

wsrep_cb_status_t apply_event(struct trx *trx, const wsrep_ws_handle_t *handle, uint32_t flags,
                              const wsrep_buf_t *data, const wsrep_trx_meta_t *meta)
{
    struct change c;

    trx->meta = *meta;
    if (meta->gtid.seqno <= 0 || handle->opaque == NULL) {
        violation("apply_cb with seqno %lld, opaque %p", (long long)meta->gtid.seqno,
                  handle->opaque);
    }
    if ((flags & WSREP_FLAG_ROLLBACK) != 0) {
        if ((flags & WSREP_FLAG_ISOLATION) != 0) {
            violation("ROLLBACK with ISOLATION: the server would execute the DDL");
        }
        atomic_fetch_add(&counters.applied_failed, 1);
        return commit_in_order(handle, meta, NULL);
    }
    if (!change_decode(data, &c) || c.toi != ((flags & WSREP_FLAG_ISOLATION) != 0) ||
        flags != (c.toi ? 0x45 : 0x41)) {
        violation("seqno %lld: damaged data or wrong flags %#x", (long long)meta->gtid.seqno,
                  flags);
        return WSREP_CB_FAILURE;
    }
    if (meta->depends_on >= meta->gtid.seqno || meta->depends_on < 0) {
        violation("seqno %lld depends on %lld", (long long)meta->gtid.seqno,
                  (long long)meta->depends_on);
    }
    atomic_fetch_add(c.toi ? &counters.applied_tois : &counters.applied, 1);
    return apply_change(trx, handle, &c, meta);
}
