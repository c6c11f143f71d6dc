#include "wsrep/os/tls_session.h"

#include "wsrep/os/tls_internal.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD_BYTES ((size_t)16 << 10) /* RFC 8446, 5.1 */

struct ls_tls_session {
    SSL *ssl;
    bool read_needs_write;
    bool write_needs_read;
    bool has_more;
    struct ls_error lost; /* what has ended it: OpenSSL forbids to go on; code LS_OK: nothing */
    int fd;
    char refused[160]; /* whose certificate was refused */
};

/* ---- the socket, for OpenSSL ----
 * Its own would raise SIGPIPE in a process whose signals are not ours. */

static int socket_fd(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int socket_read(BIO *bio, char *buf, int size)
{
    ssize_t n;

    BIO_clear_retry_flags(bio);
    do {
        n = recv(socket_fd(bio), buf, (size_t)size, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_read(bio);
    }
    return (int)n;
}

static int socket_write(BIO *bio, const char *buf, int size)
{
    ssize_t n;

    BIO_clear_retry_flags(bio);
    do {
        n = send(socket_fd(bio), buf, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_write(bio);
    }
    return (int)n;
}

static long socket_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int socket_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *method; /* lives as long as the library */

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lockstep socket");

    if (m != NULL) {
        BIO_meth_set_create(m, socket_create);
        BIO_meth_set_read(m, socket_read);
        BIO_meth_set_write(m, socket_write);
        BIO_meth_set_ctrl(m, socket_ctrl);
    }
    method = m;
}

static BIO *socket_bio(int fd)
{
    BIO *bio = CRYPTO_THREAD_run_once(&method_once, make_method) == 1 && method != NULL
                   ? BIO_new(method)
                   : NULL;

    if (bio != NULL) {
        BIO_set_data(bio, (void *)(intptr_t)fd);
    }
    return bio;
}

/* ---- life ---- */

struct ls_tls_session *ls_tls_session_create(struct ls_tls *tls, int fd, bool accepted)
{
    struct ls_tls_session *s = calloc(1, sizeof(*s));
    BIO *bio;

    if (s == NULL) {
        return NULL;
    }
    s->fd = fd;
    s->ssl = ls_tls_new_ssl(tls);
    bio = s->ssl != NULL ? socket_bio(fd) : NULL;
    if (bio == NULL) {
        ls_tls_session_free(s);
        return NULL;
    }
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_app_data(s->ssl, s);
    if (accepted) {
        SSL_set_accept_state(s->ssl);
    } else {
        SSL_set_connect_state(s->ssl);
    }
    return s;
}

void ls_tls_session_free(struct ls_tls_session *s)
{
    if (s != NULL) {
        SSL_free(s->ssl);
        free(s);
    }
}

/* ---- what went wrong ---- */

/* The alert with which the other side has refused us, as a reason; NULL: none, or none of these. */
static const char *refusal_of_ours(int reason)
{
    switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "its socket.ssl_ca has not signed our certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "our certificate has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "our certificate was revoked";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "we have shown none";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
        return "see its error log";
    default:
        return NULL;
    }
}

/* The connection keeps no certificate that it has refused. */
int ls_tls_note_verdict(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct ls_tls_session *s = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    const X509 *cert = X509_STORE_CTX_get0_cert(store);

    if (good == 0 && s != NULL && cert != NULL) {
        X509_NAME_oneline(X509_get_subject_name(cert), s->refused, (int)sizeof(s->refused));
    }
    return good;
}

/* Who does not speak TLS is told so by the bytes of a fatal alert (RFC 8446, 6: protocol_version),
 * which OpenSSL does not send. A node knows them (gcomm/net/handshake.c). */
static void send_alert(const struct ls_tls_session *s)
{
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 70};

    (void)send(s->fd, alert, sizeof(alert), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static enum ls_rc explain(struct ls_tls_session *s, struct ls_error *err)
{
    int reason = ERR_GET_REASON(ERR_peek_error());
    long verdict = SSL_get_verify_result(s->ssl);
    const char *refusal = refusal_of_ours(reason);
    const char *text = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return ls_error_set(err, LS_E_PROTO, "its certificate (%s) is refused: %s", s->refused,
                            X509_verify_cert_error_string(verdict));
    }
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        return ls_error_set(err, LS_E_PROTO, "it has shown no certificate");
    }
    if (refusal != NULL) {
        return ls_error_set(err, LS_E_PROTO, "it refuses our certificate: %s", refusal);
    }
    if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
        reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
        reason == SSL_R_BAD_RECORD_TYPE) {
        send_alert(s);
        return ls_error_set(err, LS_E_PROTO,
                            "it does not speak TLS, and this node does (socket.ssl_key); set the "
                            "same on all nodes");
    }
    if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION) {
        return ls_error_set(err, LS_E_PROTO, "it does not speak TLS 1.3");
    }
    return ls_error_set(err, LS_E_PROTO, "TLS failed: %s", text != NULL ? text : "no reason given");
}

