/* Flow control: a member whose queue of ordered but not applied write-sets is too long, or whose
 * disk has no room for more, asks all to pause; while a synced member asks, new local write-sets
 * wait in ls_engine_submit(). A pause ends with a word of the member, when it goes down or is not
 * synced any more, or when it does not repeat its request in time: one that stands still holds up
 * nobody for long. */
#include "gcomm/engine/internal.h"

#include <stdio.h>
#include <string.h>

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

bool ls_engine_asks_pause(struct ls_engine *e)
{
    return atomic_load(&e->fc_requested);
}

static void tell_all(struct ls_engine *e, enum ls_flow why)
{
    e->flow_told_us = e->now_us;
    for (size_t i = 0; i < e->peer_count; i++) {
        if (e->peers[i].up) {
            ls_net_send_signal(e->net, &e->peers[i].id, LS_SIGNAL_FLOW, why);
        }
    }
}

static enum ls_flow own_reason(struct ls_engine *e)
{
    return atomic_load(&e->log_full) ? LS_FLOW_DISK : LS_FLOW_SLOW;
}

static void update_request(struct ls_engine *e)
{
    bool pause = atomic_load(&e->fc_requested);

    if (!request_is_due(e)) {
        if (pause && e->now_us - e->flow_told_us >= FLOW_REPEAT_US) {
            tell_all(e, own_reason(e));
        }
        return;
    }
    pause = !pause;
    atomic_store(&e->fc_requested, pause);
    tell_all(e, pause ? own_reason(e) : LS_FLOW_GO);
    ls_mutex_lock(&e->mutex);
    if (pause) {
        e->stats.fc_sent++;
        e->flow_asked_us = e->now_us;
    } else {
        e->stats.fc_asked_ns += (uint64_t)(e->now_us - e->flow_asked_us) * 1000;
    }
    ls_mutex_unlock(&e->mutex);
}

static const char *reason_text(enum ls_flow why)
{
    return why == LS_FLOW_DISK ? "the disk of its write-set log is nearly full"
                               : "it applies too slowly";
}

/* Who has us wait, or false. */
static bool find_culprit(struct ls_engine *e, char out[LS_FLOW_TEXT_SIZE], char name[LS_NAME_SIZE])
{
    struct ls_core_status st;

    /* Whether or not we may ask others to wait, our own write-sets wait for our own disk. */
    if (atomic_load(&e->fc_requested) || atomic_load(&e->log_full)) {
        snprintf(out, LS_FLOW_TEXT_SIZE, "%s (this node): %s", e->opt.node_name,
                 reason_text(own_reason(e)));
        snprintf(name, LS_NAME_SIZE, "%s", e->opt.node_name);
        return true;
    }
    ls_core_get_status(e->core, &st);
    for (size_t i = 0; i < e->peer_count; i++) {
        const struct engine_peer *p = &e->peers[i];
        const struct ls_member *m;

        if (p->pause == LS_FLOW_GO || e->now_us - p->pause_us > FLOW_VALID_US ||
            st.config == NULL) {
            continue;
        }
        m = ls_config_find(st.config, &p->id);
        if (m != NULL && m->state == LS_NODE_SYNCED) {
            snprintf(out, LS_FLOW_TEXT_SIZE, "%s: %s", m->name, reason_text(p->pause));
            memcpy(name, m->name, LS_NAME_SIZE);
            return true;
        }
    }
    return false;
}

/* The whole pause is put down to the one that had us wait last. */
static void blame(struct ls_engine_stats *s, const char *name, int64_t took_us)
{
    uint32_t i = 0;

    while (i < s->culprit_count && strcmp(s->culprits[i].name, name) != 0) {
        i++;
    }
    if (i == s->culprit_count) {
        if (i == LS_MAX_MEMBERS) {
            return;
        }
        s->culprit_count++;
        snprintf(s->culprits[i].name, LS_NAME_SIZE, "%s", name);
        s->culprits[i].ns = 0;
    }
    s->culprits[i].ns += (uint64_t)took_us * 1000;
}

static void begin_pause(struct ls_engine *e, const char *by)
{
    ls_mutex_lock(&e->mutex);
    e->fc_active = true;
    e->fc_since_us = ls_clock_us();
    snprintf(e->stats.fc_by, sizeof(e->stats.fc_by), "%s", by);
    ls_mutex_unlock(&e->mutex);
    e->fc_told = false;
}

static void end_pause(struct ls_engine *e)
{
    char by[LS_FLOW_TEXT_SIZE];

    ls_mutex_lock(&e->mutex);
    int64_t took_us = ls_clock_us() - e->fc_since_us;
    e->fc_active = false;
    e->stats.fc_paused_ns += (uint64_t)took_us * 1000;
    blame(&e->stats, e->fc_culprit, took_us);
    memcpy(by, e->stats.fc_by, sizeof(by));
    snprintf(e->stats.fc_last, sizeof(e->stats.fc_last), "%.120s; %.3f s", by,
             (double)took_us / 1e6);
    e->stats.fc_by[0] = '\0';
    ls_cond_broadcast(&e->room);
    ls_mutex_unlock(&e->mutex);
    if (e->fc_told) {
        ls_info("flow control: new write-sets go on, after %.1f s (%s)", (double)took_us / 1e6, by);
    }
}

void engine_flow_update(struct ls_engine *e)
{
    char by[LS_FLOW_TEXT_SIZE], name[LS_NAME_SIZE];

    if (e->core == NULL || e->left) {
        return;
    }
    update_request(e);
    bool active = find_culprit(e, by, name);
    if (active) {
        memcpy(e->fc_culprit, name, sizeof(name));
    }
    if (active != e->fc_active) {
        active ? begin_pause(e, by) : end_pause(e);
    } else if (active) {
        ls_mutex_lock(&e->mutex);
        snprintf(e->stats.fc_by, sizeof(e->stats.fc_by), "%s", by);
        bool tell = !e->fc_told && ls_clock_us() - e->fc_since_us >= FLOW_TELL_US;
        ls_mutex_unlock(&e->mutex);
        if (tell) {
            e->fc_told = true;
            ls_info("flow control: new write-sets have been waiting for %.1f s on %s",
                    FLOW_TELL_US / 1e6, by);
        }
    }
}

void engine_flow_peer_up(struct ls_engine *e, const struct ls_uuid *peer)
{
    if (atomic_load(&e->fc_requested)) {
        ls_net_send_signal(e->net, peer, LS_SIGNAL_FLOW, own_reason(e));
    }
}
