/* Inside the engine: its state, and what its files offer each other. Nothing here is seen outside
 * of gcomm/engine.
 *
 * Threads: the loop thread owns everything that no lock below is said to guard. The sync thread
 * only touches `sync` and, under its lock, the identity. The watch thread (watch.c) only looks at
 * `watch` and `sync`. All other threads come in through engine.h. Locks: `mutex`, `stream.mutex`,
 * `sync.mutex`, `watch.mutex`, `identity_mutex`. None is taken while another is held, no callback
 * of the provider is made with one held, and no system call that can block is made under `mutex`,
 * `stream.mutex` or `sync.mutex`. */
#ifndef LS_ENGINE_INTERNAL_H
#define LS_ENGINE_INTERNAL_H

#include "gcomm/engine/engine.h"
#include "gcomm/log/identity.h"
#include "gcomm/net/net.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/loop.h"
#include "wsrep/os/thread.h"

#include <stdatomic.h>

#define TICK_US 10000
#define HOUSEKEEPING_US 1000000
#define WATCH_US 200000
#define ISOLATE_AHEAD_US 30000 /* some ticks: non-primary first, then cut off */
#define PROGRESS_US 5000000
#define LEAVE_LIMIT_US 5000000
#define LINGER_US 100000       /* after LEFT: time for the last messages to get out */
#define SPREAD_RETRY_US 200000 /* a broken bulk transfer starts again */
#define SPREAD_PEER_MAX                                                                            \
    (UINT64_C(32) << 20)       /* bytes on their way to one peer; a larger payload alone may */
#define KEEP_MAX_SECONDS 27000 /* ten times the longest innodb_flush_log_at_timeout */
#define FLOW_REPEAT_US 150000  /* who asks for a pause says so again */
#define FLOW_TELL_US 500000    /* a pause this long is worth a line in the log */
#define FLOW_VALID_US 600000   /* and else has stopped: nobody waits for it any more */
#define PEERS_MAX 256
#define SLOT_BUCKETS 1024
#define STAGE_ORIGIN_MAX                                                                           \
    (UINT64_C(1) << 30) /* staged bytes of one origin; a larger one alone may */
#define STAGE_IDLE_US 60000000
#define STAGE_ORDERED 256
#define WISHES_MAX 16

/* Bytes of the engine's own. Counted on the loop thread. */
struct blob {
    uint32_t refs;
    size_t size;
    uint8_t bytes[];
};

/* Local submissions that the core knows of, and those that are committed but not yet taken from the
 * stream. Guarded by `mutex`; created and, but for the taking, removed by the loop thread. */
struct slot {
    struct slot *next;
    uint64_t id;
    struct ls_submission *sub; /* NULL: nobody waits (forgotten, or a control entry) */
    struct blob *blob;         /* the bytes, when they are ours */
    uint8_t entry_type;
    bool busy;      /* the loop thread reads the caller's pieces just now */
    bool committed; /* only the taking from the stream is left */
    uint64_t size;
    uint64_t hash;
    int64_t sent_us;
};

enum submission_state {
    SUB_IDLE = 0,
    SUB_QUEUED,
    SUB_BUSY,     /* between the queue and the table: before_send, hashing */
    SUB_ORDERING, /* in the table */
    SUB_SETTLED,
};

/* A control entry waiting in the queue, made to look like a submission. */
struct control_submission {
    struct ls_submission sub;
    struct blob *blob;
};

/* An event of the stream that is no entry: it comes after entry `after`. */
struct mark {
    struct mark *next;
    uint64_t after;
    struct ls_stream_event event;
};

/* How far the stream is. */
struct taken {
    uint64_t cursor; /* next entry to take; 0: before the first CONNECTED */
    int64_t cut;     /* commit cut in force before it */
};

struct stream {
    ls_mutex mutex;
    ls_cond cond;
    uint64_t committed; /* entries up to here may be taken */
    struct taken at;
    struct mark *head;
    struct mark **tail;
    bool waiting;
    bool wake;
    bool ended; /* LEFT was taken */
};

