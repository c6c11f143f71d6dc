/* What a client writes never counts as part of the log, wherever it comes to lie: the checksums of
 * entries have a key. And logs of format 1, which had none, go on. */
#include "test/unit/log/fixture.h"

#include "gcomm/log/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST "lockstep-00000001.log"
#define FORGED_BYTES 1000u

/* Whole headers at all eight alignments, as a client can make them that knows the format but
 * neither positions nor the key: far above everything, and said to be durable. */
static void forge(uint8_t out[FORGED_BYTES])
{
    struct ls_entry e = {.index = UINT64_C(1) << 40,
                         .term = 9,
                         .seqno = 5,
                         .type = LS_ENTRY_WRITESET,
                         .payload_hash = ls_hash64("", 0)};
    struct ls_entry_header h;

    memset(out, 0, FORGED_BYTES);
    ls_entry_header_encode(&e, LS_LOG_GENERATION_CAP / 2 - 2, e.index, 0, &h);
    for (size_t i = 0; i < 8; i++) {
        memcpy(out + i * (sizeof(h) + 1), &h, sizeof(h));
    }
}

static enum ls_rc try_append_forged(struct fixture *f, uint32_t size)
{
    uint8_t payload[FORGED_BYTES];
    struct ls_piece piece = {.data = payload, .len = size};
    enum ls_rc rc;
    struct ls_entry e = {.index = f->tail.index + 1,
                         .term = 1,
                         .seqno = f->tail.seqno + 1,
                         .type = LS_ENTRY_WRITESET,
                         .flags = LS_EF_SEQNO,
                         .size = size};

    forge(payload);
    e.payload_hash = ls_hash64(payload, size);
    e.chain = ls_entry_chain(f->tail.chain, &e);
    rc = ls_log_append(f->log, &e, &piece, 1, NULL);
    f->tail = ls_entry_pos(&e);
    return rc;
}

static void append_forged(struct fixture *f)
{
    assert_int_equal(try_append_forged(f, FORGED_BYTES), LS_OK);
    fixture_flush(f);
}

/* A life that ends without a word: segments come round again several times. */
static void child_forges(struct fixture *f, unsigned count)
{
    struct ls_error err;

    if (fixture_try_open(f, &err) != LS_OK || f->damaged) {
        _exit(1);
    }
    for (unsigned i = 0; i < count; i++) {
        if (try_append_forged(f, FORGED_BYTES - i % 8) != LS_OK ||
            (i % 7 == 0 && ls_log_flush(f->log, NULL) != LS_OK)) {
            _exit(2);
        }
        if (i % 50 == 0 && ls_log_sync(f->log, NULL) == LS_OK) {
            ls_log_purge(f->log, f->tail.index - 20);
        }
    }
    _exit(ls_log_flush(f->log, NULL) == LS_OK && ls_log_sync(f->log, NULL) == LS_OK ? 0 : 3);
}

