/* Inside the core: its state, and what its files offer each other. Rules are the design's, section
 * 3. Nothing here is seen outside of gcomm/core. */
#ifndef LS_CORE_INTERNAL_H
#define LS_CORE_INTERNAL_H

#include "gcomm/core/core.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/base/prng.h"

#define PEERS_MAX (2 * LS_MAX_MEMBERS)
#define WINDOW_IDS (2 * LS_CORE_MAX_PENDING)
#define REFUSE_INTERVAL_US 200000
#define REFUSAL_TELL_US 5000000
#define JOIN_INTERVAL_US 200000
#define LEAVE_INTERVAL_US 100000
#define WELCOME_PATIENCE_US 2000000
#define LEAVE_LIMIT_US 4000000
#define READ_RETRY_US 300000
#define STALE_ACK_US 100000
#define STANDSTILL_US 100000 /* between two steps: more is our own standing still */
#define WOKEN_US 1000000     /* messages that waited meanwhile are read by then */
#define PROBE_LIMIT_US 500000
#define REPROBE_US 5000000
#define SPREAD_CHECK_US 1000000
#define SPREAD_PATIENCE_US                                                                         \
    5000000                      /* and 4 us a byte: then a payload that nobody holds goes again */
#define STAGED_ASK_US 5000000    /* the leader asks the origin about one that does not get on */
#define STAGED_LIMIT_US 30000000 /* a staged payload that nobody asks for is dropped */
#define CHANGE_INTERVAL_US 200000
#define REFORM_WAIT_US 1000000 /* for the answers of all that are seen */
#define BYTES_A_US 200         /* who writes a big payload to its log is silent for so long */

/* A history and its epoch. Epochs of one history are ordered by number, then by id. */
struct epoch {
    struct ls_uuid group;
    uint64_t number;
    struct ls_uuid id;
};

/* ack.level=all: whether a voter's acknowledgements keep pace. */
struct pace {
    uint64_t acked;   /* when last looked at */
    int64_t moved_us; /* when they last moved, or lacked nothing */
    bool lost;        /* they stood still: not waited for until they have come up */
};

/* An origin that waits until we acknowledge this entry. */
struct waiter {
    struct ls_uuid origin;
    uint64_t index;
};

/* Another node that we have a connection to, or that is a member. */
struct peer {
    struct ls_uuid id;
    uint64_t incarnation; /* of its process, from PEER_UP */
    bool up;
    bool unreachable; /* its connection broke and a reconnect was refused */
    int64_t unreachable_us;
    int64_t heard_us; /* last message, or when we began to care */

    /* leader only, of the current term: what we know and sent */
    uint64_t next;  /* first index not yet sent */
    uint64_t match; /* it holds everything up to here */
    uint64_t floor; /* sending began behind this index: lower bound of what is in flight */
    uint64_t inflight_bytes;
    struct pace pace;
    uint64_t commit_sent;
    uint64_t held_sent;
    uint64_t own_sent; /* the last entry sent to it that is a write-set of its own */
    int64_t sent_us;
    int64_t refused_us;
    int64_t
        probed_us; /* since when we ask whether its log reaches our oldest entry; 0: we do not */
    uint64_t delivered;
    int64_t applied; /* -1: not reported in this term */
    bool nonprimary; /* its server was shown a non-primary view */
    bool unwilling;  /* it would not lead */
    bool short_of_room;

    /* leader only: where it might better be (rule 7) */
    uint64_t wrote;       /* write-sets of the sample */
    uint64_t timed_index; /* an entry on its way there and back; 0: none */
    int64_t timed_us;
    int64_t way_us;        /* shortest way of the last sample, 0: not known */
    int64_t way_sample_us; /* of the one under way */

    /* leader only: the join it asked for */
    bool wants_join;
    int64_t welcomed_us; /* when WELCOME went out on this connection; 0: not */
    int64_t rebased_us;  /* the same, of a log that begins anew */
    bool join_need_state;
    struct ls_log_pos join_pos;
    struct ls_member join_me;
    bool wants_leave;
    uint64_t leave_incarnation;
    bool wants_weight; /* another quorum weight */
    uint8_t weight;

