/* The provider: what its files share. Nothing here is seen outside of plugin/provider.
 *
 * Threads. The server's: client threads (certify, commit order, TOI, status), applier threads
 * inside recv, one thread each for start and stop, donor and joiner scripts. Ours: one delivery
 * thread per connection to the cluster, which takes the ordered stream, certifies, and alone owns
 * what is marked [D]. The engine's thread calls back when it sends or refuses a submission.
 *
 * Locks, from outer to inner: trx table shard, an order monitor, trx->lock. `lock` guards the
 * provider's own state and is inside of none and outside of none but the log's. No lock is held
 * across a callback of the server or a call that can wait. */
#ifndef LS_PROVIDER_PROVIDER_H
#define LS_PROVIDER_PROVIDER_H

#include "certification/index/index.h"
#include "gcomm/engine/engine.h"
#include "gcomm/options/provider_options.h"
#include "plugin/provider/lag_rule.h"
#include "plugin/provider/order.h"
#include "plugin/provider/pending.h"
#include "plugin/provider/queue.h"
#include "plugin/provider/tally.h"
#include "plugin/provider/trx.h"
#include "sst/state/grastate.h"
#include "wsrep/api/wsrep_api.h"

#include <stdatomic.h>

/* Interfaces: without streaming replication, notifications of ordering (preordered) and locks. */
#define LS_CAPABILITIES                                                                            \
    (WSREP_CAP_MULTI_MASTER | WSREP_CAP_CERTIFICATION | WSREP_CAP_PARALLEL_APPLYING |              \
     WSREP_CAP_TRX_REPLAY | WSREP_CAP_ISOLATION | WSREP_CAP_PAUSE | WSREP_CAP_CAUSAL_READS |       \
     WSREP_CAP_INCREMENTAL_WRITESET | WSREP_CAP_UNORDERED)

/* Where this node stands in the cluster. The names are those of Galera's log lines. */
enum ls_phase {
    LS_PHASE_CLOSED = 0,
    LS_PHASE_OPEN,    /* transport up, no primary component */
    LS_PHASE_PRIMARY, /* member, state not looked at yet */
    LS_PHASE_JOINER,  /* state transfer running */
    LS_PHASE_JOINED,  /* state complete, catching up */
    LS_PHASE_SYNCED,
    LS_PHASE_DONOR, /* donating or desynced */
    LS_PHASE_COUNT,
};

struct ls_server { /* what init gave; constant afterwards */
    void *app_ctx;
    wsrep_log_cb_t logger;
    wsrep_connected_cb_t connected;
    wsrep_view_cb_t view;
    wsrep_sst_request_cb_t sst_request;
    wsrep_apply_cb_t apply;
    wsrep_sst_donate_cb_t sst_donate;
    wsrep_synced_cb_t synced;
    char *node_name;
    char *incoming;
    char *data_dir;
    int proto_ver;
    struct ls_gtid start_position;
};

/* The joiner's side of a state transfer. Guarded by `lock`. */
struct ls_sst_wait {
    bool active;         /* an applier waits in transfer.c */
    bool answered;       /* our request came back in the order */
    bool granted;        /* and there was a donor */
    uint64_t granted_at; /* index of the request */
    struct ls_uuid donor;
    uint64_t donor_incarnation;
    char why[200]; /* why none */
    bool received; /* the server called sst_received */
    int rcode;
    struct ls_gtid position;
    char failure[200]; /* it cannot succeed any more */
};

/* Who donates to whom, as every member sees it. Guarded by `lock`. */
struct ls_transfer {
    struct ls_uuid donor;
    uint64_t donor_incarnation;
    struct ls_uuid joiner;
    uint64_t joiner_incarnation;
    bool begun; /* the donor has said that it is one */
};

/* What was missed comes from the group's log, see ist.c. Guarded by `lock`. */
struct ls_ist {
    bool running;
    int64_t base;    /* the seqno that the database had */
    int64_t next_us; /* when to tell again how far it is */
};

