/* Addresses as text. */
#include "wsrep/os/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void good(const char *text, const char *host, unsigned port, bool has_port, bool ssl)
{
    struct ls_address a;

    assert_int_equal(ls_address_parse(text, 4567, &a, NULL), LS_OK);
    assert_string_equal(a.host, host);
    assert_int_equal(a.port, port);
    assert_int_equal(a.has_port, has_port);
    assert_int_equal(a.ssl, ssl);
}

static void test_good(void **state)
{
    (void)state;
    good("node1", "node1", 4567, false, false);
    good("node1:1", "node1", 1, true, false);
    good("tcp://0.0.0.0:0", "0.0.0.0", 0, true, false);
    good("ssl://h:65535/", "h", 65535, true, true);
    good("[::1]:5", "::1", 5, true, false);
    good("[fe80::1%eth0]", "fe80::1%eth0", 4567, false, false);
    good("::1", "::1", 4567, false, false);
    good("tcp://:99", "", 99, true, false);
    good("", "", 4567, false, false);
    good("*:7", "*", 7, true, false);
}

static void test_bad(void **state)
{
    static const char *const texts[] = {"h:65536", "h:",     "h:x",           "h:-1",
                                        "[::1",    "[::1]x", "a b:1",         "a/b:1",
                                        "h:1 ",    "user@h", "h:00001000000", "udp://h:1"};
    char long_name[400];
    struct ls_error err;
    struct ls_address a;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        memset(&err, 0, sizeof(err));
        assert_int_equal(ls_address_parse(texts[i], 1, &a, &err), LS_E_INVAL);
        assert_non_null(strstr(err.text, "host:port"));
    }
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(ls_address_parse(long_name, 1, &a, &err), LS_E_INVAL);
}

static void test_format(void **state)
{
    char out[24];

    (void)state;
    assert_true(ls_address_format("10.0.0.1", 4567, out, sizeof(out)));
    assert_string_equal(out, "10.0.0.1:4567");
    assert_true(ls_address_format("::1", 4567, out, sizeof(out)));
    assert_string_equal(out, "[::1]:4567");
    assert_false(ls_address_format("a-name-that-is-too-long.example", 1, out, sizeof(out)));
}

static void test_kinds(void **state)
{
    (void)state;
    assert_true(ls_address_is_numeric("127.0.0.1"));
    assert_true(ls_address_is_numeric("::"));
    assert_true(ls_address_is_numeric("fe80::1%lo"));
    assert_false(ls_address_is_numeric("127.0.0"));
    assert_false(ls_address_is_numeric("node1"));
    assert_false(ls_address_is_numeric(""));
    assert_true(ls_address_is_any("0.0.0.0"));
    assert_true(ls_address_is_any("::"));
    assert_true(ls_address_is_any(""));
    assert_false(ls_address_is_any("127.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
