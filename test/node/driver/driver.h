/* ls-driver plays the server for any wsrep provider: one process is one node.
 *
 * It loads the provider as MariaDB does, holds a small database of rows in a shared mapping that
 * outlives kill -9, takes row locks, aborts local transactions for ordered ones, replays them, and
 * keeps a chain over everything that was ordered, so that nodes can be compared. README.md has the
 * rules and the commands. */
#ifndef LS_TEST_NODE_DRIVER_H
#define LS_TEST_NODE_DRIVER_H

#include "wsrep/api/wsrep_api.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_ROWS 65536
#define MAX_TRX_ROWS 64
#define MAX_THREADS 256

struct config {
    const char *provider;
    const char *name;
    const char *cluster; /* name */
    const char *address; /* gcomm://… */
    const char *donor;
    const char *options; /* provider options, added to those made from port */
    const char *base_dir;
    const char *trace; /* file of the call log, NULL: none */
    int port;
    int index; /* of this node: its private rows */
    int nodes;
    int clients;
    int appliers;
    int rows;
    int hot_rows;
    int keys;       /* rows per transaction */
    int size_bytes; /* of a write-set's data */
    int hot_percent;
    int toi_percent;
    int gap_percent; /* transactions that lock the row behind theirs too, and write no key for it:
                        only such ones can be aborted, pass certification and be replayed */
    bool bootstrap;
    bool sst_pause; /* the donor copies while paused, as rsync does; else beside its work */
};
extern struct config cfg;

/* ---- counters ---- */

struct counters {
    _Atomic int64_t commits, replays, replay_failures, bf_aborts, bf_refused;
    _Atomic int64_t cert_failures;      /* ordered TRX_FAIL: what SQL shows as 1213 */
    _Atomic int64_t unordered_failures; /* not sent, or outcome unknown */
    _Atomic int64_t tois, toi_failures;
    _Atomic int64_t applied, applied_failed, applied_tois, views;
    _Atomic int64_t aborted_before_certify;
};
extern struct counters counters;

/* What must never happen. Each is printed when it does, and makes the exit status 1. */
void violation(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
extern _Atomic int64_t violations;

/* One line "event …" on stdout. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- the database (database.c) ---- */

enum trx_state {
    TRX_EXECUTING,
    TRX_CERTIFYING,
    TRX_COMMITTING, /* certified, waiting for commit order */
    TRX_ORDERED,    /* inside commit order or behind: cannot be aborted */
};

/* A transaction that holds row locks: a client's (local), or one being applied or replayed. */
struct trx {
    bool local;
    bool replay;
    ls_mutex lock; /* the victim's lock of the contract: held over abort_certification */
    enum trx_state state;
    _Atomic bool must_abort;
    wsrep_ws_handle_t handle;
    wsrep_trx_meta_t meta;
    uint32_t rows[MAX_TRX_ROWS + 1]; /* sorted, different */
    size_t row_count;                /* written rows, with keys */
    size_t lock_count;               /* and locked ones: perhaps one more, without a key */
};

/* What a write-set carries. */
struct change {
    uint64_t value;
    uint32_t rows[MAX_TRX_ROWS];
    uint32_t row_count;
    bool toi; /* all rows */
};

void db_open(void);
wsrep_gtid_t db_position(void);
uint64_t db_chain(void);
uint64_t db_rows_hash(void);

/* Local lock: false when the transaction was chosen as a victim meanwhile. */
bool db_lock(struct trx *trx, uint32_t row);
/* Lock for an ordered transaction: local holders are aborted. bf_seqno: -1 local TOI. */
void db_lock_ordered(struct trx *trx, uint32_t row, wsrep_seqno_t bf_seqno);
void db_unlock(struct trx *trx, uint32_t row);
void db_unlock_all(struct trx *trx);

/* Inside commit order. change NULL: certification failed, or a dummy. */
void db_commit(const wsrep_gtid_t *gtid, const struct change *change);
void db_commit_view(const wsrep_gtid_t *gtid);
/* A new history, or one that goes on at another place: only at bootstrap. */
void db_start_history(const wsrep_gtid_t *gtid);

void db_save_snapshot(const char *path, bool bypass);
/* 0: loaded, 1: bypass, -1: failed. */
int db_load_snapshot(const char *path);

/* data for append_data: size bytes from malloc */
void *change_encode(const struct change *c, size_t size);
bool change_decode(const wsrep_buf_t *buf, struct change *out);

/* ---- the provider and the server's side (server.c) ---- */

extern wsrep_t *provider;

void server_load(void);
void server_init(void);
bool server_connect(bool bootstrap);
void server_disconnect(void); /* returns when all appliers have ended */
void server_unload(void);
bool server_is_ready(void); /* primary and synced */
bool server_wait_ready(int timeout_s);
wsrep_uuid_t server_own_id(void);

/* ---- clients (client.c) ---- */

/* Status that the client sees: 0 committed, 1213 conflict, 1180 unknown or refused. */
int client_run_trx(const uint32_t *rows, size_t count);
int client_run_toi(void);
void client_begin(const uint32_t *rows,
                  size_t count); /* the held transaction of the command line */
int client_commit_held(void);
void client_start_load(void);
void client_stop_load(void); /* prints the "result" line */

/* The body of apply_cb for all its callers. */
wsrep_cb_status_t apply_event(struct trx *trx, const wsrep_ws_handle_t *handle, uint32_t flags,
                              const wsrep_buf_t *data, const wsrep_trx_meta_t *meta);
void trx_init(struct trx *trx, bool local);

/* ---- call log (trace.c) ---- */

void trace_open(const char *path);
/* kind: main, app, cli, … . The lines of one run can be compared with those of another provider. */
void trace(const char *kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
extern bool trace_on;
const char *status_name(wsrep_status_t st);
const char *gtid_text(const wsrep_gtid_t *gtid); /* thread-local buffer; uuids are made anonymous */

#define TRACE(...)                                                                                 \
    do {                                                                                           \
        if (trace_on)                                                                              \
            trace(__VA_ARGS__);                                                                    \
    } while (0)

/* ---- latency (latency.c) ---- */

struct histogram {
    uint64_t buckets[1024];
    uint64_t count;
    uint64_t sum_us;
};
void histogram_add(struct histogram *h, int64_t us);
void histogram_merge(struct histogram *into, const struct histogram *from);
int64_t histogram_percentile_us(const struct histogram *h, double percent);

#endif
