/* wsrep/writeset: what is built is what is read, and what nobody builds is refused. */
#include "wsrep/base/cursor.h"
#include "wsrep/writeset/format.h"
#include "wsrep/writeset/writeset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct ls_ws_header plain = {.flags = LS_WS_TRX_START | LS_WS_TRX_END,
                                          .last_seen = 41,
                                          .trx_id = 7,
                                          .conn_id = 9,
                                          .pa_range = LS_WS_PA_RANGE_MAX};

/* The encoding in one piece of memory of exactly its size, for the sanitizer to see every overrun.
 */
static uint8_t *encode(struct ls_ws_builder *b, const struct ls_ws_header *h, size_t *size)
{
    struct ls_piece pieces[LS_WS_PIECES];
    size_t n = ls_ws_encode(b, h, pieces);
    uint8_t *bytes;

    *size = 0;
    for (size_t i = 0; i < n; i++) {
        *size += pieces[i].len;
    }
    bytes = malloc(*size);
    assert_non_null(bytes);
    struct ls_writer w = ls_writer_init(bytes, *size);
    for (size_t i = 0; i < n; i++) {
        ls_put_bytes(&w, pieces[i].data, pieces[i].len);
    }
    assert_int_equal(*size, ls_ws_size(b));
    return bytes;
}

static enum ls_rc add_key(struct ls_ws_builder *b, const char *p1, const char *p2, const char *p3,
                          enum ls_key_type type)
{
    const char *texts[3] = {p1, p2, p3};
    struct ls_piece parts[3];
    size_t n = 0;

    while (n < 3 && texts[n] != NULL) {
        parts[n] = (struct ls_piece){texts[n], strlen(texts[n])};
        n++;
    }
    return ls_ws_add_key(b, parts, n, type);
}

static void test_round_trip(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_ws_view v;
    struct ls_ws_key key;
    size_t size;

    assert_int_equal(ls_ws_key_count(b), 0);
    assert_int_equal(add_key(b, "db", "t", "row", LS_KEY_EXCLUSIVE), LS_OK);
    assert_int_equal(ls_ws_add_data(b, "abc", 3, true), LS_OK);
    assert_int_equal(ls_ws_add_data(b, "u", 1, false), LS_OK);
    assert_int_equal(ls_ws_add_data(b, "def", 3, true), LS_OK);
    assert_int_equal(ls_ws_data_bytes(b), 7);
    uint8_t *bytes = encode(b, &plain, &size);
    assert_int_equal(ls_ws_view_init(&v, bytes, size, NULL), LS_OK);

    assert_int_equal(v.header.flags, plain.flags);
    assert_int_equal(v.header.last_seen, 41);
    assert_int_equal(v.header.trx_id, 7);
    assert_int_equal(v.header.conn_id, 9);
    assert_int_equal(v.header.pa_range, LS_WS_PA_RANGE_MAX);
    assert_int_equal(v.data_size, 6);
    assert_memory_equal(v.data, "abcdef", 6);
    assert_int_equal(v.unordered_size, 1);
    assert_memory_equal(v.unordered, "u", 1);
    assert_int_equal(v.key_count, 4);
    for (uint32_t i = 0; i < 4; i++) { /* server, db, table, row */
        ls_ws_view_key(&v, i, &key);
        assert_int_equal(key.depth, i);
        assert_int_equal(key.type, i == 3 ? LS_KEY_EXCLUSIVE : LS_KEY_REFERENCE);
    }
    free(bytes);
    ls_ws_builder_destroy(b);
}

static void test_empty_has_server_entry(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_ws_view v;
    struct ls_ws_key key;
    size_t size;
    uint8_t *bytes = encode(b, &plain, &size);

    assert_int_equal(ls_ws_view_init(&v, bytes, size, NULL), LS_OK);
    assert_int_equal(v.key_count, 1);
    assert_null(v.data);
    ls_ws_view_key(&v, 0, &key);
    assert_int_equal(key.depth, 0);
    assert_int_equal(key.type, LS_KEY_REFERENCE);
    free(bytes);
    ls_ws_builder_destroy(b);
}

static void test_patch_last_seen(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_piece pieces[LS_WS_PIECES];
    struct ls_reader r;

    ls_ws_encode(b, &plain, pieces);
    ls_ws_patch_last_seen(b, 123456789012);
    r = ls_reader_init(pieces[0].data, pieces[0].len);
    ls_get_view(&r, LS_WS_LAST_SEEN_OFFSET);
    assert_int_equal(ls_get_i64(&r), 123456789012);
    ls_ws_builder_destroy(b);
}

/* The entry with the longest prefix after adding one key. */
static struct ls_ws_key last_key_of(const char *p1, const char *p2, const char *p3)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_ws_view v;
    struct ls_ws_key key;
    size_t size;

    add_key(b, p1, p2, p3, LS_KEY_UPDATE);
    uint8_t *bytes = encode(b, &plain, &size);
    assert_int_equal(ls_ws_view_init(&v, bytes, size, NULL), LS_OK);
    ls_ws_view_key(&v, v.key_count - 1, &key);
    free(bytes);
    ls_ws_builder_destroy(b);
    return key;
}

