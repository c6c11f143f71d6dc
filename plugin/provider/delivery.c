/* The delivery thread: takes the ordered stream, certifies, and hands on. It never waits for an
 * applier; only a pause makes it stand still. */
#include "plugin/provider/provider.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#define RETRY_US 10000

/* Bytes that no builder writes fail on every node alike; their keys cannot be entered. */
static bool look_at(const struct ls_entry *e, struct ls_ws_view *view)
{
    struct ls_error err = {0};

    if (ls_ws_view_init(view, e->payload, e->size, &err) == LS_OK) {
        return true;
    }
    ls_error_log("Write-set %lld of member %s cannot be read and is not applied, on no node: %s",
                 (long long)e->seqno, LS_UUID_STR(&e->sub.origin), err.text);
    return false;
}

static void certify(struct ls_provider *p, const struct ls_entry *e, const struct ls_ws_view *view,
                    struct ls_cert_result *out)
{
    bool known = e->index <= p->known_upto && e->verdict != LS_VERDICT_UNKNOWN;

    ls_cert_set_optimistic_pa(p->cert, atomic_load(&p->optimistic_pa));
    if (known) {
        ls_cert_preload(p->cert, e->seqno, &e->sub.origin, view, e->verdict == LS_VERDICT_PASS,
                        out);
        out->pass = e->verdict == LS_VERDICT_PASS;
    } else {
        ls_cert_test(p->cert, e->seqno, &e->sub.origin, view, out);
    }
}

static void count_certified(struct ls_provider *p, const struct ls_entry *e,
                            const struct ls_ws_view *view, const struct ls_cert_result *res)
{
    struct ls_counters *c = &p->counters;
    struct ls_cert_stats stats;

    ls_cert_get_stats(p->cert, &stats);
    atomic_store_explicit(&c->cert_index_size, stats.keys, memory_order_relaxed);
    if (res->pass) {
        atomic_fetch_add(&c->certified, 1);
        atomic_fetch_add(&c->deps_distance_sum, (uint64_t)(e->seqno - res->depends_on));
        if (view->header.last_seen >= 0 && view->header.last_seen < e->seqno) {
            atomic_fetch_add(&c->cert_interval_sum,
                             (uint64_t)(e->seqno - view->header.last_seen - 1));
        }
    }
}

/* cert.log_conflicts: which transactions met. Keys are known by their hashes only. */
static void tell_conflict(struct ls_provider *p, const struct ls_entry *e,
                          const struct ls_ws_view *view, const struct ls_cert_result *res)
{
    ls_mutex_lock(&p->lock);
    bool wanted = p->settings.cert_log_conflicts;
    ls_mutex_unlock(&p->lock);
    if (!wanted) {
        return;
    }
    if (res->conflict) {
        ls_info(
            "Conflict: write-set %lld (member %s, connection %llu, transaction %llu) came after "
            "%lld with the same key, without having seen it",
            (long long)e->seqno, LS_UUID_STR(&e->sub.origin),
            (unsigned long long)view->header.conn_id, (unsigned long long)view->header.trx_id,
            (long long)res->why.seqno);
    } else {
        ls_info("Conflict: write-set %lld (member %s, connection %llu, transaction %llu) had seen "
                "nothing above %lld, which is too old to be compared",
                (long long)e->seqno, LS_UUID_STR(&e->sub.origin),
                (unsigned long long)view->header.conn_id, (unsigned long long)view->header.trx_id,
                (long long)view->header.last_seen);
    }
}

static int64_t position_of(const struct ls_ws_view *view, const struct ls_ws_key *key)
{
    struct ls_ws_key at;

    for (uint32_t i = 0; i < view->key_count; i++) {
        ls_ws_view_key(view, i, &at);
        if (at.hash.lo == key->hash.lo && at.hash.hi == key->hash.hi) {
            return i;
        }
    }
    return -1;
}

static void decide_own(struct ls_provider *p, struct ls_stream_event *ev,
                       const struct ls_ws_view *view, const struct ls_cert_result *res)
{
    struct ls_trx *trx = ev->own->user;

    ls_pending_remove(&p->pending, trx);
    ls_mutex_lock(&trx->lock);
    if (!res->pass && res->conflict) {
        trx->conflict_key = position_of(view, &res->why.key);
    }
    if (trx->aborted) {
        atomic_fetch_sub(&p->victims, 1);
    }
    ls_trx_decide(trx, res->pass, ev->entry.seqno, res->depends_on, ev->entry.index);
    ls_mutex_unlock(&trx->lock);
}

