/* wsrep/os/file: whole reads and writes, durable replacement, limits, locks, listing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsrep/os/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int setup(void **state)
{
    strcpy(dir, "/tmp/lockstep-test-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    struct ls_file_list list;

    assert_int_equal(ls_file_list_dir(dir, "", "", &list, NULL), LS_OK);
    for (size_t i = 0; i < list.count; i++) {
        unlink(path_of(list.names[i]));
    }
    ls_file_list_free(&list);
    return rmdir(dir);
}

static void test_open(void **state)
{
    struct ls_error err;
    int fd;
    int fd2;

    assert_int_equal(ls_file_open(path_of("a"), LS_FILE_READ, &fd, &err), LS_E_NOTFOUND);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(err.text, path_of("a")));
    assert_int_equal(ls_file_open(path_of("a"), LS_FILE_WRITE | LS_FILE_CREATE, &fd, &err), LS_OK);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(
        ls_file_open(path_of("a"), LS_FILE_WRITE | LS_FILE_CREATE | LS_FILE_NEW, &fd2, &err),
        LS_E_EXISTS);
    assert_true(ls_file_is_at(fd, path_of("a")));
    assert_int_equal(ls_file_rename(path_of("a"), dir, &err), LS_E_IO);
    assert_int_equal(ls_file_unlink(path_of("a"), &err), LS_OK);
    assert_false(ls_file_is_at(fd, path_of("a")));
    assert_int_equal(ls_file_unlink(path_of("a"), &err), LS_E_NOTFOUND);
    ls_file_close(fd);
}

static void test_pieces(void **state)
{
    uint8_t data[1000];
    uint8_t back[1200];
    struct ls_piece pieces[300];
    size_t count = 0;
    size_t at = 0;
    size_t got;
    int fd;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    while (at < sizeof(data)) {
        size_t n = count % 9; /* some are empty */
        n = n > sizeof(data) - at ? sizeof(data) - at : n;
        assert_true(count < 300);
        pieces[count++] = (struct ls_piece){.data = n > 0 ? data + at : NULL, .len = n};
        at += n;
    }
    assert_true(count > 200); /* more than the kernel gets at once */
    assert_int_equal(ls_file_open(path_of("p"), LS_FILE_WRITE | LS_FILE_CREATE, &fd, NULL), LS_OK);
    assert_int_equal(ls_file_write_pieces_at(fd, pieces, count, 100, "p", NULL), LS_OK);
    assert_int_equal(ls_file_write_pieces_at(fd, pieces, 0, 0, "p", NULL), LS_OK);
    assert_int_equal(ls_file_write_pieces_at(fd, pieces, 1, 5000, "p", NULL), LS_OK);
    assert_int_equal(ls_file_read_at(fd, back, sizeof(back), 0, &got, "p", NULL), LS_OK);
    assert_int_equal(got, 1100);
    assert_memory_equal(back + 100, data, sizeof(data));
    ls_file_close(fd);
}

