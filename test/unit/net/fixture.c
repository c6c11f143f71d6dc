#include "fixture.h"

#include "certs.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
#define WAIT_US 60000000 /* 135 MiB through TLS, each access looked at */
#else
#define WAIT_US 10000000
#endif

/* ---- log lines ---- */

#define LINES 4096
static char lines[LINES][300];
static size_t line_count;
static ls_mutex line_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_line(enum ls_log_level level, const char *text)
{
    ls_mutex_lock(&line_lock);
    if (line_count < LINES) {
        snprintf(lines[line_count++], sizeof(lines[0]), "%d %s", (int)level, text);
    }
    ls_mutex_unlock(&line_lock);
    if (getenv("NET_TEST_LOG") != NULL) {
        fprintf(stderr, "%d %s\n", (int)level, text);
    }
}

int log_count(const char *text)
{
    int n = 0;

    ls_mutex_lock(&line_lock);
    for (size_t i = 0; i < line_count; i++) {
        n += strstr(lines[i], text) != NULL;
    }
    ls_mutex_unlock(&line_lock);
    return n;
}

void log_reset(void)
{
    ls_log_set_sink(keep_line);
    ls_mutex_lock(&line_lock);
    line_count = 0;
    ls_mutex_unlock(&line_lock);
}

/* ---- what the net tells ---- */

static struct peer_seen *seen(struct node *n, const struct ls_uuid *id)
{
    struct peer_seen *s;

    for (size_t i = 0; i < n->peer_count; i++) {
        if (ls_uuid_equal(&n->peers[i].id, id)) {
            return &n->peers[i];
        }
    }
    LS_ASSERT(n->peer_count < PEERS);
    s = &n->peers[n->peer_count++];
    s->id = *id;
    s->flow = -1;
    return s;
}

static void on_peer_up(void *ctx, const struct ls_uuid *peer, uint64_t incarnation,
                       const char *name, const char *addr)
{
    struct node *n = ctx;
    struct peer_seen *s;

    ls_mutex_lock(&n->lock);
    s = seen(n, peer);
    LS_ASSERT(!s->up);
    s->up = true;
    s->ups++;
    s->next_round = 0;
    s->incarnation = incarnation;
    snprintf(s->name, sizeof(s->name), "%s", name);
    snprintf(s->addr, sizeof(s->addr), "%s", addr);
    ls_cond_broadcast(&n->changed);
    ls_mutex_unlock(&n->lock);
}

static void on_peer_down(void *ctx, const struct ls_uuid *peer, bool unreachable)
{
    struct node *n = ctx;
    struct peer_seen *s;

    ls_mutex_lock(&n->lock);
    s = seen(n, peer);
    LS_ASSERT(s->up != unreachable);
    s->up = false;
    s->downs += !unreachable;
    s->unreachables += unreachable;
    ls_cond_broadcast(&n->changed);
    ls_mutex_unlock(&n->lock);
}

static void on_message(void *ctx, const struct ls_uuid *peer, const struct ls_msg *msg)
{
    struct node *n = ctx;
    struct peer_seen *s;

    ls_mutex_lock(&n->lock);
    s = seen(n, peer);
    LS_ASSERT(s->up);
    s->messages++;
    if (msg->type == LS_MSG_READ_REQ) {
        s->gaps += msg->u.read.round != s->next_round;
        s->next_round = msg->u.read.round + 1;
    } else if (msg->type == LS_MSG_APPEND) {
        for (uint32_t i = 0; i < msg->u.append.count; i++) {
            s->entry_bytes += msg->u.append.entries[i].size;
        }
    } else if (msg->type == LS_MSG_SUBMIT) {
        s->entry_bytes += msg->u.submit.size;
    }
    ls_cond_broadcast(&n->changed);
    ls_mutex_unlock(&n->lock);
    if (n->stall_us > 0) {
        usleep((useconds_t)n->stall_us);
    }
}

static void on_arriving(void *ctx, const struct ls_uuid *peer, uint8_t type)
{
    struct node *n = ctx;

    ls_mutex_lock(&n->lock);
    seen(n, peer)->arriving += type == LS_MSG_APPEND;
    ls_mutex_unlock(&n->lock);
}

