/* A disk that is full, or refuses: the error is told, nothing more is taken, what was there stays.
 */
#include "test/unit/log/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

/* Appends until it fails; the last index that a flush confirmed. */
static uint64_t fill(struct fixture *f, uint32_t size, enum ls_rc *rc, struct ls_error *err)
{
    uint64_t flushed = ls_log_last(f->log).index;

    for (;;) {
        *rc = fixture_try_append(f, size, 0, err);
        if (*rc == LS_OK) {
            *rc = ls_log_flush(f->log, err);
        }
        if (*rc != LS_OK) {
            return flushed;
        }
        flushed = f->tail.index;
    }
}

static void check_refuses_all(struct fixture *f, enum ls_rc rc)
{
    struct ls_log_pos base = {.index = 5};
    struct ls_error err;

    assert_int_equal(fixture_try_append(f, 1, 0, &err), rc);
    assert_non_null(strstr(err.text, "takes no more writes"));
    assert_int_equal(ls_log_flush(f->log, &err), rc);
    assert_int_equal(ls_log_sync(f->log, &err), rc);
    assert_int_equal(ls_log_truncate(f->log, 1, &err), rc);
    assert_int_equal(ls_log_reset(f->log, &base, NULL, 0, &err), rc);
}

static void check_file_limit(struct fixture *f, uint32_t size)
{
    struct rlimit old;
    struct rlimit small;
    struct ls_error err = {0};
    uint64_t flushed;
    uint64_t held;
    enum ls_rc rc;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    fixture_open(f);
    fixture_append(f, 5, 100, 0);
    fixture_flush(f);
    small = old;
    small.rlim_cur = 100 * 1024;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    flushed = fill(f, size, &rc, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(rc, LS_E_IO);
    assert_non_null(strstr(err.text, f->dir));
    check_refuses_all(f, LS_E_IO);
    held = ls_log_last(f->log).index;
    assert_true(held >= flushed);
    fixture_check_all(f, held, 0);
    fixture_check_reopened(f, held, 0);
    fixture_append(f, 3, size, 0);
    fixture_flush(f);
    fixture_check_all(f, held + 3, 0);
}

static void test_file_limit_at_new_segment(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = 128 * 1024; /* cannot be made under the limit */
    f->max_bytes = 128 * 1024;
    check_file_limit(f, 1000);
}

static void test_file_limit_in_long_batch(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = 64 * 1024;
    check_file_limit(f, 300 * 1024);
}

static bool small_disk(struct fixture *f)
{
    if ((unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", f->dir, "tmpfs", 0, "size=1m") != 0) {
        fprintf(stderr, "no right to mount a small file system here\n");
        return false;
    }
    return true;
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    struct ls_error err = {0};
    uint64_t flushed;
    uint64_t held;
    enum ls_rc rc;

    if (!small_disk(f)) {
        skip();
    }
    fixture_open(f);
    flushed = fill(f, 1000, &rc, &err);
    assert_int_equal(rc, LS_E_NOSPC);
    assert_non_null(strstr(err.text, "No space left"));
    assert_true(flushed > 500);
    check_refuses_all(f, LS_E_NOSPC);
    held = ls_log_last(f->log).index;
    assert_true(held >= flushed);
    fixture_check_all(f, held, 0);
    fixture_check_reopened(f, held, 0);
    /* room again, after a purge */
    ls_log_set_max_bytes(f->log, 0);
    ls_log_purge(f->log, held);
    fixture_append(f, 10, 1000, 0);
    fixture_flush(f);
    fixture_check_all(f, held + 10, 0);
    fixture_close(f);
    assert_int_equal(umount(f->dir), 0);
}

/* The disk is full before the present segment is: that can be known while nothing has failed. */
static void test_full_disk_is_seen_ahead(void **state)
{
    struct fixture *f = *state;
    struct ls_error err = {0};
    enum ls_rc rc = LS_OK;

    if (!small_disk(f)) {
        skip();
    }
    fixture_open(f);
    while (rc == LS_OK) {
        fixture_append(f, 1, 1000, 0);
        fixture_flush(f);
        rc = ls_log_reserve_next(f->log, false, &err);
    }
    assert_int_equal(rc, LS_E_NOSPC);
    fixture_append(f, 5, 1000, 0);
    fixture_flush(f);
    assert_int_equal(ls_log_sync(f->log, &err), LS_OK);
    /* room again, after a purge */
    ls_log_set_max_bytes(f->log, 0);
    ls_log_purge(f->log, ls_log_last(f->log).index);
    assert_int_equal(ls_log_reserve_next(f->log, true, &err), LS_OK);
    fixture_close(f);
    assert_int_equal(umount(f->dir), 0);
}

/* Where no next segment can be made the present one grows, at last into the room of the spare. */
static void test_full_disk_at_new_segment(void **state)
{
    struct fixture *f = *state;
    struct ls_error err = {0};
    struct ls_log_stats stats;
    char path[128];
    int fd;

    if (!small_disk(f)) {
        skip();
    }
    f->max_bytes = 64 * 1024; /* no spare is made where it is full */
    f->segment_bytes = 64 * 1024;
    fixture_open(f);
    fixture_append(f, 1, 1000, 0);
    fixture_flush(f);
    assert_int_equal(ls_log_reserve_next(f->log, true, &err), LS_OK);
    fixture_path(f, "filler", path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (char some[4096] = {0}; write(fd, some, sizeof(some)) > 0;) {
    }
    close(fd);
    fixture_append(f, 60, 1000, 0);
    fixture_flush(f);
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.segments, 1);
    assert_int_equal(stats.spare_bytes, 0);
    assert_true(stats.bytes > 64 * 1024);
    fixture_check_all(f, 61, 0);
    assert_int_equal(unlink(path), 0);
    fixture_append(f, 1, 1000, 0);
    fixture_flush(f);
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.segments, 2);
    fixture_check_reopened(f, 62, 0);
    fixture_close(f);
    assert_int_equal(umount(f->dir), 0);
}

/* Other users of the process have taken all descriptors: the log goes on in what it has open, and
 * begins its next segment when one is free again. */
static void test_no_descriptor(void **state)
{
    struct fixture *f = *state;
    struct ls_log_stats stats;
    struct rlimit old;
    struct rlimit none;
    struct ls_error err;
    int fd;

    f->segment_bytes = 64 * 1024;
    fixture_open(f);
    fixture_append(f, 1, 100, 0);
    fixture_flush(f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    none = old;
    none.rlim_cur = (rlim_t)fd;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 4; i++) {
        fixture_append(f, 30, 1000, 0);
        fixture_flush(f);
        assert_int_equal(ls_log_sync(f->log, &err), LS_OK);
    }
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.segments, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    fixture_append(f, 1, 1000, 0);
    fixture_flush(f);
    ls_log_get_stats(f->log, &stats);
    assert_int_equal(stats.segments, 2);
    fixture_check_all(f, 122, 0);
    fixture_check_reopened(f, 122, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_file_limit_at_new_segment), T(test_file_limit_in_long_batch), T(test_full_disk),
        T(test_full_disk_is_seen_ahead),   T(test_full_disk_at_new_segment), T(test_no_descriptor),
    };
    return cmocka_run_group_tests_name("log_full", tests, NULL, NULL);
}
