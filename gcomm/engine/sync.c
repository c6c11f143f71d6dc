/* log.sync=majority: the thread that makes the log durable, one sync for everything that waits
 * (rule 19). What it has done reaches the core as LOG_HELD. */
#include "gcomm/engine/internal.h"

/* The durable mark in the identity file follows now and then, off the loop's thread. Under the
 * identity's lock and then the sync's: a truncation in between lowers the mark after us. */
static void write_mark(struct ls_engine *e)
{
    struct ls_error err = {0};
    uint64_t done;

    ls_mutex_lock(&e->identity_mutex);
    ls_mutex_lock(&e->sync.mutex);
    done = e->sync.done;
    ls_mutex_unlock(&e->sync.mutex);
    if (done > e->identity.durable_index) {
        e->identity.durable_index = done;
        if (ls_identity_write(e->identity_file, &e->identity, &err) != LS_OK) {
            ls_warn("%s", err.text); /* an old mark is a safe mark */
        }
    }
    ls_mutex_unlock(&e->identity_mutex);
}

static void run_sync(struct ls_engine *e)
{
    struct sync *s = &e->sync;
    uint64_t generation = s->generation;
    uint64_t want = s->want;
    struct ls_error err = {0};
    enum ls_rc rc;

    ls_mutex_unlock(&s->mutex);
    rc = ls_log_sync(e->log, &err);
    ls_mutex_lock(&s->mutex);
    if (rc != LS_OK) {
        s->failed = true; /* no second try: the kernel may have dropped the pages */
        s->error = err;
    } else if (generation == s->generation) {
        s->done = want;
    }
}

static void *sync_thread(void *arg)
{
    struct ls_engine *e = arg;
    struct sync *s = &e->sync;
    int64_t mark_us = ls_clock_us();

    ls_mutex_lock(&s->mutex);
    while (!s->stop) {
        if (s->failed || s->want <= s->done) {
            ls_cond_wait(&s->cond, &s->mutex);
            continue;
        }
        run_sync(e);
        ls_mutex_unlock(&s->mutex);
        engine_wake_loop(e);
        if (ls_clock_us() - mark_us >= HOUSEKEEPING_US) {
            write_mark(e);
            mark_us = ls_clock_us();
        }
        ls_mutex_lock(&s->mutex);
    }
    ls_mutex_unlock(&s->mutex);
    return NULL;
}

bool engine_sync_start(struct ls_engine *e)
{
    struct sync *s = &e->sync;

    ls_mutex_init(&s->mutex);
    ls_cond_init(&s->cond);
    s->want = s->done = e->held_fed = e->last_appended;
    s->started = ls_thread_start(&s->thread, "ls-log-sync", sync_thread, e);
    if (!s->started) {
        ls_cond_destroy(&s->cond);
        ls_mutex_destroy(&s->mutex);
    }
    return s->started;
}

void engine_sync_stop(struct ls_engine *e)
{
    struct sync *s = &e->sync;

    if (!s->started) {
        return;
    }
    ls_mutex_lock(&s->mutex);
    s->stop = true;
    ls_cond_signal(&s->cond);
    ls_mutex_unlock(&s->mutex);
    ls_thread_join(s->thread);
    ls_cond_destroy(&s->cond);
    ls_mutex_destroy(&s->mutex);
    s->started = false;
}

void engine_sync_request(struct ls_engine *e, uint64_t index)
{
    struct sync *s = &e->sync;

    if (!e->params.sync_majority || e->left) {
        return;
    }
    ls_mutex_lock(&s->mutex);
    if (index > s->want) {
        s->want = index;
        ls_cond_signal(&s->cond);
    }
    ls_mutex_unlock(&s->mutex);
}

/* Entries from index on are dropped: a sync under way says nothing about their successors. */
void engine_sync_dropped(struct ls_engine *e, uint64_t index)
{
    struct sync *s = &e->sync;
    uint64_t keep = index > 0 ? index - 1 : 0;

    if (!s->started) {
        return;
    }
    ls_mutex_lock(&s->mutex);
    s->generation++;
    if (s->want > keep) {
        s->want = keep;
    }
    if (s->done > keep) {
        s->done = keep;
    }
    ls_mutex_unlock(&s->mutex);
    if (e->held_fed > keep) {
        e->held_fed = keep;
    }
}

void engine_sync_collect(struct ls_engine *e)
{
    struct sync *s = &e->sync;
    struct ls_error err = {0};
    uint64_t done;
    bool failed;

    if (e->left) {
        return;
    }
    ls_mutex_lock(&s->mutex);
    done = s->done;
    failed = s->failed;
    if (failed) {
        err = s->error;
    }
    ls_mutex_unlock(&s->mutex);
    if (failed) {
        engine_fail(e, "the write-set log cannot be made durable", &err);
    } else if (done > e->held_fed) {
        struct ls_event ev = {.type = LS_EV_LOG_HELD, .u.index = done};
        e->held_fed = done;
        engine_step(e, &ev);
    }
}