static void test_forged_behind_the_end(void **state)
{
    struct fixture *f = *state;
    uint64_t last = 0;

    f->max_bytes = 256 * 1024;
    for (unsigned round = 0; round < 12; round++) {
        unsigned count = 1000 + 37 * round; /* ends at other places each time */
        int status;
        pid_t pid = fork();

        if (pid == 0) {
            child_forges(f, count);
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        f->rebooted = round % 2 == 1;
        fixture_open(f);
        assert_false(f->damaged);
        last += count;
        assert_int_equal(ls_log_last(f->log).index, last);
        assert_true(ls_log_durable(f->log) <= last);
        fixture_close(f);
    }
}

/* The newest entry's header is not on the disk yet when the power goes, its payload is. */
static void test_forged_in_torn_batch(void **state)
{
    struct fixture *f = *state;
    struct ls_entry e;
    uint8_t *image;
    size_t size;
    size_t at;

    fixture_open(f);
    fixture_append(f, 5, 100, 0);
    fixture_flush(f);
    assert_int_equal(ls_log_sync(f->log, NULL), LS_OK);
    append_forged(f);
    assert_true(ls_log_get(f->log, 6, &e, NULL));
    image = fixture_read_file(f, FIRST, &size);
    at = ls_log_data_start(LS_LOG_FORMAT_CURRENT, 0) + 5 * ls_log_entry_stride(100);
    assert_memory_equal(image + at + LS_ENTRY_HEADER_BYTES, e.payload, FORGED_BYTES);
    fixture_close(f);
    for (size_t cut = 0; cut < LS_ENTRY_HEADER_BYTES; cut += 8) {
        memset(image + at + cut, 0x6b, LS_ENTRY_HEADER_BYTES - cut);
        fixture_write_file(f, FIRST, image, size);
        f->rebooted = cut % 16 == 0;
        fixture_open(f);
        assert_false(f->damaged);
        fixture_check_all(f, 5, 0);
        fixture_close(f);
    }
    free(image);
}

/* The entries of an image count under its own number and under no other. */
static void check_earlier_life(const uint8_t *image, size_t size, uint64_t number)
{
    struct ls_segment_header h;
    struct ls_scan s;
    struct ls_entry e;
    size_t at;

    assert_int_equal(ls_segment_header_decode(image, size, &h, NULL), LS_OK);
    assert_true(h.log_key != 0);
    ls_scan_init(&s, image, size, &h);
    assert_true(ls_scan_next(&s, &e, &at));
    ls_scan_init(&s, image, size, &h);
    assert_true(ls_scan_behind(&s, image, size, s.offset) > 0);
    h.number = number;
    ls_scan_init(&s, image, size, &h);
    assert_false(ls_scan_next(&s, &e, &at));
    assert_int_equal(ls_scan_behind(&s, image, size, s.offset), 0);
    assert_int_equal(s.durable, h.durable);
}

/* Genuine entries that a file holds from an earlier life do not count either, nor those of another
 * log: neither the number nor the log key is the same. */
static void test_earlier_life(void **state)
{
    struct fixture *f = *state;
    struct ls_segment_header a;
    struct ls_segment_header b;
    uint8_t *image;
    size_t size;

    fixture_open(f);
    fixture_append(f, 5, 100, 0);
    fixture_flush(f);
    image = fixture_read_file(f, FIRST, &size);
    check_earlier_life(image, size, 2);
    check_earlier_life(image, size, UINT64_C(1) << 32);
    assert_int_equal(ls_segment_header_decode(image, size, &a, NULL), LS_OK);
    free(image);
    fixture_close(f);
    fixture_wipe(f);
    fixture_open(f);
    image = fixture_read_file(f, FIRST, &size);
    assert_int_equal(ls_segment_header_decode(image, size, &b, NULL), LS_OK);
    free(image);
    assert_true(a.log_key != b.log_key);
}

/* Two segments of 5 entries each, the header of the second one overwritten. */
static void lose_second_header(struct fixture *f, bool synced)
{
    char name[] = "lockstep-00000002.log";
    uint8_t *image;
    size_t size;

    f->segment_bytes = 4096;
    f->rebooted = false;
    fixture_open(f);
    fixture_append(f, 5, 700, 0);
    fixture_flush(f);
    assert_int_equal(ls_log_sync(f->log, NULL), LS_OK);
    fixture_append(f, 2, 700, 0);
    fixture_flush(f);
    if (synced) {
        assert_int_equal(ls_log_sync(f->log, NULL), LS_OK);
        fixture_append(f, 1, 10, 0); /* it says what is synced */
        fixture_flush(f);
    } else {
        append_forged(f);
    }
    image = fixture_read_file(f, name, &size);
    fixture_close(f);
    memset(image, 0, LS_SEGMENT_HEADER_BYTES);
    fixture_write_file(f, name, image, size);
    free(image);
}

/* A segment whose own header is gone is searched with the key that its neighbour tells. */
static void test_lost_header(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 4; i++) {
        bool synced = i % 2 == 1;

        lose_second_header(f, synced);
        f->rebooted = i < 2;
        fixture_open(f);
        assert_int_equal(f->damaged, synced || !f->rebooted);
        fixture_check_all(f, 5, 0);
        fixture_close(f);
        fixture_wipe(f);
    }
}