static void on_chunk(void *ctx, const struct ls_uuid *peer, const struct ls_sub_id *sub,
                     uint64_t total, uint64_t payload_hash, uint64_t offset, const void *data,
                     size_t len)
{
    struct node *n = ctx;
    const uint8_t *p = data;
    struct peer_seen *s;
    bool right = offset + len <= total && payload_hash == 77 && sub->id == 5;

    for (size_t i = 0; i < len; i += 1009) {
        right &= p[i] == (uint8_t)((offset + i) * 7);
    }
    ls_mutex_lock(&n->lock);
    s = seen(n, peer);
    s->gaps += offset != s->chunk_bytes || !right;
    s->chunk_bytes += len;
    ls_cond_broadcast(&n->changed);
    ls_mutex_unlock(&n->lock);
}

static void on_signal(void *ctx, const struct ls_uuid *peer, enum ls_signal signal, uint64_t value)
{
    struct node *n = ctx;

    ls_mutex_lock(&n->lock);
    if (signal == LS_SIGNAL_FLOW) {
        seen(n, peer)->flow = (int)value;
    }
    ls_cond_broadcast(&n->changed);
    ls_mutex_unlock(&n->lock);
}

/* ---- life ---- */

static void on_wake(void *ctx)
{
    struct node *n = ctx;
    void (*call)(struct node *, void *);

    ls_mutex_lock(&n->lock);
    call = n->call;
    ls_mutex_unlock(&n->lock);
    if (call != NULL) {
        call(n, n->call_arg);
        ls_net_flush(n->net);
    }
    ls_mutex_lock(&n->lock);
    n->call = NULL;
    if (n->stop) {
        ls_loop_stop(n->loop);
    }
    ls_cond_broadcast(&n->changed);
    ls_mutex_unlock(&n->lock);
}

static void *run(void *arg)
{
    struct node *n = arg;
    ls_loop_run(n->loop);
    return NULL;
}

/* The same tests once more with every connection encrypted. */
#ifdef NET_TEST_TLS
static struct ls_tls *default_tls(void)
{
    static struct ls_tls *tls;

    if (tls == NULL) {
        cert_make(cert_dir(), "all", NULL, -1, 300);
        tls = cert_load(cert_dir(), "all", NULL);
        cert_remove(cert_dir(), "all");
        rmdir(cert_dir());
    }
    return tls;
}
#else
static struct ls_tls *default_tls(void)
{
    return NULL;
}
#endif

struct node *node_start(const struct node_options *opt)
{
    struct node *n = calloc(1, sizeof(*n));
    struct ls_error err = {0};
    char name[16];
    char listen[64];
    struct ls_net_options o = {.cluster_name = opt->cluster != NULL ? opt->cluster : "test",
                               .node_name = opt->name != NULL ? opt->name : name,
                               .incarnation = opt->incarnation,
                               .listen_addr = listen,
                               .connect_timeout_us = 1000000,
                               .handshake_timeout_us = 1000000,
                               .queue_limit_bytes = opt->queue_limit_bytes,
                               .allow = opt->allow};
    struct ls_net_callbacks cb = {.peer_up = on_peer_up,
                                  .peer_down = on_peer_down,
                                  .message = on_message,
                                  .arriving = on_arriving,
                                  .chunk = on_chunk,
                                  .signal = on_signal,
                                  .ctx = n};

    o.tls = opt->tls != NULL ? opt->tls : default_tls();
    o.tls_dynamic = opt->tls_dynamic;
    snprintf(name, sizeof(name), "n%u", opt->id);
    snprintf(listen, sizeof(listen), "%s:%u", opt->listen != NULL ? opt->listen : "tcp://127.0.0.1",
             opt->port);
    n->id.b[0] = opt->id;
    n->id.b[15] = 1;
    o.id = n->id;
    ls_mutex_init(&n->lock);
    ls_cond_init(&n->changed);
    LS_ASSERT(ls_loop_create(&n->loop, NULL) == LS_OK);
    LS_ASSERT(ls_async_create(n->loop, on_wake, n, &n->wake) == LS_OK);
    LS_ASSERT(ls_net_create(n->loop, &o, &cb, &n->net, &err) == LS_OK);
    LS_ASSERT(ls_net_listen(n->net, &n->port, &err) == LS_OK);
    LS_ASSERT(ls_thread_start(&n->thread, "node", run, n));
    return n;
}

