#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

/* Standing still means that the delivery thread takes no further entry: then nothing new can start
 * to apply, and local transactions wait in certify. The group goes on meanwhile: what it orders is
 * acknowledged by the engine and waits in the log. */
void ls_pause_gate(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    while (p->paused && !p->closing) {
        if (!p->standing) {
            p->standing = true;
            ls_cond_broadcast(&p->changed);
        }
        ls_cond_wait(&p->changed, &p->lock);
    }
    p->standing = false;
    ls_mutex_unlock(&p->lock);
}

/* After the leave nothing more is applied, whatever was delivered. */
static bool has_left(void *arg)
{
    struct ls_provider *p = arg;
    return atomic_load(&p->phase) == LS_PHASE_CLOSED;
}

wsrep_seqno_t ls_provider_pause(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_engine *e = ls_provider_use_engine(p);

    ls_mutex_lock(&p->lock);
    p->paused = true;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    if (e != NULL) {
        ls_engine_wake(e);
        ls_provider_drop_engine(p);
    }
    ls_mutex_lock(&p->lock);
    while (p->delivery_running && !p->left && !p->closing && !p->standing) {
        ls_cond_wait(&p->changed, &p->lock);
    }
    ls_mutex_unlock(&p->lock);

    int64_t seqno = atomic_load(&p->delivered_seqno);
    ls_order_wait(&p->commit, seqno, -1, has_left, p);
    ls_order_wait(&p->apply, seqno, -1, has_left, p);
    seqno = ls_order_position(&p->apply);
    ls_info("Provider paused at seqno %lld", (long long)seqno);
    /* The server takes exactly -1 for a failure: a node without position has nothing to hold. */
    return seqno < 0 ? 0 : seqno;
}

wsrep_status_t ls_provider_resume(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);

    ls_mutex_lock(&p->lock);
    bool was = p->paused;
    p->paused = false;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    if (was) {
        ls_info("Provider resumed");
    }
    return WSREP_OK;
}

/* The new state counts once it is ordered. */
static wsrep_status_t wait_for_donor_phase(struct ls_provider *p)
{
    bool in_time = true;

    ls_mutex_lock(&p->lock);
    int64_t deadline_us = ls_clock_us() + p->settings.causal_read_timeout_us;
    while (in_time && atomic_load(&p->phase) != LS_PHASE_DONOR &&
           atomic_load(&p->phase) >= LS_PHASE_JOINED && !p->closing) {
        in_time = ls_cond_wait_until(&p->changed, &p->lock, deadline_us);
    }
    bool ok = atomic_load(&p->phase) == LS_PHASE_DONOR;
    if (!ok && p->desyncs > 0) { /* the loss of the component has taken it back already */
        p->desyncs--;
    }
    ls_mutex_unlock(&p->lock);
    return ok ? WSREP_OK : WSREP_CONN_FAIL;
}

wsrep_status_t ls_provider_desync(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);

    if (!ls_phase_accepts_writes(p)) {
        return WSREP_CONN_FAIL;
    }
    ls_mutex_lock(&p->lock);
    bool first = p->desyncs++ == 0;
    ls_mutex_unlock(&p->lock);
    if (first && ls_phase_announce(p, LS_NODE_DONOR, true, ls_order_position(&p->apply)) != LS_OK) {
        ls_mutex_lock(&p->lock);
        p->desyncs -= p->desyncs > 0;
        ls_mutex_unlock(&p->lock);
        return WSREP_CONN_FAIL;
    }
    return wait_for_donor_phase(p);
}

wsrep_status_t ls_provider_resync(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);

    ls_mutex_lock(&p->lock);
    /* The desync before it may have failed, or the component been lost since (trap 28). */
    bool last = p->desyncs > 0 && --p->desyncs == 0 && p->donations == 0;
    ls_mutex_unlock(&p->lock);
    if (last) {
        ls_phase_announce(p, LS_NODE_JOINED, false, ls_order_position(&p->apply));
    }
    return WSREP_OK;
}