/* ---- format 1 ---- */

#define OLD_BYTES (64u * 1024)
#define OLD_CONTEXT "context of an old segment"

/* A segment as the version before the key wrote it: `count` entries behind *pos. The rest holds
 * what forge() makes. */
static uint8_t *old_segment(uint64_t number, struct ls_log_pos *pos, unsigned count)
{
    struct ls_segment_header h = {.format = 1,
                                  .needs = 1,
                                  .flags = number == 1 ? LS_SEGMENT_RESET : 0,
                                  .number = number,
                                  .base = *pos,
                                  .generation = 1,
                                  .context_size = sizeof(OLD_CONTEXT)};
    uint8_t *data = malloc(OLD_BYTES);
    size_t at;

    assert_non_null(data);
    h.data_start = ls_log_data_start(1, h.context_size);
    assert_int_equal(h.data_start, 128);
    ls_segment_header_encode(&h, OLD_CONTEXT, data);
    assert_string_equal(data + 96, OLD_CONTEXT);
    at = h.data_start;
    for (unsigned i = 0; i < count; i++) {
        struct ls_entry e = fixture_entry(pos, 100 + i, 0);
        struct ls_entry_header eh;

        ls_entry_header_encode(&e, 1, 0, 0, &eh);
        memset(data + at, 0, ls_log_entry_stride(e.size));
        memcpy(data + at, &eh, sizeof(eh));
        fixture_payload(e.index, 0, data + at + sizeof(eh), e.size);
        at += ls_log_entry_stride(e.size);
        *pos = ls_entry_pos(&e);
    }
    for (; at + FORGED_BYTES <= OLD_BYTES; at += FORGED_BYTES) {
        forge(data + at);
    }
    memset(data + at, 0, OLD_BYTES - at);
    return data;
}

/* Entries 1 to 30 in two old segments; behind the first one's stand forged headers, behind the
 * second one's zeros. */
static void write_old_log(struct fixture *f)
{
    struct ls_log_pos pos = {0};
    uint8_t *data = old_segment(1, &pos, 20);
    size_t end = 128;

    fixture_write_file(f, FIRST, data, OLD_BYTES);
    free(data);
    data = old_segment(2, &pos, 10);
    for (unsigned i = 0; i < 10; i++) {
        end += ls_log_entry_stride(100 + i);
    }
    memset(data + end, 0, OLD_BYTES - end);
    fixture_write_file(f, "lockstep-00000002.log", data, OLD_BYTES);
    free(data);
}

static uint16_t format_of(struct fixture *f, const char *name)
{
    struct ls_segment_header h;
    size_t size;
    uint8_t *image = fixture_read_file(f, name, &size);

    assert_int_equal(ls_segment_header_decode(image, size, &h, NULL), LS_OK);
    free(image);
    return h.format;
}

static void check_old_context(struct fixture *f)
{
    size_t size;
    const char *context = ls_log_context(f->log, &size);

    assert_int_equal(size, sizeof(OLD_CONTEXT));
    assert_string_equal(context, OLD_CONTEXT);
}

static void test_old_format_goes_on(void **state)
{
    struct fixture *f = *state;

    write_old_log(f);
    for (int round = 0; round < 2; round++) {
        fixture_open(f);
        assert_false(f->damaged);
        fixture_check_all(f, 30, 0);
        check_old_context(f);
        fixture_close(f);
    }
    fixture_open(f);
    fixture_append(f, 3, 50, 0);
    fixture_flush(f);
    fixture_append(f, 3, 50, 0);
    fixture_flush(f);
    fixture_check_all(f, 36, 0);
    assert_int_equal(format_of(f, "lockstep-00000002.log"), 1);
    assert_int_equal(format_of(f, "lockstep-00000003.log"), LS_LOG_FORMAT_CURRENT);
    fixture_close(f);
    for (int round = 0; round < 2; round++) {
        f->rebooted = round == 1;
        fixture_open(f);
        assert_false(f->damaged);
        fixture_check_all(f, 36, 0);
        check_old_context(f);
        fixture_close(f);
    }
}

