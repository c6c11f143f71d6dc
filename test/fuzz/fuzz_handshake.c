/* Strangers and peers at the port of a node: up to three at a time, that greet, choose, signal,
 * send messages and chunks in any order, or only bytes. The input says what they do, one after the
 * other. Whatever they do, a peer is up only after a greeting and a choice, never twice, and when
 * all are gone the node holds nothing of them. */
#include "test/fuzz/node.h"
#include "test/fuzz/stranger.h"

#include <string.h>

#define MAX_STEPS 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ls_reader in;

static void say_hello(int i)
{
    struct ls_hello h;
    uint8_t odd = stranger_draw_hello(&in, &h);

    h.port = 1; /* nobody listens there: a reconnect is refused */
    if (odd & 2) {
        strcpy(h.host, "127.0.0.1");
    }
    if (odd & 4) {
        h.peer_count = 1;
        strcpy(h.peers[0], "127.0.0.1:1");
    }
    stranger_say_hello(i, &h);
}

static void one_step(void)
{
    uint8_t what = ls_get_u8(&in);
    int i = (what >> 4) % STRANGERS;

    switch (what % 16) {
    case 0:
    case 1:
        stranger_call(i);
        break;
    case 2:
        stranger_hang_up(i);
        break;
    case 3:
    case 4:
        say_hello(i);
        break;
    case 5:
        stranger_say_signal(i, LS_FRAME_START, ls_get_u8(&in));
        break;
    case 6:
        stranger_say_signal(i, LS_FRAME_PING, ls_get_u8(&in));
        break;
    case 7:
        stranger_say_signal(i, LS_FRAME_FLOW, ls_get_u8(&in));
        break;
    case 8:
    case 9:
        stranger_say_frame(i, &in);
        break;
    case 10:
        stranger_say_bytes(i, &in, false);
        break;
    case 11:
        stranger_answer(i);
        break;
    default:
        node_turns(1 + what / 64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    node_start(NULL, false);
    strangers_start(false);
    in = ls_reader_init(data, size);
    for (int i = 0; i < MAX_STEPS && ls_reader_left(&in) > 0; i++) {
        one_step();
    }
    strangers_end();
    node_end();
    return 0;
}
