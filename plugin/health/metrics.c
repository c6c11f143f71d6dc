#include "plugin/health/metrics.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum kind {
    NUMBER = 1,
    ON_OFF,      /* ON, YES, TRUE, 1: 1 */
    NANOSECONDS, /* shown in seconds */
};

static const struct row {
    const char *name;
    const char *type;
    const char *status; /* variable of the server */
    enum kind kind;
    const char *help;
} rows[] = {
    {"lockstep_ready", "gauge", "wsrep_ready", ON_OFF, "1: statements are served."},
    {"lockstep_connected", "gauge", "wsrep_connected", ON_OFF, "1: connected to the group."},
    {"lockstep_local_state", "gauge", "wsrep_local_state", NUMBER,
     "State of the node: 0 initialized, 1 joining, 2 donor or desynced, 3 joined, 4 synced."},
    {"lockstep_cluster_size", "gauge", "wsrep_cluster_size", NUMBER, "Members of the component."},
    {"lockstep_cluster_weight", "gauge", "wsrep_cluster_weight", NUMBER,
     "Sum of the members' quorum weights."},
    {"lockstep_cluster_view", "gauge", "wsrep_cluster_conf_id", NUMBER,
     "Number of the view; rises with every change of members."},
    {"lockstep_majority_heard", "gauge", "lockstep_majority_heard", ON_OFF,
     "0: no majority was heard of lately, writes wait."},
    {"lockstep_term", "gauge", "lockstep_term", NUMBER, "Term of the leader."},
    {"lockstep_desyncs", "gauge", "wsrep_desync_count", NUMBER,
     "Operations that hold the node desynced."},
    {"lockstep_read_only", "gauge", "read_only", ON_OFF, "1: read_only is set."},

    {"lockstep_last_committed_seqno", "gauge", "wsrep_last_committed", NUMBER,
     "Last write-set that is applied here."},
    {"lockstep_ordered_seqno", "gauge", "lockstep_ordered_seqno", NUMBER,
     "Last write-set that is known to be ordered; less the one applied it is the node's lag."},
    {"lockstep_log_first_seqno", "gauge", "lockstep_log_first_seqno", NUMBER,
     "Oldest write-set in the log: who needs older ones gets a full copy."},
    {"lockstep_log_bytes", "gauge", "lockstep_log_bytes", NUMBER, "Size of the write-set log."},
    {"lockstep_log_disk_full", "gauge", "lockstep_log_disk_full", ON_OFF,
     "1: the log's disk is nearly full, new write-sets wait."},

    {"lockstep_replicated_total", "counter", "wsrep_replicated", NUMBER, "Write-sets sent."},
    {"lockstep_replicated_bytes_total", "counter", "wsrep_replicated_bytes", NUMBER,
     "Bytes of write-sets sent."},
    {"lockstep_replicated_keys_total", "counter", "wsrep_repl_keys", NUMBER,
     "Keys in write-sets sent."},
    {"lockstep_replicated_keys_bytes_total", "counter", "wsrep_repl_keys_bytes", NUMBER,
     "Bytes of keys in write-sets sent."},
    {"lockstep_replicated_data_bytes_total", "counter", "wsrep_repl_data_bytes", NUMBER,
     "Bytes of data in write-sets sent."},
    {"lockstep_replicated_other_bytes_total", "counter", "wsrep_repl_other_bytes", NUMBER,
     "Bytes of all else in write-sets sent."},
    {"lockstep_received_total", "counter", "wsrep_received", NUMBER, "Write-sets received."},
    {"lockstep_received_bytes_total", "counter", "wsrep_received_bytes", NUMBER,
     "Bytes of write-sets received."},
    {"lockstep_local_commits_total", "counter", "wsrep_local_commits", NUMBER,
     "Transactions of this node that were committed."},
    {"lockstep_local_cert_failures_total", "counter", "wsrep_local_cert_failures", NUMBER,
     "Transactions of this node that lost against another one: error 1213."},
    {"lockstep_local_bf_aborts_total", "counter", "wsrep_local_bf_aborts", NUMBER,
     "Transactions of this node that gave way to an applied write-set."},
    {"lockstep_local_replays_total", "counter", "wsrep_local_replays", NUMBER,
     "Transactions of this node that were aborted and applied again."},
    {"lockstep_causal_reads_total", "counter", "wsrep_causal_reads", NUMBER,
     "Reads that waited for the group (wsrep_sync_wait)."},
    {"lockstep_apply_waits_total", "counter", "wsrep_apply_waits", NUMBER,
     "Times an applier waited for another one."},

    {"lockstep_send_queue", "gauge", "wsrep_local_send_queue", NUMBER,
     "Own write-sets that wait to be sent."},
    {"lockstep_send_queue_avg", "gauge", "wsrep_local_send_queue_avg", NUMBER,
     "Own write-sets that wait to be sent, mean since FLUSH STATUS."},
    {"lockstep_receive_queue", "gauge", "wsrep_local_recv_queue", NUMBER,
     "Write-sets that wait to be applied."},
    {"lockstep_receive_queue_max", "gauge", "wsrep_local_recv_queue_max", NUMBER,
     "Write-sets that wait to be applied, most since FLUSH STATUS."},
    {"lockstep_receive_queue_avg", "gauge", "wsrep_local_recv_queue_avg", NUMBER,
     "Write-sets that wait to be applied, mean since FLUSH STATUS."},

    {"lockstep_flow_control_paused_seconds_total", "counter", "wsrep_flow_control_paused_ns",
     NANOSECONDS, "Time in which new write-sets waited for a slow member."},
    {"lockstep_flow_control_paused_ratio", "gauge", "wsrep_flow_control_paused", NUMBER,
     "Share of that in the time since FLUSH STATUS."},
    {"lockstep_flow_control_sent_total", "counter", "wsrep_flow_control_sent", NUMBER,
     "Pauses that this node asked for."},
    {"lockstep_flow_control_received_total", "counter", "wsrep_flow_control_recv", NUMBER,
     "Pauses that members asked for."},
    {"lockstep_flow_control_active", "gauge", "wsrep_flow_control_active", ON_OFF,
     "1: new write-sets wait now."},
    {"lockstep_flow_control_requested", "gauge", "wsrep_flow_control_requested", ON_OFF,
     "1: this node asks for a pause now."},
    {"lockstep_flow_control_left", "gauge", "lockstep_flow_control_left", ON_OFF,
     "1: this node is too slow and lets the others go on without it."},

    {"lockstep_cert_index_keys", "gauge", "wsrep_cert_index_size", NUMBER,
     "Keys in the certification index."},
    {"lockstep_cert_interval", "gauge", "wsrep_cert_interval", NUMBER,
     "Mean number of write-sets ordered between the sending and the ordering of one."},
    {"lockstep_cert_deps_distance", "gauge", "wsrep_cert_deps_distance", NUMBER,
     "Mean number of write-sets that could be applied in parallel."},
    {"lockstep_apply_out_of_order_ratio", "gauge", "wsrep_apply_oooe", NUMBER,
     "Share of write-sets whose applying began out of order."},
    {"lockstep_apply_window", "gauge", "wsrep_apply_window", NUMBER,
     "Mean number of write-sets that are applied at once."},
    {"lockstep_commit_window", "gauge", "wsrep_commit_window", NUMBER,
     "Mean number of write-sets that are committed at once."},
    {"lockstep_open_transactions", "gauge", "wsrep_open_transactions", NUMBER,
     "Transactions that have written and not ended."},
    {"lockstep_open_connections", "gauge", "wsrep_open_connections", NUMBER,
     "Connections with a statement in total order."},
};

