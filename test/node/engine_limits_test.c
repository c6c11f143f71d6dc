/* Write-sets as large as they get, and disks without room. */
#include "test/node/engine_cluster.h"

#include "wsrep/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
#define HUGE_MIB 10 /* which makes a machine of ten times less of this one */
#else
#define HUGE_MIB 100
#endif
#define LARGER_MIB ((size_t)HUGE_MIB * 8 / 5) /* more than what may wait for a peer */

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
    client_sort_latencies(&small);
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

/* Writes until write-sets wait, and waits until they go on. */
static void write_until_full(struct node *n)
{
    struct client writer;
    atomic_bool stop = false;

    client_start(&writer, n, 1000, 100000);
    writer.stop = &stop;
    client_run(&writer);
    assert_true(wait_log_full(n, true, 10000000));
    atomic_store(&stop, true);
    assert_true(wait_log_full(n, false, 30000000));
    ls_thread_join(writer.thread);
    assert_int_equal(writer.unknown + writer.refused, 0);
    client_end(&writer);
}

/* A disk that stays nearly full: write-sets wait while that makes room, which is until the log is
 * as small as it gets, and then go on. The spare segment that it keeps is none that could go. */
static void test_short_of_room(void **state)
{
    struct ls_log_stats log = {0};
    struct node n;
    uint64_t index;
    bool shown = false;

    (void)state;
    node_max_pending_bytes = UINT64_C(1) << 50; /* more than any disk has free */
    node_init(&n, "short");
    node_start(&n, NULL, 0, true, false);
    node_max_pending_bytes = 0;
    node_wait_synced(&n);
    /* A segment that has grown leaves the log a little smaller than that, spare and all. */
    for (int round = 0; round < 4 && !shown; round++) {
        write_until_full(&n);
        ls_log_get_stats(ls_engine_log(n.engine), &log);
        shown = log.spare_bytes > 0 && log.bytes > 8 << 20;
    }
    assert_true(shown);
    assert_int_equal(node_submit(&n, 100, &index), LS_OK);
    assert_true(wait_log_full(&n, false, 0));
    node_stop(&n, true);
    node_fini(&n);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk), /* forks, so before threads are there */
        cmocka_unit_test(test_short_of_room), cmocka_unit_test(test_huge),
        cmocka_unit_test(test_huge_leader),   cmocka_unit_test(test_huge_join),
    };

    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
