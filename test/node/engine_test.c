/* Engines in one process on loopback: order, crashes, loss of quorum, leaving. */
#include "test/node/engine_cluster.h"

#include "gcomm/log/identity.h"
#include "wsrep/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_alone(void **state)
{
    struct ls_engine_stats before, after;
    uint64_t index = 0;
    int64_t seqno;
    struct node n;

    node_init(&n, "alone");
    node_start(&n, NULL, 0, true, false);
    node_wait_synced(&n);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(node_submit(&n, 100, &index), LS_OK);
    }
    assert_int_equal(n.records[index % NODE_RECORDS].seqno, 101); /* the view took 1 */
    assert_int_equal(ls_engine_read_index(n.engine, 1000000, &index, &seqno), LS_OK);
    ls_engine_get_stats(n.engine, &before);
    assert_int_equal(before.latency_count, 101); /* and a state report */
    assert_int_equal(before.send_queue, 0);
    node_stop(&n, true);
    assert_int_equal(n.left, 1);

    node_start(&n, NULL, 0, true, false);
    node_wait_synced(&n);
    ls_engine_get_stats(n.engine, &after);
    assert_true(ls_uuid_equal(&before.id, &after.id));
    assert_true(after.incarnation > before.incarnation);
    assert_int_equal(n.from_log, 1);
    assert_int_equal(n.first, 1); /* all that the log holds comes again */
    assert_int_equal(n.seqno, 102);
    assert_int_equal(node_submit(&n, 100, &index), LS_OK);
    node_stop(&n, false);

    /* a database without position starts a new history, but its node is the voter that it was */
    node_start(&n, NULL, 0, true, true);
    node_wait_synced(&n);
    ls_engine_get_stats(n.engine, &after);
    assert_true(ls_uuid_equal(&before.id, &after.id));
    assert_int_equal(n.seqno, 1);
    node_stop(&n, true);
    node_fini(&n);
}

static void test_three(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));

    cluster_start(c);
    run_load(c, 4, 300, 200, false);
    cluster_stop(c);
    free(c);
}

static void test_forget(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));

    cluster_start(c);
    run_load(c, 3, 300, 500, true);
    run_load(c, 2, 30, 200000, true);
    cluster_stop(c);
    free(c);
}

static void test_big(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));

    cluster_start(c);
    run_load(c, 2, 5, 1000000, false);
    cluster_stop(c);
    free(c);
}

static void kill_one(bool leader, size_t size)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct client clients[NODES];
    atomic_bool stop = false;
    int victim;
    uint64_t index;

    cluster_start(c);
    victim = cluster_leader(c);
    assert_true(victim >= 0);
    victim = leader ? victim : (victim + 1) % NODES;
    for (int i = 0; i < NODES; i++) {
        client_start(&clients[i], &c->nodes[i], 50000, size);
        clients[i].stop = &stop;
        if (i != victim) {
            client_run(&clients[i]);
        }
    }
    usleep(300000);
    node_stop(&c->nodes[victim], false);
    for (int i = 0; i < NODES; i++) {
        if (i != victim && !node_wait_members(&c->nodes[i], NODES - 1, 1, 8000000)) {
            fail_msg("%s was not removed", c->nodes[victim].name);
        }
    }
    usleep(300000);
    atomic_store(&stop, true);
    for (int i = 0; i < NODES; i++) {
        if (i != victim) {
            ls_thread_join(clients[i].thread);
            assert_int_equal(clients[i].unknown, 0);
            assert_int_equal(clients[i].refused, 0);
        }
    }
    cluster_check(c);
    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) {
            if (i != victim && j != victim) {
                check_kept(&clients[i], &c->nodes[j]);
            }
        }
        client_end(&clients[i]);
    }

    /* it comes back with its log */
    struct node *peers[] = {&c->nodes[(victim + 1) % NODES], &c->nodes[(victim + 2) % NODES]};
    node_start(&c->nodes[victim], peers, 2, false, false);
    node_wait_synced(&c->nodes[victim]);
    assert_int_equal(node_submit(&c->nodes[victim], 100, &index), LS_OK);
    cluster_check(c);
    cluster_stop(c);
    free(c);
}

