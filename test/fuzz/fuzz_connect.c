/* A node that calls and is called, with TLS or without: strangers that answer its calls, or call
 * it, in any of the ways of fuzz_handshake, and with certificates of the cluster, of somebody else
 * or none, while time goes by and the engine does to its peers what engines do. The first byte says
 * how the node is set up. What holds there holds here; and where there is TLS nobody is up, or
 * hears a word, without a certificate of the cluster. */
#include "test/fuzz/node.h"
#include "test/fuzz/stranger.h"
#include "wsrep/base/assert.h"

#include <stdio.h>
#include <string.h>

#define MAX_STEPS 120
#define BULK_BYTES (600 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ls_reader in;
static struct ls_tls *tls;
static int bulk_under_way;

/* ---- addresses ---- */

/* Where strangers are, where the node itself is, where nobody is, and anything. */
static void draw_address(char *out, size_t size)
{
    uint8_t which = ls_get_u8(&in);
    uint16_t port = which % 8 < 4 ? node.strangers_port : which % 8 == 4 ? node.port : 1;

    if (which % 8 < 6) {
        snprintf(out, size, "127.0.0.1:%u", (unsigned)port);
    } else {
        size_t n = which / 8 < size ? which / 8 : size - 1;
        ls_get_bytes(&in, out, n);
        out[n] = '\0';
    }
}

static void say_hello(int i)
{
    struct ls_hello h;
    uint8_t odd = stranger_draw_hello(&in, &h);

    h.port = node.strangers_port;
    if (odd & 2) {
        strcpy(h.host, "127.0.0.1");
    }
    if (odd & 4) {
        uint8_t more = ls_get_u8(&in);
        h.port = more & 1 ? 1 : more & 2 ? 0 : node.strangers_port;
        h.peer_count = more >> 6;
        for (uint32_t k = 0; k < h.peer_count; k++) {
            draw_address(h.peers[k], sizeof(h.peers[k]));
        }
        if (more & 4) {
            draw_address(h.host, 24);
        }
    }
    stranger_say_hello(i, &h);
}

/* What is no node's word, or no welcome. */
static void say_other(int i)
{
    static const uint8_t galera[44] = {36, 0, 0, 2, 1, 2, 3, 4, 0, 1, 0x10, 0};
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 70};
    static const char text[] = "220 mail.example ESMTP\r\n";
    uint8_t frame[LS_REFUSED_FRAME_MAX];
    uint8_t which = ls_get_u8(&in);

    switch (which % 4) {
    case 0:
        stranger_say(i, galera, which & 128 ? which % sizeof(galera) : sizeof(galera));
        break;
    case 1:
        stranger_say(i, alert, sizeof(alert));
        break;
    case 2:
        stranger_say(i, text, sizeof(text) - 1);
        break;
    default:
        stranger_say(i, frame, ls_refused_encode(which / 4 % 8, "no", frame, sizeof(frame)));
    }
}

/* ---- what the engine does ---- */

static struct ls_uuid draw_peer(void)
{
    struct ls_uuid id = {{0}};

    id.b[15] = ls_get_u8(&in) % NODE_PEERS;
    return id;
}

static void set_members(void)
{
    struct ls_config c = {.count = 0};
    struct ls_member m = {.name = "m"};

    for (int left = 1 + ls_get_u8(&in) % 3; left > 0; left--) {
        m.id = draw_peer();
        draw_address(m.addr, sizeof(m.addr));
        (void)ls_config_add(&c, &m); /* twice the same is no configuration */
    }
    ls_net_set_members(node.net, &c);
}

static void bulk_done(void *arg, enum ls_rc rc)
{
    (void)arg;
    LS_ASSERT(rc == LS_OK || rc == LS_E_CLOSED);
    LS_ASSERT(bulk_under_way-- > 0);
}

static void send_bulk(void)
{
    static const uint8_t bytes[BULK_BYTES];
    struct ls_piece piece = {.data = bytes, .len = sizeof(bytes)};
    struct ls_uuid to = draw_peer();
    struct ls_sub_id sub = {.incarnation = 1, .id = 1};

    if (ls_net_send_bulk(node.net, &to, &sub, &piece, 1, 1, bulk_done, NULL) == LS_OK) {
        LS_ASSERT(node.up[to.b[15]]);
        bulk_under_way++;
    }
}