static void head(FILE *f, const char *name, const char *type, const char *help)
{
    fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void flag(FILE *f, const char *name, bool on, const char *help)
{
    head(f, name, "gauge", help);
    fprintf(f, "%s %d\n", name, on);
}

static void number(FILE *f, double value)
{
    if (value == floor(value) && fabs(value) < 1e15) {
        fprintf(f, "%.0f", value);
    } else {
        fprintf(f, "%.9g", value);
    }
}

static void put_row(FILE *f, const struct row *r, const struct ls_health_sample *s)
{
    const char *text = ls_health_sample_find(s, r->status);
    double value;
    char *end;

    if (text == NULL) {
        return;
    }
    if (r->kind == ON_OFF) {
        value = ls_health_sample_is_on(s, r->status);
    } else {
        value = strtod(text, &end);
        if (end == text || *end != '\0' || !isfinite(value)) {
            return;
        }
        value = r->kind == NANOSECONDS ? value / 1e9 : value;
    }
    head(f, r->name, r->type, r->help);
    fprintf(f, "%s ", r->name);
    number(f, value);
    fputc('\n', f);
}

/* Backslash, quote and line end (from inside of JSON), as the format wants them; what is no ASCII
 * letter of a name stays, since the sample is UTF-8. */
static void label(FILE *f, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            fputs("\\n", f);
        } else {
            if (*text == '\\' || *text == '"') {
                fputc('\\', f);
            }
            fputc(*text, f);
        }
    }
}

