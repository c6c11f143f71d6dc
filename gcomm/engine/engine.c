/* Life of an engine, and the turns of its loop.
 *
 * A turn: timers, wake-ups and messages feed the core as they come, each followed by the actions it
 * asks for. At the turn's end the queue of local submissions is taken, what the provider reported
 * is passed on, FLUSH follows, then one write of the log, then the sockets: so everything that came
 * in one turn shares one write, one acknowledgement and one system call per peer. */
#include "gcomm/engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void engine_wake_loop(struct ls_engine *e)
{
    if (e->async != NULL) {
        ls_async_send(e->async);
    }
}

void engine_step(struct ls_engine *e, struct ls_event *ev)
{
    if (e->left) {
        return;
    }
    ev->now_us = e->now_us = ls_clock_us();
    ls_core_step(e->core, ev);
    if (ev->type != LS_EV_FLUSH && ev->type != LS_EV_TICK) {
        e->turn_dirty = true;
    }
    engine_perform(e);
    ls_core_actions_done(e->core);
}

void engine_finish(struct ls_engine *e, const char *text)
{
    struct ls_stream_event ev = {.type = LS_STREAM_LEFT, .failed = e->failed};

    if (e->left) {
        return;
    }
    if (engine_log_is_damaged(e)) {
        ev.failed = true;
        text = LOG_DAMAGED;
    }
    e->left = true;
    e->left_us = e->now_us;
    ls_mutex_lock(&e->mutex);
    e->open = false;
    e->closed = true;
    snprintf(e->closed_text, sizeof(e->closed_text), "%s", text);
    ls_cond_broadcast(&e->room);
    ls_cond_broadcast(&e->state);
    ls_mutex_unlock(&e->mutex);
    engine_submissions_lost(e, false);
    engine_reads_fail(e);
    snprintf(ev.text, sizeof(ev.text), "%s", text);
    engine_stream_put(e, &ev, NULL);
}

void engine_fail(struct ls_engine *e, const char *what, const struct ls_error *err)
{
    char text[240];

    if (e->failed) {
        return;
    }
    e->failed = true;
    ls_error_log("%s: %s. This node can no longer promise to keep what it acknowledges and leaves "
                 "the cluster; set the disk right and restart the server",
                 what, err->text);
    snprintf(text, sizeof(text), "%s", what);
    engine_finish(e, text);
}

/* ---- turns ---- */

static void feed_reports(struct ls_engine *e)
{
    uint64_t delivered = atomic_load_explicit(&e->delivered, memory_order_relaxed);
    int64_t applied = atomic_load_explicit(&e->applied, memory_order_relaxed);

    if (delivered != e->delivered_fed) {
        struct ls_event ev = {.type = LS_EV_DELIVERED, .u.index = delivered};
        e->delivered_fed = delivered;
        engine_step(e, &ev);
    }
    if (applied != e->applied_fed) {
        struct ls_event ev = {.type = LS_EV_APPLIED, .u.seqno = applied};
        e->applied_fed = applied;
        engine_step(e, &ev);
    }
}

/* A changed configuration: who is redialled, what is durable about it, whose pause counts. */
void engine_config_changed(struct ls_engine *e)
{
    struct ls_core_status st;
    const struct ls_config *c;

    e->config_dirty = false;
    ls_core_get_status(e->core, &st);
    c = st.config;
    if (c == NULL || c->count == 0) {
        return;
    }
    ls_net_set_members(e->net, c);
    if (!ls_uuid_equal(&c->group, &e->identity.group) || c->epoch != e->identity.epoch ||
        !ls_uuid_equal(&c->epoch_id, &e->identity.epoch_id)) {
        ls_mutex_lock(&e->identity_mutex);
        e->identity.group = c->group;
        e->identity.epoch = c->epoch;
        e->identity.epoch_id = c->epoch_id;
        ls_mutex_unlock(&e->identity_mutex);
        engine_write_identity(e);
    }
    engine_flow_update(e);
}

static void apply_params(struct ls_engine *e, struct ls_event *ev)
{
    bool sync_on = ev->u.params.sync_majority != 0;

    engine_step(e, ev);
    if (sync_on != e->sync_on) {
        ls_mutex_lock(&e->identity_mutex);
        e->mark_from = sync_on ? e->last_appended : UINT64_MAX;
        e->identity.durable_index = 0; /* not known, or nobody keeps it true any more */
        ls_mutex_unlock(&e->identity_mutex);
        e->sync_asked = 0; /* what is in the log already, too */
        engine_write_identity(e);
    }
    e->sync_on = sync_on;
}

