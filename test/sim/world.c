#include "test/sim/world.h"

#include "test/sim/fault.h"
#include "test/sim/host.h"
#include "test/sim/server.h"
#include "test/sim/workload.h"
#include "wsrep/base/assert.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_LIMIT_US 90000000 /* a healed world is well within this */
#define NEW_WORK_US 1500000      /* how long clients go on in the healed world */
#define CHECK_US 100000

int64_t ls_world_between(struct ls_world *w, int64_t lo, int64_t hi)
{
    LS_ASSERT(hi >= lo);
    return lo + (int64_t)ls_prng_below(&w->rng, (uint64_t)(hi - lo) + 1);
}

int64_t ls_world_exponential(struct ls_world *w, int64_t mean)
{
    double u = (double)((ls_prng_next(&w->rng) >> 11) + 1) / 9007199254740993.0;

    return 1 + (int64_t)(-log(u) * (double)mean);
}

bool ls_world_chance(struct ls_world *w, double p)
{
    return (double)(ls_prng_next(&w->rng) >> 11) / 9007199254740992.0 < p;
}

struct ls_node *ls_world_find(struct ls_world *w, const struct ls_uuid *id)
{
    int slot = id->b[15];

    return slot < w->count && ls_uuid_equal(&w->nodes[slot].disk.id, id) ? &w->nodes[slot] : NULL;
}

void ls_world_trace(struct ls_world *w, const struct ls_node *node, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (!w->verbose) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    printf("%4" PRId64 ".%06" PRId64 " %s%c %s\n", w->now / 1000000, w->now % 1000000,
           node != NULL ? "n" : " ", node != NULL ? '0' + node->slot : ' ', line);
}

static void bound(int64_t *value, int64_t most)
{
    *value = *value < most ? *value : most;
}

void ls_world_draw_timeouts(struct ls_world *w, struct ls_core_params *params)
{
    int64_t suspect = ls_world_between(w, 300000, 8000000);
    struct ls_core_params by_default;

    ls_core_params_default(&by_default);
    params->suspect_us = suspect;
    params->inactive_us = suspect + ls_world_between(w, 0, 10000000);
    params->quiet_us = by_default.quiet_us;
    bound(&params->quiet_us, suspect);
    params->election_max_us = by_default.election_max_us;
    bound(&params->election_max_us, suspect);
    params->election_min_us = by_default.election_min_us;
    bound(&params->election_min_us, suspect / 2);
    params->heartbeat_us = by_default.heartbeat_us;
    bound(&params->heartbeat_us, params->election_min_us / 4);
}

static void draw_limits(struct ls_world *w, struct ls_core_params *params)
{
    params->cut_interval = ls_world_between(w, 4, 128);
    if (ls_world_chance(w, 0.2)) {
        params->window_entries = (uint32_t)ls_world_between(w, 1, 16);
    }
    if (ls_world_chance(w, 0.2)) {
        params->window_bytes = (uint64_t)ls_world_between(w, 500, 20000);
    }
}

static void draw_options(struct ls_world *w, struct ls_core_params *params)
{
    draw_limits(w, params);
    ls_world_draw_timeouts(w, params);
    params->sync_majority = ls_world_chance(w, w->profile.sync_majority);
    params->ack_all = ls_world_chance(w, 0.1);
}

static void draw_params(struct ls_world *w)
{
    ls_core_params_default(&w->params);
    w->params.sync_majority = ls_world_chance(w, w->profile.sync_majority);
    w->params.ack_all = w->seed % 8 == 5; /* not drawn: older seeds keep their course */
    w->one_writer = w->seed % 16 == 11;
    if (w->seed % 8 == 3) {
        w->params.lag_limit = 4 + (int64_t)(w->seed / 8 % 128);
        if (w->seed / 16 % 2 == 1) {
            w->params.short_of_room = 1;
            w->params.lag_us = 100000 + (int64_t)(w->seed / 32 % 128) * 10000;
        }
    }
    w->params.big_bytes = 2048;
    draw_limits(w, &w->params);
    w->max_pending = (uint32_t)ls_world_between(w, 1, LS_SIM_MAX_SUBS - 8);
    w->hot_keys = (uint32_t)ls_world_between(w, 4, 400);
}

