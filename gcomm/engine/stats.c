/* Numbers for the status variables. The loop publishes its own once a turn. */
#include "gcomm/engine/internal.h"

#include <math.h>
#include <string.h>

/* Welford's running mean and variance. */
void engine_latency_add(struct latency *l, double seconds)
{
    double delta = seconds - l->mean;

    if (l->count == 0 || seconds < l->min) {
        l->min = seconds;
    }
    if (l->count == 0 || seconds > l->max) {
        l->max = seconds;
    }
    l->count++;
    l->mean += delta / (double)l->count;
    l->m2 += delta * (seconds - l->mean);
}

void engine_publish_stats(struct ls_engine *e)
{
    struct ls_engine_stats *out = &e->stats;
    struct ls_net_stats net;
    struct ls_core_status st;

    ls_core_get_status(e->core, &st);
    ls_net_get_stats(e->net, &net);
    ls_mutex_lock(&e->mutex);
    out->role = st.role;
    out->term = st.term;
    out->leader = st.leader;
    out->primary = e->open;
    if (e->open) {
        out->waiting_for[0] = '\0';
    }
    out->last_index = st.last.index;
    out->commit_index = st.commit;
    out->format = st.config != NULL ? st.config->format : 0;
    out->sent_bytes = net.sent_bytes;
    out->evicted_count = st.evicted_count;
    memcpy(out->evicted, st.evicted, st.evicted_count * sizeof(st.evicted[0]));
    ls_mutex_unlock(&e->mutex);
}

void ls_engine_get_stats(struct ls_engine *e, struct ls_engine_stats *out)
{
    const struct latency *l = &e->latency;

    ls_mutex_lock(&e->mutex);
    *out = e->stats;
    out->send_queue = e->pending;
    out->fc_active = e->fc_active;
    if (e->fc_active) {
        out->fc_paused_ns += (uint64_t)(ls_clock_us() - e->fc_since_us) * 1000;
    }
    out->latency_count = l->count;
    out->latency_min_s = l->min;
    out->latency_avg_s = l->mean;
    out->latency_max_s = l->max;
    out->latency_stddev_s = l->count > 1 ? sqrt(l->m2 / (double)(l->count - 1)) : 0.0;
    out->fc_requested = atomic_load(&e->fc_requested);
    out->log_full = atomic_load(&e->log_full);
    if (out->fc_requested) {
        out->fc_asked_ns += (uint64_t)(ls_clock_us() - e->flow_asked_us) * 1000;
    }
    ls_mutex_unlock(&e->mutex);
}

void ls_engine_reset_stats(struct ls_engine *e)
{
    ls_mutex_lock(&e->mutex);
    memset(&e->latency, 0, sizeof(e->latency));
    e->stats.fc_sent = 0;
    e->stats.fc_recv = 0;
    e->stats.fc_paused_ns = 0;
    if (e->fc_active) {
        e->fc_since_us = ls_clock_us();
    }
    ls_mutex_unlock(&e->mutex);
}
