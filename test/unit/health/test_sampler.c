#include "plugin/health/sampler.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TIMEOUT_US 300000

static struct {
    ls_mutex lock;
    ls_cond changed;
    bool closed; /* questions wait */
    atomic_int asked;
} server;

static void ask(void *ctx, struct ls_health_sample *out)
{
    ls_mutex_lock(&server.lock);
    while (server.closed) {
        ls_cond_wait(&server.changed, &server.lock);
    }
    ls_mutex_unlock(&server.lock);
    atomic_fetch_add(&server.asked, 1);
    ls_health_sample_add(out, "wsrep_ready", "ON");
}

static void set_closed(bool closed)
{
    ls_mutex_lock(&server.lock);
    server.closed = closed;
    ls_cond_broadcast(&server.changed);
    ls_mutex_unlock(&server.lock);
}

static struct ls_health_sampler *start(void)
{
    struct ls_health_source source = {.ask = ask};
    struct ls_health_sampler *s;

    atomic_store(&server.asked, 0);
    server.closed = false;
    assert_int_equal(ls_health_sampler_start(&source, TIMEOUT_US, &s, NULL), LS_OK);
    return s;
}

static void stop(struct ls_health_sampler *s)
{
    ls_health_sampler_end(s);
    ls_health_sampler_destroy(s);
}

static atomic_int answers, failures;

static void count(void *ctx, struct ls_health_sample *sample)
{
    atomic_fetch_add(ls_health_sample_failure(sample) == NULL ? &answers : &failures, 1);
    ls_health_sample_unref(sample);
}

static void wait_for(atomic_int *number, int at_least)
{
    int64_t due = ls_clock_us() + 20000000;
    ls_mutex m;
    ls_cond c;

    ls_mutex_init(&m);
    ls_cond_init(&c);
    ls_mutex_lock(&m);
    while (atomic_load(number) < at_least && ls_clock_us() < due) {
        ls_cond_wait_until(&c, &m, ls_clock_us() + 2000);
    }
    ls_mutex_unlock(&m);
    assert_true(atomic_load(number) >= at_least);
}

/* However many want to know at once, the server is asked once or, by those who came late, twice. */
static void test_many_at_once(void **state)
{
    struct ls_health_sampler *s = start();
    struct ls_health_sample *sample;

    atomic_store(&answers, 0);
    atomic_store(&failures, 0);
    set_closed(true);
    for (int i = 0; i < 2000; i++) {
        ls_health_sampler_ask(s, LS_HEALTH_FRESH_US, count, NULL);
    }
    set_closed(false);
    wait_for(&answers, 2000);
    assert_int_equal(atomic_load(&failures), 0);
    assert_true(atomic_load(&server.asked) <= 2);
    sample = ls_health_sampler_wait(s);
    assert_true(ls_health_sample_is_on(sample, "WSREP_READY"));
    ls_health_sample_unref(sample);
    stop(s);
}

/* Who waits on a server that hangs is told so; who comes later, at once; and when it is back it is.
 */
static void test_hung_server(void **state)
{
    struct ls_health_sampler *s = start();
    struct ls_health_sample *sample;

    atomic_store(&answers, 0);
    atomic_store(&failures, 0);
    set_closed(true);
    ls_health_sampler_ask(s, LS_HEALTH_FRESH_US, count, NULL);
    wait_for(&failures, 1);
    for (int i = 0; i < 100; i++) {
        sample = ls_health_sampler_wait(s);
        assert_non_null(strstr(ls_health_sample_failure(sample), "not answered within 0.3 s"));
        ls_health_sample_unref(sample);
    }
    assert_int_equal(atomic_load(&server.asked), 0);
    set_closed(false);
    wait_for(&server.asked, 1);
    /* What was open when it came back may still be told that there was no answer. */
    for (;;) {
        sample = ls_health_sampler_wait(s);
        bool well = ls_health_sample_failure(sample) == NULL;
        ls_health_sample_unref(sample);
        if (well) {
            break;
        }
    }
    stop(s);
}

/* The end answers everybody. */
static void test_end(void **state)
{
    struct ls_health_sampler *s = start();

    atomic_store(&answers, 0);
    atomic_store(&failures, 0);
    for (int i = 0; i < 50; i++) {
        ls_health_sampler_ask(s, LS_HEALTH_FRESH_US, count, NULL);
    }
    ls_health_sampler_end(s);
    assert_int_equal(atomic_load(&answers) + atomic_load(&failures), 50);
    ls_health_sampler_ask(s, LS_HEALTH_FRESH_US, count, NULL);
    assert_int_equal(atomic_load(&answers) + atomic_load(&failures), 51);
    ls_health_sampler_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_hung_server),
        cmocka_unit_test(test_end),
    };

    ls_mutex_init(&server.lock);
    ls_cond_init(&server.changed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
