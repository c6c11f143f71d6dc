/* ls-sim: runs seeds, says how fast, and how to replay what failed. */
#include "test/sim/world.h"
#include "wsrep/base/log.h"

#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options {
    uint64_t first, last;
    int64_t seconds;
    int nodes;
    bool verbose, stats;
    int failures; /* stop after so many */
    enum ls_plant plant;
    const struct ls_profile *profile;
    const char *file;
};

static const struct argp_option option_table[] = {
    {"seed", 's', "N", 0, "run this seed", 0},
    {"seeds", 'S', "A..B", 0, "run all seeds from A to B", 0},
    {"file", 'f', "FILE", 0, "run the seeds of a list (lines of arguments)", 0},
    {"seconds", 't', "S", 0, "simulated seconds with faults, each seed (60)", 0},
    {"nodes", 'n', "N", 0, "so many nodes, 1 to 9 (drawn from the seed)", 0},
    {"profile", 'p', "NAME", 0, "fault mix; \"list\" shows them (all)", 0},
    {"plant", 'b', "NAME", 0, "plant a bug; \"list\" shows them", 0},
    {"verbose", 'v', NULL, 0, "print every event and action", 0},
    {"stats", 'x', NULL, 0, "print what happened in each seed", 0},
    {"failures", 'k', "N", 0, "go on until so many seeds failed (1)", 0},
    {0},
};

static void list_and_exit(const char *(*name)(int))
{
    for (int i = 0; name(i) != NULL; i++) {
        puts(name(i));
    }
    exit(0);
}

static const char *plant_name(int i)
{
    return ls_plant_name((enum ls_plant)i);
}

