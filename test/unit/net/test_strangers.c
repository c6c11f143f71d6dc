/* Whoever else comes to the port, and nodes that do not belong here: one warning, nothing happens.
 */
#include "fixture.h"

#include "gcomm/wire/hello.h"
#include "wsrep/base/prng.h"
#include "wsrep/os/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct node *start(uint8_t id)
{
    struct node_options opt = {.id = id, .incarnation = 1};
    return node_start(&opt);
}

static bool wait_log(const char *text, int count)
{
    for (int i = 0; i < 500 && log_count(text) < count; i++) {
        usleep(10000);
    }
    return log_count(text) >= count;
}

/* Reads until the other side closes; false when it does not within 5 s. */
static bool wait_closed(int fd)
{
    struct timeval tv = {.tv_sec = 5};
    char buf[4096];
    ssize_t n;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
    }
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static struct ls_hello hello_of(uint8_t id)
{
    struct ls_hello h = {.version_min = 1,
                         .version_max = 1,
                         .cluster = "test",
                         .name = "stranger",
                         .incarnation = 1,
                         .instance = 999,
                         .port = 1,
                         .purpose = LS_HELLO_MAIN};
    h.id.b[0] = id;
    h.id.b[15] = 1;
    return h;
}

static void send_hello(int fd, const struct ls_hello *h)
{
    uint8_t buf[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    size_t n = ls_hello_encode(h, buf, sizeof(buf));

    assert_true(n > 0);
    assert_int_equal(send(fd, buf, n, MSG_NOSIGNAL), n);
}

/* Two nodes that are connected before and, unharmed, after. */
struct pair {
    struct node *a;
    struct node *b;
};

static struct pair pair_start(void)
{
    struct pair p = {.a = start(1), .b = start(2)};

    node_know(p.a, p.b);
    assert_true(node_wait(p.a, p.b, seen_up));
    assert_true(node_wait(p.b, p.a, seen_up));
    log_reset();
    return p;
}

static uint64_t wanted;

static bool has_messages(const struct peer_seen *s)
{
    return s->messages >= wanted;
}

static void pair_stop_unharmed(struct pair *p)
{
    wanted = node_seen(p->b, p->a).messages + 10;
    node_send_numbers(p->a, p->b, 0, 9);
    assert_true(node_wait(p->b, p->a, has_messages));
    assert_int_equal(node_seen(p->a, p->b).downs, 0);
    assert_int_equal(node_seen(p->b, p->a).downs, 0);
    assert_int_equal(node_seen(p->a, p->b).ups, 1);
    node_stop(p->a);
    node_stop(p->b);
}

/* The next frame of this connection that is a HELLO, within 5 s. */
static void read_hello(int fd, struct ls_hello *h)
{
    struct timeval tv = {.tv_sec = 5};
    uint8_t buf[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    struct ls_frame f = {0};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    while (f.type != LS_FRAME_HELLO) {
        assert_int_equal(recv(fd, buf, LS_FRAME_HEADER_SIZE, MSG_WAITALL), LS_FRAME_HEADER_SIZE);
        assert_int_equal(ls_frame_open(buf, &f, NULL), LS_OK);
        assert_true(f.body_size <= LS_FRAME_HELLO_MAX);
        assert_int_equal(recv(fd, buf, f.body_size, MSG_WAITALL), f.body_size);
    }
    assert_int_equal(ls_hello_decode(buf, f.body_size, h, NULL), LS_OK);
}

static bool names_port(const struct ls_hello *h, const char *port)
{
    bool found = false;

    for (uint32_t i = 0; i < h->peer_count; i++) {
        found |= strstr(h->peers[i], port) != NULL;
    }
    return found;
}

/* Two nodes that come at the same time: both are greeted before either is up, so neither greeting
 * names the other. The first one up is told of the second. */
static void test_two_newcomers_at_once(void **state)
{
    struct node *n = start(9);
    uint8_t up[LS_SIGNAL_FRAME_SIZE];
    size_t up_size = ls_signal_encode(LS_FRAME_START, 0, up, sizeof(up));
    struct ls_hello hellos[2];
    struct ls_hello answer;
    int fds[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        hellos[i] = hello_of((uint8_t)(i + 1)); /* smaller than 9: they choose */
        hellos[i].instance = 100 + (uint64_t)i;
        hellos[i].port = (uint16_t)(i + 1);
        fds[i] = raw_connect(n->port);
        send_hello(fds[i], &hellos[i]);
        read_hello(fds[i], &answer);
        assert_false(names_port(&answer, ":1") && i == 1);
    }
    log_reset();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(send(fds[i], up, up_size, MSG_NOSIGNAL), up_size);
        assert_true(wait_log("connection established", i + 1));
    }
    read_hello(fds[0], &answer);
    assert_true(names_port(&answer, "127.0.0.1:2"));
    close(fds[0]);
    close(fds[1]);
    node_stop(n);
}

static void test_garbage(void **state)
{
    struct pair p = pair_start();
    struct ls_prng prng;

    (void)state;
    ls_prng_seed(&prng, 1);
    for (int i = 0; i < 50; i++) {
        uint64_t junk[64];
        int fd = raw_connect(p.a->port);
        for (size_t k = 0; k < 64; k++) {
            junk[k] = ls_prng_next(&prng);
        }
        send(fd, junk, 1 + ls_prng_below(&prng, sizeof(junk)), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        assert_true(wait_closed(fd));
        close(fd);
    }
    assert_true(wait_log("a stranger at 127.0.0.1", 1));
    assert_int_equal(log_count("2 ("), 1); /* one warning in all */
    pair_stop_unharmed(&p);
}

static void test_http_and_scans(void **state)
{
    struct pair p = pair_start();
    static const char request[] = "OPTIONS / HTTP/1.0\r\n\r\n";
    int fd = raw_connect(p.a->port);

    (void)state;
    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
    assert_true(wait_closed(fd));
    close(fd);
    close(raw_connect(p.a->port));
    pair_stop_unharmed(&p);
}

/* A handshake cut at every byte, and one that sends nothing: closed in time. */
static void test_half_messages(void **state)
{
    struct pair p = pair_start();
    struct ls_hello h = hello_of(9);
    uint8_t buf[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    size_t n = ls_hello_encode(&h, buf, sizeof(buf));
    int silent;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        int fd = raw_connect(p.a->port);
        send(fd, buf, i, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        assert_true(wait_closed(fd));
        close(fd);
    }
    silent = raw_connect(p.a->port);
    send(silent, buf, n / 2, MSG_NOSIGNAL);
    assert_true(wait_closed(silent));
    close(silent);
    pair_stop_unharmed(&p);
}

/* Bits flipped in the handshake: refused or, where the checksum is repaired, still harmless. */
static void test_flipped_handshakes(void **state)
{
    struct pair p = pair_start();
    struct ls_hello h = hello_of(9);
    uint8_t buf[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    size_t n = ls_hello_encode(&h, buf, sizeof(buf));

    (void)state;
    for (size_t i = 0; i < n * 8; i += 5) {
        int fd = raw_connect(p.a->port);
        buf[i / 8] ^= (uint8_t)(1u << (i % 8));
        send(fd, buf, n, MSG_NOSIGNAL);
        buf[i / 8] ^= (uint8_t)(1u << (i % 8));
        shutdown(fd, SHUT_WR);
        assert_true(wait_closed(fd));
        close(fd);
    }
    pair_stop_unharmed(&p);
}

/* Core messages before the handshake; START from nobody; a large size announced. */
static void test_out_of_turn(void **state)
{
    static const uint8_t types[] = {LS_MSG_ACK,     LS_FRAME_START, LS_FRAME_PING,
                                    LS_FRAME_CHUNK, LS_FRAME_FLOW,  200};
    struct pair p = pair_start();

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        uint8_t frame[LS_FRAME_HEADER_SIZE + 8] = {0};
        int fd = raw_connect(p.a->port);
        ls_frame_seal(frame, 1, types[i], 8, i % 2 == 0 ? 0 : LS_FRAME_PAYLOAD_MAX);
        send(fd, frame, sizeof(frame), MSG_NOSIGNAL);
        assert_true(wait_closed(fd));
        close(fd);
    }
    pair_stop_unharmed(&p);
}

/* A node with the smaller uuid that breaks the protocol once it is up. */
static void test_bad_after_handshake(void **state)
{
    struct pair p = pair_start();
    struct ls_hello h = hello_of(0);
    uint8_t frame[LS_FRAME_HEADER_SIZE + 64] = {0};
    size_t n;
    int fd = raw_connect(p.a->port);

    (void)state;
    send_hello(fd, &h);
    n = ls_signal_encode(LS_FRAME_START, 0, frame, sizeof(frame));
    send(fd, frame, n, MSG_NOSIGNAL);
    ls_frame_seal(frame, 1, LS_MSG_APPEND, 64, 1 << 20);
    send(fd, frame, sizeof(frame), MSG_NOSIGNAL); /* a payload is announced and never comes */
    usleep(200000);
    close(fd);
    fd = raw_connect(p.a->port);
    send_hello(fd, &h);
    n = ls_signal_encode(LS_FRAME_START, 0, frame, sizeof(frame));
    send(fd, frame, n, MSG_NOSIGNAL);
    ls_frame_seal(frame, 1, LS_MSG_APPEND, 64, 0);
    send(fd, frame, sizeof(frame), MSG_NOSIGNAL);
    assert_true(wait_closed(fd));
    close(fd);
    assert_true(wait_log("sent what a node does not send", 1));
    pair_stop_unharmed(&p);
}

static void test_other_cluster(void **state)
{
    struct node_options opt = {.id = 3, .incarnation = 1, .cluster = "other"};
    struct pair p = pair_start();
    struct node *c = node_start(&opt);

    (void)state;
    node_know(c, p.a);
    assert_true(wait_log("the cluster names differ", 2)); /* on both sides */
    assert_false(node_seen(c, p.a).up);
    usleep(300000);
    assert_int_equal(log_count("the cluster names differ"), 2);
    node_stop(c);
    pair_stop_unharmed(&p);
}

static void test_other_version(void **state)
{
    struct pair p = pair_start();
    struct ls_hello h = hello_of(9);
    int fd = raw_connect(p.a->port);

    (void)state;
    h.version_min = 7;
    h.version_max = 9;
    send_hello(fd, &h);
    assert_true(wait_closed(fd));
    close(fd);
    assert_true(wait_log("no common protocol version", 1));
    pair_stop_unharmed(&p);
}

/* A copy of b: the later one is refused by those that know the first, and by the first itself. */
static void test_duplicate_uuid(void **state)
{
    struct node_options opt = {.id = 2, .incarnation = 1, .name = "copy"};
    struct pair p = pair_start();
    struct node *copy = node_start(&opt);

    (void)state;
    node_know(copy, p.a);
    node_know(copy, p.b);
    assert_true(wait_log("a living node has the same uuid", 2)); /* said on both sides */
    assert_true(wait_log("both have the uuid", 2));
    assert_false(node_seen(copy, p.a).up);
    node_stop(copy);
    pair_stop_unharmed(&p);
}

/* The same with the copy on the side that chooses. */
static void test_duplicate_smaller_uuid(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 5, .name = "copy"};
    struct pair p = pair_start();
    struct node *copy = node_start(&opt);

    (void)state;
    node_know(copy, p.b);
    assert_true(wait_log("a living node has the same uuid", 1));
    usleep(500000);
    assert_false(node_seen(copy, p.b).up);
    node_stop(copy);
    pair_stop_unharmed(&p);
}

static void test_same_name(void **state)
{
    struct node_options opt = {.id = 3, .incarnation = 1, .name = "n2"};
    struct pair p = pair_start();
    struct node *c = node_start(&opt);

    (void)state;
    node_know(c, p.a);
    assert_true(node_wait(c, p.a, seen_up));
    assert_true(node_wait(c, p.b, seen_up));
    assert_true(wait_log("two nodes have the name 'n2'", 1));
    node_stop(c);
    pair_stop_unharmed(&p);
}

static bool allow_none(void *ctx, const char *address)
{
    assert_string_equal(address, "127.0.0.1");
    usleep(20000);
    return false;
}

static bool allow_all(void *ctx, const char *address)
{
    usleep(20000);
    return true;
}

static void test_allow_list(void **state)
{
    struct node_options closed = {.id = 1, .incarnation = 1, .allow = allow_none};
    struct node_options open = {.id = 2, .incarnation = 1, .allow = allow_all};
    struct node *a = node_start(&closed);
    struct node *b = node_start(&open);
    struct node *c = start(3);

    (void)state;
    log_reset();
    node_know(c, a);
    assert_true(wait_log("Connection not allowed, IP 127.0.0.1 not found in allowlist.", 1));
    assert_false(node_seen(c, a).up);
    node_know(c, b);
    assert_true(node_wait(c, b, seen_up));
    close(raw_connect(a->port)); /* a check may be under way when the net goes */
    node_stop(a);
    node_stop(b);
    node_stop(c);
}

static _Atomic bool listed;
static _Atomic int asked;

static bool allow_listed(void *ctx, const char *address)
{
    assert_string_equal(address, "127.0.0.1");
    asked++;
    usleep(20000);
    return listed;
}

static void do_guard(struct node *n, void *arg)
{
    ls_net_guard(n->net, arg != NULL);
}

static void guard(struct node *n, bool on)
{
    node_call(n, do_guard, on ? n : NULL);
}

struct vetted_call {
    const struct node *other;
    bool vetted;
};

static void do_is_vetted(struct node *n, void *arg)
{
    struct vetted_call *call = arg;
    call->vetted = ls_net_is_vetted(n->net, &call->other->id);
}

static bool is_vetted(struct node *n, const struct node *other)
{
    struct vetted_call call = {.other = other};

    node_call(n, do_is_vetted, &call);
    return call.vetted;
}

static bool comes_to_be_vetted(struct node *n, const struct node *other)
{
    for (int i = 0; i < 500; i++) {
        if (is_vetted(n, other)) {
            return true;
        }
        usleep(10000);
    }
    return false;
}

/* Who must not dial in is not dialled either, once the list counts, and does not stay from before.
 */
static void test_allow_list_dialled(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .allow = allow_listed};
    struct node *a = node_start(&opt);
    struct node *c = start(3);

    (void)state;
    log_reset();
    listed = false;
    asked = 0;
    node_know(a, c);
    assert_true(node_wait(a, c, seen_up)); /* a may need it to become a member */
    assert_int_equal(asked, 0);
    assert_false(is_vetted(a, c));
    assert_int_equal(asked, 0);
    guard(a, true);
    assert_true(node_wait(a, c, seen_down));
    assert_true(wait_log("Connection not allowed, IP 127.0.0.1 not found in allowlist.", 1));
    usleep(4000000); /* both have dialled again meanwhile, and no word was said */
    assert_true(asked >= 2);
    assert_false(node_seen(a, c).up);
    assert_int_equal(node_seen(c, a).ups, 1);
    assert_int_equal(log_count("Connection not allowed"), 1);

    listed = true; /* from now on the other may come by itself */
    node_know(c, a);
    assert_true(node_wait(a, c, seen_up));
    assert_true(comes_to_be_vetted(a, c));
    guard(a, false);
    assert_false(is_vetted(a, c));
    guard(a, true); /* asked anew, and stays */
    assert_true(comes_to_be_vetted(a, c));
    assert_int_equal(node_seen(a, c).ups, 2);
    node_stop(a);
    node_stop(c);
}

static void do_member(struct node *n, void *arg)
{
    const struct node *other = arg;
    struct ls_config config = {.count = 1};

    config.members[0].id = other->id;
    ls_net_set_members(n->net, &config);
}

/* A list that lags behind does not part members. */
static void test_allow_list_members(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .allow = allow_listed};
    struct node *a = node_start(&opt);
    struct node *c = start(3);

    (void)state;
    listed = false;
    asked = 0;
    node_know(a, c);
    assert_true(node_wait(a, c, seen_up));
    node_call(a, do_member, c);
    guard(a, true);
    usleep(200000);
    assert_int_equal(asked, 0);
    assert_int_equal(node_seen(a, c).downs, 0);
    assert_false(is_vetted(a, c)); /* asked for once it is a newcomer again */
    assert_true(node_wait(a, c, seen_down));
    node_stop(a);
    node_stop(c);
}

