/* A few cores, their disks and what is under way between them, for scripted conversations. What
 * each is told and does goes into `out`, a line for each event and action. */
#ifndef LS_TEST_TRACE_STAGE_H
#define LS_TEST_TRACE_STAGE_H

#include "gcomm/core/core.h"
#include "test/sim/disk.h"

#define NODES 6
#define QUEUE 16384

struct message {
    int from, to;
    struct ls_msg m;
    struct ls_config config;
    struct ls_blob *blob; /* SUBMIT */
    struct ls_entry *entries;
    struct ls_blob **blobs;
    uint32_t count;
    uint64_t bulk_id; /* not 0: the big payload of this submission, no message */
};

struct own {
    uint64_t id;
    struct ls_blob *blob;
};

struct node {
    bool used, running;
    struct ls_disk disk;
    struct ls_core *core;
    struct ls_uuid keep; /* history of its database */
    bool up[NODES];
    bool cut[NODES]; /* what it says to this one is lost, over a connection that stays */
    bool paused;     /* stands still; what comes in waits */
    uint64_t next_id;
    struct own own[64];
    uint32_t own_count;
    struct own staged[64]; /* id: origin * 1000 + submission */
    uint32_t staged_count;
    uint64_t commit;
    const struct message *event_msg;
    struct ls_blob *event_blob;
};

struct stage {
    struct node nodes[NODES];
    struct message *queue[QUEUE];
    uint32_t head, count;
    int64_t now_us;
    struct ls_core_params params;
    uint32_t segment; /* entries to a segment of the logs */
    char *out;
    size_t out_len, out_cap;
};

__attribute__((format(printf, 2, 3))) void stage_say(struct stage *s, const char *fmt, ...);
const char *stage_name_of(void *ctx, const struct ls_uuid *id);
struct ls_uuid stage_id_of(int i);

/* One event of a node, with what follows from it at once: FLUSH, DELIVERED. */
void stage_turn(struct stage *s, int me, struct ls_event *ev);
/* All that is under way arrives; what it causes is under way then. */
void stage_hop(struct stage *s);

/* A process; fresh: on an empty disk. */
void stage_start(struct stage *s, int i, bool fresh);
void stage_stop(struct stage *s, int i);
/* PEER_UP or PEER_DOWN, on both. */
void stage_connect(struct stage *s, int a, int b, bool up, bool unreachable);
/* And all that is on it. */
void stage_free(struct stage *s);

#endif