static void test_key_parts_are_told_apart(void **state)
{
    static const char *const keys[][3] = {
        {NULL},
        {"abc"},
        {"ab", "c"},
        {"a", "bc"},
        {"a", "b", "c"},
        {"", "abc"},
        {"abc", ""},
        {"abc", "", ""},
        {"", "", ""},
        {"", ""},
        {""},
        {"a", "", "bc"},
        {"a", "bc", ""},
        {"", "a", "bc"},
        {"ab", "", "c"},
        {"ab", "c", ""},
        {"c", "ab"},
        {"c", "b", "a"},
    };
    const size_t n = sizeof(keys) / sizeof(keys[0]);

    for (size_t i = 0; i < n; i++) {
        struct ls_ws_key a = last_key_of(keys[i][0], keys[i][1], keys[i][2]);
        for (size_t j = 0; j < n; j++) {
            struct ls_ws_key b = last_key_of(keys[j][0], keys[j][1], keys[j][2]);
            assert_int_equal(ls_hash128_equal(a.hash, b.hash), i == j);
        }
    }
}

static void test_strongest_type_wins(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_ws_view v;
    struct ls_ws_key key;
    size_t size;

    /* (db, t) first as a full key, then as a prefix, then full again and weaker */
    add_key(b, "db", "t", NULL, LS_KEY_SHARED);
    add_key(b, "db", "t", "row", LS_KEY_UPDATE);
    add_key(b, "db", "t", "row", LS_KEY_SHARED);
    add_key(b, NULL, NULL, NULL, LS_KEY_EXCLUSIVE);
    uint8_t *bytes = encode(b, &plain, &size);
    assert_int_equal(ls_ws_view_init(&v, bytes, size, NULL), LS_OK);
    assert_int_equal(v.key_count, 4);
    static const uint8_t types[4] = {LS_KEY_EXCLUSIVE, LS_KEY_REFERENCE, LS_KEY_REFERENCE,
                                     LS_KEY_UPDATE};
    for (uint32_t i = 0; i < 4; i++) {
        ls_ws_view_key(&v, i, &key);
        assert_int_equal(key.type, types[i]);
    }
    free(bytes);
    ls_ws_builder_destroy(b);
}

/* Each of n rows three times, across the sizes at which the set changes its way of looking. */
static void add_rows(struct ls_ws_builder *b, unsigned n)
{
    for (unsigned i = 0; i < 3 * n; i++) {
        unsigned row = i % n;
        struct ls_piece parts[3] = {{"db", 2}, {"t", 1}, {&row, sizeof(row)}};
        assert_int_equal(ls_ws_add_key(b, parts, 3, LS_KEY_EXCLUSIVE), LS_OK);
    }
}

static void test_entries_are_unique(void **state)
{
    static const unsigned sizes[] = {1, 12, 13, 14, 15, 60, 61, 62, 200, 20000, 3, 500, 14};
    struct ls_ws_builder *b = ls_ws_builder_create();

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        add_rows(b, sizes[i]);
        assert_int_equal(ls_ws_key_count(b), sizes[i] + 3);
        assert_int_equal(ls_ws_keys_bytes(b), (sizes[i] + 3) * LS_WS_KEY_SIZE);
        ls_ws_builder_reset(b);
        assert_int_equal(ls_ws_key_count(b), 0);
    }
    ls_ws_builder_destroy(b);
}

static void test_max_size(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    uint8_t data[100] = {0};

    ls_ws_set_max_size(b, LS_WS_HEADER_SIZE + 4 * LS_WS_KEY_SIZE + 100);
    assert_int_equal(ls_ws_add_data(b, data, 100, true), LS_OK);
    assert_int_equal(add_key(b, "db", "t", "r1", LS_KEY_UPDATE), LS_OK);
    assert_int_equal(add_key(b, "db", "t", "r1", LS_KEY_UPDATE), LS_OK);
    assert_int_equal(add_key(b, "db", "t", "r2", LS_KEY_UPDATE), LS_E_TOOBIG);
    assert_int_equal(ls_ws_add_data(b, data, 1, false), LS_E_TOOBIG);
    ls_ws_builder_reset(b);
    assert_int_equal(ls_ws_add_data(b, data, SIZE_MAX, true), LS_E_TOOBIG);
    assert_int_equal(ls_ws_add_data(b, data, 100, true), LS_OK);
    assert_int_equal(ls_ws_add_data(b, data, 61, true), LS_E_TOOBIG);
    assert_int_equal(ls_ws_add_data(b, data, 60, true), LS_OK);
    /* the server entry has its room in any case */
    assert_int_equal(ls_ws_size(b), LS_WS_HEADER_SIZE + LS_WS_KEY_SIZE + 160);
    assert_int_equal(add_key(b, NULL, NULL, NULL, LS_KEY_EXCLUSIVE), LS_OK);
    assert_int_equal(add_key(b, "db", NULL, NULL, LS_KEY_EXCLUSIVE), LS_E_TOOBIG);
    ls_ws_builder_destroy(b);
}