static void send_message(void)
{
    struct ls_msg m = {.type = LS_MSG_SPARE};
    struct ls_uuid to = draw_peer();

    if (ls_net_send(node.net, &to, &m, NULL) == LS_OK) {
        LS_ASSERT(node.up[to.b[15]]);
    }
    ls_net_flush(node.net);
}

static void engine_step(void)
{
    char text[LS_ADDR_SIZE];
    uint8_t what = ls_get_u8(&in);
    struct ls_uuid peer;
    bool galera;

    switch (what % 8) {
    case 0:
        draw_address(text, sizeof(text));
        ls_net_know(node.net, text);
        break;
    case 1:
        draw_address(text, sizeof(text));
        ls_net_forget(node.net, text);
        break;
    case 2:
        set_members();
        break;
    case 3:
        peer = draw_peer();
        ls_net_drop(node.net, &peer, "somebody wants that");
        break;
    case 4:
        ls_net_isolate(node.net, what & 128);
        break;
    case 5:
        send_bulk();
        break;
    case 6:
        send_message();
        break;
    default:
        LS_ASSERT(ls_net_strangers(node.net, text, sizeof(text), &galera) > 0 || !galera);
        (void)ls_net_has_tried(node.net);
    }
}

/* ---- steps ---- */

static void say_signal(int i)
{
    static const uint8_t types[] = {LS_FRAME_PING, LS_FRAME_PONG, LS_FRAME_FLOW,
                                    LS_FRAME_WANT_APPLIED, LS_FRAME_APPLIED};
    uint8_t which = ls_get_u8(&in);

    stranger_say_signal(i, types[which % sizeof(types)], which);
}

static void one_step(void)
{
    uint8_t what = ls_get_u8(&in);
    int i = (what >> 4) % STRANGERS;

    switch (what % 16) {
    case 0:
        stranger_call(i);
        break;
    case 1:
    case 2:
        stranger_take(i);
        break;
    case 3:
        stranger_hang_up(i);
        break;
    case 4:
        stranger_secure(i, ls_get_u8(&in) % 8 < 6 ? STRANGER_GOOD : STRANGER_FOREIGN);
        break;
    case 5:
        stranger_secure(i, STRANGER_NONE);
        break;
    case 6:
    case 7:
        say_hello(i);
        break;
    case 8:
        stranger_say_signal(i, LS_FRAME_START, 0);
        break;
    case 9:
        say_signal(i);
        break;
    case 10:
        stranger_say_frame(i, &in);
        break;
    case 11:
        stranger_say_bytes(i, &in, what & 128);
        break;
    case 12:
        say_other(i);
        break;
    case 13:
        stranger_answer(i);
        break;
    case 14:
        engine_step();
        node_turns(1);
        break;
    default:
        node_pass((int64_t)1000 << what / 16); /* to 33 s */
    }
}

static void start(uint8_t mode)
{
    char own[LS_ADDR_SIZE];

    if (tls == NULL) {
        tls = stranger_tls_start();
    }
    strangers_start(true);
    node_start((mode & 3) != 0 ? tls : NULL, (mode & 3) == 3);
    snprintf(own, sizeof(own), "127.0.0.1:%u", (unsigned)node.strangers_port);
    if (mode & 4) {
        ls_net_know(node.net, own);
    }
    if (mode & 8) {
        struct ls_config c = {.count = 1, .members = {{.id.b[15] = 1}}};
        strcpy(c.members[0].addr, own);
        ls_net_set_members(node.net, &c);
    }
    node_turns(1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = ls_reader_init(data, size);
    start(ls_get_u8(&in));
    for (int i = 0; i < MAX_STEPS && ls_reader_left(&in) > 0; i++) {
        one_step();
    }
    ls_net_isolate(node.net, false);
    strangers_end();
    node_end();
    LS_ASSERT(bulk_under_way == 0);
    return 0;
}