static void test_kill_leader(void **state)
{
    kill_one(true, 300);
}

static void test_kill_follower(void **state)
{
    kill_one(false, 300);
}

static void test_kill_leader_big(void **state)
{
    kill_one(true, 300000);
}

/* Two of three die: the third turns non-primary, its commits end; with one back it goes on. */
static void test_quorum(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct node *last = &c->nodes[2];
    struct client client;
    uint64_t index;
    int64_t seqno;

    cluster_start(c);
    client_start(&client, last, 100000, 100);
    atomic_bool stop = false;
    client.stop = &stop;
    client_run(&client);
    usleep(100000);
    node_stop(&c->nodes[0], false);
    node_stop(&c->nodes[1], false);
    if (!node_wait_nonprimary(last)) {
        fail_msg("no non-primary view");
    }
    assert_int_equal(node_submit(last, 10, &index), LS_E_NOT_PRIMARY);
    assert_int_equal(ls_engine_read_index(last->engine, 100000, &index, &seqno), LS_E_NOT_PRIMARY);
    atomic_store(&stop, true);
    ls_thread_join(client.thread);
    client_end(&client);

    node_start(&c->nodes[0], &last, 1, false, false);
    node_wait_synced(&c->nodes[0]);
    node_wait_synced(last);
    assert_int_equal(node_submit(last, 10, &index), LS_OK);
    node_start(&c->nodes[1], &last, 1, false, false);
    node_wait_synced(&c->nodes[1]);
    cluster_check(c);
    run_load(c, 1, 50, 100, false);
    cluster_stop(c);
    free(c);
}

/* All die under load; all come back, the log decides. */
static void test_all_die(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct client clients[NODES];
    uint64_t index;

    cluster_start(c);
    atomic_bool stop = false;
    for (int i = 0; i < NODES; i++) {
        client_start(&clients[i], &c->nodes[i], 100000, 100);
        clients[i].stop = &stop;
        client_run(&clients[i]);
    }
    usleep(300000);
    atomic_store(&stop, true);
    for (int i = 0; i < NODES; i++) {
        ls_thread_join(clients[i].thread);
    }
    for (int i = 0; i < NODES; i++) {
        node_stop(&c->nodes[i], false);
    }
    node_start(&c->nodes[2], NULL, 0, false, false);
    struct node *seed[] = {&c->nodes[2]};
    node_start(&c->nodes[1], seed, 1, false, false);
    node_start(&c->nodes[0], seed, 1, false, false);
    for (int i = 0; i < NODES; i++) {
        node_wait_synced(&c->nodes[i]);
    }
    assert_int_equal(node_submit(&c->nodes[1], 10, &index), LS_OK);
    cluster_check(c);
    for (int i = 0; i < NODES; i++) {
        check_kept(&clients[i], &c->nodes[0]);
        client_end(&clients[i]);
    }
    cluster_stop(c);
    free(c);
}

static void test_flow(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct ls_engine_stats s;

    node_fc_limit = 20;
    cluster_start(c);
    ls_mutex_lock(&c->nodes[1].mutex);
    c->nodes[1].delay_us = 2000;
    ls_mutex_unlock(&c->nodes[1].mutex);
    run_load(c, 2, 100, 100, false);
    ls_engine_get_stats(c->nodes[1].engine, &s);
    assert_true(s.fc_sent > 0);
    ls_engine_get_stats(c->nodes[0].engine, &s);
    assert_true(s.fc_recv > 0 && s.fc_paused_ns > 0);
    cluster_stop(c);
    node_fc_limit = 0;
    free(c);
}

