/* The log in normal life: round trip, reopen, segments, seqnos, verdicts, truncation, reset, purge,
 * pins, large entries, refusals. */
#include "test/unit/log/fixture.h"

#include "wsrep/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_empty(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pos pos;
    struct ls_entry e;
    size_t size;

    fixture_open(f);
    assert_false(f->damaged);
    assert_int_equal(ls_log_base(f->log).index, 0);
    assert_int_equal(ls_log_last(f->log).index, 0);
    assert_false(ls_log_get(f->log, 0, &e, NULL));
    assert_false(ls_log_get(f->log, 1, &e, NULL));
    assert_int_equal(ls_log_first_seqno(f->log), LS_SEQNO_UNDEFINED);
    assert_true(ls_log_find_seqno(f->log, 0, &pos));
    assert_int_equal(pos.index, 0);
    assert_false(ls_log_find_seqno(f->log, -1, &pos));
    ls_log_context(f->log, &size);
    assert_int_equal(size, 0);
    fixture_close(f);
    fixture_open(f);
    assert_false(f->damaged);
    assert_int_equal(ls_log_last(f->log).index, 0);
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    struct ls_log_stats stats;

    fixture_open(f);
    for (uint32_t size = 0; size < 300; size++) {
        fixture_append(f, 1, size, 0);
        if (size % 7 == 0) {
            fixture_flush(f);
        }
    }
    fixture_flush(f);
    fixture_check_all(f, 300, 0);
    fixture_append(f, 2000, 128, 0);
    fixture_flush(f);
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.pins, 0);
    assert_true(stats.bytes >= 300 * 100 + 2000 * 128);
    for (int i = 0; i < 3; i++) {
        fixture_close(f);
        fixture_open(f);
        assert_false(f->damaged);
        fixture_check_all(f, 2300 + (uint64_t)i, 0);
        fixture_append(f, 1, 40, 0);
        fixture_flush(f);
    }
}

static void test_unflushed_is_seen_by_writer_only(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pin *pin;
    struct ls_entry e;

    fixture_open(f);
    fixture_append(f, 10, 100, 0);
    assert_int_equal(ls_log_last(f->log).index, 0);
    assert_false(ls_log_get(f->log, 5, &e, &pin));
    assert_true(ls_log_get(f->log, 5, &e, NULL));
    fixture_check_entry(&e, 0);
    assert_false(ls_log_get(f->log, 11, &e, NULL));
    fixture_flush(f);
    fixture_check_all(f, 10, 0);
}

static void test_segments(void **state)
{
    struct fixture *f = *state;
    struct ls_log_stats stats;
    const char *context;
    size_t size;

    fixture_open(f);
    for (int i = 0; i < 400; i++) {
        fixture_append(f, 5, 200, 0);
        fixture_flush(f);
    }
    ls_log_get_stats(f->log, &stats);
    assert_true(stats.segments > 5);
    fixture_check_reopened(f, 2000, 0);

    /* what remains after a purge starts with the context of its base */
    ls_log_set_max_bytes(f->log, 0);
    ls_log_purge(f->log, 1500);
    assert_true(ls_log_base(f->log).index > 0);
    assert_true(ls_log_base(f->log).index < 1500);
    context = ls_log_context(f->log, &size);
    assert_int_equal(strncmp(context, "context at ", 11), 0);
    assert_int_equal(strtoull(context + 11, NULL, 10), ls_log_base(f->log).index);
    fixture_check_all(f, 2000, 0);
    fixture_close(f);
    fixture_open(f);
    assert_false(f->damaged);
    assert_true(ls_log_base(f->log).index > 0);
    fixture_check_all(f, 2000, 0);
}

/* Without a context there is no new segment: the one there grows, until there is one again. */
static void test_segment_waits_for_context(void **state)
{
    struct fixture *f = *state;
    struct ls_log_stats stats;

    fixture_open(f);
    f->no_context = true;
    for (int i = 0; i < 100; i++) {
        fixture_append(f, 5, 1000, 0);
        fixture_flush(f);
    }
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.segments, 1);
    f->no_context = false;
    fixture_append(f, 1, 10, 0);
    fixture_flush(f);
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.segments, 2);
    fixture_check_reopened(f, 501, 0);
}

/* Purged files are used again; what they held must not come back. */
static void test_recycling(void **state)
{
    struct fixture *f = *state;

    f->max_bytes = 3 * 64 * 1024;
    fixture_open(f);
    for (int i = 0; i < 2000; i++) {
        fixture_append(f, 3, 100 + (uint32_t)(i % 90), 0);
        fixture_flush(f);
        ls_log_purge(f->log, ls_log_last(f->log).index);
        if (i % 100 == 77) {
            fixture_close(f);
            fixture_open(f);
            assert_false(f->damaged);
            fixture_check_all(f, (uint64_t)(i + 1) * 3, 0);
        }
    }
    assert_true(fixture_count_files(f, "lockstep-0") <= 5);
    assert_true(fixture_count_files(f, "lockstep-spare") <= 1);
}

