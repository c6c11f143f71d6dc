/* The server's side of the contract: loading, appliers, callbacks, state transfer. */
#include "test/node/driver/server.h"

#include "test/node/driver/driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

wsrep_t *provider;

struct applier {
    struct apply_ctx ctx; /* first: callbacks get a pointer to it as recv_ctx */
    ls_thread thread;
    pthread_t self;
    bool inside; /* a callback of this context is running */
};

static struct {
    ls_mutex lock;
    ls_cond changed;
    bool initialized; /* the storage engines are up */
    bool primary, synced, disconnected;
    bool connected_called;
    bool view_seen;             /* since then */
    wsrep_seqno_t connected_at; /* view seqno of connected_cb */
    wsrep_uuid_t own_id;
    struct applier appliers[MAX_THREADS];
    int applier_count;
    int running; /* inside recv */
    int sst_number;
} server;

static wsrep_allowlist_service_v1_t allowlist;

/* ---- loading: as the server does, in its order ---- */

static void *must_find(const char *name)
{
    void *symbol = dlsym(provider->dlh, name);

    if (symbol == NULL) {
        fprintf(stderr, "%s does not export %s\n", cfg.provider, name);
        exit(2);
    }
    return symbol;
}

static wsrep_status_t allow(void *context, wsrep_allowlist_key_t key, const wsrep_buf_t *value)
{
    if (key != WSREP_ALLOWLIST_KEY_IP || strlen(value->ptr) == 0) {
        violation("allowlist asked with key %d, '%s'", (int)key, (const char *)value->ptr);
    }
    return WSREP_OK;
}

static void check_table(void)
{
    void *const *slot = (void *const *)((const char *)provider + offsetof(wsrep_t, init));
    void *const *end = (void *const *)((const char *)provider + offsetof(wsrep_t, dlh));

    if (strcmp(provider->version, WSREP_INTERFACE_VERSION) != 0) {
        fprintf(stderr, "the provider speaks interface version %s\n", provider->version);
        exit(2);
    }
    for (; slot < end; slot++) {
        if (*slot == NULL) {
            violation("slot at offset %zu of the function table is empty",
                      (size_t)((const char *)slot - (const char *)provider));
        }
    }
}