static void test_isolate(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct node *cut = &c->nodes[1];
    uint64_t index;

    cluster_start(c);
    ls_engine_isolate(cut->engine, true);
    assert_true(node_wait_nonprimary(cut));
    assert_true(node_wait_members(&c->nodes[0], 2, 2, 8000000));
    assert_int_equal(node_submit(&c->nodes[0], 10, &index), LS_OK);
    ls_engine_isolate(cut->engine, false);
    assert_true(node_wait_members(&c->nodes[0], 3, 2, 8000000));
    node_wait_synced(cut);
    assert_int_equal(node_submit(cut, 10, &index), LS_OK);
    cluster_check(c);
    cluster_stop(c);
    free(c);
}

/* Who is isolated and goes on alone (pc.ignore_quorum) holds up nobody, whoever leads: the others
 * hear no more of it than of one that died. */
static void test_isolate_alone(void **state)
{
    for (int i = 0; i < NODES; i++) {
        struct cluster *c = calloc(1, sizeof(*c));
        struct node *cut = &c->nodes[i], *other = &c->nodes[(i + 1) % NODES];
        uint64_t index;

        node_ignore_quorum = true;
        cluster_start(c);
        ls_engine_isolate(cut->engine, true);
        assert_true(node_wait_members(cut, 1, 1, 8000000));
        node_ignore_quorum = false;
        assert_true(node_wait_members(other, 2, 2, 8000000));
        assert_int_equal(node_submit(other, 10, &index), LS_OK);
        assert_int_equal(node_submit(cut, 10, &index), LS_OK);
        cluster_stop(c);
        free(c);
    }
}

/* ack.level=all: what is acknowledged stands in every log, and one who is gone is not waited for.
 */
static void test_ack_all(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    uint64_t index;

    node_ack_all = true;
    cluster_start(c);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(node_submit(&c->nodes[i % NODES], 3000, &index), LS_OK);
        for (int k = 0; k < NODES; k++) {
            struct ls_log_pin *pin = NULL;
            struct ls_entry e;
            assert_true(ls_log_get(ls_engine_log(c->nodes[k].engine), index, &e, &pin));
            ls_log_unpin(pin);
        }
    }
    ls_engine_isolate(c->nodes[2].engine, true);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(node_submit(&c->nodes[i % 2], 10, &index), LS_OK);
    }
    ls_engine_isolate(c->nodes[2].engine, false);
    assert_true(node_wait_members(&c->nodes[0], 3, 2, 8000000));
    node_wait_synced(&c->nodes[2]);
    cluster_check(c);
    cluster_stop(c);
    node_ack_all = false;
    free(c);
}

static void test_reads(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));

    cluster_start(c);
    for (int i = 0; i < 50; i++) {
        uint64_t written = 0, read = 0;
        int64_t seqno;
        assert_int_equal(node_submit(&c->nodes[i % NODES], 50, &written), LS_OK);
        assert_int_equal(
            ls_engine_read_index(c->nodes[(i + 1) % NODES].engine, 2000000, &read, &seqno), LS_OK);
        assert_true(read >= written);
    }
    cluster_stop(c);
    free(c);
}

static void test_durable(void **state)
{
    node_sync_majority = true;
    test_three(state);
    test_all_die(state);
    node_sync_majority = false;
}