static void test_find_seqno(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pos pos;
    struct ls_entry e;

    fixture_open(f);
    for (int i = 0; i < 600; i++) {
        fixture_append(f, 2, 150, 0);
        fixture_flush(f);
    }
    for (uint64_t i = 1; i <= 1200; i++) {
        assert_true(ls_log_get(f->log, i, &e, NULL));
        assert_true(ls_log_find_seqno(f->log, e.seqno, &pos));
        assert_int_equal(pos.seqno, e.seqno);
        assert_true(pos.index == i || pos.index == i + 1); /* i + 1 may take no number */
        assert_true(pos.index == 1200 ||
                    (ls_log_get(f->log, pos.index + 1, &e, NULL) && e.seqno == pos.seqno + 1));
    }
    assert_true(ls_log_find_seqno(f->log, 1000000, &pos));
    assert_int_equal(pos.index, 1200);
    assert_int_equal(ls_log_first_seqno(f->log), 1);
    ls_log_set_max_bytes(f->log, 0);
    ls_log_purge(f->log, 700);
    assert_int_equal(ls_log_first_seqno(f->log), ls_log_base(f->log).seqno + 1);
    assert_true(ls_log_find_seqno(f->log, ls_log_base(f->log).seqno, &pos));
    assert_false(ls_log_find_seqno(f->log, ls_log_base(f->log).seqno - 1, &pos));
}

static void test_verdicts(void **state)
{
    struct fixture *f = *state;
    struct ls_entry e;

    fixture_open(f);
    fixture_append(f, 300, 100, 0);
    fixture_flush(f);
    for (uint64_t i = 1; i <= 300; i++) {
        ls_log_set_verdict(f->log, i, (enum ls_verdict)(i % 3));
    }
    ls_log_set_verdict(f->log, 0, LS_VERDICT_PASS);
    ls_log_set_verdict(f->log, 301, LS_VERDICT_PASS);
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 1; i <= 300; i++) {
            assert_true(ls_log_get(f->log, i, &e, NULL));
            assert_int_equal(e.verdict, i % 3);
        }
        fixture_close(f);
        fixture_open(f);
        assert_false(f->damaged);
    }
    fixture_check_all(f, 300, 0);
}

static void test_truncate(void **state)
{
    struct fixture *f = *state;
    struct ls_error err;

    fixture_open(f);
    for (int i = 0; i < 200; i++) {
        fixture_append(f, 10, 100, 0);
        fixture_flush(f);
    }
    fixture_append(f, 3, 100, 0); /* stays in the buffer */
    assert_int_equal(ls_log_truncate(f->log, 2002, &err), LS_OK);
    fixture_check_all(f, 2001, 0);
    assert_int_equal(ls_log_truncate(f->log, 5000, &err), LS_OK);
    fixture_check_all(f, 2001, 0);
    for (uint64_t cut = 1990; cut > 0; cut -= cut > 200 ? 150 : 20) {
        assert_int_equal(ls_log_truncate(f->log, cut, &err), LS_OK);
        fixture_check_all(f, cut - 1, 0);
        if (cut % 3 == 0) {
            fixture_close(f);
            fixture_open(f);
            assert_false(f->damaged);
            fixture_check_all(f, cut - 1, 0);
        }
        f->tail = ls_log_last(f->log);
        fixture_append(f, 5, 100, 0);
        fixture_flush(f);
        fixture_check_all(f, cut + 4, 0);
        if (cut <= 20) {
            break;
        }
    }
    assert_int_equal(ls_log_truncate(f->log, 1, &err), LS_OK);
    assert_int_equal(ls_log_last(f->log).index, 0);
    assert_int_equal(ls_log_truncate(f->log, 0, &err), LS_E_INVAL);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(ls_log_last(f->log).index, 0);
}

/* As if the process had died: without what a close writes. */
static void reopen_as_killed(struct fixture *f)
{
    size_t size;
    uint8_t *image = fixture_read_file(f, "lockstep-00000001.log", &size);

    fixture_close(f);
    fixture_write_file(f, "lockstep-00000001.log", image, size);
    free(image);
    fixture_open(f);
    assert_false(f->damaged);
}

/* The entry before the old tail is written again byte for byte; its old successors must not follow,
 * even if the process dies right then. */