struct sync {
    ls_mutex mutex;
    ls_cond cond;
    ls_thread thread;
    bool started;
    bool stop;
    uint64_t asked;  /* counts requests */
    uint64_t served; /* all up to this one */
    bool failed;
    struct ls_error error;
    int64_t since_us; /* of the sync under way; 0: none */
};

struct watch {
    ls_mutex mutex;
    ls_cond cond;
    ls_thread thread;
    bool started;
    bool stop;
    _Atomic int64_t turn_us; /* the loop has last come round; 0: there is none */
    atomic_int at_disk;      /* the loop's thread is in a call that waits for the disk */
    int64_t loop_told_us;    /* watch thread: when it was last said; 0: it is well */
    int64_t sync_told_us;
    bool disk_told; /* and that it is the disk */
};

struct engine_peer {
    struct ls_uuid id;
    uint64_t incarnation;
    char name[LS_NAME_SIZE];
    char addr[LS_ADDR_SIZE];
    bool up;
    uint64_t spread_bytes; /* big payloads on their way to it */
    enum ls_flow pause;    /* it asks for a pause, and why */
    int64_t pause_us;      /* said so last */
    /* applied.c */
    bool wants_applied;       /* it is to be told */
    int64_t applied_told;     /* what it was told last */
    int64_t applied;          /* what it has told, -1: nothing yet */
    int64_t applied_moved_us; /* when, or when it was last not waited for */
    bool applied_lost;        /* it stood still: not waited for until it has caught up */
};

struct own_index {
    uint64_t index;
    uint64_t id;
};

/* A big payload that is on its way to a peer, or waits for the next attempt. */
struct spread {
    struct spread *next;
    struct ls_engine *engine;
    struct ls_uuid to;
    uint64_t id;
    struct blob *blob;
    int64_t retry_us;
};

/* wishes.c */
enum wish_kind {
    WISH_EVENT,  /* event, and what it comes with */
    WISH_KNOW,   /* addr */
    WISH_FORGET, /* addr */
};

struct wish {
    enum wish_kind kind;
    uint8_t event; /* enum ls_event_type */
    uint8_t weight;
    struct ls_uuid id;
    char addr[LS_ADDR_SIZE];
};

struct staged_payload; /* staging.c */

struct latency {
    uint64_t count;
    double mean, m2, min, max; /* Welford */
    double sum;
    uint64_t buckets[LS_LATENCY_BUCKETS + 1];
};

struct ls_engine {
    struct ls_engine_options opt;
    char *strings[7];
    struct ls_tls *tls; /* NULL: plain connections */

    struct ls_identity_file *identity_file;
    ls_mutex identity_mutex;
    uint64_t mark_from; /* the durable mark means nothing below; UINT64_MAX: log.sync=none */
    struct ls_identity identity;
    struct ls_log *log;
    struct ls_gtid position; /* of the database */
    struct ls_uuid keep;     /* its history, see ls_engine_state */
    bool log_usable;         /* it belongs to the position */
    bool half;               /* see struct ls_engine_state */
    bool fresh;              /* there was no state of any kind */

