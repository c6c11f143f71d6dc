/* Engines in one process on loopback: order, crashes, large write-sets, loss of quorum, leaving. */
#include "test/node/engine_node.h"

#include "gcomm/log/identity.h"
#include "wsrep/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODES 3
#ifdef __SANITIZE_THREAD__
#define HUGE_MIB 10 /* which makes a machine of ten times less of this one */
#else
#define HUGE_MIB 100
#endif
#define LARGER_MIB ((size_t)HUGE_MIB * 8 / 5) /* more than what may wait for a peer */

struct cluster {
    struct node nodes[NODES];
};

/* Three nodes, the first bootstrapped. */
static void cluster_start(struct cluster *c)
{
    struct node *first = &c->nodes[0];

    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "node%d", i + 1);
        node_init(&c->nodes[i], name);
    }
    node_start(first, NULL, 0, true, false);
    node_wait_synced(first);
    for (int i = 1; i < NODES; i++) {
        node_start(&c->nodes[i], &first, 1, false, false);
        node_wait_synced(&c->nodes[i]);
    }
    for (int i = 0; i < NODES; i++) {
        assert_true(node_wait_members(&c->nodes[i], NODES, NODES, 5000000));
    }
}

static void cluster_stop(struct cluster *c)
{
    for (int i = NODES; i-- > 0;) {
        if (c->nodes[i].engine != NULL) {
            node_stop(&c->nodes[i], true);
        }
    }
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(c->nodes[i].wrong, 0);
        node_fini(&c->nodes[i]);
    }
}

static void check_equal(struct node *a, struct node *b)
{
    ls_mutex_lock(&a->mutex); /* both: nobody else takes two */
    ls_mutex_lock(&b->mutex);
    uint64_t from = a->first > b->first ? a->first : b->first;
    uint64_t to = a->last < b->last ? a->last : b->last;

    assert_true(from > 0 && to >= from);
    for (uint64_t i = from; i <= to; i++) {
        const struct record *x = &a->records[i % NODE_RECORDS];
        const struct record *y = &b->records[i % NODE_RECORDS];
        if (x->index != y->index || x->seqno != y->seqno || !ls_hash128_equal(x->chain, y->chain) ||
            x->payload_hash != y->payload_hash) {
            fail_msg("%s and %s differ at index %lu", a->name, b->name, (unsigned long)i);
        }
    }
    ls_mutex_unlock(&b->mutex);
    ls_mutex_unlock(&a->mutex);
}

static void cluster_check(struct cluster *c)
{
    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) {
            if (i != j && c->nodes[i].engine != NULL && c->nodes[j].engine != NULL) {
                assert_true(node_wait_level(&c->nodes[i], &c->nodes[j]));
            }
        }
    }
    for (int i = 1; i < NODES; i++) {
        if (c->nodes[i].engine != NULL && c->nodes[i - 1].engine != NULL) {
            check_equal(&c->nodes[i - 1], &c->nodes[i]);
        }
    }
}

/* ---- clients ---- */

struct client {
    ls_thread thread;
    struct node *node;
    unsigned count;
    size_t size;
    bool forget_some;
    atomic_bool *stop;
    unsigned done, unknown, refused;
    uint64_t *indexes; /* of what was acknowledged */
    int64_t *latency_us;
};

static void *run_client(void *arg)
{
    struct client *c = arg;

    for (unsigned i = 0; i < c->count && (c->stop == NULL || !atomic_load(c->stop)); i++) {
        uint64_t index = 0;
        int64_t start = ls_clock_us();
        enum ls_rc rc;
        if (c->forget_some && i % 3 == 0) {
            node_submit_forget(c->node, c->size);
            continue;
        }
        rc = node_submit(c->node, c->size, &index);
        if (rc == LS_OK) {
            c->latency_us[c->done] = ls_clock_us() - start;
            c->indexes[c->done++] = index;
        } else if (rc == LS_E_UNKNOWN) {
            c->unknown++;
        } else {
            c->refused++;
            usleep(1000);
        }
    }
    return NULL;
}

static void client_start(struct client *c, struct node *n, unsigned count, size_t size)
{
    memset(c, 0, sizeof(*c));
    c->node = n;
    c->count = count;
    c->size = size;
    c->indexes = calloc(count, sizeof(*c->indexes));
    c->latency_us = calloc(count, sizeof(*c->latency_us));
}

