/* The log after bad things happened to its files: torn tails, flipped bytes, missing and foreign
 * files, holes after a power failure, kill -9. What is not whole is found, named and never used. */
#include "test/unit/log/fixture.h"

#include "gcomm/log/format.h"
#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST "lockstep-00000001.log"

/* Offset of each entry of a segment image; returns their number. */
static size_t find_entries(const uint8_t *data, size_t size, size_t *offsets, size_t room)
{
    struct ls_segment_header h;
    struct ls_scan scan;
    struct ls_entry e;
    size_t n = 0;

    assert_int_equal(ls_segment_header_decode(data, size, &h, NULL), LS_OK);
    ls_scan_init(&scan, data, size, &h);
    while (n < room && ls_scan_next(&scan, &e, &offsets[n])) {
        n++;
    }
    return n;
}

/* The first segment as it stands while the log is open, as after a kill. */
static uint8_t *image_of(struct fixture *f, uint64_t count, uint32_t entry_size, size_t *size)
{
    uint8_t *data;

    fixture_open(f);
    fixture_append(f, count, entry_size, 0);
    fixture_flush(f);
    data = fixture_read_file(f, FIRST, size);
    fixture_close(f);
    fixture_wipe(f);
    return data;
}

static void test_torn_tail(void **state)
{
    struct fixture *f = *state;
    size_t offsets[8];
    size_t size;
    uint8_t *image = image_of(f, 6, 101, &size);
    uint8_t *torn = malloc(size);

    assert_non_null(torn);
    assert_int_equal(find_entries(image, size, offsets, 8), 6);
    for (int fill = 0; fill < 2; fill++) {
        for (size_t cut = offsets[5]; cut < offsets[5] + 112 + 101; cut++) {
            /* what was not written is zero, or what a recycled file held */
            bool differs;
            memset(torn, fill == 0 ? 0 : 0x6b, size);
            memcpy(torn, image, cut);
            differs = memcmp(torn + offsets[5], image + offsets[5], 111) != 0 ||
                      memcmp(torn + offsets[5] + 112, image + offsets[5] + 112, 101) != 0;
            fixture_write_file(f, FIRST, torn, size);
            fixture_open(f);
            assert_false(f->damaged);
            fixture_check_all(f, differs ? 5 : 6, 0);
            /* and it goes on from there */
            fixture_append(f, 2, 33, 0);
            fixture_flush(f);
            fixture_close(f);
            fixture_open(f);
            assert_false(f->damaged);
            fixture_check_all(f, differs ? 7 : 8, 0);
            fixture_close(f);
            fixture_wipe(f);
        }
    }
    free(image);
    free(torn);
}

/* The file itself ends in the middle, at every byte. */
static void test_short_file(void **state)
{
    struct fixture *f = *state;
    size_t offsets[8];
    size_t size;
    uint8_t *image = image_of(f, 3, 50, &size);
    size_t end;

    assert_int_equal(find_entries(image, size, offsets, 8), 3);
    end = offsets[2] + 112 + 56;
    for (size_t cut = 0; cut < end; cut++) {
        uint64_t left = 0;
        while (left < 3 && offsets[left] + 112 + 56 <= cut) {
            left++;
        }
        fixture_write_file(f, FIRST, image, cut);
        fixture_open(f);
        fixture_check_all(f, left, 0);
        fixture_append(f, 1, 10, 0);
        fixture_flush(f);
        fixture_close(f);
        fixture_open(f);
        fixture_check_all(f, left + 1, 0);
        fixture_close(f);
        fixture_wipe(f);
    }
    free(image);
}

struct segment_image {
    char name[40];
    uint8_t *data;
    size_t size;
    uint64_t base;
    size_t offsets[2000];
    size_t count;
};

