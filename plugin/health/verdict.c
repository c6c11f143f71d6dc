#include "plugin/health/verdict.h"

#include "plugin/health/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STATE_DONOR 2
#define STATE_SYNCED 4

static void reason(struct ls_health_verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void reason(struct ls_health_verdict *v, const char *fmt, ...)
{
    va_list args;

    if (v->count < LS_HEALTH_REASONS) {
        va_start(args, fmt);
        vsnprintf(v->reasons[v->count], LS_HEALTH_REASON_SIZE, fmt, args);
        va_end(args);
        ls_health_text_tidy(v->reasons[v->count++]); /* the end may be cut */
    }
}

static const char *text(const struct ls_health_sample *s, const char *name)
{
    const char *value = ls_health_sample_find(s, name);

    return value != NULL ? value : "";
}

/* Why the node itself has not moved, when it has not. */
static const char *stuck_or(const struct ls_health_sample *s, const char *otherwise)
{
    const char *why = text(s, "lockstep_stuck");

    return why[0] != '\0' ? why : otherwise;
}

/* Part of a primary component, synced or giving, and ready for statements. */
static bool takes_part(const struct ls_health_sample *s, const struct ls_health_policy *policy,
                       struct ls_health_verdict *v)
{
    const char *status = text(s, "wsrep_cluster_status");
    int64_t state = ls_health_sample_number(s, "wsrep_local_state", -1);
    bool ok = true;

    if (state < 0) {
        reason(v, "this server has no wsrep provider");
        return false;
    }
    if (strcmp(status, "Primary") != 0) {
        const char *waiting = stuck_or(s, text(s, "lockstep_waiting_for"));
        reason(v, "the component is %s: no majority of the cluster is seen%s%s", status,
               waiting[0] != '\0' ? "; " : "", waiting);
        ok = false;
    } else if (text(s, "lockstep_majority_heard")[0] != '\0' &&
               !ls_health_sample_is_on(s, "lockstep_majority_heard")) {
        reason(v, "no majority of the cluster is heard: %s", stuck_or(s, "writes wait"));
        ok = false;
    }
    v->donor = state == STATE_DONOR;
    if (v->donor) {
        reason(v, "%s",
               ls_health_sample_is_on(s, "lockstep_flow_control_left")
                   ? "it is too slow, has left flow control and is catching up"
                   : "it gives its state to another server, or was desynced (wsrep_desync)");
        ok = ok && policy->available_when_donor;
    } else if (state != STATE_SYNCED) {
        reason(v, "its state is %s, not Synced", text(s, "wsrep_local_state_comment"));
        ok = false;
    }
    if (!ls_health_sample_is_on(s, "wsrep_ready")) {
        reason(v, "wsrep_ready is not ON: statements get error 1047");
        ok = false;
    }
    return ok;
}

static bool serves(const struct ls_health_sample *s, const struct ls_health_policy *policy,
                   struct ls_health_verdict *v)
{
    const char *reject = text(s, "wsrep_reject_queries");
    int64_t queue = ls_health_sample_number(s, "wsrep_local_recv_queue", 0);
    bool ok = true;

    if (reject[0] != '\0' && strcmp(reject, "NONE") != 0) {
        reason(v, "it rejects queries (wsrep_reject_queries is %s)", reject);
        ok = false;
    }
    if (v->donor && ls_health_sample_is_on(s, "wsrep_sst_donor_rejects_queries")) {
        reason(v, "as a donor it rejects queries (wsrep_sst_donor_rejects_queries)");
        ok = false;
    }
    if (policy->max_lag > 0 && queue > policy->max_lag) {
        reason(v, "%" PRId64 " write-sets wait to be applied, more than %" PRId64, queue,
               policy->max_lag);
        ok = false;
    }
    return ok;
}

/* No other server could take the reads, by the states that the group knows; an arbitrator has none
 * to take. The writer is one of the synced. */
static bool serves_alone(const struct ls_health_sample *s, const struct ls_health_policy *policy)
{
    json_t *members = json_loads(text(s, "lockstep_member_table"), 0, NULL);
    size_t able = 0;

    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *m = json_array_get(members, i);
        json_int_t state = json_integer_value(json_object_get(m, "state"));
        able += json_integer_value(json_object_get(m, "no_data")) == 0 &&
                (state == STATE_SYNCED || (state == STATE_DONOR && policy->available_when_donor));
    }
    json_decref(members);
    return able == 1;
}

/* Nothing is wrong by these, but somebody who looks wants to know. */
static void note_more(const struct ls_health_sample *s, struct ls_health_verdict *v)
{
    const char *by = text(s, "lockstep_flow_control_by");

    if (by[0] != '\0') {
        reason(v, "writes wait: %s", by);
    }
    if (ls_health_sample_is_on(s, "lockstep_log_disk_full")) {
        reason(v, "the disk of its write-set log is nearly full");
    }
}

void ls_health_judge(const struct ls_health_sample *s, const struct ls_health_policy *policy,
                     bool disabled, struct ls_health_verdict *out)
{
    const char *failure = ls_health_sample_failure(s);
    bool well, read_only;

    memset(out, 0, offsetof(struct ls_health_verdict, reasons));
    if (disabled) {
        reason(out, "taken out of rotation by hand: the file for that is there");
    }
    if (failure != NULL) {
        reason(out, "%s", failure);
        return;
    }
    out->answers = true;
    well = takes_part(s, policy, out);
    well = serves(s, policy, out) && well && !disabled;
    read_only = ls_health_sample_is_on(s, "read_only");
    if (read_only) {
        reason(out, "read_only is set");
    }
    note_more(s, out);
    out->up = well && (!read_only || policy->available_when_read_only);
    out->writer = well && !read_only && ls_health_sample_is_on(s, "lockstep_writer");
    out->replica = well && (!out->writer || serves_alone(s, policy));
}