static void client_run(struct client *c)
{
    assert_true(ls_thread_start(&c->thread, "client", run_client, c));
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void client_end(struct client *c)
{
    free(c->indexes);
    free(c->latency_us);
}

/* Every acknowledged one is in the witness's order. */
static void check_kept(const struct client *c, struct node *witness)
{
    for (unsigned i = 0; i < c->done; i++) {
        uint64_t index = c->indexes[i];
        assert_true(index <= witness->last);
        assert_true(witness->records[index % NODE_RECORDS].index == index);
    }
}

static void run_load(struct cluster *c, unsigned per_node, unsigned count, size_t size, bool forget)
{
    struct client clients[NODES * 8];
    unsigned n = 0;

    for (int i = 0; i < NODES; i++) {
        for (unsigned k = 0; k < per_node; k++, n++) {
            client_start(&clients[n], &c->nodes[i], count, size);
            clients[n].forget_some = forget;
            client_run(&clients[n]);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        ls_thread_join(clients[i].thread);
        if (!forget) {
            assert_int_equal(clients[i].done, count);
        }
        assert_int_equal(clients[i].unknown + clients[i].refused, 0);
    }
    cluster_check(c);
    for (unsigned i = 0; i < n; i++) {
        check_kept(&clients[i], &c->nodes[0]);
        client_end(&clients[i]);
    }
}

/* ---- tests ---- */

static void test_alone(void **state)
{
    struct ls_engine_stats before, after;
    uint64_t index = 0;
    struct node n;

    node_init(&n, "alone");
    node_start(&n, NULL, 0, true, false);
    node_wait_synced(&n);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(node_submit(&n, 100, &index), LS_OK);
    }
    assert_int_equal(n.records[index % NODE_RECORDS].seqno, 101); /* the view took 1 */
    assert_int_equal(ls_engine_read_index(n.engine, 1000000, &index), LS_OK);
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

static int leader_of(struct cluster *c)
{
    for (int i = 0; i < NODES; i++) {
        struct ls_engine_stats s;
        if (c->nodes[i].engine == NULL) {
            continue;
        }
        ls_engine_get_stats(c->nodes[i].engine, &s);
        if (s.role == LS_ROLE_LEADER) {
            return i;
        }
    }
    return -1;
}

static void kill_one(bool leader, size_t size)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct client clients[NODES];
    atomic_bool stop = false;
    int victim;
    uint64_t index;

    cluster_start(c);
    victim = leader_of(c);
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

static bool wait_nonprimary(struct node *n)
{
    for (int i = 0; i < 1000; i++) {
        uint32_t count;
        ls_mutex_lock(&n->mutex);
        count = n->nonprimary;
        ls_mutex_unlock(&n->mutex);
        if (count > 0) {
            return true;
        }
        usleep(10000);
    }
    return false;
}

/* Two of three die: the third turns non-primary, its commits end; with one back it goes on. */
static void test_quorum(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct node *last = &c->nodes[2];
    struct client client;
    uint64_t index;

    cluster_start(c);
    client_start(&client, last, 100000, 100);
    atomic_bool stop = false;
    client.stop = &stop;
    client_run(&client);
    usleep(100000);
    node_stop(&c->nodes[0], false);
    node_stop(&c->nodes[1], false);
    if (!wait_nonprimary(last)) {
        fail_msg("no non-primary view");
    }
    assert_int_equal(node_submit(last, 10, &index), LS_E_NOT_PRIMARY);
    assert_int_equal(ls_engine_read_index(last->engine, 100000, &index), LS_E_NOT_PRIMARY);
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
    assert_true(wait_nonprimary(cut));
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
        assert_int_equal(node_submit(&c->nodes[i % NODES], 50, &written), LS_OK);
        assert_int_equal(ls_engine_read_index(c->nodes[(i + 1) % NODES].engine, 2000000, &read),
                         LS_OK);
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

/* One huge write-set holds up nobody for long: the longest wait is printed, an election would be
 * a failure, and so would be a member that loses its connection over it. */
static void write_huge(int writer, size_t mib)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct client huge, small;
    struct ls_engine_stats before, after;
    atomic_bool stop = false;

    node_usual_times = true; /* the machine may be busy with it for longer than the short ones */
    cluster_start(c);
    ls_engine_get_stats(c->nodes[0].engine, &before);
    client_start(&huge, &c->nodes[writer], 1, mib << 20);
    client_start(&small, &c->nodes[2], 100000, 200);
    small.stop = &stop;
    client_run(&small);
    client_run(&huge);
    ls_thread_join(huge.thread);
    atomic_store(&stop, true);
    ls_thread_join(small.thread);
    assert_int_equal(huge.done, 1);
    assert_int_equal(small.unknown + small.refused, 0);
    cluster_check(c);
    ls_engine_get_stats(c->nodes[0].engine, &after);
    if (writer != 0) { /* the leader's own standing still may cost an election on a busy machine */
        assert_int_equal(before.term, after.term);
    }
    qsort(small.latency_us, small.done, sizeof(int64_t), compare_i64);
    print_message("%zu MiB took %ld ms, others waited %ld ms at most\n", mib,
                  (long)(huge.latency_us[0] / 1000),
                  (long)(small.latency_us[small.done - 1] / 1000));
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(c->nodes[i].nonprimary, 0);
    }
    node_usual_times = false;
    client_end(&huge);
    client_end(&small);
    cluster_stop(c);
    free(c);
}

static void test_huge(void **state)
{
    write_huge(1, HUGE_MIB);
}

/* The leader orders it once a majority holds it, and the third member gets it with its entry. */
static void test_huge_leader(void **state)
{
    write_huge(0, LARGER_MIB);
}

/* One that comes later gets it from the log, as a whole. */
static void test_huge_join(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    uint64_t index, before;

    node_usual_times = true;
    cluster_start(c);
    node_stop(&c->nodes[2], true);
    assert_true(node_wait_members(&c->nodes[0], NODES - 1, NODES - 1, 5000000));
    assert_int_equal(node_submit(&c->nodes[0], LARGER_MIB << 20, &before), LS_OK);
    node_start(&c->nodes[2], (struct node *[]){&c->nodes[0]}, 1, false, false);
    node_wait_synced(&c->nodes[2]);
    assert_int_equal(node_submit(&c->nodes[2], 100, &index), LS_OK);
    cluster_check(c);
    assert_true(index - before < 12); /* a view, its states and votes: one attempt */
    node_usual_times = false;
    cluster_stop(c);
    free(c);
}

/* The log cannot be written: no acknowledgement any more, the node leaves with a clear word. In a
 * process of its own because of the limit. */
static int run_full_disk(void)
{
    struct rlimit limit = {.rlim_cur = 3 << 20, .rlim_max = 3 << 20};
    struct node n;
    uint64_t index;
    enum ls_rc big, after;

    signal(SIGXFSZ, SIG_IGN);
    node_init(&n, "full");
    node_start(&n, NULL, 0, true, false);
    node_wait_synced(&n);
    if (node_submit(&n, 100, &index) != LS_OK || setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    big = node_submit(&n, 5000000, &index);
    after = node_submit(&n, 100, &index);
    node_stop(&n, true); /* its consumer goes on until it has LEFT */
    node_fini(&n);
    return big == LS_E_UNKNOWN && after == LS_E_NOT_PRIMARY && n.left == 1 ? 0 : 2;
}

static void test_full_disk(void **state)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(run_full_disk());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool wait_log_full(struct node *n, bool full, int64_t timeout_us)
{
    int64_t due = ls_clock_us() + timeout_us;
    struct ls_engine_stats s;

    do {
        usleep(10000);
        ls_engine_get_stats(n->engine, &s);
    } while (s.log_full != full && ls_clock_us() < due);
    return s.log_full == full;
}

/* A disk that stays nearly full: write-sets wait while that makes room, which is until the log is
 * as small as it gets, and then go on. The spare segment that it keeps is none that could go. */
static void test_short_of_room(void **state)
{
    struct ls_log_stats log;
    struct client writer;
    struct node n;
    atomic_bool stop = false;
    uint64_t index;

    (void)state;
    node_max_pending_bytes = UINT64_C(1) << 50; /* more than any disk has free */
    node_init(&n, "short");
    node_start(&n, NULL, 0, true, false);
    node_max_pending_bytes = 0;
    node_wait_synced(&n);
    client_start(&writer, &n, 1000, 100000);
    writer.stop = &stop;
    client_run(&writer);
    assert_true(wait_log_full(&n, true, 10000000));
    atomic_store(&stop, true);
    assert_true(wait_log_full(&n, false, 30000000));
    ls_thread_join(writer.thread);
    assert_int_equal(writer.unknown + writer.refused, 0);
    ls_log_get_stats(ls_engine_log(n.engine), &log);
    assert_true(log.spare_bytes > 0 && log.bytes > 8 << 20);
    assert_int_equal(node_submit(&n, 100, &index), LS_OK);
    assert_true(wait_log_full(&n, false, 0));
    client_end(&writer);
    node_stop(&n, true);
    node_fini(&n);
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
    leader = leader_of(c);
    for (int i = 0; i < 2; i++) {
        struct client client;
        client_start(&client, &c->nodes[(leader + i) % NODES], 2000, 300);
        client_run(&client);
        ls_thread_join(client.thread);
        qsort(client.latency_us, client.done, sizeof(int64_t), compare_i64);
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
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_three),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_big),
        cmocka_unit_test(test_kill_leader),
        cmocka_unit_test(test_kill_follower),
        cmocka_unit_test(test_kill_leader_big),
        cmocka_unit_test(test_quorum),
        cmocka_unit_test(test_all_die),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_isolate),
        cmocka_unit_test(test_isolate_alone),
        cmocka_unit_test(test_ack_all),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_durable),
        cmocka_unit_test(test_short_of_room),
        cmocka_unit_test(test_peer_addresses),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_huge_leader),
        cmocka_unit_test(test_huge_join),
    };

    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