/* A log of several segments, all of it in memory. */
static size_t make_images(struct fixture *f, struct segment_image *images, size_t room)
{
    struct ls_file_list list;
    uint64_t base = 0;
    size_t n;

    f->segment_bytes = 16 * 1024;
    fixture_open(f);
    for (int i = 0; i < 60; i++) {
        fixture_append(f, 4, 60 + (uint32_t)(i % 50), 0);
        fixture_flush(f);
    }
    fixture_close(f);
    assert_int_equal(ls_file_list_dir(f->dir, "lockstep-0", ".log", &list, NULL), LS_OK);
    n = list.count;
    assert_true(n > 2 && n <= room);
    for (size_t i = 0; i < n; i++) {
        snprintf(images[i].name, sizeof(images[i].name), "%s", list.names[i]);
        images[i].data = fixture_read_file(f, list.names[i], &images[i].size);
        images[i].count = find_entries(images[i].data, images[i].size, images[i].offsets, 2000);
        images[i].base = base;
        base += images[i].count;
    }
    assert_int_equal(base, 240);
    ls_file_list_free(&list);
    fixture_wipe(f);
    return n;
}

static void free_images(struct segment_image *images, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(images[i].data);
    }
}

static void write_images(struct fixture *f, const struct segment_image *images, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fixture_write_file(f, images[i].name, images[i].data, images[i].size);
    }
}

/* What must be left when the byte at `at` of image i is wrong: the last good index, or 240. */
static uint64_t expect_left(const struct segment_image *m, size_t at, bool *is_last)
{
    size_t k = 0;

    *is_last = false;
    if (at < m->offsets[0]) {
        struct ls_segment_header h;
        ls_segment_header_decode(m->data, m->size, &h, NULL);
        /* the oldest segment is given up like a purged one */
        return at < ls_log_context_start(h.format) + h.context_size && m->base > 0 ? m->base : 240;
    }
    while (k + 1 < m->count && m->offsets[k + 1] <= at) {
        k++;
    }
    if (at - m->offsets[k] == LS_ENTRY_VERDICT_OFFSET) {
        return 240;
    }
    *is_last = m->base + k + 1 == 240;
    return m->base + k;
}

static void test_flipped_bytes(void **state)
{
    struct fixture *f = *state;
    struct segment_image *images = calloc(16, sizeof(*images));
    size_t n = make_images(f, images, 16);
    struct ls_prng prng;

    ls_prng_seed(&prng, 42);
    for (int round = 0; round < 400; round++) {
        struct segment_image *m = &images[ls_prng_below(&prng, n)];
        size_t end = m->offsets[m->count - 1] + 112 + 56; /* payloads have 60 bytes and more */
        size_t at = (size_t)ls_prng_below(&prng, round % 4 == 0 ? m->offsets[0] : end);
        uint8_t bit = (uint8_t)(1u << ls_prng_below(&prng, 8));
        bool is_last;
        uint64_t left = expect_left(m, at, &is_last);
        bool padding;

        write_images(f, images, n);
        m->data[at] ^= bit;
        fixture_write_file(f, m->name, m->data, m->size);
        m->data[at] ^= bit;
        fixture_open(f);
        /* the zeros behind a payload are not part of anything */
        padding = ls_log_last(f->log).index == 240 && !f->damaged;
        if (padding && left != 240) {
            assert_int_equal(m->data[at], 0);
        } else {
            fixture_check_all(f, left, 0);
            assert_int_equal(f->damaged, left != 240 && !is_last);
        }
        if (f->damaged) {
            /* a crash before anybody could react must not make it look whole */
            fixture_close(f);
            fixture_open(f);
            assert_true(f->damaged);
            fixture_check_all(f, left, 0);
            fixture_append(f, 3, 20, 0);
            fixture_flush(f);
            fixture_close(f);
            fixture_open(f);
            assert_false(f->damaged);
            fixture_check_all(f, left + 3, 0);
        }
        fixture_close(f);
        fixture_wipe(f);
    }
    free_images(images, n);
    free(images);
}

