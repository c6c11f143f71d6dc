#include "wsrep/os/loop.h"

#include "wsrep/base/assert.h"
#include "wsrep/os/loop_uv.h"

#include <signal.h>
#include <stdlib.h>

struct ls_loop {
    uv_loop_t uv;
    uv_async_t keeper; /* keeps uv_run() from returning when nothing else is there */
};

struct ls_timer {
    uv_timer_t uv; /* first, see ls_loop_free_handle() */
    void (*fired)(void *ctx);
    void *ctx;
};

struct ls_async {
    uv_async_t uv;
    void (*woken)(void *ctx);
    void *ctx;
};

struct ls_hook {
    uv_prepare_t uv;
    void (*turn_end)(void *ctx);
    void *ctx;
};

struct work {
    uv_work_t uv;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

uv_loop_t *ls_loop_uv(struct ls_loop *loop)
{
    return &loop->uv;
}

void ls_loop_free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void keeper_woken(uv_async_t *handle)
{
    (void)handle;
}

enum ls_rc ls_loop_create(struct ls_loop **out, struct ls_error *err)
{
    struct ls_loop *loop = calloc(1, sizeof(*loop));
    int rc;

    *out = NULL;
    if (loop == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for an event loop");
    }
    rc = uv_loop_init(&loop->uv);
    if (rc != 0) {
        free(loop);
        return ls_error_set(err, LS_E_IO, "cannot create an event loop: %s", uv_strerror(rc));
    }
    rc = uv_async_init(&loop->uv, &loop->keeper, keeper_woken);
    if (rc != 0) {
        uv_loop_close(&loop->uv);
        free(loop);
        return ls_error_set(err, LS_E_IO, "cannot create an event loop: %s", uv_strerror(rc));
    }
    *out = loop;
    return LS_OK;
}

static void close_leftover(uv_handle_t *handle, void *arg)
{
    struct ls_loop *loop = arg;

    if (uv_is_closing(handle)) {
        return;
    }
    /* Connections and listeners own a descriptor: their owner closes them before the loop goes. */
    LS_ASSERT(handle->type != UV_POLL);
    uv_close(handle, handle == (uv_handle_t *)&loop->keeper ? NULL : ls_loop_free_handle);
}

void ls_loop_destroy(struct ls_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    /* done() of work under way may create objects, so look again until nothing is left. */
    do {
        uv_walk(&loop->uv, close_leftover, loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    } while (uv_loop_close(&loop->uv) == UV_EBUSY);
    free(loop);
}

void ls_loop_run(struct ls_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void ls_loop_stop(struct ls_loop *loop)
{
    uv_stop(&loop->uv);
}

static void timer_fired(uv_timer_t *handle)
{
    struct ls_timer *t = (struct ls_timer *)handle;
    t->fired(t->ctx);
}

enum ls_rc ls_timer_create(struct ls_loop *loop, void (*fired)(void *ctx), void *ctx,
                           struct ls_timer **out)
{
    struct ls_timer *t = calloc(1, sizeof(*t));
    int rc;

    *out = t;
    if (t == NULL) {
        return LS_E_NOMEM;
    }
    t->fired = fired;
    t->ctx = ctx;
    rc = uv_timer_init(&loop->uv, &t->uv);
    LS_ASSERT(rc == 0);
    return LS_OK;
}

static uint64_t us_to_ms(int64_t us)
{
    return us <= 0 ? 0 : ((uint64_t)us + 999) / 1000;
}

void ls_timer_start(struct ls_timer *t, int64_t delay_us, int64_t repeat_us)
{
    /* libuv counts from the time at which the turn began: a long callback before us must not make
     * the delay shorter. */
    uv_update_time(t->uv.loop);
    uv_timer_start(&t->uv, timer_fired, us_to_ms(delay_us), us_to_ms(repeat_us));
}

void ls_timer_stop(struct ls_timer *t)
{
    uv_timer_stop(&t->uv);
}

void ls_timer_destroy(struct ls_timer *t)
{
    if (t != NULL) {
        uv_close((uv_handle_t *)&t->uv, ls_loop_free_handle);
    }
}

static void async_woken(uv_async_t *handle)
{
    struct ls_async *a = (struct ls_async *)handle;
    a->woken(a->ctx);
}

enum ls_rc ls_async_create(struct ls_loop *loop, void (*woken)(void *ctx), void *ctx,
                           struct ls_async **out)
{
    struct ls_async *a = calloc(1, sizeof(*a));

    *out = a;
    if (a == NULL) {
        return LS_E_NOMEM;
    }
    a->woken = woken;
    a->ctx = ctx;
    if (uv_async_init(&loop->uv, &a->uv, async_woken) != 0) {
        free(a);
        *out = NULL;
        return LS_E_IO;
    }
    return LS_OK;
}

void ls_async_send(struct ls_async *a)
{
    uv_async_send(&a->uv);
}

void ls_async_destroy(struct ls_async *a)
{
    if (a != NULL) {
        uv_close((uv_handle_t *)&a->uv, ls_loop_free_handle);
    }
}

static void hook_turn_end(uv_prepare_t *handle)
{
    struct ls_hook *h = (struct ls_hook *)handle;
    h->turn_end(h->ctx);
}

enum ls_rc ls_hook_create(struct ls_loop *loop, void (*turn_end)(void *ctx), void *ctx,
                          struct ls_hook **out)
{
    struct ls_hook *h = calloc(1, sizeof(*h));
    int rc;

    *out = h;
    if (h == NULL) {
        return LS_E_NOMEM;
    }
    h->turn_end = turn_end;
    h->ctx = ctx;
    rc = uv_prepare_init(&loop->uv, &h->uv);
    LS_ASSERT(rc == 0);
    rc = uv_prepare_start(&h->uv, hook_turn_end);
    LS_ASSERT(rc == 0);
    return LS_OK;
}

void ls_hook_destroy(struct ls_hook *h)
{
    if (h != NULL) {
        uv_close((uv_handle_t *)&h->uv, ls_loop_free_handle);
    }
}

static void work_run(uv_work_t *req)
{
    struct work *w = (struct work *)req;
    w->work(w->arg);
}

static void work_done(uv_work_t *req, int status)
{
    struct work *w = (struct work *)req;
    (void)status;
    w->done(w->arg);
    free(w);
}

enum ls_rc ls_loop_work(struct ls_loop *loop, void (*work)(void *arg), void (*done)(void *arg),
                        void *arg)
{
    struct work *w = calloc(1, sizeof(*w));
    sigset_t all;
    sigset_t old;
    int rc;

    if (w == NULL) {
        return LS_E_NOMEM;
    }
    w->work = work;
    w->done = done;
    w->arg = arg;
    /* The first call starts the pool's threads, which inherit our mask. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = uv_queue_work(&loop->uv, &w->uv, work_run, work_done);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    LS_ASSERT(rc == 0);
    return LS_OK;
}
