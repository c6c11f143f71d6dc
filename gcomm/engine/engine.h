/* The engine: the thread that feeds events to the core and performs its actions.
 *
 * One engine is one membership: after LEFT destroy it and create the next one (its incarnation is
 * higher; uuid and log are kept when they can be).
 *
 * It owns the loop, the peers (gcomm/net), the write-set log's writing side, the identity file and
 * the table of local submissions. To the provider it shows an ordered stream of events, and a
 * function to submit. All functions may be called from any thread unless said otherwise. */
#ifndef LS_ENGINE_ENGINE_H
#define LS_ENGINE_ENGINE_H

#include "gcomm/core/core.h"
#include "gcomm/log/log.h"
#include "wsrep/base/error.h"
#include "wsrep/os/tls.h"

#include <stdbool.h>

struct ls_engine;
struct ls_submission;

struct ls_engine_options {
    /* all strings are copied */
    const char *data_dir;     /* base_dir */
    const char *database_dir; /* whose disk needs room, too; NULL: no database */
    const char *cluster_name;
    const char *node_name;
    const char *incoming;    /* client address shown to others */
    const char *listen_addr; /* "tcp://0.0.0.0:4567"; port 0: any free one */
    const char *advertise;   /* host[:port] others reach us by; NULL: as seen by them */
    uint8_t segment;
    uint8_t weight;
    uint8_t no_data;   /* arbitrator */
    uint8_t proto_app; /* the server's, 4 */
    struct ls_core_params params;
    uint64_t log_bytes;         /* gcache.size */
    uint32_t max_pending;       /* local submissions under way at most, default 1024 */
    uint64_t max_pending_bytes; /* default 64 MiB; one larger write-set alone is let through */
    uint32_t recv_queue_limit;  /* gcs.fc_limit in delivered but not applied write-sets */
    double fc_factor;           /* gcs.fc_factor */
    int64_t time_wait_us;       /* peers: reconnect and handshake limits */
    /* Asked before a connection is accepted or used, and before a newcomer is let in; address
     * without port. Off the loop's thread. */
    bool (*allow)(void *ctx, const char *address);
    /* Whether allow() knows the list by now: dialled connections and newcomers wait for that. On
     * the loop's thread, at each tick, must not block; NULL: it does. */
    bool (*allow_counts)(void *ctx);
    void *allow_ctx;
    bool want_applied;             /* ack.level=applied, see ls_engine_want_applied() */
    bool tls;                      /* connections between nodes are encrypted with */
    struct ls_tls_files tls_files; /* these (paths and names copied) */
    bool tls_dynamic;              /* socket.dynamic, see ls_net_options */
    /* about once a second, on the loop's thread, with no lock held; must not block; may be NULL */
    void (*chore)(void *ctx);
    void (*watch)(void *ctx); /* as the chore, five times a second */
    void *chore_ctx;
    /* On the loop's thread, before the log is given up for the group's: the database has what the
     * group never committed, and is no part of its history whatever its position. To be kept over a
     * crash. May be NULL. */
    void (*parted)(void *ctx);
    void *parted_ctx;
};

/* What the saved state of the server's side allows (sst/state decides). */
struct ls_engine_state {
    bool discard;            /* no grastate.dat: forget log and identity */
    bool fresh;              /* nor anything else of the server's that could tell of a cluster */
    struct ls_gtid position; /* of the database; zero uuid: none */
    struct ls_uuid keep;     /* the database's history, also without a position; zero: none */
    bool half;               /* it died in the middle of a statement in total order after that */
};

enum ls_stream_type {
    LS_STREAM_CONNECTED = 1, /* WELCOME: we are in; state may be needed. entry is not set */
    LS_STREAM_ENTRY,         /* the next committed entry, in log order, pinned */
    LS_STREAM_NONPRIMARY,    /* no quorum; config: members still seen. Again when those change */
    LS_STREAM_LEFT,          /* left, evicted or refused: the last event; text says why */
};

struct ls_stream_event {
    enum ls_stream_type type;
    struct ls_entry entry;     /* ENTRY: payload valid until ls_engine_event_done() */
    struct ls_config *config;  /* CONNECTED, NONPRIMARY, and ENTRY of type CONFIG: decoded */
    bool bootstrap;            /* CONNECTED: by our own bootstrap */
    bool from_log;             /* CONNECTED: our log is continued; else it starts behind base */
    struct ls_log_pos base;    /* CONNECTED: the stream goes on behind it, but for one from_log
                                  that is not the first: that goes on where it was */
    int64_t base_cut;          /* commit cut in force at base */
    struct ls_log_pos joined;  /* CONNECTED: the entry that admitted us */
    struct ls_submission *own; /* ENTRY: the local submission it answers, if still waited for */
    char text[240];            /* LEFT */
    bool failed;               /* LEFT: log or disk failed; only a new process can go on */
    struct ls_log_pin *pin;
};

