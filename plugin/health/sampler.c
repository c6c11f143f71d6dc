#include "plugin/health/sampler.h"

#include "wsrep/base/assert.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/thread.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_US 1000000

struct waiter {
    struct waiter *next;
    int64_t due_us;
    ls_health_answer answer;
    void *ctx;
};

struct ls_health_sampler {
    struct ls_health_source source;
    int64_t timeout_us;
    ls_mutex lock;
    ls_cond wanted;   /* the asking thread waits */
    ls_cond watching; /* the watch waits */
    ls_thread asking, watch;
    bool stop;
    bool want;        /* somebody waits for a new answer */
    int64_t asked_us; /* a question is under way since; 0: none */
    int64_t taken_us; /* when `last` was asked for; 0: never */
    struct ls_health_sample *last;
    struct ls_health_sample *none;  /* the answer that there is none */
    struct waiter *waiters, **tail; /* by due_us */
};

/* Answers everybody in the list, with no lock held. */
static void answer_all(struct waiter *list, struct ls_health_sample *sample)
{
    while (list != NULL) {
        struct waiter *next = list->next;
        list->answer(list->ctx, ls_health_sample_ref(sample));
        free(list);
        list = next;
    }
}

static struct waiter *take_all(struct ls_health_sampler *s)
{
    struct waiter *list = s->waiters;

    s->waiters = NULL;
    s->tail = &s->waiters;
    return list;
}

static struct waiter *take_overdue(struct ls_health_sampler *s, int64_t now_us)
{
    struct waiter *list = s->waiters, **end = &s->waiters;

    while (*end != NULL && (*end)->due_us <= now_us) {
        end = &(*end)->next;
    }
    if (end == &s->waiters) {
        return NULL;
    }
    s->waiters = *end;
    *end = NULL;
    if (s->waiters == NULL) {
        s->tail = &s->waiters;
    }
    return list;
}

static void *asking_thread(void *arg)
{
    struct ls_health_sampler *s = arg;

    ls_mutex_lock(&s->lock);
    while (!s->stop) {
        if (!s->want) {
            ls_cond_wait(&s->wanted, &s->lock);
            continue;
        }
        s->want = false;
        s->asked_us = ls_clock_us();
        ls_mutex_unlock(&s->lock);
        struct ls_health_sample *sample = ls_health_sample_create();
        if (sample != NULL) {
            s->source.ask(s->source.ctx, sample);
        } else {
            sample = ls_health_sample_ref(s->none);
        }
        ls_mutex_lock(&s->lock);
        struct ls_health_sample *old = s->last;
        s->last = ls_health_sample_ref(sample);
        s->taken_us = s->asked_us;
        s->asked_us = 0;
        struct waiter *list = take_all(s);
        ls_mutex_unlock(&s->lock);
        answer_all(list, sample);
        ls_health_sample_unref(old);
        ls_health_sample_unref(sample);
        ls_mutex_lock(&s->lock);
    }
    ls_mutex_unlock(&s->lock);
    return NULL;
}

/* Tells those whose time is up while a question is open. */
static void *watch_thread(void *arg)
{
    struct ls_health_sampler *s = arg;

    ls_mutex_lock(&s->lock);
    while (!s->stop) {
        int64_t now_us = ls_clock_us();
        struct waiter *list = take_overdue(s, now_us);
        if (list == NULL) {
            ls_cond_wait_until(&s->watching, &s->lock,
                               s->waiters != NULL ? s->waiters->due_us : now_us + IDLE_US);
            continue;
        }
        ls_mutex_unlock(&s->lock);
        answer_all(list, s->none);
        ls_mutex_lock(&s->lock);
    }
    ls_mutex_unlock(&s->lock);
    return NULL;
}

enum ls_rc ls_health_sampler_start(const struct ls_health_source *source, int64_t timeout_us,
                                   struct ls_health_sampler **out, struct ls_error *err)
{
    struct ls_health_sampler *s = calloc(1, sizeof(*s));
    char text[80];

