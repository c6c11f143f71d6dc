/* Status under our own names, for plugin/status. */
#include "plugin/provider/export.h"
#include "plugin/provider/provider.h"
#include "plugin/provider/services.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

LS_EXPORT int lockstep_status_v1(struct lockstep_status *out);

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
    begin(t, "leader");
    more(t, "%s", leader != NULL ? leader->name : "");
    begin(t, "term");
    more(t, "%llu", (unsigned long long)stats->term);
    add_members(t, config);
    begin(t, "waiting_for");
    more(t, "%s", stats->waiting_for);
    begin(t, "flow_control_by");
    more(t, "%s", stats->fc_by);
    begin(t, "flow_control_last");
    more(t, "%s", stats->fc_last);
    begin(t, "flow_control_left");
    more(t, "%s", lagging ? "ON" : "OFF");
    begin(t, "log_disk_full");
    more(t, "%s", stats->log_full ? "ON" : "OFF");
    begin(t, "log_first_seqno");
    more(t, "%lld", e != NULL ? (long long)ls_log_first_seqno(ls_engine_log(e)) : -1LL);
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
