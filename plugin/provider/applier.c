/* The server's applier threads: each takes the next item of the apply queue and does it. */
#include "plugin/provider/again.h"
#include "plugin/provider/provider.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"

#include <stdlib.h>

void ls_item_done(struct ls_provider *p, struct ls_item *item)
{
    if (item->pin != NULL) {
        ls_log_unpin(item->pin);
        item->pin = NULL;
    }
    free(item->config);
    item->config = NULL;
    free(item->join);
    item->join = NULL;
    free(item->donation);
    item->donation = NULL;
}

static void finish(struct ls_provider *p, struct ls_remote *r)
{
    /* What the server has ordered itself has left already; what it gave up must pass all the same
     * (trap 13). */
    if (!r->left) {
        ls_order_pass(&p->commit, r->seqno);
    }
    ls_order_pass(&p->apply, r->seqno);
    ls_phase_report_applied(p);
}

/* Flags and data as the server wants them (contract 3.5). */
static uint32_t present(const struct ls_item *item, struct ls_ws_view *view, wsrep_buf_t *data)
{
    *data = (wsrep_buf_t){NULL, 0};
    if (ls_ws_view_init(view, item->payload, item->size, NULL) != LS_OK) {
        view->header.trx_id = WSREP_UNDEFINED_TRX_ID;
        view->header.conn_id = WSREP_UNDEFINED_CONN_ID;
        return LS_WS_TRX_START | LS_WS_TRX_END | LS_WS_ROLLBACK;
    }
    if (!item->pass) { /* with ISOLATION the server would execute it (trap 29) */
        return (view->header.flags & ~(uint32_t)LS_WS_ISOLATION) | LS_WS_ROLLBACK;
    }
    data->ptr = view->data;
    data->len = view->data_size;
    return view->header.flags;
}

static void count_start(struct ls_provider *p, const struct ls_item *item, bool waited)
{
    int64_t at = ls_order_position(&p->apply);
    struct ls_counters *c = &p->counters;

    atomic_fetch_add_explicit(&c->applies, 1, memory_order_relaxed);
    if (waited) {
        atomic_fetch_add_explicit(&c->apply_waits, 1, memory_order_relaxed);
    }
    if (item->seqno > at + 1) {
        atomic_fetch_add_explicit(&c->apply_out_of_order, 1, memory_order_relaxed);
    }
    if (item->seqno > at) {
        atomic_fetch_add_explicit(&c->apply_window_sum, (uint64_t)(item->seqno - at),
                                  memory_order_relaxed);
    }
}

static bool call_server(struct ls_provider *p, void *recv_ctx, const struct ls_item *item,
                        struct ls_remote *r, wsrep_bool_t *exit_loop)
{
    struct ls_ws_view view;
    wsrep_buf_t data;
    wsrep_trx_meta_t meta;
    uint32_t flags = present(item, &view, &data);
    wsrep_ws_handle_t handle = {.trx_id = view.header.trx_id, .opaque = r};
    bool isolated = (flags & LS_WS_ISOLATION) != 0;

    r->fatal_errors = !isolated;
    ls_mutex_lock(&p->lock);
    meta.gtid.uuid = ls_uuid_to_wsrep(&p->group);
    ls_mutex_unlock(&p->lock);
    meta.gtid.seqno = item->seqno;
    meta.stid.node = ls_uuid_to_wsrep(&item->origin);
    meta.stid.trx = view.header.trx_id;
    meta.stid.conn = view.header.conn_id;
    meta.depends_on = item->depends_on;
    if (isolated) {
        struct ls_gtid ddl = {ls_uuid_from_wsrep(&meta.gtid.uuid), item->seqno};
        ls_saved_state_mark_ddl(p->saved, &ddl, NULL);
    }
    void *replacing = NULL;
    if (!isolated && item->seqno <= p->again_upto) {
        size_t size;
        replacing = ls_again_replacing(data.ptr, data.len, &size);
        data = replacing != NULL ? (wsrep_buf_t){replacing, size} : data;
    }
    bool ok =
        p->server.apply(recv_ctx, &handle, flags, &data, &meta, exit_loop) == WSREP_CB_SUCCESS;
    free(replacing);
    if (isolated) {
        ls_saved_state_mark_safe(p->saved, NULL);
    }
    if (atomic_load(&p->half) && item->seqno >= p->half_upto) {
        ls_provider_settle_half(p);
    }
    return ok;
}

