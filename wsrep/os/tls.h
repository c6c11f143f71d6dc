/* TLS for the connections of wsrep/os/tcp.h (OpenSSL 3): the node's certificate and key, and whom
 * it believes. TLS 1.3 only, and both sides show a certificate that the other's CA has signed.
 * Names in certificates are not compared with addresses: the CA is the cluster's own, and whoever
 * it has signed for is in. */
#ifndef LS_OS_TLS_H
#define LS_OS_TLS_H

#include "wsrep/base/error.h"

struct ls_tls;

/* Paths of PEM files; copied. NULL and "" mean: not given. */
struct ls_tls_files {
    const char *key;
    const char *cert;          /* with the chain behind it, if there is one */
    const char *ca;            /* not given: cert, which then is its own authority */
    const char *cipher;        /* suites of TLS 1.3 separated by colons, or none: OpenSSL's */
    const char *password_file; /* of the key: its first line */
};

/* Reads the files. LS_E_INVAL with a text that names option, file and what is wrong with it. */
enum ls_rc ls_tls_create(const struct ls_tls_files *files, struct ls_tls **out,
                         struct ls_error *err);
void ls_tls_destroy(struct ls_tls *tls); /* NULL is allowed; sessions may live on */

/* Reads the files again, for connections from now on; those that stand are not touched. On failure
 * what was in force stays. Any thread. */
enum ls_rc ls_tls_reload(struct ls_tls *tls, struct ls_error *err);

#endif
