#include "test/fuzz/stranger_tls.h"

#include "test/unit/net/certs.h"
#include "wsrep/base/assert.h"

#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *contexts[STRANGER_CERTS];

static void take_files(SSL_CTX *ctx, const char *name)
{
    char path[CERT_PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s.pem", cert_dir(), name);
    LS_ASSERT(SSL_CTX_use_certificate_file(ctx, path, SSL_FILETYPE_PEM) == 1);
    snprintf(path, sizeof(path), "%s/%s.key", cert_dir(), name);
    LS_ASSERT(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) == 1);
}

struct ls_tls *stranger_tls_start(void)
{
    static const char *const made[][2] = {
        {"ca", NULL}, {"other-ca", NULL}, {"node", "ca"}, {"good", "ca"}, {"foreign", "other-ca"}};
    struct ls_tls *tls;

    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        cert_make(cert_dir(), made[i][0], made[i][1], -1, 300);
    }
    tls = cert_load(cert_dir(), "node", "ca");
    for (int i = 0; i < STRANGER_CERTS; i++) {
        contexts[i] = SSL_CTX_new(TLS_method());
        LS_ASSERT(contexts[i] != NULL);
        SSL_CTX_set_session_cache_mode(contexts[i], SSL_SESS_CACHE_OFF);
    }
    take_files(contexts[STRANGER_GOOD], "good");
    take_files(contexts[STRANGER_FOREIGN], "foreign");
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        cert_remove(cert_dir(), made[i][0]);
    }
    rmdir(cert_dir());
    return tls;
}

static int believe(int good, X509_STORE_CTX *store)
{
    (void)good;
    (void)store;
    return 1;
}

SSL *stranger_tls_new(enum stranger_cert cert, bool server)
{
    SSL *ssl = SSL_new(contexts[cert]);
    BIO *heard = BIO_new(BIO_s_mem());
    BIO *said = BIO_new(BIO_s_mem());

    LS_ASSERT(ssl != NULL && heard != NULL && said != NULL);
    SSL_set_bio(ssl, heard, said);
    if (server) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, believe); /* it is to be shown, as to a node */
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    return ssl;
}

static void hear(SSL *ssl, int fd)
{
    static char buf[65536];
    ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

    if (n > 0) {
        LS_ASSERT(BIO_write(SSL_get_rbio(ssl), buf, (int)n) == n);
    }
}

/* Errors are in a queue that the node shares. */
static void say(SSL *ssl, int fd)
{
    static char buf[65536];
    int n;

    while ((n = BIO_read(SSL_get_wbio(ssl), buf, sizeof(buf))) > 0) {
        (void)send(fd, buf, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    ERR_clear_error();
}

void stranger_tls_shake(SSL *ssl, int fd)
{
    hear(ssl, fd);
    (void)SSL_do_handshake(ssl);
    say(ssl, fd);
}

void stranger_tls_write(SSL *ssl, int fd, const void *bytes, size_t size)
{
    if (size > 0) {
        (void)SSL_write(ssl, bytes, (int)size);
    }
    say(ssl, fd);
}

ssize_t stranger_tls_read(SSL *ssl, int fd, void *buf, size_t size)
{
    ssize_t got;

    hear(ssl, fd);
    got = SSL_read(ssl, buf, (int)size);
    say(ssl, fd);
    return got;
}
