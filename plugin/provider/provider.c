/* Life of the provider: init, connect, disconnect, free. A provider lives as long as the process;
 * connect and disconnect may be repeated (trap 3), each connection has an engine of its own. */
#include "plugin/provider/provider.h"
#include "plugin/provider/storage.h"

#include "gcomm/options/cluster_url.h"
#include "gcomm/options/engine_options.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/file.h"
#include "wsrep/os/process.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_POLL_US 500000

static _Atomic(wsrep_log_cb_t) server_logger;

static void log_to_server(enum ls_log_level level, const char *text)
{
    wsrep_log_cb_t logger = atomic_load(&server_logger);
    if (logger != NULL) {
        logger((wsrep_log_level_t)level, text);
    }
}

struct ls_engine *ls_provider_use_engine(struct ls_provider *p)
{
    atomic_fetch_add(&p->engine_users, 1);
    struct ls_engine *e = atomic_load(&p->engine);
    if (e == NULL) {
        atomic_fetch_sub(&p->engine_users, 1);
    }
    return e;
}

void ls_provider_drop_engine(struct ls_provider *p)
{
    /* The lock is only needed when somebody waits to take the engine down. */
    if (atomic_fetch_sub(&p->engine_users, 1) == 1 && atomic_load(&p->engine) == NULL) {
        ls_mutex_lock(&p->lock);
        ls_cond_broadcast(&p->changed);
        ls_mutex_unlock(&p->lock);
    }
}

/* ---- init ---- */

static void copy_server(struct ls_server *s, const struct wsrep_init_args *args)
{
    s->app_ctx = args->app_ctx;
    s->logger = args->logger_cb;
    s->connected = args->connected_cb;
    s->view = args->view_cb;
    s->sst_request = args->sst_request_cb;
    s->apply = args->apply_cb;
    s->sst_donate = args->sst_donate_cb;
    s->synced = args->synced_cb;
    s->node_name = strdup(args->node_name != NULL ? args->node_name : "");
    s->incoming = strdup(args->node_incoming != NULL ? args->node_incoming : "");
    s->data_dir = strdup(args->data_dir != NULL ? args->data_dir : ".");
    LS_ASSERT(s->node_name != NULL && s->incoming != NULL && s->data_dir != NULL);
    s->proto_ver = args->proto_ver;
    s->start_position = (struct ls_gtid){.seqno = LS_SEQNO_UNDEFINED};
    if (args->state_id != NULL) {
        s->start_position.uuid = ls_uuid_from_wsrep(&args->state_id->uuid);
        s->start_position.seqno = args->state_id->seqno;
    }
}

/* Values that hot paths read without the lock, and those that the engine must hear of. */
void ls_provider_take_settings(struct ls_provider *p)
{
    struct ls_provider_settings s;

    ls_provider_options_get(p->options, &s);
    ls_mutex_lock(&p->lock);
    p->settings = s;
    ls_mutex_unlock(&p->lock);
    atomic_store(&p->max_ws_size, (uint64_t)s.max_ws_size);
    atomic_store(&p->optimistic_pa, s.cert_optimistic_pa);
    ls_log_set_level(s.debug ? LS_LOG_DEBUG : LS_LOG_INFO);
}

static void init_parts(struct ls_provider *p, int64_t position)
{
    ls_mutex_init(&p->lock);
    ls_cond_init(&p->changed);
    ls_order_init(&p->commit, position);
    ls_order_init(&p->apply, position);
    ls_queue_init(&p->queue);
    ls_trx_table_init(&p->trxs);
    ls_trx_table_init(&p->tois);
    ls_pending_init(&p->pending);
    ls_tally_init(&p->conflicts);
    atomic_store(&p->delivered_seqno, position);
    atomic_store(&p->shown_position, -2);
    atomic_store(&p->counters.reset_ns, ls_clock_ns());
    p->skip_upto = position;
}

/* Where this node starts from, and when that is not what its files say, why and what comes of it.
 * A bare start is told of without a warning: the server's suites do it, and count warnings. */