static void take_requests(struct ls_engine *e)
{
    struct ls_event ev = {0};
    uint64_t *ids = NULL;
    size_t count = 0;
    bool leave;

    ls_mutex_lock(&e->mutex);
    leave = e->leave && e->leave_due_us == 0;
    if (e->give_up_count > 0) {
        ids = e->give_ups;
        count = e->give_up_count;
        e->give_ups = NULL;
        e->give_up_count = e->give_up_cap = 0;
    }
    if (e->new_params) {
        e->new_params = false;
        ev.type = LS_EV_PARAMS;
        ev.u.params = e->params;
        ev.u.params.isolated = e->isolated;
        ev.u.params.short_of_room = e->short_of_room;
    }
    ls_mutex_unlock(&e->mutex);
    if (ev.type == LS_EV_PARAMS) {
        apply_params(e, &ev);
    }
    for (size_t i = 0; i < count; i++) {
        struct ls_event give_up = {.type = LS_EV_GIVE_UP, .u.submit = {.id = ids[i]}};
        engine_step(e, &give_up);
    }
    free(ids);
    if (leave && !e->left) {
        struct ls_event go = {.type = LS_EV_LEAVE};
        e->leave_due_us = e->now_us + LEAVE_LIMIT_US;
        engine_step(e, &go);
    }
}

/* Those who lose their connections to us go on at once. Our server is told before that: a write
 * that follows on what it reads of the others' progress must find it non-primary. */
static void follow_isolation(struct ls_engine *e)
{
    bool isolate = atomic_load(&e->isolate) || e->aside != NULL;

    if (isolate != e->isolated) {
        e->isolated = isolate;
        e->cut_us = e->now_us + ISOLATE_AHEAD_US;
        ls_mutex_lock(&e->mutex);
        e->new_params = true;
        ls_mutex_unlock(&e->mutex);
    }
    if (!e->isolated || e->now_us >= e->cut_us) {
        ls_net_isolate(e->net, e->isolated);
    }
}

static void turn_end(void *ctx)
{
    struct ls_engine *e = ctx;

    engine_watch_turn(e);
    if (atomic_load_explicit(&e->stop, memory_order_acquire)) {
        ls_loop_stop(e->loop);
    }
    take_requests(e);
    engine_take_wishes(e);
    engine_sync_collect(e);
    engine_reads_issue(e);
    if (atomic_load_explicit(&e->fc_requested, memory_order_relaxed)) {
        engine_flow_update(e); /* a pause begins at a tick and ends at once */
    }
    engine_applied_turn(e);
    engine_take_queue(e);
    if (!e->left) {
        feed_reports(e);
    }
    if (e->turn_dirty && !e->left) {
        struct ls_event ev = {.type = LS_EV_FLUSH};
        e->turn_dirty = false;
        engine_step(e, &ev);
    }
    if (engine_flush_log(e)) {
        engine_sync_request(e);
        engine_disk_begin(e);
        engine_watch_log_disk(e);
        engine_disk_end(e);
    }
    if (e->aside != NULL && !e->isolated) {
        follow_isolation(e);
        take_requests(e); /* now: what comes in the next turn may be more than there is room for */
    }
    if (e->config_dirty) {
        engine_config_changed(e);
    }
    ls_net_flush(e->net);
    engine_publish_stats(e);
}

static void housekeeping(struct ls_engine *e)
{
    e->housekeeping_us = e->now_us + HOUSEKEEPING_US;
    e->aged = e->aging;
    e->aging = e->last_appended;
    engine_disk_begin(e);
    engine_purge_log(e);
    engine_disk_end(e);
    engine_stage_expire(e);
    if (e->opt.chore != NULL) {
        e->opt.chore(e->opt.chore_ctx);
    }
    if (e->open) {
        return;
    }
    engine_note_advice(e);
    engine_follow_seen(e);
    if (e->now_us >= e->progress_us) {
        e->progress_us = e->now_us + PROGRESS_US;
        engine_log_progress(e);
    }
}

