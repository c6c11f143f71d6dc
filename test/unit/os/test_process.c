/* Who started this process. */
#include "wsrep/os/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A child of this name, a child of that, and so on; the last one answers for what began so. */
static bool asked_below(const char *name, int generations, const char *asked)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (generations == 0) {
            _exit(ls_process_started_by(asked));
        }
        prctl(PR_SET_NAME, name);
        _exit(asked_below("between", generations - 1, asked));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) != 0;
}

static void test_started_by(void **state)
{
    (void)state;
    assert_true(asked_below("watcher-execd", 1, "watcher"));
    assert_true(asked_below("watcher-execd", 1, "watcher-execd"));
    assert_true(asked_below("watcher-execd", 3, "watcher"));
    assert_false(asked_below("my watcher", 1, "watcher"));
    assert_false(asked_below("watch", 1, "watcher"));
    assert_false(ls_process_started_by("watcher"));
}

/* The name is the process's own to choose. */
static void test_odd_names(void **state)
{
    (void)state;
    assert_true(asked_below("watcher) S 0 (", 2, "watcher"));
    assert_true(asked_below(") R 1", 1, ") R"));
    assert_true(asked_below("((", 1, "(("));
    assert_false(asked_below("", 2, "watcher"));
    assert_false(asked_below(") S 1 ) S 1 (", 2, "watcher"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_started_by),
        cmocka_unit_test(test_odd_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
