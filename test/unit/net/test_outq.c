/* What a slow peer's queue takes, and when it is full. */
#include "gcomm/net/outq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define LIMIT ((size_t)1000)
#define HUGE ((size_t)5000)

static const uint8_t bytes[HUGE];

/* As a connection does it. */
static bool offer(struct ls_outq *q, size_t size)
{
    if (!ls_outq_admits(q, size, LIMIT)) {
        return false;
    }
    assert_true(ls_outq_put(q, bytes, size));
    ls_outq_note(q, size, LIMIT);
    return true;
}

static void test_limit(void **state)
{
    struct ls_outq q = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_true(offer(&q, 100));
    }
    assert_false(offer(&q, 1));
    ls_outq_consume(&q, 100);
    assert_true(offer(&q, 99));
    assert_false(offer(&q, 2));
    assert_true(offer(&q, 1));
    ls_outq_clear(&q);
    assert_true(offer(&q, LIMIT));
    ls_outq_clear(&q);
}

/* It goes behind what is within the limit, and those behind it have the limit for themselves. */
static void test_huge(void **state)
{
    struct ls_outq q = {0};

    (void)state;
    assert_true(offer(&q, 400));
    assert_true(offer(&q, HUGE));
    assert_true(offer(&q, 300));
    assert_true(offer(&q, 300));
    assert_int_equal(q.bytes, LIMIT + HUGE);
    assert_false(offer(&q, 1));
    ls_outq_consume(&q, 400); /* what stood before it */
    assert_true(offer(&q, 400));
    assert_false(offer(&q, 1));
    ls_outq_clear(&q);

    assert_true(offer(&q, 400));
    assert_true(offer(&q, 400));
    assert_true(offer(&q, 200));
    assert_true(offer(&q, HUGE)); /* full, but not over it */
    assert_false(offer(&q, 1));
    ls_outq_clear(&q);
}

/* One at a time, until its last byte has left, however little then waits. */
static void test_second_huge(void **state)
{
    struct ls_outq q = {0};

    (void)state;
    assert_true(offer(&q, HUGE)); /* an empty queue takes everything */
    assert_true(offer(&q, 100));
    assert_false(offer(&q, HUGE));
    ls_outq_consume(&q, HUGE - 1);
    assert_false(offer(&q, HUGE));
    assert_true(offer(&q, 100));
    ls_outq_consume(&q, 1);
    assert_int_equal(q.bytes, 200);
    assert_true(offer(&q, 500)); /* the limit is what it was */
    assert_true(offer(&q, 300));
    assert_false(offer(&q, 1));
    assert_true(offer(&q, HUGE));
    assert_false(offer(&q, HUGE));
    ls_outq_clear(&q);
    assert_true(offer(&q, HUGE));
    ls_outq_clear(&q);
}

/* The kernel has taken the larger part before the rest waits: it counts all the same. */
static void test_written_at_once(void **state)
{
    struct ls_outq q = {0};

    (void)state;
    assert_true(ls_outq_put(&q, bytes, 10));
    ls_outq_note(&q, HUGE, LIMIT);
    assert_false(offer(&q, HUGE));
    ls_outq_consume(&q, 10);
    ls_outq_note(&q, HUGE, LIMIT); /* all of it */
    assert_true(offer(&q, 1));
    assert_true(offer(&q, HUGE));
    ls_outq_clear(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_second_huge),
        cmocka_unit_test(test_written_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
