/* The order monitors: positions, gaps, targeted wake-ups, cancelling; meant to run under TSan too.
 */
#include "plugin/provider/order.h"

#include "wsrep/base/prng.h"
#include "wsrep/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THREADS 8
#define NUMBERS 20000

static void test_position_moves_over_gaps(void **state)
{
    struct ls_order o;

    ls_order_init(&o, 10);
    ls_order_pass(&o, 12);
    ls_order_pass(&o, 14);
    assert_int_equal(ls_order_position(&o), 10);
    ls_order_pass(&o, 11);
    assert_int_equal(ls_order_position(&o), 12);
    ls_order_pass(&o, 13);
    assert_int_equal(ls_order_position(&o), 14);
    assert_int_equal(o.passes, 4);
    assert_int_equal(o.out_of_order, 2);
    ls_order_reset(&o, -1);
    assert_int_equal(ls_order_position(&o), -1);
    ls_order_pass(&o, 0);
    assert_int_equal(ls_order_position(&o), 0);
    ls_order_destroy(&o);
}

/* One open number with far more behind it than the ring has bits at first. */
static void test_ring_grows(void **state)
{
    struct ls_order o;

    ls_order_init(&o, 0);
    for (int64_t n = 100000; n > 1; n--) {
        ls_order_pass(&o, n);
    }
    assert_int_equal(ls_order_position(&o), 0);
    ls_order_pass(&o, 1);
    assert_int_equal(ls_order_position(&o), 100000);
    for (int64_t n = 100001; n < 300000; n++) {
        ls_order_pass(&o, n);
    }
    assert_int_equal(ls_order_position(&o), 299999);
    ls_order_destroy(&o);
}

static bool say_yes(void *arg)
{
    return true;
}

static bool ask_flag(void *arg)
{
    return atomic_load((_Atomic bool *)arg);
}

static void test_wait_ends(void **state)
{
    struct ls_order o;

    ls_order_init(&o, 5);
    assert_int_equal(ls_order_wait(&o, 5, -1, say_yes, NULL), LS_OK);
    assert_int_equal(ls_order_wait(&o, 6, -1, say_yes, NULL), LS_E_INTERRUPTED);
    assert_int_equal(ls_order_wait(&o, 6, ls_clock_us() + 2000, NULL, NULL), LS_E_TIMEOUT);
    ls_order_pass(&o, 6);
    assert_int_equal(ls_order_wait(&o, 6, -1, NULL, NULL), LS_OK);
    ls_order_destroy(&o);
}

struct waiter {
    struct ls_order *o;
    int64_t number;
    _Atomic bool flag;
    enum ls_rc rc;
};

static void *wait_main(void *arg)
{
    struct waiter *w = arg;
    w->rc = ls_order_wait(w->o, w->number, -1, ask_flag, &w->flag);
    return NULL;
}

static void test_kick_cancels_only_who_agrees(void **state)
{
    struct ls_order o;
    struct waiter a = {.o = &o, .number = 7}, b = {.o = &o, .number = 7};
    ls_thread ta, tb;

    ls_order_init(&o, 6);
    assert_true(ls_thread_start(&ta, "a", wait_main, &a));
    assert_true(ls_thread_start(&tb, "b", wait_main, &b));
    atomic_store(&a.flag, true);
    ls_order_kick(&o, 7);
    ls_thread_join(ta);
    assert_int_equal(a.rc, LS_E_INTERRUPTED);
    ls_order_pass(&o, 7);
    ls_thread_join(tb);
    assert_int_equal(b.rc, LS_OK);
    ls_order_destroy(&o);
}

struct worker {
    struct ls_order *commit, *apply;
    _Atomic int64_t *next;
    _Atomic int64_t *in_commit; /* the number whose turn it is, checked inside */
    uint64_t seed;
};

/* As an applier does it: takes numbers in order, waits for a dependency, passes the commit order
 * strictly in turn, finishes out of order. */
static void *apply_main(void *arg)
{
    struct worker *w = arg;
    struct ls_prng prng;

    ls_prng_seed(&prng, w->seed);
    for (;;) {
        int64_t n = atomic_fetch_add(w->next, 1);
        if (n > NUMBERS) {
            return NULL;
        }
        int64_t depends_on = n - 1 - (int64_t)ls_prng_below(&prng, 4);
        ls_order_wait(w->apply, depends_on, -1, NULL, NULL);
        ls_order_wait(w->commit, n - 1, -1, NULL, NULL);
        assert_int_equal(atomic_exchange(w->in_commit, n), n - 1);
        ls_order_pass(w->commit, n);
        ls_order_pass(w->apply, n);
    }
}

static void test_many_appliers(void **state)
{
    struct ls_order commit, apply;
    _Atomic int64_t next = 1, in_commit = 0;
    struct worker w[THREADS];
    ls_thread t[THREADS];

    ls_order_init(&commit, 0);
    ls_order_init(&apply, 0);
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct worker){&commit, &apply, &next, &in_commit, (uint64_t)i + 1};
        assert_true(ls_thread_start(&t[i], "apply", apply_main, &w[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        ls_thread_join(t[i]);
    }
    assert_int_equal(ls_order_position(&commit), NUMBERS);
    assert_int_equal(ls_order_position(&apply), NUMBERS);
    ls_order_destroy(&commit);
    ls_order_destroy(&apply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_position_moves_over_gaps),
        cmocka_unit_test(test_ring_grows),
        cmocka_unit_test(test_wait_ends),
        cmocka_unit_test(test_kick_cancels_only_who_agrees),
        cmocka_unit_test(test_many_appliers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
