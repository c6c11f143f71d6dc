/* The ordering core: one pure step function, events in, actions out.
 *
 * A replicated log held by a majority: Raft (Ongaro, "Consensus: Bridging Theory and Practice",
 * 2014) for the normal case, Viewstamped Replication Revisited (Liskov, Cowling, 2012, section 4.2)
 * for the change of leader: a candidate needs a majority, not the best log, and adopts the best log
 * among its voters. Rules are those of the design, section 3, cited by number in the code.
 *
 * No I/O, clock, thread, or global. Time is the field `now_us` of a step and never goes back.
 * Randomness comes from the seeded generator. The same events give the same actions.
 *
 * Duties of the host:
 * - After each ls_core_step() perform the actions in their order, before the next step; then call
 *   ls_core_actions_done(). APPEND, TRUNCATE, RESET and PERSIST are performed (PERSIST durably)
 *   before any SEND behind them leaves.
 * - The log is the core's read-only store through struct ls_core_log. It shows exactly the appends
 *   performed so far.
 * - Connections deliver messages in order or not at all; PEER_DOWN when one breaks, PEER_UP when
 *   there is a new one. Messages between two PEER_UPs of the same peer may be lost at its tail
 * only.
 * - TICK at least every 20 ms; FLUSH at the end of each loop turn (after the turn's other events).
 *   A FLUSH never appends, so every range that it sends is in the log already.
 * - Local submissions get ids rising by one from 1, at most LS_CORE_MAX_PENDING under way.
 */
#ifndef LS_CORE_CORE_H
#define LS_CORE_CORE_H

#include "gcomm/core/message.h"

#include <stddef.h>

struct ls_core;

#define LS_CORE_MAX_PENDING                                                                        \
    4096 /* submissions of one origin under way; the leader's window of ids */

#define LS_CORE_MAX_EVICTED 32

/* Read access to the host's log. entry_get fills out (payload valid until the next action on the
 * log is performed); false when the index is not held. Also for what is held and cannot be read:
 * the host ends this membership then, and meanwhile whoever needs it waits. */
struct ls_core_log {
    bool (*entry_get)(void *ctx, uint64_t index, struct ls_entry *out);
    /* Highest index whose seqno in force is at or below the given one, and its position; false when
     * the log does not reach so far back. */
    bool (*find_seqno)(void *ctx, int64_t seqno, struct ls_log_pos *out);
    void *ctx;
};

struct ls_core_params {
    int64_t heartbeat_us;    /* leader's idle interval, default 100 ms */
    int64_t election_min_us; /* leader's silence until a follower stands, default 500 ms; more when
                                its messages were seen to come in larger intervals (rule 13) */
    int64_t election_max_us; /* plus a random part up to the difference, default 900 ms */
    int64_t quiet_us;        /* a peer silent for longer counts for no majority of the leader's,
                                default 1.5 s */
    int64_t suspect_us;      /* evs.suspect_timeout: silence until a view turns non-primary */
    int64_t inactive_us;     /* evs.inactive_timeout: silence until the leader removes a member */
    uint64_t big_bytes;      /* write-sets above go apart (rule 1), default 64 KiB */
    uint64_t window_bytes;   /* entries in flight to one peer, default 8 MiB */
    uint32_t window_entries; /* default 8192 */
    int64_t cut_interval;    /* seqnos between commit cuts, default 128 */
    int64_t lag_limit; /* who has applied so much less than the leader holds up no cut, default
                          16384: certification refuses its own write-sets in any case */
    int64_t lag_us;    /* while some member is short of room, neither does who has not applied what
                          the leader had applied so long ago, default 5 s */
    uint8_t sync_majority; /* 1: acknowledge only what LOG_HELD covers (rule 19) */
    uint8_t ack_all;       /* 1: ack.level=all (rule 24); the leader's counts */
    uint8_t ignore_quorum; /* pc.ignore_quorum: go on with whoever is left */
    uint8_t ignore_sb;     /* pc.ignore_sb: go on when exactly half is left */
    uint8_t short_of_room; /* so is the disk of the log here */
    uint8_t unwilling; /* would not be written to (read_only): hands leadership over if it can */
    uint8_t isolated;  /* gmcast.isolate: nobody is seen or heard from now on. What would be
                          accepted until the usual silence is over could not be kept */
};

void ls_core_params_default(struct ls_core_params *p);

/* What a node brings to life: identity and durable state (rule 16). */
struct ls_core_start {
    struct ls_member me; /* id, incarnation, weight, name, addresses */
    uint64_t term;       /* durable */
    struct ls_uuid vote; /* durable, zero: none in this term */
    struct ls_log_pos
        base; /* position before the oldest entry of the log; index 0: from the start */
    struct ls_log_pos last; /* newest entry, = base when empty */
    uint64_t commit; /* entries up to here are known to be committed (the database has them, say);
                        base.index when nothing more is known */
    struct ls_uuid keep; /* history that is not given up for another one; zero: none is kept */
    const void *context; /* what ls_core_context_encode gave when the log stood at base */
    size_t context_size; /* 0 when base.index is 0 */
    uint64_t seed;
    struct ls_core_params params;
    struct ls_core_log log;
};