static enum ls_rc tell_lost(const struct ls_tls_session *s, struct ls_error *err)
{
    return ls_error_set(err, s->lost.code, "%s", s->lost.text);
}

/* After a call that did not do what it should: n is what it returned. LS_E_BUSY: try again once the
 * socket is readable, or writable if *needs_write. */
static enum ls_rc failed(struct ls_tls_session *s, int n, bool *needs_write, struct ls_error *err)
{
    int saved = errno;

    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        *needs_write = false;
        return LS_E_BUSY;
    case SSL_ERROR_WANT_WRITE:
        *needs_write = true;
        return LS_E_BUSY;
    case SSL_ERROR_ZERO_RETURN:
        break;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        if (saved != 0) {
            ls_error_set(&s->lost, LS_E_IO, "%s", strerror(saved));
            return tell_lost(s, err);
        }
        break;
    default:
        explain(s, &s->lost);
        return tell_lost(s, err);
    }
    ls_error_set(&s->lost, LS_E_CLOSED, "the other side closed the connection%s",
                 SSL_is_init_finished(s->ssl) ? ""
                                              : " during TLS's handshake: does it speak TLS "
                                                "(socket.ssl_key)?");
    return tell_lost(s, err);
}

/* ---- moving bytes ---- */

enum ls_rc ls_tls_session_read(struct ls_tls_session *s, void *buf, size_t size, size_t *got,
                               struct ls_error *err)
{
    enum ls_rc rc = LS_OK;

    *got = 0;
    s->read_needs_write = false;
    s->has_more = false;
    if (s->lost.code != LS_OK) {
        return tell_lost(s, err);
    }
    /* One call gives one record at most, whatever the socket has. */
    while (*got < size) {
        size_t n = 0;
        errno = 0;
        ERR_clear_error();
        int ok = SSL_read_ex(s->ssl, (uint8_t *)buf + *got, size - *got, &n);
        if (ok != 1) {
            rc = failed(s, ok, &s->read_needs_write, err);
            break;
        }
        *got += n;
    }
    if (*got == 0) {
        return rc;
    }
    /* An end behind these bytes is told by the next call, which the socket need not ask for. */
    s->has_more = s->lost.code != LS_OK || (*got == size && SSL_has_pending(s->ssl) == 1);
    return LS_OK;
}

/* The next bytes to go out in one record, from skip on; copied together when they lie apart. */
static const void *next_record(const struct ls_piece *pieces, size_t count, size_t skip,
                               uint8_t room[RECORD_BYTES], size_t *len)
{
    size_t i = 0;

    while (i < count && skip >= pieces[i].len) {
        skip -= pieces[i++].len;
    }
    *len = 0;
    if (i < count && (pieces[i].len - skip >= RECORD_BYTES || i + 1 == count)) {
        *len = pieces[i].len - skip < RECORD_BYTES ? pieces[i].len - skip : RECORD_BYTES;
        return (const uint8_t *)pieces[i].data + skip;
    }
    for (; i < count && *len < RECORD_BYTES; i++) {
        size_t n = pieces[i].len - skip;
        n = n < RECORD_BYTES - *len ? n : RECORD_BYTES - *len;
        if (n > 0) {
            memcpy(room + *len, (const uint8_t *)pieces[i].data + skip, n);
        }
        *len += n;
        skip = 0;
    }
    return room;
}

enum ls_rc ls_tls_session_write(struct ls_tls_session *s, const struct ls_piece *pieces,
                                size_t count, size_t *written, struct ls_error *err)
{
    uint8_t room[RECORD_BYTES];
    bool needs_write = true;
    enum ls_rc rc = LS_OK;

    *written = 0;
    s->write_needs_read = false;
    if (s->lost.code != LS_OK) {
        return tell_lost(s, err);
    }
    while (rc == LS_OK) {
        size_t len;
        size_t n = 0;
        const void *data = next_record(pieces, count, *written, room, &len);
        if (len == 0) {
            return LS_OK;
        }
        errno = 0;
        ERR_clear_error();
        int ok = SSL_write_ex(s->ssl, data, len, &n);
        if (ok == 1) {
            *written += n;
        } else {
            rc = failed(s, ok, &needs_write, err);
        }
    }
    if (rc != LS_E_BUSY) {
        return rc;
    }
    s->write_needs_read = !needs_write;
    return LS_OK;
}

bool ls_tls_session_read_needs_write(const struct ls_tls_session *s)
{
    return s->read_needs_write;
}

bool ls_tls_session_write_needs_read(const struct ls_tls_session *s)
{
    return s->write_needs_read;
}

bool ls_tls_session_has_more(const struct ls_tls_session *s)
{
    return s->has_more;
}
