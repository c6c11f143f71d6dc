/* The whole simulated world: nodes, network, time. One struct per thing, so that a failing run can
 * be looked at in a debugger. Everything random comes from world.rng; nothing depends on addresses,
 * the environment or the real clock.
 *
 * A node is a machine (disk.h) that may run a process: a host (the engine's part: it feeds the core
 * and performs its actions, host.c) and a server (the provider's and database's part, server.c). */
#ifndef LS_SIM_WORLD_H
#define LS_SIM_WORLD_H

#include "certification/index/index.h"
#include "gcomm/core/core.h"
#include "test/sim/disk.h"
#include "test/sim/oracle.h"
#include "test/sim/plant.h"
#include "test/sim/profile.h"
#include "test/sim/simnet.h"

#define LS_SIM_NEVER INT64_MAX
#define LS_SIM_KEEP_SECONDS 5 /* delivered entries are kept that long at least */
#define LS_SIM_MAX_SUBS 64    /* own submissions under way, a node */
#define LS_SIM_MAX_STAGED 512 /* big payloads held and not settled, a node */

struct ls_world;

/* A submission that waits for its fate. */
struct ls_sim_sub {
    uint64_t id;
    uint8_t type; /* enum ls_entry_type */
    bool given_up;
    int64_t last_seen;
    int64_t asked_at;
    struct ls_blob *blob;
};

struct ls_sim_staged {
    struct ls_sub_id sub;
    struct ls_blob *blob;
};

struct ls_sim_read {
    uint64_t token;
    uint64_t floor; /* highest index acknowledged anywhere when it was asked */
};

/* One seqno on its way into the database. */
struct ls_sim_apply {
    int64_t seqno;
    uint64_t hash;
    int64_t cost_us;
};

struct ls_sim_taken {
    uint64_t index; /* delivered */
    int64_t cut;
};

struct ls_server {
    bool connected;      /* WELCOME was given */
    bool in_view;        /* a view with this membership was delivered; cleared by NONPRIMARY */
    bool was_nonprimary; /* NONPRIMARY came, the view that ends it did not yet */
    bool data;           /* database is valid; false while a snapshot is awaited */
    uint64_t commit;     /* the core said so */
    uint64_t delivered;  /* handed to the server up to here */
    bool placed;         /* `delivered` is known */
    uint64_t preload_to; /* up to here stored verdicts are taken as they are */
    uint64_t fed;        /* entered into the certification index up to here */
    struct ls_cert *cert;
    struct ls_log_pos joined;
    uint8_t state;      /* own enum ls_node_state as delivered */
    uint64_t state_sub; /* id of the STATE submission under way, 0: none */
    int64_t deliver_at; /* next delivery turn, LS_SIM_NEVER when nothing waits */
    struct ls_database db;
    struct ls_sim_apply *queue; /* delivered, not applied: [queue_head, queue_head + queue_len) */
    size_t queue_head, queue_len, queue_capacity;
    int64_t apply_busy_until;
    int64_t cut;                                    /* commit cut in force where the index is */
    struct ls_sim_taken taken[LS_SIM_KEEP_SECONDS]; /* at the last flushes, a ring */
    uint32_t taken_next;
    uint64_t purged_at; /* the log's last index then */
    int64_t flush_at;   /* next time the database writes its position */
    int64_t reported_applied;
    uint64_t reported_delivered;
    /* state transfer */
    uint64_t sst_sub;  /* SST_REQUEST under way */
    int64_t sst_seqno; /* in force at the request: the donor must have applied it */
    int sst_donor;     /* -1: none */
    uint64_t sst_donor_run;
    int64_t sst_at;       /* when it ends */
    int64_t desync_until; /* by the user's wish; 0: not */
};

