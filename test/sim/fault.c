#include "test/sim/fault.h"

#include "test/sim/hands.h"
#include "test/sim/host.h"
#include "test/sim/server.h"

#include <stddef.h>
#include <string.h>

void ls_fault_undo_at(struct ls_world *w, enum ls_undo_kind kind, int a, int b, int64_t in_us)
{
    if (w->undo_count < sizeof(w->undo) / sizeof(w->undo[0])) {
        w->undo[w->undo_count++] =
            (struct ls_undo){.at = w->now + in_us, .kind = (uint8_t)kind, .a = a, .b = b};
    }
}

bool ls_fault_undo_room(const struct ls_world *w, uint32_t n)
{
    return w->undo_count + n <= sizeof(w->undo) / sizeof(w->undo[0]);
}

static void lose_disk(struct ls_node *n)
{
    uint64_t incarnation = n->disk.incarnation;

    n->world->stats.wipes++;
    ls_host_crash(n, false);
    ls_world_trace(n->world, n, "--- loses its disk");
    ls_disk_wipe(&n->disk);
    n->disk.incarnation = incarnation; /* never reused, as if the clock gave it */
}

static void restart_in(struct ls_node *n, int64_t lo, int64_t hi)
{
    n->start_at = n->world->now + ls_world_between(n->world, lo, hi);
}

static void end_life(struct ls_node *n)
{
    if (n->loses_disk) {
        lose_disk(n);
    } else {
        ls_host_crash(n, false);
    }
    n->loses_disk = false;
    restart_in(n, 1000000, 8000000);
}

static void lose_last_copy(struct ls_world *w, struct ls_node *n);

static void undo(struct ls_world *w, const struct ls_undo *u)
{
    struct ls_node *n = &w->nodes[u->a];

    switch (u->kind) {
    case LS_UNDO_CUT:
        ls_simnet_cut(w, u->a, u->b, false);
        break;
    case LS_UNDO_SLOW_LINK:
        w->net.dir[u->a][u->b].slow = 1;
        w->nodes[u->b].troubled_at = w->now;
        break;
    case LS_UNDO_PAUSE:
        if (n->paused) {
            ls_world_trace(w, n, "--- goes on");
            n->paused = false;
            n->troubled_at = w->now;
            n->due = n->due > w->now ? n->due : w->now;
        }
        break;
    case LS_UNDO_LIFE:
        end_life(n);
        break;
    case LS_UNDO_LAST_COPY:
        lose_last_copy(w, n);
        break;
    case LS_UNDO_FULL_DISK:
        n->disk.full = false;
        break;
    default:
        n->slowness = 1;
        n->troubled_at = w->now;
        break;
    }
}

struct ls_node *ls_fault_random_node(struct ls_world *w)
{
    return &w->nodes[ls_prng_below(&w->rng, (uint64_t)w->count)];
}

/* ---- processes ---- */

static void crash(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    if (n->running) {
        w->stats.crashes++;
        if (ls_world_chance(w, 0.5)) { /* between two actions */
            n->crash_after = ls_world_between(w, 0, 12);
            n->crash_power = false;
        } else {
            ls_host_crash(n, false);
            restart_in(n, 50000, 8000000);
        }
    }
}

static void crash_all(struct ls_world *w, bool power)
{
    bool half = w->seed % 16 == 9; /* in the middle of a statement in total order */

    ls_world_trace(w, NULL, "--- everybody %s", power ? "loses power" : "crashes");
    for (int i = 0; i < w->count; i++) {
        w->nodes[i].disk.half |= half && ls_world_chance(w, 0.8);
        if (w->nodes[i].running) {
            w->stats.crashes++;
            w->stats.power_cuts += power;
            ls_host_crash(&w->nodes[i], power);
        }
        restart_in(&w->nodes[i], 50000, 6000000);
    }
    for (int i = 0; i < w->count; i++) {
        ls_oracle_outage(&w->oracle, i, w->nodes[i].disk.term, w->nodes[i].disk.incarnation);
    }
}

static void pause(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    if (n->running && !n->paused && ls_fault_undo_room(w, 1)) {
        int64_t duration = ls_world_between(w, 200000, 20000000);
        w->stats.pauses++;
        ls_world_trace(w, n, "--- stands still for %lld us", (long long)duration);
        n->paused = true;
        ls_fault_undo_at(w, LS_UNDO_PAUSE, n->slot, 0, duration);
    }
}