enum ls_core_role {
    LS_ROLE_IDLE = 0,  /* created, neither bootstrapped nor joining */
    LS_ROLE_JOINER,    /* asks to be let in */
    LS_ROLE_FOLLOWER,  /* voter or learner of a configuration */
    LS_ROLE_CANDIDATE, /* pre-vote or vote running */
    LS_ROLE_CATCHUP,   /* elected, fetching the gap */
    LS_ROLE_LEADER,
    LS_ROLE_LEFT, /* out, by its own wish or the others' */
};

enum ls_event_type {
    LS_EV_TICK = 1,
    LS_EV_BOOTSTRAP, /* found a primary component of myself alone: new epoch */
    LS_EV_JOIN,      /* look for a component: as a member of the stored configuration, or by JOIN */
    LS_EV_LEAVE,     /* go; ends in LS_ACT_LEFT */
    LS_EV_MESSAGE,
    LS_EV_PEER_UP,
    LS_EV_PEER_DOWN,
    LS_EV_ARRIVING,     /* more of a long message has come in, which is not complete yet */
    LS_EV_SUBMIT,       /* order this payload (payload borrowed for the step) */
    LS_EV_GIVE_UP,      /* the local submission is not waited for any more and, if it is not yet in
                           the log, need not be ordered */
    LS_EV_PAYLOAD_HELD, /* a big payload of another origin is complete here */
    LS_EV_LOG_HELD,     /* the log is durable up to index (only with sync_majority) */
    LS_EV_DELIVERED,    /* certified here up to index: verdicts are known */
    LS_EV_APPLIED,      /* min(applied seqno, last_seen of unfinished local submissions) */
    LS_EV_READ,         /* rule 25: answer with LS_ACT_READ_READY */
    LS_EV_PARAMS,       /* options changed */
    LS_EV_REFORM,       /* not primary: make the members now seen a primary component (rule 17) */
    LS_EV_WEIGHT,       /* pc.weight: the quorum weight of this node from now on */
    LS_EV_EVICT,        /* remove this member and keep it out; zero: forget all that were */
    LS_EV_FLUSH,
};

struct ls_event {
    uint8_t type; /* enum ls_event_type */
    int64_t now_us;
    union {
        struct {
            struct ls_uuid group; /* uuid of the history; a new one or the one of the position */
            int64_t seqno;        /* go on after it: 0 for a new history */
            uint8_t bare;         /* a new one, of a node that has nothing */
        } bootstrap;
        struct {
            uint8_t need_state; /* ask for a snapshot whatever the log says */
            uint8_t half;       /* but when nobody else can, be the origin: origin.c */
        } join;
        struct {
            struct ls_uuid from;
            const struct ls_msg *msg;
            bool payload_here; /* APPEND of a big entry without payload: the host has it, staged or
                                  as the pieces of an own submission */
        } message;
        struct {
            struct ls_uuid from;
            uint8_t type; /* enum ls_msg_type */
        } arriving;
        struct {
            struct ls_uuid peer;
            uint64_t incarnation;
            uint8_t unreachable; /* PEER_DOWN: reconnecting failed as well (rule 13) */
        } peer;
        struct {
            uint64_t id; /* rises by one each time */
            uint8_t entry_type;
            uint32_t size;
            uint64_t payload_hash;
            const void *payload;
        } submit; /* also GIVE_UP: id alone */
        struct {
            struct ls_sub_id sub;
            uint32_t size;
            uint64_t payload_hash;
        } held;
        uint64_t index; /* LOG_HELD, DELIVERED */
        int64_t seqno;  /* APPLIED */
        uint64_t token; /* READ */
        struct ls_core_params params;
        uint8_t weight;    /* WEIGHT */
        struct ls_uuid id; /* EVICT */
    } u;
};

enum ls_action_type {
    LS_ACT_APPEND = 1, /* write this entry at the end of the log */
    LS_ACT_TRUNCATE,   /* drop entries from index on */
    LS_ACT_RESET,      /* drop the whole log, start behind pos with context */
    LS_ACT_PERSIST,    /* make term and vote durable, now */
    LS_ACT_SEND,
    LS_ACT_SPREAD,  /* send the big payload of own submission id to peer, on the bulk connection */
    LS_ACT_COMMIT,  /* everything up to index is decided: deliver */
    LS_ACT_WELCOME, /* we are members: how the state comes. Before any COMMIT of this membership */
    LS_ACT_NONPRIMARY,   /* quorum lost: view of the members still seen. Pending submissions end
                            unknown */
    LS_ACT_PRIMARY,      /* information: the component orders again; the view follows in the log */
    LS_ACT_READ_READY,   /* wait until index is delivered and applied */
    LS_ACT_READ_FAILED,  /* not primary */
    LS_ACT_REJECTED,     /* submission id will never be ordered (not primary, or withdrawn) */
    LS_ACT_DROP_PAYLOAD, /* a staged big payload is settled: free it */
    LS_ACT_LEFT,         /* the leave is through, or we were removed: reason in text */
    LS_ACT_ROLE,         /* information: role, term, leader changed */
    LS_ACT_LOG,          /* a line for people */
};

