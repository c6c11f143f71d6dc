/* Status variables (contract 4). Called from any client thread at any time: takes short locks only
 * and never waits. */
#include "plugin/provider/provider.h"

#include "wsrep/base/assert.h"
#include "wsrep/os/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARS_MAX 96
#define TEXT_BYTES (LS_MAX_MEMBERS * (LS_INCOMING_SIZE + 1) + 4096)
#define REPL_PROTOCOL 11 /* of Galera's write-sets and group channel: what we take the place of */
#define GCS_PROTOCOL 5

/* One answer; the array is handed out, the rest lives as long. */
struct answer {
    struct wsrep_stats_var vars[VARS_MAX];
    size_t count;
    char text[TEXT_BYTES];
    size_t used;
};

/* Everything that is read under a lock, at one moment. */
struct snapshot {
    struct ls_engine_stats engine;
    int64_t cached_downto;
    struct ls_config config;
    struct ls_uuid group, self;
    enum ls_phase phase;
    bool sst_active, sst_granted;
    int desyncs;
    uint8_t segment;
    uint64_t queue_now, queue_max, queue_min, queue_samples;
    double queue_avg;
    uint64_t apply_passes, apply_late, commit_passes, commit_late;
};

static void add_int(struct answer *a, const char *name, int64_t v)
{
    LS_ASSERT(a->count + 1 < VARS_MAX);
    a->vars[a->count++] =
        (struct wsrep_stats_var){.name = name, .type = WSREP_VAR_INT64, .value._int64 = v};
}

static void add_double(struct answer *a, const char *name, double v)
{
    LS_ASSERT(a->count + 1 < VARS_MAX);
    a->vars[a->count++] =
        (struct wsrep_stats_var){.name = name, .type = WSREP_VAR_DOUBLE, .value._double = v};
}

static void add_text(struct answer *a, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add_text(struct answer *a, const char *name, const char *fmt, ...)
{
    char *at = a->text + a->used;
    size_t room = TEXT_BYTES - a->used;
    va_list ap;

    LS_ASSERT(a->count + 1 < VARS_MAX && room > 0);
    va_start(ap, fmt);
    int n = vsnprintf(at, room, fmt, ap);
    va_end(ap);
    a->used += n >= 0 && (size_t)n < room ? (size_t)n + 1 : room;
    a->vars[a->count++] =
        (struct wsrep_stats_var){.name = name, .type = WSREP_VAR_STRING, .value._string = at};
}

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0.0 : (double)part / (double)whole;
}

static void take_orders(struct ls_provider *p, struct snapshot *s)
{
    ls_mutex_lock(&p->apply.lock);
    s->apply_passes = p->apply.passes;
    s->apply_late = p->apply.out_of_order;
    ls_mutex_unlock(&p->apply.lock);
    ls_mutex_lock(&p->commit.lock);
    s->commit_passes = p->commit.passes;
    s->commit_late = p->commit.out_of_order;
    ls_mutex_unlock(&p->commit.lock);
    ls_mutex_lock(&p->queue.lock);
    s->queue_now = p->queue.tail - p->queue.head;
    s->queue_max = p->queue.max;
    s->queue_min = p->queue.min;
    s->queue_samples = p->queue.samples;
    s->queue_avg = share(p->queue.sum, p->queue.samples);
    ls_mutex_unlock(&p->queue.lock);
}

static void take_snapshot(struct ls_provider *p, struct snapshot *s)
{
    struct ls_engine *e = ls_provider_use_engine(p);

    memset(s, 0, sizeof(*s));
    if (e != NULL) {
        ls_engine_get_stats(e, &s->engine);
        s->cached_downto = ls_log_first_seqno(ls_engine_log(e));
        ls_provider_drop_engine(p);
    }
    ls_mutex_lock(&p->lock);
    s->config = p->config;
    s->group = p->group;
    s->self = p->self;
    s->phase = (enum ls_phase)atomic_load(&p->phase);
    s->sst_active = p->sst.active;
    s->sst_granted = p->sst.granted;
    s->desyncs = p->desyncs;
    s->segment = p->settings.segment;
    ls_mutex_unlock(&p->lock);
    if (s->engine.stands_still && s->phase > LS_PHASE_OPEN) {
        s->phase =
            LS_PHASE_OPEN; /* as without a primary component: the view to say so cannot come */
    }
    take_orders(p, s);
}