static void tell_position(const struct ls_saved_state_found *found, const struct ls_gtid *given,
                          const struct ls_gtid *position)
{
    const struct ls_gtid *file = &found->state.position;
    bool asked = given->seqno >= 0 && !ls_uuid_is_zero(&given->uuid);

    ls_info("Start position: %s:%lld%s", LS_UUID_STR(&position->uuid), (long long)position->seqno,
            found->missing ? " (there is no grastate.dat)" : "");
    if (ls_uuid_is_zero(&file->uuid)) {
        return;
    }
    if (asked && !ls_uuid_equal(&given->uuid, &file->uuid)) {
        ls_warn("grastate.dat is of the history %s, but the database of %s: one of them is another "
                "cluster's. Neither position is believed, the data come from another member",
                LS_UUID_STR(&file->uuid), LS_UUID_STR(&given->uuid));
    } else if (asked && file->seqno >= 0 && given->seqno != file->seqno) {
        ls_info("grastate.dat has the position %lld, the database stands at %lld: what counts is "
                "the database",
                (long long)file->seqno, (long long)given->seqno);
    } else if (!asked && file->seqno < 0) {
        ls_info("This node did not end cleanly, and the server was started without "
                "--wsrep_start_position, so its position is not known: it will take a full copy of "
                "the data from another member (SST). To spare that, start it by systemd or "
                "mariadbd-safe, or with the position that mariadbd --wsrep-recover prints");
    }
}

static void begin_half(struct ls_provider *p, const struct ls_gtid *ddl, const struct ls_gtid *at)
{
    struct ls_grastate s = {.position = {at->uuid, LS_SEQNO_UNDEFINED}};

    ls_warn(
        "This node died in the middle of a statement that runs on all nodes (DDL, seqno %lld; the "
        "database stands at %lld): it takes the data of a member that has the statement whole. If "
        "all died in it, one of them runs it again and the others copy its data",
        (long long)ddl->seqno, (long long)at->seqno);
    p->half_upto = ddl->seqno;
    atomic_store(&p->half, true);
    ls_saved_state_mark_ddl(p->saved, ddl, NULL);
    ls_saved_state_set(p->saved, &s, NULL);
}

void ls_provider_settle_half(struct ls_provider *p)
{
    if (atomic_exchange(&p->half, false)) {
        ls_saved_state_mark_safe(p->saved, NULL);
    }
}

static enum ls_rc open_state(struct ls_provider *p, const struct ls_provider_settings *s,
                             struct ls_gtid *position, struct ls_error *err)
{
    struct ls_saved_state_found found;
    enum ls_rc rc = ls_saved_state_open(s->base_dir, &p->saved, &found, err);

    if (rc != LS_OK) {
        return rc;
    }
    p->saved_missing = found.missing;
    *position = ls_grastate_start_position(&found.state, &p->server.start_position);
    p->history = ls_grastate_history(&found.state, &p->server.start_position);
    if (ls_grastate_is_half(&found.state, &p->server.start_position)) {
        *position = p->server.start_position;
        begin_half(p, &found.state.ddl, position);
    } else if (position->seqno >= 0 && ls_uuid_is_zero(&found.state.position.uuid)) {
        /* the statement was through when the process died */
        struct ls_grastate now = {.position = {position->uuid, LS_SEQNO_UNDEFINED}};
        ls_saved_state_set(p->saved, &now, NULL);
    }
    tell_position(&found, &p->server.start_position, position);
    return LS_OK;
}

wsrep_status_t ls_provider_init(wsrep_t *self, const struct wsrep_init_args *args)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_provider_settings settings;
    struct ls_gtid position = {.seqno = LS_SEQNO_UNDEFINED};
    struct ls_error err = {0};

    copy_server(&p->server, args);
    ls_storage_find(p);
    atomic_store(&server_logger, args->logger_cb);
    ls_log_set_sink(log_to_server);
    ls_info("Lockstep %s, interface version %s", LS_VERSION, WSREP_INTERFACE_VERSION);
    enum ls_rc rc =
        ls_provider_options_create(p->server.data_dir, args->node_address, &p->options, &err);
    if (rc == LS_OK) {
        rc = ls_provider_options_load(p->options, args->options != NULL ? args->options : "", &err);
    }
    if (rc == LS_OK) {
        ls_provider_options_get(p->options, &settings);
        rc = open_state(p, &settings, &position, &err);
    }
    if (rc != LS_OK) {
        ls_error_log("The provider cannot start: %s", err.text);
        return WSREP_NODE_FAIL;
    }
    init_parts(p, position.seqno);
    p->initialized = true;
    ls_export_open(p);
    ls_provider_take_settings(p);
    ls_provider_options_set_hook(p->options, ls_change_option, p);
    return WSREP_OK;
}

