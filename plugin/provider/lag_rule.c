#include "plugin/provider/lag_rule.h"

#include <string.h>

#define HALF_A_SECOND_NS UINT64_C(500000000)

void ls_lag_forget(struct ls_lag *l)
{
    bool out = l->out;

    memset(l, 0, sizeof(*l));
    l->out = out;
}

bool ls_lag_is_stuck(struct ls_lag *l, bool asks, int64_t applied,
                     const struct ls_lag_others *others)
{
    bool stands = asks && applied == l->stands_at && 2 * others->beyond > others->synced;

    l->stands_at = applied;
    l->stuck = stands ? l->stuck + 1 : 0;
    return l->stuck >= LS_LAG_STUCK_SAMPLES;
}

bool ls_lag_is_slow(struct ls_lag *l, uint64_t asked_ns, int64_t limit_us, uint32_t patience_s)
{
    uint64_t seconds = (uint64_t)(limit_us / 1000000) + patience_s;
    uint64_t before;

    l->asked_ns[l->count++ % LS_LAG_SAMPLES] = asked_ns;
    if (seconds < 1) {
        seconds = 1;
    } else if (seconds >= LS_LAG_SAMPLES) {
        seconds = LS_LAG_SAMPLES - 1;
    }
    if (limit_us == 0 || l->count <= seconds) {
        return false;
    }
    before = l->asked_ns[(l->count - 1 - seconds) % LS_LAG_SAMPLES];
    return asked_ns - before >= seconds * HALF_A_SECOND_NS;
}

bool ls_lag_may_leave(const struct ls_lag_others *others, bool disk_full)
{
    uint32_t keep_up = disk_full ? others->synced : others->beyond;

    return 2 * keep_up > others->synced + others->desynced;
}