/* Start-up errors come back as words. */
static void test_refusals(void **state)
{
    struct ls_engine_stats stats;
    struct ls_engine *second = NULL;
    struct ls_error err = {0};
    struct node n;
    char listen[64];
    char other[] = "/tmp/ls-engine-test-XXXXXX";
    struct ls_engine_options opt = {.cluster_name = "test", .node_name = "second"};
    struct ls_engine_state none = {.position = {.seqno = LS_SEQNO_UNDEFINED}};

    node_init(&n, "first");
    node_start(&n, NULL, 0, true, false);
    node_wait_synced(&n);
    ls_engine_get_stats(n.engine, &stats);
    snprintf(listen, sizeof(listen), "tcp://127.0.0.1:%u", stats.listen_port);
    ls_core_params_default(&opt.params);
    opt.listen_addr = listen;
    opt.data_dir = n.dir;
    assert_int_equal(ls_engine_create(&opt, &none, &second, &err), LS_E_BUSY);
    assert_null(second);
    assert_non_null(mkdtemp(other));
    opt.data_dir = other;
    assert_int_equal(ls_engine_create(&opt, &none, &second, &err), LS_OK);
    assert_int_not_equal(ls_engine_connect(second, NULL, 0, true, false, &err), LS_OK);
    assert_non_null(strstr(err.text, "127.0.0.1"));
    ls_engine_destroy(second);
    assert_int_equal(ls_engine_create(&opt, &none, &second, &err), LS_OK);
    ls_engine_destroy(second); /* never connected */

    /* nobody answers: the wait ends, and so does the engine */
    opt.listen_addr = "tcp://127.0.0.1:0";
    assert_int_equal(ls_engine_create(&opt, &none, &second, &err), LS_OK);
    const char *nobody[] = {"127.0.0.1:1"};
    assert_int_equal(ls_engine_connect(second, nobody, 1, false, false, &err), LS_OK);
    assert_int_equal(ls_engine_wait_primary(second, 300000, &err), LS_E_TIMEOUT);
    ls_engine_destroy(second);
    ls_log_remove_all(other, &err);
    ls_identity_remove(other, &err);
    rmdir(other);
    node_stop(&n, true);
    node_fini(&n);
}

/* Addresses that a user gives while it runs: what cannot be one does no harm. */
static void test_peer_addresses(void **state)
{
    static char too_long[300];
    struct ls_error err = {0};
    struct node n;

    (void)state;
    memset(&n, 0, sizeof(n));
    memset(too_long, 'a', sizeof(too_long) - 1);
    node_init(&n, "node1");
    node_start(&n, NULL, 0, true, false);
    node_wait_synced(&n);
    for (int add = 0; add <= 1; add++) {
        assert_int_equal(ls_engine_change_peer(n.engine, "127.0.0.1:1", add == 0, &err), LS_OK);
        assert_int_equal(ls_engine_change_peer(n.engine, "", add == 1, &err), LS_OK);
        assert_int_equal(ls_engine_change_peer(n.engine, too_long, add == 1, &err), LS_E_INVAL);
    }
    assert_int_equal(node_submit(&n, 300, &(uint64_t){0}), LS_OK);
    node_stop(&n, true);
    node_fini(&n);
}

/* One thread: what a commit costs. Printed, not judged. */
static void test_latency(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    int leader;

    cluster_start(c);
    leader = cluster_leader(c);
    for (int i = 0; i < 2; i++) {
        struct client client;
        client_start(&client, &c->nodes[(leader + i) % NODES], 2000, 300);
        client_run(&client);
        ls_thread_join(client.thread);
        client_sort_latencies(&client);
        print_message("%s: p50 %ld us, p99 %ld us\n", i == 0 ? "leader" : "follower",
                      (long)client.latency_us[client.done / 2],
                      (long)client.latency_us[client.done * 99 / 100]);
        client_end(&client);
    }
    cluster_stop(c);
    free(c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),           cmocka_unit_test(test_three),
        cmocka_unit_test(test_forget),          cmocka_unit_test(test_big),
        cmocka_unit_test(test_kill_leader),     cmocka_unit_test(test_kill_follower),
        cmocka_unit_test(test_kill_leader_big), cmocka_unit_test(test_quorum),
        cmocka_unit_test(test_all_die),         cmocka_unit_test(test_flow),
        cmocka_unit_test(test_isolate),         cmocka_unit_test(test_isolate_alone),
        cmocka_unit_test(test_ack_all),         cmocka_unit_test(test_reads),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_durable),
        cmocka_unit_test(test_peer_addresses),  cmocka_unit_test(test_latency),
    };

    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