    /* loop thread */
    struct ls_core *core;
    struct ls_loop *loop;
    struct ls_net *net;
    struct ls_timer *timer;
    struct ls_async *async;
    struct ls_hook *hook;
    ls_thread thread;
    bool started;
    bool bootstrap;
    bool need_state;
    int64_t ask_until_us;  /* 0: not asking */
    int64_t ask_quiet_us;  /* somebody was still being tried, or listened for, then */
    bool bootstrapped;     /* the next CONNECTED is by our own bootstrap */
    bool sync_on;          /* log.sync=majority */
    bool welcomed;         /* a CONNECTED is in the stream */
    bool turn_dirty;       /* the core had an event since the last FLUSH */
    bool log_dirty;        /* appended and not flushed */
    bool config_dirty;     /* look at the configuration again */
    bool message_verdicts; /* the APPEND being stepped carries verdicts */
    bool left;
    bool damage_told;
    bool failed;
    bool cut_off; /* after LEFT: connections are closed */
    bool isolated;
    bool want_applied;      /* applied_option or watch_applied, as the peers know it */
    bool watch_applied;     /* the provider compares itself with the others */
    const char *aside;      /* room.c: isolated by itself, as the disk of this is full; else NULL */
    int64_t cut_us;         /* isolated: when the connections are cut */
    int64_t aside_look_us;  /* aside: when to look for room again */
    int64_t short_since_us; /* the database's disk is full; 0: it is not */
    int64_t now_us;
    int64_t left_us;
    int64_t leave_due_us; /* 0: not leaving */
    int64_t housekeeping_us, watch_us;
    int64_t progress_us;
    int64_t flow_told_us; /* our request for a pause, last said */
    uint64_t next_id;
    uint64_t low_id; /* all below are settled for the core */
    int64_t applied_fed;
    uint64_t delivered_fed;
    uint64_t held_fed;
    uint64_t sync_asked;         /* last index that a sync was asked for */
    uint64_t incarnation_before; /* as the identity file had it at the start */
    bool older_files_told;
    /* Out of the primary component: who was seen, as the stream was told (without members: in it),
     * and a second ago. */
    struct ls_config seen_told, seen_last;
    uint64_t last_appended;
    uint64_t aged;         /* written a second ago or earlier: maybe read from the disk anew, */
    uint64_t aging;        /* and soon this, too */
    struct own_index *own; /* ring: own submissions in the log, not yet committed */
    size_t own_head, own_count, own_cap;
    struct ls_entry *send_entries;
    size_t send_cap;
    struct engine_peer peers[PEERS_MAX];
    size_t peer_count;
    struct spread *retries;
    struct staged_payload *staged;
    struct ls_sub_id ordered[STAGE_ORDERED]; /* the last big ones: no need to hold them again */
    size_t ordered_next;
    uint64_t read_token;
    struct read_batch *reads_asked;           /* whose question is under way */
    struct taken taken[KEEP_MAX_SECONDS + 1]; /* by the stream, one sample a second */
    size_t taken_next;
    uint64_t taken_count;
    int64_t short_log_told_us; /* 0: not yet */
    bool short_of_room;        /* it is time to have the log shrink */
    atomic_bool log_full;      /* new write-sets wait until there is room on the log's disk */

    /* under mutex */
    ls_mutex mutex;
    ls_cond room;  /* waiting submitters */
    ls_cond idle;  /* waiting forgetters */
    ls_cond state; /* waiting for the primary component */
    struct ls_submission *queue;
    struct ls_submission **queue_tail;
    struct slot *slots[SLOT_BUCKETS];
    struct slot *free_slots;
    uint64_t *give_ups;
    size_t give_up_count, give_up_cap;
    struct read_batch *reads_new; /* who comes now; read.c */
    ls_cond applied_moved;
    int64_t applied_by_all;  /* applied.c; INT64_MAX: nobody is waited for */
    int64_t applied_awaited; /* highest seqno that anybody waited for */
    uint32_t pending;
    uint64_t pending_bytes;
    uint32_t room_waiters;
    uint32_t idle_waiters;
    bool open;    /* primary: submissions are taken */
    bool been_in; /* there was a primary component with us in it */
    bool closed;  /* LEFT is in the stream */
    bool leave;
    bool new_params;
    /* NONPRIMARY events that the consumer has not handled. Until then it does not know which of its
     * submissions were lost, and takes no other in their place. */
    unsigned unseen_losses;
    bool fc_active; /* somebody asks for a pause */
    int64_t fc_since_us;
    char fc_culprit[LS_NAME_SIZE]; /* who, of this pause */
    bool fc_told;                  /* in the log, of this pause */
    int64_t flow_asked_us;         /* since when we ask for a pause */
    struct wish wishes[WISHES_MAX];
    size_t wish_count;
    char closed_text[240];
    char advice[LS_ADVICE_SIZE];
    bool refused; /* see ls_engine_is_refused() */
    struct ls_core_params params;
    struct ls_engine_stats stats;
    struct latency latency;

