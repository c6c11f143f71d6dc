#include "plugin/health/internal.h"
#include "plugin/health/metrics.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN "text/plain; charset=utf-8"

static bool is_good(enum ls_health_page page, const struct ls_health_verdict *v)
{
    return page == LS_HEALTH_METRICS   ? true
           : page == LS_HEALTH_WRITER  ? v->writer
           : page == LS_HEALTH_REPLICA ? v->replica
                                       : v->up;
}

/* Consul takes 429 for a warning: a donor with which nothing else is wrong. Nobody is to write to
 * one where there is another to write to. */
static bool deserves_warning(const struct ls_health *h, enum ls_health_page page,
                             const struct ls_health_sample *s, bool disabled,
                             const struct ls_health_verdict *v)
{
    struct ls_health_policy lenient = h->opt.policy;
    struct ls_health_verdict as_if;

    if (!v->donor || page == LS_HEALTH_WRITER || page == LS_HEALTH_METRICS) {
        return false;
    }
    lenient.available_when_donor = true;
    ls_health_judge(s, &lenient, disabled, &as_if);
    return is_good(page, &as_if);
}

static void check_page(const struct ls_health_verdict *v, const char *what, bool good,
                       struct ls_health_reply *out)
{
    FILE *f = open_memstream(&out->body, &out->size);

    if (f == NULL) {
        out->body = NULL;
        return;
    }
    out->type = PLAIN;
    fprintf(f, "MariaDB Cluster Node is %s%s.\r\n", good ? "" : "not ", what);
    for (size_t i = 0; !good && i < v->count; i++) {
        fprintf(f, "%s\r\n", v->reasons[i]);
    }
    fclose(f);
}

static void set_text(json_t *o, const char *key, const struct ls_health_sample *s, const char *name)
{
    const char *value = ls_health_sample_find(s, name);

    if (value != NULL) {
        json_object_set_new(o, key, json_string(value));
    }
}

static void set_number(json_t *o, const char *key, const struct ls_health_sample *s,
                       const char *name)
{
    int64_t n = ls_health_sample_number(s, name, INT64_MIN);

    if (n != INT64_MIN) {
        json_object_set_new(o, key, json_integer(n));
    }
}

static json_t *reasons_of(const struct ls_health_verdict *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < v->count; i++) {
        json_array_append_new(list, json_string(v->reasons[i]));
    }
    return list;
}

static void report_page(const struct ls_health_sample *s, const struct ls_health_verdict *v,
                        bool disabled, struct ls_health_reply *out)
{
    json_t *o = json_object();

    json_object_set_new(o, "up", json_boolean(v->up));
    json_object_set_new(o, "writer", json_boolean(v->writer));
    json_object_set_new(o, "replica", json_boolean(v->replica));
    json_object_set_new(o, "donor", json_boolean(v->donor));
    json_object_set_new(o, "disabled", json_boolean(disabled));
    json_object_set_new(o, "answers", json_boolean(v->answers));
    json_object_set_new(o, "reasons", reasons_of(v));
    if (v->answers) {
        set_text(o, "node", s, "wsrep_node_name");
        set_text(o, "state", s, "wsrep_local_state_comment");
        set_text(o, "cluster_status", s, "wsrep_cluster_status");
        set_number(o, "cluster_size", s, "wsrep_cluster_size");
        set_text(o, "cluster_state_uuid", s, "wsrep_cluster_state_uuid");
        set_number(o, "last_committed", s, "wsrep_last_committed");
        set_number(o, "receive_queue", s, "wsrep_local_recv_queue");
        set_text(o, "leader", s, "lockstep_leader");
        set_text(o, "members", s, "lockstep_members");
        set_text(o, "flow_control_last", s, "lockstep_flow_control_last");
        set_text(o, "transfer", s, "lockstep_transfer");
        json_object_set_new(o, "read_only", json_boolean(ls_health_sample_is_on(s, "read_only")));
    }
    out->type = "application/json";
    out->body = json_dumps(o, JSON_INDENT(2));
    out->size = out->body != NULL ? strlen(out->body) : 0;
    json_decref(o);
}

void ls_health_render(const struct ls_health *h, enum ls_health_page page, bool donor_warns,
                      const struct ls_health_sample *s, struct ls_health_reply *out)
{
    bool disabled = ls_health_is_disabled(h), good;
    struct ls_health_verdict v;

    ls_health_judge(s, &h->opt.policy, disabled, &v);
    *out = (struct ls_health_reply){.body = NULL};
    good = is_good(page, &v);
    out->status = donor_warns && deserves_warning(h, page, s, disabled, &v) ? 429
                  : good                                                    ? 200
                                                                            : 503;
    switch (page) {
    case LS_HEALTH_CHECK:
        check_page(&v, "synced", good, out);
        break;
    case LS_HEALTH_WRITER:
        check_page(&v, "the writer", good, out);
        break;
    case LS_HEALTH_REPLICA:
        check_page(&v, "a replica", good, out);
        break;
    case LS_HEALTH_REPORT:
        report_page(s, &v, disabled, out);
        break;
    case LS_HEALTH_METRICS:
        out->type = LS_METRICS_TYPE;
        ls_metrics_render(s, &v, disabled, &out->body, &out->size);
        break;
    }
}