void server_load(void)
{
    void *dlh = dlopen(cfg.provider, RTLD_NOW | RTLD_LOCAL);
    const char *const *version;
    int (*init_allowlist)(wsrep_allowlist_service_v1_t *);
    wsrep_loader_fun loader;
    int rc;

    if (dlh == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    provider = malloc(sizeof(*provider));
    memset(provider, 0xa5, sizeof(*provider)); /* the server does not clear it either */
    provider->dlh = dlh;
    version = dlsym(dlh, "wsrep_interface_version");
    if (version != NULL && strcmp(*version, WSREP_INTERFACE_VERSION) != 0) {
        violation("wsrep_interface_version is '%s'", *version);
    }
    loader = (wsrep_loader_fun)must_find("wsrep_loader");
    rc = loader(provider);
    provider->dlh = dlh;
    if (rc != 0) {
        fprintf(stderr, "wsrep_loader: %s\n", strerror(rc));
        exit(2);
    }
    check_table();
    must_find("wsrep_deinit_allowlist_service_v1");
    init_allowlist =
        (int (*)(wsrep_allowlist_service_v1_t *))must_find("wsrep_init_allowlist_service_v1");
    allowlist.allowlist_cb = allow;
    rc = init_allowlist(&allowlist);
    if (rc != 0) {
        fprintf(stderr, "wsrep_init_allowlist_service_v1: %d\n", rc);
        exit(2);
    }
    ls_mutex_init(&server.lock);
    ls_cond_init(&server.changed);
}

void server_unload(void)
{
    void (*deinit)(void) = (void (*)(void))must_find("wsrep_deinit_allowlist_service_v1");
    void *dlh = provider->dlh;

    provider->free(provider);
    deinit();
    provider->free(provider);
    dlclose(dlh);
    free(provider);
    provider = NULL;
}

void server_isolate(int mode)
{
    int (*set)(int) = (int (*)(int))must_find("wsrep_node_isolation_mode_set_v1");

    say("isolate mode=%d rc=%d", mode, set(mode));
}

/* ---- callbacks ---- */

static void on_log(wsrep_log_level_t level, const char *text)
{
    static const char letters[] = "FEWID";
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    fprintf(stderr, "%02d:%02d:%02d.%03ld %s %c %s\n", tm.tm_hour, tm.tm_min, tm.tm_sec,
            now.tv_nsec / 1000000, cfg.name, letters[level <= WSREP_LOG_DEBUG ? level : 4], text);
}

/* A recv context belongs to the thread that called recv, one callback at a time. */
static void enter_context(void *recv_ctx)
{
    struct applier *a = recv_ctx;

    if (!pthread_equal(a->self, pthread_self())) {
        violation("a callback came in another thread than its recv context's");
    }
    if (a->inside) {
        violation("a callback came inside another one of its recv context");
    }
    a->inside = true;
}

static void leave_context(void *recv_ctx)
{
    ((struct applier *)recv_ctx)->inside = false;
}

static wsrep_cb_status_t on_connected(void *app_ctx, const wsrep_view_info_t *v)
{
    TRACE("app", "connected_cb %s view=%lld status=%d my_idx=%d members=%d proto=%d",
          gtid_text(&v->state_id), (long long)v->view, (int)v->status, v->my_idx, v->memb_num,
          v->proto_ver);
    if (v->my_idx < 0 || v->my_idx >= v->memb_num) {
        violation("connected_cb with my_idx %d of %d", v->my_idx, v->memb_num);
        return WSREP_CB_FAILURE;
    }
    ls_mutex_lock(&server.lock);
    if (server.connected_called &&
        memcmp(&server.own_id, &v->members[v->my_idx].id, sizeof(server.own_id)) != 0) {
        violation("the own member id changed while connected");
    }
    server.own_id = v->members[v->my_idx].id;
    server.connected_called = true;
    server.connected_at = v->state_id.seqno;
    ls_mutex_unlock(&server.lock);
    return WSREP_CB_SUCCESS;
}

static void set_flag(bool *flag, bool value)
{
    ls_mutex_lock(&server.lock);
    *flag = value;
    ls_cond_broadcast(&server.changed);
    ls_mutex_unlock(&server.lock);
}

static void check_members(const wsrep_view_info_t *v)
{
    if (v->my_idx >= v->memb_num ||
        (v->my_idx >= 0 &&
         memcmp(&v->members[v->my_idx].id, &server.own_id, sizeof(server.own_id)) != 0)) {
        violation("view_cb: my_idx %d is not this node", v->my_idx);
    }
    for (int i = 0; i < v->memb_num; i++) {
        if (memchr(v->members[i].name, 0, sizeof(v->members[i].name)) == NULL ||
            memchr(v->members[i].incoming, 0, sizeof(v->members[i].incoming)) == NULL) {
            violation("view_cb: strings of member %d have no end", i);
        }
    }
}

/* A restarted server may be shown the last view of its history again, once, before anything new: it
 * learns the members from it. last_committed_id is then the view's own seqno, which keeps the
 * server from setting its checkpoint back. */
static bool is_shown_again(const wsrep_view_info_t *v, const wsrep_gtid_t *position,
                           wsrep_seqno_t last_committed)
{
    return !server.view_seen && v->my_idx < 0 && last_committed == v->state_id.seqno &&
           v->state_id.seqno <= position->seqno + 1 &&
           memcmp(&position->uuid, &v->state_id.uuid, sizeof(position->uuid)) == 0;
}

static void take_primary_view(const wsrep_view_info_t *v)
{
    wsrep_gtid_t position = db_position(), last;
    bool again;

    if (memcmp(&position.uuid, &v->state_id.uuid, sizeof(position.uuid)) != 0) {
        /* no transfer was asked for, so this node starts the history */
        position = v->state_id;
        position.seqno--;
        db_start_history(&position);
    }
    set_flag(&server.initialized, true);
    provider->last_committed_id(provider, &last);
    again = is_shown_again(v, &position, last.seqno);
    server.view_seen = true;
    if (!again && last.seqno != v->state_id.seqno - 1) {
        violation("last_committed_id is %lld inside the callback of view %lld",
                  (long long)last.seqno, (long long)v->state_id.seqno);
    }
    if (v->proto_ver != 4) {
        violation("view_cb: application protocol %d", v->proto_ver);
    }
    if (!again || v->state_id.seqno > position.seqno) {
        db_commit_view(&v->state_id);
    }
}

static wsrep_cb_status_t on_view(void *app_ctx, void *recv_ctx, const wsrep_view_info_t *v,
                                 const char *state, size_t state_len)
{
    static const char *const kinds[] = {"primary", "non-primary", "disconnected"};
    bool final = v->status != WSREP_VIEW_PRIMARY && v->memb_num == 0;

    enter_context(recv_ctx);
    TRACE("app", "view_cb %s view=%lld status=%d my_idx=%d members=%d proto=%d",
          gtid_text(&v->state_id), (long long)v->view, (int)v->status, v->my_idx, v->memb_num,
          v->proto_ver);
    atomic_fetch_add(&counters.views, 1);
    if (v->status == WSREP_VIEW_PRIMARY) {
        check_members(v);
        take_primary_view(v);
    } else if (v->view != -1) {
        violation("non-primary view with number %lld", (long long)v->view);
    }
    ls_mutex_lock(&server.lock);
    server.primary = v->status == WSREP_VIEW_PRIMARY;
    server.synced = server.primary && server.synced;
    server.disconnected = final;
    ls_cond_broadcast(&server.changed);
    ls_mutex_unlock(&server.lock);
    say("view status=%s seqno=%lld view=%lld members=%d my_idx=%d",
        final ? "final" : kinds[v->status], (long long)v->state_id.seqno, (long long)v->view,
        v->memb_num, v->my_idx);
    leave_context(recv_ctx);
    return WSREP_CB_SUCCESS;
}

static wsrep_cb_status_t on_apply(void *recv_ctx, const wsrep_ws_handle_t *handle, uint32_t flags,
                                  const wsrep_buf_t *data, const wsrep_trx_meta_t *meta,
                                  wsrep_bool_t *exit_loop)
{
    struct apply_ctx *ctx = recv_ctx;
    wsrep_cb_status_t st;

    if (ctx->replay_of != NULL) {
        TRACE("cli", "apply_cb(replay) flags=%#x %s", flags, gtid_text(&meta->gtid));
        ctx->calls++;
        return apply_event(&ctx->trx, ctx->replay_of, flags, data, meta);
    }
    enter_context(recv_ctx);
    TRACE("app", "apply_cb flags=%#x %s dep=%lld", flags, gtid_text(&meta->gtid),
          (long long)meta->depends_on);
    st = apply_event(&ctx->trx, handle, flags, data, meta);
    leave_context(recv_ctx);
    return st;
}

static wsrep_cb_status_t on_synced(void *app_ctx)
{
    TRACE("app", "synced_cb");
    set_flag(&server.synced, true);
    say("synced seqno=%lld", (long long)db_position().seqno);
    return WSREP_CB_SUCCESS;
}

/* ---- state transfer: the "script" is a thread, the snapshot a file in the joiner's folder ---- */

struct transfer {
    char path[PATH_MAX];
    wsrep_gtid_t gtid;
    bool bypass;
};

static void *receive_state(void *arg)
{
    struct transfer *t = arg;
    wsrep_gtid_t gtid = {.seqno = WSREP_SEQNO_UNDEFINED};
    int64_t deadline = ls_clock_us() + 60 * 1000000LL;
    wsrep_status_t st;
    int rc;

    while (access(t->path, R_OK) != 0 && ls_clock_us() < deadline) {
        usleep(2000);
    }
    rc = db_load_snapshot(t->path);
    if (rc >= 0) {
        gtid = db_position();
        ls_mutex_lock(&server.lock);
        server.initialized = true;
        /* the view that let us in is part of the state, nobody will show it */
        server.primary = gtid.seqno >= server.connected_at;
        ls_cond_broadcast(&server.changed);
        ls_mutex_unlock(&server.lock);
    }
    st = provider->sst_received(provider, &gtid, NULL, rc >= 0 ? 0 : -ETIMEDOUT);
    TRACE("joi", "sst_received %s rc=%d -> %s", gtid_text(&gtid), rc >= 0 ? 0 : -1,
          status_name(st));
    say("sst_received seqno=%lld kind=%s result=%s", (long long)gtid.seqno,
        rc == 1   ? "bypass"
        : rc == 0 ? "full"
                  : "failed",
        status_name(st));
    unlink(t->path);
    free(t);
    return NULL;
}

static void start_detached(const char *name, void *(*fn)(void *), void *arg)
{
    ls_thread thread;

    if (!ls_thread_start(&thread, name, fn, arg)) {
        abort();
    }
    pthread_detach(thread);
}

static wsrep_cb_status_t on_sst_request(void *app_ctx, void **req, size_t *len)
{
    static const char method[] = "file";
    struct transfer *t;
    bool running;

    ls_mutex_lock(&server.lock);
    running = server.initialized;
    server.sst_number++;
    ls_mutex_unlock(&server.lock);
    TRACE("app", "sst_request_cb -> %s", running ? "empty" : "request");
    *req = NULL;
    *len = 0;
    if (running) {
        return WSREP_CB_SUCCESS; /* a running server can only take IST */
    }
    t = calloc(1, sizeof(*t));
    snprintf(t->path, sizeof(t->path), "%s/state.%d.%d", cfg.base_dir, (int)getpid(),
             server.sst_number);
    *len = sizeof(method) + strlen(t->path) + 1;
    *req = calloc(1, *len);
    memcpy(*req, method, sizeof(method));
    strcpy((char *)*req + sizeof(method), t->path);
    start_detached("joiner", receive_state, t);
    return WSREP_CB_SUCCESS;
}

static void copy_paused(const struct transfer *t)
{
    wsrep_seqno_t at = provider->pause(provider);
    wsrep_status_t st;

    TRACE("don", "pause -> %s", at >= 0 ? "seqno" : "failed");
    if (at >= 0 && db_position().seqno != at) {
        violation("paused at %lld, the database is at %lld", (long long)at,
                  (long long)db_position().seqno);
    }
    db_save_snapshot(t->path, false);
    if (at >= 0 && db_position().seqno != at) {
        violation("paused at %lld, then the database went on to %lld", (long long)at,
                  (long long)db_position().seqno);
    }
    st = provider->resume(provider);
    TRACE("don", "resume -> %s", status_name(st));
}

static void *send_state(void *arg)
{
    struct transfer *t = arg;
    wsrep_status_t st;

    if (t->bypass || !cfg.sst_pause) {
        db_save_snapshot(t->path, t->bypass);
    } else {
        copy_paused(t);
    }
    st = provider->sst_sent(provider, &t->gtid, 0);
    TRACE("don", "sst_sent %s -> %s", gtid_text(&t->gtid), status_name(st));
    say("sst_sent seqno=%lld bypass=%d result=%s", (long long)t->gtid.seqno, t->bypass,
        status_name(st));
    free(t);
    return NULL;
}

static wsrep_cb_status_t on_sst_donate(void *app_ctx, void *recv_ctx, const wsrep_buf_t *req,
                                       const wsrep_gtid_t *gtid, const wsrep_buf_t *state,
                                       wsrep_bool_t bypass)
{
    struct transfer *t = calloc(1, sizeof(*t));
    const char *text = req->ptr;

    enter_context(recv_ctx);
    TRACE("app", "sst_donate_cb bypass=%d %s", bypass, gtid_text(gtid));
    if (req->len < sizeof("file") + 2 || strcmp(text, "file") != 0 || text[req->len - 1] != '\0') {
        violation("sst_donate_cb got another request than the joiner made (%zu bytes)", req->len);
    }
    if (!bypass && gtid->seqno != db_position().seqno) {
        /* everything before the request was to be applied, and others may follow meanwhile */
        if (gtid->seqno > db_position().seqno) {
            violation("sst_donate_cb at %lld, the database is at %lld", (long long)gtid->seqno,
                      (long long)db_position().seqno);
        }
    }
    snprintf(t->path, sizeof(t->path), "%s", text + sizeof("file"));
    t->gtid = *gtid;
    t->bypass = bypass;
    start_detached("donor", send_state, t);
    leave_context(recv_ctx);
    return WSREP_CB_SUCCESS;
}

/* ---- life cycle ---- */

void server_init(void)
{
    char address[64], incoming[64], data_dir[PATH_MAX], options[2048];
    wsrep_gtid_t position = db_position();
    struct wsrep_init_args args = {
        .app_ctx = &server,
        .node_name = cfg.name,
        .node_address = address,
        .node_incoming = incoming,
        .data_dir = data_dir,
        .options = options,
        .proto_ver = 4,
        .state_id = &position,
        .logger_cb = on_log,
        .connected_cb = on_connected,
        .view_cb = on_view,
        .sst_request_cb = on_sst_request,
        .apply_cb = on_apply,
        .sst_donate_cb = on_sst_donate,
        .synced_cb = on_synced,
    };
    wsrep_status_t st;

    snprintf(address, sizeof(address), "127.0.0.1:%d", cfg.port);
    snprintf(incoming, sizeof(incoming), "127.0.0.1:%d", cfg.port + 1000);
    snprintf(data_dir, sizeof(data_dir), "%s/", cfg.base_dir);
    snprintf(options, sizeof(options),
             "base_port=%d;gmcast.listen_addr=tcp://127.0.0.1:%d;ist.recv_addr=127.0.0.1:%d;%s",
             cfg.port, cfg.port, cfg.port + 1, cfg.options);
    st = provider->init(provider, &args);
    TRACE("main", "init -> %s", status_name(st));
    /* nothing that init was given may be looked at any more */
    memset(options, 'x', sizeof(options) - 1);
    memset(data_dir, 'x', sizeof(data_dir) - 1);
    memset(&args, 0x5a, sizeof(args));
    if (st != WSREP_OK) {
        say("init_failed status=%s", status_name(st));
        exit(3);
    }
    say("init provider=%s version=%s capabilities=%#x", provider->provider_name,
        provider->provider_version, provider->capabilities(provider));
}

static void *run_applier(void *arg)
{
    struct applier *a = arg;
    wsrep_status_t st;

    a->self = pthread_self();
    st = provider->recv(provider, a);
    TRACE("app", "recv -> %s", status_name(st));
    ls_mutex_lock(&server.lock);
    server.running--;
    ls_cond_broadcast(&server.changed);
    ls_mutex_unlock(&server.lock);
    return NULL;
}

static void add_appliers(int until)
{
    for (; server.applier_count < until; server.applier_count++) {
        struct applier *a = &server.appliers[server.applier_count];
        memset(a, 0, sizeof(*a));
        trx_init(&a->ctx.trx, false);
        ls_mutex_lock(&server.lock);
        server.running++;
        ls_mutex_unlock(&server.lock);
        if (!ls_thread_start(&a->thread, "applier", run_applier, a)) {
            abort();
        }
    }
}

/* Waits until *flag is set, or until every applier is gone when `flag` is NULL. */
static bool wait_for(const bool *flag, int timeout_s)
{
    int64_t deadline = ls_clock_us() + timeout_s * 1000000LL;
    bool ok = true;

    ls_mutex_lock(&server.lock);
    while (ok && (flag != NULL ? !*flag : server.running > 0)) {
        ok = ls_cond_wait_until(&server.changed, &server.lock, deadline);
    }
    ls_mutex_unlock(&server.lock);
    return ok;
}

bool server_connect(bool bootstrap)
{
    wsrep_status_t st;
    int64_t started = ls_clock_us();

    server.disconnected = false;
    server.connected_called = false;
    server.view_seen = false;
    st = provider->connect(provider, cfg.cluster, cfg.address, cfg.donor, bootstrap);
    TRACE("main", "connect bootstrap=%d -> %s", bootstrap, status_name(st));
    say("connect status=%s ms=%lld", status_name(st), (long long)(ls_clock_us() - started) / 1000);
    if (st != WSREP_OK) {
        return false;
    }
    add_appliers(1);
    if (!wait_for(&server.initialized, 120)) {
        say("init_timeout");
        return false;
    }
    add_appliers(cfg.appliers);
    return true;
}

void server_disconnect(void)
{
    wsrep_status_t st = provider->disconnect(provider);

    TRACE("main", "disconnect -> %s", status_name(st));
    if (!wait_for(&server.disconnected, 30)) {
        violation("no final view within 30 s after disconnect");
    }
    if (!wait_for(NULL, 30)) {
        violation("%d recv calls have not returned within 30 s after disconnect", server.running);
        fflush(NULL);
        _exit(1);
    }
    for (int i = 0; i < server.applier_count; i++) {
        ls_thread_join(server.appliers[i].thread);
    }
    server.applier_count = 0;
}

bool server_is_ready(void)
{
    bool ready;

    ls_mutex_lock(&server.lock);
    ready = server.primary && server.synced;
    ls_mutex_unlock(&server.lock);
    return ready;
}

bool server_wait_ready(int timeout_s)
{
    int64_t deadline = ls_clock_us() + timeout_s * 1000000LL;
    bool ok = true;

    ls_mutex_lock(&server.lock);
    while (ok && !(server.primary && server.synced)) {
        ok = ls_cond_wait_until(&server.changed, &server.lock, deadline);
    }
    ls_mutex_unlock(&server.lock);
    return ok;
}

wsrep_uuid_t server_own_id(void)
{
    wsrep_uuid_t id;

    ls_mutex_lock(&server.lock);
    id = server.own_id;
    ls_mutex_unlock(&server.lock);
    return id;
}