static void test_bad_arguments(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_piece parts[256];

    for (size_t i = 0; i < 256; i++) {
        parts[i] = (struct ls_piece){"x", 1};
    }
    assert_int_equal(ls_ws_add_key(b, parts, 256, LS_KEY_UPDATE), LS_E_INVAL);
    assert_int_equal(ls_ws_add_key(b, parts, 1, (enum ls_key_type)4), LS_E_INVAL);
    assert_int_equal(ls_ws_add_key(b, parts, 255, LS_KEY_UPDATE), LS_OK);
    assert_int_equal(ls_ws_key_count(b), 256);
    ls_ws_builder_destroy(b);
}

static void test_every_truncation_is_refused(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_ws_view v;
    size_t size;

    add_key(b, "db", "t", "row", LS_KEY_EXCLUSIVE);
    ls_ws_add_data(b, "abcdef", 6, true);
    uint8_t *bytes = encode(b, &plain, &size);
    for (size_t n = 0; n < size; n++) {
        struct ls_error err = {0};
        uint8_t *part = malloc(n + 1); /* not 0 */
        assert_non_null(part);
        memcpy(part, bytes, n);
        assert_int_equal(ls_ws_view_init(&v, part, n, &err), LS_E_PROTO);
        assert_true(err.text[0] != '\0');
        free(part);
    }
    free(bytes);
    ls_ws_builder_destroy(b);
}

static void test_what_nobody_builds_is_refused(void **state)
{
    /* one byte changed in a good write-set */
    static const struct {
        const char *what;
        size_t offset;
        uint8_t value;
        enum ls_rc rc;
    } cases[] = {
        {"nothing changed", 0, 1, LS_OK},
        {"version 0", 0, 0, LS_E_VERSION},
        {"version 2", 0, 2, LS_E_VERSION},
        {"extension bit", 1, 1, LS_E_VERSION},
        {"unknown flag", 5, 0x04, LS_E_VERSION},
        {"statement and rollback", 4, LS_WS_ISOLATION | LS_WS_ROLLBACK, LS_E_PROTO},
        {"last seen negative", 15, 0x80, LS_E_PROTO},
        {"more keys than bytes", 32, 5, LS_E_PROTO},
        {"far more keys", 35, 0xff, LS_E_PROTO},
        {"no keys", 32, 0, LS_E_PROTO},
        {"more data than bytes", 36, 7, LS_E_PROTO},
        {"less data than bytes", 36, 5, LS_E_PROTO},
        {"reserved field", 44, 1, LS_E_PROTO},
        {"key type 4", 48 + 16, 4, LS_E_PROTO},
        {"key padding", 48 + 19, 1, LS_E_PROTO},
    };
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_ws_view v;
    size_t size;

    add_key(b, "db", "t", "row", LS_KEY_EXCLUSIVE);
    ls_ws_add_data(b, "abcdef", 6, true);
    uint8_t *bytes = encode(b, &plain, &size);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t before = bytes[cases[i].offset];
        bytes[cases[i].offset] = cases[i].value;
        if (ls_ws_view_init(&v, bytes, size, NULL) != cases[i].rc) {
            fail_msg("%s", cases[i].what);
        }
        bytes[cases[i].offset] = before;
    }
    free(bytes);
    ls_ws_builder_destroy(b);
}

static void test_builder_forgets_large_memory(void **state)
{
    struct ls_ws_builder *b = ls_ws_builder_create();
    static uint8_t data[1 << 20];
    struct ls_ws_view v;
    size_t size;

    for (int round = 0; round < 3; round++) {
        assert_int_equal(ls_ws_add_data(b, data, sizeof(data), true), LS_OK);
        assert_int_equal(ls_ws_add_data(b, data, sizeof(data), true), LS_OK);
        add_rows(b, 5000);
        uint8_t *bytes = encode(b, &plain, &size);
        assert_int_equal(ls_ws_view_init(&v, bytes, size, NULL), LS_OK);
        assert_int_equal(v.data_size, 2 * sizeof(data));
        assert_int_equal(v.key_count, 5003);
        free(bytes);
        ls_ws_builder_reset(b);
        assert_int_equal(ls_ws_data_bytes(b), 0);
    }
    ls_ws_builder_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_empty_has_server_entry),
        cmocka_unit_test(test_patch_last_seen),
        cmocka_unit_test(test_key_parts_are_told_apart),
        cmocka_unit_test(test_strongest_type_wins),
        cmocka_unit_test(test_entries_are_unique),
        cmocka_unit_test(test_max_size),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_what_nobody_builds_is_refused),
        cmocka_unit_test(test_builder_forgets_large_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