struct ls_counters {
    _Atomic uint64_t replicated, replicated_bytes;
    _Atomic uint64_t repl_keys, repl_keys_bytes, repl_data_bytes, repl_other_bytes;
    _Atomic uint64_t received, received_bytes;
    _Atomic uint64_t local_commits, local_cert_failures, local_replays;
    _Atomic uint64_t causal_reads;
    _Atomic uint64_t send_now, send_max, send_min, send_sum, send_samples;
    _Atomic uint64_t certified, deps_distance_sum, cert_interval_sum;
    _Atomic uint64_t applies, apply_waits, apply_out_of_order, apply_window_sum;
    _Atomic uint64_t commit_enters, commit_out_of_order, commit_window_sum;
    _Atomic uint64_t cert_index_size;
    _Atomic int64_t reset_ns; /* when the averages began */
};

struct ls_provider {
    struct ls_server server;
    struct ls_provider_options *options;
    struct ls_saved_state *saved;
    bool saved_missing;     /* no grastate.dat at start: a node without history */
    bool was_primary;       /* since it started; of the engine's thread */
    struct ls_uuid history; /* that of the data at start, zero: none, or not known */
    bool initialized;

    struct ls_order commit;
    struct ls_order apply;
    struct ls_queue queue;
    struct ls_trx_table trxs; /* by transaction id */
    struct ls_trx_table tois; /* by connection id */
    struct ls_pending pending;
    struct ls_counters counters;
    struct ls_tally conflicts; /* lost in certification here, by table */

    _Atomic(struct ls_engine *) engine;
    _Atomic int engine_users;
    _Atomic int64_t delivered_seqno;
    _Atomic int64_t fragment_told_us; /* not again before: that streaming is refused */
    _Atomic uint64_t max_ws_size;
    _Atomic bool optimistic_pa;
    _Atomic bool inconsistent;
    _Atomic int victims;     /* transactions aborted in SENT, see pause.c */
    _Atomic bool went_on;    /* the delivery thread, while pause() was draining */
    _Atomic bool engines_up; /* a primary view or a snapshot was shown to the server */
    _Atomic int phase;       /* enum ls_phase; written under `lock` */
    const volatile unsigned *flush_timeout; /* storage.c; NULL: not known */
    unsigned flush_timeout_s;               /* engine's thread: as it was last seen */
    _Atomic int64_t shown_position; /* answer of last_committed_id inside a view callback that shows
                                       an old view; -2: none, the apply order is the answer */

    ls_mutex lock;
    ls_cond changed; /* anything below */
    bool waking;     /* a receiver is inside the view callback that starts the engines */
    struct ls_provider_settings settings;
    ls_thread delivery_thread;
    bool delivery_running; /* has not come to its end */
    bool delivery_started; /* and must be joined */
    bool connected;        /* between connect and the final view */
    bool closing;          /* disconnect was called, or we leave by ourselves */
    bool dismissed;        /* disconnect was called */
    bool left;             /* LEFT was taken from the stream */
    bool ends_full;        /* a full disk made us diverge: the server is to end */
    bool failed;           /* because log or disk have failed: the process ends */
    uint32_t receivers;    /* threads inside recv */
    char donor_list[512];  /* connect's state_donor */
    struct ls_uuid self;
    struct ls_uuid group;    /* zero: none yet */
    struct ls_config config; /* members with their states, as ordered */
    int64_t joined_seqno;    /* of the view that admitted us */
    uint64_t components;     /* how often one was lost or joined */
    /* Losses of the component: delivered; shown to the server by an applier; of them those after
     * which the group was told anew that our state is complete. */
    uint64_t losses, losses_shown, losses_met;
    bool sync_asked;
    struct ls_lag lag; /* whether this node holds the others up, see lag.c */
    bool unwilling;    /* to lead: the server is read-only or taken out of rotation, as last seen */
    struct ls_ist ist;
    int desyncs;            /* nested */
    int donations;          /* running */
    bool sent_told;         /* the latest of them has ended */
    int64_t untold_failure; /* of one that has ended, until it is seen in the order; 0: none */
    bool paused;            /* the delivery thread must stand still */
    bool draining;          /* pause() waits for it, and for all that it has delivered */
    bool standing;          /* it does */
    /* The database was left in the middle of a statement in total order: it may go on from where it
     * stands only as the origin of everybody's data (rule 22). The file shows no position
     * meanwhile. */
    atomic_bool half;
    /* The database has what the group never committed. No position in the file until it is
     * replaced. */
    atomic_bool foreign;
    struct ls_sst_wait sst;
    struct ls_transfer transfers[LS_MAX_MEMBERS];
    size_t transfer_count;