static void leave(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);
    int others = 0;

    for (int i = 0; i < w->count; i++) {
        const struct ls_node *o = &w->nodes[i];
        others += o != n && !o->arbiter && ls_server_ready(o);
    }
    if (n->running && !n->paused && n->srv.in_view && others >= 1) {
        w->stats.leaves++;
        ls_world_trace(w, n, "--- leaves");
        ls_host_leave(n);
    }
}

static void desync(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    if (ls_server_ready(n)) {
        n->srv.desync_until = w->now + ls_world_between(w, 500000, 5000000);
    }
}

/* ---- disks ---- */

/* Is what the voters of this configuration hold safe without this disk? Weights that are all zero
 * count one each. */
static bool majority_without(struct ls_world *w, const struct ls_config *c, const struct ls_node *n)
{
    unsigned intact = 0, all = 0, weights = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        weights += c->members[i].role == LS_MEMBER_VOTER ? c->members[i].weight : 0;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        const struct ls_member *m = &c->members[i];
        int slot = m->id.b[15];
        if (m->role == LS_MEMBER_VOTER || slot == n->slot) { /* a learner may become one any time */
            unsigned weight = weights > 0 ? m->weight : 1;
            all += weight;
            if (slot != n->slot && slot < w->count &&
                ls_uuid_equal(&w->nodes[slot].disk.id, &m->id)) {
                intact += weight;
            }
        }
    }
    return 2 * intact > all;
}

bool ls_fault_disk_is_lost(const struct ls_world *w)
{
    for (uint32_t i = 0; i < w->config.count; i++) {
        const struct ls_member *m = &w->config.members[i];
        if (m->role == LS_MEMBER_VOTER && !ls_uuid_equal(&w->nodes[m->id.b[15]].disk.id, &m->id)) {
            return true;
        }
    }
    return false;
}

/* Somebody else has data, and a vote: without one it cannot lead, and who has lost its data will
 * not. */
static bool data_without(struct ls_world *w, const struct ls_config *c, const struct ls_node *n)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct ls_node *o = ls_world_find(w, &c->members[i].id);
        if (c->members[i].role == LS_MEMBER_VOTER && o != NULL && o != n && ls_server_ready(o)) {
            return true;
        }
    }
    return false;
}

/* Only while nothing else is wrong: a group that removes another member at the same moment might
 * need this one for its new majority, and rightly wait for ever. */
static bool may_lose_disk(struct ls_world *w, const struct ls_node *n)
{
    bool careless = w->plant == LS_PLANT_AMNESIA; /* whose harm needs more to go wrong */
    struct ls_core_status st, best = {0};

    if (!careless && (w->undo_count > 0 || ls_fault_disk_is_lost(w))) {
        return false;
    }
    for (int i = 0; i < w->count; i++) {
        const struct ls_node *o = &w->nodes[i];
        if (!o->running || !o->srv.in_view) {
            if (careless) {
                continue;
            }
            return false;
        }
        ls_core_get_status(o->core, &st);
        if (!careless && o != n && !majority_without(w, st.old, n)) {
            return false; /* it may not know yet that a dead voter was removed */
        }
        if (st.role == LS_ROLE_LEADER && st.term >= best.term) {
            best = st;
        }
    }
    return best.role == LS_ROLE_LEADER && data_without(w, best.config, n) && w->config.count > 0 &&
           majority_without(w, best.config, n) && majority_without(w, &w->config, n);
}

static void wipe(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    if (!may_lose_disk(w, n)) {
        return;
    }
    struct ls_uuid id = n->disk.id;
    lose_disk(n);
    if (w->plant == LS_PLANT_AMNESIA) {
        n->disk.id = id;
    }
    restart_in(n, 100000, 5000000);
}

/* Without log.sync=majority another boot makes another identity (rule 16): a wipe, then. */
static void power_cut(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    if (!n->disk.marked) {
        wipe(w);
        return;
    }
    w->stats.power_cuts++;
    ls_host_crash(n, true);
    restart_in(n, 500000, 10000000);
}

