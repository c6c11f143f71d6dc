/* Shared by tls.c and tls_session.c. */
#ifndef LS_OS_TLS_INTERNAL_H
#define LS_OS_TLS_INTERNAL_H

#include "wsrep/os/tls.h"

#include <openssl/ssl.h>

#define LS_TLS_READ_BUFFER ((size_t)64 << 10) /* ciphertext of one recv() */

/* A connection under the files of now; NULL: no memory. */
SSL *ls_tls_new_ssl(struct ls_tls *tls);
/* OpenSSL's callback: the peer's certificate is good, or not. In tls_session.c. */
int ls_tls_note_verdict(int good, X509_STORE_CTX *store);

#endif
