/* A node that cannot keep up (rule 14). Flow control lets a node with a long queue hold the others
 * up, so that it stays close behind them. That must not go on for long: who has asked for pauses
 * during half of the last fc.time_limit leaves flow control, as if it were desynced, and comes back
 * when its queue is short again. It stays a member and keeps its vote. Only while most of the
 * others keep up: when a majority is slow, the group has the speed of the majority.
 *
 * Members decide by their own watch, each with a patience of its own, so that two who are slow
 * alike do not leave at the same moment without knowing of each other. */
#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"

#define BACK_SHARE 2 /* back when the queue is shorter than the limit divided by this */

/* Of the members that hold data most stay in flow control without us. `lock` is held. */
static bool others_keep_up(const struct ls_provider *p)
{
    uint32_t all = 0, synced = 0;

    for (uint32_t i = 0; i < p->config.count; i++) {
        const struct ls_member *m = &p->config.members[i];
        if (!m->no_data) {
            all++;
            synced += m->state == LS_NODE_SYNCED && !ls_uuid_equal(&m->id, &p->self);
        }
    }
    return 2 * synced > all;
}

/* `lock` is held. */
static bool holds_up(struct ls_provider *p, uint64_t asked_ns)
{
    struct ls_lag *l = &p->lag;
    int index = ls_config_index_of(&p->config, &p->self);
    uint64_t seconds =
        (uint64_t)(p->settings.fc_time_limit_us / 1000000) + (index > 0 ? (uint64_t)index : 0);
    uint64_t before;

    l->asked_ns[l->count++ % LS_LAG_SAMPLES] = asked_ns;
    if (seconds < 1) {
        seconds = 1;
    } else if (seconds >= LS_LAG_SAMPLES) {
        seconds = LS_LAG_SAMPLES - 1;
    }
    if (p->settings.fc_time_limit_us == 0 || l->count <= seconds) {
        return false;
    }
    before = l->asked_ns[(l->count - 1 - seconds) % LS_LAG_SAMPLES];
    return asked_ns - before >= seconds * UINT64_C(500000000);
}

static void leave_flow_control(struct ls_provider *p, uint64_t length, bool log_full)
{
    int64_t applied = ls_order_position(&p->apply);

    if (ls_phase_announce(p, LS_NODE_DONOR, true, applied) != LS_OK) {
        return;
    }
    ls_mutex_lock(&p->lock);
    p->lag.out = true;
    p->lag.count = 0;
    ls_mutex_unlock(&p->lock);
    ls_info(
        "This node cannot keep up: %s, %llu write-sets wait to be applied. It has held the others "
        "up for longer than fc.time_limit allows and leaves flow control until its queue is short",
        log_full ? "the disk of its write-set log is nearly full" : "it applies too slowly",
        (unsigned long long)length);
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

void ls_lag_check(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);
    struct ls_engine_stats stats;
    uint64_t length = ls_queue_length(&p->queue);

    if (e == NULL) {
        return;
    }
    ls_engine_get_stats(e, &stats);
    ls_provider_drop_engine(p);
    ls_mutex_lock(&p->lock);
    enum ls_phase phase = (enum ls_phase)atomic_load(&p->phase);
    bool slow = holds_up(p, stats.fc_asked_ns);
    bool leave = phase == LS_PHASE_SYNCED && slow && !p->lag.out && others_keep_up(p);
    bool back = phase == LS_PHASE_DONOR && p->lag.out && p->desyncs == 0 && p->donations == 0 &&
                length <= p->settings.fc_limit / BACK_SHARE && !stats.log_full;
    ls_mutex_unlock(&p->lock);
    if (leave) {
        leave_flow_control(p, length, stats.log_full);
    } else if (back) {
        come_back(p);
    }
}