void ls_world_create(struct ls_world *w, uint64_t seed, const struct ls_profile *profile, int nodes,
                     enum ls_plant plant, bool verbose)
{
    memset(w, 0, sizeof(*w));
    w->seed = seed;
    w->profile = *ls_profile_of_seed(profile, seed);
    w->plant = plant;
    w->verbose = verbose;
    ls_prng_seed(&w->rng, seed);
    ls_oracle_init(&w->oracle);
    w->builder = ls_ws_builder_create();
    LS_ASSERT(w->builder != NULL);
    w->count = (int)ls_world_between(w, w->profile.nodes_min > 0 ? w->profile.nodes_min : 1,
                                     w->profile.nodes_max > 0 ? w->profile.nodes_max : 7);
    if (nodes > 0) {
        w->count = nodes;
    }
    w->group = ls_uuid_generate(&w->rng);
    w->next_tag = 1;
    w->workload_on = true;
    draw_params(w);
    ls_simnet_init(w);
    int arbiter = w->count >= 3 && ls_world_chance(w, w->profile.arbiter)
                      ? (int)ls_world_between(w, 1, w->count - 1)
                      : -1;
    uint32_t segment = ls_world_chance(w, 0.5) ? (uint32_t)ls_world_between(w, 8, 64) : 100000;
    bool weighted = ls_world_chance(w, 0.2);
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        n->weight = weighted ? (uint8_t)ls_world_between(w, 0, 3) : 1;
        n->world = w;
        n->slot = i;
        n->arbiter = i == arbiter;
        n->slowness = 1;
        n->crash_after = -1;
        n->due = LS_SIM_NEVER;
        n->options = w->params;
        if (w->profile.odd_options) {
            draw_options(w, &n->options);
        }
        n->clock_offset_us = ls_world_between(w, 0, 1000000000);
        n->clock_rate = 1;
        if (w->profile.drift > 0) {
            n->clock_rate += w->profile.drift * (double)ls_world_between(w, -1000, 1000) / 1000;
        }
        n->start_at = i == 0 ? 0 : ls_world_between(w, 0, 3000000);
        ls_disk_init(&n->disk, segment);
    }
    ls_fault_init(w);
}

void ls_world_destroy(struct ls_world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        w->oracle.failed = true; /* what is settled from here on is nobody's business */
        ls_host_crash(n, false);
        ls_disk_free(&n->disk);
        free(n->srv.queue);
    }
    ls_simnet_free(w);
    ls_oracle_free(&w->oracle);
    ls_ws_builder_destroy(w->builder);
}

static void start(struct ls_node *n)
{
    struct ls_world *w = n->world;
    bool bootstrap = n->slot == 0 && w->oracle.order_count == 0 && n->disk.count == 0;

    if (bootstrap) {
        for (int i = 1; i < w->count; i++) { /* nobody may have a history that this one forgets */
            bootstrap = bootstrap && w->nodes[i].disk.count == 0;
        }
    }
    ls_host_start(n, bootstrap);
}

/* Everything due before `until`. */
static void run_until(struct ls_world *w, int64_t until)
{
    while (!w->oracle.failed) {
        int64_t next = ls_fault_due(w);
        next = w->net.next_retry < next ? w->net.next_retry : next;
        for (int i = 0; i < w->count; i++) {
            const struct ls_node *n = &w->nodes[i];
            int64_t at = !n->running ? n->start_at : n->paused ? LS_SIM_NEVER : n->due;
            next = at < next ? at : next;
        }
        if (next > until) {
            w->now = until;
            return;
        }
        w->now = next > w->now ? next : w->now;
        if (w->net.next_retry <= w->now) {
            ls_simnet_retry(w);
        }
        if (ls_fault_due(w) <= w->now) {
            ls_fault_turn(w);
        }
        for (int i = 0; i < w->count; i++) {
            struct ls_node *n = &w->nodes[i];
            if (!n->running && n->start_at <= w->now) {
                start(n);
            } else if (n->running && !n->paused && n->due <= w->now) {
                ls_host_turn(n);
                ls_oracle_writers(w);
            }
        }
    }
}

bool ls_world_run(struct ls_world *w, int64_t duration_us)
{
    char why[300];
    int64_t healed;

    for (int64_t t = 1000000; t <= duration_us && !w->oracle.failed; t += 1000000) {
        run_until(w, t);
        ls_oracle_bounds(w);
    }
    ls_fault_heal(w);
    healed = w->now;
    run_until(w, healed + NEW_WORK_US);
    w->workload_on = false;
    while (!w->oracle.failed && !ls_oracle_settled_world(w, why, sizeof(why))) {
        if (w->now > healed + SETTLE_LIMIT_US) {
            ls_oracle_fail(&w->oracle, "live: %lld s after all was healed: %s",
                           (long long)((w->now - healed) / 1000000), why);
        }
        run_until(w, w->now + CHECK_US);
    }
    return !w->oracle.failed;
}