/* ---- what is more than a number: JSON in a status variable (plugin/provider/export.c) ---- */

static json_t *json_of(const struct ls_health_sample *s, const char *name)
{
    const char *text = ls_health_sample_find(s, name);

    return text != NULL ? json_loads(text, 0, NULL) : NULL;
}

static void member_series(FILE *f, const json_t *members, const char *name, const char *field,
                          const char *help)
{
    bool headed = false;

    for (size_t i = 0; i < json_array_size(members) && i < LS_METRICS_LABELS_MAX; i++) {
        const json_t *m = json_array_get(members, i);
        const char *who = json_string_value(json_object_get(m, "name"));
        const json_t *value = json_object_get(m, field);
        if (who == NULL || !json_is_number(value)) {
            continue;
        }
        if (!headed) {
            head(f, name, "gauge", help);
            headed = true;
        }
        fprintf(f, "%s{member=\"", name);
        label(f, who);
        fputs("\"} ", f);
        number(f, json_number_value(value));
        fputc('\n', f);
    }
}

static void put_members(FILE *f, const struct ls_health_sample *s)
{
    json_t *members = json_of(s, "lockstep_member_table");

    member_series(f, members, "lockstep_member_state", "state",
                  "State of each member, numbers as lockstep_local_state.");
    member_series(f, members, "lockstep_member_votes", "votes", "1: the member votes.");
    member_series(f, members, "lockstep_member_lag_write_sets", "lag",
                  "Write-sets that each member has not applied yet; told by the leader only.");
    json_decref(members);
}

static void put_flow_culprit(FILE *f, const struct ls_health_sample *s)
{
    json_t *culprits = json_of(s, "lockstep_flow_control_table");
    const char *name;
    json_t *seconds;
    size_t count = 0;

    if (json_object_size(culprits) > 0) {
        head(f, "lockstep_flow_control_asked_seconds_total", "counter",
             "Time in which each member had this one wait.");
    }
    json_object_foreach(culprits, name, seconds)
    {
        if (json_is_number(seconds) && count++ < LS_METRICS_LABELS_MAX) {
            fputs("lockstep_flow_control_asked_seconds_total{member=\"", f);
            label(f, name);
            fprintf(f, "\"} %.9g\n", json_number_value(seconds));
        }
    }
    json_decref(culprits);
}

static void put_conflicts(FILE *f, const struct ls_health_sample *s)
{
    json_t *tables = json_of(s, "lockstep_conflict_table");
    const char *name;
    json_t *n;
    size_t count = 0;

    if (json_object_size(tables) > 0) {
        head(f, "lockstep_conflicts_total", "counter",
             "Write-sets that lost in certification, by the table of the key.");
    }
    json_object_foreach(tables, name, n)
    {
        if (json_is_number(n) && count++ < LS_METRICS_LABELS_MAX) {
            fputs("lockstep_conflicts_total{table=\"", f);
            label(f, name);
            fprintf(f, "\"} %.0f\n", json_number_value(n));
        }
    }
    json_decref(tables);
}