    /* [A] of the applier that holds the barrier item */
    bool announced; /* connected_cb was called since connect */
    struct ls_uuid announced_group;
    int64_t skip_upto;  /* the database has everything up to it */
    int64_t again_upto; /* it may have had a part of what is up to it, before its server died
                           (again.h) */
    bool rejoin;        /* the group must be told again that we have our state */
    int64_t half_upto;  /* half: the statement that it died in */
    bool no_state;      /* the state transfer was given up: nothing more is applied */
    int64_t
        parted_at; /* seqno of the view that we left with: what is behind it is the others'; 0 */
    struct ls_config *last_skipped_view;
    int64_t last_skipped_seqno;
    bool shown_out; /* the server has seen a non-primary view, and since then none but known ones */

    /* [D] */
    struct ls_cert *cert;
    uint64_t known_upto;   /* entries up to this index carry verdicts that count */
    int64_t unneeded_upto; /* write-sets up to it are in the database, no need to queue them */
};

/* A remote event on its way through the server; opaque points to it. */
struct ls_remote {
    enum ls_handle_kind kind;
    int64_t seqno;
    bool fatal_errors; /* an error while applying means that this node differs from the others */
    bool left;         /* commit order was left */
};

/* ---- provider.c: life ---- */
wsrep_status_t ls_provider_init(wsrep_t *self, const struct wsrep_init_args *args);
wsrep_status_t ls_provider_connect(wsrep_t *self, const char *cluster_name, const char *url,
                                   const char *state_donor, wsrep_bool_t bootstrap);
wsrep_status_t ls_provider_disconnect(wsrep_t *self);
void ls_provider_free(wsrep_t *self);

void ls_provider_take_settings(struct ls_provider *p);

/* ---- change.c: the hook of the options ---- */
/* The core's parameters as of now. `lock` is held, or nothing runs yet. */
void ls_change_fill_params(const struct ls_provider *p, struct ls_core_params *params);
/* Five times a second: a server that is read-only or out of rotation would not lead. */
void ls_change_watch_willing(struct ls_provider *p);
enum ls_rc ls_change_option(void *ctx, const char *name, const char *value, struct ls_error *err);

/* The engine, for a call into it; NULL when there is none. Give it back. */
struct ls_engine *ls_provider_use_engine(struct ls_provider *p);
void ls_provider_drop_engine(struct ls_provider *p);

/* ---- phase.c: where this node stands, and what the others are told ---- */
const char *ls_phase_name(enum ls_phase phase);
/* `lock` is held. Logs the shift. */
void ls_phase_shift(struct ls_provider *p, enum ls_phase to);
bool ls_phase_accepts_writes(struct ls_provider *p);
/* Orders a STATE entry of ours. seqno: position, or below 0 when a transfer failed: then that is
 * what is told with each end of a donation, until it is known to be ordered. */
enum ls_rc ls_phase_announce(struct ls_provider *p, enum ls_node_state state, bool desynced,
                             int64_t seqno);
/* Asks to be SYNCED when everything is applied that should be. */
void ls_phase_check_sync(struct ls_provider *p);
/* This node's data are not the others': leaves the cluster, the saved state says so. */
void ls_phase_diverge(struct ls_provider *p, const char *why);
/* The state transfer cannot succeed and the database cannot be used: ends the process. */
_Noreturn void ls_phase_abort(struct ls_provider *p, const char *why);
/* [D] Log or disk have failed, and FINAL is in the queue: ends the process, so that its service
 * manager starts another one. What is committed gets a while to reach the disk. */
_Noreturn void ls_phase_end_failed(struct ls_provider *p, const char *why);
/* After an own seqno finished: what we may report. */
void ls_phase_report_applied(struct ls_provider *p);
/* The same for what a client of this server did; with ack.level=applied it returns when every
 * healthy member has applied it, too. */
void ls_phase_report_committed(struct ls_provider *p, int64_t seqno);
/* After each change of the apply queue, for flow control. */
void ls_phase_report_queue(struct ls_provider *p, struct ls_engine *e);

