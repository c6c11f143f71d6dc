#include "wsrep/os/loop.h"

#include "wsrep/base/assert.h"
#include "wsrep/os/loop_uv.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Wake-ups are ours and not uv_async's: that one takes two system calls for each, whether the loop
 * sleeps or not, and its loop spins for as long as the sender is not run again.
 *
 * A sender sets `pending` and then looks whether the loop is about to sleep; the loop says that it
 * is and then looks at `pending`. One of them sees the other: either the sender writes to wake_fd,
 * or the loop does not sleep. So who sends to a busy loop makes no system call. */
struct ls_loop {
    uv_loop_t uv; /* first, see ls_loop_note_awake() */
    uv_poll_t waker;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_idle_t no_sleep; /* active: the next poll does not wait */
    int wake_fd;
    atomic_bool sleeping;
    atomic_bool pending;
    struct ls_async *asyncs;
    bool dispatching;
};

struct ls_timer {
    uv_timer_t uv; /* first, see ls_loop_free_handle() */
    void (*fired)(void *ctx);
    void *ctx;
};

struct ls_async {
    struct ls_async *next;
    struct ls_loop *loop;
    atomic_bool sent;
    bool dead; /* destroyed while callbacks are made: freed behind them */
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

/* ---- wake-ups ---- */

void ls_loop_note_awake(uv_loop_t *uv)
{
    struct ls_loop *loop = (struct ls_loop *)uv;
    atomic_store_explicit(&loop->sleeping, false, memory_order_relaxed);
}

static void do_not_sleep(uv_idle_t *handle)
{
    (void)handle;
}

static void before_poll(uv_prepare_t *handle)
{
    struct ls_loop *loop = (struct ls_loop *)handle->loop;

    atomic_store(&loop->sleeping, true);
    if (atomic_load(&loop->pending)) {
        atomic_store(&loop->sleeping, false);
        uv_idle_start(&loop->no_sleep, do_not_sleep);
    }
}

/* Frees what was destroyed. */
static void reap_asyncs(struct ls_loop *loop)
{
    struct ls_async **at = &loop->asyncs;

    while (*at != NULL) {
        struct ls_async *a = *at;
        if (a->dead) {
            *at = a->next;
            free(a);
        } else {
            at = &a->next;
        }
    }
}

static void after_poll(uv_check_t *handle)
{
    struct ls_loop *loop = (struct ls_loop *)handle->loop;

    atomic_store(&loop->sleeping, false);
    uv_idle_stop(&loop->no_sleep);
    if (!atomic_load_explicit(&loop->pending, memory_order_relaxed) ||
        !atomic_exchange(&loop->pending, false)) {
        return;
    }
    loop->dispatching = true;
    for (struct ls_async *a = loop->asyncs; a != NULL; a = a->next) {
        if (!a->dead && atomic_exchange(&a->sent, false)) {
            a->woken(a->ctx);
        }
    }
    loop->dispatching = false;
    reap_asyncs(loop);
}

/* after_poll() looks at what was sent. */
static void waker_readable(uv_poll_t *handle, int status, int events)
{
    struct ls_loop *loop = (struct ls_loop *)handle->loop;
    uint64_t count;
    ssize_t n;

    (void)status;
    (void)events;
    ls_loop_note_awake(handle->loop);
    do {
        n = read(loop->wake_fd, &count, sizeof(count));
    } while (n < 0 && errno == EINTR);
}

/* ---- the loop ---- */

static enum ls_rc init_handles(struct ls_loop *loop, struct ls_error *err)
{
    int rc = uv_poll_init(&loop->uv, &loop->waker, loop->wake_fd);

    if (rc == 0) {
        rc = uv_poll_start(&loop->waker, UV_READABLE, waker_readable);
    }
    if (rc != 0) {
        return ls_error_set(err, LS_E_IO, "cannot create an event loop: %s", uv_strerror(rc));
    }
    uv_prepare_init(&loop->uv, &loop->before_poll);
    uv_prepare_start(&loop->before_poll, before_poll);
    uv_check_init(&loop->uv, &loop->after_poll);
    uv_check_start(&loop->after_poll, after_poll);
    uv_idle_init(&loop->uv, &loop->no_sleep);
    return LS_OK;
}

enum ls_rc ls_loop_create(struct ls_loop **out, struct ls_error *err)
{
    struct ls_loop *loop = calloc(1, sizeof(*loop));
    enum ls_rc rc;
    int uv_rc;

    *out = NULL;
    if (loop == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for an event loop");
    }
    uv_rc = uv_loop_init(&loop->uv);
    if (uv_rc != 0) {
        free(loop);
        return ls_error_set(err, LS_E_IO, "cannot create an event loop: %s", uv_strerror(uv_rc));
    }
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rc = loop->wake_fd >= 0 ? init_handles(loop, err)
                            : ls_error_errno(err, errno, "cannot create an event loop");
    if (rc != LS_OK) {
        ls_loop_destroy(loop);
        return rc;
    }
    *out = loop;
    return LS_OK;
}

static bool is_part_of(const struct ls_loop *loop, const uv_handle_t *handle)
{
    return (uintptr_t)handle - (uintptr_t)loop < sizeof(*loop);
}

static void close_leftover(uv_handle_t *handle, void *arg)
{
    struct ls_loop *loop = arg;

    if (uv_is_closing(handle)) {
        return;
    }
    /* Connections and listeners own a descriptor: their owner closes them before the loop goes. */
    LS_ASSERT(handle->type != UV_POLL || is_part_of(loop, handle));
    uv_close(handle, is_part_of(loop, handle) ? NULL : ls_loop_free_handle);
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
    for (struct ls_async *a = loop->asyncs; a != NULL; a = a->next) {
        a->dead = true;
    }
    reap_asyncs(loop);
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
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

enum ls_rc ls_async_create(struct ls_loop *loop, void (*woken)(void *ctx), void *ctx,
                           struct ls_async **out)
{
    struct ls_async *a = calloc(1, sizeof(*a));

    *out = a;
    if (a == NULL) {
        return LS_E_NOMEM;
    }
    a->loop = loop;
    a->woken = woken;
    a->ctx = ctx;
    a->next = loop->asyncs;
    loop->asyncs = a;
    return LS_OK;
}

void ls_async_send(struct ls_async *a)
{
    struct ls_loop *loop = a->loop;
    uint64_t one = 1;
    ssize_t n;
    int e = errno; /* it may be a signal handler's caller's */

    atomic_store(&a->sent, true);
    if (!atomic_exchange(&loop->pending, true) && atomic_load(&loop->sleeping)) {
        do {
            n = write(loop->wake_fd, &one, sizeof(one));
        } while (n < 0 && errno == EINTR); /* EAGAIN: it is full, which wakes as well */
    }
    errno = e;
}

void ls_async_destroy(struct ls_async *a)
{
    if (a == NULL) {
        return;
    }
    a->dead = true;
    if (!a->loop->dispatching) {
        reap_asyncs(a->loop);
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