static void slow_disk(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    if (ls_fault_undo_room(w, 1)) {
        n->slowness = (uint32_t)ls_world_between(w, 5, 100);
        n->troubled_at = INT64_MAX / 2; /* until it is over */
        ls_fault_undo_at(w, LS_UNDO_SLOW_DISK, n->slot, 0, ls_world_between(w, 500000, 10000000));
    }
}

/* By what every one of them knows, all vote and count alike. */
static bool all_alike(const struct ls_world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct ls_core_status st;
        ls_core_get_status(w->nodes[i].core, &st);
        if (st.old->count != (uint32_t)w->count || st.config->count != st.old->count) {
            return false;
        }
        for (uint32_t k = 0; k < st.old->count; k++) {
            if (st.old->members[k].role != LS_MEMBER_VOTER ||
                st.old->members[k].weight != st.old->members[0].weight) {
                return false;
            }
        }
    }
    return true;
}

/* Kill -9 of all is never at one moment: who still lives must not go on so fast without the others
 * that the group cannot do without its disk. */
static void outage(struct ls_world *w)
{
    struct ls_node *loser = ls_fault_random_node(w);

    if (w->count < 3 || loser->arbiter || !ls_hands_all_well(w) || !all_alike(w) ||
        !ls_fault_undo_room(w, (uint32_t)w->count)) {
        return;
    }
    for (int i = 0; i < w->count; i++) {
        ls_fault_undo_at(w, LS_UNDO_LIFE, i, 0, ls_world_between(w, 0, 100000));
    }
    ls_world_trace(w, loser, "--- all are about to die, its disk too");
    loser->loses_disk = true;
}

/* Of two servers one was away and is about to return, the other one goes for good: what it alone
 * had applied is only in the arbitrator's log. Unless the group has already gone on as two of two.
 */
static void lose_last_copy(struct ls_world *w, struct ls_node *n)
{
    struct ls_core_status st;
    bool spared = n->running && n->srv.in_view;

    for (int i = 0; spared && i < w->count; i++) {
        if (w->nodes[i].running) {
            ls_core_get_status(w->nodes[i].core, &st);
            spared = st.old->count == 3 && st.config->count == 3 &&
                     majority_without(w, st.old, n) && majority_without(w, st.config, n);
        }
    }
    if (spared) {
        lose_disk(n);
        restart_in(n, 1000000, 8000000);
    }
}

static void last_copy(struct ls_world *w)
{
    struct ls_node *away = ls_fault_random_node(w);

    if (w->count != 3 || away->arbiter || !ls_hands_all_well(w) || !all_alike(w) ||
        !ls_fault_undo_room(w, 1)) {
        return;
    }
    for (int i = 0; i < w->count; i++) {
        if (i != away->slot && !w->nodes[i].arbiter) {
            ls_fault_undo_at(w, LS_UNDO_LAST_COPY, i, 0, ls_world_between(w, 100000, 1500000));
        }
    }
    w->stats.crashes++;
    ls_host_crash(away, false);
    restart_in(away, 1500000, 4000000);
}

/* A write fails somewhere in a list of actions: the process ends there. */
static void disk_error(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    n->crash_after = ls_world_between(w, 0, 20);
    n->crash_power = n->disk.marked && ls_world_chance(w, 0.5);
}

static void full_disk(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    if (ls_fault_undo_room(w, 1)) {
        ls_world_trace(w, n, "--- its disk is full");
        n->disk.full = true;
        ls_fault_undo_at(w, LS_UNDO_FULL_DISK, n->slot, 0, ls_world_between(w, 200000, 8000000));
    }
}

static void clock_jump(struct ls_world *w)
{
    struct ls_node *n = ls_fault_random_node(w);

    n->clock_offset_us += ls_world_between(w, -1000000, 10000000);
    w->jumped_at = w->now;
    ls_world_trace(w, n, "--- its clock jumps");
}

/* Nobody loses what it acknowledged when the power goes. */
static bool all_marked(const struct ls_world *w)
{
    for (int i = 0; i < w->count; i++) {
        if (w->nodes[i].running && !w->nodes[i].disk.marked) {
            return false;
        }
    }
    return true;
}

/* ---- the plan ---- */

static void power_all(struct ls_world *w)
{
    crash_all(w, all_marked(w));
}

static void kill_all(struct ls_world *w)
{
    crash_all(w, false);
}

#define RATE(field) offsetof(struct ls_profile, field)

/* The order is that in which a draw meets them: what is new comes last, or seeds run another
 * course.
 */