/* ---- connect ---- */

/* The mark of the scripts that copy files into the data directory. They remove it in the end. */
static bool is_half_copied(const struct ls_provider *p)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/sst_in_progress", p->server.data_dir);

    return n > 0 && (size_t)n < sizeof(path) && ls_file_exists(path);
}

/* Founded on half a copy a cluster would replace the whole data of the others by that. Who writes
 * safe_to_bootstrap is believed, but not against that mark. */
static enum ls_rc check_bootstrap(struct ls_provider *p, struct ls_error *err)
{
    bool known = ls_order_position(&p->apply) >= 0;
    struct ls_grastate s;
    const char *why;

    ls_saved_state_get(p->saved, &s);
    if (!known && is_half_copied(p)) {
        why = "a state transfer into its data directory has not come to its end, so what is there "
              "may be half a copy. Bootstrap a node that has a position, and start this one as "
              "usual. If you know that its data are whole, remove the file sst_in_progress first";
    } else if (s.safe_to_bootstrap || p->saved_missing) {
        return LS_OK;
    } else if (known || !ls_uuid_is_zero(&s.position.uuid)) {
        why = "it was not the last one to leave, so others may have newer data. Bootstrap the node "
              "with the highest seqno; if that is this one, set safe_to_bootstrap: 1 in "
              "grastate.dat";
    } else {
        why = "grastate.dat has no position (it ended in the middle of a state transfer or of a "
              "statement, or its data differed), so its data may not be whole. Bootstrap a node "
              "that has one, and start this one as usual. If there is no other, and a new cluster "
              "is to have what is here, set safe_to_bootstrap: 1 in grastate.dat";
    }
    return ls_error_set(err, LS_E_INVAL,
                        "It may not be safe to bootstrap the cluster from this node: %s", why);
}

/* A server that starts takes no connections: `systemctl status` is where its status can be read. */
static void tell_wait(struct ls_provider *p)
{
    struct ls_engine_stats stats;

    if (p->was_primary) {
        return;
    }
    ls_engine_get_stats(atomic_load(&p->engine), &stats);
    p->was_primary = stats.primary;
    if (stats.primary) {
        ls_services_tell_manager("a member of the primary component");
    } else if (stats.waiting_for[0] != '\0') {
        ls_services_tell_manager(stats.waiting_for);
    }
}

static void once_a_second(void *ctx)
{
    tell_wait(ctx);
    ls_lag_check(ctx);
    ls_ist_tell(ctx);
    ls_storage_watch(ctx);
}

static void often(void *ctx)
{
    ls_change_watch_willing(ctx);
    ls_lag_watch(ctx);
}

/* Before the server's engines are up it cannot read its table, and allows everybody. */
static bool allow_counts(void *ctx)
{
    struct ls_provider *p = ctx;

    return atomic_load(&p->engines_up);
}

static void fill_engine_options(struct ls_provider *p, const struct ls_provider_settings *s,
                                const char *cluster_name, struct ls_engine_options *o)
{
    ls_settings_fill_engine(s, o);
    o->params.unwilling = p->unwilling;
    o->database_dir = p->server.data_dir;
    o->cluster_name = cluster_name;
    o->node_name = p->server.node_name;
    o->incoming = p->server.incoming;
    o->proto_app = (uint8_t)p->server.proto_ver;
    o->recv_queue_limit = UINT32_MAX; /* until synced, see control.c */
    o->allow = ls_services_allow;
    o->allow_counts = allow_counts;
    o->allow_ctx = p;
    o->chore = once_a_second;
    o->watch = often;
    o->chore_ctx = p;
    o->parted = ls_transfer_distrust;
    o->parted_ctx = p;
}