enum ls_rc ls_engine_create(const struct ls_engine_options *opt,
                            const struct ls_engine_state *state, struct ls_engine **out,
                            struct ls_error *err);
/* Stops the thread if it runs and frees everything. */
void ls_engine_destroy(struct ls_engine *e);

/* Opens the port and starts the thread: errors (port in use, bad address) come back here.
 * peers: "host:port" strings to contact, where names that resolve to several addresses mean all of
 * them; with bootstrap they are only asked whether they have the cluster already, which takes a
 * moment. If they have, it is LEFT (ask.c). */
enum ls_rc ls_engine_connect(struct ls_engine *e, const char *const *peers, size_t count,
                             bool bootstrap, bool need_state, struct ls_error *err);
/* Waits until there is a primary component with us in it; LS_E_TIMEOUT, or LS_E_CLOSED when we were
 * refused (err holds the reason). timeout_us < 0: for ever. progress lines are logged. */
enum ls_rc ls_engine_wait_primary(struct ls_engine *e, int64_t timeout_us, struct ls_error *err);
/* What a person can do when that waits in vain: the end of a line. */
#define LS_ADVICE_SIZE 360
void ls_engine_get_advice(struct ls_engine *e, char out[LS_ADVICE_SIZE]);
/* Waiting is likely to be in vain: nobody takes us, and somebody refuses to. */
bool ls_engine_is_refused(struct ls_engine *e);
/* Starts leaving; LS_STREAM_LEFT follows, at the latest after some seconds. */
void ls_engine_leave(struct ls_engine *e);
/* Reads certificates and key again, for connections from now on. LS_E_INVAL: TLS is not in use, or
 * a file cannot be used; then those before stay in force. */
enum ls_rc ls_engine_reload_tls(struct ls_engine *e, struct ls_error *err);
/* Non-primary at once, then all traffic is cut (node isolation); async-signal-safe. */
void ls_engine_isolate(struct ls_engine *e, bool on);

/* ---- the ordered stream: one consumer thread ---- */
/* Blocks for the next event; LS_E_CLOSED after LEFT was taken. Also returns LS_E_INTERRUPTED after
 * ls_engine_wake(). After CONNECTED the stream goes on behind `base`: for a first one with from_log
 * that is all the log still holds, also what the database has already (to fill the certification
 * index; the entries carry their stored verdicts). After CONNECTED without from_log it is what
 * follows the snapshot's base; entries ordered before and not yet taken are skipped. */
enum ls_rc ls_engine_next(struct ls_engine *e, struct ls_stream_event *out);
/* Gives the event's pin and config back; any thread, any order. The event struct may be a copy. */
void ls_engine_event_done(struct ls_engine *e, struct ls_stream_event *ev);
void ls_engine_wake(struct ls_engine *e);
/* The consumer certified everything up to index (verdicts are set in the log). */
void ls_engine_delivered(struct ls_engine *e, uint64_t index);
/* min(applied seqno, last_seen of unfinished submissions): for the commit cut; cheap, often. */
void ls_engine_applied(struct ls_engine *e, int64_t seqno);
/* Length of the provider's queue, for flow control: above the limit all members are asked to pause,
 * below limit * factor they are let go. Cheap, any thread. */
void ls_engine_recv_queue(struct ls_engine *e, uint32_t length);
/* We have asked for a pause, and it has not ended. Any thread. */
bool ls_engine_asks_pause(struct ls_engine *e);
/* The effective limit (the options hold the first one): UINT32_MAX leaves flow control. */
void ls_engine_set_flow_limit(struct ls_engine *e, uint32_t limit, double factor);
struct ls_log *ls_engine_log(struct ls_engine *e);
const char *ls_engine_cluster_name(const struct ls_engine *e);