/* The allow list counts in a primary component, once the server can be asked for it. */
static void update_guard(struct ls_engine *e)
{
    bool known = e->opt.allow_counts == NULL || e->opt.allow_counts(e->opt.allow_ctx);
    bool on = e->open && known;

    if (!on || !e->config_dirty) { /* the net knows the members of now */
        ls_net_guard(e->net, on);
    }
}

static void tick(void *ctx)
{
    struct ls_engine *e = ctx;
    struct ls_event ev = {.type = LS_EV_TICK};

    e->now_us = ls_clock_us();
    if (!e->cut_off) {
        follow_isolation(e);
    }
    engine_judge_log(e);
    engine_step(e, &ev);
    e->turn_dirty = true;
    engine_ask_tick(e);
    if (!e->left && e->leave_due_us != 0 && e->now_us >= e->leave_due_us) {
        engine_finish(e, "left without an answer from the others");
    }
    if (e->left && !e->cut_off && (e->failed || e->now_us >= e->left_us + LINGER_US)) {
        e->cut_off = true;
        ls_net_isolate(e->net, true);
    }
    if (!e->left) {
        engine_disk_begin(e);
        engine_watch_room(e);
        engine_watch_disk(e);
        engine_disk_end(e);
        engine_flow_update(e);
        engine_applied_count(e);
        engine_publish_applied(e);
        engine_spread_retry(e);
        update_guard(e);
        if (e->opt.watch != NULL && e->now_us >= e->watch_us) {
            e->watch_us = e->now_us + WATCH_US;
            e->opt.watch(e->opt.chore_ctx);
        }
        if (e->now_us >= e->housekeeping_us) {
            housekeeping(e);
        }
    }
}

/* The turn's end does the work: it follows every wake-up. */
static void woken(void *ctx)
{
}

static void *loop_thread(void *arg)
{
    struct ls_engine *e = arg;
    struct ls_event ev = {.type = LS_EV_JOIN};

    e->now_us = ls_clock_us();
    engine_watch_turn(e);
    e->progress_us = e->now_us + PROGRESS_US;
    if (e->bootstrap) {
        engine_found(e);
    } else {
        ev.u.join.half = e->half && e->log_usable;
        ev.u.join.need_state = e->need_state || e->half || (!e->log_usable && !e->opt.no_data);
        engine_step(e, &ev);
    }
    ls_timer_start(e->timer, TICK_US, TICK_US);
    ls_loop_run(e->loop);
    return NULL;
}

/* ---- life ---- */

static const char *keep_string(struct ls_engine *e, size_t i, const char *s)
{
    e->strings[i] = s != NULL ? strdup(s) : NULL;
    LS_ASSERT(s == NULL || e->strings[i] != NULL);
    return e->strings[i];
}

/* A name that is longer than the server can show is cut between two characters (UTF-8), or what
 * reads it elsewhere takes all of its text for invalid. */
static void cut_name(char *name)
{
    size_t len = strlen(name);

    if (len < LS_NAME_SIZE) {
        return;
    }
    len = LS_NAME_SIZE - 1;
    while (len > 0 && ((uint8_t)name[len] & 0xc0) == 0x80) {
        len--;
    }
    name[len] = '\0';
}

static void copy_options(struct ls_engine *e, const struct ls_engine_options *opt)
{
    e->opt = *opt;
    e->opt.data_dir = keep_string(e, 0, opt->data_dir);
    e->opt.cluster_name = keep_string(e, 1, opt->cluster_name);
    e->opt.node_name = keep_string(e, 2, opt->node_name);
    cut_name(e->strings[2]);
    e->opt.incoming = keep_string(e, 3, opt->incoming != NULL ? opt->incoming : "");
    e->opt.listen_addr = keep_string(e, 4, opt->listen_addr);
    e->opt.advertise = keep_string(e, 5, opt->advertise);
    e->opt.database_dir = keep_string(e, 6, opt->database_dir);
    memset(&e->opt.tls_files, 0, sizeof(e->opt.tls_files)); /* e->tls has its own copies */
    if (e->opt.max_pending == 0) {
        e->opt.max_pending = 1024;
    }
    if (e->opt.max_pending_bytes == 0) {
        e->opt.max_pending_bytes = UINT64_C(64) << 20;
    }
    e->params = opt->params;
    e->sync_on = opt->params.sync_majority != 0;
}

enum ls_rc ls_engine_create(const struct ls_engine_options *opt,
                            const struct ls_engine_state *state, struct ls_engine **out,
                            struct ls_error *err)
{
    struct ls_engine *e;
    enum ls_rc rc;

