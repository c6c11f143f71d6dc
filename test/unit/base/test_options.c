#include "wsrep/base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ls_option_def defs[] = {
    {"z.size", LS_OPT_SIZE, LS_OPT_DYNAMIC, "128M", 0, 0, NULL},
    {"b.flag", LS_OPT_BOOL, LS_OPT_DYNAMIC, "no", 0, 0, NULL},
    {"c.fixed", LS_OPT_INT, 0, "4", 1, 10, NULL},
    {"a.period", LS_OPT_PERIOD, LS_OPT_DYNAMIC, "PT5S", 0.001, 1e6, NULL},
    {"d.share", LS_OPT_DOUBLE, LS_OPT_DYNAMIC, "1.0", 0, 1, NULL},
    {"e.text", LS_OPT_STRING, LS_OPT_DYNAMIC, NULL, 0, 0, NULL},
    {"f.kind", LS_OPT_ENUM, LS_OPT_DYNAMIC, "ONE", 0, 0, "ONE|TWO|THREE"},
    {"g.hidden", LS_OPT_INT, LS_OPT_DYNAMIC | LS_OPT_HIDDEN, "1", 0, 0, NULL},
    {"h.quiet", LS_OPT_BOOL, LS_OPT_DYNAMIC | LS_OPT_QUIET, "no", 0, 0, NULL},
    {"i.trigger", LS_OPT_BOOL, LS_OPT_DYNAMIC | LS_OPT_TRIGGER, NULL, 0, 0, NULL},
};

static struct ls_options *create(void)
{
    struct ls_options *o = ls_options_create(defs, sizeof(defs) / sizeof(defs[0]));
    assert_non_null(o);
    return o;
}

static void assert_shows(const struct ls_options *o, const char *expected)
{
    char *text = ls_options_format(o);
    assert_string_equal(text, expected);
    free(text);
}

static void test_output_is_sorted_and_complete(void **state)
{
    struct ls_options *o = create();

    assert_shows(o, "a.period = PT5S; b.flag = no; c.fixed = 4; d.share = 1.0; f.kind = ONE; "
                    "z.size = 128M; ");
    assert_int_equal(
        ls_options_apply(o, "e.text=;h.quiet=no; a.period = 7.5 ;b.flag=ON;", LS_OPT_RUN, NULL),
        LS_OK);
    assert_shows(o, "a.period = PT7.5S; b.flag = ON; c.fixed = 4; d.share = 1.0; f.kind = ONE; "
                    "h.quiet = no; z.size = 128M; ");
    assert_int_equal(ls_options_get_period_us(o, "a.period"), 7500000);
    assert_true(ls_options_get_bool(o, "b.flag"));
    ls_options_destroy(o);
}

static void test_shown_text_can_be_set_again(void **state)
{
    struct ls_options *o = create(), *p = create();
    char *text, *again;

    assert_int_equal(ls_options_apply(o, "e.text=a\\;b\\=c\\\\d", LS_OPT_RUN, NULL), LS_OK);
    assert_string_equal(ls_options_get_text(o, "e.text"), "a;b=c\\d");
    text = ls_options_format(o);
    assert_int_equal(ls_options_apply(p, text, LS_OPT_RUN, NULL), LS_OK);
    again = ls_options_format(p);
    assert_string_equal(text, again);
    free(text);
    free(again);
    ls_options_destroy(o);
    ls_options_destroy(p);
}

static void test_first_failure_keeps_what_came_before(void **state)
{
    struct ls_options *o = create();
    struct ls_error err;

    assert_int_equal(ls_options_apply(o, "b.flag=1;nonsense=2;c.fixed=5", LS_OPT_RUN, &err),
                     LS_E_NOTFOUND);
    assert_non_null(strstr(err.text, "nonsense"));
    assert_true(ls_options_get_bool(o, "b.flag"));
    assert_int_equal(ls_options_get_int(o, "c.fixed"), 4);
    ls_options_destroy(o);
}

static void test_fixed_options(void **state)
{
    struct ls_options *o = create();
    struct ls_error err;
    bool changed = true;

    assert_int_equal(ls_options_set(o, "c.fixed", "4", LS_OPT_RUN, &changed, NULL), LS_OK);
    assert_false(changed);
    assert_int_equal(ls_options_set(o, "c.fixed", "0x4", LS_OPT_RUN, &changed, NULL), LS_OK);
    assert_int_equal(ls_options_set(o, "c.fixed", "5", LS_OPT_RUN, &changed, &err), LS_E_INVAL);
    assert_non_null(strstr(err.text, "c.fixed"));
    assert_non_null(strstr(err.text, "restart"));
    assert_int_equal(ls_options_set(o, "c.fixed", "5", LS_OPT_START, &changed, NULL), LS_OK);
    assert_true(changed);
    assert_int_equal(ls_options_set(o, "c.fixed", "11", LS_OPT_START, &changed, &err), LS_E_INVAL);
    assert_non_null(strstr(err.text, "from 1 to 10"));
    ls_options_destroy(o);
}

