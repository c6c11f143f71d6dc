/* CREATE TABLE ... SELECT that is applied once more: what is put into its events, and what is left
 * alone. */
#include "plugin/provider/again.h"
#include "wsrep/base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HEADER = 19, QUERY = 2, ANNOTATE = 160, ROWS = 23 };

static void put_header(struct ls_writer *w, uint8_t type, size_t body)
{
    ls_put_u32(w, 1795390309);
    ls_put_u8(w, type);
    ls_put_u32(w, 1);
    ls_put_u32(w, (uint32_t)(HEADER + body));
    ls_put_u32(w, 0);
    ls_put_u16(w, 0);
}

static void put_query(struct ls_writer *w, const char *statement)
{
    static const uint8_t variables[26] = {0, 0, 0, 0, 0, 1};

    put_header(w, QUERY, 13 + sizeof(variables) + 2 + strlen(statement));
    ls_put_u32(w, 13);
    ls_put_u32(w, 0);
    ls_put_u8(w, 1);
    ls_put_u16(w, 0);
    ls_put_u16(w, sizeof(variables));
    ls_put_bytes(w, variables, sizeof(variables));
    ls_put_bytes(w, "d", 2);
    ls_put_bytes(w, statement, strlen(statement));
}

static void put_text(struct ls_writer *w, uint8_t type, const char *text)
{
    put_header(w, type, strlen(text));
    ls_put_bytes(w, text, strlen(text));
}

/* As the server writes it: the table, the client's words, the rows. */
static size_t write_set(uint8_t *out, size_t size, const char *statement)
{
    struct ls_writer w = ls_writer_init(out, size);

    put_query(&w, statement);
    put_text(&w, ANNOTATE, "CREATE TABLE `d`.`c` SELECT * FROM d.a");
    put_text(&w, ROWS, "rows");
    assert_false(w.failed);
    return (size_t)(w.pos - out);
}

static void test_a_table_to_be_made_replaces(void **state)
{
    uint8_t given[512], wanted[512];
    size_t size = write_set(given, sizeof(given), "CREATE TABLE `c` (\n  `i` int(11)\n)");
    size_t wanted_size =
        write_set(wanted, sizeof(wanted), "CREATE OR REPLACE TABLE `c` (\n  `i` int(11)\n)");
    size_t copy_size = 0;
    void *copy = ls_again_replacing(given, size, &copy_size);

    (void)state;
    assert_non_null(copy);
    assert_int_equal(copy_size, wanted_size);
    assert_memory_equal(copy, wanted, wanted_size);
    /* once is enough */
    assert_null(ls_again_replacing(copy, copy_size, &copy_size));
    free(copy);
}

static void test_behind_other_events(void **state)
{
    uint8_t given[512];
    struct ls_writer w = ls_writer_init(given, sizeof(given));
    size_t copy_size = 0;

    (void)state;
    put_text(&w, 162, "a GTID");
    put_query(&w, "BEGIN");
    put_query(&w, "CREATE TABLE `c` (`i` int)");
    void *copy = ls_again_replacing(given, (size_t)(w.pos - given), &copy_size);
    assert_non_null(copy);
    assert_int_equal(copy_size, (size_t)(w.pos - given) + strlen("OR REPLACE "));
    free(copy);
}

static void test_others_are_left_alone(void **state)
{
    static const char *const statements[] = {
        "CREATE OR REPLACE TABLE `c` (`i` int)",
        "CREATE TABLE IF NOT EXISTS `c` (`i` int)", /* which bears what is there */
        "INSERT INTO t VALUES ('CREATE TABLE `c`')",
        "CREATE TABLE",
        "",
    };
    uint8_t given[512];
    size_t copy_size = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
        size_t size = write_set(given, sizeof(given), statements[i]);
        assert_null(ls_again_replacing(given, size, &copy_size));
    }
    assert_null(ls_again_replacing(NULL, 0, &copy_size));
}

/* Cut anywhere, and with each byte changed: no more is read than there is (the sanitizer looks on).
 */
static void test_damage_is_borne(void **state)
{
    uint8_t given[512];
    size_t size = write_set(given, sizeof(given), "CREATE TABLE `c` (`i` int)");
    size_t copy_size = 0;

    (void)state;
    for (size_t i = 0; i < size; i++) {
        for (int cut = 0; cut < 2; cut++) {
            size_t len = cut ? i : size;
            uint8_t *bytes = malloc(len + 1); /* of this size, for the sanitizer */
            assert_non_null(bytes);
            memcpy(bytes + 1, given, len);
            if (!cut) {
                bytes[1 + i] ^= 0xff;
            }
            free(ls_again_replacing(bytes + 1, len, &copy_size));
            free(bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_to_be_made_replaces),
        cmocka_unit_test(test_behind_other_events),
        cmocka_unit_test(test_others_are_left_alone),
        cmocka_unit_test(test_damage_is_borne),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