/* {"buckets": [[le, count], ...], "sum": seconds, "count": n}, counts not yet added up. */
static void put_histogram(FILE *f, const struct ls_health_sample *s, const char *variable,
                          const char *name, const char *help)
{
    json_t *h = json_of(s, variable);
    const json_t *buckets = json_object_get(h, "buckets");
    double sum = json_number_value(json_object_get(h, "sum"));
    double below = 0;

    if (json_array_size(buckets) > 0) {
        head(f, name, "histogram", help);
        for (size_t i = 0; i < json_array_size(buckets); i++) {
            const json_t *b = json_array_get(buckets, i);
            below += json_number_value(json_array_get(b, 1));
            fprintf(f, "%s_bucket{le=\"%.9g\"} %.0f\n", name,
                    json_number_value(json_array_get(b, 0)), below);
        }
        below += json_number_value(json_object_get(h, "over"));
        fprintf(f, "%s_bucket{le=\"+Inf\"} %.0f\n%s_sum %.9g\n%s_count %.0f\n", name, below, name,
                sum, name, below);
    }
    json_decref(h);
}

static void put_transfer(FILE *f, const struct ls_health_sample *s)
{
    json_t *t = json_of(s, "lockstep_transfer_table");
    const json_t *done = json_object_get(t, "done"), *total = json_object_get(t, "total");

    if (json_is_number(done) && json_is_number(total)) {
        head(f, "lockstep_transfer_done", "gauge",
             "Of the state transfer under way, write-sets that have come.");
        fprintf(f, "lockstep_transfer_done %.0f\n", json_number_value(done));
        head(f, "lockstep_transfer_total", "gauge", "And how many there are to come in all.");
        fprintf(f, "lockstep_transfer_total %.0f\n", json_number_value(total));
    }
    json_decref(t);
}

static void put_info(FILE *f, const struct ls_health_sample *s)
{
    static const char *const labels[][2] = {
        {"node", "wsrep_node_name"},          {"provider", "wsrep_provider_name"},
        {"version", "lockstep_version"},      {"cluster", "wsrep_cluster_name"},
        {"uuid", "wsrep_cluster_state_uuid"}, {"leader", "lockstep_leader"},
    };
    bool first = true;

    head(f, "lockstep_info", "gauge", "Names; the value is always 1.");
    fputs("lockstep_info{", f);
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        const char *value = ls_health_sample_find(s, labels[i][1]);
        if (value != NULL) {
            fprintf(f, "%s%s=\"", first ? "" : ",", labels[i][0]);
            label(f, value);
            fputc('"', f);
            first = false;
        }
    }
    fputs("} 1\n", f);
}

void ls_metrics_render(const struct ls_health_sample *s, const struct ls_health_verdict *v,
                       bool disabled, char **body, size_t *size)
{
    const char *status = ls_health_sample_find(s, "wsrep_cluster_status");
    FILE *f = open_memstream(body, size);

    if (f == NULL) {
        *body = NULL;
        return;
    }
    flag(f, "lockstep_server_answers", v->answers, "1: the server answered in time.");
    flag(f, "lockstep_up", v->up, "1: a load balancer may send traffic here.");
    flag(f, "lockstep_writer", v->writer, "1: the writer of a group with a single one.");
    flag(f, "lockstep_replica", v->replica, "1: a load balancer may send reads here.");
    flag(f, "lockstep_donor", v->donor, "1: gives its state to another, or is desynced.");
    flag(f, "lockstep_disabled", disabled, "1: taken out of rotation by hand.");
    /* also without an answer: who watches for a cluster without one must not be left without data
     */
    flag(f, "lockstep_primary", v->answers && status != NULL && strcmp(status, "Primary") == 0,
         "1: in a primary component.");
    if (v->answers) {
        put_info(f, s);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            put_row(f, &rows[i], s);
        }
        put_members(f, s);
        put_flow_culprit(f, s);
        put_conflicts(f, s);
        put_histogram(f, s, "lockstep_commit_histogram", "lockstep_commit_order_seconds",
                      "From the sending of an own write-set to its place in the order.");
        put_transfer(f, s);
    }
    if (fclose(f) != 0) {
        free(*body);
        *body = NULL;
    }
}
