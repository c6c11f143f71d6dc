#include "test/fuzz/stranger.h"

#include "test/fuzz/node.h"
#include "wsrep/base/assert.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64
#define TLS_ROUNDS 4

static struct stranger {
    int fd;
    bool was_called;
    SSL *ssl; /* NULL: plain */
    enum stranger_cert cert;
    bool greeted[NODE_PEERS]; /* as whom, on this connection */
} strangers[STRANGERS];

static int listener = -1;

/* ---- connections ---- */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

static void open_listener(void)
{
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof(at);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    LS_ASSERT(listener >= 0 && bind(listener, (struct sockaddr *)&at, len) == 0);
    LS_ASSERT(listen(listener, BACKLOG) == 0);
    LS_ASSERT(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    node.strangers_port = ntohs(at.sin_port);
}

void stranger_hang_up(int i)
{
    struct stranger *s = &strangers[i];

    if (s->fd >= 0) {
        /* Without a state in which the port's number stays taken for a minute. */
        struct linger at_once = {.l_onoff = 1};
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(s->fd);
    }
    SSL_free(s->ssl);
    *s = (struct stranger){.fd = -1};
}

void stranger_call(int i)
{
    struct sockaddr_in to = loopback(node.port);

    stranger_hang_up(i);
    strangers[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    LS_ASSERT(strangers[i].fd >= 0);
    if (connect(strangers[i].fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        stranger_hang_up(i);
    }
}

void stranger_take(int i)
{
    stranger_hang_up(i);
    strangers[i].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    strangers[i].was_called = true;
}

void strangers_start(bool listen)
{
    for (int i = 0; i < STRANGERS; i++) {
        strangers[i] = (struct stranger){.fd = -1};
    }
    if (!listen) {
        return;
    }
    if (listener < 0) {
        open_listener();
    }
    do { /* calls of the node before */
        stranger_take(0);
    } while (strangers[0].fd >= 0);
}

void strangers_end(void)
{
    for (int i = 0; i < STRANGERS; i++) {
        stranger_hang_up(i);
    }
}

void stranger_secure(int i, enum stranger_cert cert)
{
    struct stranger *s = &strangers[i];

    if (s->fd < 0) {
        return;
    }
    if (s->ssl == NULL) {
        s->ssl = stranger_tls_new(cert, s->was_called);
        s->cert = cert;
    }
    for (int k = 0; k < TLS_ROUNDS && !SSL_is_init_finished(s->ssl); k++) {
        stranger_tls_shake(s->ssl, s->fd);
        node_turns(1);
    }
}

/* ---- what is said ---- */

static bool stands(const struct stranger *s)
{
    return s->ssl != NULL && SSL_is_init_finished(s->ssl);
}

/* The node has no reason not to hear it. */
static bool is_heard(const struct stranger *s)
{
    return s->fd >= 0 &&
           (node.tls == NULL || (stands(s) ? s->cert == STRANGER_GOOD : node.tls_dynamic));
}

static void say_plainly(int i, const void *bytes, size_t size)
{
    struct stranger *s = &strangers[i];

    if (s->fd >= 0 && send(s->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        stranger_hang_up(i);
    }
}

void stranger_say(int i, const void *bytes, size_t size)
{
    struct stranger *s = &strangers[i];

    if (stands(s)) {
        stranger_tls_write(s->ssl, s->fd, bytes, size);
    } else {
        say_plainly(i, bytes, size);
    }
}

uint8_t stranger_draw_hello(struct ls_reader *in, struct ls_hello *h)
{
    uint8_t odd = ls_get_u8(in);

    *h =
        (struct ls_hello){.version_min = 1, .version_max = 1, .cluster = NODE_CLUSTER, .name = "s"};
    h->id.b[15] = ls_get_u8(in) % NODE_PEERS;
    h->instance = ls_get_u8(in) % 3;
    h->incarnation = h->instance;
    h->purpose = odd & 1 ? LS_HELLO_BULK : LS_HELLO_MAIN;
    if ((odd & 0x38) == 0x38) {
        h->version_min = h->version_max = ls_get_u8(in) % 4;
    }
    if ((odd & 0xc0) == 0xc0) {
        h->cluster[0] = (char)('a' + ls_get_u8(in) % 8);
    }
    return odd;
}

void stranger_say_hello(int i, const struct ls_hello *h)
{
    static uint8_t frame[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    uint8_t id = h->id.b[15];

    if (is_heard(&strangers[i]) && h->purpose == LS_HELLO_MAIN && h->version_min == 1 &&
        strcmp(h->cluster, NODE_CLUSTER) == 0) {
        strangers[i].greeted[id] = true;
        node.may_be_up[id] |= id > NODE_SELF; /* the choice is the node's */
    }
    stranger_say(i, frame, ls_hello_encode(h, frame, sizeof(frame)));
}

/* The choice of a peer with a smaller uuid. */
static void note_start(const struct stranger *s)
{
    for (int id = 0; id < NODE_PEERS && is_heard(s); id++) {
        node.may_be_up[id] |= s->greeted[id];
    }
}

void stranger_say_signal(int i, uint8_t type, uint64_t value)
{
    uint8_t frame[LS_SIGNAL_FRAME_SIZE];

    if (type == LS_FRAME_START) {
        note_start(&strangers[i]);
    }
    stranger_say(i, frame, ls_signal_encode(type, value, frame, sizeof(frame)));
}

void stranger_say_frame(int i, struct ls_reader *in)
{
    static uint8_t frame[LS_FRAME_HEADER_SIZE + 512];
    uint8_t type = ls_get_u8(in) % 80;
    uint32_t body = ls_get_u8(in);
    uint32_t payload = ls_get_u8(in);

    type = type == LS_FRAME_HELLO ? LS_FRAME_CHUNK : type;
    for (uint32_t k = 0; k < body + payload; k++) {
        frame[LS_FRAME_HEADER_SIZE + k] = ls_get_u8(in);
    }
    if (type == LS_FRAME_START) {
        note_start(&strangers[i]);
    }
    ls_frame_seal(frame, 1, type, body, payload);
    stranger_say(i, frame, LS_FRAME_HEADER_SIZE + body + payload);
}

void stranger_say_bytes(int i, struct ls_reader *in, bool under)
{
    uint8_t bytes[64];
    size_t size = ls_get_u8(in) % sizeof(bytes);

    ls_get_bytes(in, bytes, size);
    /* A fuzzer that follows comparisons may forge a whole frame. */
    for (int id = 0; id < NODE_PEERS && is_heard(&strangers[i]); id++) {
        node.may_be_up[id] |= size >= LS_FRAME_HEADER_SIZE;
    }
    if (under) {
        say_plainly(i, bytes, size);
    } else {
        stranger_say(i, bytes, size);
    }
}

/* ---- what is heard ---- */

/* A node with TLS says nothing to whom it does not know, and nothing plainly. */
static ssize_t hear(struct stranger *s, uint8_t *buf, size_t size)
{
    ssize_t got;

    if (s->ssl != NULL) {
        got = stranger_tls_read(s->ssl, s->fd, buf, size);
        LS_ASSERT(got <= 0 || s->cert == STRANGER_GOOD);
        return got;
    }
    got = recv(s->fd, buf, size, MSG_DONTWAIT);
    LS_ASSERT(got < LS_FRAME_HEADER_SIZE || node.tls == NULL || node.tls_dynamic ||
              ls_frame_open(buf, &(struct ls_frame){0}, NULL) != LS_OK);
    return got;
}

void stranger_answer(int i)
{
    static uint8_t buf[65536];
    struct stranger *s = &strangers[i];
    ssize_t size = s->fd < 0 ? 0 : hear(s, buf, sizeof(buf));
    ssize_t at = 0;
    struct ls_frame f;
    uint64_t value;

    while (size - at >= LS_FRAME_HEADER_SIZE && ls_frame_open(buf + at, &f, NULL) == LS_OK &&
           (uint64_t)(size - at) >= ls_frame_total(&f)) {
        if (f.type == LS_FRAME_PING &&
            ls_signal_decode(buf + at + LS_FRAME_HEADER_SIZE, f.body_size, &value, NULL) == LS_OK) {
            stranger_say_signal(i, LS_FRAME_PONG, value);
        }
        at += (ssize_t)ls_frame_total(&f);
    }
}