/* ---- delivery.c, control.c: the delivery thread ---- */
void *ls_delivery_main(void *arg);
void ls_control_config(struct ls_provider *p, struct ls_stream_event *ev);
void ls_control_state(struct ls_provider *p, const struct ls_entry *e);
void ls_control_sst_request(struct ls_provider *p, const struct ls_entry *e);
void ls_control_connected(struct ls_provider *p, struct ls_stream_event *ev);
void ls_control_nonprimary(struct ls_provider *p, struct ls_stream_event *ev);
/* Ends the process when log or disk have failed under a running server. */
void ls_control_left(struct ls_provider *p, const struct ls_stream_event *ev);
/* The limit of flow control follows options, members and state. */
void ls_control_update_flow(struct ls_provider *p);

/* ---- applier.c ---- */
wsrep_status_t ls_provider_recv(wsrep_t *self, void *recv_ctx);
/* Gives back what the item holds of the log. */
void ls_item_done(struct ls_provider *p, struct ls_item *item);

/* ---- views.c: barrier items but transfers ---- */
void ls_view_connected(struct ls_provider *p, void *recv_ctx, struct ls_item *item);
void ls_view_primary(struct ls_provider *p, void *recv_ctx, struct ls_item *item);
void ls_view_nonprimary(struct ls_provider *p, void *recv_ctx, struct ls_item *item);
void ls_view_synced(struct ls_provider *p, struct ls_item *item);
/* farewell.c: what grastate.dat shows once the process has ended; until then it shows no position.
 */
void ls_farewell_set(const char *dir, const struct ls_grastate *state);
void ls_farewell_forget(void);
void ls_view_final(struct ls_provider *p, void *recv_ctx, struct ls_item *item);
/* Before the first write-set that is applied after a restart: the server brings its engines up only
 * when it is shown a primary view. */
void ls_view_wake_server(struct ls_provider *p, void *recv_ctx);

/* ---- transfer.c ---- */
/* The engine's `parted`: what the database has is not of the group's history. */
void ls_transfer_distrust(void *ctx);
/* Joiner: fetches a snapshot; returns the position got, ends the process when it cannot. False: the
 * node leaves. */
bool ls_transfer_fetch(struct ls_provider *p, const struct ls_join *join, int64_t *seqno);
/* The stream brings what is missing; a donor's script is needed for its word only. */
bool ls_transfer_greet(struct ls_provider *p, const struct ls_join *join, int64_t *seqno);
void ls_transfer_donate(struct ls_provider *p, void *recv_ctx, struct ls_item *item);
wsrep_status_t ls_provider_sst_sent(wsrep_t *self, const wsrep_gtid_t *id, int rcode);
wsrep_status_t ls_provider_sst_received(wsrep_t *self, const wsrep_gtid_t *id,
                                        const wsrep_buf_t *state, int rcode);

/* ---- commit.c ---- */
wsrep_status_t ls_provider_append_key(wsrep_t *self, wsrep_ws_handle_t *handle,
                                      const wsrep_key_t *keys, size_t count, wsrep_key_type_t type,
                                      wsrep_bool_t copy);
wsrep_status_t ls_provider_append_data(wsrep_t *self, wsrep_ws_handle_t *handle,
                                       const wsrep_buf_t *data, size_t count,
                                       wsrep_data_type_t type, wsrep_bool_t copy);
wsrep_status_t ls_provider_certify(wsrep_t *self, wsrep_conn_id_t conn, wsrep_ws_handle_t *handle,
                                   uint32_t flags, wsrep_trx_meta_t *meta);
wsrep_status_t ls_provider_certify_v1(wsrep_t *self, wsrep_conn_id_t conn,
                                      wsrep_ws_handle_t *handle, uint32_t flags,
                                      wsrep_trx_meta_t *meta, const wsrep_seq_cb_t *seq_cb);
wsrep_status_t ls_provider_commit_order_enter(wsrep_t *self, const wsrep_ws_handle_t *handle,
                                              const wsrep_trx_meta_t *meta);
wsrep_status_t ls_provider_commit_order_leave(wsrep_t *self, const wsrep_ws_handle_t *handle,
                                              const wsrep_trx_meta_t *meta,
                                              const wsrep_buf_t *error);
wsrep_status_t ls_provider_release(wsrep_t *self, wsrep_ws_handle_t *handle);
wsrep_status_t ls_provider_replay(wsrep_t *self, const wsrep_ws_handle_t *handle, void *trx_ctx);
wsrep_status_t ls_provider_abort_certification(wsrep_t *self, wsrep_seqno_t bf_seqno,
                                               wsrep_trx_id_t victim, wsrep_seqno_t *victim_seqno);

