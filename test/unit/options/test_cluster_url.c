#include "gcomm/options/cluster_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "peer peer|options" */
static void assert_parsed(const char *url, const char *expected)
{
    struct ls_cluster_url u;
    char text[4096] = "";

    assert_int_equal(ls_cluster_url_parse(url, &u, NULL), LS_OK);
    for (size_t i = 0; i < u.count; i++) {
        strcat(strcat(text, i > 0 ? " " : ""), u.peers[i]);
    }
    strcat(strcat(text, "|"), u.options);
    assert_string_equal(text, expected);
}

static void test_forms(void **state)
{
    assert_parsed("gcomm://", "|");
    assert_parsed("gcomm:///", "|");
    assert_parsed("gcomm://a", "a:4567|");
    assert_parsed("gcomm://a:4567,b:4567/", "a:4567 b:4567|");
    assert_parsed("gcomm://a, b:1 ,,c:,", "a:4567 b:1 c:4567|");
    assert_parsed("gcomm://a,a:4567,A", "a:4567 A:4567|");
    assert_parsed("gcomm://[::1]:5,[fd00::2],fd00::3", "[::1]:5 [fd00::2]:4567 [fd00::3]:4567|");
    assert_parsed("gcomm://a?pc.wait_prim=no&gmcast.segment=1",
                  "a:4567|pc.wait_prim=no;gmcast.segment=1");
    assert_parsed("gcomm://?gmcast.listen_addr=tcp://127.0.0.1:5",
                  "|gmcast.listen_addr=tcp://127.0.0.1:5");
    assert_parsed("gcomm://a,b/path?x=y#part", "a:4567 b:4567|x=y");
    assert_parsed("  gcomm://a ", "a:4567|");
}

static void test_errors(void **state)
{
    static const char *const bad[] = {"",
                                      "a,b",
                                      "gcomm:a",
                                      "http://a",
                                      "GCOMM://a",
                                      "gcomm://a:b",
                                      "gcomm://a:70000",
                                      "gcomm://a:0",
                                      "gcomm://[::1",
                                      "gcomm://[::1]x",
                                      "gcomm://u@a",
                                      "gcomm://0.0.0.0",
                                      "gcomm://:4567",
                                      "gcomm://a b"};
    struct ls_cluster_url u;
    struct ls_error err;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err.text[0] = '\0';
        assert_int_not_equal(ls_cluster_url_parse(bad[i], &u, &err), LS_OK);
        assert_non_null(strstr(err.text, "cluster address"));
    }
}

static void test_limits(void **state)
{
    struct ls_cluster_url u;
    char url[16384] = "gcomm://";

    for (int i = 0; i <= LS_URL_MAX_PEERS; i++) {
        assert_int_equal(ls_cluster_url_parse(url, &u, NULL), LS_OK);
        sprintf(url + strlen(url), "h%d,", i);
    }
    assert_int_equal(ls_cluster_url_parse(url, &u, NULL), LS_E_TOOBIG);
    memset(url + 8, 'x', 400);
    url[408] = '\0';
    assert_int_equal(ls_cluster_url_parse(url, &u, NULL), LS_E_INVAL);
    strcpy(url, "gcomm://a?");
    memset(url + 10, 'x', LS_URL_OPTIONS_SIZE);
    url[10 + LS_URL_OPTIONS_SIZE] = '\0';
    assert_int_equal(ls_cluster_url_parse(url, &u, NULL), LS_E_TOOBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