static enum ls_rc create_engine(struct ls_provider *p, const struct ls_provider_settings *s,
                                const char *cluster_name, bool bootstrap, struct ls_error *err)
{
    struct ls_engine_options o;
    /* Without a position a bootstrap starts a new history: the log of another one is of no use. */
    bool anew = bootstrap && ls_order_position(&p->apply) < 0;
    struct ls_engine_state state = {.discard = p->saved_missing || anew, .fresh = p->saved_missing};
    struct ls_grastate saved;
    struct ls_engine *e;
    struct ls_engine_stats stats;

    state.half = atomic_load(&p->half);
    ls_saved_state_get(p->saved, &saved);
    state.keep = p->history;
    state.position.seqno = ls_order_position(&p->apply);
    if (state.position.seqno >= 0) {
        state.position.uuid = saved.position.uuid;
    }
    fill_engine_options(p, s, cluster_name, &o);
    enum ls_rc rc = ls_engine_create(&o, &state, &e, err);
    if (rc != LS_OK) {
        return rc;
    }
    ls_engine_get_stats(e, &stats);
    ls_mutex_lock(&p->lock);
    p->self = stats.id;
    ls_mutex_unlock(&p->lock);
    atomic_store(&p->engine, e);
    ls_services_set_engine(e);
    return LS_OK;
}

/* What nobody took any more goes back to the log. */
static void discard_queue(struct ls_provider *p)
{
    struct ls_item item;

    ls_queue_reopen(&p->queue);
    while (ls_queue_length(&p->queue) > 0 && ls_queue_take(&p->queue, &item)) {
        ls_item_done(p, &item);
        if (ls_item_is_barrier(&item)) {
            ls_queue_unblock(&p->queue);
        }
    }
    ls_queue_close(&p->queue);
}

/* Takes the connection of before down: its stream has ended, or is made to. */
static void drop_connection(struct ls_provider *p)
{
    struct ls_engine *e = atomic_load(&p->engine);

    if (e == NULL) {
        return;
    }
    ls_mutex_lock(&p->lock);
    p->closing = true;
    p->dismissed = true;
    bool started = p->delivery_started;
    p->delivery_started = false;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    ls_engine_leave(e);
    ls_engine_wake(e);
    if (started) {
        ls_thread_join(p->delivery_thread);
    }
    ls_services_set_engine(NULL);
    atomic_store(&p->engine, NULL);
    ls_mutex_lock(&p->lock);
    while (atomic_load(&p->engine_users) > 0) {
        ls_cond_wait_until(&p->changed, &p->lock, ls_clock_us() + START_POLL_US);
    }
    ls_mutex_unlock(&p->lock);
    discard_queue(p);
    ls_engine_destroy(e);
    ls_cert_destroy(p->cert);
    p->cert = NULL;
}

static bool prepare_connect(struct ls_provider *p, const char *state_donor)
{
    int64_t position = ls_order_position(&p->apply);

    ls_mutex_lock(&p->lock);
    bool busy = p->connected || p->receivers > 0;
    ls_mutex_unlock(&p->lock);
    if (busy || atomic_load(&p->inconsistent)) {
        return false;
    }
    drop_connection(p);
    ls_mutex_lock(&p->lock);
    p->closing = false;
    p->dismissed = false;
    p->left = false;
    p->failed = false;
    p->paused = false;
    p->desyncs = 0;
    p->donations = 0;
    p->untold_failure = 0;
    p->lag.out = false;
    ls_lag_forget(&p->lag);
    p->sync_asked = false;
    p->losses = p->losses_shown = p->losses_met = 0;
    p->joined_seqno = 0;
    p->transfer_count = 0;
    memset(&p->config, 0, sizeof(p->config));
    snprintf(p->donor_list, sizeof(p->donor_list), "%s", state_donor != NULL ? state_donor : "");
    ls_mutex_unlock(&p->lock);
    p->announced = false;
    p->no_state = false;
    p->parted_at = 0;
    p->rejoin = false;
    p->skip_upto = position;
    p->known_upto = 0;
    p->unneeded_upto = -1;
    atomic_store(&p->delivered_seqno, position);
    ls_queue_reopen(&p->queue);
    return true;
}

static enum ls_rc start_stream(struct ls_provider *p, const struct ls_cluster_url *url,
                               bool bootstrap, struct ls_error *err)
{
    const char *peers[LS_URL_MAX_PEERS];
    struct ls_engine *e = atomic_load(&p->engine);

    for (size_t i = 0; i < url->count; i++) {
        peers[i] = url->peers[i];
    }
    ls_mutex_lock(&p->lock);
    ls_phase_shift(p, LS_PHASE_OPEN);
    ls_mutex_unlock(&p->lock);
    enum ls_rc rc = ls_engine_connect(e, peers, url->count, bootstrap, false, err);
    if (rc != LS_OK) {
        return rc;
    }
    ls_mutex_lock(&p->lock);
    p->delivery_running = p->delivery_started =
        ls_thread_start(&p->delivery_thread, "ls-deliver", ls_delivery_main, p);
    ls_mutex_unlock(&p->lock);
    return p->delivery_started ? LS_OK
                               : ls_error_set(err, LS_E_NOMEM, "no thread could be started");
}