struct ls_node {
    struct ls_world *world;
    int slot;
    struct ls_disk disk;
    bool used; /* takes part in this run */
    bool arbiter;
    uint8_t weight; /* pc.weight */
    /* machine and process */
    bool running;
    bool paused;
    bool leaving;                  /* LEAVE was asked */
    bool left;                     /* LEFT came */
    int64_t kill_at;               /* a leave takes no longer */
    int64_t start_at;              /* when not running */
    uint64_t run;                  /* counts process starts */
    struct ls_core_params options; /* with which its processes begin */
    struct ls_core_params params;  /* of the one that runs */
    int64_t clock_offset_us;
    double clock_rate;   /* of its clock, 1: as the world's */
    uint32_t slowness;   /* factor for its apply times, 1 normally */
    int64_t crash_after; /* power or kill strikes after so many more actions, -1: no */
    bool crash_power;
    bool crash_soon_back; /* it restarts within a moment */
    bool survives;        /* the last loss of a majority (hands.c) */
    bool loses_disk;      /* with the crash to come */
    /* host */
    struct ls_core *core;
    int64_t next_tick;
    int64_t busy_until; /* a loop turn takes time */
    int64_t due;        /* cached: when the next turn has something to do */
    bool up[LS_SIM_MAX_NODES];
    uint32_t up_gen[LS_SIM_MAX_NODES];
    struct ls_uuid up_id[LS_SIM_MAX_NODES];
    uint64_t next_sub_id;
    struct ls_sim_sub subs[LS_SIM_MAX_SUBS];
    uint32_t sub_count;
    struct ls_sim_staged staged[LS_SIM_MAX_STAGED];
    uint32_t staged_count;
    const struct ls_event *event; /* in the step whose actions are being performed */
    struct ls_blob *event_blob;   /* SUBMIT: its payload */
    const struct ls_sim_msg *event_msg;
    uint64_t sync_target; /* an fdatasync is under way up to here, 0: none */
    int64_t sync_done_at;
    uint8_t role;
    uint64_t role_term;
    uint64_t led_term;   /* the last one it led, 0: none */
    bool led_below;      /* then somebody who was away had a higher one on its disk */
    int64_t led_until;   /* when it ceased to */
    int64_t troubled_at; /* when something last happened to it */
    struct ls_sim_read reads[16];
    uint32_t read_count;
    uint64_t next_token;
    /* workload */
    int64_t next_submit;
    int64_t next_read;
    struct ls_server srv;
};

enum ls_undo_kind {
    LS_UNDO_CUT,
    LS_UNDO_SLOW_LINK,
    LS_UNDO_PAUSE,
    LS_UNDO_SLOW_DISK,
    LS_UNDO_FULL_DISK,
    LS_UNDO_LIFE,
    LS_UNDO_LAST_COPY
};

struct ls_undo {
    int64_t at;
    uint8_t kind; /* enum ls_undo_kind */
    int a, b;     /* slots; CUT: from and to */
};

struct ls_sim_stats {
    uint64_t steps, actions, messages, turns;
    uint64_t submitted, acked, conflicts, rejected, unknown;
    uint64_t reads, reads_failed;
    uint64_t crashes, power_cuts, pauses, cuts, breaks, wipes, leaves, transfers, elections;
};

struct ls_world {
    int64_t now;
    int64_t jumped_at; /* when a clock last jumped */
    int writer;        /* who last was sure to lead, and when */
    int64_t writer_at;
    uint64_t seed;
    struct ls_prng rng;
    struct ls_profile profile;
    enum ls_plant plant;
    bool verbose;
    int count; /* slots used */
    struct ls_node nodes[LS_SIM_MAX_NODES];
    struct ls_simnet net;
    struct ls_oracle oracle;
    struct ls_core_params params; /* the nodes' options, see odd_options */
    struct ls_uuid group;
    uint32_t max_pending; /* of one node */
    uint32_t hot_keys;
    bool one_writer; /* at a time, see workload.c */
    bool workload_on;
    bool faults_on;
    int64_t next_fault;
    struct ls_undo undo[128]; /* faults that end by themselves */
    uint32_t undo_count;
    uint64_t led_last;       /* highest term that anybody has led */
    int64_t transfer_at;     /* when a leader last asked another one to lead */
    int64_t help_at;         /* a majority was lost: somebody comes (hands.c) */
    struct ls_config config; /* last one delivered anywhere */
    uint64_t config_index;
    uint64_t next_tag; /* makes every payload unlike all others */
    struct ls_ws_builder *builder;
    struct ls_sim_stats stats;
};

/* Makes the world of a seed. */
void ls_world_create(struct ls_world *w, uint64_t seed, const struct ls_profile *profile, int nodes,
                     enum ls_plant plant, bool verbose);
void ls_world_destroy(struct ls_world *w);
/* Runs to the end: `duration_us` with faults, then heals everything and waits until all is well.
 * False when an oracle was violated: oracle.text says how. */
bool ls_world_run(struct ls_world *w, int64_t duration_us);

/* Time-outs as somebody might set them, with the provider's limits on those that follow. */
void ls_world_draw_timeouts(struct ls_world *w, struct ls_core_params *params);

/* Uniform in [lo, hi]. */
int64_t ls_world_between(struct ls_world *w, int64_t lo, int64_t hi);
/* Exponential with this mean. */
int64_t ls_world_exponential(struct ls_world *w, int64_t mean);
bool ls_world_chance(struct ls_world *w, double p);

/* The slot whose process has this id now, NULL if none. */
struct ls_node *ls_world_find(struct ls_world *w, const struct ls_uuid *id);
/* A line of the trace; only with verbose. node NULL: the world's. */
void ls_world_trace(struct ls_world *w, const struct ls_node *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