    *out = NULL;
    if (s == NULL || (s->none = ls_health_sample_create()) == NULL) {
        free(s);
        return ls_error_set(err, LS_E_NOMEM, "no memory for the health endpoint");
    }
    snprintf(text, sizeof(text), "the server has not answered within %.1f s",
             (double)timeout_us / 1e6);
    ls_health_sample_fail(s->none, text);
    s->source = *source;
    s->timeout_us = timeout_us;
    s->tail = &s->waiters;
    ls_mutex_init(&s->lock);
    ls_cond_init(&s->wanted);
    ls_cond_init(&s->watching);
    if (!ls_thread_start(&s->asking, "ls-health-ask", asking_thread, s)) {
        ls_health_sample_unref(s->none);
        free(s);
        return ls_error_set(err, LS_E_NOMEM, "the system has no thread to give");
    }
    bool started = ls_thread_start(&s->watch, "ls-health-watch", watch_thread, s);
    LS_ASSERT(started);
    *out = s;
    return LS_OK;
}

void ls_health_sampler_end(struct ls_health_sampler *s)
{
    struct waiter *list;

    if (s == NULL) {
        return;
    }
    ls_mutex_lock(&s->lock);
    s->stop = true;
    ls_cond_signal(&s->wanted);
    ls_cond_signal(&s->watching);
    ls_mutex_unlock(&s->lock);
    ls_thread_join(s->asking);
    ls_thread_join(s->watch);
    ls_mutex_lock(&s->lock);
    list = take_all(s);
    ls_mutex_unlock(&s->lock);
    answer_all(list, s->none);
}

void ls_health_sampler_destroy(struct ls_health_sampler *s)
{
    if (s == NULL) {
        return;
    }
    ls_health_sample_unref(s->last);
    ls_health_sample_unref(s->none);
    ls_mutex_destroy(&s->lock);
    ls_cond_destroy(&s->wanted);
    ls_cond_destroy(&s->watching);
    free(s);
}

/* What can be said at once; NULL: a question has to be asked, or is under way. `lock` is held. */
static struct ls_health_sample *ready_answer(const struct ls_health_sampler *s, int64_t now_us,
                                             int64_t fresh_us)
{
    if (s->asked_us != 0 && now_us - s->asked_us >= s->timeout_us) {
        return s->none;
    }
    return s->last != NULL && now_us - s->taken_us < fresh_us ? s->last : NULL;
}

/* In line for the next answer. `lock` is held. False: no memory. */
static bool enqueue(struct ls_health_sampler *s, int64_t now_us, ls_health_answer answer, void *ctx)
{
    struct waiter *w = malloc(sizeof(*w));

    if (w == NULL) {
        return false;
    }
    *w = (struct waiter){.due_us = now_us + s->timeout_us, .answer = answer, .ctx = ctx};
    *s->tail = w;
    s->tail = &w->next;
    if (s->waiters == w) {
        ls_cond_signal(&s->watching);
    }
    if (s->asked_us == 0 && !s->want) {
        s->want = true;
        ls_cond_signal(&s->wanted);
    }
    return true;
}

void ls_health_sampler_ask(struct ls_health_sampler *s, int64_t fresh_us, ls_health_answer answer,
                           void *ctx)
{
    struct ls_health_sample *now;
    int64_t now_us = ls_clock_us();

    ls_mutex_lock(&s->lock);
    now = s->stop ? s->none : ready_answer(s, now_us, fresh_us);
    if (now == NULL && !enqueue(s, now_us, answer, ctx)) {
        now = s->none;
    }
    if (now != NULL) {
        ls_health_sample_ref(now);
    }
    ls_mutex_unlock(&s->lock);
    if (now != NULL) {
        answer(ctx, now);
    }
}

/* ---- waiting ---- */

struct wait {
    ls_mutex lock;
    ls_cond done;
    struct ls_health_sample *sample;
};

static void waited(void *ctx, struct ls_health_sample *sample)
{
    struct wait *w = ctx;

    ls_mutex_lock(&w->lock);
    w->sample = sample;
    ls_cond_signal(&w->done);
    ls_mutex_unlock(&w->lock);
}

struct ls_health_sample *ls_health_sampler_wait(struct ls_health_sampler *s)
{
    struct wait w = {.sample = NULL};

    ls_mutex_init(&w.lock);
    ls_cond_init(&w.done);
    ls_health_sampler_ask(s, LS_HEALTH_FRESH_US, waited, &w);
    ls_mutex_lock(&w.lock);
    while (w.sample == NULL) {
        ls_cond_wait(&w.done, &w.lock);
    }
    ls_mutex_unlock(&w.lock);
    ls_mutex_destroy(&w.lock);
    ls_cond_destroy(&w.done);
    return w.sample;
}
