/* What the peers have applied: a node that wants to know asks them to tell, and they say so as long
 * as it is wanted.
 *
 * ack.level=applied wants it all the time: a commit returns when every healthy member has applied
 * it. One that stands still while it is waited for is not waited for any more, until it has caught
 * up. */
#include "gcomm/engine/internal.h"

#define PATIENCE_US 1500000 /* as with ack.level=all: core's quiet_us */
#define LOOK_AGAIN_US 50000 /* a waiter looks whether the component is still there */

static void ask_peer(struct ls_engine *e, const struct engine_peer *p)
{
    (void)ls_net_send_signal(e->net, &p->id, LS_SIGNAL_WANT_APPLIED, e->want_applied);
}

void ls_engine_want_applied(struct ls_engine *e, bool on)
{
    atomic_store(&e->applied_option, on);
    engine_wake_loop(e);
}

void ls_engine_watch_applied(struct ls_engine *e, bool on)
{
    e->watch_applied = on; /* the turn's end tells the peers */
}

int64_t ls_engine_peer_applied(struct ls_engine *e, const struct ls_uuid *peer)
{
    const struct engine_peer *p = engine_peer_find(e, peer);

    return p != NULL && p->up ? p->applied : LS_SEQNO_UNDEFINED;
}

void ls_engine_applied_to(struct ls_engine *e, int64_t seqno)
{
    atomic_store_explicit(&e->applied_here, seqno, memory_order_relaxed);
    if (atomic_load_explicit(&e->applied_wanted_there, memory_order_relaxed)) {
        engine_wake_loop(e);
    }
}

void engine_applied_peer_up(struct ls_engine *e, struct engine_peer *p)
{
    p->applied = LS_SEQNO_UNDEFINED;
    if (e->want_applied) {
        ask_peer(e, p);
    }
}

void engine_applied_wanted(struct ls_engine *e, struct engine_peer *p, bool on)
{
    bool any = false;

    p->wants_applied = on;
    p->applied_told = LS_SEQNO_UNDEFINED;
    for (size_t i = 0; i < e->peer_count; i++) {
        any |= e->peers[i].up && e->peers[i].wants_applied;
    }
    atomic_store(&e->applied_wanted_there, any);
}

void engine_applied_told(struct ls_engine *e, struct engine_peer *p, int64_t seqno)
{
    p->applied = seqno;
    p->applied_moved_us = e->now_us;
    engine_applied_count(e);
}

/* Whether a member is waited for. */
static bool counts(struct ls_engine *e, const struct ls_member *m, struct engine_peer *p,
                   int64_t wanted)
{
    if (m->no_data || m->state != LS_NODE_SYNCED || p == NULL || !p->up ||
        p->applied == LS_SEQNO_UNDEFINED) {
        return false;
    }
    if (p->applied >= wanted) {
        p->applied_moved_us = e->now_us;
        if (p->applied_lost) {
            ls_info("%s has caught up: commits wait for it again (ack.level=applied)", m->name);
        }
        p->applied_lost = false;
    } else if (!p->applied_lost && e->now_us - p->applied_moved_us > PATIENCE_US) {
        p->applied_lost = true;
        ls_info("%s has not applied anything for %.1f s: commits do not wait for it "
                "(ack.level=applied) until it has caught up",
                m->name, PATIENCE_US / 1e6);
    }
    return !p->applied_lost;
}

/* What all of them have applied. */
void engine_applied_count(struct ls_engine *e)
{
    struct ls_core_status st;
    int64_t all = INT64_MAX;

    if (!atomic_load(&e->applied_option)) {
        return;
    }
    ls_core_get_status(e->core, &st);
    ls_mutex_lock(&e->mutex);
    int64_t wanted = e->applied_awaited;
    ls_mutex_unlock(&e->mutex);
    for (uint32_t i = 0; st.config != NULL && i < st.config->count; i++) {
        const struct ls_member *m = &st.config->members[i];
        struct engine_peer *p = engine_peer_find(e, &m->id);
        if (!ls_uuid_equal(&m->id, &e->identity.id) && counts(e, m, p, wanted) &&
            p->applied < all) {
            all = p->applied;
        }
    }
    ls_mutex_lock(&e->mutex);
    if (all != e->applied_by_all) {
        e->applied_by_all = all;
        ls_cond_broadcast(&e->applied_moved);
    }
    ls_mutex_unlock(&e->mutex);
}

/* Each turn of the loop: the option may have changed, and others want to be told. */
void engine_applied_turn(struct ls_engine *e)
{
    bool want = atomic_load_explicit(&e->applied_option, memory_order_relaxed) || e->watch_applied;

    if (want != e->want_applied) {
        e->want_applied = want;
        for (size_t i = 0; i < e->peer_count; i++) {
            if (e->peers[i].up) {
                ask_peer(e, &e->peers[i]);
            }
        }
    }
    if (!atomic_load_explicit(&e->applied_wanted_there, memory_order_relaxed)) {
        return;
    }
    int64_t here = atomic_load_explicit(&e->applied_here, memory_order_relaxed);
    for (size_t i = 0; i < e->peer_count; i++) {
        struct engine_peer *p = &e->peers[i];
        if (p->up && p->wants_applied && p->applied_told != here && here >= 0) {
            p->applied_told = here;
            (void)ls_net_send_signal(e->net, &p->id, LS_SIGNAL_APPLIED, (uint64_t)here);
        }
    }
}

void ls_engine_await_applied(struct ls_engine *e, int64_t seqno)
{
    if (!atomic_load_explicit(&e->applied_option, memory_order_relaxed)) {
        return;
    }
    ls_mutex_lock(&e->mutex);
    if (seqno > e->applied_awaited) {
        e->applied_awaited = seqno;
    }
    while (e->open && e->applied_by_all < seqno && atomic_load(&e->applied_option) &&
           !atomic_load(&e->stop)) {
        ls_cond_wait_until(&e->applied_moved, &e->mutex, ls_clock_us() + LOOK_AGAIN_US);
    }
    ls_mutex_unlock(&e->mutex);
}