/* A page that was read from the disk again is another one than was written. */
static void test_payload_gone_bad(void **state)
{
    struct fixture *f = *state;
    struct ls_log_pin *pin = NULL;
    struct ls_entry e;
    char path[128];
    size_t offsets[8];
    size_t size;
    uint8_t *data;
    uint8_t byte;
    int fd;

    fixture_open(f);
    fixture_append(f, 6, 100, 0);
    fixture_flush(f);
    data = fixture_read_file(f, FIRST, &size);
    assert_int_equal(find_entries(data, size, offsets, 8), 6);
    byte = data[offsets[3] + 112 + 50] ^ 1;
    free(data);
    fixture_path(f, FIRST, path);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offsets[3] + 112 + 50), 1);
    close(fd);
    for (uint64_t i = 4; i <= 5; i++) {
        assert_true(ls_log_get(f->log, i, &e, &pin));
        assert_int_equal(ls_log_payload_is_whole(f->log, &e), i == 5);
        ls_log_unpin(pin);
    }
}

static void test_missing_segment(void **state)
{
    struct fixture *f = *state;
    struct segment_image *images = calloc(16, sizeof(*images));
    size_t n = make_images(f, images, 16);

    for (size_t gone = 0; gone < n; gone++) {
        char path[128];

        write_images(f, images, n);
        fixture_path(f, images[gone].name, path);
        assert_int_equal(unlink(path), 0);
        fixture_open(f);
        if (gone == 0) {
            /* as after a purge: what follows is a whole log */
            assert_false(f->damaged);
            assert_int_equal(ls_log_base(f->log).index, images[1].base);
            fixture_check_all(f, 240, 0);
        } else {
            fixture_check_all(f, images[gone].base, 0);
            assert_int_equal(f->damaged, gone < n - 1);
        }
        fixture_close(f);
        fixture_wipe(f);
    }
    free_images(images, n);
    free(images);
}

/* A purged segment's blocks hold its second life already, and its old name is back. */
static void test_purged_name_returns(void **state)
{
    struct fixture *f = *state;
    struct segment_image *images = calloc(16, sizeof(*images));
    size_t n = make_images(f, images, 16);

    write_images(f, images, n - 1);
    fixture_write_file(f, images[0].name, images[n - 1].data, images[n - 1].size);
    fixture_open(f);
    assert_false(f->damaged);
    assert_int_equal(ls_log_base(f->log).index, images[1].base);
    fixture_check_all(f, images[n - 1].base, 0);
    fixture_append(f, 5, 10, 0);
    fixture_flush(f);
    fixture_check_reopened(f, images[n - 1].base + 5, 0);
    free_images(images, n);
    free(images);
}

/* Un-synced pages lost by a power failure leave a hole: no damage after a reboot, unless the log
 * knows that the missing entry was synced. */
static void hole(struct fixture *f, bool synced, bool rebooted, bool expect_damaged)
{
    size_t offsets[64];
    size_t size;
    uint8_t *image;

    f->rebooted = false;
    fixture_open(f);
    fixture_append(f, 20, 100, 0);
    fixture_flush(f);
    if (synced) {
        assert_int_equal(ls_log_sync(f->log, NULL), LS_OK);
    }
    fixture_append(f, 20, 100, 0);
    fixture_flush(f);
    image = fixture_read_file(f, FIRST, &size);
    fixture_close(f);
    fixture_wipe(f);
    assert_int_equal(find_entries(image, size, offsets, 64), 40);
    memset(image + offsets[10], 0, offsets[15] - offsets[10]);
    fixture_write_file(f, FIRST, image, size);
    free(image);
    f->rebooted = rebooted;
    fixture_open(f);
    assert_int_equal(f->damaged, expect_damaged);
    fixture_check_all(f, 10, 0);
    fixture_close(f);
    fixture_wipe(f);
}

static void test_holes(void **state)
{
    struct fixture *f = *state;

    hole(f, false, true, false);
    hole(f, false, false, true);
    hole(f, true, true, true);
    hole(f, true, false, true);
}

static void test_newer_format(void **state)
{
    struct fixture *f = *state;
    struct ls_segment_header h;
    struct ls_error err;
    uint8_t *after;
    size_t after_size;
    size_t size;
    uint8_t *image = image_of(f, 3, 50, &size);

    assert_int_equal(ls_segment_header_decode(image, size, &h, NULL), LS_OK);
    h.format = LS_LOG_FORMAT_CURRENT + 1;
    h.needs = LS_LOG_FORMAT_CURRENT + 1;
    ls_segment_header_encode(&h, NULL, image);
    fixture_write_file(f, FIRST, image, size);
    assert_int_equal(fixture_try_open(f, &err), LS_E_VERSION);
    assert_non_null(strstr(err.text, "grastate.dat"));
    after = fixture_read_file(f, FIRST, &after_size);
    assert_int_equal(after_size, size);
    assert_memory_equal(after, image, size);
    free(after);
    free(image);
}

