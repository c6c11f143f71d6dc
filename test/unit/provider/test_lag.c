/* When a member leaves flow control, and who has to stay. */
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
        TEST(test_slow_when_the_limit_has_passed),
        TEST(test_the_longest_limit),
        TEST(test_not_slow),
        TEST(test_who_may_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
