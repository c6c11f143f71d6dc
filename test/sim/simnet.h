/* The simulated network: one ordered stream per direction of each pair, as gcomm/net gives it.
 *
 * A connection delivers in order until it breaks; what was under way then is lost from some point
 * on, and each side learns of it on its own. A cut holds messages back (the stream retransmits); it
 * becomes a break when somebody gives up. Big payloads travel on a stream of their own. */
#ifndef LS_SIM_SIMNET_H
#define LS_SIM_SIMNET_H

#include "gcomm/core/message.h"
#include "test/sim/blob.h"

#define LS_SIM_MAX_NODES 9

struct ls_world;
struct ls_node;

/* A message under way: its entries and payloads are held by reference. */
struct ls_sim_msg {
    struct ls_msg m; /* pointers are set when it arrives */
    struct ls_uuid from;
    uint32_t entry_count;
    bool payload_sent; /* SUBMIT: the blob is the payload; entries: theirs */
    struct ls_blob *blob;
    struct ls_config *config;
    struct ls_entry *entries;
    struct ls_blob **blobs;
};

enum ls_net_item_kind { LS_ITEM_MSG = 0, LS_ITEM_UP, LS_ITEM_DOWN, LS_ITEM_UNREACHABLE };

struct ls_net_item {
    int64_t at;
    uint8_t kind; /* enum ls_net_item_kind */
    uint32_t gen;
    struct ls_uuid peer; /* UP, DOWN, UNREACHABLE */
    uint64_t incarnation;
    struct ls_sim_msg *msg;
};

struct ls_net_dir {
    struct ls_net_item *ring;
    uint32_t head, count, capacity; /* capacity is a power of two */
    int64_t last_at;
    int64_t bulk_last_at;
    int64_t not_before; /* after a cut healed */
    bool cut;
    int64_t latency_us;
    uint32_t slow; /* factor, 1 normally */
};

struct ls_net_pair {
    bool up;
    bool told_unreachable;
    uint32_t gen;
    int64_t retry_at;
    int64_t troubled_at; /* when something last happened to it */
};

struct ls_net_bulk {
    int64_t at;
    int from, to;
    uint32_t gen;
    struct ls_sub_id sub;
    struct ls_blob *blob;
};

#define LS_SIM_MAX_BULK 2048

struct ls_simnet {
    struct ls_net_dir dir[LS_SIM_MAX_NODES][LS_SIM_MAX_NODES];   /* [from][to] */
    struct ls_net_pair pair[LS_SIM_MAX_NODES][LS_SIM_MAX_NODES]; /* [smaller][larger] */
    struct ls_net_bulk bulk[LS_SIM_MAX_BULK];
    uint32_t bulk_count;
    bool off[LS_SIM_MAX_NODES]; /* no power: connections are not even refused */
    int64_t next_retry;         /* earliest retry_at of a pair that is down */
};

void ls_simnet_init(struct ls_world *w);
void ls_simnet_free(struct ls_world *w);

/* Takes msg over. Lost when the sender's connection is not up. */
void ls_simnet_send(struct ls_world *w, struct ls_node *from, int to, struct ls_sim_msg *msg);
void ls_simnet_send_bulk(struct ls_world *w, struct ls_node *from, int to,
                         const struct ls_sub_id *sub, struct ls_blob *blob);
struct ls_sim_msg *ls_sim_msg_create(const struct ls_msg *m, const struct ls_uuid *from,
                                     uint32_t entries);
void ls_sim_msg_free(struct ls_sim_msg *msg);

/* When the next thing arrives at `to`, LS_SIM_NEVER if none is under way. */
int64_t ls_simnet_due(const struct ls_world *w, int to);
/* Takes the earliest item that has arrived at `to` by now; false if none. *from is its sender. */
bool ls_simnet_take(struct ls_world *w, int to, int *from, struct ls_net_item *out);
/* The same for a finished big payload; its blob is the caller's. */
bool ls_simnet_take_bulk(struct ls_world *w, int to, struct ls_net_bulk *out);

/* The connection between the two breaks (when it is up). */
void ls_simnet_break(struct ls_world *w, int a, int b);
/* A process ends: its sockets close; silent: the machine is off, nobody hears a thing. */
void ls_simnet_process_gone(struct ls_world *w, int slot, bool silent);
void ls_simnet_process_up(struct ls_world *w, int slot);
void ls_simnet_cut(struct ls_world *w, int from, int to, bool cut);
void ls_simnet_heal(struct ls_world *w);
/* Reconnects what is due. */
void ls_simnet_retry(struct ls_world *w);

#endif
