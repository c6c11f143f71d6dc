/* The event loop, names, and what TCP promises: descriptors closed on exec, partial writes, ends.
 */
#include "wsrep/os/clock.h"
#include "wsrep/os/dns.h"
#include "wsrep/os/loop.h"
#include "wsrep/os/tcp.h"
#include "wsrep/os/thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct ls_loop *loop;
    struct ls_timer *timer;
    struct ls_async *async;
    struct ls_hook *hook;
    int timer_fired;
    int woken;
    int turn_ends;
    int worked;
    bool all_blocked; /* on the worker's thread */
    struct ls_tcp *client;
    struct ls_tcp *server;
    struct ls_tcp_listener *listener;
    size_t written;
    size_t got;
    enum ls_rc end;
    struct ls_dns_result names;
    enum ls_rc names_rc;
};

static void setup_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    assert_int_equal(ls_loop_create(&w->loop, NULL), LS_OK);
}

static void timer_fired(void *ctx)
{
    struct world *w = ctx;

    if (++w->timer_fired == 3) {
        ls_timer_destroy(w->timer); /* from its own callback */
        ls_loop_stop(w->loop);
    }
}

static void turn_ended(void *ctx)
{
    ((struct world *)ctx)->turn_ends++;
}

static void test_timer_and_hook(void **state)
{
    struct world w;
    int64_t begin_us = ls_clock_us();

    (void)state;
    setup_world(&w);
    assert_int_equal(ls_timer_create(w.loop, timer_fired, &w, &w.timer), LS_OK);
    assert_int_equal(ls_hook_create(w.loop, turn_ended, &w, &w.hook), LS_OK);
    ls_timer_start(w.timer, 20000, 10000);
    ls_loop_run(w.loop);
    assert_int_equal(w.timer_fired, 3);
    assert_true(w.turn_ends >= 3);
    assert_true(ls_clock_us() - begin_us >= 39000);
    ls_loop_destroy(w.loop); /* frees the hook */
}

static void woken(void *ctx)
{
    struct world *w = ctx;

    w->woken++;
    ls_loop_stop(w->loop);
}

static void *waker(void *arg)
{
    ls_async_send(((struct world *)arg)->async);
    return NULL;
}

static void test_wake_from_thread(void **state)
{
    struct world w;
    ls_thread t;

    (void)state;
    setup_world(&w);
    assert_int_equal(ls_async_create(w.loop, woken, &w, &w.async), LS_OK);
    assert_true(ls_thread_start(&t, "waker", waker, &w));
    ls_loop_run(w.loop);
    assert_int_equal(w.woken, 1);
    ls_thread_join(t);
    ls_loop_destroy(w.loop);
}

static void work(void *arg)
{
    struct world *w = arg;
    sigset_t set;

    pthread_sigmask(SIG_SETMASK, NULL, &set);
    w->all_blocked = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1;
    usleep(50000);
    w->worked = 1;
}

static void work_done(void *arg)
{
    struct world *w = arg;
    w->worked *= 2;
}

static void test_work_outlives_run(void **state)
{
    struct world w;

    (void)state;
    setup_world(&w);
    assert_int_equal(ls_loop_work(w.loop, work, work_done, &w), LS_OK);
    ls_loop_destroy(w.loop); /* without a run: done() comes from here */
    assert_int_equal(w.worked, 2);
    assert_true(w.all_blocked);
}

static void resolved(void *ctx, enum ls_rc rc, const struct ls_dns_result *result, const char *why)
{
    struct world *w = ctx;

    (void)why;
    w->names = *result;
    w->names_rc = rc;
    ls_loop_stop(w->loop);
}

static void test_names(void **state)
{
    struct ls_dns_query *q;
    struct world w;

    (void)state;
    setup_world(&w);
    assert_int_equal(ls_dns_resolve(w.loop, "::1", 77, resolved, &w, &q), LS_OK);
    ls_loop_run(w.loop);
    assert_int_equal(w.names_rc, LS_OK);
    assert_int_equal(w.names.count, 1);
    assert_string_equal(w.names.addr[0], "[::1]:77");
    assert_int_equal(ls_dns_resolve(w.loop, "no such name", 77, resolved, &w, &q), LS_OK);
    ls_loop_run(w.loop);
    assert_int_equal(w.names_rc, LS_E_NOTFOUND);
    w.names_rc = LS_OK;
    assert_int_equal(ls_dns_resolve(w.loop, "no such name", 77, resolved, &w, &q), LS_OK);
    ls_dns_cancel(q);
    ls_loop_destroy(w.loop);
    assert_int_equal(w.names_rc, LS_OK);
}

/* ---- tcp ---- */

#define BYTES ((size_t)8 << 20)
static char bytes[BYTES];