/* ---- submitting ----
 * A submission is made by the caller around its payload pieces; embed it in the transaction. Who
 * owns it:
 * - On entry to ls_engine_submit() it becomes the engine's: neither it nor the bytes its pieces
 *   point at may be touched (but in before_send). If the call returns anything but LS_OK it is the
 *   caller's again and no callback was or will be made.
 * - After LS_OK exactly one of these ends it, and the engine never looks at it again:
 *     own       the stream hands it back with its entry; the pieces were last read before that;
 *     rejected  the callback is called. LS_E_NOT_PRIMARY, LS_E_INTERRUPTED: it was and will never
 * be ordered. LS_E_UNKNOWN: the component was lost, or left, after it had been sent; if it is
 * ordered after all, its entry comes as a foreign one (own == NULL); forget
 * ls_engine_submit_forget() returned true. own or rejected may come on another thread before
 * ls_engine_submit() has returned.
 * - rejected(LS_E_UNKNOWN) is called before NONPRIMARY or LEFT enters the stream, and only for
 *   submissions whose entry is not in the stream before that event: when the consumer takes the
 *   event, everything handed over before it is settled. A submission made after the component came
 *   back is not touched by an older NONPRIMARY that the consumer has yet to take.
 * - A thread that stops waiting for another reason calls ls_engine_submit_forget(). If that returns
 *   false, own or rejected has happened or is happening and the thread must still let it through.
 * - Callbacks are made without a lock of the engine held. ls_engine_submit_forget() may wait for a
 *   callback of this submission that is running: hold no lock that the callbacks take. */
struct ls_submission {
    struct ls_piece pieces[4];
    size_t piece_count;
    uint64_t size;
    uint8_t entry_type; /* enum ls_entry_type */
    /* called immediately before the bytes are hashed and sent: the place to write last_seen into
     * the first piece. On the engine's thread; for a big one (params.big_bytes) on the submitting
     * thread, inside ls_engine_submit(), so that copying it holds up nobody. May be NULL. Must not
     * block. */
    void (*before_send)(struct ls_submission *s);
    /* called on the engine's thread: LS_E_NOT_PRIMARY and LS_E_INTERRUPTED, it will never be
     * ordered; LS_E_UNKNOWN, nobody can say. Must not block; may not be NULL. */
    void (*rejected)(struct ls_submission *s, enum ls_rc rc);
    void *user;
    /* the engine's, zero before the first use: */
    uint64_t id;
    int state;
    uint64_t hash;
    void *copy;
    struct ls_submission *next;
};

/* Waits for room (back-pressure, flow control), then hands over. cancelled (may be NULL) is polled
 * before the hand-over, without a lock held, and whenever the waiter is woken with
 * ls_engine_submit_kick(); returning true ends the wait with LS_E_INTERRUPTED. no_wait: neither
 * flow control nor limits hold it up. LS_E_NOT_PRIMARY: nothing was sent. */
enum ls_rc ls_engine_submit(struct ls_engine *e, struct ls_submission *s,
                            bool (*cancelled)(struct ls_submission *s), bool no_wait);
void ls_engine_submit_kick(struct ls_engine *e);
/* Copies the bytes and does not wait: for control entries (STATE, SST_REQUEST). One that was under
 * way when the component was lost is lost with it, silently: the caller sees NONPRIMARY in the
 * stream and starts over with the next CONNECTED or view. */
enum ls_rc ls_engine_submit_control(struct ls_engine *e, uint8_t entry_type, const void *data,
                                    size_t size);
/* This node's state, as a STATE entry; see ls_engine_submit_control(). seqno: the position to tell.
 */
enum ls_rc ls_engine_submit_state(struct ls_engine *e, enum ls_node_state state, bool desynced,
                                  int64_t seqno);
/* The transaction will not wait for its submission any more. True: the stream never names it as
 * `own` (its entry, if ordered, comes as a foreign one), no callback comes, its memory is the
 * caller's again. False: the engine does not have it (any more), see the rules above. */
bool ls_engine_submit_forget(struct ls_engine *e, struct ls_submission *s);

/* Rule 25: index up to which must be delivered and applied, and the seqno in force there
 * (undefined: purged since). timeout_us < 0: for ever. */
enum ls_rc ls_engine_read_index(struct ls_engine *e, int64_t timeout_us, uint64_t *index,
                                int64_t *seqno);

/* ack.level=applied. Everything up to seqno is applied here: cheap, often, any thread. */
void ls_engine_applied_to(struct ls_engine *e, int64_t seqno);
void ls_engine_want_applied(struct ls_engine *e, bool on);
/* The same for a while, without waiting: [loop] callbacks only. */
void ls_engine_watch_applied(struct ls_engine *e, bool on);
/* What a peer has said that it has applied, while it was wanted; LS_SEQNO_UNDEFINED: nothing yet.
 * [loop] callbacks only. */
int64_t ls_engine_peer_applied(struct ls_engine *e, const struct ls_uuid *peer);
/* With it: returns when every healthy member has applied seqno, or without a primary component.
 * Healthy is who is synced and did not stand still for 1.5 s while it was waited for. */
