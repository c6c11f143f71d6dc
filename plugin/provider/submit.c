#include "plugin/provider/provider.h"

#include "wsrep/base/assert.h"

#include <string.h>

#define KEY_PARTS_MAX 16

enum ls_rc ls_submit_add_keys(struct ls_ws_builder *b, const wsrep_key_t *keys, size_t count,
                              enum ls_key_type type)
{
    struct ls_piece parts[KEY_PARTS_MAX];

    if (count == 0) {
        return ls_ws_add_key(b, NULL, 0, type);
    }
    for (size_t i = 0; i < count; i++) {
        if (keys[i].key_parts_num > KEY_PARTS_MAX) {
            return LS_E_INVAL;
        }
        for (size_t k = 0; k < keys[i].key_parts_num; k++) {
            parts[k].data = keys[i].key_parts[k].ptr;
            parts[k].len = keys[i].key_parts[k].len;
        }
        enum ls_rc rc = ls_ws_add_key(b, parts, keys[i].key_parts_num, type);
        if (rc != LS_OK) {
            return rc;
        }
    }
    return LS_OK;
}

/* The engine's thread, at the last moment before the bytes go out: a later last_seen means fewer
 * false conflicts (contract 3.3). */
static void before_send(struct ls_submission *s)
{
    struct ls_trx *trx = s->user;
    struct ls_provider *p = trx->provider;

    ls_ws_patch_last_seen(trx->builder, ls_pending_add(&p->pending, trx, &p->apply));
    ls_mutex_lock(&trx->lock);
    ls_trx_move(trx, LS_TRX_SENT);
    trx->sent = true;
    atomic_fetch_sub(&p->counters.send_now, 1);
    bool victim = trx->aborted; /* too late to be taken back */
    if (victim) {
        atomic_fetch_add(&p->victims, 1);
    }
    ls_mutex_unlock(&trx->lock);
    if (victim) {
        ls_pause_victim(p);
    }
}

/* Without an entry there is nothing that would bring the delivery thread back to its gate. */
static void wake_delivery(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e != NULL) {
        ls_engine_wake(e);
        ls_provider_drop_engine(p);
    }
}

static void rejected(struct ls_submission *s, enum ls_rc rc)
{
    struct ls_trx *trx = s->user;
    struct ls_provider *p = trx->provider;

    ls_pending_remove(&p->pending, trx);
    ls_mutex_lock(&trx->lock);
    bool victim = trx->state == LS_TRX_SENT && trx->aborted;
    if (victim) {
        atomic_fetch_sub(&p->victims, 1);
    }
    ls_trx_move(trx, rc == LS_E_UNKNOWN ? LS_TRX_LOST : LS_TRX_ABORTED);
    ls_cond_signal(&trx->cond);
    ls_mutex_unlock(&trx->lock);
    if (victim) {
        wake_delivery(p);
    }
}

static bool cancelled(struct ls_submission *s)
{
    struct ls_trx *trx = s->user;
    ls_mutex_lock(&trx->lock);
    bool yes = trx->aborted;
    ls_mutex_unlock(&trx->lock);
    return yes;
}

static void count_replicated(struct ls_provider *p, const struct ls_trx *trx)
{
    struct ls_counters *c = &p->counters;
    atomic_fetch_add(&c->replicated, 1);
    atomic_fetch_add(&c->replicated_bytes, ls_ws_size(trx->builder));
    atomic_fetch_add(&c->repl_keys, ls_ws_key_count(trx->builder));
    atomic_fetch_add(&c->repl_keys_bytes, ls_ws_keys_bytes(trx->builder));
    atomic_fetch_add(&c->repl_data_bytes, ls_ws_data_bytes(trx->builder));
}