    /* what it last said when it asked to be let in (rule 22) */
    bool told_state;
    bool told_need; /* it cannot be the origin of the data */
    bool told_half; /* unless nobody can */

    /* what it last said of its epoch (rule 17) */
    bool epoch_told;
    bool primary; /* and of its component */
    bool bare;    /* and of its history */
    struct epoch epoch;
    int64_t twin_since_us; /* leader: it is in a primary component that is not ours; 0: it is not */
    bool twin_told;

    /* leader only: ids accepted in this term, window above `low` (rule 4) */
    uint64_t low;
    uint64_t seen[WINDOW_IDS / 64];

    /* every node: last acknowledgement got, and what of it counts in this term (rule 2) */
    struct ls_log_pos ack;
    uint64_t ack_term;
    uint64_t acked;

    /* election under way */
    bool asked;
    bool granted;
    struct ls_log_pos vote_pos;

    /* read round under way (rule 25) */
    uint64_t read_round;
    uint64_t read_index;

    uint64_t lease_round; /* leader: the last one answered */

    uint8_t refusal_told; /* what it refused us, as the log has it; 0: nothing yet */
    int64_t refusal_told_us;

    /* leader only: how its answers come (place.c) */
    int64_t asked_us; /* since when it owes one, 0: it owes none */
    uint64_t asked_round;
    int64_t turn_us; /* the shortest way there and back, 0: not known */
    int64_t late_us; /* for how long they were late lately */
    bool late;
};

/* A control entry in the log that is not yet known to be committed. */
struct control {
    uint64_t index;
    uint8_t type;
    union {
        struct ls_config *config;
        struct ls_member_state state;
        int64_t cut;
    } u;
};

/* Where a big payload of ours went. */
struct spread {
    struct ls_uuid to;
    int64_t sent_us;
    bool held; /* it said so, in this term */
};

/* A submission of this node that is not yet committed. */
struct submission {
    uint64_t id; /* 0: settled */
    uint8_t type;
    bool given_up;
    uint32_t size;
    uint64_t hash;
    uint64_t sent_term;    /* 0: not sent */
    uint64_t index;        /* in our log here; 0: not */
    struct spread *spread; /* big: LS_MAX_MEMBERS of them, else NULL */
    uint32_t spread_count;
    void *state; /* STATE: a copy of the payload, since we read it when we lead */
};

/* A big payload of another origin that is staged here, or, at the leader, held by somebody. */
struct staged {
    struct ls_sub_id sub;
    uint32_t size;
    uint64_t hash;
    bool here;      /* complete on this node */
    bool by_origin; /* leader: the origin asked for it in this term */
    uint64_t index; /* appended to our log here; 0: not */
    int64_t since_us;
    int64_t asked_us; /* leader: the origin was asked what became of it */
    uint32_t holder_count;
    struct ls_uuid holders[LS_MAX_MEMBERS];
};

/* A big submission whose entry is in our log: its payload needs no staging any more. */
struct big_done {
    struct ls_sub_id sub;
    uint64_t index;
};
#define BIG_DONE 256

struct own_in_log {
    uint64_t index;
    uint64_t id;
};

struct read_waiter {
    uint64_t token;
    uint64_t round;
};

struct ls_core {
    struct ls_member me;
    struct ls_core_params params;
    struct ls_core_log log;
    struct ls_prng prng;
    int64_t now_us;

    /* durable */
    uint64_t term;
    struct ls_uuid vote;

    /* the log */
    struct ls_log_pos base;
    struct ls_log_pos last;
    uint64_t commit;
    uint64_t commit_told; /* the host was told to deliver up to here */
    uint64_t log_held;    /* durable up to here, with sync_majority */
    uint64_t delivered;   /* certified here */
    uint64_t spare;       /* arbitrator: who leads says that every voter with data holds these */
    uint64_t term_first;  /* first index of the current term in our log; 0: none yet */
    int64_t cut;          /* last one in the log */
    int64_t cut_committed;