/* ---- submit.c: from a builder to a decided place in the order ---- */
/* Adds keys of the server to a builder; type as given. */
enum ls_rc ls_submit_add_keys(struct ls_ws_builder *b, const wsrep_key_t *keys, size_t count,
                              enum ls_key_type type);
/* Sends and waits until the transaction is decided, whatever the outcome: its state tells. LS_OK,
 * or why nothing was sent (the state is then ABORTED). */
enum ls_rc ls_submit_and_wait(struct ls_provider *p, struct ls_trx *trx, uint32_t flags,
                              uint64_t trx_id, bool cancellable);
void ls_submit_fill_meta(struct ls_provider *p, const struct ls_trx *trx, uint64_t trx_id,
                         wsrep_trx_meta_t *meta);
void ls_submit_clear_meta(wsrep_trx_meta_t *meta);

/* ---- lag.c: a node that cannot keep up ---- */
/* Whether it is stuck: each LS_LAG_SAMPLE_US, on the engine's thread. */
void ls_lag_watch(struct ls_provider *p);
/* Whether it is slow, or may come back: about once a second, on the engine's thread. */
void ls_lag_check(struct ls_provider *p);

/* ---- ist.c: what was missed, from the log ---- */
void ls_ist_begin(struct ls_provider *p, int64_t position, int64_t last);
/* About once a second. */
void ls_ist_tell(struct ls_provider *p);
/* `lock` is held. True when one was under way. */
bool ls_ist_end(struct ls_provider *p);

/* ---- toi.c, wait.c, pause.c, stats.c ---- */
wsrep_status_t ls_provider_toi_start(wsrep_t *self, wsrep_conn_id_t conn, const wsrep_key_t *keys,
                                     size_t keys_num, const wsrep_buf_t *action, size_t count,
                                     uint32_t flags, wsrep_trx_meta_t *meta);
wsrep_status_t ls_provider_toi_end(wsrep_t *self, wsrep_conn_id_t conn, const wsrep_buf_t *error);
wsrep_status_t ls_provider_sync_wait(wsrep_t *self, wsrep_gtid_t *upto, int timeout_s,
                                     wsrep_gtid_t *gtid);
wsrep_status_t ls_provider_last_committed_id(wsrep_t *self, wsrep_gtid_t *gtid);
wsrep_seqno_t ls_provider_pause(wsrep_t *self);
wsrep_status_t ls_provider_resume(wsrep_t *self);
wsrep_status_t ls_provider_desync(wsrep_t *self);
wsrep_status_t ls_provider_resync(wsrep_t *self);
/* [D] Stands still while paused. */
void ls_pause_gate(struct ls_provider *p);
/* `victims` has grown. */
void ls_pause_victim(struct ls_provider *p);
struct wsrep_stats_var *ls_provider_stats_get(wsrep_t *self);
void ls_provider_stats_free(wsrep_t *self, struct wsrep_stats_var *vars);
void ls_provider_stats_reset(wsrep_t *self);

/* ---- services.c: symbols beside the loader ---- */
/* export.c: status under our own names shows this provider; or none any more. */
void ls_export_open(struct ls_provider *p);
void ls_export_close(struct ls_provider *p);
/* provider.c: a database that was left in the middle of a statement in total order has it whole
 * now, or is another one. */
void ls_provider_settle_half(struct ls_provider *p);
bool ls_services_allow(void *ctx, const char *address);
/* What systemd shows of the service (`systemctl status`); nothing without systemd. */
void ls_services_tell_manager(const char *status);
bool ls_services_gtid_mode(void); /* the server numbers transactions by the group's order */
void ls_services_event(const char *name, const char *value);
/* The engine that node isolation cuts off. */
void ls_services_set_engine(struct ls_engine *e);

static inline struct ls_provider *ls_provider_of(wsrep_t *self)
{
    return self->ctx;
}

static inline wsrep_uuid_t ls_uuid_to_wsrep(const struct ls_uuid *u)
{
    wsrep_uuid_t out;
    for (size_t i = 0; i < sizeof(u->b); i++) {
        out.data[i] = u->b[i];
    }
    return out;
}

static inline struct ls_uuid ls_uuid_from_wsrep(const wsrep_uuid_t *u)
{
    struct ls_uuid out;
    for (size_t i = 0; i < sizeof(out.b); i++) {
        out.b[i] = u->data[i];
    }
    return out;
}

#endif
