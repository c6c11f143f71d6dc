/* Where the leader is (rule 7). A member that makes nearly all write-sets saves the way to the
 * leader and back, when it leads itself: on a WAN its commit takes one round trip to the nearest
 * others instead of one to the leader, and with more than three voters one hop less anywhere. A
 * busy one saves a message and a wake-up there for each write-set, however near that is. A change
 * of leaders costs some round trips for everybody, so it takes a large share, for long, and a
 * leader that has been in office for a while.
 *
 * A leader that gives its state to another, was desynced, or is read-only hands over to one that is
 * not: who asks where to write is sent to the leader (plugin/health). */
#include "gcomm/core/internal.h"

#define SAMPLE_US 1000000
#define STREAK 5             /* samples in a row that name the same member */
#define OFFICE_US 10000000   /* a new leader is left in peace */
#define UNFIT_US 300000      /* a desync that is over at once moves nothing */
#define SHARE_PERCENT 80     /* of the write-sets of a sample */
#define SAMPLE_ENTRIES 5     /* fewer tell nothing */
#define FAR_US 2000          /* a round trip worth saving, with three voters or fewer */
#define BUSY_ENTRIES 200     /* of a sample: messages worth saving, however near */
#define BEHIND_ENTRIES 10000 /* the new one has to fetch them before it orders */

void core_place_reset(struct ls_core *c)
{
    c->place_own = 0;
    c->place_streak = 0;
    c->place_unfit_us = 0;
    c->place_due_us = c->now_us + SAMPLE_US;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        c->peers[i].wrote = 0;
        c->peers[i].timed_index = 0;
        c->peers[i].way_us = 0;
        c->peers[i].way_sample_us = 0;
    }
}

void core_place_wrote(struct ls_core *c, const struct ls_uuid *origin)
{
    struct peer *p;

    if (ls_uuid_equal(origin, &c->me.id)) {
        c->place_own++;
        return;
    }
    p = core_peer(c, origin);
    if (p != NULL) {
        p->wrote++;
    }
}

/* One entry at a time is timed on its way to a peer and back. What its disk takes is in it, too:
 * the shortest of a second counts. */
void core_place_sent(struct ls_core *c, struct peer *p, uint64_t last)
{
    if (p->timed_index == 0 && last > p->match) {
        p->timed_index = last;
        p->timed_us = c->now_us;
    }
}

void core_place_acked(struct ls_core *c, struct peer *p, uint64_t index)
{
    int64_t took_us = c->now_us - p->timed_us;

    if (p->timed_index == 0 || index < p->timed_index) {
        return;
    }
    p->timed_index = 0;
    if (p->way_sample_us == 0 || took_us < p->way_sample_us) {
        p->way_sample_us = took_us > 0 ? took_us : 1;
    }
}

static uint32_t count_voters(const struct ls_config *config)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < config->count; i++) {
        n += config->members[i].role == LS_MEMBER_VOTER;
    }
    return n;
}

static bool could_lead(struct ls_core *c, const struct peer *p)
{
    const struct ls_member *m = ls_config_find(&c->old, &p->id);

    return m != NULL && m->role == LS_MEMBER_VOTER && !m->no_data && m->weight > 0 &&
           m->state == LS_NODE_SYNCED && !p->unwilling && m->incarnation == p->incarnation &&
           core_is_heard(c, &p->id) && p->match + BEHIND_ENTRIES >= c->last.index;
}

/* Who made nearly all of the last sample's write-sets, if it is somebody else. */
static struct peer *find_writer(struct ls_core *c)
{
    struct peer *best = NULL;
    uint64_t sum = c->place_own;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        sum += p->wrote;
        if (best == NULL || p->wrote > best->wrote) {
            best = p;
        }
    }
    return best != NULL && sum >= SAMPLE_ENTRIES && best->wrote * 100 >= sum * SHARE_PERCENT ? best
                                                                                             : NULL;
}

static void next_sample(struct ls_core *c)
{
    c->place_due_us = c->now_us + SAMPLE_US;
    c->place_own = 0;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        p->wrote = 0;
        p->way_us = p->way_sample_us;
        p->way_sample_us = 0;
    }
}

/* Who holds most of the log of those that are synced. */
static struct peer *find_synced(struct ls_core *c)
{
    struct peer *best = NULL;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (could_lead(c, p) && (best == NULL || p->match > best->match)) {
            best = p;
        }
    }
    return best;
}

static void hand_to_synced(struct ls_core *c)
{
    const struct ls_member *me = ls_config_find(&c->old, &c->me.id);
    const struct peer *p;

    if (!c->params.unwilling && (me == NULL || me->state != LS_NODE_DONOR)) {
        c->place_unfit_us = 0;
        return;
    }
    if (c->place_unfit_us == 0) {
        c->place_unfit_us = c->now_us;
    }
    if (c->now_us - c->place_unfit_us < UNFIT_US || c->leaving || c->pending_index != 0) {
        return;
    }
    p = find_synced(c);
    if (p != NULL) {
        c->place_unfit_us = c->now_us + SAMPLE_US - UNFIT_US; /* until it is asked once more */
        core_log(c, LS_LOG_INFO,
                 "this node leads and is desynced, read-only or out of rotation: %s may lead from "
                 "now on",
                 LS_UUID_STR(&p->id));
        core_hand_over(c, &p->id);
    }
}

void core_place_tick(struct ls_core *c)
{
    struct peer *writer;
    bool busy;

    hand_to_synced(c);
    if (c->now_us < c->place_due_us) {
        return;
    }
    writer = find_writer(c);
    if (writer == NULL || !ls_uuid_equal(&writer->id, &c->place_to)) {
        c->place_streak = 0;
    }
    c->place_streak += writer != NULL;
    c->place_to = writer != NULL ? writer->id : ls_uuid_zero;
    busy = writer != NULL && writer->wrote >= BUSY_ENTRIES;
    next_sample(c);
    if (writer == NULL || c->place_streak < STREAK || c->now_us - c->leader_since_us < OFFICE_US ||
        c->leaving || c->pending_index != 0 || !could_lead(c, writer) ||
        (!busy && writer->way_us < FAR_US && count_voters(&c->old) <= 3)) {
        return;
    }
    c->place_streak = 0;
    core_log(c, LS_LOG_INFO,
             "%s makes nearly all write-sets and is %.1f ms away: it may lead from now on",
             LS_UUID_STR(&writer->id), (double)writer->way_us / 1000);
    core_hand_over(c, &writer->id);
}