    /* configurations: committed at `commit`; quorum ones: old, and pending when pending_index */
    struct ls_config committed;
    struct ls_config old;
    struct ls_config latest; /* as of `last`, states included */
    uint64_t pending_index;  /* entry that made `latest` differ from `old` in quorum; 0: none */
    uint64_t config_index;   /* control entries up to here are contained in `committed` */
    struct pace own_pace;    /* leader's, as a peer's */
    uint64_t commit_then;    /* leader: commit at least an election time-out ago */
    uint64_t commit_sample;
    int64_t commit_sample_us;
    uint64_t verdicts_upto; /* up to here our index needs the verdicts that come with entries */
    uint64_t joined_term;   /* of the entry that let us in last, or a higher one */
    struct control *controls;
    size_t control_count;
    size_t control_cap;
    bool controls_moved; /* in this step: any of the above changed */

    /* role */
    enum ls_core_role role;
    struct ls_uuid leader; /* zero: none known */
    int64_t leader_heard_us;
    int64_t leader_jitter_us; /* how much later than its interval its messages came of late */
    int64_t jitter_us;        /* when that was last changed */
    uint64_t heard_term;      /* of its last message */
    bool leader_suspected;    /* its connection broke */
    int64_t election_due_us;
    int64_t stepped_us;
    int64_t woken_us; /* last end of a long standstill of ours, 0: none */
    int64_t quorum_seen_us;
    bool primary;
    bool need_view; /* our server was shown a non-primary view: only a new view brings it back */
    bool want_join; /* ask to be let in */
    bool need_state;
    struct ls_uuid keep;      /* history of the data here, zero: none */
    struct ls_uuid kept_from; /* the one that was last told not to get them */
    bool parted;              /* what is committed here is not what the group has committed */
    bool leaving;
    bool removed; /* the committed configuration has no place for us */
    int64_t leave_due_us;
    int64_t asked_us; /* last JOIN or LEAVE sent */
    int64_t change_asked_us;
    struct ls_uuid evicted[LS_CORE_MAX_EVICTED]; /* not let in again */
    uint32_t evicted_count;

    /* epochs (rule 17) */
    struct epoch told; /* what our peers were told */
    bool told_primary;
    struct ls_uuid reformer; /* who may form an epoch by our vote in this term; zero: nobody */
    uint64_t epoch_given_up; /* number of the latest that a person has gone on without */
    struct epoch highest;    /* of any peer, while we had no component; group zero: none */
    bool reforming;          /* standing for a new epoch */
    int64_t reform_due_us;
    int64_t reform_until_us; /* while it is wanted; 0: it is not */
    int64_t reform_hold_us;  /* nobody asks for one by himself before: another one stands */

    /* died in the middle of a statement in total order (rule 22) */
    bool half;
    bool half_chosen; /* it is the origin all the same: nobody else can be */
    int64_t half_since_us;

    /* leader: where it might better be (rule 7) */
    uint64_t place_own;
    uint32_t place_streak;
    int64_t place_unfit_us; /* since when we lead and had better not; 0: well */
    int64_t place_tick_us;
    int64_t place_spared_us; /* since when leadership is not for us, 0: it is */
    int64_t place_gap_us;    /* when the leader was heard late last since then */
    struct ls_uuid place_to;
    int64_t place_due_us;

    /* follower, of the current term */
    struct ls_log_pos matched; /* our log equals the leader's up to here; term 0: unknown */
    bool ack_due;
    uint64_t ack_index; /* of the last one; 0: none yet */
    struct waiter ack_to[LS_MAX_MEMBERS];
    uint32_t ack_to_count;
    int64_t applied;
    int64_t applied_sent;
    int64_t ack_sent_us;
    uint64_t nack_index; /* last NACK of this term, not repeated at once */
    bool nack_payload;   /* it asked for a payload */
    int64_t nack_us;