static void test_replace(void **state)
{
    struct ls_error err;
    struct stat st;
    char *text;
    size_t size;

    assert_int_equal(ls_file_replace(path_of("state.dat"), "one", 3, &err), LS_OK);
    assert_int_equal(chmod(path_of("state.dat"), 0644), 0);
    assert_int_equal(ls_file_replace(path_of("state.dat"), "two two", 7, &err), LS_OK);
    assert_int_equal(stat(path_of("state.dat"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(ls_file_read_small(path_of("state.dat"), 7, &text, &size, &err), LS_OK);
    assert_int_equal(size, 7);
    assert_string_equal(text, "two two");
    free(text);
    assert_int_equal(ls_file_read_small(path_of("state.dat"), 6, &text, &size, &err), LS_E_TOOBIG);
    assert_null(text);
    assert_int_equal(ls_file_read_small(path_of("none"), 6, &text, &size, &err), LS_E_NOTFOUND);
    assert_int_equal(access(path_of("state.dat.new"), F_OK), -1);
    assert_int_equal(ls_file_replace("/nowhere/at/all", "x", 1, &err), LS_E_NOTFOUND);
}

static void test_allocate(void **state)
{
    struct rlimit old;
    struct rlimit small;
    struct ls_error err;
    uint64_t size;
    int fd;

    assert_int_equal(ls_file_open(path_of("f"), LS_FILE_WRITE | LS_FILE_CREATE, &fd, &err), LS_OK);
    assert_int_equal(ls_file_allocate(fd, 0, 10000, "f", &err), LS_OK);
    assert_int_equal(ls_file_size(fd, &size, "f", &err), LS_OK);
    assert_int_equal(size, 10000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 20000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(ls_file_allocate(fd, 10000, 30000, "f", &err), LS_E_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(ls_file_size(fd, &size, "f", &err), LS_OK);
    assert_int_equal(size, 10000);
    assert_int_equal(ls_file_set_size(fd, 5, "f", &err), LS_OK);
    assert_int_equal(ls_file_sync_data(fd, "f", &err), LS_OK);
    assert_int_equal(ls_file_sync_dir(dir, &err), LS_OK);
    ls_file_close(fd);
    ls_file_close(-1);
}

static void test_lock(void **state)
{
    struct ls_error err;
    int a;
    int b;

    assert_int_equal(ls_file_open(path_of("l"), LS_FILE_WRITE | LS_FILE_CREATE, &a, &err), LS_OK);
    assert_int_equal(ls_file_open(path_of("l"), LS_FILE_WRITE, &b, &err), LS_OK);
    assert_int_equal(ls_file_lock(a, "l", &err), LS_OK);
    assert_int_equal(ls_file_lock(b, "l", &err), LS_E_BUSY);
    ls_file_close(a);
    assert_int_equal(ls_file_lock(b, "l", &err), LS_OK);
    ls_file_close(b);
}

/* Between fork and exec a child has what its parent closes: the lock is free a moment later. */
static void test_lock_that_lingers(void **state)
{
    struct ls_error err;
    pid_t child;
    int a;
    int b;

    assert_int_equal(ls_file_open(path_of("l"), LS_FILE_WRITE | LS_FILE_CREATE, &a, &err), LS_OK);
    assert_int_equal(ls_file_lock(a, "l", &err), LS_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        usleep(100000);
        _exit(0);
    }
    ls_file_close(a);
    assert_int_equal(ls_file_open(path_of("l"), LS_FILE_WRITE, &b, &err), LS_OK);
    assert_int_equal(ls_file_lock(b, "l", &err), LS_OK);
    ls_file_close(b);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_list(void **state)
{
    static const char *const names[] = {"x-2.log", "x-1.log", "x-.log",
                                        "x.log",   "y-1.log", "x-3.lo"};
    struct ls_file_list list;
    struct ls_error err;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(ls_file_replace(path_of(names[i]), "", 0, NULL), LS_OK);
    }
    assert_int_equal(ls_file_list_dir(dir, "x-", ".log", &list, &err), LS_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.names[0], "x-.log");
    assert_string_equal(list.names[1], "x-1.log");
    assert_string_equal(list.names[2], "x-2.log");
    ls_file_list_free(&list);
    ls_file_list_free(&list);
    assert_int_equal(ls_file_list_dir("/nowhere", "", "", &list, &err), LS_E_NOTFOUND);
}

static void test_map_and_boot_id(void **state)
{
    char boot_id[LS_BOOT_ID_SIZE];
    const uint8_t *map;
    int fd;

    assert_int_equal(ls_file_replace(path_of("m"), "mapped", 6, NULL), LS_OK);
    assert_int_equal(ls_file_open(path_of("m"), LS_FILE_WRITE, &fd, NULL), LS_OK);
    assert_int_equal(ls_file_map(fd, 1 << 20, &map, "m", NULL), LS_OK);
    assert_memory_equal(map, "mapped", 6);
    assert_int_equal(ls_file_write_at(fd, "M", 1, 0, "m", NULL), LS_OK);
    assert_memory_equal(map, "Mapped", 6);
    ls_file_unmap(map, 1 << 20);
    ls_file_close(fd);
    assert_int_equal(ls_file_read_boot_id(boot_id, NULL), LS_OK);
    assert_int_equal(strlen(boot_id), 36);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_open),    T(test_pieces),
        T(test_replace), T(test_allocate),
        T(test_lock),    T(test_lock_that_lingers),
        T(test_list),    T(test_map_and_boot_id),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