static const struct kind {
    size_t rate; /* in a profile */
    void (*strike)(struct ls_world *w);
    bool harmless; /* also while the group replaces a lost disk */
} kinds[] = {
    {RATE(breaks), ls_fault_break_link, true},
    {RATE(cuts), ls_fault_partition, false},
    {RATE(one_way), ls_fault_cut_one_way, false},
    {RATE(slow_links), ls_fault_slow_link, true},
    {RATE(crashes), crash, false},
    {RATE(crash_all), kill_all, false},
    {RATE(pauses), pause, false},
    {RATE(leaves), leave, false},
    {RATE(wipes), wipe, false},
    {RATE(desyncs), desync, true},
    {RATE(power_cuts), power_cut, false},
    {RATE(power_all), power_all, false},
    {RATE(slow_disks), slow_disk, true},
    {RATE(disk_errors), disk_error, false},
    {RATE(reweighs), ls_hands_reweigh, false},
    {RATE(lost_databases), ls_hands_lose_database, false},
    {RATE(lost_majorities), ls_hands_lose_majority, false},
    {RATE(shapes), ls_fault_cut_shape, false},
    {RATE(full_disks), full_disk, false},
    {RATE(clock_jumps), clock_jump, false},
    {RATE(option_changes), ls_hands_change_options, false},
    {RATE(outages), outage, false},
    {RATE(last_copies), last_copy, false},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static double rate_of(const struct ls_profile *p, size_t kind)
{
    return *(const double *)(const void *)((const char *)p + kinds[kind].rate);
}

static double total_rate(const struct ls_profile *p)
{
    double sum = 0;

    for (size_t i = 0; i < KINDS; i++) {
        sum += rate_of(p, i);
    }
    return sum;
}

static void strike(struct ls_world *w)
{
    const struct ls_profile *p = &w->profile;
    double at = (double)(ls_prng_next(&w->rng) >> 11) / 9007199254740992.0 * total_rate(p);
    size_t kind = 0;

    while (kind < KINDS - 1 && at >= rate_of(p, kind)) {
        at -= rate_of(p, kind++);
    }
    if (w->help_at != LS_SIM_NEVER) {
        return; /* worse must not happen until somebody has helped */
    }
    if (!kinds[kind].harmless && ls_fault_disk_is_lost(w)) {
        return; /* the group gets to replace it first */
    }
    kinds[kind].strike(w);
}

static void plan_next(struct ls_world *w)
{
    double rate = total_rate(&w->profile);

    w->next_fault = LS_SIM_NEVER;
    if (w->faults_on && rate > 0) {
        w->next_fault = w->now + ls_world_exponential(w, (int64_t)(1e6 / rate));
    }
}

void ls_fault_init(struct ls_world *w)
{
    w->faults_on = true;
    w->help_at = LS_SIM_NEVER;
    plan_next(w);
}

int64_t ls_fault_due(const struct ls_world *w)
{
    int64_t due = w->next_fault < w->help_at ? w->next_fault : w->help_at;

    for (uint32_t i = 0; i < w->undo_count; i++) {
        due = w->undo[i].at < due ? w->undo[i].at : due;
    }
    return due;
}

void ls_fault_turn(struct ls_world *w)
{
    for (uint32_t i = 0; i < w->undo_count;) {
        if (w->undo[i].at <= w->now) {
            struct ls_undo u = w->undo[i];
            w->undo[i] = w->undo[--w->undo_count];
            undo(w, &u);
        } else {
            i++;
        }
    }
    if (w->help_at <= w->now) {
        ls_hands_help(w);
    }
    if (w->next_fault <= w->now) {
        strike(w);
        plan_next(w);
    }
}

void ls_fault_heal(struct ls_world *w)
{
    w->faults_on = false;
    w->next_fault = LS_SIM_NEVER;
    for (uint32_t i = 0; i < w->undo_count; i++) {
        undo(w, &w->undo[i]);
    }
    w->undo_count = 0;
    ls_simnet_heal(w);
    ls_world_trace(w, NULL, "--- all is healed");
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        n->slowness = 1;
        n->troubled_at = w->now;
        n->disk.full = false;
        n->crash_after = -1;
        if (!n->running && n->start_at > w->now + 1000000) {
            restart_in(n, 0, 1000000);
        }
    }
}
