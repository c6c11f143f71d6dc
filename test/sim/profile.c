#include "test/sim/profile.h"

#include "wsrep/base/prng.h"

#include <stddef.h>
#include <string.h>

#define LAN .latency_min_us = 50, .latency_max_us = 400, .jitter = 0.5
#define LOAD .submit_rate = 3, .big = 0.02, .arbiter = 0.15

static const struct ls_profile profiles[] = {
    {.name = "calm", LAN, LOAD, .sync_majority = 0.5},
    {.name = "flaky",
     LAN,
     LOAD,
     .spike = 0.02,
     .breaks = 0.8,
     .slow_links = 0.1,
     .one_way = 0.02,
     .sync_majority = 0.3},
    {.name = "partitions",
     LAN,
     LOAD,
     .spike = 0.001,
     .cuts = 0.12,
     .one_way = 0.06,
     .breaks = 0.1,
     .sync_majority = 0.3},
    {.name = "crashes",
     .spite = 0.03,
     LAN,
     LOAD,
     .crashes = 0.15,
     .crash_all = 0.015,
     .pauses = 0.05,
     .breaks = 0.05,
     .sync_majority = 0.3},
    {.name = "disk",
     .spite = 0.05,
     LAN,
     LOAD,
     .crashes = 0.05,
     .power_cuts = 0.1,
     .power_all = 0.02,
     .slow_disks = 0.1,
     .disk_errors = 0.03,
     .sync_majority = 1.0},
    {.name = "churn",
     .spite = 0.01,
     LAN,
     LOAD,
     .leaves = 0.12,
     .crashes = 0.05,
     .wipes = 0.06,
     .desyncs = 0.1,
     .breaks = 0.05,
     .sync_majority = 0.3},
    {.name = "wan",
     .spite = 0.01,
     .latency_min_us = 5000,
     .latency_max_us = 60000,
     .jitter = 0.3,
     LOAD,
     .spike = 0.005,
     .breaks = 0.1,
     .cuts = 0.03,
     .one_way = 0.02,
     .slow_links = 0.05,
     .crashes = 0.03,
     .sync_majority = 0.5},
    {.name = "storm",
     .spite = 0.02,
     LAN,
     LOAD,
     .spike = 0.01,
     .breaks = 0.3,
     .cuts = 0.1,
     .one_way = 0.05,
     .slow_links = 0.05,
     .crashes = 0.1,
     .crash_all = 0.01,
     .pauses = 0.05,
     .leaves = 0.05,
     .wipes = 0.03,
     .desyncs = 0.05,
     .power_cuts = 0.05,
     .power_all = 0.01,
     .slow_disks = 0.05,
     .disk_errors = 0.02,
     .sync_majority = 0.5},
    {.name = "elections",
     .latency_min_us = 500,
     .latency_max_us = 40000,
     .jitter = 0.5,
     LOAD,
     .spite = 0.15,
     .breaks = 0.4,
     .cuts = 0.3,
     .one_way = 0.1,
     .cut_max_us = 4000000,
     .crashes = 0.1,
     .pauses = 0.05,
     .wipes = 0.05,
     .sync_majority = 0.5},
    {.name = "hands",
     LAN,
     LOAD,
     .spike = 0.002,
     .breaks = 0.1,
     .cuts = 0.03,
     .cut_max_us = 6000000,
     .crashes = 0.05,
     .crash_all = 0.005,
     .pauses = 0.03,
     .reweighs = 0.1,
     .lost_databases = 0.06,
     .lost_majorities = 0.06,
     .sync_majority = 0.5},
    {.name = "odd",
     .latency_min_us = 50,
     .latency_max_us = 10000,
     .jitter = 0.5,
     LOAD,
     .spite = 0.02,
     .spike = 0.005,
     .twins = 0.02,
     .overtakes = 0.02,
     .breaks = 0.2,
     .shapes = 0.1,
     .clock_jumps = 0.1,
     .drift = 0.02,
     .crashes = 0.05,
     .pauses = 0.02,
     .power_cuts = 0.05,
     .power_all = 0.005,
     .outages = 0.02,
     .slow_disks = 0.05,
     .full_disks = 0.05,
     .option_changes = 0.3,
     .odd_options = true,
     .nodes_max = 9,
     .sync_majority = 0.7},
    {.name = "all"},
    /* Not among those that "all" draws from, or its seeds run another course. */
    {.name = "pair", /* two servers and an arbitrator */
     LAN,
     .submit_rate = 20,
     .big = 0.02,
     .arbiter = 1,
     .breaks = 0.05,
     .crashes = 0.03,
     .last_copies = 0.2,
     .nodes_min = 3,
     .nodes_max = 3,
     .sync_majority = 0.7},
};

#define COUNT ((int)(sizeof(profiles) / sizeof(profiles[0])))

const struct ls_profile *ls_profile_find(const char *name)
{
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

const struct ls_profile *ls_profile_of_seed(const struct ls_profile *p, uint64_t seed)
{
    struct ls_prng rng;

    if (strcmp(p->name, "all") != 0) {
        return p;
    }
    ls_prng_seed(&rng, seed ^ 0x70726f66696c65u);
    return &profiles[ls_prng_below(&rng, (uint64_t)(p - profiles))];
}

const char *ls_profile_name(int i)
{
    return i >= 0 && i < COUNT ? profiles[i].name : NULL;
}
