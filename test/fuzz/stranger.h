/* Who meets the node (node.h): sockets on loopback that say what the input has them say, plainly or
 * inside TLS, whether they called the node or it called them. */
#ifndef LS_FUZZ_STRANGER_H
#define LS_FUZZ_STRANGER_H

#include "gcomm/wire/hello.h"
#include "test/fuzz/stranger_tls.h"
#include "wsrep/base/cursor.h"

#define STRANGERS 3

/* Whether the node may dial strangers, who then stranger_take() its calls. */
void strangers_start(bool listen);
void strangers_end(void);

void stranger_call(int i);
void stranger_take(int i); /* the node's next call, if there is one */
void stranger_hang_up(int i);
/* From now on TLS, begun by whoever has called; as many rounds of its handshake as that takes. */
void stranger_secure(int i, enum stranger_cert cert);

/* Inside TLS if it stands. */
void stranger_say(int i, const void *bytes, size_t size);
/* A greeting of a peer that may be let in, or nearly; addresses are left to the caller, who gets
 * the byte that some of its oddities come from. */
uint8_t stranger_draw_hello(struct ls_reader *in, struct ls_hello *h);
void stranger_say_hello(int i, const struct ls_hello *h);
void stranger_say_signal(int i, uint8_t type, uint64_t value);
/* Right in its header and checks, with any body: but for greetings, which have what they need. */
void stranger_say_frame(int i, struct ls_reader *in);
/* Inside TLS if it stands, or under it. */
void stranger_say_bytes(int i, struct ls_reader *in, bool under);
/* Reads what the node has said, and gives the sign of life that it may have asked for. */
void stranger_answer(int i);

#endif
