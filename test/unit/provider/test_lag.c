/* When a member leaves flow control: stuck, slow, and who has to stay. */
#include "plugin/provider/lag_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define SECOND_US INT64_C(1000000)

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct ls_lag));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Samples until it is stuck; 0: not within 20. */
static uint32_t samples_until_stuck(struct ls_lag *l, bool asks, int64_t step,
                                    const struct ls_lag_others *others)
{
    for (uint32_t n = 1; n <= 20; n++) {
        if (ls_lag_is_stuck(l, asks, 100 + (int64_t)n * step, others)) {
            return n;
        }
    }
    return 0;
}

static void test_stuck_after_less_than_a_second(void **state)
{
    const struct ls_lag_others all_beyond = {.synced = 2, .beyond = 2};

    /* the first one only says where it stands */
    assert_int_equal(samples_until_stuck(*state, true, 0, &all_beyond), 1 + LS_LAG_STUCK_SAMPLES);
    assert_true(LS_LAG_STUCK_US < SECOND_US);
}

static void test_who_applies_is_not_stuck(void **state)
{
    const struct ls_lag_others all_beyond = {.synced = 2, .beyond = 2};

    assert_int_equal(samples_until_stuck(*state, true, 1, &all_beyond), 0);
}

static void test_who_asks_for_nothing_is_not_stuck(void **state)
{
    const struct ls_lag_others all_beyond = {.synced = 2, .beyond = 2};

    assert_int_equal(samples_until_stuck(*state, false, 0, &all_beyond), 0);
}

/* An ALTER TABLE in total order: all stand at it. */
static void test_nobody_is_beyond(void **state)
{
    const struct ls_lag_others all_stand = {.synced = 2, .beyond = 0};

    assert_int_equal(samples_until_stuck(*state, true, 0, &all_stand), 0);
}

/* A big transaction: its origin has it, the others work at it. */
static void test_only_the_origin_is_beyond(void **state)
{
    const struct ls_lag_others origin = {.synced = 2, .beyond = 1};
    const struct ls_lag_others of_two = {.synced = 1, .beyond = 1};

    assert_int_equal(samples_until_stuck(*state, true, 0, &origin), 0);
    /* with two servers, or a third one that takes no part, it is enough */
    assert_int_equal(samples_until_stuck(*state, true, 0, &of_two), LS_LAG_STUCK_SAMPLES);
}

static void test_a_move_starts_the_count_again(void **state)
{
    const struct ls_lag_others all_beyond = {.synced = 2, .beyond = 2};
    struct ls_lag *l = *state;

    for (int i = 0; i < 30; i++) { /* one write-set in 0.6 s */
        assert_false(ls_lag_is_stuck(l, true, 100 + i / 3, &all_beyond));
    }
}

/* Seconds until it is slow when it asks for pauses during all of the time; 0: never. */
static uint32_t seconds_until_slow(struct ls_lag *l, int64_t limit_us, uint32_t patience_s,
                                   uint64_t share_ns)
{
    for (uint32_t s = 1; s <= 2 * LS_LAG_LIMIT_MAX_S; s++) {
        if (ls_lag_is_slow(l, s * share_ns, limit_us, patience_s)) {
            return s;
        }
    }
    return 0;
}

static void test_slow_when_the_limit_has_passed(void **state)
{
    assert_int_equal(seconds_until_slow(*state, 5 * SECOND_US, 0, SECOND_NS), 6);
    ls_lag_forget(*state);
    assert_int_equal(seconds_until_slow(*state, 5 * SECOND_US, 2, SECOND_NS), 8);
}

/* All of what the option allows is kept to. */
static void test_the_longest_limit(void **state)
{
    assert_int_equal(seconds_until_slow(*state, LS_LAG_LIMIT_MAX_S * SECOND_US, 0, SECOND_NS),
                     LS_LAG_LIMIT_MAX_S + 1);
    ls_lag_forget(*state);
    assert_int_equal(
        seconds_until_slow(*state, LS_LAG_LIMIT_MAX_S * SECOND_US, LS_MAX_MEMBERS - 1, SECOND_NS),
        LS_LAG_LIMIT_MAX_S + LS_MAX_MEMBERS);
}

static void test_not_slow(void **state)
{
    assert_int_equal(seconds_until_slow(*state, 0, 0, SECOND_NS), 0);
    ls_lag_forget(*state);
    assert_int_equal(seconds_until_slow(*state, 5 * SECOND_US, 0, SECOND_NS / 2 - 1), 0);
}

struct leave_case {
    struct ls_lag_others others;
    bool disk_full;
    bool may;
};

static void test_who_may_leave(void **state)
{
    static const struct leave_case cases[] = {
        /* one of two: the other one writes */
        {{.synced = 1, .beyond = 1}, false, true},
        /* both are slow, and this one is not the slower */
        {{.synced = 1, .beyond = 0}, false, false},
        /* the other one has left: somebody stays */
        {{.synced = 0, .beyond = 0, .desynced = 1}, false, false},
        /* alone, or a joiner beside it */
        {{.synced = 0, .beyond = 0}, false, false},
        /* of three */
        {{.synced = 2, .beyond = 2}, false, true},
        {{.synced = 2, .beyond = 1}, false, false},
        {{.synced = 1, .beyond = 1, .desynced = 1}, false, false},
        /* a disk that is full: all stand */
        {{.synced = 1, .beyond = 0}, true, true},
        {{.synced = 2, .beyond = 0}, true, true},
        {{.synced = 1, .beyond = 0, .desynced = 1}, true, false},
        /* of five */
        {{.synced = 3, .beyond = 3, .desynced = 1}, false, true},
        {{.synced = 2, .beyond = 2, .desynced = 2}, false, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ls_lag_may_leave(&cases[i].others, cases[i].disk_full), cases[i].may);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stuck_after_less_than_a_second),
        TEST(test_who_applies_is_not_stuck),
        TEST(test_who_asks_for_nothing_is_not_stuck),
        TEST(test_nobody_is_beyond),
        TEST(test_only_the_origin_is_beyond),
        TEST(test_a_move_starts_the_count_again),
        TEST(test_slow_when_the_limit_has_passed),
        TEST(test_the_longest_limit),
        TEST(test_not_slow),
        TEST(test_who_may_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
