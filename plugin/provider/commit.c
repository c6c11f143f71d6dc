#include "plugin/provider/provider.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#define FRAGMENT_TELL_US 60000000

static wsrep_status_t status_of_append(enum ls_rc rc)
{
    switch (rc) {
    case LS_OK:
        return WSREP_OK;
    case LS_E_TOOBIG:
        return WSREP_SIZE_EXCEEDED;
    default:
        return WSREP_NODE_FAIL;
    }
}

/* The context behind the handle, made on first use. */
static struct ls_trx *context_of(struct ls_provider *p, wsrep_ws_handle_t *handle)
{
    struct ls_trx *trx = handle->opaque;

    if (trx == NULL) {
        trx = ls_trx_find(&p->trxs, handle->trx_id);
    }
    if (trx == NULL) {
        trx = ls_trx_create(&p->trxs, handle->trx_id);
        if (trx != NULL) {
            ls_ws_set_max_size(trx->builder, atomic_load(&p->max_ws_size));
        }
    }
    handle->opaque = trx;
    return trx;
}

wsrep_status_t ls_provider_append_key(wsrep_t *self, wsrep_ws_handle_t *handle,
                                      const wsrep_key_t *keys, size_t count, wsrep_key_type_t type,
                                      wsrep_bool_t copy)
{
    struct ls_trx *trx = context_of(ls_provider_of(self), handle);

    if (trx == NULL) {
        return WSREP_NODE_FAIL;
    }
    if (count > 0 && keys[0].key_parts_num >= 2) {
        const wsrep_buf_t *part = keys[0].key_parts;
        ls_trx_note_table(trx, &(struct ls_piece){part[0].ptr, part[0].len},
                          &(struct ls_piece){part[1].ptr, part[1].len});
    }
    enum ls_rc rc = ls_submit_add_keys(trx->builder, keys, count, (enum ls_key_type)type);
    if (rc != LS_OK && trx->append_rc == LS_OK) {
        trx->append_rc = rc;
    }
    return status_of_append(rc);
}

wsrep_status_t ls_provider_append_data(wsrep_t *self, wsrep_ws_handle_t *handle,
                                       const wsrep_buf_t *data, size_t count,
                                       wsrep_data_type_t type, wsrep_bool_t copy)
{
    struct ls_trx *trx = context_of(ls_provider_of(self), handle);
    enum ls_rc rc = LS_OK;

    if (trx == NULL) {
        return WSREP_NODE_FAIL;
    }
    if (type == WSREP_DATA_ANNOTATION) {
        return WSREP_OK; /* text for people that nothing depends on: not sent */
    }
    for (size_t i = 0; i < count && rc == LS_OK; i++) {
        rc = ls_ws_add_data(trx->builder, data[i].ptr, data[i].len, type == WSREP_DATA_ORDERED);
    }
    /* The server does not look at this result when it commits: certify has to fail (trap 26). */
    if (rc != LS_OK && trx->append_rc == LS_OK) {
        trx->append_rc = rc;
    }
    return status_of_append(rc);
}

static wsrep_status_t certify_decided(struct ls_provider *p, struct ls_trx *trx,
                                      wsrep_trx_meta_t *meta)
{
    ls_mutex_lock(&trx->lock);
    enum ls_trx_state state = trx->state;
    bool aborted = trx->aborted;
    ls_mutex_unlock(&trx->lock);

    switch (state) {
    case LS_TRX_CERTIFIED:
        ls_submit_fill_meta(p, trx, trx->id, meta);
        return WSREP_OK;
    case LS_TRX_MUST_REPLAY:
        ls_submit_fill_meta(p, trx, trx->id, meta);
        return WSREP_BF_ABORT;
    case LS_TRX_FAILED:
        atomic_fetch_add(&p->counters.local_cert_failures, 1);
        ls_tally_add(&p->conflicts, ls_trx_conflict_table(trx));
        ls_submit_fill_meta(p, trx, trx->id, meta);
        return WSREP_TRX_FAIL;
    case LS_TRX_LOST:
        /* The outcome is unknown. When the server had aborted the transaction itself it turns
         * CONN_FAIL into "deadlock", which says "not committed": NODE_FAIL it passes on (rule 5).
         */
        return aborted ? WSREP_NODE_FAIL : WSREP_CONN_FAIL;
    case LS_TRX_ABORTED:
        return WSREP_CONN_FAIL;
    default:
        LS_ASSERT(!"a decided state");
        return WSREP_NODE_FAIL;
    }
}