static void test_triggers_keep_nothing(void **state)
{
    struct ls_options *o = create();
    bool changed = false;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(ls_options_set(o, "i.trigger", "1", LS_OPT_RUN, &changed, NULL), LS_OK);
        assert_true(changed);
        assert_false(ls_options_has_value(o, "i.trigger"));
    }
    assert_int_equal(ls_options_set(o, "i.trigger", "maybe", LS_OPT_RUN, &changed, NULL),
                     LS_E_INVAL);
    ls_options_destroy(o);
}

static void test_malformed_pairs(void **state)
{
    static const char *const bad[] = {"b.flag",    "=1",          "b.flag=1=0",
                                      "b.flag=",   "b.flag=2",    "B.FLAG=1",
                                      "d.share=2", "d.share=nan", "f.kind=FOUR"};
    struct ls_options *o = create();
    struct ls_error err;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err.text[0] = '\0';
        assert_int_not_equal(ls_options_apply(o, bad[i], LS_OPT_RUN, &err), LS_OK);
        assert_string_not_equal(err.text, "");
    }
    assert_int_equal(ls_options_apply(o, "", LS_OPT_RUN, NULL), LS_OK);
    assert_int_equal(ls_options_apply(o, " ;; ; ", LS_OPT_RUN, NULL), LS_OK);
    assert_int_equal(ls_options_apply(o, "f.kind=two", LS_OPT_RUN, NULL), LS_OK);
    ls_options_destroy(o);
}

static void test_long_pairs_are_refused(void **state)
{
    struct ls_options *o = create();
    char text[LS_OPTION_MAX_BYTES + 64];

    memset(text, 'x', sizeof(text));
    memcpy(text, "e.text=", 7);
    text[7 + LS_OPTION_MAX_BYTES - 1] = '\0';
    assert_int_equal(ls_options_apply(o, text, LS_OPT_RUN, NULL), LS_OK);
    text[7 + LS_OPTION_MAX_BYTES - 1] = 'x';
    text[7 + LS_OPTION_MAX_BYTES] = '\0';
    assert_int_equal(ls_options_apply(o, text, LS_OPT_RUN, NULL), LS_E_INVAL);
    ls_options_destroy(o);
}

static void test_periods(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {{"PT5S", 5000000},      {"PT0.5S", 500000},      {"P1D", 86400000000},
                {"PT1H1M", 3660000000}, {"P1DT1S", 86401000000}, {"3", 3000000},
                {"0.25", 250000},       {"PT.5S", 500000},       {"P1M", 2592000000000},
                {"PT1M", 60000000}};
    static const char *const bad[] = {
        "",      "P",     "PT",    "P1DT",  "5S",       "PT5",   "PTS", "PT1S1M",        "P1S",
        "PT1D",  "-1",    "PT-1S", "PT1S ", "PT1.2.3S", "P1D1D", "abc", "P99999999999Y", "PT1SX",
        "PT5Sx", "PTT5S", "1e3"};
    int64_t us;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(ls_option_parse_period_us(good[i].text, &us));
        assert_int_equal(us, good[i].us);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(ls_option_parse_period_us(bad[i], &us));
    }
}

static void test_numbers(void **state)
{
    int64_t v;
    double d;

    assert_true(ls_option_parse_size("9223372036854775807", &v));
    assert_true(v == INT64_MAX);
    assert_true(ls_option_parse_size("2g", &v));
    assert_int_equal(v, 2LL << 30);
    assert_false(ls_option_parse_size("9223372036854775807K", &v));
    assert_false(ls_option_parse_size("9223372036854775808", &v));
    assert_false(ls_option_parse_size("-1", &v));
    assert_false(ls_option_parse_size("1KB", &v));
    assert_false(ls_option_parse_size("", &v));
    assert_true(ls_option_parse_int("-0x10", &v));
    assert_int_equal(v, -16);
    assert_false(ls_option_parse_int("0x", &v));
    assert_false(ls_option_parse_int("1.0", &v));
    assert_false(ls_option_parse_int(" 1", &v));
    assert_true(ls_option_parse_double(".5", &d));
    assert_false(ls_option_parse_double("0x1p3", &d));
    assert_false(ls_option_parse_double("1e999", &d));
    assert_false(ls_option_parse_double("inf", &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_is_sorted_and_complete),
        cmocka_unit_test(test_shown_text_can_be_set_again),
        cmocka_unit_test(test_first_failure_keeps_what_came_before),
        cmocka_unit_test(test_fixed_options),
        cmocka_unit_test(test_triggers_keep_nothing),
        cmocka_unit_test(test_malformed_pairs),
        cmocka_unit_test(test_long_pairs_are_refused),
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
