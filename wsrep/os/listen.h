/* Listening sockets, for tcp.h and for those whose loop is a library's own (the health endpoint).
 */
#ifndef LS_OS_LISTEN_H
#define LS_OS_LISTEN_H

#include "wsrep/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* A bound, listening, non-blocking descriptor, close-on-exec. host may be a name or numeric, "" or
 * "*" for all addresses; port 0 takes any free one, *bound is the real one. LS_E_EXISTS: the port
 * is taken. */
enum ls_rc ls_listen_open(const char *host, uint16_t port, int backlog, int *fd, uint16_t *bound,
                          struct ls_error *err);
void ls_listen_close(int fd); /* -1 is allowed */

/* A connection, non-blocking, or -1: none within timeout_ms (or it went away). */
int ls_listen_accept(int fd, int timeout_ms);

/* Sends the text to a fresh connection, as far as it takes it at once, and closes it. */
void ls_listen_answer(int connection, const char *text, size_t size);

/* Ends both directions of a connection that somebody else owns and will close. */
void ls_listen_break(int connection);

#endif