static void test_truncated_entries_stay_away(void **state)
{
    struct fixture *f = *state;
    struct ls_error err;
    uint8_t *image;
    size_t size;

    fixture_open(f);
    fixture_append(f, 20, 100, 0);
    fixture_flush(f);
    assert_int_equal(ls_log_truncate(f->log, 11, &err), LS_OK);
    f->tail = ls_log_last(f->log);
    image = fixture_read_file(f, "lockstep-00000001.log", &size);
    fixture_append(f, 1, 100, 0);
    fixture_flush(f);
    reopen_as_killed(f);
    fixture_check_all(f, 11, 0);
    fixture_close(f);

    /* and as it stood right after the truncation */
    fixture_write_file(f, "lockstep-00000001.log", image, size);
    free(image);
    fixture_open(f);
    assert_false(f->damaged);
    fixture_check_all(f, 10, 0);
}

static void test_truncate_keeps_pinned(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pin *pins[100];
    struct ls_entry entries[100];
    struct ls_error err;
    struct ls_entry e;

    fixture_open(f);
    fixture_append(f, 100, 300, 0);
    fixture_flush(f);
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(ls_log_get(f->log, i + 1, &entries[i], &pins[i]));
    }
    assert_int_equal(ls_log_truncate(f->log, 41, &err), LS_OK);
    f->tail = ls_log_last(f->log);
    fixture_append(f, 100, 200, 1);
    fixture_flush(f);
    for (uint64_t i = 0; i < 100; i++) {
        fixture_check_entry(&entries[i], 0);
        ls_log_unpin(pins[i]);
    }
    for (uint64_t i = 1; i <= 140; i++) {
        assert_true(ls_log_get(f->log, i, &e, NULL));
        fixture_check_entry(&e, i <= 40 ? 0 : 1);
    }
    fixture_close(f);
    fixture_open(f);
    assert_false(f->damaged);
    assert_int_equal(ls_log_last(f->log).index, 140);
    assert_int_equal(fixture_count_files(f, "lockstep-temp"), 0);
}

static void test_reset(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pos base = {.index = 777, .term = 3, .seqno = 500, .chain = {.lo = 1, .hi = 2}};
    struct ls_log_pin *pin;
    struct ls_error err;
    struct ls_entry e;
    size_t size;

    fixture_open(f);
    for (int i = 0; i < 100; i++) {
        fixture_append(f, 10, 100, 0);
        fixture_flush(f);
    }
    assert_true(ls_log_get(f->log, 10, &e, &pin));
    fixture_append(f, 1, 100, 0);
    assert_int_equal(ls_log_reset(f->log, &base, "ctx", 3, &err), LS_OK);
    fixture_check_entry(&e, 0);
    ls_log_unpin(pin);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ls_log_base(f->log).index, 777);
        assert_int_equal(ls_log_last(f->log).index, 777);
        assert_int_equal(ls_log_last(f->log).seqno, 500);
        assert_memory_equal(ls_log_context(f->log, &size), "ctx", 3);
        assert_int_equal(size, 3);
        assert_int_equal(ls_log_first_seqno(f->log), LS_SEQNO_UNDEFINED);
        fixture_close(f);
        fixture_open(f);
        assert_false(f->damaged);
    }
    fixture_append(f, 10, 100, 0);
    fixture_flush(f);
    fixture_check_all(f, 787, 0);
    assert_int_equal(ls_log_first_seqno(f->log), 501);
    assert_int_equal(fixture_count_files(f, "lockstep-0"), 1);
}

static void test_purge_respects_pins_and_limit(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pin *pin;
    struct ls_log_stats stats;
    struct ls_entry e;

    fixture_open(f);
    for (int i = 0; i < 500; i++) {
        fixture_append(f, 4, 200, 0);
        fixture_flush(f);
    }
    ls_log_purge(f->log, 2000); /* below max_bytes: nothing goes */
    assert_int_equal(ls_log_base(f->log).index, 0);
    assert_true(ls_log_get(f->log, 500, &e, &pin));
    ls_log_set_max_bytes(f->log, 0);
    ls_log_purge(f->log, 2000);
    assert_true(ls_log_base(f->log).index < 500);
    fixture_check_entry(&e, 0);
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.pins, 1);
    ls_log_unpin(pin);
    ls_log_purge(f->log, 1000);
    assert_true(ls_log_base(f->log).index >= 500);
    assert_true(ls_log_base(f->log).index < 1000);
    ls_log_purge(f->log, 5000);
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.segments, 1);
    fixture_check_all(f, 2000, 0);
}

static void test_pin_outlives_log(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pin *pin;
    struct ls_entry e;

    fixture_open(f);
    fixture_append(f, 5, 1000, 0);
    fixture_flush(f);
    assert_true(ls_log_get(f->log, 3, &e, &pin));
    fixture_close(f);
    fixture_wipe(f);
    fixture_check_entry(&e, 0);
    ls_log_unpin(pin);
}

