/* Strangers and peers at the port of a node: real sockets on loopback, up to three at a time, that
 * greet, choose, signal, send messages and chunks in any order, or only bytes. The input says what
 * they do, one after the other. Whatever they do, a peer is up only after a greeting and a choice,
 * never twice, and when all are gone the node holds nothing of them. */
#include "gcomm/net/net.h"
#include "gcomm/wire/hello.h"
#include "gcomm/wire/message.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"
#include "wsrep/base/log.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STRANGERS 3
#define MAX_STEPS 100
#define PEERS 4
#define SELF 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ls_loop *loop;
static struct ls_async *wake;
static struct ls_net *net;
static int fds[STRANGERS];
static bool up[PEERS];
static struct ls_reader in;

/* ---- the node ---- */

static void ignore_line(enum ls_log_level level, const char *text)
{
    LS_ASSERT(text != NULL && level <= LS_LOG_DEBUG);
}

static void end_turn(void *ctx)
{
    ls_loop_stop(ctx);
}

static void woken(void *ctx)
{
    (void)ctx;
}

static void run_turns(int turns)
{
    while (turns-- > 0) {
        ls_async_send(wake);
        ls_loop_run(loop);
    }
}

static void peer_up(void *ctx, const struct ls_uuid *peer, uint64_t incarnation, const char *name,
                    const char *addr)
{
    (void)ctx;
    (void)incarnation;
    LS_ASSERT(peer->b[15] < PEERS && peer->b[15] != SELF && !up[peer->b[15]]);
    LS_ASSERT(strlen(name) < LS_NAME_SIZE && strlen(addr) < LS_ADDR_SIZE);
    up[peer->b[15]] = true;
}

static void peer_down(void *ctx, const struct ls_uuid *peer, bool unreachable)
{
    (void)ctx;
    LS_ASSERT(up[peer->b[15]] || unreachable);
    up[peer->b[15]] = false;
}

static void message(void *ctx, const struct ls_uuid *peer, const struct ls_msg *msg)
{
    (void)ctx;
    LS_ASSERT(up[peer->b[15]] && msg->type <= LS_MSG_MAX);
}

static void chunk(void *ctx, const struct ls_uuid *peer, const struct ls_sub_id *sub,
                  uint64_t total, uint64_t payload_hash, uint64_t offset, const void *data,
                  size_t len)
{
    (void)ctx;
    (void)sub;
    (void)payload_hash;
    (void)data;
    LS_ASSERT(up[peer->b[15]] && total > 0 && offset <= total && len <= total - offset);
}

static void start_loop(void)
{
    struct ls_hook *hook;

    ls_log_set_sink(ignore_line);
    LS_ASSERT(ls_loop_create(&loop, NULL) == LS_OK);
    LS_ASSERT(ls_async_create(loop, woken, NULL, &wake) == LS_OK);
    LS_ASSERT(ls_hook_create(loop, end_turn, loop, &hook) == LS_OK);
}

static void start_node(uint16_t *port)
{
    static const struct ls_net_callbacks cb = {
        .peer_up = peer_up, .peer_down = peer_down, .message = message, .chunk = chunk};
    struct ls_net_options opt = {.cluster_name = "fuzz",
                                 .node_name = "n",
                                 .incarnation = 1,
                                 .listen_addr = "tcp://127.0.0.1:0",
                                 .handshake_timeout_us = 200000};

    opt.id.b[15] = SELF;
    LS_ASSERT(ls_net_create(loop, &opt, &cb, &net, NULL) == LS_OK);
    LS_ASSERT(ls_net_listen(net, port, NULL) == LS_OK);
    memset(up, 0, sizeof(up));
    for (int i = 0; i < STRANGERS; i++) {
        fds[i] = -1;
    }
}

/* ---- the strangers ---- */

static void hang_up(int i)
{
    if (fds[i] >= 0) {
        /* Without a state in which the port's number stays taken for a minute. */
        struct linger at_once = {.l_onoff = 1};
        setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fds[i]);
        fds[i] = -1;
    }
}

static void call(int i, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

    hang_up(i);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    LS_ASSERT(fds[i] >= 0);
    if (connect(fds[i], (struct sockaddr *)&to, sizeof(to)) != 0) {
        hang_up(i);
    }
}

