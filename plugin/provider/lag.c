/* A node that cannot keep up (rule 14). Flow control lets a node with a long queue hold the others
 * up, so that it stays close behind them. That must not go on for long: who is stuck or slow (see
 * lag_rule.h) leaves flow control, as if it were desynced, and comes back when its queue is short
 * again. It stays a member and keeps its vote. Members decide by their own watch. */
#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"

#include <stdio.h>

#define BACK_SHARE 2 /* back when the queue is shorter than the limit divided by this */

/* It gives its state to a joiner: it has no choice, and says nothing of its speed. `lock` is held.
 */
static bool donates(const struct ls_provider *p, const struct ls_uuid *id)
{
    for (size_t i = 0; i < p->transfer_count; i++) {
        if (ls_uuid_equal(&p->transfers[i].donor, id)) {
            return true;
        }
    }
    return false;
}

/* Who is a joiner or a donor is not counted: it is in nobody's way. `lock` is held. */
static struct ls_lag_others look_at_others(const struct ls_provider *p, struct ls_engine *e,
                                           int64_t applied)
{
    struct ls_lag_others o = {0};

    for (uint32_t i = 0; i < p->config.count; i++) {
        const struct ls_member *m = &p->config.members[i];
        if (m->no_data || ls_uuid_equal(&m->id, &p->self)) {
            continue;
        }
        if (m->state == LS_NODE_SYNCED) {
            o.synced++;
            o.beyond += ls_engine_peer_applied(e, &m->id) > applied;
        } else if (m->state == LS_NODE_DONOR && !donates(p, &m->id)) {
            o.desynced++;
        }
    }
    return o;
}

static void leave_flow_control(struct ls_provider *p, const char *why)
{
    int64_t applied = ls_order_position(&p->apply);
    uint64_t length = ls_queue_length(&p->queue);

    if (ls_phase_announce(p, LS_NODE_DONOR, true, applied) != LS_OK) {
        return;
    }
    ls_mutex_lock(&p->lock);
    p->lag.out = true;
    ls_lag_forget(&p->lag);
    ls_mutex_unlock(&p->lock);
    ls_info("This node cannot keep up: %s, %llu write-sets wait to be applied. It has held the "
            "others up for longer than is allowed and leaves flow control until its queue is short",
            why, (unsigned long long)length);
}

static void come_back(struct ls_provider *p)
{
    int64_t applied = ls_order_position(&p->apply);

    if (ls_phase_announce(p, LS_NODE_JOINED, false, applied) == LS_OK) {
        ls_info("This node has caught up and takes part in flow control again");
        ls_mutex_lock(&p->lock);
        p->lag.out = false;
        ls_mutex_unlock(&p->lock);
    }
}

/* `lock` is held. */
static bool takes_part(const struct ls_provider *p)
{
    return atomic_load(&p->phase) == LS_PHASE_SYNCED && !p->lag.out;
}

void ls_lag_watch(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);
    int64_t applied = ls_order_position(&p->apply);
    char why[160];

    if (e == NULL) {
        return;
    }
    bool asks = ls_engine_asks_pause(e);
    ls_engine_watch_applied(e, asks);
    ls_mutex_lock(&p->lock);
    struct ls_lag_others others = look_at_others(p, e, applied);
    bool stuck = ls_lag_is_stuck(&p->lag, asks, applied, &others);
    bool leave = stuck && takes_part(p) && p->settings.fc_time_limit_us > 0;
    ls_mutex_unlock(&p->lock);
    ls_provider_drop_engine(p);
    if (leave) {
        snprintf(why, sizeof(why),
                 "it has applied nothing for %.1f s and stands at %lld, which others are beyond "
                 "(does a client hold a lock there?)",
                 LS_LAG_STUCK_US / 1e6, (long long)applied);
        leave_flow_control(p, why);
    }
}

void ls_lag_check(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);
    struct ls_engine_stats stats;
    uint64_t length = ls_queue_length(&p->queue);
    int64_t applied = ls_order_position(&p->apply);

    if (e == NULL) {
        return;
    }
    ls_engine_get_stats(e, &stats);
    ls_mutex_lock(&p->lock);
    int index = ls_config_index_of(&p->config, &p->self);
    struct ls_lag_others others = look_at_others(p, e, applied);
    bool slow = ls_lag_is_slow(&p->lag, stats.fc_asked_ns, p->settings.fc_time_limit_us,
                               index > 0 ? (uint32_t)index : 0);
    bool leave = slow && takes_part(p) && ls_lag_may_leave(&others, stats.log_full);
    bool back = atomic_load(&p->phase) == LS_PHASE_DONOR && p->lag.out && p->desyncs == 0 &&
                p->donations == 0 && length <= p->settings.fc_limit / BACK_SHARE && !stats.log_full;
    ls_mutex_unlock(&p->lock);
    ls_provider_drop_engine(p);
    if (leave) {
        leave_flow_control(p, stats.log_full ? "the disk of its write-set log is nearly full"
                                             : "it applies too slowly");
    } else if (back) {
        come_back(p);
    }
}