    /* candidate */
    bool pre_vote;
    bool transfer;
    uint32_t attempts;     /* to stand, since there was a leader */
    int64_t asked_vote_us; /* when the votes of this attempt were asked for */
    int64_t round_trip_us; /* of a vote, the longest lately seen */
    struct ls_uuid catchup_from;
    struct ls_log_pos catchup_pos;

    /* peers */
    struct peer *peers; /* PEERS_MAX */
    uint32_t peer_count;
    bool append_due; /* leader: something to send */
    int64_t leader_since_us;
    uint64_t led_term; /* the last that was ours to lead */

    /* leader: whether it is one still (lease.c) */
    uint64_t lease_round;
    bool lease_open;
    int64_t lease_sent_us;
    int64_t lease_us;      /* when the last round began that a majority answered; 0: none */
    int64_t sure_until_us; /* nobody else leads before; 0: there is doubt */
    int64_t handed_us;     /* when somebody was told to stand for election; 0: never */

    int64_t cut_us;
    int64_t lag_us;    /* last sample of what is applied here */
    int64_t lag_now;   /* that sample, */
    int64_t lag_then;  /* and the one before it; -1: none */
    int64_t lag_floor; /* who has not applied so much holds up no cut; -1: nobody */

    /* submissions */
    struct submission *subs; /* ring of LS_CORE_MAX_PENDING by id */
    uint64_t sub_low;        /* lowest id not settled */
    uint64_t sub_next;       /* next id expected */
    uint32_t given_up;       /* of them, whose origin waits no more */
    struct own_in_log *own;  /* FIFO ring of LS_CORE_MAX_PENDING */
    uint32_t own_head;
    uint32_t own_count;
    int64_t spread_us;       /* last look at who lacks our big payloads */
    uint64_t submitted_term; /* submissions were (re)sent in this term */
    struct staged *staged;
    size_t staged_count;
    size_t staged_cap;
    struct big_done *big_done; /* ring of BIG_DONE, the latest ones */
    uint32_t big_next;

    /* reads */
    struct read_waiter *reads;
    size_t read_count;
    size_t read_cap;
    uint64_t read_round; /* last round started */
    bool read_running;
    uint64_t read_term;
    uint64_t read_config; /* config_index at its start */
    int64_t read_sent_us;
    uint64_t read_target; /* found by the round; 0: not yet */

    /* actions of this step */
    struct ls_action *actions;
    size_t action_count;
    size_t action_cap;
    struct ls_msg unheard; /* what would go out now; see core_send() */
    void **scratch;        /* memory that actions point to, freed by actions_done */
    size_t scratch_count;
    size_t scratch_cap;
};