static void apply(struct ls_provider *p, void *recv_ctx, struct ls_item *item,
                  wsrep_bool_t *exit_loop)
{
    struct ls_remote r = {.kind = LS_HANDLE_REMOTE, .seqno = item->seqno};
    bool waited = ls_order_position(&p->apply) < item->depends_on;

    ls_order_wait(&p->apply, item->depends_on, -1, NULL, NULL);
    count_start(p, item, waited);
    if (!atomic_load(&p->inconsistent) && !call_server(p, recv_ctx, item, &r, exit_loop)) {
        ls_error_log("Failed to apply write set: %lld", (long long)item->seqno);
        ls_phase_diverge(p, "a write-set that the others could apply failed here");
    }
    finish(p, &r);
}

static void do_barrier(struct ls_provider *p, void *recv_ctx, struct ls_item *item)
{
    switch (item->type) {
    case LS_ITEM_CONNECTED:
        ls_view_connected(p, recv_ctx, item);
        break;
    case LS_ITEM_VIEW:
        ls_view_primary(p, recv_ctx, item);
        break;
    case LS_ITEM_NONPRIMARY:
        ls_view_nonprimary(p, recv_ctx, item);
        break;
    case LS_ITEM_DONATE:
        ls_transfer_donate(p, recv_ctx, item);
        break;
    case LS_ITEM_SYNCED:
        ls_view_synced(p, item);
        break;
    case LS_ITEM_FINAL:
        ls_view_final(p, recv_ctx, item);
        break;
    default:
        LS_ASSERT(!"an item that the queue knows");
    }
}

/* The first view starts the server's engines, and with them the other appliers, while the callback
 * still runs: they must find neither the server asleep nor wake it a second time. */
static void wake_server_once(struct ls_provider *p, void *recv_ctx)
{
    ls_mutex_lock(&p->lock);
    while (p->waking) {
        ls_cond_wait(&p->changed, &p->lock);
    }
    bool up = atomic_load(&p->engines_up);
    p->waking = !up;
    ls_mutex_unlock(&p->lock);
    if (up) {
        return;
    }
    ls_view_wake_server(p, recv_ctx);
    ls_mutex_lock(&p->lock);
    p->waking = false;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
}

static void do_item(struct ls_provider *p, void *recv_ctx, struct ls_item *item,
                    wsrep_bool_t *exit_loop)
{
    bool over = p->no_state || p->parted_at > 0;

    if (ls_item_is_barrier(item)) {
        if (!over || item->type == LS_ITEM_FINAL) {
            do_barrier(p, recv_ctx, item);
        }
        ls_queue_unblock(&p->queue);
    } else if (!over && item->seqno > p->skip_upto) {
        if (!atomic_load(&p->engines_up)) {
            wake_server_once(p, recv_ctx);
        }
        apply(p, recv_ctx, item, exit_loop);
    } /* else it is in the database, and passed when the orders were set to its position */
    ls_item_done(p, item);
}

static void queue_changed(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e != NULL) {
        ls_phase_report_queue(p, e);
        ls_provider_drop_engine(p);
    }
}

static bool enter(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    bool ok = p->connected;
    if (ok) {
        p->receivers++;
    }
    ls_mutex_unlock(&p->lock);
    return ok;
}

/* The last receiver stays: without one nothing would be delivered any more. */
static bool may_exit(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    bool ok = p->receivers > 1;
    if (ok) {
        p->receivers--;
        ls_cond_broadcast(&p->changed);
    }
    ls_mutex_unlock(&p->lock);
    return ok;
}

wsrep_status_t ls_provider_recv(wsrep_t *self, void *recv_ctx)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_item item;
    bool final = false;

    if (!enter(p)) {
        return WSREP_FATAL;
    }
    while (ls_queue_take(&p->queue, &item)) {
        wsrep_bool_t exit_loop = false;
        final = item.type == LS_ITEM_FINAL;
        queue_changed(p);
        do_item(p, recv_ctx, &item, &exit_loop);
        ls_phase_check_sync(p);
        if (exit_loop && may_exit(p)) {
            return WSREP_OK;
        }
    }
    ls_mutex_lock(&p->lock);
    p->receivers--;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    return final ? WSREP_OK : WSREP_CONN_FAIL;
}
