/* Client connections: transactions and DDL, through every branch the server has. */
#include "test/node/driver/driver.h"
#include "test/node/driver/server.h"
#include "wsrep/base/prng.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONFLICT 1213
#define UNKNOWN 1180

static _Atomic uint64_t next_trx_id = 1;
static _Atomic int replayers; /* while one waits, the server lets nobody else certify */
static _Atomic int64_t last_commit_us, longest_gap_us;

struct client {
    ls_thread thread;
    wsrep_conn_id_t conn;
    struct ls_prng prng;
    struct histogram certify, commit;
};

static struct {
    struct client *clients;
    int count;
    _Atomic bool stop;
    int64_t started_us;
    double cpu_s;
    struct counters before;
} load;

/* ---- one transaction ---- */

static void append_row_key(struct trx *trx, uint32_t row, wsrep_status_t *st)
{
    uint8_t packed[5] = {0, (uint8_t)(row >> 24), (uint8_t)(row >> 16), (uint8_t)(row >> 8),
                         (uint8_t)row};
    wsrep_buf_t parts[3] = {{"test", 4}, {"t1", 2}, {packed, sizeof(packed)}};
    wsrep_key_t key = {parts, 3};

    if (*st == WSREP_OK) {
        *st = provider->append_key(provider, &trx->handle, &key, 1, WSREP_KEY_EXCLUSIVE, true);
        TRACE("cli", "append_key -> %s", status_name(*st));
    }
}

static void release(struct trx *trx)
{
    wsrep_status_t st = provider->release(provider, &trx->handle);

    TRACE("cli", "release -> %s", status_name(st));
    if (st != WSREP_OK || trx->handle.opaque != NULL) {
        violation("release: %s, opaque %p", status_name(st), trx->handle.opaque);
    }
}

static int roll_back(struct trx *trx, int error)
{
    db_unlock_all(trx);
    release(trx);
    return error;
}

static bool lock_row(struct trx *trx, uint32_t row)
{
    trx->rows[trx->lock_count++] = row; /* a victim may hold it all the same */
    return db_lock(trx, row);
}

/* Rows locked, keys appended. False: it became a victim, or the provider refused a key. */
static bool execute(struct trx *trx, const uint32_t *rows, size_t count, bool gap)
{
    wsrep_status_t st = WSREP_OK;

    trx->handle.trx_id = atomic_fetch_add(&next_trx_id, 1);
    for (size_t i = 0; i < count; i++) {
        if (!lock_row(trx, rows[i])) {
            return false;
        }
        trx->row_count++;
        append_row_key(trx, rows[i], &st);
    }
    if (gap && count > 0 && rows[count - 1] + 1 < (uint32_t)cfg.rows &&
        !lock_row(trx, rows[count - 1] + 1)) {
        return false;
    }
    return st == WSREP_OK;
}

/* What the local commit writes is what the others apply. */
static void change_of(const struct trx *trx, struct change *out)
{
    out->value = trx->handle.trx_id * 64 + (uint64_t)cfg.index;
    out->row_count = (uint32_t)trx->row_count;
    out->toi = false;
    memcpy(out->rows, trx->rows, trx->row_count * sizeof(out->rows[0]));
}

static bool append_change(struct trx *trx)
{
    struct change c;
    void *data;
    wsrep_buf_t parts[2];
    wsrep_status_t st;

    change_of(trx, &c);
    data = change_encode(&c, (size_t)cfg.size_bytes);
    /* two calls make one buffer */
    parts[0] = (wsrep_buf_t){data, (size_t)cfg.size_bytes / 2};
    parts[1] = (wsrep_buf_t){(char *)data + parts[0].len, (size_t)cfg.size_bytes - parts[0].len};
    st = provider->append_data(provider, &trx->handle, &parts[0], 1, WSREP_DATA_ORDERED, true);
    if (st == WSREP_OK) {
        st = provider->append_data(provider, &trx->handle, &parts[1], 1, WSREP_DATA_ORDERED, true);
    }
    TRACE("cli", "append_data -> %s", status_name(st));
    free(data);
    return st == WSREP_OK;
}

