#include "plugin/provider/order.h"

#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define RING_BITS_MIN 4096u
/* More numbers than this between the lowest open one and the highest passed one can only be a bug:
 * the submissions and appliers that could be open are counted in thousands. */
#define RING_BITS_MAX (UINT64_C(1) << 34)

static struct ls_order_slot *slot_of(struct ls_order *o, int64_t number)
{
    return &o->slots[(uint64_t)number % LS_ORDER_SLOTS];
}

static uint64_t *ring_alloc(uint64_t bits)
{
    uint64_t *ring = calloc(bits / 64, sizeof(*ring));
    LS_ASSERT(ring != NULL);
    return ring;
}

static bool ring_get(const struct ls_order *o, int64_t number)
{
    uint64_t bit = (uint64_t)number & (o->ring_bits - 1);
    return (o->passed[bit / 64] >> (bit % 64)) & 1;
}

static void ring_put(struct ls_order *o, int64_t number, bool on)
{
    uint64_t bit = (uint64_t)number & (o->ring_bits - 1);
    uint64_t mask = UINT64_C(1) << (bit % 64);
    o->passed[bit / 64] = on ? o->passed[bit / 64] | mask : o->passed[bit / 64] & ~mask;
}

/* Numbers position+1 .. number must have a bit each. */
static void ring_grow(struct ls_order *o, int64_t position, int64_t number)
{
    uint64_t *old = o->passed;
    uint64_t old_bits = o->ring_bits;
    uint64_t bits = old_bits;

    while ((uint64_t)(number - position) > bits) {
        bits *= 2;
        LS_ASSERT(bits <= RING_BITS_MAX);
    }
    o->passed = ring_alloc(bits);
    o->ring_bits = bits;
    for (int64_t n = position + 1; n <= o->highest; n++) {
        uint64_t bit = (uint64_t)n & (old_bits - 1);
        if ((old[bit / 64] >> (bit % 64)) & 1) {
            ring_put(o, n, true);
        }
    }
    free(old);
}

void ls_order_init(struct ls_order *o, int64_t position)
{
    memset(o, 0, sizeof(*o));
    ls_mutex_init(&o->lock);
    for (int i = 0; i < LS_ORDER_SLOTS; i++) {
        ls_cond_init(&o->slots[i].cond);
    }
    o->ring_bits = RING_BITS_MIN;
    o->passed = ring_alloc(o->ring_bits);
    o->highest = position;
    atomic_store(&o->position, position);
}

void ls_order_destroy(struct ls_order *o)
{
    for (int i = 0; i < LS_ORDER_SLOTS; i++) {
        LS_ASSERT(o->slots[i].waiters == 0);
        ls_cond_destroy(&o->slots[i].cond);
    }
    ls_mutex_destroy(&o->lock);
    free(o->passed);
    o->passed = NULL;
}

static void wake_slot(struct ls_order_slot *s)
{
    if (s->waiters > 0) {
        ls_cond_broadcast(&s->cond);
    }
}

/* The position moved from `from` to `to`: wakes those who waited for a number in between. */
static void wake_range(struct ls_order *o, int64_t from, int64_t to)
{
    int64_t count = to - from;
    if (count > LS_ORDER_SLOTS) {
        count = LS_ORDER_SLOTS;
    }
    for (int64_t i = 0; i < count; i++) {
        wake_slot(slot_of(o, to - i));
    }
}

void ls_order_reset(struct ls_order *o, int64_t position)
{
    ls_mutex_lock(&o->lock);
    memset(o->passed, 0, o->ring_bits / 8);
    o->highest = position;
    atomic_store(&o->position, position);
    for (int i = 0; i < LS_ORDER_SLOTS; i++) {
        wake_slot(&o->slots[i]);
    }
    ls_mutex_unlock(&o->lock);
}

int64_t ls_order_position(const struct ls_order *o)
{
    return atomic_load(&o->position);
}

void ls_order_pass(struct ls_order *o, int64_t number)
{
    ls_mutex_lock(&o->lock);
    int64_t before = atomic_load_explicit(&o->position, memory_order_relaxed);

    LS_ASSERT(number > before);
    if (number > o->highest) {
        if ((uint64_t)(number - before) > o->ring_bits) {
            ring_grow(o, before, number);
        }
        o->highest = number;
    }
    o->passes++;
    o->window_sum += (uint64_t)(o->highest - before);
    if (number == before + 1) {
        int64_t now = number;
        while (now < o->highest && ring_get(o, now + 1)) {
            ring_put(o, ++now, false);
        }
        atomic_store(&o->position, now);
        wake_range(o, before, now);
    } else {
        LS_ASSERT(!ring_get(o, number));
        ring_put(o, number, true);
        o->out_of_order++;
    }
    ls_mutex_unlock(&o->lock);
}

enum ls_rc ls_order_wait(struct ls_order *o, int64_t number, int64_t deadline_us,
                         ls_order_cancel cancel, void *arg)
{
    enum ls_rc rc = LS_OK;
    struct ls_order_slot *s = slot_of(o, number);

    if (ls_order_position(o) >= number) {
        return LS_OK;
    }
    ls_mutex_lock(&o->lock);
    s->waiters++;
    while (ls_order_position(o) < number) {
        if (cancel != NULL && cancel(arg)) {
            rc = LS_E_INTERRUPTED;
            break;
        }
        if (deadline_us < 0) {
            ls_cond_wait(&s->cond, &o->lock);
        } else if (!ls_cond_wait_until(&s->cond, &o->lock, deadline_us) &&
                   ls_order_position(o) < number) {
            rc = LS_E_TIMEOUT;
            break;
        }
    }
    s->waiters--;
    ls_mutex_unlock(&o->lock);
    return rc;
}

void ls_order_kick(struct ls_order *o, int64_t number)
{
    ls_mutex_lock(&o->lock);
    wake_slot(slot_of(o, number));
    ls_mutex_unlock(&o->lock);
}

void ls_order_kick_all(struct ls_order *o)
{
    ls_mutex_lock(&o->lock);
    for (int i = 0; i < LS_ORDER_SLOTS; i++) {
        wake_slot(&o->slots[i]);
    }
    ls_mutex_unlock(&o->lock);
}

void ls_order_reset_stats(struct ls_order *o)
{
    ls_mutex_lock(&o->lock);
    o->passes = 0;
    o->out_of_order = 0;
    o->window_sum = 0;
    ls_mutex_unlock(&o->lock);
}
