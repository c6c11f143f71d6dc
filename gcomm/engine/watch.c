/* A thread that watches the two that go to the disk. The loop thread writes the log, the sync
 * thread makes it durable; a disk that does not answer makes no error, and whoever stands in it can
 * tell nobody. Without the loop nothing moves here, and every number that it has published stays as
 * it was: so what the status says of the group counts only while the loop does
 * (engine_watch_judge()). */
#include "gcomm/engine/internal.h"

#include <stdio.h>

#define LOOK_US 200000
#define STILL_US 1000000 /* worth telling, and no majority is heard any more */
#define REPEAT_US 10000000

void engine_watch_turn(struct ls_engine *e)
{
    atomic_store_explicit(&e->watch.turn_us, ls_clock_us(), memory_order_relaxed);
}

void engine_disk_begin(struct ls_engine *e)
{
    atomic_fetch_add_explicit(&e->watch.at_disk, 1, memory_order_relaxed);
}

void engine_disk_end(struct ls_engine *e)
{
    atomic_fetch_sub_explicit(&e->watch.at_disk, 1, memory_order_relaxed);
}

static bool stands_in_disk(const struct ls_engine *e)
{
    return atomic_load_explicit(&e->watch.at_disk, memory_order_relaxed) > 0;
}

/* Since when the loop has not come round; 0: there is none. */
static int64_t last_turn_us(const struct ls_engine *e)
{
    return atomic_load_explicit(&e->watch.turn_us, memory_order_relaxed);
}

/* `mutex` is held. */
void engine_watch_judge(struct ls_engine *e, struct ls_engine_stats *out)
{
    int64_t turn_us = last_turn_us(e);
    int64_t still_us = turn_us != 0 ? ls_clock_us() - turn_us : 0;

    if (still_us < STILL_US) {
        return;
    }
    out->majority = false;
    if (still_us >= e->params.suspect_us) {
        out->primary = false;
        out->stands_still = true;
    }
    snprintf(out->stuck, sizeof(out->stuck), "%s for %.1f s, so this node takes no part",
             stands_in_disk(e) ? "the disk of the write-set log has not taken a write"
                               : "the node's own thread has not moved",
             (double)still_us / 1e6);
}

/* ---- telling ---- */

static bool is_due(int64_t *told_us, int64_t now_us)
{
    if (*told_us != 0 && now_us - *told_us < REPEAT_US) {
        return false;
    }
    *told_us = now_us;
    return true;
}

static void look_at_loop(struct ls_engine *e, int64_t since_us, int64_t now_us)
{
    struct watch *w = &e->watch;

    if (since_us == 0 || now_us - since_us < STILL_US) {
        if (w->loop_told_us != 0) {
            w->loop_told_us = 0;
            ls_info("%s", w->disk_told ? "the disk of the write-set log takes writes again"
                                       : "the node's thread goes on");
        }
        return;
    }
    if (!is_due(&w->loop_told_us, now_us)) {
        return;
    }
    w->disk_told = stands_in_disk(e);
    if (w->disk_told) {
        ls_warn("the disk of the write-set log has not taken a write for %.1f s: this node stands "
                "still and takes no part in the cluster, the others go on without it. It comes "
                "back by itself once the disk answers; look what ails it",
                (double)(now_us - since_us) / 1e6);
    } else {
        ls_warn("the node's thread has not moved for %.1f s, and not for a write to the disk: this "
                "node takes no part in the cluster meanwhile. Is the machine short of CPU time or "
                "memory?",
                (double)(now_us - since_us) / 1e6);
    }
}

/* The others go on without our acknowledgements; people have to know why they could not without
 * those of one more. */
static void look_at_sync(struct ls_engine *e, int64_t since_us, int64_t now_us)
{
    struct watch *w = &e->watch;

    if (since_us == 0 || now_us - since_us < STILL_US) {
        if (w->sync_told_us != 0) {
            w->sync_told_us = 0;
            ls_info("the disk of the write-set log answers again");
        }
        return;
    }
    if (is_due(&w->sync_told_us, now_us)) {
        ls_warn("the disk of the write-set log has not finished a sync for %.1f s: meanwhile this "
                "node acknowledges nothing, and the cluster needs a majority of the others",
                (double)(now_us - since_us) / 1e6);
    }
}

/* What began before this thread itself stood still (SIGSTOP, no CPU) says nothing of the disk. */
static int64_t no_earlier(int64_t since_us, int64_t than_us)
{
    return since_us != 0 && since_us < than_us ? than_us : since_us;
}

static void *watch_thread(void *arg)
{
    struct ls_engine *e = arg;
    struct watch *w = &e->watch;
    int64_t awake_us = ls_clock_us();
    int64_t looked_us = awake_us;

    ls_mutex_lock(&w->mutex);
    while (!w->stop) {
        int64_t now_us = ls_clock_us();
        if (now_us < looked_us + LOOK_US) {
            ls_cond_wait_until(&w->cond, &w->mutex, looked_us + LOOK_US);
            continue;
        }
        ls_mutex_unlock(&w->mutex);
        if (now_us - looked_us >= STILL_US) {
            awake_us = now_us;
        }
        looked_us = now_us;
        look_at_loop(e, no_earlier(last_turn_us(e), awake_us), now_us);
        look_at_sync(e, no_earlier(engine_sync_since(e), awake_us), now_us);
        ls_mutex_lock(&w->mutex);
    }
    ls_mutex_unlock(&w->mutex);
    return NULL;
}

bool engine_watch_start(struct ls_engine *e)
{
    struct watch *w = &e->watch;

    ls_mutex_init(&w->mutex);
    ls_cond_init(&w->cond);
    w->started = ls_thread_start(&w->thread, "ls-watch", watch_thread, e);
    if (!w->started) {
        ls_cond_destroy(&w->cond);
        ls_mutex_destroy(&w->mutex);
    }
    return w->started;
}

void engine_watch_stop(struct ls_engine *e)
{
    struct watch *w = &e->watch;

    if (!w->started) {
        return;
    }
    ls_mutex_lock(&w->mutex);
    w->stop = true;
    ls_cond_signal(&w->cond);
    ls_mutex_unlock(&w->mutex);
    ls_thread_join(w->thread);
    ls_cond_destroy(&w->cond);
    ls_mutex_destroy(&w->mutex);
    w->started = false;
}