static void add_traffic(struct ls_provider *p, struct answer *a)
{
    struct ls_counters *c = &p->counters;

    add_int(a, "replicated", (int64_t)atomic_load(&c->replicated));
    add_int(a, "replicated_bytes", (int64_t)atomic_load(&c->replicated_bytes));
    add_int(a, "repl_keys", (int64_t)atomic_load(&c->repl_keys));
    add_int(a, "repl_keys_bytes", (int64_t)atomic_load(&c->repl_keys_bytes));
    add_int(a, "repl_data_bytes", (int64_t)atomic_load(&c->repl_data_bytes));
    add_int(a, "repl_other_bytes", (int64_t)atomic_load(&c->repl_other_bytes));
    add_int(a, "received", (int64_t)atomic_load(&c->received));
    add_int(a, "received_bytes", (int64_t)atomic_load(&c->received_bytes));
    add_int(a, "local_commits", (int64_t)atomic_load(&c->local_commits));
    add_int(a, "local_cert_failures", (int64_t)atomic_load(&c->local_cert_failures));
    add_int(a, "local_replays", (int64_t)atomic_load(&c->local_replays));
}

static void add_queues(struct ls_provider *p, const struct snapshot *s, struct answer *a)
{
    struct ls_counters *c = &p->counters;
    int64_t since_ns = ls_clock_ns() - atomic_load(&c->reset_ns);
    uint64_t samples = atomic_load(&c->send_samples);

    add_int(a, "local_send_queue", (int64_t)atomic_load(&c->send_now));
    add_int(a, "local_send_queue_max", (int64_t)atomic_load(&c->send_max));
    add_int(a, "local_send_queue_min", samples > 0 ? (int64_t)atomic_load(&c->send_min) : 0);
    add_double(a, "local_send_queue_avg", share(atomic_load(&c->send_sum), samples));
    add_int(a, "local_recv_queue", (int64_t)s->queue_now);
    add_int(a, "local_recv_queue_max", (int64_t)s->queue_max);
    add_int(a, "local_recv_queue_min", (int64_t)s->queue_min);
    add_double(a, "local_recv_queue_avg", s->queue_avg);
    add_int(a, "local_cached_downto", s->cached_downto);
    add_int(a, "flow_control_paused_ns", (int64_t)s->engine.fc_paused_ns);
    add_double(a, "flow_control_paused",
               since_ns > 0 ? (double)s->engine.fc_paused_ns / (double)since_ns : 0.0);
    add_int(a, "flow_control_sent", (int64_t)s->engine.fc_sent);
    add_int(a, "flow_control_recv", (int64_t)s->engine.fc_recv);
    add_text(a, "flow_control_active", "%s", s->engine.fc_active ? "true" : "false");
    add_text(a, "flow_control_requested", "%s", s->engine.fc_requested ? "true" : "false");
}

static void add_orders(struct ls_provider *p, const struct snapshot *s, struct answer *a)
{
    struct ls_counters *c = &p->counters;
    uint64_t applies = atomic_load(&c->applies);
    uint64_t enters = atomic_load(&c->commit_enters);

    add_double(a, "cert_deps_distance",
               share(atomic_load(&c->deps_distance_sum), atomic_load(&c->certified)));
    add_double(a, "apply_oooe", share(atomic_load(&c->apply_out_of_order), applies));
    add_double(a, "apply_oool", share(s->apply_late, s->apply_passes));
    add_double(a, "apply_window", share(atomic_load(&c->apply_window_sum), applies));
    add_int(a, "apply_waits", (int64_t)atomic_load(&c->apply_waits));
    add_double(a, "commit_oooe", share(s->commit_late, s->commit_passes));
    add_double(a, "commit_oool", share(s->commit_late, s->commit_passes));
    add_double(a, "commit_window", share(atomic_load(&c->commit_window_sum), enters));
}

static int local_state(const struct ls_provider *p, enum ls_phase phase)
{
    if (atomic_load(&p->inconsistent)) {
        return WSREP_MEMBER_ERROR;
    }
    switch (phase) {
    case LS_PHASE_JOINER:
        return WSREP_MEMBER_JOINER;
    case LS_PHASE_JOINED:
        return WSREP_MEMBER_JOINED;
    case LS_PHASE_SYNCED:
        return WSREP_MEMBER_SYNCED;
    case LS_PHASE_DONOR:
        return WSREP_MEMBER_DONOR;
    default:
        return WSREP_MEMBER_UNDEFINED;
    }
}

static const char *state_comment(int state, const struct snapshot *s)
{
    switch (state) {
    case WSREP_MEMBER_ERROR:
        return "Inconsistent";
    case WSREP_MEMBER_JOINER:
        return s->sst_granted ? "Joining: receiving State Transfer" : "Joining";
    case WSREP_MEMBER_JOINED:
        return "Joined";
    case WSREP_MEMBER_SYNCED:
        return "Synced";
    case WSREP_MEMBER_DONOR:
        return "Donor/Desynced";
    default:
        return "Initialized";
    }
}