/* The first batch goes into the old segment, and it is the last one there, also when the core
 * cannot say its context at once. */
static void test_old_format_ends(void **state)
{
    struct fixture *f = *state;

    write_old_log(f);
    fixture_open(f);
    f->no_context = true;
    fixture_append(f, 2, 50, 0);
    fixture_flush(f);
    assert_int_equal(fixture_count_files(f, "lockstep-0"), 2);
    f->no_context = false;
    fixture_flush(f);
    assert_int_equal(fixture_count_files(f, "lockstep-0"), 3);
    fixture_close(f);
    fixture_open(f);
    fixture_check_all(f, 32, 0);
}

/* A cut in an old segment that somebody reads makes a copy, which is an old one, too. */
static void test_old_format_is_cut(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pin *pin;
    struct ls_entry e;

    write_old_log(f);
    fixture_open(f);
    assert_true(ls_log_get(f->log, 27, &e, &pin));
    assert_int_equal(ls_log_truncate(f->log, 26, NULL), LS_OK);
    f->tail = ls_log_last(f->log);
    fixture_check_entry(&e, 0);
    ls_log_unpin(pin);
    fixture_check_all(f, 25, 0);
    fixture_append(f, 5, 50, 0);
    fixture_flush(f);
    fixture_check_reopened(f, 30, 0);
    fixture_close(f);
    fixture_wipe(f);
    write_old_log(f);
    fixture_open(f);
    assert_int_equal(ls_log_truncate(f->log, 11, NULL), LS_OK);
    fixture_check_reopened(f, 10, 0);
}

/* Real damage in old segments is found as before. */
static void test_old_format_damage(void **state)
{
    struct fixture *f = *state;
    uint8_t *image;
    size_t size;

    write_old_log(f);
    image = fixture_read_file(f, "lockstep-00000002.log", &size);
    image[128 + ls_log_entry_stride(100) + 20] ^= 1;
    fixture_write_file(f, "lockstep-00000002.log", image, size);
    free(image);
    fixture_open(f);
    assert_true(f->damaged);
    fixture_check_all(f, 21, 0);
}

/* What a reader of format 1 looks at before it believes the version: there it finds a whole header,
 * so that it refuses the log for its format and does not take it for a damaged one. */
static void test_older_reader_refuses(void **state)
{
    struct fixture *f = *state;
    uint64_t checksum;
    uint32_t behind;
    uint16_t needs;
    uint8_t *image;
    size_t size;

    f->segment_bytes = 4096;
    fixture_open(f);
    fixture_append(f, 5, 700, 0);
    fixture_flush(f);
    fixture_close(f);
    image = fixture_read_file(f, "lockstep-00000002.log", &size);
    memcpy(&needs, image + 10, sizeof(needs));
    memcpy(&checksum, image + 16, sizeof(checksum));
    memcpy(&behind, image + 76, sizeof(behind));
    assert_memory_equal(image, LS_LOG_MAGIC, 8);
    assert_true(needs > 1 && behind > LS_SEGMENT_KEY_BYTES && behind <= 1024 * 1024);
    assert_int_equal(checksum, ls_hash64_pieces((struct ls_piece[]){{.data = image, .len = 16},
                                                                    {.data = image + 24,
                                                                     .len = 96 - 24 + behind}},
                                                2));
    free(image);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_forged_behind_the_end), T(test_forged_in_torn_batch), T(test_earlier_life),
        T(test_lost_header),           T(test_old_format_goes_on),   T(test_old_format_ends),
        T(test_old_format_is_cut),     T(test_old_format_damage),    T(test_older_reader_refuses),
    };
    return cmocka_run_group_tests_name("log_key", tests, NULL, NULL);
}