    *out = NULL;
    if (opt->data_dir == NULL || opt->cluster_name == NULL || opt->node_name == NULL ||
        opt->listen_addr == NULL) {
        return ls_error_set(err, LS_E_INVAL,
                            "data directory, cluster, node name and listening "
                            "address must be given");
    }
    e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for the group engine");
    }
    copy_options(e, opt);
    ls_mutex_init(&e->mutex);
    ls_mutex_init(&e->identity_mutex);
    ls_cond_init(&e->room);
    ls_cond_init(&e->idle);
    ls_cond_init(&e->state);
    ls_cond_init(&e->applied_moved);
    e->applied_by_all = INT64_MAX;
    atomic_store(&e->applied_option, opt->want_applied);
    atomic_store(&e->applied_here, LS_SEQNO_UNDEFINED);
    e->queue_tail = &e->queue;
    e->next_id = e->low_id = 1;
    e->applied_fed = -1;
    atomic_store(&e->applied, -1);
    engine_stream_init(e);
    engine_flow_init(e);
    rc = opt->tls ? ls_tls_create(&opt->tls_files, &e->tls, err) : LS_OK;
    if (rc == LS_OK) {
        rc = engine_open_state(e, state, err);
    }
    if (rc != LS_OK) {
        ls_engine_destroy(e);
        return rc;
    }
    e->stats.id = e->identity.id;
    e->stats.incarnation = e->identity.incarnation;
    *out = e;
    return LS_OK;
}

enum ls_rc ls_engine_reload_tls(struct ls_engine *e, struct ls_error *err)
{
    if (e->tls == NULL) {
        return ls_error_set(err, LS_E_INVAL,
                            "there are no certificates to reload: this node's connections are not "
                            "encrypted (socket.ssl_key, socket.ssl_cert)");
    }
    return ls_tls_reload(e->tls, err);
}

static enum ls_rc create_net(struct ls_engine *e, struct ls_error *err)
{
    struct ls_net_options opt = {
        .cluster_name = e->opt.cluster_name,
        .node_name = e->opt.node_name,
        .id = e->identity.id,
        .incarnation = e->identity.incarnation,
        .listen_addr = e->opt.listen_addr,
        .advertise = e->opt.advertise,
        .segment = e->opt.segment,
        .connect_timeout_us = e->opt.time_wait_us,
        .handshake_timeout_us = e->opt.time_wait_us,
        /* what the window of entries and our own submissions can fill, and as much again */
        .queue_limit_bytes = 2 * (size_t)(e->opt.max_pending_bytes + e->opt.params.window_bytes),
        .allow = e->opt.allow,
        .allow_ctx = e->opt.allow_ctx,
        .tls = e->tls,
        .tls_dynamic = e->opt.tls_dynamic,
    };
    struct ls_net_callbacks cb = engine_net_callbacks;
    enum ls_rc rc;

    cb.ctx = e;
    rc = ls_net_create(e->loop, &opt, &cb, &e->net, err);
    if (rc == LS_OK) {
        rc = ls_net_listen(e->net, &e->stats.listen_port, err);
    }
    return rc;
}

static enum ls_rc create_loop(struct ls_engine *e, struct ls_error *err)
{
    enum ls_rc rc = ls_loop_create(&e->loop, err);

    if (rc == LS_OK) {
        rc = ls_timer_create(e->loop, tick, e, &e->timer);
    }
    if (rc == LS_OK) {
        rc = ls_async_create(e->loop, woken, e, &e->async);
    }
    if (rc == LS_OK) {
        rc = ls_hook_create(e->loop, turn_end, e, &e->hook);
    }
    if (rc == LS_OK) {
        rc = create_net(e, err);
    }
    return rc;
}

enum ls_rc ls_engine_connect(struct ls_engine *e, const char *const *peers, size_t count,
                             bool bootstrap, bool need_state, struct ls_error *err)
{
    enum ls_rc rc;

    if (e->started) {
        return ls_error_set(err, LS_E_EXISTS, "connected already");
    }
    e->bootstrap = e->bootstrapped = bootstrap;
    e->need_state = need_state;
    rc = create_loop(e, err);
    if (rc == LS_OK) {
        rc = engine_create_core(e, err);
    }
    if (rc != LS_OK) {
        return rc;
    }
    if (bootstrap) {
        engine_prepare_bootstrap(e);
    }
    for (size_t i = 0; i < count; i++) {
        ls_net_know(e->net, peers[i]);
    }
    engine_config_changed(e); /* the members that the log knows are dialled, too */
    if (!engine_sync_start(e) || !engine_watch_start(e) ||
        !ls_thread_start(&e->thread, "ls-engine", loop_thread, e)) {
        return ls_error_set(err, LS_E_NOMEM, "the system has no thread to give");
    }
    e->started = true;
    return LS_OK;
}

