#include "plugin/provider/queue.h"

#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define RING_MIN 1024u

void ls_queue_init(struct ls_queue *q)
{
    memset(q, 0, sizeof(*q));
    ls_mutex_init(&q->lock);
    ls_cond_init(&q->cond);
    q->size = RING_MIN;
    q->ring = malloc(q->size * sizeof(*q->ring));
    LS_ASSERT(q->ring != NULL);
    q->closed = true;
}

void ls_queue_destroy(struct ls_queue *q)
{
    LS_ASSERT(q->head == q->tail);
    free(q->ring);
    ls_cond_destroy(&q->cond);
    ls_mutex_destroy(&q->lock);
}

void ls_queue_reopen(struct ls_queue *q)
{
    ls_mutex_lock(&q->lock);
    q->blocked = false;
    q->closed = false;
    ls_mutex_unlock(&q->lock);
}

bool ls_item_is_barrier(const struct ls_item *item)
{
    return item->type != LS_ITEM_APPLY;
}

static void ring_grow(struct ls_queue *q)
{
    struct ls_item *ring = malloc(2 * q->size * sizeof(*ring));
    LS_ASSERT(ring != NULL);
    for (uint64_t i = q->head; i < q->tail; i++) {
        ring[i & (2 * q->size - 1)] = q->ring[i & (q->size - 1)];
    }
    free(q->ring);
    q->ring = ring;
    q->size *= 2;
}

static void sample(struct ls_queue *q)
{
    uint64_t length = q->tail - q->head;
    q->sum += length;
    q->samples++;
    q->max = length > q->max ? length : q->max;
    q->min = length < q->min ? length : q->min;
}

/* Unlocks. One sleeper is woken at a time, and wakes the next when it leaves something behind: a
 * burst that one applier does alone costs one wake-up. */
static void release(struct ls_queue *q)
{
    bool wake = q->sleepers > 0 && !q->waking && !q->blocked && q->head != q->tail;

    q->waking = q->waking || wake;
    ls_mutex_unlock(&q->lock);
    if (wake) {
        ls_cond_signal(&q->cond);
    }
}

void ls_queue_put(struct ls_queue *q, const struct ls_item *item)
{
    ls_mutex_lock(&q->lock);
    LS_ASSERT(!q->closed);
    sample(q);
    if (q->tail - q->head == q->size) {
        ring_grow(q);
    }
    q->ring[q->tail++ & (q->size - 1)] = *item;
    atomic_store(&q->length, q->tail - q->head);
    release(q);
}

bool ls_queue_take(struct ls_queue *q, struct ls_item *item)
{
    bool got = false;

    ls_mutex_lock(&q->lock);
    while (!q->closed && (q->blocked || q->head == q->tail)) {
        q->sleepers++;
        ls_cond_wait(&q->cond, &q->lock);
        q->sleepers--;
        q->waking = false;
    }
    if (!q->closed) {
        *item = q->ring[q->head++ & (q->size - 1)];
        atomic_store(&q->length, q->tail - q->head);
        q->blocked = ls_item_is_barrier(item);
        got = true;
    }
    release(q);
    return got;
}

void ls_queue_unblock(struct ls_queue *q)
{
    ls_mutex_lock(&q->lock);
    LS_ASSERT(q->blocked || q->closed);
    q->blocked = false;
    release(q);
}

void ls_queue_close(struct ls_queue *q)
{
    ls_mutex_lock(&q->lock);
    q->closed = true;
    ls_cond_broadcast(&q->cond);
    ls_mutex_unlock(&q->lock);
}

uint64_t ls_queue_length(const struct ls_queue *q)
{
    return atomic_load(&q->length);
}

void ls_queue_reset_stats(struct ls_queue *q)
{
    ls_mutex_lock(&q->lock);
    q->max = q->min = q->tail - q->head;
    q->sum = q->samples = 0;
    ls_mutex_unlock(&q->lock);
}