    atomic_bool isolate;
    atomic_bool stop;
    atomic_bool consumer_failed; /* it cannot read what comes next for it */
    atomic_bool log_damaged;     /* damage.c: nor somebody else what he needs */
    atomic_uint kick;
    _Atomic int64_t applied;
    _Atomic uint64_t delivered;
    atomic_uint keep_s; /* the database may lack what was taken in so many seconds */
    _Atomic uint32_t recv_queue;
    _Atomic uint32_t fc_limit;
    _Atomic uint32_t fc_low;
    atomic_bool fc_requested;
    atomic_bool applied_option;       /* ack.level=applied */
    atomic_bool applied_wanted_there; /* some peer wants to be told */
    _Atomic int64_t applied_here;

    struct stream stream;
    struct sync sync;
    struct watch watch;
};

/* start.c: identity and log (rule 16) */
enum ls_rc engine_open_state(struct ls_engine *e, const struct ls_engine_state *state,
                             struct ls_error *err);
void engine_close_state(struct ls_engine *e, bool clean);
void engine_prepare_bootstrap(struct ls_engine *e);
enum ls_rc engine_create_core(struct ls_engine *e, struct ls_error *err);
bool engine_write_identity(struct ls_engine *e);
uint64_t engine_position_index(struct ls_engine *e);

/* engine.c */
void engine_step(struct ls_engine *e, struct ls_event *ev);
void engine_wake_loop(struct ls_engine *e);
/* The end of this membership: LEFT enters the stream, everything handed over is settled. */
void engine_finish(struct ls_engine *e, const char *text);
/* The same after an error that forbids to go on acknowledging. */
void engine_fail(struct ls_engine *e, const char *what, const struct ls_error *err);
void engine_config_changed(struct ls_engine *e);

/* damage.c */
#define LOG_DAMAGED "the write-set log is damaged"
/* Loop thread, or before there is one. False also when an entry, a position or its payload, which
 * must be in the log, cannot be read: that is noted, and this node leaves. */
bool engine_entry_get(struct ls_engine *e, uint64_t index, struct ls_entry *out);
bool engine_find_seqno(struct ls_engine *e, int64_t seqno, struct ls_log_pos *out);
bool engine_payload_is_whole(struct ls_engine *e, const struct ls_entry *entry);
bool engine_log_is_damaged(const struct ls_engine *e);
void engine_judge_log(struct ls_engine *e); /* at each tick */

/* actions.c */
void engine_perform(struct ls_engine *e);
bool engine_flush_log(struct ls_engine *e);
/* Once a second without a primary component: others may come in sight, or go out of it. */
void engine_follow_seen(struct ls_engine *e);

/* submit.c */
void engine_take_queue(struct ls_engine *e);
struct slot *engine_find_slot(struct ls_engine *e, uint64_t id); /* under mutex */
/* The bytes of an own submission: pieces (at most 4) stay valid until engine_release_pieces(). */
size_t engine_acquire_pieces(struct ls_engine *e, uint64_t id, uint64_t hash,
                             struct ls_piece pieces[4]);
void engine_release_pieces(struct ls_engine *e, uint64_t id);
bool engine_has_payload(struct ls_engine *e, const struct ls_entry *entry);
/* A reference to the payload as one buffer of ours; NULL when the submission is settled. */
struct blob *engine_own_blob(struct ls_engine *e, uint64_t id, uint64_t *hash);
void engine_blob_unref(struct blob *b);
void engine_submission_committed(struct ls_engine *e, uint64_t id);
void engine_submission_rejected(struct ls_engine *e, uint64_t id);
/* Everything that is not committed (or really everything) ends: unknown when the core had it. */
void engine_submissions_lost(struct ls_engine *e, bool committed_too);
void engine_submissions_free(struct ls_engine *e);
struct ls_submission *engine_take_own(struct ls_engine *e, uint64_t id);

/* stream.c */
void engine_stream_init(struct ls_engine *e);
void engine_stream_destroy(struct ls_engine *e);
void engine_stream_commit(struct ls_engine *e, uint64_t index);
/* Puts an event behind what is committed; config is copied, may be NULL. */
void engine_stream_put(struct ls_engine *e, const struct ls_stream_event *ev,
                       const struct ls_config *config);
/* The log is dropped: entries not taken never will be, marks come at once; what comes then follows
 * `committed`. */
void engine_stream_skip(struct ls_engine *e, uint64_t committed);
struct taken engine_stream_taken(struct ls_engine *e);

