#include "plugin/provider/provider.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"

static enum ls_rc build(struct ls_provider *p, struct ls_trx *toi, const wsrep_key_t *keys,
                        size_t keys_num, const wsrep_buf_t *action, size_t count)
{
    ls_ws_set_max_size(toi->builder, atomic_load(&p->max_ws_size));
    enum ls_rc rc = ls_submit_add_keys(toi->builder, keys, keys_num, LS_KEY_EXCLUSIVE);
    for (size_t i = 0; i < count && rc == LS_OK; i++) {
        rc = ls_ws_add_data(toi->builder, action[i].ptr, action[i].len, true);
    }
    return rc;
}

/* The server does not call to_execute_end for it: its seqno passes here. */
static wsrep_status_t give_up(struct ls_provider *p, struct ls_trx *toi, enum ls_rc why)
{
    wsrep_status_t rc = why == LS_E_TOOBIG ? WSREP_SIZE_EXCEEDED : WSREP_CONN_FAIL;

    if (toi->state == LS_TRX_FAILED) {
        atomic_fetch_add(&p->counters.local_cert_failures, 1);
        ls_order_pass(&p->commit, toi->seqno);
        ls_order_pass(&p->apply, toi->seqno);
        ls_phase_report_applied(p);
        rc = WSREP_TRX_FAIL;
    }
    ls_trx_remove(&p->tois, toi);
    return rc;
}

static wsrep_status_t enter(struct ls_provider *p, struct ls_trx *toi, wsrep_trx_meta_t *meta)
{
    ls_order_wait(&p->commit, toi->seqno - 1, -1, NULL, NULL);
    ls_order_wait(&p->apply, toi->seqno - 1, -1, NULL, NULL);
    ls_mutex_lock(&toi->lock);
    ls_trx_move(toi, LS_TRX_COMMITTING);
    ls_mutex_unlock(&toi->lock);
    ls_submit_fill_meta(p, toi, WSREP_UNDEFINED_TRX_ID, meta);
    struct ls_gtid ddl = {ls_uuid_from_wsrep(&meta->gtid.uuid), toi->seqno};
    ls_saved_state_mark_ddl(p->saved, &ddl, NULL);
    return WSREP_OK;
}

wsrep_status_t ls_provider_toi_start(wsrep_t *self, wsrep_conn_id_t conn, const wsrep_key_t *keys,
                                     size_t keys_num, const wsrep_buf_t *action, size_t count,
                                     uint32_t flags, wsrep_trx_meta_t *meta)
{
    struct ls_provider *p = ls_provider_of(self);

    ls_submit_clear_meta(meta);
    if ((flags & LS_WS_TRX_START) == 0 || (flags & LS_WS_TRX_END) == 0) {
        ls_error_log("Non-blocking DDL (wsrep_OSU_method=NBO) is not supported by this version.");
        return WSREP_NOT_IMPLEMENTED;
    }
    if (atomic_load(&p->inconsistent)) {
        return WSREP_NODE_FAIL;
    }
    if (!ls_phase_accepts_writes(p)) {
        return WSREP_CONN_FAIL;
    }
    if (ls_trx_find(&p->tois, conn) != NULL) {
        return WSREP_NOT_ALLOWED; /* one connection runs one statement at a time */
    }
    struct ls_trx *toi = ls_trx_create(&p->tois, conn);
    if (toi == NULL) {
        return WSREP_NODE_FAIL;
    }
    toi->conn = conn;
    enum ls_rc rc = build(p, toi, keys, keys_num, action, count);
    if (rc == LS_OK) {
        rc = ls_submit_and_wait(p, toi, flags | LS_WS_ISOLATION, WSREP_UNDEFINED_TRX_ID, false);
    }
    if (rc != LS_OK || toi->state != LS_TRX_CERTIFIED) {
        return give_up(p, toi, rc);
    }
    return enter(p, toi, meta);
}

wsrep_status_t ls_provider_toi_end(wsrep_t *self, wsrep_conn_id_t conn, const wsrep_buf_t *error)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_trx *toi = ls_trx_find(&p->tois, conn);

    if (toi == NULL) {
        return WSREP_NOT_ALLOWED;
    }
    /* There is no vote on results yet: until there is, the origin of a statement is the authority,
     * and a node on which it fails differently is found by the next write-set that it cannot apply.
     */
    if (error != NULL && error->len > 0) {
        ls_info("A statement that runs on all nodes (seqno %lld) failed. It is taken as failed "
                "everywhere alike.",
                (long long)toi->seqno);
    }
    ls_mutex_lock(&toi->lock);
    ls_trx_move(toi, LS_TRX_COMMITTED);
    ls_mutex_unlock(&toi->lock);
    ls_saved_state_mark_safe(p->saved, NULL);
    ls_order_pass(&p->commit, toi->seqno);
    ls_order_pass(&p->apply, toi->seqno);
    ls_phase_report_committed(p, toi->seqno);
    ls_trx_remove(&p->tois, toi);
    return WSREP_OK;
}
