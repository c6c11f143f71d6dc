/* TLS 1.3 as strangers speak it, on a socket that something else may use, too. Keys and contexts
 * are made once per process. */
#ifndef LS_FUZZ_STRANGER_TLS_H
#define LS_FUZZ_STRANGER_TLS_H

#include "wsrep/os/tls.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

enum stranger_cert {
    STRANGER_GOOD,    /* of the cluster's authority */
    STRANGER_FOREIGN, /* of another one */
    STRANGER_NONE,
    STRANGER_CERTS,
};

/* Makes the certificates; the node's. */
struct ls_tls *stranger_tls_start(void);

/* A stranger looks at nobody's certificate. */
SSL *stranger_tls_new(enum stranger_cert cert, bool server);
void stranger_tls_shake(SSL *ssl, int fd);
void stranger_tls_write(SSL *ssl, int fd, const void *bytes, size_t size);
ssize_t stranger_tls_read(SSL *ssl, int fd, void *buf, size_t size);

#endif