static bool is_whole(uint32_t flags)
{
    return (flags & LS_WS_TRX_START) != 0 && (flags & LS_WS_TRX_END) != 0;
}

/* The server makes a deadlock of every answer to a fragment but this one, and clients repeat what
 * met a deadlock: they would do so for ever. */
static wsrep_status_t refuse_fragment(struct ls_provider *p)
{
    int64_t now_us = ls_clock_us();
    int64_t due_us = atomic_load(&p->fragment_told_us);

    if (now_us >= due_us &&
        atomic_compare_exchange_strong(&p->fragment_told_us, &due_us, now_us + FRAGMENT_TELL_US)) {
        ls_error_log(
            "Streaming replication is not supported by this version: set "
            "wsrep_trx_fragment_size=0 and wsrep_load_data_splitting=OFF. The transaction "
            "is rolled back, its client gets error 1105 (Maximum writeset size exceeded).");
    }
    return WSREP_SIZE_EXCEEDED;
}

wsrep_status_t ls_provider_certify(wsrep_t *self, wsrep_conn_id_t conn, wsrep_ws_handle_t *handle,
                                   uint32_t flags, wsrep_trx_meta_t *meta)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_trx *trx = handle->opaque;

    ls_submit_clear_meta(meta);
    if (trx == NULL) {
        trx = ls_trx_find(&p->trxs, handle->trx_id);
        handle->opaque = trx;
    }
    if (trx == NULL) {
        return WSREP_TRX_MISSING;
    }
    if (!is_whole(flags)) {
        return refuse_fragment(p);
    }
    if (trx->append_rc != LS_OK) {
        ls_info("A write-set is not complete (%s): its transaction is rolled back.",
                trx->append_rc == LS_E_TOOBIG ? "it is larger than repl.max_ws_size"
                                              : ls_rc_name(trx->append_rc));
        return status_of_append(trx->append_rc);
    }
    if (atomic_load(&p->inconsistent)) {
        return WSREP_NODE_FAIL;
    }
    if (!ls_phase_accepts_writes(p)) {
        return WSREP_CONN_FAIL;
    }
    trx->conn = conn;
    if (ls_submit_and_wait(p, trx, flags, trx->id, true) == LS_E_TOOBIG) {
        return WSREP_SIZE_EXCEEDED;
    }
    return certify_decided(p, trx, meta);
}

wsrep_status_t ls_provider_certify_v1(wsrep_t *self, wsrep_conn_id_t conn,
                                      wsrep_ws_handle_t *handle, uint32_t flags,
                                      wsrep_trx_meta_t *meta, const wsrep_seq_cb_t *seq_cb)
{
    wsrep_status_t rc = ls_provider_certify(self, conn, handle, flags, meta);
    /* The place in the order is known when certify returns; it is early enough for the caller, who
     * uses the call to let the next one of a group in. */
    if (seq_cb != NULL && seq_cb->fn != NULL && meta->gtid.seqno != WSREP_SEQNO_UNDEFINED) {
        seq_cb->fn(seq_cb->ctx);
    }
    return rc;
}

/* Asked inside of the commit order's lock. */
static bool must_replay(void *arg)
{
    struct ls_trx *trx = arg;
    ls_mutex_lock(&trx->lock);
    bool yes = trx->state == LS_TRX_MUST_REPLAY;
    ls_mutex_unlock(&trx->lock);
    return yes;
}

static wsrep_status_t enter_local(struct ls_provider *p, struct ls_trx *trx)
{
    wsrep_status_t rc = WSREP_OK;

    ls_order_wait(&p->commit, trx->seqno - 1, -1, must_replay, trx);
    ls_mutex_lock(&trx->lock);
    switch (trx->state) {
    case LS_TRX_MUST_REPLAY:
        rc = WSREP_BF_ABORT;
        break;
    case LS_TRX_FAILED:
        ls_trx_move(trx, LS_TRX_LEAVING);
        break;
    default:
        ls_trx_move(trx, LS_TRX_COMMITTING);
        break;
    }
    ls_mutex_unlock(&trx->lock);
    return rc;
}

/* An error means that the server has rolled it back and goes on as if it had committed: a replay
 * that failed ends so (the server writes a dummy in its place), and would be answered with OK. */
