#include "plugin/health/internal.h"
#include "plugin/health/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "name=value name=value": over a server that is well. */
static struct ls_health_sample *sample(const char *changes)
{
    static const char well[] =
        "wsrep_local_state=4 wsrep_local_state_comment=Synced wsrep_cluster_status=Primary "
        "wsrep_ready=ON read_only=OFF wsrep_cluster_size=3 wsrep_local_recv_queue=5 "
        "wsrep_reject_queries=NONE lockstep_writer=OFF";
    struct ls_health_sample *s = ls_health_sample_create();
    char text[1000];

    snprintf(text, sizeof(text), "%s %s", changes, well); /* of two alike the first counts */
    for (char *save, *p = strtok_r(text, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save)) {
        char *equals = strchr(p, '=');
        *equals = '\0';
        ls_health_sample_add(s, p, equals + 1);
    }
    return s;
}

/* Expected: letters of up, writer, replica, donor that are true; a part of some reason, or NULL. */
static void judged(const char *changes, const struct ls_health_policy *policy, bool disabled,
                   const char *expected, const char *reason)
{
    struct ls_health_sample *s = sample(changes);
    struct ls_health_verdict v;
    char got[8] = "";
    bool found = false;

    ls_health_judge(s, policy, disabled, &v);
    ls_health_sample_unref(s);
    assert_true(v.answers);
    strcat(got, v.up ? "u" : "");
    strcat(got, v.writer ? "w" : "");
    strcat(got, v.replica ? "r" : "");
    strcat(got, v.donor ? "d" : "");
    assert_string_equal(got, expected);
    for (size_t i = 0; i < v.count; i++) {
        found |= reason != NULL && strstr(v.reasons[i], reason) != NULL;
    }
    assert_int_equal(found, reason != NULL);
    assert_int_equal(v.count > 0, reason != NULL);
}

static void test_verdicts(void **state)
{
    struct ls_health_policy strict = {0}, donor = {.available_when_donor = true},
                            reads = {.available_when_read_only = true}, lag = {.max_lag = 4};

    judged("", &strict, false, "ur", NULL);
    judged("lockstep_writer=ON", &strict, false, "uw", NULL);
    judged("lockstep_writer=ON lockstep_member_table=[{\"state\":4}]", &strict, false, "uwr", NULL);
    judged("lockstep_writer=ON lockstep_member_table=[{\"state\":4},{\"state\":4}]", &strict, false,
           "uw", NULL);
    judged("lockstep_writer=ON lockstep_member_table=[{\"state\":4},{\"state\":4,\"no_data\":1}]",
           &strict, false, "uwr", NULL);
    judged("lockstep_writer=ON lockstep_member_table=[{\"state\":2},{\"state\":4},{\"state\":3}]",
           &strict, false, "uwr", NULL);
    judged("lockstep_writer=ON lockstep_member_table=[{\"state\":2},{\"state\":4}]", &donor, false,
           "uw", NULL);
    judged("lockstep_writer=ON", &strict, true, "", "by hand");
    judged("wsrep_local_state=2", &strict, false, "d", "gives its state");
    judged("wsrep_local_state=2", &donor, false, "urd", "gives its state");
    judged("wsrep_local_state=2 lockstep_flow_control_left=ON", &strict, false, "d", "too slow");
    judged("wsrep_local_state=2 wsrep_sst_donor_rejects_queries=ON", &donor, false, "d",
           "as a donor it rejects");
    judged("wsrep_local_state=3 wsrep_local_state_comment=Joined", &donor, false, "", "is Joined");
    judged("wsrep_cluster_status=non-Primary wsrep_local_state=0", &strict, false, "",
           "no majority");
    judged("wsrep_cluster_status=Disconnected", &strict, false, "", "Disconnected");
    judged("lockstep_majority_heard=ON", &strict, false, "ur", NULL);
    judged("lockstep_majority_heard=OFF lockstep_writer=ON", &strict, false, "", "is heard");
    judged("lockstep_majority_heard=OFF lockstep_stuck=disk", &strict, false, "", "heard: disk");
    judged("wsrep_ready=OFF", &strict, false, "", "1047");
    judged("wsrep_local_state=none", &strict, false, "", "no wsrep provider");
    judged("read_only=ON", &strict, false, "r", "read_only");
    judged("read_only=ON", &reads, false, "ur", "read_only");
    judged("read_only=1 lockstep_writer=ON", &reads, false, "ur", "read_only");
    judged("", &lag, false, "", "5 write-sets wait");
    judged("wsrep_reject_queries=ALL", &strict, false, "", "rejects queries");
    judged("lockstep_flow_control_by=node3", &strict, false, "ur", "writes wait: node3");
}

static void test_no_answer(void **state)
{
    struct ls_health_policy donor = {.available_when_donor = true};
    struct ls_health_sample *s = sample("");
    struct ls_health_verdict v;

    ls_health_sample_fail(s, "it hangs");
    ls_health_judge(s, &donor, false, &v);
    assert_false(v.answers || v.up || v.writer || v.replica || v.donor);
    assert_string_equal(v.reasons[0], "it hangs");
    assert_null(ls_health_sample_find(s, "wsrep_ready"));
    ls_health_sample_unref(s);
}

/* The status of a page for a client that takes 429 for a warning. */
static unsigned warned(const char *changes, enum ls_health_page page, bool available_when_donor)
{
    struct ls_health h = {.opt.policy.available_when_donor = available_when_donor,
                          .disabled_file = ""};
    struct ls_health_sample *s = sample(changes);
    struct ls_health_reply reply;

    ls_health_render(&h, page, true, s, &reply);
    ls_health_sample_unref(s);
    free(reply.body);
    return reply.status;
}