struct ls_action {
    uint8_t type; /* enum ls_action_type */
    union {
        struct {
            struct ls_entry entry; /* payload: see payload_is */
            /* payload bytes: entry.payload when non-NULL; else the staged payload of entry.sub
             * (big), or the own submission's by entry.sub.id */
        } append;
        uint64_t index; /* TRUNCATE, COMMIT */
        struct {
            struct ls_log_pos base;
            const void *context; /* owned by the core until actions_done */
            size_t context_size;
            uint8_t parted; /* the database has what the group never committed: whatever its
                               position, it is no part of the new history */
        } reset;
        struct {
            uint64_t term;
            struct ls_uuid vote;
        } persist;
        struct {
            struct ls_uuid to;
            struct ls_msg msg;
        } send;
        struct {
            struct ls_uuid to;
            uint64_t id;
        } spread;
        struct {
            uint8_t from_log;
            struct ls_log_pos base;
            int64_t base_cut;
            struct ls_log_pos joined;
            const struct ls_config *config; /* owned by the core until actions_done */
        } welcome;
        struct {
            const struct ls_config *config; /* members still seen; until actions_done */
        } nonprimary;
        struct {
            uint64_t token;
            uint64_t index;
        } read;
        uint64_t id;          /* REJECTED */
        struct ls_sub_id sub; /* DROP_PAYLOAD */
        struct {
            uint8_t role;
            uint64_t term;
            struct ls_uuid leader; /* zero: none known */
        } role;
        struct {
            uint8_t level; /* enum ls_log_level */
            char text[400];
        } log; /* LOG, LEFT */
    } u;
};

/* NULL when the start data contradict themselves (err says how) or memory is short. */
struct ls_core *ls_core_create(const struct ls_core_start *start, struct ls_error *err);
void ls_core_destroy(struct ls_core *core);

/* One event. Never blocks, never fails: what cannot be done gives a LOG action. */
void ls_core_step(struct ls_core *core, const struct ls_event *event);

/* The actions of the last step, valid until ls_core_actions_done(). */
const struct ls_action *ls_core_actions(const struct ls_core *core, size_t *count);
void ls_core_actions_done(struct ls_core *core);

/* What the log must keep at the head of a segment that starts after the entry last appended, so
 * that the core can start from there: configurations and cut. Returns bytes written, 0 when buf is
 * too small (LS_CORE_CONTEXT_MAX always does), and 0 while the actions of a step that changed any
 * of it are performed: then the log goes on without a new segment for a moment. */
#define LS_CORE_CONTEXT_MAX (64 + 2 * LS_CONFIG_MAX_BYTES)
size_t ls_core_context_encode(const struct ls_core *core, void *buf, size_t size);

/* The commit cut in force where the log of this context starts; 0 for an empty or unknown one. */
int64_t ls_core_context_cut(const void *context, size_t size);
/* The history in force there; zero likewise. */
struct ls_uuid ls_core_context_group(const void *context, size_t size);

/* For status, tests and oracles; cheap, no copies. */
struct ls_core_status {
    uint8_t role;
    uint64_t term;
    struct ls_uuid leader;
    struct ls_log_pos last;
    uint64_t commit;
    bool primary;                   /* the server was told so */
    bool majority;                  /* heard of within quiet_us, if only by way of the leader */
    int64_t cut;                    /* in the log up to last */
    uint32_t pending;               /* own submissions not yet committed */
    size_t staged;                  /* big payloads that are known of and not yet ordered */
    int64_t leader_since_us;        /* leader: since when; */
    int64_t sure_until_us;          /* until when nobody else leads, for sure; 0: not sure */
    const struct ls_config *config; /* in force, uncommitted included */
    const struct ls_config *old;    /* whose majority counts beside it until it is committed */
    const struct ls_uuid *evicted;  /* who is kept out */
    uint32_t evicted_count;         /* at most LS_CORE_MAX_EVICTED */
};
void ls_core_get_status(const struct ls_core *core, struct ls_core_status *out);

/* The committed configuration without the members that have been silent for suspect_us: what is
 * left of a component that is not primary. */
void ls_core_get_seen(struct ls_core *core, struct ls_config *out);

/* Whether it is connected and has not been silent for so long. */
bool ls_core_sees(struct ls_core *core, const struct ls_uuid *id);

/* Leader: what the member has reported as applied; -1: not known. */
int64_t ls_core_member_applied(const struct ls_core *core, const struct ls_uuid *id);

/* Lowest index that others may still need from this log: pins it against purge. Where room is
 * short, one that lacks what stands at `given_up` does not count: the others would soon wait for it
 * (P4), and it can take a copy. 0: all count. */
uint64_t ls_core_needed_index(const struct ls_core *core, uint64_t given_up);

#endif