static void write_more(struct world *w)
{
    struct ls_piece pieces[2] = {{.data = bytes + w->written, .len = (BYTES - w->written) / 2},
                                 {0}};
    size_t n;

    pieces[1] = (struct ls_piece){.data = bytes + w->written + pieces[0].len,
                                  .len = BYTES - w->written - pieces[0].len};
    assert_int_equal(ls_tcp_write(w->client, pieces, 2, &n, NULL), LS_OK);
    w->written += n;
    if (w->written == BYTES) {
        ls_tcp_want_write(w->client, false);
        ls_tcp_close(w->client);
        w->client = NULL;
    } else {
        ls_tcp_want_write(w->client, true);
    }
}

static bool inherited[1024]; /* descriptors that the test was started with */

static void note_inherited(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        inherited[fd] = fcntl(fd, F_GETFD) >= 0;
    }
}

static void assert_close_on_exec(void)
{
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;

    while ((e = readdir(d)) != NULL) {
        int fd = atoi(e->d_name);
        if (e->d_name[0] != '.' && fd < 1024 && !inherited[fd]) {
            assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        }
    }
    closedir(d);
}

static void client_connected(void *ctx, enum ls_rc rc, const char *why)
{
    (void)why;
    assert_int_equal(rc, LS_OK);
    write_more(ctx);
}

static void client_writable(void *ctx)
{
    write_more(ctx);
}

static void client_readable(void *ctx)
{
    (void)ctx;
    fail();
}

static void server_readable(void *ctx)
{
    struct world *w = ctx;
    static char buf[100000];
    size_t n;
    enum ls_rc rc = ls_tcp_read(w->server, buf, sizeof(buf), &n, NULL);

    assert_true(n == 0 || memcmp(buf, bytes + w->got, n) == 0);
    w->got += n;
    if (rc != LS_OK && rc != LS_E_BUSY) {
        w->end = rc;
        ls_tcp_close(w->server);
        ls_tcp_listener_close(w->listener);
        ls_loop_stop(w->loop);
    }
}

static const struct ls_tcp_callbacks client_callbacks = {
    .connected = client_connected, .readable = client_readable, .writable = client_writable};
static const struct ls_tcp_callbacks server_callbacks = {.readable = server_readable};

static void accepted(void *ctx, struct ls_tcp *tcp)
{
    struct world *w = ctx;

    w->server = tcp;
    ls_tcp_set_callbacks(tcp, &server_callbacks, w);
    assert_string_equal(ls_tcp_peer_host(tcp), "127.0.0.1");
    assert_close_on_exec();
}

/* Over a dual-stack listener, so that the address of an IPv4 client is shown as IPv4. */
static void test_tcp(void **state)
{
    struct world w;
    char addr[64];

    (void)state;
    setup_world(&w);
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (char)(i * 2654435761u >> 13);
    }
    assert_int_equal(ls_tcp_listen(w.loop, "::", 0, accepted, &w, &w.listener, NULL), LS_OK);
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", ls_tcp_listener_port(w.listener));
    assert_int_equal(ls_tcp_connect(w.loop, addr, NULL, &client_callbacks, &w, &w.client, NULL),
                     LS_OK);
    assert_int_equal(w.written, 0); /* no callback from inside */
    ls_loop_run(w.loop);
    assert_int_equal(w.got, BYTES);
    assert_int_equal(w.end, LS_E_CLOSED);
    ls_loop_destroy(w.loop);
}

static void refused(void *ctx, enum ls_rc rc, const char *why)
{
    struct world *w = ctx;

    assert_int_equal(rc, LS_E_IO);
    assert_string_equal(why, "Connection refused");
    ls_tcp_close(w->client);
    ls_loop_stop(w->loop);
    w->end = rc;
}

static void test_tcp_refused(void **state)
{
    static const struct ls_tcp_callbacks cb = {.connected = refused};
    struct world w;
    struct ls_error err;
    char addr[64];

    (void)state;
    setup_world(&w);
    assert_int_equal(ls_tcp_listen(w.loop, "127.0.0.1", 0, accepted, &w, &w.listener, NULL), LS_OK);
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", ls_tcp_listener_port(w.listener));
    ls_tcp_listener_close(w.listener);
    assert_int_equal(ls_tcp_connect(w.loop, addr, NULL, &cb, &w, &w.client, &err), LS_OK);
    ls_loop_run(w.loop);
    assert_int_equal(w.end, LS_E_IO);
    assert_int_equal(ls_tcp_connect(w.loop, "node1:1", NULL, &cb, &w, &w.client, &err), LS_E_INVAL);
    ls_loop_destroy(w.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_and_hook),
        cmocka_unit_test(test_wake_from_thread),
        cmocka_unit_test(test_work_outlives_run),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_tcp_refused),
    };
    note_inherited();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