static void say(int i, const void *bytes, size_t size)
{
    if (fds[i] >= 0 && send(fds[i], bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        hang_up(i);
    }
}

static void say_hello(int i)
{
    static uint8_t frame[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    uint8_t odd = ls_get_u8(&in);
    struct ls_hello h = {.version_min = 1, .version_max = 1, .cluster = "fuzz", .name = "s"};

    h.id.b[15] = ls_get_u8(&in) % PEERS;
    h.instance = ls_get_u8(&in) % 3;
    h.incarnation = h.instance;
    h.purpose = odd & 1 ? LS_HELLO_BULK : LS_HELLO_MAIN;
    h.port = 1; /* nobody listens there: a reconnect is refused */
    if (odd & 2) {
        strcpy(h.host, "127.0.0.1");
    }
    if (odd & 4) {
        h.peer_count = 1;
        strcpy(h.peers[0], "127.0.0.1:1");
    }
    if ((odd & 0x38) == 0x38) {
        h.version_min = h.version_max = ls_get_u8(&in) % 4;
    }
    if ((odd & 0xc0) == 0xc0) {
        h.cluster[0] = (char)('a' + ls_get_u8(&in) % 8);
    }
    say(i, frame, ls_hello_encode(&h, frame, sizeof(frame)));
}

/* Right in its header and checks, with any body: but for greetings, whose addresses are dialled. */
static void say_frame(int i)
{
    static uint8_t frame[LS_FRAME_HEADER_SIZE + 512];
    uint8_t type = ls_get_u8(&in) % 80;
    uint32_t body = ls_get_u8(&in);
    uint32_t payload = ls_get_u8(&in);

    type = type == LS_FRAME_HELLO ? LS_FRAME_CHUNK : type;
    for (uint32_t k = 0; k < body + payload; k++) {
        frame[LS_FRAME_HEADER_SIZE + k] = ls_get_u8(&in);
    }
    ls_frame_seal(frame, 1, type, body, payload);
    say(i, frame, LS_FRAME_HEADER_SIZE + body + payload);
}

static void say_signal(int i, uint8_t type)
{
    uint8_t frame[LS_SIGNAL_FRAME_SIZE];

    say(i, frame, ls_signal_encode(type, ls_get_u8(&in), frame, sizeof(frame)));
}

static void say_bytes(int i)
{
    uint8_t bytes[64];
    size_t size = ls_get_u8(&in) % sizeof(bytes);

    ls_get_bytes(&in, bytes, size);
    say(i, bytes, size);
}

/* Reads what the node has said, and gives the sign of life that it may have asked for. */
static void answer(int i)
{
    static uint8_t buf[65536];
    ssize_t size = fds[i] < 0 ? 0 : recv(fds[i], buf, sizeof(buf), MSG_DONTWAIT);
    ssize_t at = 0;
    struct ls_frame f;
    uint64_t value;

    while (size - at >= LS_FRAME_HEADER_SIZE && ls_frame_open(buf + at, &f, NULL) == LS_OK &&
           (uint64_t)(size - at) >= ls_frame_total(&f)) {
        uint8_t pong[LS_SIGNAL_FRAME_SIZE];
        if (f.type == LS_FRAME_PING &&
            ls_signal_decode(buf + at + LS_FRAME_HEADER_SIZE, f.body_size, &value, NULL) == LS_OK) {
            say(i, pong, ls_signal_encode(LS_FRAME_PONG, value, pong, sizeof(pong)));
        }
        at += (ssize_t)ls_frame_total(&f);
    }
}

static void one_step(uint16_t port)
{
    uint8_t what = ls_get_u8(&in);
    int i = (what >> 4) % STRANGERS;

    switch (what % 16) {
    case 0:
    case 1:
        call(i, port);
        break;
    case 2:
        hang_up(i);
        break;
    case 3:
    case 4:
        say_hello(i);
        break;
    case 5:
        say_signal(i, LS_FRAME_START);
        break;
    case 6:
        say_signal(i, LS_FRAME_PING);
        break;
    case 7:
        say_signal(i, LS_FRAME_FLOW);
        break;
    case 8:
    case 9:
        say_frame(i);
        break;
    case 10:
        say_bytes(i);
        break;
    case 11:
        answer(i);
        break;
    default:
        run_turns(1 + what / 64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_net_stats stats;
    uint16_t port;

    if (loop == NULL) {
        start_loop();
    }
    start_node(&port);
    in = ls_reader_init(data, size);
    for (int i = 0; i < MAX_STEPS && ls_reader_left(&in) > 0; i++) {
        one_step(port);
    }
    for (int i = 0; i < STRANGERS; i++) {
        hang_up(i);
    }
    for (int i = 0; i < 200 && (ls_net_get_stats(net, &stats), stats.connections > 0); i++) {
        run_turns(1);
    }
    LS_ASSERT(stats.connections == 0);
    for (int i = 0; i < PEERS; i++) {
        LS_ASSERT(!up[i]);
    }
    ls_net_destroy(net);
    run_turns(1); /* what was destroyed is freed */
    return 0;
}