static void add_state(struct ls_provider *p, const struct snapshot *s, struct answer *a)
{
    struct ls_counters *c = &p->counters;
    int state = local_state(p, s->phase);

    add_int(a, "local_state", state);
    add_text(a, "local_state_comment", "%s", state_comment(state, s));
    add_int(a, "cert_index_size", (int64_t)atomic_load(&c->cert_index_size));
    add_int(a, "causal_reads", (int64_t)atomic_load(&c->causal_reads));
    add_double(a, "cert_interval",
               share(atomic_load(&c->cert_interval_sum), atomic_load(&c->certified)));
    add_int(a, "open_transactions", ls_trx_count(&p->trxs));
    add_int(a, "open_connections", ls_trx_count(&p->tois));
}

static void add_incoming(const struct snapshot *s, struct answer *a)
{
    char list[LS_MAX_MEMBERS * (LS_INCOMING_SIZE + 1)];
    size_t used = 0;

    list[0] = '\0';
    for (uint32_t i = 0; i < s->config.count; i++) {
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? "," : "",
                                 s->config.members[i].incoming);
    }
    add_text(a, "incoming_addresses", "%s", list);
}

static void add_evicted(const struct snapshot *s, struct answer *a)
{
    char list[LS_CORE_MAX_EVICTED * LS_UUID_STR_SIZE];
    size_t used = 0;

    list[0] = '\0';
    for (uint32_t i = 0; i < s->engine.evicted_count; i++) {
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? "," : "",
                                 LS_UUID_STR(&s->engine.evicted[i]));
    }
    add_text(a, "evs_evict_list", "%s", list);
}

/* Of all members, whether their votes count already or not; none without a primary component. */
static uint32_t cluster_weight(const struct snapshot *s)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < s->config.count && s->phase > LS_PHASE_OPEN; i++) {
        sum += s->config.members[i].weight;
    }
    return sum;
}

static void add_group(const struct snapshot *s, struct answer *a)
{
    const struct ls_engine_stats *e = &s->engine;

    add_incoming(s, a);
    add_text(a, "cluster_weight", "%u", cluster_weight(s));
    add_text(a, "desync_count", "%d", s->desyncs);
    add_text(a, "evs_delayed", "%s", "");
    add_evicted(s, a);
    add_text(a, "evs_repl_latency", "%g/%g/%g/%g/%llu", e->latency_min_s, e->latency_avg_s,
             e->latency_max_s, e->latency_stddev_s, (unsigned long long)e->latency_count);
    add_text(a, "evs_state", "%s",
             s->phase == LS_PHASE_CLOSED ? "CLOSED"
             : e->primary                ? "OPERATIONAL"
                                         : "GATHER");
    add_text(a, "gcomm_uuid", "%s", LS_UUID_STR(&s->self));
    add_text(a, "gmcast_segment", "%u", s->segment);
}

struct wsrep_stats_var *ls_provider_stats_get(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);
    struct answer *a = calloc(1, sizeof(*a));
    struct snapshot *s = malloc(sizeof(*s));

    if (a == NULL || s == NULL || !p->initialized) {
        free(a);
        free(s);
        return NULL;
    }
    take_snapshot(p, s);
    int64_t committed = atomic_load(&p->inconsistent) ? -1 : ls_order_position(&p->apply);
    add_text(a, "local_state_uuid", "%s", LS_UUID_STR(&s->group));
    add_int(a, "protocol_version", REPL_PROTOCOL);
    add_int(a, "protocol_application", p->server.proto_ver);
    add_int(a, "protocol_replicator", REPL_PROTOCOL);
    add_int(a, "protocol_GCS", GCS_PROTOCOL);
    add_int(a, "last_committed", committed);
    add_traffic(p, a);
    add_queues(p, s, a);
    add_orders(p, s, a);
    add_state(p, s, a);
    add_group(s, a);
    free(s);
    return a->vars; /* the first field of the answer; ended by a NULL name from calloc */
}

void ls_provider_stats_free(wsrep_t *self, struct wsrep_stats_var *vars)
{
    _Static_assert(offsetof(struct answer, vars) == 0, "the array is the answer's address");
    free(vars);
}

void ls_provider_stats_reset(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_counters *c = &p->counters;
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e != NULL) {
        ls_engine_reset_stats(e);
        ls_provider_drop_engine(p);
    }
    ls_order_reset_stats(&p->apply);
    ls_order_reset_stats(&p->commit);
    ls_queue_reset_stats(&p->queue);
    uint64_t now = atomic_load(&c->send_now);
    atomic_store(&c->send_max, now);
    atomic_store(&c->send_min, now);
    atomic_store(&c->send_sum, 0);
    atomic_store(&c->send_samples, 0);
    atomic_store(&c->certified, 0);
    atomic_store(&c->deps_distance_sum, 0);
    atomic_store(&c->cert_interval_sum, 0);
    atomic_store(&c->applies, 0);
    atomic_store(&c->apply_out_of_order, 0);
    atomic_store(&c->apply_window_sum, 0);
    atomic_store(&c->commit_enters, 0);
    atomic_store(&c->commit_window_sum, 0);
    atomic_store(&c->reset_ns, ls_clock_ns());
}