/* purge.c: once a second, and at each tick */
void engine_purge_log(struct ls_engine *e);
void engine_watch_room(struct ls_engine *e);

/* room.c: at each turn's end, and at each tick */
void engine_watch_log_disk(struct ls_engine *e);
void engine_watch_disk(struct ls_engine *e);
/* Voters that are here are a majority without us, and one of them holds data; `smaller`: of the
 * group when we have left it. */
bool engine_others_suffice(struct ls_engine *e, bool smaller);

/* staging.c: big payloads of others */
void engine_stage_chunk(struct ls_engine *e, const struct ls_uuid *peer,
                        const struct ls_sub_id *sub, uint64_t total, uint64_t payload_hash,
                        uint64_t offset, const void *data, size_t len);
bool engine_stage_find(struct ls_engine *e, const struct ls_sub_id *sub, uint64_t size,
                       uint64_t hash, struct ls_piece *out);
/* The entry is in our log; with its staged bytes, or with bytes that came with it. */
void engine_stage_ordered(struct ls_engine *e, const struct ls_sub_id *sub, bool from_stage);
void engine_stage_drop(struct ls_engine *e, const struct ls_sub_id *sub);
void engine_stage_expire(struct ls_engine *e);
void engine_stage_destroy(struct ls_engine *e);

/* spread.c: big payloads of ours */
void engine_spread_start(struct ls_engine *e, const struct ls_uuid *to, uint64_t id);
void engine_spread_retry(struct ls_engine *e);
void engine_spread_destroy(struct ls_engine *e);

/* peers.c */
extern const struct ls_net_callbacks engine_net_callbacks;
struct engine_peer *engine_peer_find(struct ls_engine *e, const struct ls_uuid *id);
void engine_log_progress(struct ls_engine *e);
void engine_note_advice(struct ls_engine *e);

/* ask.c: BOOTSTRAP, at once or after the others were asked. */
void engine_found(struct ls_engine *e);
void engine_ask_tick(struct ls_engine *e);
void engine_ask_told(struct ls_engine *e, const struct ls_uuid *peer, const struct ls_msg *msg);

/* applied.c */
void engine_applied_peer_up(struct ls_engine *e, struct engine_peer *p);
void engine_applied_wanted(struct ls_engine *e, struct engine_peer *p, bool on);
void engine_applied_told(struct ls_engine *e, struct engine_peer *p, int64_t seqno);
void engine_applied_count(struct ls_engine *e);
void engine_applied_turn(struct ls_engine *e);

/* flow.c */
void engine_flow_init(struct ls_engine *e);
void engine_flow_update(struct ls_engine *e);
void engine_flow_peer_up(struct ls_engine *e, const struct ls_uuid *peer);

/* sync.c */
bool engine_sync_start(struct ls_engine *e);
void engine_sync_stop(struct ls_engine *e);
void engine_sync_request(struct ls_engine *e);
void engine_sync_dropped(struct ls_engine *e, uint64_t index);
void engine_sync_collect(struct ls_engine *e);
int64_t engine_sync_since(struct ls_engine *e); /* of the sync under way; 0: none */

/* watch.c */
bool engine_watch_start(struct ls_engine *e);
void engine_watch_stop(struct ls_engine *e);
void engine_watch_turn(struct ls_engine *e); /* the loop has come round */
/* Around what may wait for the disk on the loop's thread; may be nested. */
void engine_disk_begin(struct ls_engine *e);
void engine_disk_end(struct ls_engine *e);
void engine_watch_judge(struct ls_engine *e, struct ls_engine_stats *out); /* under mutex */

/* wishes.c */
void engine_take_wishes(struct ls_engine *e);

/* read.c */
void engine_reads_issue(struct ls_engine *e);
void engine_reads_done(struct ls_engine *e, uint64_t token, enum ls_rc rc, uint64_t index);
void engine_reads_fail(struct ls_engine *e);

/* stats.c */
void engine_publish_applied(struct ls_engine *e); /* at a tick */
void engine_latency_add(struct latency *l, double seconds);
void engine_publish_stats(struct ls_engine *e);

#endif
