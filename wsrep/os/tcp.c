#include "wsrep/os/tcp.h"

#include "wsrep/base/assert.h"
#include "wsrep/os/address.h"
#include "wsrep/os/listen.h"
#include "wsrep/os/loop_uv.h"
#include "wsrep/os/tcp_sockaddr.h"
#include "wsrep/os/tls_session.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define IOV_BATCH 64
#define BACKLOG 128

struct ls_tcp {
    uv_poll_t poll; /* first, see ls_loop_free_handle() */
    int fd;         /* -1 once closed */
    bool connecting;
    bool want_read;
    bool want_write;
    int armed;         /* events that the watcher waits for; 0: stopped */
    int connect_errno; /* connect() failed at once; told from the loop */
    struct ls_tls_session *tls;
    uv_timer_t *more; /* with tls: bytes are held that the socket does not announce */
    const struct ls_tcp_callbacks *cb;
    void *ctx;
    char peer[LS_TCP_ADDR_SIZE];
    char peer_host[LS_TCP_ADDR_SIZE];
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

bool ls_sockaddr_format(const struct sockaddr *sa, socklen_t len, char *host, size_t host_size,
                        char *addr, size_t addr_size)
{
    char h[LS_TCP_ADDR_SIZE];
    const char *bare = h;
    uint16_t port;

    if (getnameinfo(sa, len, h, sizeof(h), NULL, 0, NI_NUMERICHOST) != 0) {
        return false;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, sa, sizeof(v6));
        port = ntohs(v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && strncmp(h, "::ffff:", 7) == 0) {
            bare = h + 7;
        }
    } else {
        struct sockaddr_in v4;
        memcpy(&v4, sa, sizeof(v4));
        port = ntohs(v4.sin_port);
    }
    if (host != NULL) {
        snprintf(host, host_size, "%s", bare);
    }
    return addr == NULL || ls_address_format(bare, port, addr, addr_size);
}

