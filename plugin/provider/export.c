/* Status under our own names, for plugin/status. */
#include "plugin/provider/export.h"
#include "plugin/provider/provider.h"
#include "plugin/provider/services.h"

#include "wsrep/os/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A new leader gives the one before time to have stopped saying so: what that one has said last may
 * be repeated for LS_HEALTH_WRITER_FRESH_US (plugin/health/sampler.h), and the heartbeat on which
 * it relied was a heartbeat older than its question (gcomm/core/lease.c). */
#define WRITER_HOLD_US 250000

LS_EXPORT int lockstep_status_v1(struct lockstep_status *out);
LS_EXPORT int lockstep_variables_v1(void (*fn)(void *ctx, const char *name, const char *value),
                                    void *ctx);

/* The server loads one provider at a time. */
static ls_mutex gate = LS_MUTEX_STATIC;
static struct ls_provider *in_use;

void ls_export_open(struct ls_provider *p)
{
    ls_mutex_lock(&gate);
    in_use = p;
    ls_mutex_unlock(&gate);
}

void ls_export_close(struct ls_provider *p)
{
    ls_mutex_lock(&gate);
    if (in_use == p) {
        in_use = NULL;
    }
    ls_mutex_unlock(&gate);
}

struct text {
    struct lockstep_status *out;
    size_t used;
};

static void more(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One more piece of the last value; what does not fit is cut off. */
static void more(struct text *t, const char *fmt, ...)
{
    size_t room = sizeof(t->out->text) - t->used;
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(t->out->text + t->used, room, fmt, args);
    va_end(args);
    if (n > 0) {
        t->used += (size_t)n < room ? (size_t)n : room - 1;
    }
}

/* Begins a value. The one before ends with its NUL, for which there is always room. */
static void begin(struct text *t, const char *name)
{
    if (t->out->count > 0 && t->used + 1 < sizeof(t->out->text)) {
        t->used++;
    }
    t->out->text[t->used] = '\0';
    t->out->vars[t->out->count].name = name;
    t->out->vars[t->out->count++].value = t->out->text + t->used;
}

static const char *state_name(uint8_t state)
{
    static const char *const names[] = {"Undefined", "Joining", "Donor/Desynced",
                                        "Joined",    "Synced",  "Error"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "Undefined";
}

static void add_members(struct text *t, const struct ls_config *c)
{
    begin(t, "members");
    for (uint32_t i = 0; i < c->count; i++) {
        const struct ls_member *m = &c->members[i];
        more(t, "%s%s: %s, weight %u%s", i > 0 ? "; " : "", m->name, state_name(m->state),
             m->weight, m->role == LS_MEMBER_VOTER ? "" : ", does not vote yet");
    }
}

/* At most one node of a primary component at a time: its leader, that has a majority behind it now,
 * has been it for a while, and is synced. */
static bool is_writer(const struct ls_engine_stats *s, const struct ls_config *c,
                      const struct ls_uuid *self)
{
    const struct ls_member *me = ls_config_find(c, self);
    int64_t now_us = ls_clock_us();

    return s->role == LS_ROLE_LEADER && s->primary && me != NULL && me->state == LS_NODE_SYNCED &&
           now_us <= s->sure_until_us && now_us - s->leader_since_us >= WRITER_HOLD_US;
}

/* ---- tables, as JSON ---- */

static void add_json(struct text *t, const char *name, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(6));

    begin(t, name);
    if (text != NULL) {
        more(t, "%s", text);
    }
    free(text);
    json_decref(value);
}

static json_t *member_table(const struct ls_config *c, const struct ls_engine_stats *s,
                            int64_t ordered)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < c->count; i++) {
        const struct ls_member *m = &c->members[i];
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(m->name));
        json_object_set_new(o, "state", json_integer(m->state));
        json_object_set_new(o, "votes", json_integer(m->role == LS_MEMBER_VOTER));
        json_object_set_new(o, "no_data", json_integer(m->no_data));
        for (uint32_t k = 0; k < s->applied_count; k++) {
            if (ls_uuid_equal(&s->applied[k].id, &m->id) && ordered >= s->applied[k].seqno) {
                json_object_set_new(o, "lag", json_integer(ordered - s->applied[k].seqno));
            }
        }
        json_array_append_new(list, o);
    }
    return list;
}

static void add_count(void *ctx, const char *name, uint64_t n)
{
    json_object_set_new(ctx, name, json_integer((json_int_t)n));
}

static json_t *conflict_table(struct ls_provider *p)
{
    json_t *o = json_object();

    ls_tally_each(&p->conflicts, add_count, o);
    return o;
}

static json_t *culprit_table(const struct ls_engine_stats *s)
{
    json_t *o = json_object();

    for (uint32_t i = 0; i < s->culprit_count; i++) {
        json_object_set_new(o, s->culprits[i].name, json_real((double)s->culprits[i].ns / 1e9));
    }
    return o;
}

static json_t *commit_histogram(const struct ls_engine_stats *s)
{
    json_t *buckets = json_array();

    for (size_t i = 0; i < LS_LATENCY_BUCKETS; i++) {
        json_array_append_new(buckets, json_pack("[f,I]", ls_engine_latency_bounds[i],
                                                 (json_int_t)s->latency_buckets[i]));
    }
    return json_pack("{s:o,s:I,s:f}", "buckets", buckets, "over",
                     (json_int_t)s->latency_buckets[LS_LATENCY_BUCKETS], "sum", s->latency_sum_s);
}

