/* log.sync=majority: the thread that makes the log durable, one sync for everything that waits
 * (rule 19). What is durable reaches the core as LOG_HELD. */
#include "gcomm/engine/internal.h"

/* The durable mark in the identity file follows within a second, off the loop's thread. What was
 * acknowledged with log.sync=none may not be durable: a sync that was under way when the option
 * changed says nothing of it. */
static void write_mark(struct ls_engine *e)
{
    struct ls_error err = {0};
    uint64_t durable;

    ls_mutex_lock(&e->identity_mutex);
    durable = ls_log_durable(e->log);
    if (durable >= e->mark_from && durable > e->identity.durable_index) {
        e->identity.durable_index = durable;
        if (ls_identity_write(e->identity_file, &e->identity, &err) != LS_OK) {
            ls_warn("%s", err.text); /* an old mark is a safe mark */
        }
    }
    ls_mutex_unlock(&e->identity_mutex);
}

static void run_sync(struct ls_engine *e)
{
    struct sync *s = &e->sync;
    uint64_t asked = s->asked;
    struct ls_error err = {0};
    enum ls_rc rc;

    s->since_us = ls_clock_us();
    ls_mutex_unlock(&s->mutex);
    rc = ls_log_sync(e->log, &err);
    ls_mutex_lock(&s->mutex);
    s->since_us = 0;
    if (rc != LS_OK) {
        s->failed = true; /* no second try: the kernel may have dropped the pages */
        s->error = err;
    } else {
        s->served = asked;
    }
}

/* Where there is none yet, as after a snapshot, at once: a machine that is restarted then would
 * give up its log and its vote for nothing. */
static bool mark_is_due(struct ls_engine *e, int64_t mark_us)
{
    bool none;

    ls_mutex_lock(&e->identity_mutex);
    none = e->identity.durable_index == 0;
    ls_mutex_unlock(&e->identity_mutex);
    return none || ls_clock_us() - mark_us >= HOUSEKEEPING_US;
}

static void *sync_thread(void *arg)
{
    struct ls_engine *e = arg;
    struct sync *s = &e->sync;
    int64_t mark_us = ls_clock_us();
    bool behind = false; /* there was a sync since the mark was written */

    ls_mutex_lock(&s->mutex);
    while (!s->stop) {
        if (!s->failed && s->served != s->asked) {
            run_sync(e);
            ls_mutex_unlock(&s->mutex);
            engine_wake_loop(e);
            behind = true;
        } else {
            if (behind) {
                (void)ls_cond_wait_until(&s->cond, &s->mutex, mark_us + HOUSEKEEPING_US);
            } else {
                ls_cond_wait(&s->cond, &s->mutex);
            }
            ls_mutex_unlock(&s->mutex);
        }
        if (behind && mark_is_due(e, mark_us)) {
            write_mark(e);
            mark_us = ls_clock_us();
            behind = false;
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
    e->sync_asked = e->held_fed = e->last_appended;
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

/* What was appended since the last request is flushed: make it durable. */
void engine_sync_request(struct ls_engine *e)
{
    struct sync *s = &e->sync;

    if (!e->sync_on || e->left || e->last_appended <= e->sync_asked) {
        return;
    }
    e->sync_asked = e->last_appended;
    ls_mutex_lock(&s->mutex);
    s->asked++;
    ls_cond_signal(&s->cond);
    ls_mutex_unlock(&s->mutex);
}

/* Entries from index on were dropped: what takes their place is to be synced again. */
void engine_sync_dropped(struct ls_engine *e, uint64_t index)
{
    uint64_t keep = index > 0 ? index - 1 : 0;

    if (e->held_fed > keep) {
        e->held_fed = keep;
    }
    if (e->sync_asked > keep) {
        e->sync_asked = keep;
    }
}

int64_t engine_sync_since(struct ls_engine *e)
{
    struct sync *s = &e->sync;
    int64_t since_us;

    ls_mutex_lock(&s->mutex);
    since_us = s->since_us;
    ls_mutex_unlock(&s->mutex);
    return since_us;
}

void engine_sync_collect(struct ls_engine *e)
{
    struct sync *s = &e->sync;
    struct ls_error err = {0};
    uint64_t durable;
    bool failed;

    if (e->left || !e->sync_on) {
        return;
    }
    ls_mutex_lock(&s->mutex);
    failed = s->failed;
    if (failed) {
        err = s->error;
    }
    ls_mutex_unlock(&s->mutex);
    durable = ls_log_durable(e->log);
    if (failed) {
        engine_fail(e, "the write-set log cannot be made durable", &err);
    } else if (durable > e->held_fed) {
        struct ls_event ev = {.type = LS_EV_LOG_HELD, .u.index = durable};
        e->held_fed = durable;
        engine_step(e, &ev);
    }
}
