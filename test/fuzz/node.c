#include "test/fuzz/node.h"

#include "gcomm/net/internal.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_US 1000000000
#define NOBODYS_PORT 1
#define HANDSHAKE_US 200000

struct node node;

static struct ls_loop *loop;
static struct ls_async *wake;
static int64_t now_us;
static atomic_int lookups; /* with something in memory */

/* ---- its world (--wrap) ---- */

int64_t __wrap_ls_clock_us(void);
int __real_connect(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);
int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);

void __real_freeaddrinfo(struct addrinfo *list);
void __wrap_freeaddrinfo(struct addrinfo *list);

int64_t __wrap_ls_clock_us(void)
{
    return now_us;
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    struct sockaddr_in a = {.sin_family = AF_UNSPEC};
    uint16_t port;

    memcpy(&a, to, len < sizeof(a) ? len : sizeof(a));
    port = ntohs(a.sin_port);
    if (a.sin_family != AF_INET || ntohl(a.sin_addr.s_addr) != INADDR_LOOPBACK ||
        (port != NOBODYS_PORT && port != node.port && port != node.strangers_port)) {
        errno = ENETUNREACH;
        return -1;
    }
    return __real_connect(fd, to, len);
}

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    struct addrinfo numeric = *hints;
    int rc;

    lookups++;
    numeric.ai_flags |= AI_NUMERICHOST;
    rc = __real_getaddrinfo(host, port, &numeric, out);
    lookups -= rc != 0;
    return rc;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    __real_freeaddrinfo(list);
    lookups--;
}

/* ---- what it is told ---- */

/* An assertion that fails is told by this line. */
static void take_line(enum ls_log_level level, const char *text)
{
    if (level == LS_LOG_FATAL) {
        fprintf(stderr, "%s\n", text);
    }
}

static void end_turn(void *ctx)
{
    ls_loop_stop(ctx);
}

static void woken(void *ctx)
{
    (void)ctx;
}

static void peer_up(void *ctx, const struct ls_uuid *peer, uint64_t incarnation, const char *name,
                    const char *addr)
{
    (void)ctx;
    (void)incarnation;
    LS_ASSERT(peer->b[15] < NODE_PEERS && peer->b[15] != NODE_SELF && !node.up[peer->b[15]]);
    LS_ASSERT(node.may_be_up[peer->b[15]]);
    LS_ASSERT(strlen(name) < LS_NAME_SIZE && strlen(addr) < LS_ADDR_SIZE);
    node.up[peer->b[15]] = true;
}

static void peer_down(void *ctx, const struct ls_uuid *peer, bool unreachable)
{
    (void)ctx;
    LS_ASSERT(node.up[peer->b[15]] != unreachable);
    node.up[peer->b[15]] = false;
}

/* The engine, too, drops a peer from inside of what it handles. */
static void message(void *ctx, const struct ls_uuid *peer, const struct ls_msg *msg)
{
    (void)ctx;
    LS_ASSERT(node.up[peer->b[15]] && msg->type <= LS_MSG_MAX);
    if (msg->type == LS_MSG_CAMPAIGN) {
        ls_net_drop(node.net, peer, "it was asked to");
    }
}

static void chunk(void *ctx, const struct ls_uuid *peer, const struct ls_sub_id *sub,
                  uint64_t total, uint64_t payload_hash, uint64_t offset, const void *data,
                  size_t len)
{
    (void)ctx;
    (void)sub;
    (void)payload_hash;
    (void)data;
    LS_ASSERT(node.up[peer->b[15]] && total > 0 && offset <= total && len <= total - offset);
}

static void heard_signal(void *ctx, const struct ls_uuid *peer, enum ls_signal sig, uint64_t value)
{
    (void)ctx;
    (void)value;
    LS_ASSERT(node.up[peer->b[15]]);
    LS_ASSERT(sig == LS_SIGNAL_FLOW || sig == LS_SIGNAL_WANT_APPLIED || sig == LS_SIGNAL_APPLIED);
}

static void arriving(void *ctx, const struct ls_uuid *peer, uint8_t type)
{
    (void)ctx;
    LS_ASSERT(node.up[peer->b[15]] && type >= 1 && type <= LS_MSG_MAX);
}

/* ---- life ---- */

static void start_loop(void)
{
    struct ls_hook *hook;

    ls_log_set_sink(take_line);
    LS_ASSERT(ls_loop_create(&loop, NULL) == LS_OK);
    LS_ASSERT(ls_async_create(loop, woken, NULL, &wake) == LS_OK);
    LS_ASSERT(ls_hook_create(loop, end_turn, loop, &hook) == LS_OK);
}

void node_start(struct ls_tls *tls, bool tls_dynamic)
{
    static const struct ls_net_callbacks cb = {.peer_up = peer_up,
                                               .peer_down = peer_down,
                                               .message = message,
                                               .arriving = arriving,
                                               .chunk = chunk,
                                               .signal = heard_signal};
    struct ls_net_options opt = {.cluster_name = NODE_CLUSTER,
                                 .node_name = "n",
                                 .incarnation = 1,
                                 .listen_addr = "tcp://127.0.0.1:0",
                                 .handshake_timeout_us = HANDSHAKE_US,
                                 .tls = tls,
                                 .tls_dynamic = tls_dynamic};

    if (loop == NULL) {
        start_loop();
    }
    node = (struct node){
        .tls = tls, .tls_dynamic = tls_dynamic, .strangers_port = node.strangers_port};
    now_us = START_US;
    opt.id.b[15] = NODE_SELF;
    LS_ASSERT(ls_net_create(loop, &opt, &cb, &node.net, NULL) == LS_OK);
    LS_ASSERT(ls_net_listen(node.net, &node.port, NULL) == LS_OK);
}

/* Who is up has a connection, and the other way round. */
static void check_peers(void)
{
    struct ls_net_stats stats;
    uint32_t up = 0;

    for (int i = 0; i < NODE_PEERS; i++) {
        up += node.up[i];
    }
    ls_net_get_stats(node.net, &stats);
    LS_ASSERT(stats.connections == up);
}

void node_turns(int turns)
{
    while (turns-- > 0) {
        ls_async_send(wake);
        ls_loop_run(loop);
        check_peers();
    }
}

void node_pass(int64_t us)
{
    now_us += us;
    ls_net_know(node.net, ""); /* no address, but the net's tick comes at once */
    node_turns(1);
}

void node_end(void)
{
    struct ls_config nobody = {.count = 0};

    ls_net_forget_all(node.net);
    ls_net_set_members(node.net, &nobody);
    for (int i = 0; i < 200 && node.net->conns != NULL; i++) {
        node_pass(HANDSHAKE_US / 2);
    }
    LS_ASSERT(node.net->conns == NULL);
    for (const struct peer *p = node.net->peers; p != NULL; p = p->next) {
        LS_ASSERT(p->main == NULL && p->parked == NULL && p->bulk == NULL && p->jobs == NULL);
    }
    ls_net_destroy(node.net);
    ls_async_send(wake);
    ls_loop_run(loop);    /* what was destroyed is freed */
    while (lookups > 0) { /* left to themselves, and no leak */
        usleep(100);
    }
}