static void parse_range(struct argp_state *state, struct options *o, const char *arg)
{
    char *end;

    o->first = strtoull(arg, &end, 10);
    if (strncmp(end, "..", 2) != 0) {
        argp_error(state, "--seeds wants A..B, not \"%s\"", arg);
    }
    o->last = strtoull(end + 2, &end, 10);
    if (*end != '\0' || o->last < o->first) {
        argp_error(state, "--seeds wants A..B, not \"%s\"", arg);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 's':
        o->first = o->last = strtoull(arg, NULL, 10);
        break;
    case 'S':
        parse_range(state, o, arg);
        break;
    case 'f':
        o->file = arg;
        break;
    case 't':
        o->seconds = atoll(arg);
        break;
    case 'n':
        o->nodes = atoi(arg);
        if (o->nodes < 1 || o->nodes > LS_SIM_MAX_NODES) {
            argp_error(state, "--nodes wants 1 to %d", LS_SIM_MAX_NODES);
        }
        break;
    case 'p':
        if (strcmp(arg, "list") == 0) {
            list_and_exit(ls_profile_name);
        }
        o->profile = ls_profile_find(arg);
        if (o->profile == NULL) {
            argp_error(state, "no profile \"%s\"; --profile list shows them", arg);
        }
        break;
    case 'b':
        if (strcmp(arg, "list") == 0) {
            list_and_exit(plant_name);
        }
        o->plant = ls_plant_parse(arg);
        if (o->plant == LS_PLANT__COUNT) {
            argp_error(state, "no bug \"%s\"; --plant list shows them", arg);
        }
        break;
    case 'v':
        o->verbose = true;
        break;
    case 'x':
        o->stats = true;
        break;
    case 'k':
        o->failures = atoi(arg);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void print_stats(const struct ls_world *w)
{
    const struct ls_sim_stats *s = &w->stats;

    printf("seed %" PRIu64 " %s nodes=%d sync=%d t=%.1f steps=%" PRIu64 " msgs=%" PRIu64
           " order=%" PRIu64 " submitted=%" PRIu64 " acked=%" PRIu64 " conflicts=%" PRIu64
           " rejected=%" PRIu64 " unknown=%" PRIu64 " reads=%" PRIu64 " elections=%" PRIu64
           " crashes=%" PRIu64 " power=%" PRIu64 " pauses=%" PRIu64 " cuts=%" PRIu64
           " breaks=%" PRIu64 " wipes=%" PRIu64 " leaves=%" PRIu64 " sst=%" PRIu64 "\n",
           w->seed, w->profile.name, w->count, w->params.sync_majority, (double)w->now / 1e6,
           s->steps, s->messages, w->oracle.order_count, s->submitted, s->acked, s->conflicts,
           s->rejected, s->unknown, s->reads, s->elections, s->crashes, s->power_cuts, s->pauses,
           s->cuts, s->breaks, s->wipes, s->leaves, s->transfers);
}

static const struct options *running_options;
static uint64_t running_seed;

static void print_replay(const struct options *o, uint64_t seed)
{
    printf("replay: ls-sim --seed %" PRIu64 " --profile %s --seconds %" PRId64, seed,
           o->profile->name, o->seconds);
    if (o->nodes > 0) {
        printf(" --nodes %d", o->nodes);
    }
    if (o->plant != LS_PLANT_NONE) {
        printf(" --plant %s", ls_plant_name(o->plant));
    }
    printf(" --verbose\n");
    fflush(stdout);
}

/* An assertion failed: say where we were. The process ends here anyway. */
static void on_abort(int sig)
{
    printf("FAILED seed %" PRIu64 ": an assertion failed\n", running_seed);
    print_replay(running_options, running_seed);
    _exit(1);
}

/* One seed; *simulated_us grows. */
static bool run_seed(const struct options *o, uint64_t seed, int64_t *simulated_us)
{
    static struct ls_world w;

    running_options = o;
    running_seed = seed;
    ls_world_create(&w, seed, o->profile, o->nodes, o->plant, o->verbose);
    bool ok = ls_world_run(&w, o->seconds * 1000000);
    *simulated_us += w.now;
    if (o->stats) {
        print_stats(&w);
    }
    if (!ok) {
        printf("FAILED seed %" PRIu64 " (%s, %d nodes) at %.6f s: %s\n", seed, w.profile.name,
               w.count, (double)w.now / 1e6, w.oracle.text);
        print_replay(o, seed);
    }
    ls_world_destroy(&w);
    return ok;
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static int run_range(const struct options *o, int64_t *simulated_us, uint64_t *seeds)
{
    int failed = 0;

    for (uint64_t seed = o->first; seed <= o->last && failed < o->failures; seed++) {
        failed += !run_seed(o, seed, simulated_us);
        (*seeds)++;
    }
    return failed;
}

/* Lines of "seed profile seconds nodes # why"; nodes 0: drawn from the seed. */
static int run_file(const struct options *base, int64_t *simulated_us, uint64_t *seeds)
{
    FILE *f = fopen(base->file, "re");
    char line[512], profile[32];
    int failed = 0;

    if (f == NULL) {
        fprintf(stderr, "ls-sim: cannot read %s\n", base->file);
        return 1;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        struct options o = *base;
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        if (sscanf(line, "%" SCNu64 " %31s %" SCNd64 " %d", &o.first, profile, &o.seconds,
                   &o.nodes) != 4 ||
            (o.profile = ls_profile_find(profile)) == NULL) {
            fprintf(stderr, "ls-sim: cannot make sense of: %s", line);
            failed++;
            continue;
        }
        failed += !run_seed(&o, o.first, simulated_us);
        (*seeds)++;
    }
    fclose(f);
    return failed;
}

int main(int argc, char **argv)
{
    struct options o = {
        .first = 1, .last = 20, .seconds = 60, .failures = 1, .profile = ls_profile_find("all")};
    const struct argp argp = {.options = option_table,
                              .parser = parse,
                              .doc = "Simulates clusters of the ordering core with faults."};
    int64_t simulated_us = 0;
    uint64_t seeds = 0;

    signal(SIGABRT, on_abort);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    double begin = cpu_seconds();
    int failed =
        o.file != NULL ? run_file(&o, &simulated_us, &seeds) : run_range(&o, &simulated_us, &seeds);
    double used = cpu_seconds() - begin;
    printf("%" PRIu64 " seeds, %d failed, %.0f simulated seconds in %.2f s of one core: %.0f a "
           "second\n",
           seeds, failed, (double)simulated_us / 1e6, used,
           (double)simulated_us / 1e6 / (used > 0 ? used : 1e-6));
    return failed > 0 ? 1 : 0;
}