static bool allow_second(void *ctx, const char *address)
{
    return strcmp(address, "127.0.0.2") == 0;
}

/* A node is seen at the address that it listens at, whichever others its machine has. */
static void test_allow_list_address(void **state)
{
    struct node_options guarded = {.id = 1, .incarnation = 1, .allow = allow_second};
    struct node_options second = {.id = 2, .incarnation = 1, .listen = "tcp://127.0.0.2"};
    struct node *a = node_start(&guarded);
    struct node *b = node_start(&second);

    (void)state;
    log_reset();
    node_know(b, a);
    assert_true(node_wait(b, a, seen_up));
    assert_int_equal(log_count("Connection not allowed"), 0);
    node_stop(a);
    node_stop(b);
}

/* Connections that say nothing are bounded, and time out. */
static void test_many_silent(void **state)
{
    struct pair p = pair_start();
    int fds[100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        fds[i] = raw_connect(p.a->port);
    }
    for (int i = 0; i < 100; i++) {
        assert_true(wait_closed(fds[i]));
        close(fds[i]);
    }
    pair_stop_unharmed(&p);
}

struct strangers {
    size_t count;
    bool galera;
    bool refused;
    char text[200];
};

static void ask_strangers(struct node *n, void *arg)
{
    struct strangers *s = arg;
    s->count = ls_net_strangers(n->net, s->text, sizeof(s->text), &s->galera);
    s->refused = ls_net_is_refused(n->net);
}