static void test_big_entries(void **state)
{
    struct fixture *f = *state;
    const uint32_t sizes[] = {200 * 1024, 64 * 1024, 5u << 20, 131072, 131071, 40u << 20, 1};

    fixture_open(f);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        fixture_append(f, 1, 50, 0);
        fixture_append(f, 1, sizes[i], 0);
        fixture_append(f, 1, 50, 0);
        if (i % 2 == 0) {
            fixture_flush(f);
        }
    }
    fixture_flush(f);
    fixture_check_all(f, 21, 0);
    fixture_check_reopened(f, 21, 0);
}

static void test_refuses_what_does_not_fit(void **state)
{
    struct fixture *f = *state;
    uint8_t payload[64];
    struct ls_piece piece = {.data = payload, .len = sizeof(payload)};
    struct ls_error err;
    struct ls_entry e;

    fixture_open(f);
    fixture_append(f, 5, 64, 0);
    fixture_payload(6, 0, payload, sizeof(payload));

    e = fixture_entry(&f->tail, 64, 0);
    e.index++;
    assert_int_equal(ls_log_append(f->log, &e, &piece, 1, &err), LS_E_INVAL);
    e = fixture_entry(&f->tail, 64, 0);
    e.chain.lo++;
    assert_int_equal(ls_log_append(f->log, &e, &piece, 1, &err), LS_E_CORRUPT);
    e = fixture_entry(&f->tail, 64, 0);
    e.seqno = 0;
    e.chain = ls_entry_chain(f->tail.chain, &e);
    assert_int_equal(ls_log_append(f->log, &e, &piece, 1, &err), LS_E_INVAL);
    e = fixture_entry(&f->tail, 64, 0);
    payload[5] ^= 1;
    assert_int_equal(ls_log_append(f->log, &e, &piece, 1, &err), LS_E_CORRUPT);
    payload[5] ^= 1;
    piece.len--;
    assert_int_equal(ls_log_append(f->log, &e, &piece, 1, &err), LS_E_INVAL);
    piece.len++;
    assert_int_equal(ls_log_append(f->log, &e, &piece, 1, &err), LS_OK);
    fixture_flush(f);
    fixture_check_all(f, 6, 0);
}

static void test_sync_and_durable(void **state)
{
    struct fixture *f = *state;
    struct ls_error err;

    fixture_open(f);
    fixture_append(f, 10, 64, 0);
    fixture_flush(f);
    assert_int_equal(ls_log_durable(f->log), 0);
    assert_int_equal(ls_log_sync(f->log, &err), LS_OK);
    assert_int_equal(ls_log_durable(f->log), 10);
    fixture_append(f, 5, 64, 0);
    assert_int_equal(ls_log_sync(f->log, &err), LS_OK);
    assert_int_equal(ls_log_durable(f->log), 10);
    fixture_flush(f);
    assert_int_equal(ls_log_sync(f->log, &err), LS_OK);
    assert_int_equal(ls_log_durable(f->log), 15);
    assert_int_equal(ls_log_truncate(f->log, 8, &err), LS_OK);
    assert_int_equal(ls_log_durable(f->log), 7);
    f->tail = ls_log_last(f->log);
    fixture_append(f, 1, 64, 0);
    fixture_flush(f);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(ls_log_durable(f->log), 7); /* as entry 8 was told */
}

/* Files of others with names that look alike stay. */
static void test_remove_all(void **state)
{
    struct fixture *f = *state;
    struct ls_error err;

    fixture_open(f);
    for (int i = 0; i < 200; i++) {
        fixture_append(f, 4, 200, 0);
        fixture_flush(f);
    }
    fixture_close(f);
    fixture_write_file(f, "lockstep-identity.log", "x", 1);
    fixture_write_file(f, "lockstep-1.log", "x", 1);
    fixture_write_file(f, "lockstep-000000012.log.old", "x", 1);
    assert_int_equal(ls_log_remove_all(f->dir, &err), LS_OK);
    assert_int_equal(fixture_count_files(f, ""), 2 + 3); /* "." and ".." */
    fixture_open(f);
    assert_int_equal(ls_log_last(f->log).index, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_empty),
        T(test_round_trip),
        T(test_unflushed_is_seen_by_writer_only),
        T(test_segments),
        T(test_segment_waits_for_context),
        T(test_recycling),
        T(test_find_seqno),
        T(test_verdicts),
        T(test_truncate),
        T(test_truncated_entries_stay_away),
        T(test_truncate_keeps_pinned),
        T(test_reset),
        T(test_purge_respects_pins_and_limit),
        T(test_pin_outlives_log),
        T(test_big_entries),
        T(test_refuses_what_does_not_fit),
        T(test_sync_and_durable),
        T(test_remove_all),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
