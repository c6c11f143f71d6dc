#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

/* Who was aborted between sending and its verdict still holds the server's locks that the aborter
 * waits for, and lets go of them when its own entry is delivered. `lock` is held. */
static bool must_go_on(const struct ls_provider *p)
{
    return p->draining && atomic_load(&p->victims) > 0;
}

/* Standing still means that the delivery thread takes no further entry: then nothing new can start
 * to apply, and local transactions wait in certify. The group goes on meanwhile: what it orders is
 * acknowledged by the engine and waits in the log. */
void ls_pause_gate(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    while (p->paused && !p->closing && !must_go_on(p)) {
        if (!p->standing) {
            p->standing = true;
            ls_cond_broadcast(&p->changed);
        }
        ls_cond_wait(&p->changed, &p->lock);
    }
    bool again = p->standing && p->draining && p->paused && !p->closing;
    p->standing = false;
    if (again) {
        atomic_store(&p->went_on, true);
    }
    ls_mutex_unlock(&p->lock);
    if (again) { /* pause() waits for what was delivered so far, which is not the last any more */
        ls_order_kick_all(&p->commit);
        ls_order_kick_all(&p->apply);
    }
}

void ls_pause_victim(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    if (p->paused) {
        ls_cond_broadcast(&p->changed);
    }
    ls_mutex_unlock(&p->lock);
}

/* After the leave nothing more is applied, whatever was delivered. */
static bool ends_wait(void *arg)
{
    struct ls_provider *p = arg;
    return atomic_load(&p->went_on) || atomic_load(&p->phase) == LS_PHASE_CLOSED;
}

/* The last seqno that was delivered before the delivery thread stood still. */
static int64_t wait_standing(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    while (p->paused && p->delivery_running && !p->left && !p->closing && !p->standing) {
        ls_cond_wait(&p->changed, &p->lock);
    }
    atomic_store(&p->went_on, false);
    ls_mutex_unlock(&p->lock);
    return atomic_load(&p->delivered_seqno);
}

/* Once all that was delivered is applied nobody is left who could abort anybody: from here on the
 * delivery thread stands, whatever comes. */
static bool is_drained(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    bool drained = !atomic_load(&p->went_on);
    if (drained) {
        p->draining = false;
    }
    ls_mutex_unlock(&p->lock);
    return drained;
}

wsrep_seqno_t ls_provider_pause(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_engine *e = ls_provider_use_engine(p);

    ls_mutex_lock(&p->lock);
    p->paused = true;
    p->draining = true;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    if (e != NULL) {
        ls_engine_wake(e);
        ls_provider_drop_engine(p);
    }
    do {
        int64_t upto = wait_standing(p);
        ls_order_wait(&p->commit, upto, -1, ends_wait, p);
        ls_order_wait(&p->apply, upto, -1, ends_wait, p);
    } while (!is_drained(p));
    int64_t seqno = ls_order_position(&p->apply);
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
        ls_phase_check_sync(p); /* what came in as it began was not asked for */
    }
    return WSREP_OK;
}

/* The server takes a desync that failed for none, and no resync follows. What was announced for it
 * may be ordered all the same: then somebody has to take it back. */
static void give_up_desync(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    if (p->desyncs > 0) { /* the loss of the component has taken it back already */
        p->desyncs--;
    }
    bool back = atomic_load(&p->phase) >= LS_PHASE_JOINED && p->desyncs == 0 && p->donations == 0 &&
                !p->lag.out;
    ls_mutex_unlock(&p->lock);
    if (back) {
        ls_phase_announce(p, LS_NODE_JOINED, false, ls_order_position(&p->apply));
    }
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
    ls_mutex_unlock(&p->lock);
    if (!ok) {
        give_up_desync(p);
    }
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
