/* Flow control: a member whose queue of ordered but not applied write-sets is too long, or whose
 * disk has no room for more, asks all to pause; while a synced member asks, new local write-sets
 * wait in ls_engine_submit(). A pause ends with a word of the member, when it goes down or is not
 * synced any more, or when it does not repeat its request in time: one that stands still holds up
 * nobody for long. */
#include "gcomm/engine/internal.h"

static void set_limits(struct ls_engine *e, uint32_t limit, double factor)
{
    if (!(factor >= 0.0 && factor <= 1.0)) {
        factor = 1.0;
    }
    atomic_store(&e->fc_limit, limit);
    atomic_store(&e->fc_low, (uint32_t)((double)limit * factor));
}

void engine_flow_init(struct ls_engine *e)
{
    set_limits(e, e->opt.recv_queue_limit != 0 ? e->opt.recv_queue_limit : UINT32_MAX,
               e->opt.fc_factor);
}

void ls_engine_set_flow_limit(struct ls_engine *e, uint32_t limit, double factor)
{
    set_limits(e, limit, factor);
    engine_wake_loop(e);
}

/* True when the pause that we ask for, if any, has to change. */
static bool request_is_due(struct ls_engine *e)
{
    uint32_t length = atomic_load_explicit(&e->recv_queue, memory_order_relaxed);
    uint32_t limit = atomic_load_explicit(&e->fc_limit, memory_order_relaxed);

    bool requested = atomic_load_explicit(&e->fc_requested, memory_order_relaxed);
    bool full = atomic_load_explicit(&e->log_full, memory_order_relaxed);

    if (limit == UINT32_MAX) {
        return requested;
    }
    if (full) {
        return !requested;
    }
    return requested ? length <= atomic_load_explicit(&e->fc_low, memory_order_relaxed)
                     : length > limit;
}

void ls_engine_recv_queue(struct ls_engine *e, uint32_t length)
{
    atomic_store(&e->recv_queue, length);
    if (atomic_load(&e->fc_requested) && request_is_due(e)) {
        engine_wake_loop(e); /* the end of a pause; one begins at a tick */
    }
}

static void tell_all(struct ls_engine *e, bool pause)
{
    e->flow_told_us = e->now_us;
    for (size_t i = 0; i < e->peer_count; i++) {
        if (e->peers[i].up) {
            ls_net_send_flow(e->net, &e->peers[i].id, pause);
        }
    }
}

static void update_request(struct ls_engine *e)
{
    bool pause = atomic_load(&e->fc_requested);

    if (!request_is_due(e)) {
        if (pause && e->now_us - e->flow_told_us >= FLOW_REPEAT_US) {
            tell_all(e, true);
        }
        return;
    }
    pause = !pause;
    atomic_store(&e->fc_requested, pause);
    tell_all(e, pause);
    ls_mutex_lock(&e->mutex);
    if (pause) {
        e->stats.fc_sent++;
        e->flow_asked_us = e->now_us;
    } else {
        e->stats.fc_asked_ns += (uint64_t)(e->now_us - e->flow_asked_us) * 1000;
    }
    ls_mutex_unlock(&e->mutex);
}

static bool somebody_asks(struct ls_engine *e)
{
    struct ls_core_status st;

    ls_core_get_status(e->core, &st);
    for (size_t i = 0; i < e->peer_count; i++) {
        const struct engine_peer *p = &e->peers[i];
        const struct ls_member *m;

        if (!p->pause || e->now_us - p->pause_us > FLOW_VALID_US || st.config == NULL) {
            continue;
        }
        m = ls_config_find(st.config, &p->id);
        if (m != NULL && m->state == LS_NODE_SYNCED) {
            return true;
        }
    }
    /* Whether or not we may ask others to wait, our own write-sets wait for our own disk. */
    return atomic_load(&e->fc_requested) || atomic_load(&e->log_full);
}

void engine_flow_update(struct ls_engine *e)
{
    bool active;

    if (e->core == NULL || e->left) {
        return;
    }
    update_request(e);
    active = somebody_asks(e);
    if (active == e->fc_active) {
        return;
    }
    ls_mutex_lock(&e->mutex);
    e->fc_active = active;
    if (active) {
        e->fc_since_us = ls_clock_us();
    } else {
        e->stats.fc_paused_ns += (uint64_t)(ls_clock_us() - e->fc_since_us) * 1000;
        ls_cond_broadcast(&e->room);
    }
    ls_mutex_unlock(&e->mutex);
}

void engine_flow_peer_up(struct ls_engine *e, const struct ls_uuid *peer)
{
    if (atomic_load(&e->fc_requested)) {
        ls_net_send_flow(e->net, peer, true);
    }
}
