/* TCP on the event loop: listen, connect, read, write. The only sockets of the house.
 *
 * Addresses are text: "192.0.2.1:4567", "[2001:db8::1]:4567" (wsrep/os/address.h). Sockets are
 * non-blocking, close-on-exec, without Nagle's delay, with keepalive, and give up a peer that has
 * taken nothing for LS_TCP_DEAD_MS. All functions are for the loop's thread.
 *
 * The layer buffers nothing: reading and writing are attempts that say how much they moved, so the
 * owner decides what to keep and how long to serve one peer. */
#ifndef LS_OS_TCP_H
#define LS_OS_TCP_H

#include "wsrep/base/error.h"
#include "wsrep/base/hash.h" /* struct ls_piece */
#include "wsrep/os/loop.h"
#include "wsrep/os/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_TCP_ADDR_SIZE 72 /* numeric "[address%scope]:port" and NUL */
#define LS_TCP_DEAD_MS 30000

struct ls_tcp;
struct ls_tcp_listener;

struct ls_tcp_callbacks {
    /* The outcome of ls_tcp_connect(): LS_OK, or why not. Not called for accepted connections. */
    void (*connected)(void *ctx, enum ls_rc rc, const char *why);
    /* There is something to read (perhaps only the end): called again each turn until it is read.
     */
    void (*readable)(void *ctx);
    /* After ls_tcp_want_write(true): the socket takes more. */
    void (*writable)(void *ctx);
};

/* ---- listening ---- */
/* host may be a name or numeric, "" or "*" for all addresses; port 0 takes any free one. accepted()
 * gets a connection that the callee owns and for which it must call ls_tcp_set_callbacks() or
 * ls_tcp_close(). */
enum ls_rc ls_tcp_listen(struct ls_loop *loop, const char *host, uint16_t port,
                         void (*accepted)(void *ctx, struct ls_tcp *tcp), void *ctx,
                         struct ls_tcp_listener **out, struct ls_error *err);
/* From accepted(): no more are taken for so long; they wait in the kernel. */
void ls_tcp_listener_pause(struct ls_tcp_listener *l, unsigned ms);
uint16_t ls_tcp_listener_port(const struct ls_tcp_listener *l);
void ls_tcp_listener_close(struct ls_tcp_listener *l); /* NULL is allowed */

/* ---- connections ---- */
/* Starts connecting to a numeric address "host:port". connected() follows, never from inside. from:
 * a numeric address of this machine that the other side is to see, where it can be (of one family
 * with addr, on loopback like it or not); NULL: any. */
enum ls_rc ls_tcp_connect(struct ls_loop *loop, const char *addr, const char *from,
                          const struct ls_tcp_callbacks *cb, void *ctx, struct ls_tcp **out,
                          struct ls_error *err);
void ls_tcp_set_callbacks(struct ls_tcp *t, const struct ls_tcp_callbacks *cb, void *ctx);

/* From here on what is read and written goes through TLS; before the first byte of either, once
 * connected. accepted: the other side has dialled. The handshake is part of the first reads and
 * writes; LS_E_PROTO from them says in words why there is none. */
enum ls_rc ls_tcp_secure(struct ls_tcp *t, struct ls_tls *tls, bool accepted, struct ls_error *err);
bool ls_tcp_is_secure(const struct ls_tcp *t);
/* Looks without taking: LS_OK and the first byte, or as ls_tcp_read(). Before ls_tcp_secure(). */
enum ls_rc ls_tcp_peek(struct ls_tcp *t, uint8_t *first, struct ls_error *err);

/* Up to size bytes; *got > 0 with LS_OK. LS_E_BUSY: nothing there now; LS_E_CLOSED: the other side
 * has closed; LS_E_IO: broken. */
enum ls_rc ls_tcp_read(struct ls_tcp *t, void *buf, size_t size, size_t *got, struct ls_error *err);
/* What the socket takes now of the pieces, in order; *written may be anything from 0 to all, with
 * LS_OK. LS_E_CLOSED or LS_E_IO: broken, readable() will follow so that one place cleans up. */
enum ls_rc ls_tcp_write(struct ls_tcp *t, const struct ls_piece *pieces, size_t count,
                        size_t *written, struct ls_error *err);
/* Reading is on from the start, writing off. */
void ls_tcp_want_read(struct ls_tcp *t, bool on);
void ls_tcp_want_write(struct ls_tcp *t, bool on);

/* Ends both directions now; readable() follows, and reading says LS_E_CLOSED. For code that must
 * not be called back at once. */
void ls_tcp_shutdown(struct ls_tcp *t);
/* Closes and frees; no callback follows. NULL is allowed. */
void ls_tcp_close(struct ls_tcp *t);

/* Numeric addresses of the two ends, "host:port"; of the peer alone without port: IPv4 addresses
 * that came over an IPv6 socket are given as IPv4. */
const char *ls_tcp_peer(const struct ls_tcp *t);
const char *ls_tcp_peer_host(const struct ls_tcp *t);

#endif