static void set_option(int fd, int level, int name, int value)
{
    /* A refusal costs comfort, not correctness. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_options(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, LS_TCP_DEAD_MS);
    /* On a lossy link what is sent again is lost again: 200 ms, 400, 800 and so on would be as if
     * the peer were gone, for all that wait behind it. Not a shorter first one (TCP_RTO_MIN_US): at
     * 50 ms gcomm/core/place.c does not see that the leader's link is lossy. */
    set_option(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
}

/* ---- connections ---- */

/* A socket that looks for a free port of its own may find the very one that it dials (TCP's
 * simultaneous open): then it talks to itself, and nobody listens there. */
static bool is_connected_to_itself(int fd)
{
    struct sockaddr_storage local;
    struct sockaddr_storage peer;
    socklen_t local_len = sizeof(local);
    socklen_t peer_len = sizeof(peer);

    return getsockname(fd, (struct sockaddr *)&local, &local_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 && local_len == peer_len &&
           memcmp(&local, &peer, local_len) == 0;
}

static void connect_finished(struct ls_tcp *t)
{
    int error = t->connect_errno;
    socklen_t len = sizeof(error);

    if (error == 0 && getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error == 0 && is_connected_to_itself(t->fd)) {
        error = ECONNREFUSED;
    }
    t->connecting = false;
    t->cb->connected(t->ctx, error == 0 ? LS_OK : LS_E_IO, error == 0 ? "" : strerror(error));
}

static void update_poll(struct ls_tcp *t);

static bool read_needs_write(const struct ls_tcp *t)
{
    return t->tls != NULL && ls_tls_session_read_needs_write(t->tls);
}

static bool write_needs_read(const struct ls_tcp *t)
{
    return t->tls != NULL && ls_tls_session_write_needs_read(t->tls);
}

/* TLS may have to write before it can read, and the other way round. */
static void call_back(struct ls_tcp *t, bool readable, bool writable)
{
    bool read_due = readable || (writable && read_needs_write(t));
    bool write_due = writable || (readable && write_needs_read(t));

    if (t->want_read && read_due) {
        t->cb->readable(t->ctx);
    }
    if (t->fd >= 0 && t->want_write && write_due) {
        t->cb->writable(t->ctx);
    }
}

static void poll_event(uv_poll_t *handle, int status, int events)
{
    struct ls_tcp *t = (struct ls_tcp *)handle;

    ls_loop_note_awake(handle->loop);
    if (t->connecting) {
        t->armed = status < 0 ? 0 : t->armed;
        connect_finished(t);
    } else if (status < 0) {
        /* The socket has an error, which stopped the watcher: reading tells which. */
        t->armed = 0;
        t->cb->readable(t->ctx);
    } else {
        call_back(t, (events & (UV_READABLE | UV_DISCONNECT)) != 0, (events & UV_WRITABLE) != 0);
    }
    if (t->fd >= 0) {
        update_poll(t);
    }
}

static void more_event(uv_timer_t *timer)
{
    struct ls_tcp *t = timer->data;

    if (t->want_read && ls_tls_session_has_more(t->tls)) {
        t->cb->readable(t->ctx);
    }
    if (t->fd >= 0) {
        update_poll(t);
    }
}

static void update_poll(struct ls_tcp *t)
{
    int events = 0;

    if (t->connecting || (t->want_write && !write_needs_read(t)) ||
        (t->want_read && read_needs_write(t))) {
        events |= UV_WRITABLE;
    }
    if (!t->connecting && (t->want_read || (t->want_write && write_needs_read(t)))) {
        events |= UV_READABLE;
    }
    if (t->tls != NULL && t->want_read && ls_tls_session_has_more(t->tls)) {
        uv_timer_start(t->more, more_event, 0, 0);
    }
    /* Each change costs two system calls in libuv. */
    if (events == t->armed) {
        return;
    }
    t->armed = events;
    if (events != 0) {
        uv_poll_start(&t->poll, events, poll_event);
    } else {
        uv_poll_stop(&t->poll);
    }
}

/* Takes the descriptor over, also on failure. */
static struct ls_tcp *tcp_create(struct ls_loop *loop, int fd)
{
    struct ls_tcp *t = calloc(1, sizeof(*t));

    if (t == NULL || uv_poll_init(ls_loop_uv(loop), &t->poll, fd) != 0) {
        close(fd);
        free(t);
        return NULL;
    }
    t->fd = fd;
    t->want_read = true;
    set_options(fd);
    return t;
}

static bool parse_numeric(const char *addr, struct sockaddr_storage *out, socklen_t *len)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    struct ls_address a;
    char port[8];

    if (ls_address_parse(addr, 0, &a, NULL) != LS_OK) {
        return false;
    }
    snprintf(port, sizeof(port), "%u", (unsigned)a.port);
    if (getaddrinfo(a.host, port, &hints, &list) != 0) {
        return false;
    }
    memcpy(out, list->ai_addr, list->ai_addrlen);
    *len = list->ai_addrlen;
    freeaddrinfo(list);
    return true;
}

static bool is_loopback(const struct sockaddr_storage *ss)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;

    return ss->ss_family == AF_INET ? ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                    : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The port is left to connect(), which may give one that is in use towards somebody else. */
static void bind_source(int fd, const char *from, const struct sockaddr_storage *to)
{
    struct sockaddr_storage ss;
    char text[LS_TCP_ADDR_SIZE];
    int on = 1;
    socklen_t len;

    if (!ls_address_format(from, 0, text, sizeof(text)) || !parse_numeric(text, &ss, &len) ||
        ss.ss_family != to->ss_family || is_loopback(&ss) != is_loopback(to)) {
        return;
    }
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    (void)bind(fd, (struct sockaddr *)&ss, len);
}

enum ls_rc ls_tcp_connect(struct ls_loop *loop, const char *addr, const char *from,
                          const struct ls_tcp_callbacks *cb, void *ctx, struct ls_tcp **out,
                          struct ls_error *err)
{
    struct sockaddr_storage ss;
    socklen_t len;
    struct ls_tcp *t;
    int fd;

    *out = NULL;
    if (!parse_numeric(addr, &ss, &len)) {
        return ls_error_set(err, LS_E_INVAL, "'%s' is no numeric address with a port", addr);
    }
    fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ls_error_errno(err, errno, "cannot create a socket for %s", addr);
    }
    t = tcp_create(loop, fd);
    if (t == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a connection to %s", addr);
    }
    ls_tcp_set_callbacks(t, cb, ctx);
    ls_sockaddr_format((struct sockaddr *)&ss, len, t->peer_host, sizeof(t->peer_host), t->peer,
                       sizeof(t->peer));
    t->connecting = true;
    if (from != NULL) {
        bind_source(fd, from, &ss);
    }
    if (connect(fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS && errno != EINTR) {
        t->connect_errno = errno; /* a closed port on loopback, usually */
    }
    update_poll(t);
    *out = t;
    return LS_OK;
}

void ls_tcp_set_callbacks(struct ls_tcp *t, const struct ls_tcp_callbacks *cb, void *ctx)
{
    t->cb = cb;
    t->ctx = ctx;
    update_poll(t);
}

enum ls_rc ls_tcp_secure(struct ls_tcp *t, struct ls_tls *tls, bool accepted, struct ls_error *err)
{
    LS_ASSERT(t->tls == NULL && !t->connecting);
    t->more = calloc(1, sizeof(*t->more));
    t->tls = t->more != NULL ? ls_tls_session_create(tls, t->fd, accepted) : NULL;
    if (t->tls == NULL) {
        free(t->more);
        t->more = NULL;
        return ls_error_set(err, LS_E_NOMEM, "no memory for TLS with %s", t->peer);
    }
    uv_timer_init(t->poll.loop, t->more);
    t->more->data = t;
    return LS_OK;
}

bool ls_tcp_is_secure(const struct ls_tcp *t)
{
    return t->tls != NULL;
}

static enum ls_rc receive(struct ls_tcp *t, void *buf, size_t size, int flags, size_t *got,
                          struct ls_error *err)
{
    ssize_t n;

    *got = 0;
    do {
        n = recv(t->fd, buf, size, flags);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        *got = (size_t)n;
        return LS_OK;
    }
    if (n == 0) {
        return ls_error_set(err, LS_E_CLOSED, "the other side closed the connection");
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return LS_E_BUSY;
    }
    return ls_error_set(err, LS_E_IO, "%s", strerror(errno));
}

enum ls_rc ls_tcp_read(struct ls_tcp *t, void *buf, size_t size, size_t *got, struct ls_error *err)
{
    return t->tls != NULL ? ls_tls_session_read(t->tls, buf, size, got, err)
                          : receive(t, buf, size, 0, got, err);
}

enum ls_rc ls_tcp_peek(struct ls_tcp *t, uint8_t *first, struct ls_error *err)
{
    size_t got;

    LS_ASSERT(t->tls == NULL);
    return receive(t, first, 1, MSG_PEEK, &got, err);
}

/* One sendmsg of at most IOV_BATCH pieces, the first one from offset skip. */
static ssize_t send_batch(int fd, const struct ls_piece *pieces, size_t count, size_t skip,
                          size_t *offered)
{
    struct iovec iov[IOV_BATCH];
    struct msghdr msg = {.msg_iov = iov};
    ssize_t n;

    *offered = 0;
    for (size_t i = 0; i < count && msg.msg_iovlen < IOV_BATCH; i++) {
        if (pieces[i].len > skip) {
            struct iovec *v = &iov[msg.msg_iovlen++];
            v->iov_base = (char *)(uintptr_t)pieces[i].data + skip;
            v->iov_len = pieces[i].len - skip;
            *offered += v->iov_len;
        }
        skip = 0;
    }
    if (msg.msg_iovlen == 0) {
        return 0;
    }
    do {
        n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n;
}

static enum ls_rc send_pieces(struct ls_tcp *t, const struct ls_piece *pieces, size_t count,
                              size_t *written, struct ls_error *err)
{
    size_t i = 0;
    size_t skip = 0; /* bytes of pieces[i] that are out already */

    *written = 0;
    while (i < count) {
        size_t offered;
        size_t left;
        ssize_t n = send_batch(t->fd, pieces + i, count - i, skip, &offered);
        if (n < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK
                       ? LS_OK
                       : ls_error_set(err, LS_E_IO, "%s", strerror(errno));
        }
        *written += (size_t)n;
        if ((size_t)n < offered) {
            return LS_OK;
        }
        for (left = (size_t)n; i < count && left >= pieces[i].len - skip; i++) {
            left -= pieces[i].len - skip;
            skip = 0;
        }
        skip += left;
        if (offered == 0) {
            return LS_OK;
        }
    }
    return LS_OK;
}

enum ls_rc ls_tcp_write(struct ls_tcp *t, const struct ls_piece *pieces, size_t count,
                        size_t *written, struct ls_error *err)
{
    enum ls_rc rc = t->tls != NULL ? ls_tls_session_write(t->tls, pieces, count, written, err)
                                   : send_pieces(t, pieces, count, written, err);

    if (rc != LS_OK) {
        shutdown(t->fd, SHUT_RDWR);
    } else if (t->tls != NULL) {
        update_poll(t); /* what it waits for may be another thing now */
    }
    return rc;
}

void ls_tcp_want_read(struct ls_tcp *t, bool on)
{
    if (t->want_read != on) {
        t->want_read = on;
        update_poll(t);
    }
}

void ls_tcp_want_write(struct ls_tcp *t, bool on)
{
    if (t->want_write != on) {
        t->want_write = on;
        update_poll(t);
    }
}

void ls_tcp_shutdown(struct ls_tcp *t)
{
    shutdown(t->fd, SHUT_RDWR);
    ls_tcp_want_read(t, true);
}

void ls_tcp_close(struct ls_tcp *t)
{
    if (t == NULL) {
        return;
    }
    LS_ASSERT(t->fd >= 0);
    if (t->more != NULL) {
        uv_close((uv_handle_t *)t->more, ls_loop_free_handle);
    }
    ls_tls_session_free(t->tls);
    t->tls = NULL;
    uv_close((uv_handle_t *)&t->poll, ls_loop_free_handle);
    close(t->fd);
    t->fd = -1;
}

const char *ls_tcp_peer(const struct ls_tcp *t)
{
    return t->peer;
}

const char *ls_tcp_peer_host(const struct ls_tcp *t)
{
    return t->peer_host;
}

/* ---- listening ---- */

#define ACCEPTS_PER_TURN 16
#define ACCEPT_PAUSE_MS 100 /* when descriptors have run out */

struct ls_tcp_listener {
    uv_poll_t poll; /* first, see ls_loop_free_handle() */
    uv_timer_t *pause;
    bool paused;
    int fd;
    struct ls_loop *loop;
    void (*accepted)(void *ctx, struct ls_tcp *tcp);
    void *ctx;
    uint16_t port;
};

static void listener_event(uv_poll_t *handle, int status, int events);

static void listener_resume(uv_timer_t *timer)
{
    struct ls_tcp_listener *l = timer->data;

    l->paused = false;
    uv_poll_start(&l->poll, UV_READABLE, listener_event);
}

void ls_tcp_listener_pause(struct ls_tcp_listener *l, unsigned ms)
{
    l->paused = true;
    uv_poll_stop(&l->poll);
    uv_timer_start(l->pause, listener_resume, ms, 0);
}

static void accept_one(struct ls_tcp_listener *l, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct ls_tcp *t = tcp_create(l->loop, fd);

    if (t == NULL) {
        return;
    }
    if (!ls_sockaddr_format(sa, len, t->peer_host, sizeof(t->peer_host), t->peer,
                            sizeof(t->peer))) {
        ls_tcp_close(t);
        return;
    }
    l->accepted(l->ctx, t);
}

static void listener_event(uv_poll_t *handle, int status, int events)
{
    struct ls_tcp_listener *l = (struct ls_tcp_listener *)handle;

    for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0 && !l->paused; i++) {
        union address a = {0};
        socklen_t len = sizeof(a);
        int fd = accept4(l->fd, &a.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accept_one(l, fd, &a.any, len);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* The connection stays in the backlog and would wake us for ever: wait a little. */
            ls_tcp_listener_pause(l, ACCEPT_PAUSE_MS);
            return;
        }
        /* Anything else concerns one connection that went away before we took it. */
    }
}

enum ls_rc ls_tcp_listen(struct ls_loop *loop, const char *host, uint16_t port,
                         void (*accepted)(void *ctx, struct ls_tcp *tcp), void *ctx,
                         struct ls_tcp_listener **out, struct ls_error *err)
{
    struct ls_tcp_listener *l;
    uint16_t bound;
    enum ls_rc rc;
    int fd;

    *out = NULL;
    rc = ls_listen_open(host, port, BACKLOG, &fd, &bound, err);
    if (rc != LS_OK) {
        return rc;
    }
    l = calloc(1, sizeof(*l));
    if (l != NULL) {
        l->pause = calloc(1, sizeof(*l->pause));
    }
    if (l == NULL || l->pause == NULL || uv_poll_init(ls_loop_uv(loop), &l->poll, fd) != 0) {
        close(fd);
        if (l != NULL) {
            free(l->pause);
        }
        free(l);
        return ls_error_set(err, LS_E_NOMEM, "no memory to listen on '%s'", host);
    }
    uv_timer_init(ls_loop_uv(loop), l->pause);
    l->pause->data = l;
    l->fd = fd;
    l->loop = loop;
    l->accepted = accepted;
    l->ctx = ctx;
    l->port = bound;
    uv_poll_start(&l->poll, UV_READABLE, listener_event);
    *out = l;
    return LS_OK;
}

uint16_t ls_tcp_listener_port(const struct ls_tcp_listener *l)
{
    return l->port;
}

void ls_tcp_listener_close(struct ls_tcp_listener *l)
{
    if (l == NULL) {
        return;
    }
    uv_close((uv_handle_t *)l->pause, ls_loop_free_handle);
    uv_close((uv_handle_t *)&l->poll, ls_loop_free_handle);
    close(l->fd);
    l->fd = -1;
}