enum ls_rc ls_engine_wait_primary(struct ls_engine *e, int64_t timeout_us, struct ls_error *err)
{
    int64_t due = ls_clock_us() + timeout_us;
    enum ls_rc rc = LS_OK;

    ls_mutex_lock(&e->mutex);
    while (!e->been_in && !e->closed && rc == LS_OK) {
        if (timeout_us < 0) {
            ls_cond_wait(&e->state, &e->mutex);
        } else if (!ls_cond_wait_until(&e->state, &e->mutex, due)) {
            rc = LS_E_TIMEOUT;
        }
    }
    if (e->been_in) {
        rc = LS_OK;
    } else if (e->closed) {
        rc = ls_error_set(err, LS_E_CLOSED, "%s", e->closed_text);
    } else {
        rc = ls_error_set(err, LS_E_TIMEOUT, "no primary component within %lld s: %s",
                          (long long)(timeout_us / 1000000), e->advice);
    }
    ls_mutex_unlock(&e->mutex);
    return rc;
}

void ls_engine_leave(struct ls_engine *e)
{
    ls_mutex_lock(&e->mutex);
    e->leave = true;
    ls_mutex_unlock(&e->mutex);
    engine_wake_loop(e);
}

void ls_engine_isolate(struct ls_engine *e, bool on)
{
    atomic_store(&e->isolate, on); /* the next tick sees it */
}

void ls_engine_set_params(struct ls_engine *e, const struct ls_core_params *params)
{
    ls_mutex_lock(&e->mutex);
    e->params = *params;
    e->new_params = true;
    ls_mutex_unlock(&e->mutex);
    engine_wake_loop(e);
}

const char *ls_engine_cluster_name(const struct ls_engine *e)
{
    return e->opt.cluster_name;
}

struct ls_log *ls_engine_log(struct ls_engine *e)
{
    return e->log;
}

void ls_engine_delivered(struct ls_engine *e, uint64_t index)
{
    atomic_store_explicit(&e->delivered, index, memory_order_relaxed);
}

void ls_engine_applied(struct ls_engine *e, int64_t seqno)
{
    atomic_store_explicit(&e->applied, seqno, memory_order_relaxed);
}

static void stop_threads(struct ls_engine *e)
{
    if (e->started) {
        atomic_store_explicit(&e->stop, true, memory_order_release);
        engine_wake_loop(e);
        ls_thread_join(e->thread);
        atomic_store(&e->watch.turn_us, 0);
        e->started = false;
    }
    engine_watch_stop(e);
    engine_sync_stop(e);
}

void ls_engine_destroy(struct ls_engine *e)
{
    bool clean;

    if (e == NULL) {
        return;
    }
    clean = e->core != NULL && !e->failed;
    stop_threads(e);
    if (e->net != NULL) {
        ls_net_destroy(e->net);
        e->net = NULL;
    }
    if (e->core != NULL) {
        engine_finish(e, "the engine was stopped");
        engine_submissions_lost(e, true);
    }
    engine_spread_destroy(e);
    engine_stage_destroy(e);
    if (e->loop != NULL) {
        ls_loop_destroy(e->loop);
    }
    engine_close_state(e, clean && !e->failed);
    if (e->core != NULL) {
        ls_core_destroy(e->core);
    }
    engine_submissions_free(e);
    engine_stream_destroy(e);
    ls_cond_destroy(&e->room);
    ls_cond_destroy(&e->idle);
    ls_cond_destroy(&e->state);
    ls_cond_destroy(&e->applied_moved);
    ls_mutex_destroy(&e->mutex);
    ls_mutex_destroy(&e->identity_mutex);
    ls_tls_destroy(e->tls);
    free(e->own);
    free(e->send_entries);
    free(e->give_ups);
    for (size_t i = 0; i < sizeof(e->strings) / sizeof(e->strings[0]); i++) {
        free(e->strings[i]);
    }
    free(e);
}
