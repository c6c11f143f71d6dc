/* When a member that holds the others up leaves flow control: the rules alone, fed with samples.
 * Two kinds, since they ask for different patience.
 *
 *   stuck   it asks for a pause and has applied nothing for LS_LAG_STUCK_US, while most of the
 *           others have applied what it stands at. Nothing is gained by waiting for it. A statement
 *           in total order or a big transaction that all of them still work at does not count: no
 *           member is behind another there.
 *   slow    it has asked for pauses during half of fc.time_limit. It applies, and an ordinary
 *           overload drains.
 *
 * Who leaves is behind somebody who stays, so never all leave at once. */
#ifndef LS_PROVIDER_LAG_RULE_H
#define LS_PROVIDER_LAG_RULE_H

#include "gcomm/core/config.h"

#include <stdbool.h>
#include <stdint.h>

#define LS_LAG_LIMIT_MAX_S 3600 /* of fc.time_limit, as the table of options has it */
#define LS_LAG_SAMPLES (LS_LAG_LIMIT_MAX_S + LS_MAX_MEMBERS + 1)
#define LS_LAG_SAMPLE_US 200000 /* between two samples of the first kind */
#define LS_LAG_STUCK_SAMPLES 4
#define LS_LAG_STUCK_US (LS_LAG_STUCK_SAMPLES * LS_LAG_SAMPLE_US)

/* All zero: nothing seen yet. */
struct ls_lag {
    uint64_t asked_ns[LS_LAG_SAMPLES]; /* time that pauses were asked for, one sample a second */
    uint64_t count;                    /* of them, ever */
    int64_t stands_at;                 /* applied up to here, at the last sample */
    uint32_t stuck;                    /* samples in a row that found it stuck there */
    bool out;                          /* it has left flow control because of it */
};

/* The others that hold data, as one member sees them. */
struct ls_lag_others {
    uint32_t synced;   /* take part in flow control */
    uint32_t beyond;   /* of them: have applied more than this member */
    uint32_t desynced; /* do not take part: too slow, or taken out by hand */
};

/* What was seen is forgotten; `out` stays. */
void ls_lag_forget(struct ls_lag *l);

/* Another sample, about LS_LAG_SAMPLE_US after the last: whether this member asks for a pause, what
 * it has applied. True: it is stuck. */
bool ls_lag_is_stuck(struct ls_lag *l, bool asks, int64_t applied,
                     const struct ls_lag_others *others);

/* Another sample, a second after the last: how long pauses were asked for in all. `limit_us` is
 * fc.time_limit, 0: none. `patience_s` is added to it, another number for each member, so that two
 * that are slow alike do not leave before they have heard of each other. */
bool ls_lag_is_slow(struct ls_lag *l, uint64_t asked_ns, int64_t limit_us, uint32_t patience_s);

/* A slow one may leave while most of the others keep up: when a majority is slow, the group has its
 * speed. With a full disk nobody is beyond anybody else, all stand: then who takes part keeps up.
 */
bool ls_lag_may_leave(const struct ls_lag_others *others, bool disk_full);

#endif
