/* An order monitor: which seqnos have passed, and waiting for them.
 *
 * The provider has three of them: commit order (a seqno passes when it left the commit critical
 * section), apply order (a seqno passes when its changes are visible) and the delivered log index.
 * Numbers may pass in any order; the position is the highest number up to which all have passed.
 *
 *   commit order   enter(n) = wait(n - 1)            leave(n) = pass(n)
 *   apply order    start when depends_on is reached  done     = pass(n)
 *
 * Every number passes exactly once. Wake-ups are targeted: a waiter sleeps on the slot of the
 * number it waits for, and only the slots that the position moved over are woken. */
#ifndef LS_PROVIDER_ORDER_H
#define LS_PROVIDER_ORDER_H

#include "wsrep/base/error.h"
#include "wsrep/os/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LS_ORDER_SLOTS 64

struct ls_order_slot {
    ls_cond cond;
    uint32_t waiters;
};

struct ls_order {
    ls_mutex lock;
    _Atomic int64_t position;
    uint64_t *passed;   /* ring of bits for the numbers above the position */
    uint64_t ring_bits; /* its size, a power of two */
    int64_t highest;    /* highest number that passed */
    /* for the status variables, since the last reset */
    uint64_t passes;
    uint64_t out_of_order; /* passed while a lower one had not */
    uint64_t window_sum;   /* of highest - position at each pass */
    struct ls_order_slot slots[LS_ORDER_SLOTS];
};

/* Asked with the monitor's lock held: must be quick and take no lock that is held while one calls
 * into the monitor. */
typedef bool (*ls_order_cancel)(void *arg);

void ls_order_init(struct ls_order *o, int64_t position);
void ls_order_destroy(struct ls_order *o);

/* A new start: everything at or below position counts as passed. Nobody may be on the way. */
void ls_order_reset(struct ls_order *o, int64_t position);

/* The highest number up to which all have passed. */
int64_t ls_order_position(const struct ls_order *o);

void ls_order_pass(struct ls_order *o, int64_t number);

/* Until position >= number. deadline_us < 0: for ever. cancel may be NULL; it is asked at the start
 * and after each ls_order_kick(). LS_OK, LS_E_TIMEOUT or LS_E_INTERRUPTED. A number already reached
 * is LS_OK whatever cancel would say. */
enum ls_rc ls_order_wait(struct ls_order *o, int64_t number, int64_t deadline_us,
                         ls_order_cancel cancel, void *arg);

/* Makes those who wait for this number ask their cancel function. */
void ls_order_kick(struct ls_order *o, int64_t number);
void ls_order_kick_all(struct ls_order *o);

void ls_order_reset_stats(struct ls_order *o);

#endif
