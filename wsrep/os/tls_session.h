/* For tcp.c only: TLS on one connected, non-blocking socket. The handshake is part of the first
 * reads and writes. */
#ifndef LS_OS_TLS_SESSION_H
#define LS_OS_TLS_SESSION_H

#include "wsrep/base/hash.h" /* struct ls_piece */
#include "wsrep/os/tls.h"

#include <stdbool.h>
#include <stddef.h>

struct ls_tls_session;

/* NULL: no memory. accepted: the other side has dialled. */
struct ls_tls_session *ls_tls_session_create(struct ls_tls *tls, int fd, bool accepted);
void ls_tls_session_free(struct ls_tls_session *s); /* NULL is allowed */

/* As ls_tcp_read() and ls_tcp_write(). LS_E_PROTO: this cannot become, or is no longer, a TLS
 * connection; the text is whole and says whose fault it is. Unsent bytes must be offered again,
 * first and in the same order. */
enum ls_rc ls_tls_session_read(struct ls_tls_session *s, void *buf, size_t size, size_t *got,
                               struct ls_error *err);
enum ls_rc ls_tls_session_write(struct ls_tls_session *s, const struct ls_piece *pieces,
                                size_t count, size_t *written, struct ls_error *err);

/* What the last read and the last write need from the socket, where it is not the obvious. */
bool ls_tls_session_read_needs_write(const struct ls_tls_session *s);
bool ls_tls_session_write_needs_read(const struct ls_tls_session *s);
/* The last read was given all it asked for, and there is more that the socket will not announce. */
bool ls_tls_session_has_more(const struct ls_tls_session *s);

#endif
