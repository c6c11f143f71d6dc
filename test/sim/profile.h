/* Fault mixes: how often what goes wrong. Means are per simulated second of the whole world; 0:
 * never. */
#ifndef LS_SIM_PROFILE_H
#define LS_SIM_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

struct ls_profile {
    const char *name;
    /* network */
    int64_t latency_min_us, latency_max_us;   /* one way, drawn per direction */
    double jitter;                            /* share of the latency added at random */
    double spike;                             /* chance of a message that takes 100 times as long */
    double breaks, cuts, one_way, slow_links; /* events a second */
    /* processes */
    double crashes, crash_all, pauses, leaves, wipes, desyncs;
    int64_t cut_max_us; /* longest partition, default 25 s */
    double spite; /* chance that a process dies just after one of the rare things (actions.c) */
    /* disks */
    double outages;     /* all crash, one a moment after the other, and one disk is gone */
    double last_copies; /* a server crashes, and before it is back the other one's disk is gone */
    double power_cuts, power_all, slow_disks, disk_errors, full_disks;
    /* people (hands.c) */
    double reweighs, lost_databases, lost_majorities;
    double sync_majority;  /* chance that a run has log.sync=majority */
    double option_changes; /* of one node, while it runs */
    bool odd_options;      /* every node begins with time-outs and limits of its own */
    /* network, clocks */
    double shapes;           /* partitions that are no two halves */
    double twins, overtakes; /* chance that a message comes twice, or before the one ahead of it */
    double clock_jumps;      /* events a second */
    double drift;            /* clocks run faster or slower by up to this share */
    int nodes_min;           /* fewest nodes of a run, default 1 */
    int nodes_max;           /* most nodes of a run, default 7 */
    /* workload */
    double submit_rate; /* write-sets a second and node, on average */
    double big;         /* chance that one is big */
    double arbiter;     /* chance that one node of three or more is an arbitrator */
};

/* "all": seed chooses among the others and mixes. NULL when there is no such name. */
const struct ls_profile *ls_profile_find(const char *name);
/* For "all": the profile of a seed. */
const struct ls_profile *ls_profile_of_seed(const struct ls_profile *p, uint64_t seed);
/* Names, one after another, NULL at the end. */
const char *ls_profile_name(int i);

#endif