void ls_engine_await_applied(struct ls_engine *e, int64_t seqno);

void ls_engine_set_params(struct ls_engine *e, const struct ls_core_params *params);
/* What was delivered in the last so many seconds stays in the log, whatever its disk has room for:
 * the database may not have it on disk. 10 s at least, up to 27,000 s; any thread. */
void ls_engine_keep(struct ls_engine *e, unsigned seconds);

/* ---- changes of the group that a user asks for; done by the loop, soon ----
 * LS_E_BUSY: too many of them at once. */
/* Not primary: a primary component of the members that can be reached (rule 17). */
enum ls_rc ls_engine_reform(struct ls_engine *e, struct ls_error *err);
/* The quorum weight of this node from now on. */
enum ls_rc ls_engine_set_weight(struct ls_engine *e, uint8_t weight, struct ls_error *err);
/* Removes a member and keeps it out; the zero id lets all such in again. */
enum ls_rc ls_engine_evict(struct ls_engine *e, const struct ls_uuid *id, struct ls_error *err);
/* One more address to contact ("host:port"), or one less. LS_E_INVAL: it is too long; one that is
 * no address is logged and left out. */
enum ls_rc ls_engine_change_peer(struct ls_engine *e, const char *addr, bool add,
                                 struct ls_error *err);

#define LS_LATENCY_BUCKETS 16
extern const double ls_engine_latency_bounds[LS_LATENCY_BUCKETS]; /* seconds, rising */
#define LS_FLOW_TEXT_SIZE 160
#define LS_WAITING_TEXT_SIZE 2000
#define LS_STUCK_TEXT_SIZE 160
struct ls_engine_stats {
    struct ls_uuid id; /* own member uuid */
    uint64_t incarnation;
    uint8_t role; /* enum ls_core_role */
    uint64_t term;
    struct ls_uuid leader;
    bool primary;
    bool majority; /* heard of lately: before a view turns non-primary it is no more */
    uint64_t last_index;
    uint64_t commit_index;
    uint32_t send_queue; /* local submissions under way */
    uint64_t sent_bytes;
    uint64_t fc_paused_ns;
    uint64_t fc_asked_ns; /* of it, or beside it: how long we asked for a pause */
    uint64_t fc_sent;
    uint64_t fc_recv;
    bool fc_active;
    bool fc_requested;
    char fc_by[LS_FLOW_TEXT_SIZE];          /* who has us wait now, and why; empty: nobody */
    char fc_last[LS_FLOW_TEXT_SIZE];        /* the last one that did, and how long */
    char waiting_for[LS_WAITING_TEXT_SIZE]; /* without a primary component: what for; else empty */
    char stuck[LS_STUCK_TEXT_SIZE]; /* for a second nothing has moved here: why; else empty */
    bool stands_still; /* nor for suspect_us: the others have removed us, and nobody here knows */
    bool log_full;     /* we ask for a pause since the disk of the write-set log is nearly full */
    uint32_t format;   /* group's record version */
    double latency_min_s, latency_avg_s, latency_max_s, latency_stddev_s; /* submit to commit */
    uint64_t latency_count;
    double latency_sum_s;
    /* how many took up to ls_engine_latency_bounds[i] s and more than the one before; the last:
     * longer */
    uint64_t latency_buckets[LS_LATENCY_BUCKETS + 1];
    int64_t leader_since_us, sure_until_us; /* of this node as the leader, see ls_core_status */
    uint32_t applied_count; /* leader only: what each member has reported as applied */
    struct {
        struct ls_uuid id;
        int64_t seqno;
    } applied[LS_MAX_MEMBERS];
    uint32_t culprit_count; /* who had us wait, for how long in all */
    struct ls_flow_culprit {
        char name[LS_NAME_SIZE];
        uint64_t ns;
    } culprits[LS_MAX_MEMBERS];
    uint16_t listen_port; /* the real one */
    uint32_t evicted_count;
    struct ls_uuid evicted[LS_CORE_MAX_EVICTED];
};
/* A view in the log, in the words that people and their tools look for. */
void ls_engine_log_view(const struct ls_config *c, const struct ls_uuid *self, bool primary);
void ls_engine_get_stats(struct ls_engine *e, struct ls_engine_stats *out);
void ls_engine_reset_stats(struct ls_engine *e);
/* Less room than a database needs to go on, so little that its node stands aside. */
bool ls_engine_disk_is_short(const char *database_dir);

#endif
