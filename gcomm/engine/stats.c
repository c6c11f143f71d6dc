/* Numbers for the status variables. The loop publishes its own once a turn. */
#include "gcomm/engine/internal.h"

#include <math.h>
#include <string.h>

const double ls_engine_latency_bounds[LS_LATENCY_BUCKETS] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

static void count_bucket(struct latency *l, double seconds)
{
    size_t i = 0;

    while (i < LS_LATENCY_BUCKETS && seconds > ls_engine_latency_bounds[i]) {
        i++;
    }
    l->buckets[i]++;
    l->sum += seconds;
}

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
    count_bucket(l, seconds);
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
    out->leader_since_us = st.leader_since_us;
    out->sure_until_us = st.sure_until_us;
    out->primary = e->open;
    out->majority = st.majority;
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

void engine_publish_applied(struct ls_engine *e)
{
    struct ls_engine_stats *out = &e->stats;
    struct ls_core_status st;
    uint32_t n = 0;

    ls_core_get_status(e->core, &st);
    ls_mutex_lock(&e->mutex);
    for (uint32_t i = 0; st.role == LS_ROLE_LEADER && i < st.config->count; i++) {
        const struct ls_member *m = &st.config->members[i];
        int64_t seqno = m->no_data ? LS_SEQNO_UNDEFINED : ls_core_member_applied(e->core, &m->id);
        if (seqno >= 0) {
            out->applied[n].id = m->id;
            out->applied[n++].seqno = seqno;
        }
    }
    out->applied_count = n;
    ls_mutex_unlock(&e->mutex);
}

void ls_engine_log_view(const struct ls_config *c, const struct ls_uuid *self, bool primary)
{
    ls_info("New COMPONENT: primary = %s, bootstrap = %s, my_idx = %d, memb_num = %u",
            primary ? "yes" : "no", primary && c->is_bootstrap ? "yes" : "no",
            ls_config_index_of(c, self), c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        ls_info("  member %u.%u (%s) %s", i, c->members[i].segment, c->members[i].name,
                LS_UUID_STR(&c->members[i].id));
    }
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
    out->latency_sum_s = l->sum;
    memcpy(out->latency_buckets, l->buckets, sizeof(out->latency_buckets));
    out->latency_min_s = l->min;
    out->latency_avg_s = l->mean;
    out->latency_max_s = l->max;
    out->latency_stddev_s = l->count > 1 ? sqrt(l->m2 / (double)(l->count - 1)) : 0.0;
    out->fc_requested = atomic_load(&e->fc_requested);
    out->log_full = atomic_load(&e->log_full);
    engine_watch_judge(e, out);
    if (out->fc_requested) {
        out->fc_asked_ns += (uint64_t)(ls_clock_us() - e->flow_asked_us) * 1000;
    }
    ls_mutex_unlock(&e->mutex);
}

void ls_engine_reset_stats(struct ls_engine *e)
{
    ls_mutex_lock(&e->mutex);
    e->latency.count = 0; /* the histogram goes on: who scrapes it takes differences */
    e->latency.mean = e->latency.m2 = e->latency.min = e->latency.max = 0;
    e->stats.fc_sent = 0;
    e->stats.fc_recv = 0;
    e->stats.fc_paused_ns = 0;
    if (e->fc_active) {
        e->fc_since_us = ls_clock_us();
    }
    ls_mutex_unlock(&e->mutex);
}