/* What this node is missing and gets from the log; null: nothing. */
static json_t *transfer_table(struct ls_provider *p)
{
    int64_t applied = ls_order_position(&p->apply);

    ls_mutex_lock(&p->lock);
    bool running = p->ist.running;
    int64_t total = p->joined_seqno - p->ist.base, done = applied - p->ist.base;
    ls_mutex_unlock(&p->lock);
    if (!running || total <= 0 || done < 0) {
        return json_null();
    }
    return json_pack("{s:s,s:I,s:I}", "kind", "IST", "done",
                     (json_int_t)(done < total ? done : total), "total", (json_int_t)total);
}

static void add_log(struct text *t, struct ls_engine *e)
{
    struct ls_log_stats log = {0};

    if (e != NULL) {
        ls_log_get_stats(ls_engine_log(e), &log);
    }
    begin(t, "log_first_seqno");
    more(t, "%lld", e != NULL ? (long long)ls_log_first_seqno(ls_engine_log(e)) : -1LL);
    begin(t, "log_bytes");
    more(t, "%llu", (unsigned long long)log.bytes);
}

static void add_tables(struct ls_provider *p, struct text *t, const struct ls_engine_stats *s,
                       const struct ls_config *c)
{
    int64_t ordered = atomic_load(&p->delivered_seqno);

    begin(t, "ordered_seqno");
    more(t, "%lld", (long long)ordered);
    add_json(t, "member_table", member_table(c, s, ordered));
    add_json(t, "conflict_table", conflict_table(p));
    add_json(t, "flow_control_table", culprit_table(s));
    add_json(t, "commit_histogram", commit_histogram(s));
    add_json(t, "transfer_table", transfer_table(p));
}

static void fill(struct ls_provider *p, struct text *t)
{
    struct ls_engine_stats *stats = calloc(1, sizeof(*stats));
    struct ls_config *config = calloc(1, sizeof(*config));
    struct ls_engine *e = ls_provider_use_engine(p);

    if (stats == NULL || config == NULL) {
        goto out;
    }
    if (e != NULL) {
        ls_engine_get_stats(e, stats);
    }
    ls_mutex_lock(&p->lock);
    *config = p->config;
    const char *sync = p->settings.log_sync_majority ? "majority" : "none";
    const char *ack = p->settings.ack_all       ? "all"
                      : p->settings.ack_applied ? "applied"
                                                : "majority";
    bool lagging = p->lag.out;
    struct ls_uuid self = p->self;
    ls_mutex_unlock(&p->lock);

    const struct ls_member *leader = ls_config_find(config, &stats->leader);
    begin(t, "version");
    more(t, "%s", LS_VERSION);
    begin(t, "log_sync");
    more(t, "%s", sync);
    begin(t, "ack_level");
    more(t, "%s", ack);
    begin(t, "primary");
    more(t, "%s", stats->primary ? "ON" : "OFF");
    begin(t, "node_name");
    more(t, "%s", p->server.node_name);
    begin(t, "cluster_name");
    more(t, "%s", e != NULL ? ls_engine_cluster_name(e) : "");
    begin(t, "cluster_size");
    more(t, "%u", config->count);
    begin(t, "group_uuid");
    more(t, "%s", LS_UUID_STR(&config->group));
    begin(t, "leader");
    more(t, "%s", leader != NULL ? leader->name : "");
    begin(t, "term");
    more(t, "%llu", (unsigned long long)stats->term);
    add_members(t, config);
    begin(t, "majority_heard");
    more(t, "%s", stats->majority ? "ON" : "OFF");
    begin(t, "waiting_for");
    more(t, "%s", stats->waiting_for);
    begin(t, "stuck");
    more(t, "%s", stats->stuck);
    begin(t, "flow_control_by");
    more(t, "%s", stats->fc_by);
    begin(t, "flow_control_last");
    more(t, "%s", stats->fc_last);
    begin(t, "flow_control_left");
    more(t, "%s", lagging ? "ON" : "OFF");
    begin(t, "log_disk_full");
    more(t, "%s", stats->log_full ? "ON" : "OFF");
    begin(t, "writer");
    more(t, "%s", is_writer(stats, config, &self) ? "ON" : "OFF");
    add_log(t, e);
    add_tables(p, t, stats, config);
out:
    if (e != NULL) {
        ls_provider_drop_engine(p);
    }
    free(stats);
    free(config);
}

int lockstep_status_v1(struct lockstep_status *out)
{
    struct text t = {.out = out};

    out->count = 0;
    ls_mutex_lock(&gate);
    if (in_use != NULL) {
        fill(in_use, &t);
    }
    ls_mutex_unlock(&gate);
    return out->count > 0 ? 0 : -1;
}

static void show_variable(const struct wsrep_stats_var *v,
                          void (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
    char text[40];

    switch (v->type) {
    case WSREP_VAR_STRING:
        fn(ctx, v->name, v->value._string);
        break;
    case WSREP_VAR_INT64:
        snprintf(text, sizeof(text), "%" PRId64, v->value._int64);
        fn(ctx, v->name, text);
        break;
    case WSREP_VAR_DOUBLE:
        snprintf(text, sizeof(text), "%f", v->value._double);
        fn(ctx, v->name, text);
        break;
    }
}

int lockstep_variables_v1(void (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
    wsrep_t self = {0};
    int rc = -1;

    ls_mutex_lock(&gate);
    if (in_use != NULL) {
        self.ctx = in_use;
        struct wsrep_stats_var *vars = ls_provider_stats_get(&self);
        for (const struct wsrep_stats_var *v = vars; v != NULL && v->name != NULL; v++) {
            show_variable(v, fn, ctx);
        }
        ls_provider_stats_free(&self, vars);
        rc = 0;
    }
    ls_mutex_unlock(&gate);
    return rc;
}