static void note_commit(void)
{
    int64_t now = ls_clock_us(), gap = now - atomic_exchange(&last_commit_us, now);

    if (gap > atomic_load(&longest_gap_us)) {
        atomic_store(&longest_gap_us, gap); /* a race loses a gap of equal size at most */
    }
    atomic_fetch_add(&counters.commits, 1);
}

/* The consumed seqno of a transaction that failed goes by in order. */
static int pass_failed(struct trx *trx)
{
    wsrep_gtid_t upto = trx->meta.gtid;
    wsrep_buf_t no_error = {NULL, 0};
    wsrep_status_t st;

    db_unlock_all(trx);
    st = provider->commit_order_enter(provider, &trx->handle, &trx->meta);
    TRACE("cli", "commit_order_enter(failed) %s -> %s", gtid_text(&trx->meta.gtid),
          status_name(st));
    if (st != WSREP_OK) {
        violation("commit_order_enter of failed seqno %lld: %s", (long long)trx->meta.gtid.seqno,
                  status_name(st));
    } else {
        upto.seqno--;
        st = provider->sync_wait(provider, &upto, INT_MAX, NULL);
        TRACE("cli", "sync_wait %s -> %s", gtid_text(&upto), status_name(st));
        if (st != WSREP_OK) {
            violation("sync_wait for %lld inside commit order: %s", (long long)upto.seqno,
                      status_name(st));
        }
        db_commit(&trx->meta.gtid, NULL);
        st = provider->commit_order_leave(provider, &trx->handle, &trx->meta, &no_error);
        TRACE("cli", "commit_order_leave(failed) -> %s", status_name(st));
    }
    release(trx);
    atomic_fetch_add(&counters.cert_failures, 1);
    return CONFLICT;
}

static int replay(struct trx *trx)
{
    struct apply_ctx ctx;
    wsrep_status_t st;

    db_unlock_all(trx);
    trx_init(&ctx.trx, false);
    ctx.trx.replay = true;
    ctx.replay_of = &trx->handle;
    ctx.calls = 0;
    atomic_fetch_add(&replayers, 1);
    st = provider->replay_trx(provider, &trx->handle, &ctx);
    atomic_fetch_sub(&replayers, 1);
    TRACE("cli", "replay_trx %s -> %s", gtid_text(&trx->meta.gtid), status_name(st));
    if (st == WSREP_TRX_FAIL) {
        atomic_fetch_add(&counters.replay_failures, 1);
        return pass_failed(trx);
    }
    if (st != WSREP_OK || ctx.calls != 1) {
        violation("replay_trx: %s after %d calls of apply_cb", status_name(st), ctx.calls);
    }
    release(trx);
    atomic_fetch_add(&counters.replays, 1);
    note_commit();
    return 0;
}

static int commit_certified(struct trx *trx)
{
    wsrep_buf_t no_error = {NULL, 0};
    struct change change;
    wsrep_status_t st = provider->commit_order_enter(provider, &trx->handle, &trx->meta);

    TRACE("cli", "commit_order_enter %s -> %s", gtid_text(&trx->meta.gtid), status_name(st));
    if (st == WSREP_BF_ABORT) {
        return replay(trx);
    }
    if (st != WSREP_OK) {
        violation("commit_order_enter of a local commit: %s", status_name(st));
        return roll_back(trx, UNKNOWN);
    }
    ls_mutex_lock(&trx->lock);
    trx->state = TRX_ORDERED;
    if (atomic_load(&trx->must_abort)) {
        violation("seqno %lld was aborted, and entered commit order",
                  (long long)trx->meta.gtid.seqno);
    }
    ls_mutex_unlock(&trx->lock);
    change_of(trx, &change);
    db_commit(&trx->meta.gtid, &change);
    st = provider->commit_order_leave(provider, &trx->handle, &trx->meta, &no_error);
    TRACE("cli", "commit_order_leave -> %s", status_name(st));
    if (st != WSREP_OK) {
        violation("commit_order_leave of a local commit: %s", status_name(st));
    }
    db_unlock_all(trx);
    release(trx);
    note_commit();
    return 0;
}

