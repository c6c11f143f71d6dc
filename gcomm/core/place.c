/* Where the leader is (rule 7). A member that makes nearly all write-sets saves the way to the
 * leader and back, when it leads itself: on a WAN its commit takes one round trip to the nearest
 * others instead of one to the leader, and with more than three voters one hop less anywhere. A
 * busy one saves a message and a wake-up there for each write-set, however near that is. A change
 * of leaders costs some round trips for everybody, so it takes a large share, for long, and a
 * leader that has been in office for a while.
 *
 * A leader whose link loses packets is heard often enough to lead on, while all that others write
 * waits for what TCP sends again: when answers of so many come late again and again that those of
 * the rest make no majority, it hands over to one that was heard just now, and asks to be spared
 * for a while. Where all links are so, everybody has had a turn then, and nothing moves.
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

#define LATE_US 150000          /* longer than the shortest way: something was sent again */
#define LATE_SUM_US 450000      /* of such time, among all: it is not a single packet */
#define LATE_MOST_US 1000000    /* what is remembered of one, */
#define LATE_FORGET 10          /* and forgotten in so many times that */
#define LATE_BYTES 1048576      /* under way to somebody, they are what takes the time */
#define LINK_RETRY_US 500000    /* the word to stand for election may be lost, too */
#define LINK_SPARE_US 300000000 /* leadership is not given back for so long, */
#define LINK_SOUND_US 2000000   /* unless the link has been sound for so long */

void core_place_reset(struct ls_core *c)
{
    c->place_tick_us = c->now_us;
    c->place_own = 0;
    c->place_streak = 0;
    c->place_unfit_us = 0;
    c->place_due_us = c->now_us + SAMPLE_US;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        c->peers[i].wrote = 0;
        c->peers[i].timed_index = 0;
        c->peers[i].way_us = 0;
        c->peers[i].way_sample_us = 0;
        core_place_forget_late(&c->peers[i]);
    }
}

void core_place_forget_late(struct peer *p)
{
    p->asked_us = 0;
    p->turn_us = 0;
    p->late_us = 0;
    p->late = false;
}

static void note_way(int64_t *shortest_us, int64_t took_us)
{
    if (*shortest_us == 0 || took_us < *shortest_us) {
        *shortest_us = took_us > 0 ? took_us : 1; /* 0: not known */
    }
}

void core_place_asked(struct ls_core *c, struct peer *p, uint64_t round)
{
    if (p->asked_us == 0) {
        p->asked_us = c->now_us;
        p->asked_round = round;
    }
}

void core_place_answered(struct ls_core *c, struct peer *p, uint64_t round)
{
    int64_t took_us = c->now_us - p->asked_us;

    if (p->asked_us == 0 || round < p->asked_round) {
        return;
    }
    p->asked_us = 0;
    note_way(&p->turn_us, took_us);
}

bool core_place_is_spared(const struct ls_core *c)
{
    return c->place_spared_us != 0 && c->now_us - c->place_spared_us < LINK_SPARE_US &&
           c->now_us - c->place_gap_us < LINK_SOUND_US;
}

void core_place_heard(struct ls_core *c, int64_t late_us)
{
    if (late_us > LATE_US) {
        c->place_gap_us = c->now_us;
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
    note_way(&p->way_sample_us, took_us);
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

/* One that has not answered yet on this connection may have reasons of its own: it is being let in,
 * or fetches what it lacks. */
static bool is_late(const struct ls_core *c, const struct peer *p)
{
    return p->up && p->asked_us != 0 && p->turn_us != 0 &&
           c->now_us - p->asked_us > LATE_US + 2 * p->turn_us && p->inflight_bytes < LATE_BYTES;
}

static void note_late(struct ls_core *c)
{
    int64_t passed_us = c->now_us - c->place_tick_us;

    c->place_tick_us = c->now_us;
    if (passed_us > LATE_US) {
        passed_us = 0; /* we stood still ourselves */
    }
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        bool late = is_late(c, p);
        p->late_us += !late     ? -passed_us / LATE_FORGET
                      : p->late ? passed_us
                                : c->now_us - p->asked_us;
        p->late_us = p->late_us < 0 ? 0 : p->late_us < LATE_MOST_US ? p->late_us : LATE_MOST_US;
        p->late = late;
    }
}

static bool is_prompt(struct ls_core *c, const struct ls_uuid *id)
{
    const struct peer *p = core_peer(c, id);

    return ls_uuid_equal(id, &c->me.id) || (p != NULL && p->up && p->late_us == 0);
}

/* One that is late may have a bad link itself: so many that the rest make no majority. */
static bool are_many_late(struct ls_core *c)
{
    int64_t sum_us = 0;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        sum_us += c->peers[i].late_us;
    }
    return sum_us >= LATE_SUM_US && !core_majority(c, is_prompt);
}

static bool is_another(struct ls_core *c, const struct ls_uuid *id)
{
    return !ls_uuid_equal(id, &c->me.id) && core_is_heard(c, id);
}

/* One of the late ones may have a bad link itself, and ours be sound: the one that is least so. */
static struct peer *find_prompt(struct ls_core *c)
{
    struct peer *best = NULL;

    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (could_lead(c, p) && core_is_fresh(c, &p->id) &&
            (best == NULL || p->late_us < best->late_us)) {
            best = p;
        }
    }
    return best;
}

static void hand_over_for_link(struct ls_core *c)
{
    const struct peer *p;

    note_late(c);
    /* Nobody hands over before it has led: whoever is next has to get as far. */
    if (c->commit < c->term_first || !are_many_late(c) || !core_majority(c, is_another) ||
        c->leaving || c->pending_index != 0 ||
        (c->handed_us != 0 && c->now_us - c->handed_us < LINK_RETRY_US)) {
        return;
    }
    p = find_prompt(c);
    if (p == NULL) {
        return;
    }
    if (!core_place_is_spared(c)) {
        core_log(c, LS_LOG_WARN,
                 "this node leads, and the answers of too many others come late again and again "
                 "(is its network sound?): %s may lead from now on",
                 LS_UUID_STR(&p->id));
    }
    c->place_spared_us = c->place_gap_us = c->now_us;
    core_hand_over(c, &p->id);
}

void core_place_tick(struct ls_core *c)
{
    struct peer *writer;
    bool busy;

    hand_to_synced(c);
    hand_over_for_link(c);
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