static void prepare(struct ls_provider *p, struct ls_trx *trx, uint32_t flags, uint64_t trx_id)
{
    struct ls_ws_header header = {
        .flags = flags,
        .last_seen = LS_WS_NOTHING_SEEN,
        .trx_id = trx_id,
        .conn_id = trx->conn,
        .pa_range = LS_WS_PA_RANGE_MAX,
    };

    _Static_assert(LS_WS_PIECES <= sizeof(trx->sub.pieces) / sizeof(trx->sub.pieces[0]),
                   "an encoded write-set fits into a submission");
    trx->flags = flags;
    trx->provider = p;
    memset(&trx->sub, 0, sizeof(trx->sub));
    trx->sub.piece_count = ls_ws_encode(trx->builder, &header, trx->sub.pieces);
    trx->sub.size = ls_ws_size(trx->builder);
    trx->sub.entry_type = LS_ENTRY_WRITESET;
    trx->sub.before_send = before_send;
    trx->sub.rejected = rejected;
    trx->sub.user = trx;
    trx->sent = false;
}

/* The queue as the new one finds it. */
static void sample_send_queue(struct ls_counters *c)
{
    uint64_t now = atomic_fetch_add(&c->send_now, 1);
    uint64_t max = atomic_load(&c->send_max);
    uint64_t min = atomic_load(&c->send_min);

    while (now > max && !atomic_compare_exchange_weak(&c->send_max, &max, now)) {
    }
    while (now < min && !atomic_compare_exchange_weak(&c->send_min, &min, now)) {
    }
    atomic_fetch_add(&c->send_sum, now);
    atomic_fetch_add(&c->send_samples, 1);
}

static enum ls_rc hand_over(struct ls_provider *p, struct ls_trx *trx, bool cancellable)
{
    struct ls_engine *e = ls_provider_use_engine(p);
    if (e == NULL) {
        return LS_E_NOT_PRIMARY;
    }
    enum ls_rc rc = ls_engine_submit(e, &trx->sub, cancellable ? cancelled : NULL, false);
    ls_provider_drop_engine(p);
    return rc;
}

enum ls_rc ls_submit_and_wait(struct ls_provider *p, struct ls_trx *trx, uint32_t flags,
                              uint64_t trx_id, bool cancellable)
{
    ls_mutex_lock(&trx->lock);
    if (trx->state == LS_TRX_ABORTED) {
        ls_mutex_unlock(&trx->lock);
        return LS_E_INTERRUPTED;
    }
    ls_trx_move(trx, LS_TRX_SUBMITTING);
    ls_mutex_unlock(&trx->lock);

    prepare(p, trx, flags, trx_id);
    sample_send_queue(&p->counters);
    enum ls_rc rc = hand_over(p, trx, cancellable);

    ls_mutex_lock(&trx->lock);
    if (rc != LS_OK) {
        ls_trx_move(trx, LS_TRX_ABORTED);
    }
    while (trx->state == LS_TRX_SUBMITTING || trx->state == LS_TRX_SENT) {
        ls_cond_wait(&trx->cond, &trx->lock);
    }
    bool ordered = trx->seqno != LS_SEQNO_UNDEFINED;
    if (!trx->sent) {
        atomic_fetch_sub(&p->counters.send_now, 1);
    }
    ls_mutex_unlock(&trx->lock);
    if (ordered) {
        count_replicated(p, trx);
    }
    return rc;
}

void ls_submit_fill_meta(struct ls_provider *p, const struct ls_trx *trx, uint64_t trx_id,
                         wsrep_trx_meta_t *meta)
{
    ls_mutex_lock(&p->lock);
    meta->gtid.uuid = ls_uuid_to_wsrep(&p->group);
    meta->stid.node = ls_uuid_to_wsrep(&p->self);
    ls_mutex_unlock(&p->lock);
    meta->gtid.seqno = trx->seqno;
    meta->stid.trx = trx_id;
    meta->stid.conn = trx->conn;
    meta->depends_on = trx->depends_on;
}

void ls_submit_clear_meta(wsrep_trx_meta_t *meta)
{
    memset(meta, 0, sizeof(*meta));
    meta->gtid.seqno = WSREP_SEQNO_UNDEFINED;
    meta->stid.trx = WSREP_UNDEFINED_TRX_ID;
    meta->stid.conn = WSREP_UNDEFINED_CONN_ID;
    meta->depends_on = WSREP_SEQNO_UNDEFINED;
}
