/* What one core says to another. Values; the codec is gcomm/wire.
 *
 * An APPEND or ENTRIES carries entries. On its way out the core names only a range: the host takes
 * the entries from its log (it has performed the appends before it sends). On its way in the host
 * decodes them to an array that lives as long as the step call. */
#ifndef LS_CORE_MESSAGE_H
#define LS_CORE_MESSAGE_H

#include "gcomm/core/config.h"
#include "gcomm/core/entry.h"

enum ls_msg_type {
    LS_MSG_APPEND = 1,   /* leader: entries after `prev`, or a heartbeat when none */
    LS_MSG_ACK = 2,      /* I hold everything up to `pos` of this term */
    LS_MSG_NACK = 3,     /* I cannot append there: send from pos.index + 1 */
    LS_MSG_VOTE_REQ = 4, /* candidate asks; `pre` = would you? */
    LS_MSG_VOTE_RESP = 5,
    LS_MSG_FETCH = 6,     /* elected candidate: send me your entries after pos.index (rule 12) */
    LS_MSG_ENTRIES = 7,   /* the answer, in pieces; `pos` = my last */
    LS_MSG_SUBMIT = 8,    /* origin to leader: please order this */
    LS_MSG_HELD = 9,      /* I hold that big payload */
    LS_MSG_READ_REQ = 10, /* rule 25 */
    LS_MSG_READ_RESP = 11,
    LS_MSG_JOIN = 12,     /* let me in */
    LS_MSG_WELCOME = 13,  /* you are in: how to get the state */
    LS_MSG_REFUSE = 14,   /* you cannot be in, and why */
    LS_MSG_LEAVE = 15,    /* let me go */
    LS_MSG_CAMPAIGN = 16, /* leader to its best follower: I go, stand for election now */
    LS_MSG_EPOCH = 17,    /* which history and epoch the sender belongs to (rule 17) */
    LS_MSG_CHANGE = 18,   /* member to all: change a weight, or who is shut out */
    LS_MSG_SPARE = 19,    /* leader to an arbitrator: nobody needs your log up to here */
};

enum ls_vote_flag {
    LS_VOTE_REFORM = 1, /* VOTE_REQ: for a new epoch without a majority of the last one */
};

enum ls_join_flag {
    LS_JOIN_HALF = 1, /* died in the middle of a statement in total order, see origin.c */
};

enum ls_welcome_flag {
    LS_WELCOME_PARTED = 1, /* what the joiner knows for committed is not what the group committed */
    LS_WELCOME_VOTER = 2,  /* not let in yet: its log begins anew, so that its vote counts */
};

enum ls_epoch_flag {
    LS_EPOCH_BARE = 1, /* see ls_config */
};

enum ls_change_kind {
    LS_CHANGE_WEIGHT = 1, /* `value` is the weight of `id` from now on */
    LS_CHANGE_EVICT = 2,  /* remove `id` and do not let it in again; zero: forget all such */
};

enum ls_append_flag {
    LS_APPEND_META_ONLY = 1, /* the one entry is big, and the receiver holds its payload */
    LS_APPEND_VERDICTS = 2,  /* the entries carry the sender's verdicts (to learners) */
};

enum ls_refuse_reason {
    LS_REFUSE_FULL = 1,      /* LS_MAX_MEMBERS reached */
    LS_REFUSE_DUPLICATE = 2, /* a live member has this uuid */
    LS_REFUSE_HISTORY = 3,   /* joiner has a higher epoch, or the log cannot serve it */
    LS_REFUSE_VERSION = 4,
    LS_REFUSE_REMOVED = 5, /* you are no member (any more): ask to be let in */
    LS_REFUSE_EVICTED = 6, /* somebody has shut you out by name */
};

struct ls_msg {
    uint8_t type;  /* enum ls_msg_type */
    uint8_t flags; /* enum ls_append_flag; ACK: ls_ack_flag; VOTE_REQ: ls_vote_flag; JOIN:
                      ls_join_flag; WELCOME: ls_welcome_flag; EPOCH: ls_epoch_flag */
    uint64_t term;
    union {
        struct {
            struct ls_log_pos prev; /* entry before the first one sent */
            uint64_t first;         /* out only: range first..last, empty when last < first */
            uint64_t last;
            uint64_t leader_held; /* what the leader acknowledges itself (P6) */
            uint64_t commit;
            const struct ls_entry *entries; /* in only */
            uint32_t count;                 /* in only */
        } append;                           /* APPEND, ENTRIES */
        struct {
            struct ls_log_pos pos;
            int64_t applied; /* see LS_EV_APPLIED; what the commit cut is made of */
            uint64_t commit; /* what the sender knows to be committed */
            uint64_t delivered;
        } ack; /* ACK, NACK */
        struct {
            uint8_t pre;
            uint8_t granted;  /* RESP */
            uint8_t transfer; /* REQ: asked by the leaving leader, do not wait for its silence */
            struct ls_log_pos pos; /* the sender's last entry */
            uint64_t commit;
        } vote; /* VOTE_REQ, VOTE_RESP */
        struct {
            struct ls_log_pos pos;
        } fetch;
        struct {
            struct ls_sub_id sub;
            uint64_t low; /* all ids below are settled for the origin */
            uint8_t entry_type;
            uint8_t entry_flags;
            uint32_t size;
            uint64_t payload_hash;
            const void *payload; /* in only, NULL with LS_EF_BIG; out: the host adds it by sub.id */
        } submit;                /* SUBMIT, HELD */
        struct {
            uint64_t round;
            uint64_t index; /* RESP: highest index acknowledged */
        } read;
        struct {
            struct ls_member me;
            struct ls_log_pos pos; /* last entry that I can go on from; index 0: none */
            uint64_t epoch;        /* highest epoch seen */
            uint8_t need_state;    /* a snapshot whatever the log says */
        } join;
        struct {
            uint8_t from_log; /* 1: go on after your own position; 0: start a log behind `base` */
            struct ls_log_pos base;
            int64_t base_cut;      /* commit cut in force at base */
            uint64_t joined_index; /* the entry that admitted you, its view's seqno is in pos */
            struct ls_log_pos joined_pos;
            const struct ls_config *config; /* as of joined_index; in: lives as the step call */
        } welcome;
        struct {
            uint8_t reason; /* enum ls_refuse_reason */
            char text[200];
        } refuse;
        struct {
            struct ls_uuid id;
            uint64_t incarnation;
        } leave;
        struct {
            struct ls_uuid group; /* of the history */
            uint64_t epoch;
            struct ls_uuid epoch_id;
            uint8_t primary; /* the sender belongs to a primary component */
        } epoch;
        struct {
            uint8_t kind; /* enum ls_change_kind */
            struct ls_uuid id;
            uint32_t value;
        } change;
        struct {
            uint64_t index; /* every voter with data holds it, on disk where log.sync says so */
        } spare;
    } u;
};

enum ls_ack_flag {
    LS_ACK_NONPRIMARY =
        1, /* the sender's server was shown a non-primary view: it needs a new one */
    LS_ACK_NEED_PAYLOAD = 2, /* NACK: the big entry after pos needs its payload from you */
    LS_ACK_UNWILLING = 4,    /* the sender would not lead, see ls_core_params */
    LS_ACK_SHORT = 8,        /* the disk of the sender's log is short of room */
};

#endif