static wsrep_status_t leave_local(struct ls_provider *p, struct ls_trx *trx,
                                  const wsrep_buf_t *error)
{
    wsrep_status_t rc = WSREP_OK;

    ls_mutex_lock(&trx->lock);
    bool rolled_back = trx->state == LS_TRX_LEAVING;
    ls_trx_move(trx, rolled_back ? LS_TRX_ROLLED_BACK : LS_TRX_COMMITTED);
    trx->retired = rolled_back;
    ls_mutex_unlock(&trx->lock);
    if (error != NULL && error->len > 0 && !rolled_back) {
        ls_phase_diverge(p, "an own transaction that the others commit could not be replayed");
        rc = WSREP_NODE_FAIL;
    }
    ls_order_pass(&p->commit, trx->seqno);
    if (rolled_back) { /* nothing of it will become visible */
        ls_order_pass(&p->apply, trx->seqno);
        ls_phase_report_applied(p);
    }
    return rc;
}

wsrep_status_t ls_provider_commit_order_enter(wsrep_t *self, const wsrep_ws_handle_t *handle,
                                              const wsrep_trx_meta_t *meta)
{
    struct ls_provider *p = ls_provider_of(self);
    const enum ls_handle_kind *kind = handle->opaque;

    if (kind == NULL) {
        return WSREP_TRX_MISSING;
    }
    int64_t seqno = meta->gtid.seqno;
    int64_t at = ls_order_position(&p->commit);
    atomic_fetch_add(&p->counters.commit_enters, 1);
    if (seqno > at) {
        atomic_fetch_add(&p->counters.commit_window_sum, (uint64_t)(seqno - at));
    }
    if (*kind == LS_HANDLE_LOCAL) {
        return enter_local(p, handle->opaque);
    }
    LS_ASSERT(*kind == LS_HANDLE_REMOTE);
    struct ls_remote *r = handle->opaque;
    ls_order_wait(&p->commit, r->seqno - 1, -1, NULL, NULL);
    return WSREP_OK;
}

wsrep_status_t ls_provider_commit_order_leave(wsrep_t *self, const wsrep_ws_handle_t *handle,
                                              const wsrep_trx_meta_t *meta,
                                              const wsrep_buf_t *error)
{
    struct ls_provider *p = ls_provider_of(self);
    const enum ls_handle_kind *kind = handle->opaque;

    if (kind == NULL) {
        return WSREP_TRX_MISSING;
    }
    if (*kind == LS_HANDLE_LOCAL) {
        return leave_local(p, handle->opaque, error);
    }
    LS_ASSERT(*kind == LS_HANDLE_REMOTE);
    struct ls_remote *r = handle->opaque;
    LS_ASSERT(!r->left);
    wsrep_status_t rc = WSREP_OK;
    if (error != NULL && error->len > 0 && r->fatal_errors) {
        ls_phase_diverge(p, "a write-set that the others could apply failed here");
        rc = WSREP_NODE_FAIL;
    } else if (error != NULL && error->len > 0) {
        ls_info(
            "A statement that runs on all nodes (seqno %lld) failed here. It is taken as failed "
            "everywhere alike.",
            (long long)r->seqno);
    }
    r->left = true;
    ls_order_pass(&p->commit, r->seqno);
    return rc;
}

/* Lets the seqno through for a transaction that the server gave up in a state in which it has not
 * run the commit order itself. */
static void pass_given_up(struct ls_provider *p, struct ls_trx *trx)
{
    if (trx->state == LS_TRX_CERTIFIED || trx->state == LS_TRX_MUST_REPLAY ||
        trx->state == LS_TRX_REPLAYING || trx->state == LS_TRX_COMMITTING) {
        ls_phase_diverge(p, "the server gave up a transaction that the others commit");
    }
    ls_order_pass(&p->commit, trx->seqno);
    ls_order_pass(&p->apply, trx->seqno);
}

wsrep_status_t ls_provider_release(wsrep_t *self, wsrep_ws_handle_t *handle)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_trx *trx = handle->opaque;

    if (trx == NULL) {
        return WSREP_OK;
    }
    LS_ASSERT(trx->kind == LS_HANDLE_LOCAL);
    handle->opaque = NULL;
    ls_mutex_lock(&trx->lock);
    bool committed = trx->state == LS_TRX_COMMITTED;
    ls_mutex_unlock(&trx->lock);
    if (committed) {
        atomic_fetch_add(&p->counters.local_commits, 1);
        ls_order_pass(&p->apply, trx->seqno);
        ls_phase_report_committed(p, trx->seqno); /* its locks are gone, it is visible here */
    } else if (trx->seqno != LS_SEQNO_UNDEFINED && !trx->retired) {
        pass_given_up(p, trx);
        ls_phase_report_applied(p);
    }
    ls_trx_remove(&p->trxs, trx);
    return WSREP_OK;
}