void node_stop(struct node *n)
{
    ls_mutex_lock(&n->lock);
    n->stop = true;
    ls_mutex_unlock(&n->lock);
    ls_async_send(n->wake);
    ls_thread_join(n->thread);
    ls_net_destroy(n->net);
    ls_loop_destroy(n->loop);
    ls_cond_destroy(&n->changed);
    ls_mutex_destroy(&n->lock);
    free(n);
}

void node_call(struct node *n, void (*fn)(struct node *n, void *arg), void *arg)
{
    ls_mutex_lock(&n->lock);
    LS_ASSERT(n->call == NULL);
    n->call = fn;
    n->call_arg = arg;
    ls_async_send(n->wake);
    while (n->call != NULL) {
        ls_cond_wait(&n->changed, &n->lock);
    }
    ls_mutex_unlock(&n->lock);
}

static void do_know(struct node *n, void *arg)
{
    ls_net_know(n->net, arg);
}

void node_know_text(struct node *n, const char *addr)
{
    node_call(n, do_know, (void *)(uintptr_t)addr);
}

void node_know_port(struct node *n, uint16_t port)
{
    char addr[32];

    snprintf(addr, sizeof(addr), "127.0.0.1:%u", port);
    node_know_text(n, addr);
}

void node_know(struct node *n, const struct node *other)
{
    node_know_port(n, other->port);
}

struct peer_seen node_seen(struct node *n, const struct node *other)
{
    struct peer_seen s;

    ls_mutex_lock(&n->lock);
    s = *seen(n, &other->id);
    ls_mutex_unlock(&n->lock);
    return s;
}

bool node_wait(struct node *n, const struct node *other, bool (*holds)(const struct peer_seen *))
{
    int64_t deadline_us = ls_clock_us() + WAIT_US;
    bool ok;

    ls_mutex_lock(&n->lock);
    while (!(ok = holds(seen(n, &other->id))) &&
           ls_cond_wait_until(&n->changed, &n->lock, deadline_us)) {
    }
    ls_mutex_unlock(&n->lock);
    return ok;
}

bool seen_up(const struct peer_seen *s)
{
    return s->up;
}

bool seen_down(const struct peer_seen *s)
{
    return !s->up && s->downs > 0;
}

bool seen_unreachable(const struct peer_seen *s)
{
    return s->unreachables > 0;
}

/* ---- sending ---- */

struct send_call {
    const struct ls_uuid *to;
    const struct ls_msg *msg;
    const struct ls_net_payload *payload;
    uint64_t first;
    uint64_t last;
    enum ls_rc rc;
};

static void do_send(struct node *n, void *arg)
{
    struct send_call *c = arg;
    c->rc = ls_net_send(n->net, c->to, c->msg, c->payload);
}

enum ls_rc node_send(struct node *n, const struct node *other, const struct ls_msg *msg,
                     const struct ls_net_payload *payload)
{
    struct send_call c = {.to = &other->id, .msg = msg, .payload = payload};

    node_call(n, do_send, &c);
    return c.rc;
}

static void do_send_numbers(struct node *n, void *arg)
{
    struct send_call *c = arg;
    struct ls_msg msg = {.type = LS_MSG_READ_REQ};

    for (uint64_t i = c->first; i <= c->last; i++) {
        msg.u.read.round = i;
        LS_ASSERT(ls_net_send(n->net, c->to, &msg, NULL) == LS_OK);
        if (i % 16 == 15) {
            ls_net_flush(n->net);
        }
    }
}

void node_send_numbers(struct node *n, const struct node *other, uint64_t first, uint64_t last)
{
    struct send_call c = {.to = &other->id, .first = first, .last = last};
    node_call(n, do_send_numbers, &c);
}

/* ---- bare sockets ---- */

int raw_connect_from(unsigned number, uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + number)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    LS_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    sa.sin_port = htons(port);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    LS_ASSERT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    return fd;
}

int raw_connect(uint16_t port)
{
    return raw_connect_from(1, port);
}

uint16_t free_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    LS_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    LS_ASSERT(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
    close(fd);
    return ntohs(sa.sin_port);
}