static void check_certified(const struct trx *trx)
{
    wsrep_uuid_t own = server_own_id();

    if (trx->meta.gtid.seqno <= 0 || memcmp(&trx->meta.stid.node, &own, sizeof(own)) != 0 ||
        trx->meta.stid.trx != trx->handle.trx_id || trx->meta.depends_on < 0 ||
        trx->meta.depends_on >= trx->meta.gtid.seqno) {
        violation("certify: OK with seqno %lld, trx %llu of %llu, depends on %lld",
                  (long long)trx->meta.gtid.seqno, (unsigned long long)trx->meta.stid.trx,
                  (unsigned long long)trx->handle.trx_id, (long long)trx->meta.depends_on);
    }
}

static int finish(struct trx *trx, wsrep_status_t st)
{
    bool ordered = trx->meta.gtid.seqno != WSREP_SEQNO_UNDEFINED, aborted;

    switch (st) {
    case WSREP_OK:
        check_certified(trx);
        ls_mutex_lock(&trx->lock);
        aborted = atomic_load(&trx->must_abort);
        trx->state = TRX_COMMITTING;
        ls_mutex_unlock(&trx->lock);
        return aborted ? replay(trx) : commit_certified(trx);
    case WSREP_BF_ABORT:
        if (!ordered) {
            violation("certify: BF_ABORT without a seqno");
        }
        return replay(trx);
    case WSREP_TRX_FAIL:
        if (ordered) {
            return pass_failed(trx);
        }
        atomic_fetch_add(&counters.unordered_failures, 1);
        return roll_back(trx, CONFLICT);
    default:
        if (ordered) {
            violation("certify: %s with seqno %lld", status_name(st),
                      (long long)trx->meta.gtid.seqno);
        }
        atomic_fetch_add(&counters.unordered_failures, 1);
        return roll_back(trx, atomic_load(&trx->must_abort) ? CONFLICT : UNKNOWN);
    }
}

static int commit(struct trx *trx, wsrep_conn_id_t conn, struct client *client)
{
    int64_t begin, certified;
    wsrep_status_t st;
    bool aborted;
    int result;

    if (!append_change(trx)) {
        return roll_back(trx, UNKNOWN);
    }
    while (atomic_load(&replayers) > 0 && !atomic_load(&trx->must_abort)) {
        usleep(200);
    }
    ls_mutex_lock(&trx->lock);
    aborted = atomic_load(&trx->must_abort);
    trx->state = TRX_CERTIFYING;
    ls_mutex_unlock(&trx->lock);
    if (aborted) {
        atomic_fetch_add(&counters.aborted_before_certify, 1);
        return roll_back(trx, CONFLICT);
    }
    begin = ls_clock_us();
    st = provider->certify(provider, conn, &trx->handle, WSREP_FLAG_TRX_START | WSREP_FLAG_TRX_END,
                           &trx->meta);
    certified = ls_clock_us();
    TRACE("cli", "certify flags=0x41 -> %s %s dep=%lld", status_name(st),
          gtid_text(&trx->meta.gtid), (long long)trx->meta.depends_on);
    result = finish(trx, st);
    if (client != NULL && result == 0) {
        histogram_add(&client->certify, certified - begin);
        histogram_add(&client->commit, ls_clock_us() - begin);
    }
    return result;
}

static int run_trx(const uint32_t *rows, size_t count, wsrep_conn_id_t conn, struct client *client)
{
    struct trx trx;
    int result;
    bool gap = client != NULL && ls_prng_chance(&client->prng, (uint64_t)cfg.gap_percent, 100);

    trx_init(&trx, true);
    if (execute(&trx, rows, count, gap)) {
        result = commit(&trx, conn, client);
    } else {
        atomic_fetch_add(&counters.aborted_before_certify, 1);
        result = roll_back(&trx, CONFLICT);
    }
    ls_mutex_destroy(&trx.lock);
    return result;
}

int client_run_trx(const uint32_t *rows, size_t count)
{
    return run_trx(rows, count, 1, NULL);
}

/* ---- the transaction that the command line holds open ---- */