static bool told_to_end(void *ctx)
{
    return ls_process_term_pending();
}

static enum ls_rc connect_to(struct ls_provider *p, const char *cluster_name, const char *address,
                             bool bootstrap, struct ls_error *err)
{
    struct ls_cluster_url *url = malloc(sizeof(*url));
    struct ls_provider_settings s;

    LS_ASSERT(url != NULL);
    enum ls_rc rc = ls_cluster_url_parse(address, url, err);
    if (rc == LS_OK) {
        rc = ls_provider_options_load_url(p->options, url->options, err);
    }
    if (rc == LS_OK && (bootstrap || url->count == 0)) {
        bootstrap = true;
        rc = check_bootstrap(p, err);
    }
    if (rc == LS_OK) {
        ls_provider_take_settings(p);
        ls_provider_options_get(p->options, &s);
        rc = create_engine(p, &s, cluster_name, bootstrap, err);
    }
    if (rc == LS_OK) {
        rc = start_stream(p, url, bootstrap, err);
    }
    free(url);
    return rc == LS_OK ? ls_settings_wait_primary(&s, atomic_load(&p->engine), told_to_end, p, err)
                       : rc;
}

wsrep_status_t ls_provider_connect(wsrep_t *self, const char *cluster_name, const char *url,
                                   const char *state_donor, wsrep_bool_t bootstrap)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_error err = {0};

    if (!prepare_connect(p, state_donor)) {
        ls_error_log("Connecting is not possible now: %s",
                     atomic_load(&p->inconsistent)
                         ? "this node's data differ from the cluster's, restart the server"
                         : "the connection before has not ended yet");
        return WSREP_NODE_FAIL;
    }
    if (connect_to(p, cluster_name, url, bootstrap, &err) != LS_OK) {
        ls_error_log("Failed to open channel '%s' at '%s': %s", cluster_name, url, err.text);
        drop_connection(p);
        ls_mutex_lock(&p->lock);
        ls_phase_shift(p, LS_PHASE_CLOSED);
        ls_mutex_unlock(&p->lock);
        ls_queue_close(&p->queue);
        return WSREP_NODE_FAIL;
    }
    ls_mutex_lock(&p->lock);
    p->connected = true;
    ls_mutex_unlock(&p->lock);
    p->saved_missing = false; /* from here on there is a history to keep */
    return WSREP_OK;
}

wsrep_status_t ls_provider_disconnect(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_engine *e = ls_provider_use_engine(p);

    ls_mutex_lock(&p->lock);
    p->closing = true;
    p->dismissed = true;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    if (e != NULL) {
        ls_info("Closing the connection to the cluster");
        ls_engine_leave(e);
        ls_engine_wake(e);
        ls_provider_drop_engine(p);
    }
    return WSREP_OK;
}

void ls_provider_free(wsrep_t *self)
{
    struct ls_provider *p = ls_provider_of(self);

    if (p == NULL) {
        return; /* it is called twice (trap 1) */
    }
    self->ctx = NULL;
    ls_export_close(p);
    if (p->initialized) {
        drop_connection(p);
        ls_order_destroy(&p->commit);
        ls_order_destroy(&p->apply);
        ls_queue_destroy(&p->queue);
        ls_trx_table_destroy(&p->trxs);
        ls_trx_table_destroy(&p->tois);
        ls_pending_destroy(&p->pending);
        ls_tally_destroy(&p->conflicts);
        ls_cond_destroy(&p->changed);
        ls_mutex_destroy(&p->lock);
    }
    if (p->saved != NULL) {
        ls_saved_state_close(p->saved);
    }
    if (p->options != NULL) {
        ls_provider_options_destroy(p->options);
    }
    free(p->server.node_name);
    free(p->server.incoming);
    free(p->server.data_dir);
    free(p->last_skipped_view);
    free(p);
}