/* Answers n's attempts at the port with these bytes until it takes that for a refusal. */
static struct strangers answer_with(struct node *n, int listener, const void *bytes, size_t size)
{
    struct strangers s = {.count = 0};

    for (int i = 0; i < 20 && !s.refused; i++) {
        int fd = accept(listener, NULL, NULL);
        assert_true(fd >= 0);
        assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
        shutdown(fd, SHUT_WR);
        wait_closed(fd);
        close(fd);
        node_call(n, ask_strangers, &s);
    }
    return s;
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* Something else at an address where a node is looked for, and a node there afterwards. */
static void test_stranger_answers(void **state)
{
    static const uint8_t galera[44] = {36, 0, 0, 2, 1, 2, 3, 4, 0, 1, 0x10, 0};
    static const char other[] = "220 mail.example ESMTP";
    uint16_t port = free_port();
    struct node *a = start(1);
    int listener = listen_at(port);
    struct strangers s;
    char address[32];

    (void)state;
    log_reset();
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    node_know_port(a, port);
    s = answer_with(a, listener, galera, sizeof(galera));
    assert_true(s.refused);
    assert_int_equal(s.count, 1);
    assert_true(s.galera);
    assert_string_equal(s.text, address);
    assert_int_equal(log_count("it speaks Galera's protocol"), 1);
    close(listener);
    node_stop(a);

    a = start(1);
    listener = listen_at(port);
    node_know_port(a, port);
    s = answer_with(a, listener, other, sizeof(other) - 1);
    assert_int_equal(s.count, 1);
    assert_false(s.galera);
    close(listener);
    struct node_options opt = {.id = 2, .incarnation = 1, .port = port};
    struct node *b = node_start(&opt);
    assert_true(node_wait(a, b, seen_up));
    node_call(a, ask_strangers, &s);
    assert_int_equal(s.count, 0);
    assert_false(s.refused);
    node_stop(b);
    node_stop(a);
}

static int count_closed(const int *fds, int count)
{
    int closed = 0;
    char byte;

    for (int i = 0; i < count; i++) {
        closed += recv(fds[i], &byte, 1, MSG_DONTWAIT) >= 0 || errno == ECONNRESET;
    }
    return closed;
}

/* Strangers that say nothing, as many as may be, keep nobody out: not who comes from the very host
 * they come from, not who comes from another one. One host has 8; then one of the oldest goes for
 * each newcomer. */
static void test_silent_keep_nobody_out(void **state)
{
    enum { HOSTS = 64 };
    struct node *n = start(9);
    struct ls_hello h = hello_of(1);
    struct ls_hello answer;
    int fds[HOSTS];
    int fd;

    (void)state;
    log_reset();
    for (int one_host = 0; one_host <= 1; one_host++) {
        for (unsigned i = 0; i < HOSTS; i++) {
            fds[i] = raw_connect_from(one_host ? 2 : 10 + i, n->port);
        }
        fd = raw_connect_from(2, n->port);
        h.instance++;
        h.id.b[0]++;
        send_hello(fd, &h);
        read_hello(fd, &answer);
        assert_int_equal(count_closed(fds, HOSTS), one_host ? HOSTS + 1 - 8 : 1);
        close(fd);
        for (int i = 0; i < HOSTS; i++) {
            assert_true(wait_closed(fds[i])); /* in time */
            close(fds[i]);
        }
    }
    assert_int_equal(log_count("have not said who they are"), 2);
    node_stop(n);
}

static void test_bad_listen_addresses(void **state)
{
    struct ls_net_callbacks cb = {0};
    struct node *a = start(1);
    struct ls_net_options opt = {.cluster_name = "x", .node_name = "y"};
    struct ls_error err = {0};
    struct ls_net *net;
    char text[64];

    (void)state;
    cb.message = (void (*)(void *, const struct ls_uuid *, const struct ls_msg *))abort;
    opt.listen_addr = "ssl://0.0.0.0:4567";
    assert_int_equal(ls_net_create(a->loop, &opt, &cb, &net, &err), LS_E_INVAL);
    assert_non_null(strstr(err.text, "socket.ssl_key"));
    opt.listen_addr = "tcp://127.0.0.1:99999";
    assert_int_equal(ls_net_create(a->loop, &opt, &cb, &net, &err), LS_E_INVAL);
    node_stop(a);
    a = start(1);
    snprintf(text, sizeof(text), "tcp://127.0.0.1:%u", a->port);
    opt.listen_addr = text;
    struct ls_loop *loop;
    assert_int_equal(ls_loop_create(&loop, &err), LS_OK);
    assert_int_equal(ls_net_create(loop, &opt, &cb, &net, &err), LS_OK);
    assert_int_equal(ls_net_listen(net, NULL, &err), LS_E_EXISTS);
    assert_non_null(strstr(err.text, "Another process has the port"));
    ls_net_destroy(net);
    ls_loop_destroy(loop);
    node_stop(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_newcomers_at_once),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_http_and_scans),
        cmocka_unit_test(test_half_messages),
        cmocka_unit_test(test_flipped_handshakes),
        cmocka_unit_test(test_out_of_turn),
        cmocka_unit_test(test_bad_after_handshake),
        cmocka_unit_test(test_other_cluster),
        cmocka_unit_test(test_other_version),
        cmocka_unit_test(test_duplicate_uuid),
        cmocka_unit_test(test_duplicate_smaller_uuid),
        cmocka_unit_test(test_same_name),
        cmocka_unit_test(test_allow_list),
        cmocka_unit_test(test_allow_list_dialled),
        cmocka_unit_test(test_allow_list_members),
        cmocka_unit_test(test_allow_list_address),
        cmocka_unit_test(test_many_silent),
        cmocka_unit_test(test_stranger_answers),
        cmocka_unit_test(test_silent_keep_nobody_out),
        cmocka_unit_test(test_bad_listen_addresses),
    };
    log_reset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