static struct trx held;
static _Atomic bool held_idle; /* its client does nothing: the rollbacker has to act for it */
static ls_thread rollbacker;

static void *roll_back_idle(void *arg)
{
    while (atomic_load(&held_idle)) {
        if (atomic_load(&held.must_abort)) {
            db_unlock_all(&held);
            return NULL;
        }
        usleep(1000);
    }
    return NULL;
}

void client_begin(const uint32_t *rows, size_t count)
{
    trx_init(&held, true);
    if (!execute(&held, rows, count, false)) {
        say("begin result=victim");
    }
    atomic_store(&held_idle, true);
    if (!ls_thread_start(&rollbacker, "rollbacker", roll_back_idle, NULL)) {
        abort();
    }
}

int client_commit_held(void)
{
    if (!atomic_exchange(&held_idle, false)) {
        return UNKNOWN; /* none is open */
    }
    ls_thread_join(rollbacker);
    return commit(&held, 2, NULL);
}

/* ---- total order isolation ---- */

static int run_toi(wsrep_conn_id_t conn)
{
    static _Atomic uint64_t number;
    struct change c = {.value = (atomic_fetch_add(&number, 1) << 8) + (uint64_t)cfg.index,
                       .toi = true};
    void *data = change_encode(&c, 256);
    wsrep_buf_t parts[2] = {{"test", 4}, {"t1", 2}}, action = {data, 256}, no_error = {NULL, 0};
    wsrep_key_t keys[2] = {{parts, 2}, {parts, 2}}; /* the server often says it twice */
    struct trx trx;
    wsrep_status_t st;
    bool ordered;

    trx_init(&trx, false);
    st = provider->to_execute_start(provider, conn, keys, 2, &action, 1,
                                    WSREP_FLAG_TRX_START | WSREP_FLAG_TRX_END, &trx.meta);
    TRACE("cli", "to_execute_start -> %s %s", status_name(st), gtid_text(&trx.meta.gtid));
    free(data);
    ordered = trx.meta.gtid.seqno != WSREP_SEQNO_UNDEFINED;
    if (st != WSREP_OK) {
        atomic_fetch_add(&counters.toi_failures, 1);
        if (ordered) {
            db_commit(&trx.meta.gtid, NULL);
            provider->to_execute_end(provider, conn, &no_error);
        }
        return UNKNOWN;
    }
    for (int i = 0; i < cfg.rows; i++) {
        db_lock_ordered(&trx, (uint32_t)i, -1);
    }
    db_commit(&trx.meta.gtid, &c);
    for (int i = 0; i < cfg.rows; i++) {
        db_unlock(&trx, (uint32_t)i);
    }
    st = provider->to_execute_end(provider, conn, &no_error);
    TRACE("cli", "to_execute_end -> %s", status_name(st));
    atomic_fetch_add(&counters.tois, 1);
    return 0;
}

int client_run_toi(void)
{
    return run_toi(3);
}

/* ---- load ---- */

static uint32_t choose_row(struct client *c)
{
    uint32_t own = (uint32_t)(cfg.rows - cfg.hot_rows) / (uint32_t)cfg.nodes;

    if (ls_prng_chance(&c->prng, (uint64_t)cfg.hot_percent, 100)) {
        return (uint32_t)ls_prng_below(&c->prng, (uint64_t)cfg.hot_rows);
    }
    return (uint32_t)cfg.hot_rows + own * (uint32_t)cfg.index +
           (uint32_t)ls_prng_below(&c->prng, own);
}

/* Sorted and different, so that local transactions cannot deadlock. */
static size_t choose_rows(struct client *c, uint32_t *rows)
{
    size_t count = 0;

    while (count < (size_t)cfg.keys) {
        uint32_t row = choose_row(c);
        size_t at = count;
        while (at > 0 && rows[at - 1] >= row) {
            at--;
        }
        if (at < count && rows[at] == row) {
            continue;
        }
        memmove(rows + at + 1, rows + at, (count - at) * sizeof(rows[0]));
        rows[at] = row;
        count++;
    }
    return count;
}

