#include "test/sim/hands.h"

#include "test/sim/fault.h"
#include "test/sim/host.h"
#include "test/sim/server.h"

/* All is well: every node is in the view, synced but for arbitrators, votes, and nothing ends
 * later. */
bool ls_hands_all_well(const struct ls_world *w)
{
    for (int i = 0; i < w->count; i++) {
        const struct ls_node *n = &w->nodes[i];
        if (!n->running || n->paused || !n->srv.in_view || (!n->arbiter && !ls_server_ready(n)) ||
            n->crash_after >= 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->config.count; i++) {
        if (w->config.members[i].role != LS_MEMBER_VOTER) {
            return false;
        }
    }
    return w->undo_count == 0 && !ls_fault_disk_is_lost(w) && w->help_at == LS_SIM_NEVER &&
           w->config.count == (uint32_t)w->count;
}

void ls_hands_reweigh(struct ls_world *w)
{
    struct ls_node *n = &w->nodes[ls_prng_below(&w->rng, (uint64_t)w->count)];
    struct ls_event ev = {.type = LS_EV_WEIGHT};

    if (n->running && !n->paused) {
        ev.u.weight = (uint8_t)ls_world_between(w, 0, 3);
        ls_world_trace(w, n, "--- weight %u", ev.u.weight);
        ls_host_step(n, &ev);
    }
}

void ls_hands_change_options(struct ls_world *w)
{
    struct ls_node *n = &w->nodes[ls_prng_below(&w->rng, (uint64_t)w->count)];
    struct ls_core_params params = n->params;

    if (!n->running || n->paused) {
        return;
    }
    switch (ls_prng_below(&w->rng, 4)) {
    case 0:
        params.sync_majority = !params.sync_majority;
        break;
    case 1:
        params.ack_all = !params.ack_all;
        params.unwilling = params.ack_all; /* no draw of its own: seeds keep their course */
        break;
    case 2:
        params.window_entries = (uint32_t)ls_world_between(w, 1, 100);
        params.cut_interval = ls_world_between(w, 1, 256);
        break;
    default:
        ls_world_draw_timeouts(w, &params);
        break;
    }
    ls_world_trace(w, n, "--- options: log.sync %s, ack.level %s, silence %lld us",
                   params.sync_majority ? "majority" : "none", params.ack_all ? "all" : "majority",
                   (long long)params.suspect_us);
    ls_host_set_params(n, &params);
}

void ls_hands_lose_database(struct ls_world *w)
{
    struct ls_node *n = &w->nodes[ls_prng_below(&w->rng, (uint64_t)w->count)];

    if (n->arbiter || w->count < 2 || !ls_hands_all_well(w)) {
        return;
    }
    ls_host_crash(n, false);
    ls_world_trace(w, n, "--- loses its database");
    n->disk.db = (struct ls_database){0};
    n->start_at = w->now + ls_world_between(w, 50000, 4000000);
}

/* Its log has everything that was decided. */
static bool knows_all(const struct ls_world *w, const struct ls_node *n)
{
    uint64_t last = w->oracle.order_count;
    const struct ls_disk_entry *e = ls_disk_find(&n->disk, last);

    return !n->arbiter && e != NULL &&
           ls_hash128_equal(e->e.chain, w->oracle.order[last - 1].chain);
}

static void tell_to_go_on(struct ls_node *n, bool on)
{
    struct ls_core_params params = n->params;

    params.ignore_quorum = on;
    ls_host_set_params(n, &params);
}

/* The survivors stay up, the others come back with nothing. Somebody tells the survivors to go on
 * without them, before (pc.ignore_quorum) or after (pc.bootstrap). */
void ls_hands_lose_majority(struct ls_world *w)
{
    int keep = (int)ls_world_between(w, 1, (w->count + 1) / 2), kept = 0;
    bool ignore = ls_world_chance(w, 0.4);
    int first = (int)ls_prng_below(&w->rng, (uint64_t)w->count);

    if (w->count < 2 || !ls_hands_all_well(w)) {
        return;
    }
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[(first + i) % w->count];
        n->survives = kept < keep && knows_all(w, n);
        kept += n->survives;
    }
    if (kept == 0) {
        return;
    }
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        if (n->survives) {
            tell_to_go_on(n, ignore);
            continue;
        }
        uint64_t incarnation = n->disk.incarnation;
        w->stats.wipes++;
        ls_host_crash(n, false);
        ls_world_trace(w, n, "--- loses its disk for good");
        ls_disk_wipe(&n->disk);
        n->disk.incarnation = incarnation;
        n->start_at = w->now + ls_world_between(w, 100000, 15000000);
    }
    w->help_at = w->now + ls_world_between(w, 100000, 12000000);
}

void ls_hands_help(struct ls_world *w)
{
    struct ls_event ev = {.type = LS_EV_REFORM};
    struct ls_core_status st;

    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        if (n->running) {
            ls_core_get_status(n->core, &st);
            if (st.role == LS_ROLE_LEADER && st.primary && !ls_fault_disk_is_lost(w)) {
                w->help_at = LS_SIM_NEVER; /* not needed, or not any more */
            }
        }
    }
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        if (n->survives && n->running && w->help_at == LS_SIM_NEVER) {
            tell_to_go_on(n, false);
        }
    }
    if (w->help_at == LS_SIM_NEVER) {
        return;
    }
    w->help_at = w->now + ls_world_between(w, 500000, 4000000);
    for (int tries = 0; tries < 20; tries++) {
        struct ls_node *n = &w->nodes[ls_prng_below(&w->rng, (uint64_t)w->count)];
        if (n->survives && n->running) {
            ls_host_step(n, &ev);
            return;
        }
    }
}