/* actions.c */
struct ls_action *core_act(struct ls_core *c, enum ls_action_type type);
struct ls_msg *core_send(struct ls_core *c, const struct ls_uuid *to, enum ls_msg_type type);
void core_log(struct ls_core *c, enum ls_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void *core_scratch(struct ls_core *c, size_t size);
void core_act_role(struct ls_core *c);

/* store.c: our log and the configurations in it */
bool core_pos_at(struct ls_core *c, uint64_t index, struct ls_log_pos *out);
void core_append(struct ls_core *c, struct ls_entry *e);
void core_refresh_base(struct ls_core *c);
void core_truncate(struct ls_core *c, uint64_t index);
void core_set_commit(struct ls_core *c, uint64_t index);
void core_act_commit(struct ls_core *c);
void core_reset_log(struct ls_core *c, const struct ls_log_pos *base, int64_t cut,
                    const struct ls_config *config, uint64_t config_index);
/* What is committed from now on: nothing that our log holds counts beside it. */
void core_adopt_config(struct ls_core *c, const struct ls_config *config, uint64_t index);
/* What is committed up to this place of our log, which may hold more behind it already. */
void core_catch_up_config(struct ls_core *c, const struct ls_config *config, uint64_t index);
enum ls_rc core_load(struct ls_core *c, const struct ls_core_start *start, struct ls_error *err);
uint64_t core_self_held(const struct ls_core *c);

/* quorum.c */
bool core_is_voter(const struct ls_config *config, const struct ls_uuid *id);
/* In a configuration in force: the committed one, and the pending one if there is one. */
bool core_votes(const struct ls_core *c, const struct ls_uuid *id);
uint32_t core_weight(const struct ls_config *config, const struct ls_uuid *id);
uint32_t core_weight_total(const struct ls_config *config);
/* Whether those for which has() is true are a majority in every configuration in force. */
bool core_majority(struct ls_core *c, bool (*has)(struct ls_core *c, const struct ls_uuid *id));
bool core_majority_of(struct ls_core *c, const struct ls_config *config,
                      bool (*has)(struct ls_core *c, const struct ls_uuid *id));
bool core_pair_is_majority(struct ls_core *c, const struct ls_uuid *a, const struct ls_uuid *b);
/* Whether the others, without this dead voter, could lose one more that they cannot lose with it.
 */
bool core_vote_hinders(struct ls_core *c, const struct ls_uuid *dead);
void core_advance_commit(struct ls_core *c);

/* peers.c */
struct peer *core_peer(const struct ls_core *c, const struct ls_uuid *id);
struct peer *core_peer_get(struct ls_core *c, const struct ls_uuid *id);
void core_on_peer_up(struct ls_core *c, const struct ls_uuid *id, uint64_t incarnation);
void core_on_peer_down(struct ls_core *c, const struct ls_uuid *id, bool unreachable);
void core_on_arriving(struct ls_core *c, const struct ls_uuid *id, uint8_t type);
/* In a configuration in force (the committed or a pending one). */
bool core_is_member(const struct ls_core *c, const struct ls_uuid *id);
/* Our log was given up for the leader's, which made us a learner, and is not back yet: what it says
 * is less than what we acknowledged as a voter. */
bool core_log_is_given_up(const struct ls_core *c);
void core_recheck_acks(struct ls_core *c);

/* leader.c */
void core_propose(struct ls_core *c, enum ls_entry_type type, const struct ls_sub_id *sub,
                  uint8_t flags, uint32_t size, uint64_t hash, const void *payload);
void core_leader_heartbeat(struct ls_core *c, struct peer *p);
void core_leader_flush(struct ls_core *c);
void core_leader_track(struct ls_core *c, struct peer *p, uint64_t from);
void core_leader_tick(struct ls_core *c);
void core_on_ack(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_on_nack(struct ls_core *c, struct peer *p, const struct ls_msg *m);
/* The arbitrator's side: what it need not keep (rule 15). */
void core_on_spare(struct ls_core *c, const struct peer *p, const struct ls_msg *m);

/* follower.c */
void core_become_follower(struct ls_core *c, const struct ls_uuid *leader);
void core_set_term(struct ls_core *c, uint64_t term);
/* Whose log equals whose, as acknowledged: it is found out anew. */
void core_forget_matches(struct ls_core *c);
void core_on_append(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m,
                    bool payload_here);
/* Our log contains this position. */
bool core_prev_fits(struct ls_core *c, const struct ls_log_pos *prev);
/* More of a long APPEND of the leader has come in. */
void core_follower_arriving(struct ls_core *c);
void core_follower_flush(struct ls_core *c);
void core_follower_tick(struct ls_core *c);
/* Appends what is new of the message's entries, truncating what contradicts them. False at an entry
 * that cannot be taken: bytes that do not fit, or (with *need_payload) a big payload not held. */
bool core_take_entries(struct ls_core *c, const struct ls_msg *m, bool payload_here,
                       bool *need_payload);

/* election.c */
bool core_may_stand(const struct ls_core *c);
void core_reset_election(struct ls_core *c);
void core_note_leader_heard(struct ls_core *c);
void core_election_tick(struct ls_core *c);
void core_campaign(struct ls_core *c, bool transfer);
void core_stand_reform(struct ls_core *c);
void core_on_vote_req(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m);
void core_on_vote_resp(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_on_fetch(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m);
void core_on_entries(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m);
void core_become_leader(struct ls_core *c);

/* epoch.c */
void core_bootstrap(struct ls_core *c, const struct ls_uuid *group, int64_t seqno, bool bare);
/* Stands for a new epoch of the members that are seen; says why when it may not. */
void core_reform(struct ls_core *c);
/* Whether pc.ignore_quorum or pc.ignore_sb lets those that are seen go on. */
bool core_may_ignore_quorum(struct ls_core *c);
void core_reform_tick(struct ls_core *c);
/* Says so when a peer stays in another primary component of this name. */
void core_twins_tick(struct ls_core *c);
bool core_may_reform(const struct ls_core *c);
/* All that can answer have: on to the catch-up. */
bool core_reform_is_due(struct ls_core *c);
void core_reform_lead(struct ls_core *c); /* first entry of the new epoch, by its leader */
bool core_may_grant_reform(const struct ls_core *c);
bool core_reform_yields(struct ls_core *c, const struct ls_uuid *to, uint64_t term);
void core_on_epoch(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_epoch_greet(struct ls_core *c, const struct ls_uuid *to);
void core_epoch_tell(struct ls_core *c); /* all, when ours has changed */
/* Whether what this peer says as a leader or candidate is of a past that ours has ended. */
bool core_epoch_is_past(const struct ls_core *c, const struct peer *p);
/* It belongs to a later epoch of our history than we do. */
bool core_epoch_is_ahead(const struct ls_core *c, const struct peer *p);
/* It is in a primary component of another history than ours. */
bool core_epoch_is_elsewhere(const struct ls_core *c, const struct peer *p);
/* A peer belongs to a later epoch of our history: we form no component by ourselves. */
bool core_epoch_outlived(const struct ls_core *c);
/* It leads a later epoch, or wants to, while our component lives; not one that has the epoch by our
 * vote. */
bool core_epoch_is_no_concern(const struct ls_core *c, const struct peer *p);

/* change.c: wishes of members that the leader fulfils */
void core_set_weight(struct ls_core *c, uint8_t weight);
void core_evict(struct ls_core *c, const struct ls_uuid *id);
void core_on_change(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_change_tick(struct ls_core *c);
bool core_is_evicted(const struct ls_core *c, const struct ls_uuid *id);
bool core_change_weights(struct ls_core *c, struct ls_config *next);

/* origin.c */
void core_origin_start(struct ls_core *c, bool half);
void core_origin_told(struct peer *p, const struct ls_msg *m);
void core_origin_yield(struct ls_core *c);
bool core_origin_could_be(const struct ls_core *c);
void core_origin_tick(struct ls_core *c);

/* place.c: leader only, unless it says otherwise */
void core_place_reset(struct ls_core *c);
void core_place_asked(struct ls_core *c, struct peer *p, uint64_t round); /* see lease.c */
void core_place_answered(struct ls_core *c, struct peer *p, uint64_t round);
void core_place_heard(struct ls_core *c, int64_t late_us); /* follower: of the leader */
void core_place_forget_late(struct peer *p);               /* every node: its connection is new */
bool core_place_is_spared(const struct ls_core *c); /* has given leadership up for its link */
void core_place_wrote(struct ls_core *c, const struct ls_uuid *origin);
void core_place_sent(struct ls_core *c, struct peer *p, uint64_t last);
void core_place_acked(struct ls_core *c, struct peer *p, uint64_t index);
void core_place_tick(struct ls_core *c);

/* lease.c */
/* Somebody's connection is closed, and that is suspicion for it, too; or the office is new. Asks
 * anew with the next tick. */
void core_lease_doubt(struct ls_core *c);
void core_lease_tick(struct ls_core *c);
/* False: it is the answer to a read. */
bool core_lease_answer(struct ls_core *c, struct peer *p, const struct ls_msg *m);
bool core_lease_may_answer(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m);
/* Tells a member to stand for election; from now on this node is not sure to lead. */
void core_hand_over(struct ls_core *c, const struct ls_uuid *to);

/* reconfigure.c: the leader changes the configuration */
/* Up, and heard of within the suspect time-out; within quiet_us. */
bool core_is_seen(struct ls_core *c, const struct ls_uuid *id);
bool core_is_heard(struct ls_core *c, const struct ls_uuid *id);
/* Within two and a half heartbeats: it follows us, or has begun not to. */
bool core_is_fresh(struct ls_core *c, const struct ls_uuid *id);
/* We lead, or the leader that we follow was heard a moment ago. */
bool core_has_leader(const struct ls_core *c);
/* Longer ago than limit_us, or a tick ago when isolated. */
bool core_is_quorum_lost(const struct ls_core *c, int64_t limit_us);
void core_manage_members(struct ls_core *c); /* proposes the next change, if any */
/* The joiner's log is a part of ours. */
bool core_can_continue(struct ls_core *c, const struct peer *p);
/* Where a joiner's index begins to be rebuilt. False: our log does not reach back so far. */
bool core_reach_back(struct ls_core *c, struct ls_log_pos *base);
void core_ask_again(struct ls_core *c, struct peer *p);

/* members.c */
void core_propose_config(struct ls_core *c, struct ls_config *next, bool is_view,
                         bool is_bootstrap);
void core_rebase_voters(struct ls_core *c);
void core_start_join(struct ls_core *c, bool need_state);
void core_start_leave(struct ls_core *c);
void core_sample_commit(struct ls_core *c); /* leader's tick: for promotions */
void core_members_tick(struct ls_core *c);  /* join and leave requests, loss of quorum */
void core_on_join(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_on_welcome(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m);
void core_on_refuse(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_on_leave(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_refuse(struct ls_core *c, struct peer *p, uint8_t reason, const char *text);
void core_config_committed(struct ls_core *c, const struct ls_config *before, uint64_t index);
void core_left(struct ls_core *c, const char *text);
void core_nonprimary(struct ls_core *c);
void core_set_primary(struct ls_core *c, bool primary);
/* Leader: to the voter with data whose log reaches furthest, if there is one. */
void core_hand_over_to_best(struct ls_core *c);

/* submit.c */
/* Bytes of big payloads that are known here and wait for their place in the order. */
uint64_t core_big_bytes_waiting(struct ls_core *c);
void core_on_submit_event(struct ls_core *c, const struct ls_event *ev);
void core_on_give_up(struct ls_core *c, uint64_t id);
void core_on_submit(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_on_held_event(struct ls_core *c, const struct ls_event *ev);
void core_on_held(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_given_up_tick(struct ls_core *c);
void core_resubmit(struct ls_core *c);
/* A connection to this node is there: it gets what it does not hold. fresh: it holds nothing. */
void core_respread(struct ls_core *c, const struct ls_uuid *to, bool fresh);
void core_spread_tick(struct ls_core *c);
/* An entry found in the log at start. */
void core_submissions_loaded(struct ls_core *c, const struct ls_entry *e);
void core_submissions_appended(struct ls_core *c, const struct ls_entry *e);
void core_submissions_truncated(struct ls_core *c, uint64_t index);
void core_submissions_committed(struct ls_core *c, uint64_t index);
void core_submissions_unknown(struct ls_core *c);
void core_staged_tick(struct ls_core *c);
void core_staged_origin_gone(struct ls_core *c, const struct ls_config *config);
const struct staged *core_staged_find(const struct ls_core *c, const struct ls_sub_id *sub);
void core_submissions_new_term(struct ls_core *c);

/* read.c */
void core_on_read(struct ls_core *c, uint64_t token);
void core_on_read_req(struct ls_core *c, const struct ls_uuid *from, const struct ls_msg *m);
void core_on_read_resp(struct ls_core *c, struct peer *p, const struct ls_msg *m);
void core_read_progress(struct ls_core *c);
void core_read_fail(struct ls_core *c);
/* One question of a round (lease.c has rounds of its own). */
void core_read_ask(struct ls_core *c, const struct peer *p, uint64_t round);
void core_read_tick(struct ls_core *c);

#endif
