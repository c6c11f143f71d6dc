/* Reads after writes (rule 25): threads that wait in one turn share one question to the majority.
 */
#include "gcomm/engine/internal.h"

static void unlink_waiter(struct ls_engine *e, struct read_waiter *w)
{
    struct read_waiter **at = &e->reads;

    while (*at != w) {
        LS_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = w->next;
}

enum ls_rc ls_engine_read_index(struct ls_engine *e, int64_t timeout_us, uint64_t *index)
{
    int64_t due = ls_clock_us() + timeout_us;
    struct read_waiter w = {.rc = LS_E_TIMEOUT};

    ls_mutex_lock(&e->mutex);
    if (!e->open) {
        ls_mutex_unlock(&e->mutex);
        return LS_E_NOT_PRIMARY;
    }
    w.next = e->reads;
    e->reads = &w;
    ls_mutex_unlock(&e->mutex);
    engine_wake_loop(e);
    ls_mutex_lock(&e->mutex);
    while (!w.ready) {
        if (timeout_us < 0) {
            ls_cond_wait(&e->read_done, &e->mutex);
        } else if (!ls_cond_wait_until(&e->read_done, &e->mutex, due)) {
            break;
        }
    }
    unlink_waiter(e, &w);
    ls_mutex_unlock(&e->mutex);
    *index = w.index;
    return w.rc;
}

/* One token for all that came since the last turn. */
void engine_reads_issue(struct ls_engine *e)
{
    struct ls_event ev = {.type = LS_EV_READ};
    bool any = false;

    if (e->left) {
        engine_reads_fail(e);
        return;
    }
    ls_mutex_lock(&e->mutex);
    for (struct read_waiter *w = e->reads; w != NULL; w = w->next) {
        if (w->token == 0 && !w->ready) {
            w->token = e->read_token + 1;
            any = true;
        }
    }
    ls_mutex_unlock(&e->mutex);
    if (any) {
        ev.u.token = ++e->read_token;
        engine_step(e, &ev);
    }
}

static void finish_reads(struct ls_engine *e, uint64_t token, enum ls_rc rc, uint64_t index)
{
    bool any = false;

    ls_mutex_lock(&e->mutex);
    for (struct read_waiter *w = e->reads; w != NULL; w = w->next) {
        if (!w->ready && (token == 0 || w->token == token)) {
            w->ready = true;
            w->rc = rc;
            w->index = index;
            any = true;
        }
    }
    if (any) {
        ls_cond_broadcast(&e->read_done);
    }
    ls_mutex_unlock(&e->mutex);
}

void engine_reads_done(struct ls_engine *e, uint64_t token, enum ls_rc rc, uint64_t index)
{
    finish_reads(e, token, rc, index);
}

void engine_reads_fail(struct ls_engine *e)
{
    finish_reads(e, 0, LS_E_NOT_PRIMARY, 0);
}
