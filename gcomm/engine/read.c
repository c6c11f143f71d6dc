/* Reads after writes (rule 25): threads that come while a question to the majority is under way
 * share the next one. They sleep on their own batch, not on the engine's lock: one that ends wakes
 * nobody who still waits, and the loop does not stand in line behind those whom it wakes. */
#include "gcomm/engine/internal.h"

#include <stdlib.h>

struct read_batch {
    ls_mutex mutex;
    ls_cond done;
    _Atomic uint32_t refs;
    bool ready;
    enum ls_rc rc;
    uint64_t index;
    int64_t seqno; /* in force there; undefined: purged since */
};

static struct read_batch *batch_create(void)
{
    struct read_batch *b = calloc(1, sizeof(*b));

    LS_ASSERT(b != NULL);
    ls_mutex_init(&b->mutex);
    ls_cond_init(&b->done);
    atomic_init(&b->refs, 1);
    return b;
}

static void batch_drop(struct read_batch *b)
{
    if (atomic_fetch_sub(&b->refs, 1) == 1) {
        ls_cond_destroy(&b->done);
        ls_mutex_destroy(&b->mutex);
        free(b);
    }
}

static void batch_finish(struct read_batch *b, enum ls_rc rc, uint64_t index, int64_t seqno)
{
    if (b == NULL) {
        return;
    }
    ls_mutex_lock(&b->mutex);
    b->ready = true;
    b->rc = rc;
    b->index = index;
    b->seqno = seqno;
    ls_cond_broadcast(&b->done);
    ls_mutex_unlock(&b->mutex);
    batch_drop(b);
}

static enum ls_rc batch_wait(struct read_batch *b, int64_t timeout_us, uint64_t *index,
                             int64_t *seqno)
{
    int64_t due = ls_clock_us() + timeout_us;
    enum ls_rc rc = LS_E_TIMEOUT;

    ls_mutex_lock(&b->mutex);
    while (!b->ready) {
        if (timeout_us < 0) {
            ls_cond_wait(&b->done, &b->mutex);
        } else if (!ls_cond_wait_until(&b->done, &b->mutex, due)) {
            break;
        }
    }
    if (b->ready) {
        rc = b->rc;
        *index = b->index;
        *seqno = b->seqno;
    }
    ls_mutex_unlock(&b->mutex);
    batch_drop(b);
    return rc;
}

enum ls_rc ls_engine_read_index(struct ls_engine *e, int64_t timeout_us, uint64_t *index,
                                int64_t *seqno)
{
    struct read_batch *b;
    bool first;

    ls_mutex_lock(&e->mutex);
    if (!e->open) {
        ls_mutex_unlock(&e->mutex);
        return LS_E_NOT_PRIMARY;
    }
    first = e->reads_new == NULL;
    if (first) {
        e->reads_new = batch_create();
    }
    b = e->reads_new;
    atomic_fetch_add(&b->refs, 1);
    ls_mutex_unlock(&e->mutex);
    if (first) {
        engine_wake_loop(e);
    }
    return batch_wait(b, timeout_us, index, seqno);
}

static struct read_batch *take_new(struct ls_engine *e)
{
    struct read_batch *b;

    ls_mutex_lock(&e->mutex);
    b = e->reads_new;
    e->reads_new = NULL;
    ls_mutex_unlock(&e->mutex);
    return b;
}

void engine_reads_issue(struct ls_engine *e)
{
    struct ls_event ev = {.type = LS_EV_READ};

    if (e->left) {
        engine_reads_fail(e);
        return;
    }
    if (e->reads_asked != NULL) {
        return;
    }
    e->reads_asked = take_new(e);
    if (e->reads_asked != NULL) {
        ev.u.token = ++e->read_token;
        engine_step(e, &ev);
    }
}

void engine_reads_done(struct ls_engine *e, uint64_t token, enum ls_rc rc, uint64_t index)
{
    struct read_batch *b = e->reads_asked;
    struct ls_entry entry = {.seqno = LS_SEQNO_UNDEFINED};

    if (token != e->read_token) {
        return;
    }
    e->reads_asked = NULL;
    if (rc == LS_OK && !engine_entry_get(e, index, &entry)) {
        entry.seqno = LS_SEQNO_UNDEFINED;
    }
    batch_finish(b, rc, index, entry.seqno);
    ls_mutex_lock(&e->mutex);
    if (e->reads_new != NULL) {
        engine_wake_loop(e); /* this turn may have asked before */
    }
    ls_mutex_unlock(&e->mutex);
}

void engine_reads_fail(struct ls_engine *e)
{
    struct read_batch *b = e->reads_asked;

    e->reads_asked = NULL;
    batch_finish(b, LS_E_NOT_PRIMARY, 0, LS_SEQNO_UNDEFINED);
    batch_finish(take_new(e), LS_E_NOT_PRIMARY, 0, LS_SEQNO_UNDEFINED);
}