static void test_garbage_files(void **state)
{
    struct fixture *f = *state;
    uint8_t garbage[5000];
    struct ls_prng prng;

    ls_prng_seed(&prng, 7);
    for (size_t i = 0; i < sizeof(garbage); i++) {
        garbage[i] = (uint8_t)ls_prng_next(&prng);
    }
    fixture_write_file(f, FIRST, garbage, sizeof(garbage));
    fixture_write_file(f, "lockstep-00000002.log", garbage, 0);
    fixture_write_file(f, "lockstep-00000009.log", garbage, 17);
    fixture_write_file(f, "lockstep-temp.log", garbage, 100);
    fixture_write_file(f, "lockstep-spare.log", garbage, 100);
    fixture_open(f);
    assert_int_equal(ls_log_last(f->log).index, 0);
    fixture_append(f, 10, 100, 0);
    fixture_flush(f);
    fixture_close(f);
    fixture_open(f);
    fixture_check_all(f, 10, 0);
    assert_int_equal(fixture_count_files(f, "lockstep-0"), 1);
}

/* Shared with the child that is killed. */
struct progress {
    volatile uint64_t flushed;
    volatile uint64_t judged;
};

static void child_writes(struct fixture *f, struct progress *p, uint64_t seed)
{
    struct ls_prng prng;
    struct ls_error err;

    ls_prng_seed(&prng, seed);
    if (fixture_try_open(f, &err) != LS_OK) {
        _exit(1);
    }
    for (;;) {
        for (uint64_t n = ls_prng_below(&prng, 20); n > 0; n--) {
            uint32_t size = (uint32_t)ls_prng_below(&prng, 2000);
            if (fixture_try_append(f, size, 0, &err) != LS_OK) {
                _exit(2);
            }
        }
        if (ls_log_flush(f->log, &err) != LS_OK) {
            _exit(3);
        }
        p->flushed = ls_log_last(f->log).index;
        while (p->judged < p->flushed) {
            uint64_t i = p->judged + 1;
            ls_log_set_verdict(f->log, i, i % 5 == 0 ? LS_VERDICT_FAIL : LS_VERDICT_PASS);
            p->judged = i;
        }
        if (ls_prng_below(&prng, 50) == 0) {
            ls_log_purge(f->log, p->flushed > 500 ? p->flushed - 500 : 0);
        }
    }
}

static void test_kill_9(void **state)
{
    struct fixture *f = *state;
    struct progress *p =
        mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct ls_entry e;

    assert_true(p != MAP_FAILED);
    f->max_bytes = 1024 * 1024;
    for (uint64_t round = 0; round < 15; round++) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
            child_writes(f, p, round);
        }
        assert_true(pid > 0);
        usleep(20000 + 1000 * (useconds_t)round);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        fixture_open(f);
        assert_false(f->damaged);
        assert_true(ls_log_last(f->log).index >= p->flushed);
        fixture_check_all(f, ls_log_last(f->log).index, 0);
        for (uint64_t i = ls_log_base(f->log).index + 1; i <= p->judged; i++) {
            assert_true(ls_log_get(f->log, i, &e, NULL));
            assert_int_equal(e.verdict, i % 5 == 0 ? LS_VERDICT_FAIL : LS_VERDICT_PASS);
        }
        fixture_close(f);
    }
    munmap(p, sizeof(*p));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_torn_tail),       T(test_short_file),
        T(test_flipped_bytes),   T(test_payload_gone_bad),
        T(test_missing_segment), T(test_purged_name_returns),
        T(test_holes),           T(test_newer_format),
        T(test_garbage_files),   T(test_kill_9),
    };
    return cmocka_run_group_tests_name("log_damage", tests, NULL, NULL);
}