static void *run_client(void *arg)
{
    struct client *c = arg;
    uint32_t rows[MAX_TRX_ROWS + 1];

    while (!atomic_load(&load.stop)) {
        if (!server_is_ready()) {
            usleep(2000);
        } else if (ls_prng_chance(&c->prng, (uint64_t)cfg.toi_percent, 100)) {
            run_toi(c->conn);
        } else if (run_trx(rows, choose_rows(c, rows), c->conn, c) == UNKNOWN) {
            usleep(2000);
        }
    }
    return NULL;
}

static double cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* One by one, as other threads go on counting. */
static void copy_counters(struct counters *out)
{
    _Atomic int64_t *from = (_Atomic int64_t *)&counters, *to = (_Atomic int64_t *)out;

    for (size_t i = 0; i < sizeof(counters) / sizeof(from[0]); i++) {
        atomic_store(&to[i], atomic_load(&from[i]));
    }
}

void client_start_load(void)
{
    load.count = cfg.clients;
    load.clients = calloc((size_t)cfg.clients + 1, sizeof(*load.clients));
    load.started_us = ls_clock_us();
    load.cpu_s = cpu_seconds();
    copy_counters(&load.before);
    atomic_store(&load.stop, false);
    atomic_store(&last_commit_us, load.started_us);
    atomic_store(&longest_gap_us, 0);
    for (int i = 0; i < load.count; i++) {
        struct client *c = &load.clients[i];
        c->conn = 100 + (wsrep_conn_id_t)i;
        ls_prng_seed(&c->prng, ls_os_random());
        if (!ls_thread_start(&c->thread, "client", run_client, c)) {
            abort();
        }
    }
}

#define SINCE(field) ((long long)(counters.field - load.before.field))

static void print_result(const struct histogram *certify, const struct histogram *commit_hist)
{
    double seconds = (double)(ls_clock_us() - load.started_us) / 1e6;
    double cpu = cpu_seconds() - load.cpu_s;

    printf("result seconds=%.3f commits=%lld per_second=%.0f applied=%lld cpu_s=%.3f "
           "cpu_us_per_commit=%.1f cert_failures=%lld unordered_failures=%lld bf_aborts=%lld "
           "bf_refused=%lld replays=%lld replay_failures=%lld aborted_before_certify=%lld "
           "tois=%lld toi_failures=%lld applied_failed=%lld longest_gap_ms=%lld "
           "certify_us_avg=%.0f certify_us_p50=%lld certify_us_p95=%lld certify_us_p99=%lld "
           "certify_us_max=%lld commit_us_p50=%lld commit_us_p99=%lld violations=%lld\n",
           seconds, SINCE(commits), (double)SINCE(commits) / seconds, SINCE(applied), cpu,
           cpu * 1e6 / (double)(SINCE(commits) > 0 ? SINCE(commits) : 1), SINCE(cert_failures),
           SINCE(unordered_failures), SINCE(bf_aborts), SINCE(bf_refused), SINCE(replays),
           SINCE(replay_failures), SINCE(aborted_before_certify), SINCE(tois), SINCE(toi_failures),
           SINCE(applied_failed), (long long)atomic_load(&longest_gap_us) / 1000,
           certify->count > 0 ? (double)certify->sum_us / (double)certify->count : 0.0,
           (long long)histogram_percentile_us(certify, 50),
           (long long)histogram_percentile_us(certify, 95),
           (long long)histogram_percentile_us(certify, 99),
           (long long)histogram_percentile_us(certify, 100),
           (long long)histogram_percentile_us(commit_hist, 50),
           (long long)histogram_percentile_us(commit_hist, 99), (long long)violations);
    fflush(stdout);
}

void client_stop_load(void)
{
    struct histogram certify = {.count = 0}, commit_hist = {.count = 0};

    atomic_store(&load.stop, true);
    for (int i = 0; i < load.count; i++) {
        ls_thread_join(load.clients[i].thread);
        histogram_merge(&certify, &load.clients[i].certify);
        histogram_merge(&commit_hist, &load.clients[i].commit);
    }
    print_result(&certify, &commit_hist);
    free(load.clients);
    load.clients = NULL;
    load.count = 0;
}
