/* What a node missed comes from the group's log: a line when that begins, one every ten seconds
 * with how far it is, one when it is done. */
#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#define TELL_INTERVAL_US 10000000

void ls_ist_begin(struct ls_provider *p, int64_t position, int64_t last)
{
    ls_info("State at %lld is good: the missing write-sets up to %lld come from the log (IST).",
            (long long)position, (long long)last);
    if (last > position) {
        ls_info("Receiving IST: %lld write-sets, seqnos %lld-%lld", (long long)(last - position),
                (long long)position + 1, (long long)last);
    }
    ls_mutex_lock(&p->lock);
    p->ist = (struct ls_ist){
        .running = true, .base = position, .next_us = ls_clock_us() + TELL_INTERVAL_US};
    ls_mutex_unlock(&p->lock);
}

bool ls_ist_end(struct ls_provider *p)
{
    bool was = p->ist.running;

    p->ist.running = false;
    return was;
}

void ls_ist_tell(struct ls_provider *p)
{
    int64_t applied = ls_order_position(&p->apply);
    int64_t now_us = ls_clock_us();

    ls_mutex_lock(&p->lock);
    int64_t all = p->joined_seqno - p->ist.base;
    int64_t done = applied - p->ist.base;
    bool due = p->ist.running && now_us >= p->ist.next_us && done >= 0 && done < all;
    if (due) {
        p->ist.next_us = now_us + TELL_INTERVAL_US;
    }
    ls_mutex_unlock(&p->lock);
    if (due) {
        ls_info("Receiving IST... %.1f%% (%lld/%lld events) complete.",
                100.0 * (double)done / (double)all, (long long)done, (long long)all);
    }
}