static void queue_foreign(struct ls_provider *p, struct ls_stream_event *ev,
                          const struct ls_cert_result *res)
{
    const struct ls_entry *e = &ev->entry;
    struct ls_item item = {
        .type = LS_ITEM_APPLY,
        .pass = res->pass,
        .size = e->size,
        .seqno = e->seqno,
        .depends_on = res->pass ? res->depends_on : LS_SEQNO_UNDEFINED,
        .index = e->index,
        .payload = e->payload,
        .origin = e->sub.origin,
        .pin = ev->pin,
    };

    ev->pin = NULL; /* the item's now */
    atomic_fetch_add(&p->counters.received, 1);
    atomic_fetch_add(&p->counters.received_bytes, e->size);
    ls_queue_put(&p->queue, &item);
}

static void deliver_writeset(struct ls_provider *p, struct ls_engine *eng,
                             struct ls_stream_event *ev)
{
    const struct ls_entry *e = &ev->entry;
    struct ls_cert_result res = {.pass = false, .depends_on = LS_SEQNO_UNDEFINED};
    struct ls_ws_view view;

    if (look_at(e, &view)) {
        certify(p, e, &view, &res);
        count_certified(p, e, &view, &res);
        if (!res.pass) {
            tell_conflict(p, e, &view, &res);
        }
    }
    ls_log_set_verdict(ls_engine_log(eng), e->index, res.pass ? LS_VERDICT_PASS : LS_VERDICT_FAIL);
    atomic_store(&p->delivered_seqno, e->seqno);
    if (ev->own != NULL) {
        decide_own(p, ev, &view, &res);
    } else if (e->seqno > p->unneeded_upto) {
        queue_foreign(p, ev, &res);
    }
}

static void deliver_cut(struct ls_provider *p, const struct ls_entry *e)
{
    struct ls_error err = {0};
    int64_t cut;

    if (ls_cut_decode(e->payload, e->size, &cut, &err) != LS_OK) {
        ls_error_log("Entry %llu of the log is ignored, on all nodes: %s",
                     (unsigned long long)e->index, err.text);
        return;
    }
    ls_cert_cut(p->cert, cut);
}

static void deliver_entry(struct ls_provider *p, struct ls_engine *eng, struct ls_stream_event *ev)
{
    const struct ls_entry *e = &ev->entry;

    LS_ASSERT(p->cert != NULL);
    switch (e->type) {
    case LS_ENTRY_WRITESET:
        deliver_writeset(p, eng, ev);
        break;
    case LS_ENTRY_CONFIG:
        atomic_store(&p->delivered_seqno, e->seqno);
        ls_control_config(p, ev);
        break;
    case LS_ENTRY_STATE:
        ls_control_state(p, e);
        break;
    case LS_ENTRY_SST_REQUEST:
        ls_control_sst_request(p, e);
        break;
    case LS_ENTRY_CUT:
        deliver_cut(p, e);
        break;
    default: /* NOOP: there for the core alone */
        break;
    }
    if (e->type != LS_ENTRY_WRITESET) {
        /* Says that it is committed, also to a next start after a crash. */
        ls_log_set_verdict(ls_engine_log(eng), e->index, LS_VERDICT_PASS);
    }
    ls_engine_delivered(eng, e->index);
}

static bool deliver(struct ls_provider *p, struct ls_engine *eng, struct ls_stream_event *ev)
{
    bool more = true;

    switch (ev->type) {
    case LS_STREAM_CONNECTED:
        ls_control_connected(p, ev);
        break;
    case LS_STREAM_ENTRY:
        deliver_entry(p, eng, ev);
        ls_phase_report_queue(p, eng);
        break;
    case LS_STREAM_NONPRIMARY:
        ls_control_nonprimary(p, ev);
        break;
    case LS_STREAM_LEFT:
        ls_control_left(p, ev);
        more = false;
        break;
    }
    ls_engine_event_done(eng, ev);
    return more;
}

void *ls_delivery_main(void *arg)
{
    struct ls_provider *p = arg;
    struct ls_engine *eng = atomic_load(&p->engine); /* outlives this thread */
    bool more = true;

    while (more) {
        struct ls_stream_event ev;
        ls_pause_gate(p);
        enum ls_rc rc = ls_engine_next(eng, &ev);
        if (rc == LS_OK) {
            more = deliver(p, eng, &ev);
        } else if (rc == LS_E_CLOSED) {
            more = false;
        } else if (rc != LS_E_INTERRUPTED) {
            ls_mutex_lock(&p->lock); /* the engine has said why; LEFT follows */
            ls_cond_wait_until(&p->changed, &p->lock, ls_clock_us() + RETRY_US);
            ls_mutex_unlock(&p->lock);
        }
    }
    ls_mutex_lock(&p->lock);
    p->delivery_running = false;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    return NULL;
}