static void test_donor_warns(void **state)
{
    assert_int_equal(warned("", LS_HEALTH_CHECK, false), 200);
    for (int lenient = 0; lenient < 2; lenient++) {
        assert_int_equal(warned("wsrep_local_state=2", LS_HEALTH_CHECK, lenient), 429);
        assert_int_equal(warned("wsrep_local_state=2", LS_HEALTH_REPORT, lenient), 429);
        assert_int_equal(warned("wsrep_local_state=2", LS_HEALTH_REPLICA, lenient), 429);
        assert_int_equal(warned("wsrep_local_state=2", LS_HEALTH_METRICS, lenient), 200);
        assert_int_equal(warned("wsrep_local_state=2", LS_HEALTH_WRITER, lenient), 503);
        assert_int_equal(
            warned("wsrep_local_state=2 wsrep_reject_queries=ALL", LS_HEALTH_CHECK, lenient), 503);
        assert_int_equal(warned("wsrep_local_state=2 wsrep_ready=OFF", LS_HEALTH_REPLICA, lenient),
                         503);
    }
    assert_int_equal(warned("wsrep_local_state=2 read_only=ON", LS_HEALTH_CHECK, false), 503);
    assert_int_equal(warned("wsrep_local_state=2 read_only=ON", LS_HEALTH_REPLICA, false), 429);
}

static char *rendered(struct ls_health_sample *s)
{
    struct ls_health_policy strict = {0};
    struct ls_health_verdict v;
    char *body;
    size_t size;

    ls_health_judge(s, &strict, false, &v);
    ls_metrics_render(s, &v, false, &body, &size);
    assert_non_null(body);
    assert_int_equal(strlen(body), size);
    ls_health_sample_unref(s);
    return body;
}

static void has(const char *body, const char *line)
{
    if (strstr(body, line) == NULL) {
        print_error("missing: %s\nin: %s\n", line, body);
        fail();
    }
}

static void test_metrics_of_none(void **state)
{
    struct ls_health_sample *s = sample("");
    char *body;

    (void)state;
    ls_health_sample_fail(s, "it hangs");
    body = rendered(s);
    has(body, "lockstep_server_answers 0\n");
    has(body, "lockstep_primary 0\n");
    free(body);
}

static void test_metrics(void **state)
{
    char *body = rendered(
        sample("wsrep_local_commits=12345678901 wsrep_flow_control_paused_ns=1500000000 "
               "wsrep_flow_control_active=true wsrep_local_recv_queue_avg=0.25 "
               "wsrep_causal_reads=nonsense "
               "wsrep_node_name=a\\b\"c "
               "lockstep_member_table=[{\"name\":\"n\\\"1\",\"state\":4,\"lag\":7},{\"name\":3},5] "
               "lockstep_conflict_table={\"db.t\":9} lockstep_flow_control_table={\"n2\":0.5} "
               "lockstep_commit_histogram={\"buckets\":[[0.1,2],[1,3]],\"over\":1,\"sum\":4.5} "
               "lockstep_transfer_table={\"done\":1,\"total\":2}"));

    has(body, "\nlockstep_up 1\n");
    has(body,
        "# TYPE lockstep_local_commits_total counter\nlockstep_local_commits_total 12345678901\n");
    has(body, "\nlockstep_flow_control_paused_seconds_total 1.5\n");
    has(body, "\nlockstep_flow_control_active 1\n");
    has(body, "\nlockstep_receive_queue_avg 0.25\n");
    has(body, "node=\"a\\\\b\\\"c\"");
    has(body, "lockstep_member_lag_write_sets{member=\"n\\\"1\"} 7\n");
    has(body, "lockstep_conflicts_total{table=\"db.t\"} 9\n");
    has(body, "lockstep_flow_control_asked_seconds_total{member=\"n2\"} 0.5\n");
    has(body, "_bucket{le=\"0.1\"} 2\nlockstep_commit_order_seconds_bucket{le=\"1\"} 5\n"
              "lockstep_commit_order_seconds_bucket{le=\"+Inf\"} 6\n"
              "lockstep_commit_order_seconds_sum 4.5\nlockstep_commit_order_seconds_count 6\n");
    has(body, "lockstep_transfer_done 1\n");
    assert_null(strstr(body, "causal_reads"));
    free(body);
}

/* Whatever a server sends, labels are capped and nothing breaks. */
static void test_odd_metrics(void **state)
{
    struct ls_health_sample *s =
        sample("lockstep_member_table={} lockstep_conflict_table=[1] "
               "lockstep_commit_histogram={\"buckets\":[1,[2]]} "
               "lockstep_transfer_table=null lockstep_flow_control_table=x");
    char *body = rendered(s), table[9000] = "{", item[40];
    size_t lines = 0;

    free(body);
    for (int i = 0; i < 300; i++) {
        snprintf(item, sizeof(item), "%s\"table%d\":1", i > 0 ? "," : "", i);
        strcat(table, item);
    }
    strcat(table, "}");
    s = ls_health_sample_create();
    ls_health_sample_add(s, "lockstep_conflict_table", table);
    body = rendered(s);
    for (char *p = body; (p = strstr(p, "lockstep_conflicts_total{")) != NULL; p++) {
        lines++;
    }
    assert_int_equal(lines, LS_METRICS_LABELS_MAX);
    free(body);
    s = ls_health_sample_create();
    ls_health_sample_fail(s, "no");
    body = rendered(s);
    has(body, "lockstep_server_answers 0\n");
    assert_null(strstr(body, "lockstep_ready"));
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_metrics_of_none), cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_odd_metrics),     cmocka_unit_test(test_donor_warns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