static bool begin_replay(struct ls_trx *trx)
{
    ls_mutex_lock(&trx->lock);
    bool ok = trx->state == LS_TRX_MUST_REPLAY || trx->state == LS_TRX_CERTIFIED;
    if (ok) {
        ls_trx_move(trx, LS_TRX_REPLAYING);
    }
    ls_mutex_unlock(&trx->lock);
    return ok;
}

static wsrep_status_t replay_entry(struct ls_provider *p, struct ls_trx *trx, void *trx_ctx)
{
    struct ls_entry entry;
    struct ls_log_pin *pin = NULL;
    struct ls_ws_view view;
    wsrep_trx_meta_t meta;
    wsrep_bool_t exit_loop = false;
    wsrep_ws_handle_t handle = {.trx_id = trx->id, .opaque = trx};
    struct ls_engine *e = ls_provider_use_engine(p);
    wsrep_status_t rc = WSREP_NODE_FAIL;

    if (e == NULL) {
        return WSREP_NODE_FAIL;
    }
    if (ls_log_get(ls_engine_log(e), trx->index, &entry, &pin)) {
        if (ls_log_payload_is_whole(ls_engine_log(e), &entry) &&
            ls_ws_view_init(&view, entry.payload, entry.size, NULL) == LS_OK) {
            wsrep_buf_t data = {.ptr = view.data, .len = view.data_size};
            ls_submit_fill_meta(p, trx, trx->id, &meta);
            if (p->server.apply(trx_ctx, &handle, trx->flags, &data, &meta, &exit_loop) ==
                WSREP_CB_SUCCESS) {
                rc = WSREP_OK;
            }
        }
        ls_log_unpin(pin);
    }
    ls_provider_drop_engine(p);
    return rc;
}

wsrep_status_t ls_provider_replay(wsrep_t *self, const wsrep_ws_handle_t *handle, void *trx_ctx)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_trx *trx = handle->opaque;

    if (trx == NULL || trx->state == LS_TRX_FAILED) {
        return WSREP_TRX_FAIL;
    }
    if (!begin_replay(trx)) {
        ls_error_log("A transaction was to be replayed in state '%s', which cannot be.",
                     ls_trx_state_name(trx->state));
        return WSREP_NODE_FAIL;
    }
    atomic_fetch_add(&p->counters.local_replays, 1);
    ls_order_wait(&p->commit, trx->seqno - 1, -1, NULL, NULL);
    ls_order_wait(&p->apply, trx->seqno - 1, -1, NULL, NULL);
    wsrep_status_t rc = replay_entry(p, trx, trx_ctx);
    if (rc != WSREP_OK) {
        ls_phase_diverge(p, "an own transaction that the others commit could not be replayed");
    }
    return rc;
}

struct abort_call {
    struct ls_provider *p;
    int64_t bf_seqno;
    int64_t victim_seqno;
    enum ls_abort_action action;
    bool sent; /* it is under way: its verdict lets it go */
};

static void abort_one(struct ls_trx *trx, void *arg)
{
    struct abort_call *call = arg;
    ls_mutex_lock(&trx->lock);
    call->action = ls_trx_abort(trx, call->bf_seqno);
    call->victim_seqno = trx->seqno;
    call->sent = call->action == LS_ABORT_DONE && trx->state == LS_TRX_SENT;
    if (call->sent) {
        atomic_fetch_add(&call->p->victims, 1);
    }
    ls_mutex_unlock(&trx->lock);
}

wsrep_status_t ls_provider_abort_certification(wsrep_t *self, wsrep_seqno_t bf_seqno,
                                               wsrep_trx_id_t victim, wsrep_seqno_t *victim_seqno)
{
    struct ls_provider *p = ls_provider_of(self);
    struct abort_call call = {.p = p,
                              .bf_seqno = bf_seqno,
                              .victim_seqno = WSREP_SEQNO_UNDEFINED,
                              .action = LS_ABORT_DONE};

    ls_trx_with(&p->trxs, victim, abort_one, &call);
    *victim_seqno = call.victim_seqno;
    if (call.action == LS_ABORT_KICK_SUBMIT) {
        struct ls_engine *e = ls_provider_use_engine(p);
        if (e != NULL) {
            ls_engine_submit_kick(e);
            ls_provider_drop_engine(p);
        }
    } else if (call.action == LS_ABORT_KICK_COMMIT) {
        ls_order_kick(&p->commit, call.victim_seqno - 1);
    } else if (call.sent) {
        ls_pause_victim(p);
    }
    return call.action == LS_ABORT_REFUSED ? WSREP_NOT_ALLOWED : WSREP_OK;
}
