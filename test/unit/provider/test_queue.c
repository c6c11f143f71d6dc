/* The apply queue: order, growth, barriers, closing; meant to run under TSan too. */
#include "plugin/provider/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#define THREADS 6
#define ITEMS 30000
#define BARRIER_EVERY 97

static struct ls_item item_of(uint8_t type, int64_t seqno)
{
    return (struct ls_item){.type = type, .seqno = seqno};
}

static void put(struct ls_queue *q, uint8_t type, int64_t seqno)
{
    struct ls_item item = item_of(type, seqno);
    ls_queue_put(q, &item);
}

static void test_order_and_growth(void **state)
{
    struct ls_queue q;
    struct ls_item item;

    ls_queue_init(&q);
    ls_queue_reopen(&q);
    for (int64_t n = 0; n < 5000; n++) {
        put(&q, LS_ITEM_APPLY, n);
        if (n % 3 == 0) { /* so that the ring is wrapped when it grows */
            assert_true(ls_queue_take(&q, &item));
            assert_int_equal(item.seqno, n / 3);
        }
    }
    assert_int_equal(ls_queue_length(&q), 5000 - 1667);
    for (int64_t n = 1667; n < 5000; n++) {
        assert_true(ls_queue_take(&q, &item));
        assert_int_equal(item.seqno, n);
    }
    ls_queue_close(&q);
    assert_false(ls_queue_take(&q, &item));
    ls_queue_destroy(&q);
}

static void test_closed_keeps_items(void **state)
{
    struct ls_queue q;
    struct ls_item item;

    ls_queue_init(&q);
    ls_queue_reopen(&q);
    put(&q, LS_ITEM_FINAL, 1);
    put(&q, LS_ITEM_APPLY, 2);
    assert_true(ls_queue_take(&q, &item));
    ls_queue_close(&q);
    assert_false(ls_queue_take(&q, &item));
    ls_queue_reopen(&q); /* for whoever clears up */
    assert_true(ls_queue_take(&q, &item));
    assert_int_equal(item.seqno, 2);
    ls_queue_close(&q);
    ls_queue_destroy(&q);
}

struct shared {
    struct ls_queue q;
    _Atomic int64_t taken;
    _Atomic int barriers_running;
    ls_mutex lock;
    ls_cond all_out;
    _Atomic int64_t barrier_seqno; /* of the barrier item being done; nothing above may be out */
};

static void *take_main(void *arg)
{
    struct shared *s = arg;
    struct ls_item item;

    while (ls_queue_take(&s->q, &item)) {
        int64_t barrier = atomic_load(&s->barrier_seqno);
        assert_true(barrier == 0 || item.seqno <= barrier || ls_item_is_barrier(&item));
        if (ls_item_is_barrier(&item)) {
            assert_int_equal(atomic_fetch_add(&s->barriers_running, 1), 0);
            atomic_store(&s->barrier_seqno, item.seqno);
            atomic_store(&s->barrier_seqno, 0);
            atomic_fetch_sub(&s->barriers_running, 1);
            ls_queue_unblock(&s->q);
        }
        if (atomic_fetch_add(&s->taken, 1) + 1 == ITEMS) {
            ls_queue_close(&s->q);
        }
    }
    return NULL;
}

static void test_barriers_among_threads(void **state)
{
    static struct shared s;
    ls_thread t[THREADS];

    ls_queue_init(&s.q);
    ls_queue_reopen(&s.q);
    for (int i = 0; i < THREADS; i++) {
        assert_true(ls_thread_start(&t[i], "take", take_main, &s));
    }
    for (int64_t n = 1; n <= ITEMS; n++) {
        put(&s.q, n % BARRIER_EVERY == 0 ? LS_ITEM_VIEW : LS_ITEM_APPLY, n);
    }
    for (int i = 0; i < THREADS; i++) {
        ls_thread_join(t[i]);
    }
    assert_int_equal(atomic_load(&s.taken), ITEMS);
    ls_queue_destroy(&s.q);
}

/* Each holds what it took until all are out, as appliers do that wait for each other's orders. */
static void *hold_main(void *arg)
{
    struct shared *s = arg;
    struct ls_item item;

    assert_true(ls_queue_take(&s->q, &item));
    ls_mutex_lock(&s->lock);
    atomic_fetch_add(&s->taken, 1);
    ls_cond_broadcast(&s->all_out);
    while (atomic_load(&s->taken) < THREADS) {
        ls_cond_wait(&s->all_out, &s->lock);
    }
    ls_mutex_unlock(&s->lock);
    return NULL;
}

/* A burst wakes one sleeper; the others must be woken by those before them, also behind a barrier.
 */
static void test_burst_wakes_all(void **state)
{
    for (int round = 0; round < 200; round++) {
        struct shared s = {.taken = 0};
        struct ls_item item;
        ls_thread t[THREADS];

        ls_mutex_init(&s.lock);
        ls_cond_init(&s.all_out);
        ls_queue_init(&s.q);
        ls_queue_reopen(&s.q);
        if (round % 2 == 1) {
            put(&s.q, LS_ITEM_VIEW, 1);
            assert_true(ls_queue_take(&s.q, &item));
        }
        for (int i = 0; i < THREADS; i++) {
            assert_true(ls_thread_start(&t[i], "hold", hold_main, &s));
        }
        for (int64_t n = 0; n < THREADS; n++) {
            put(&s.q, LS_ITEM_APPLY, 2 + n);
        }
        if (round % 2 == 1) {
            ls_queue_unblock(&s.q);
        }
        for (int i = 0; i < THREADS; i++) {
            ls_thread_join(t[i]);
        }
        ls_queue_close(&s.q);
        ls_queue_destroy(&s.q);
        ls_cond_destroy(&s.all_out);
        ls_mutex_destroy(&s.lock);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_growth),
        cmocka_unit_test(test_closed_keeps_items),
        cmocka_unit_test(test_barriers_among_threads),
        cmocka_unit_test(test_burst_wakes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
