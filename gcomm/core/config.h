/* Members of the cluster as the log knows them, and the codecs of the payloads of control entries.
 *
 * Every payload starts with a version byte. Decoders take bytes from peers and disks: they check
 * every count and never assert. */
#ifndef LS_CORE_CONFIG_H
#define LS_CORE_CONFIG_H

#include "wsrep/base/cursor.h"
#include "wsrep/base/error.h"
#include "wsrep/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define LS_MAX_MEMBERS 32
#define LS_NAME_SIZE 33      /* node name and NUL, as long as the wsrep API can show */
#define LS_INCOMING_SIZE 256 /* client address and NUL */
#define LS_ADDR_SIZE 128     /* group address "host:port" and NUL */

enum ls_member_role {
    LS_MEMBER_LEARNER = 0, /* in the server's view, neither votes nor acknowledges (rule 9) */
    LS_MEMBER_VOTER = 1,
};

/* The numbers are those of the wsrep API's member status. */
enum ls_node_state {
    LS_NODE_UNDEFINED = 0, /* not met since all were down: who is there says its state again */
    LS_NODE_JOINER = 1,
    LS_NODE_DONOR = 2, /* donating or desynced */
    LS_NODE_JOINED = 3,
    LS_NODE_SYNCED = 4,
    LS_NODE_ERROR = 5,
};

/* Its data are complete, as far as the group knows. */
static inline bool ls_node_is_full(uint8_t state)
{
    return state >= LS_NODE_DONOR && state <= LS_NODE_SYNCED;
}

/* Whether a member's report counts. Who asks to be SYNCED may have left flow control by the time
 * that it is ordered: it holds for what it was an answer to, JOINED, alone. */
static inline bool ls_node_state_counts(uint8_t now, uint8_t reported)
{
    return reported != LS_NODE_SYNCED || now == LS_NODE_JOINED;
}

struct ls_member {
    struct ls_uuid id;
    uint64_t incarnation;
    uint8_t role;          /* enum ls_member_role */
    uint8_t state;         /* enum ls_node_state */
    uint8_t weight;        /* quorum weight, pc.weight, 0 to 255 */
    uint8_t segment;       /* gmcast.segment */
    uint8_t no_data;       /* 1: an arbitrator */
    uint8_t proto_app;     /* highest application protocol of its server */
    uint64_t joined_index; /* log index of the configuration entry that (re)admitted it */
    char name[LS_NAME_SIZE];
    char incoming[LS_INCOMING_SIZE];
    char addr[LS_ADDR_SIZE];
};

/* Why a configuration entry exists; only for log lines. */
struct ls_config {
    struct ls_uuid group; /* uuid of the history, the server's cluster state uuid */
    uint64_t epoch;       /* rises with each bootstrap of the history (rule 17) */
    struct ls_uuid epoch_id;
    int64_t view;         /* number of the last server view; 1 is the first of a history */
    uint8_t is_view;      /* this entry is a view that the server sees (and takes a seqno) */
    uint8_t is_bootstrap; /* first of its epoch */
    uint8_t bare;         /* this history was founded by a node that had nothing */
    uint16_t format;      /* version that records of the group may use (rule 27) */
    uint32_t count;
    struct ls_member members[LS_MAX_MEMBERS]; /* sorted by id */
};

struct ls_member_state {
    struct ls_uuid id;
    uint64_t incarnation;
    uint8_t state;    /* enum ls_node_state */
    uint8_t desynced; /* DONOR, 1: by the user's wish (no donation under way); JOINED, 1: one is */
    int64_t seqno;    /* position the member reports */
};

/* Largest encoding of a configuration. */
#define LS_CONFIG_MAX_BYTES                                                                        \
    (128 + LS_MAX_MEMBERS * (64 + LS_NAME_SIZE + LS_INCOMING_SIZE + LS_ADDR_SIZE))

/* Encoders write to w and return false when it is too small. */
bool ls_config_encode(const struct ls_config *c, struct ls_writer *w);
enum ls_rc ls_config_decode(const void *data, size_t size, struct ls_config *out,
                            struct ls_error *err);
bool ls_member_state_encode(const struct ls_member_state *s, struct ls_writer *w);
enum ls_rc ls_member_state_decode(const void *data, size_t size, struct ls_member_state *out,
                                  struct ls_error *err);
bool ls_cut_encode(int64_t cut, struct ls_writer *w);
enum ls_rc ls_cut_decode(const void *data, size_t size, int64_t *out, struct ls_error *err);

/* A lone member, inside messages too. */
bool ls_member_encode(const struct ls_member *m, struct ls_writer *w);
bool ls_member_decode(struct ls_reader *r, struct ls_member *out);

/* NULL when absent. */
const struct ls_member *ls_config_find(const struct ls_config *c, const struct ls_uuid *id);
int ls_config_index_of(const struct ls_config *c, const struct ls_uuid *id);

/* Keeps the order; false when full or present. */
bool ls_config_add(struct ls_config *c, const struct ls_member *m);
bool ls_config_remove(struct ls_config *c, const struct ls_uuid *id);

/* Sum of the voters' weights. */
uint32_t ls_config_weight(const struct ls_config *c);

const char *ls_node_state_name(enum ls_node_state s);

#endif
