#include "wsrep/os/tls.h"

#include "wsrep/base/log.h"
#include "wsrep/os/thread.h"
#include "wsrep/os/tls_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRY_WARN_DAYS 30
#define PASSWORD_MAX 1024

struct ls_tls {
    struct ls_tls_files files; /* own copies, NULL: not given */
    ls_mutex lock;             /* of ctx */
    SSL_CTX *ctx;
};

/* The first of OpenSSL's reasons, in its words; empties its queue. */
static const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *text = ERR_reason_error_string(code);

    if (text == NULL && ERR_SYSTEM_ERROR(code)) {
        text = strerror(ERR_GET_REASON(code));
    }
    ERR_clear_error();
    return text != NULL ? text : "unknown error";
}

static int give_password(char *buf, int size, int writing, void *arg)
{
    const struct ls_tls_files *files = arg;
    FILE *f = files->password_file != NULL ? fopen(files->password_file, "re") : NULL;
    char line[PASSWORD_MAX];
    size_t len = 0;

    (void)writing;
    if (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        len = strcspn(line, "\r\n");
    }
    if (f != NULL) {
        fclose(f);
    }
    if (len > (size_t)size) {
        len = 0;
    }
    memcpy(buf, line, len);
    OPENSSL_cleanse(line, sizeof(line));
    return (int)len;
}

/* Suites of TLS 1.3 are set. A list of older ones, as Galera's configuration may have it, is
 * checked and has no effect; anything else is a mistake. */
static enum ls_rc take_cipher(SSL_CTX *ctx, const char *cipher, struct ls_error *err)
{
    if (cipher == NULL || SSL_CTX_set_ciphersuites(ctx, cipher) == 1) {
        return LS_OK;
    }
    ERR_clear_error();
    if (SSL_CTX_set_cipher_list(ctx, cipher) == 1) {
        ls_info(
            "socket.ssl_cipher '%s' is about TLS 1.2 and older: nodes speak TLS 1.3 with its own "
            "suites, the option has no effect",
            cipher);
        return LS_OK;
    }
    ERR_clear_error();
    return ls_error_set(err, LS_E_INVAL,
                        "socket.ssl_cipher: '%.100s' names no cipher that OpenSSL has; leave the "
                        "option out or name suites of TLS 1.3, like TLS_AES_256_GCM_SHA384",
                        cipher);
}

static enum ls_rc take_key_pair(SSL_CTX *ctx, const struct ls_tls_files *files,
                                struct ls_error *err)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1) {
        return ls_error_set(err, LS_E_INVAL,
                            "socket.ssl_cert: no certificate can be read from '%s' (%s); give a "
                            "PEM file that the server's user may read",
                            files->cert, openssl_reason());
    }
    SSL_CTX_set_default_passwd_cb(ctx, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, (void *)(uintptr_t)files);
    bool taken = SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) == 1;
    int reason = taken ? 0 : ERR_GET_REASON(ERR_peek_last_error());
    bool mismatch = reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH;
    /* A key of another kind than the certificate's is taken, and then there is no certificate. */
    if (mismatch || (taken && SSL_CTX_check_private_key(ctx) != 1)) {
        ERR_clear_error();
        return ls_error_set(err, LS_E_INVAL,
                            "socket.ssl_key '%s' is not the key of the certificate in '%s'",
                            files->key, files->cert);
    }
    if (!taken) {
        return ls_error_set(err, LS_E_INVAL,
                            "socket.ssl_key: no key can be read from '%s' (%s); give a PEM file "
                            "that the server's user may read%s",
                            files->key, openssl_reason(),
                            files->password_file != NULL
                                ? ", and its password in the first line of "
                                  "socket.ssl_password_file"
                                : "");
    }
    return LS_OK;
}

/* Without an authority the nodes share one certificate, the first of its file: those behind it,
 * with which it can be checked elsewhere, would let in everybody for whom they have signed. */
static enum ls_rc take_ca(SSL_CTX *ctx, const struct ls_tls_files *files, struct ls_error *err)
{
    if (files->ca == NULL) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), SSL_CTX_get0_certificate(ctx)) != 1) {
            return ls_error_set(err, LS_E_NOMEM, "TLS: no memory");
        }
    } else if (SSL_CTX_load_verify_file(ctx, files->ca) != 1) {
        return ls_error_set(err, LS_E_INVAL,
                            "socket.ssl_ca: no certificate of an authority can be read from '%s' "
                            "(%s); give a PEM file that the server's user may read",
                            files->ca, openssl_reason());
    }
    /* An intermediate authority, or a certificate that all nodes share, may be the anchor. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return LS_OK;
}

/* An expired certificate is told here, where the file is named, and not only by all the others. */
static void tell_validity(SSL_CTX *ctx, const char *path)
{
    const ASN1_TIME *end = X509_get0_notAfter(SSL_CTX_get0_certificate(ctx));
    int days = 0;
    int seconds = 0;

    if (ASN1_TIME_diff(&days, &seconds, NULL, end) != 1) {
        return;
    }
    if (days < 0 || seconds < 0) {
        ls_log(LS_LOG_ERROR,
               "the certificate in socket.ssl_cert '%s' has expired: other nodes refuse it. "
               "Replace the file and SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'",
               path);
    } else if (days < EXPIRY_WARN_DAYS) {
        ls_warn("the certificate in socket.ssl_cert '%s' expires in %d days: replace the file and "
                "SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'",
                path, days);
    }
}

static enum ls_rc load(const struct ls_tls_files *files, SSL_CTX **out, struct ls_error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    enum ls_rc rc = LS_OK;

    ERR_clear_error();
    if (ctx == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "TLS: no memory");
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    /* Frames know their length, so a cut is seen without TLS's own goodbye. */
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, LS_TLS_READ_BUFFER);
    /* Connections are few and long: nothing is resumed. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, ls_tls_note_verdict);
    rc = take_cipher(ctx, files->cipher, err);
    if (rc == LS_OK) {
        rc = take_key_pair(ctx, files, err);
    }
    if (rc == LS_OK) {
        rc = take_ca(ctx, files, err);
    }
    if (rc != LS_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    tell_validity(ctx, files->cert);
    *out = ctx;
    return LS_OK;
}

static bool copy_path(const char **out, const char *path)
{
    *out = path != NULL && path[0] != '\0' ? strdup(path) : NULL;
    return *out != NULL || path == NULL || path[0] == '\0';
}

static void free_files(struct ls_tls_files *f)
{
    const char *all[] = {f->key, f->cert, f->ca, f->cipher, f->password_file};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        free((void *)(uintptr_t)all[i]);
    }
}

enum ls_rc ls_tls_create(const struct ls_tls_files *files, struct ls_tls **out,
                         struct ls_error *err)
{
    struct ls_tls *tls = calloc(1, sizeof(*tls));
    enum ls_rc rc = LS_E_NOMEM;

    *out = NULL;
    if (tls == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "TLS: no memory");
    }
    ls_mutex_init(&tls->lock);
    if (!copy_path(&tls->files.key, files->key) || !copy_path(&tls->files.cert, files->cert) ||
        !copy_path(&tls->files.ca, files->ca) || !copy_path(&tls->files.cipher, files->cipher) ||
        !copy_path(&tls->files.password_file, files->password_file)) {
        ls_error_set(err, LS_E_NOMEM, "TLS: no memory");
    } else if (tls->files.key == NULL || tls->files.cert == NULL) {
        rc = ls_error_set(err, LS_E_INVAL,
                          "TLS needs %s: give a PEM file, or set socket.ssl=no for plain "
                          "connections in a network that only the nodes can reach",
                          tls->files.key == NULL ? "socket.ssl_key" : "socket.ssl_cert");
    } else {
        rc = load(&tls->files, &tls->ctx, err);
    }
    if (rc != LS_OK) {
        ls_tls_destroy(tls);
        return rc;
    }
    *out = tls;
    return LS_OK;
}

void ls_tls_destroy(struct ls_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_CTX_free(tls->ctx);
    ls_mutex_destroy(&tls->lock);
    free_files(&tls->files);
    free(tls);
}

enum ls_rc ls_tls_reload(struct ls_tls *tls, struct ls_error *err)
{
    SSL_CTX *ctx;
    SSL_CTX *before;
    enum ls_rc rc = load(&tls->files, &ctx, err);

    if (rc != LS_OK) {
        return rc;
    }
    ls_mutex_lock(&tls->lock);
    before = tls->ctx;
    tls->ctx = ctx;
    ls_mutex_unlock(&tls->lock);
    SSL_CTX_free(before);
    return LS_OK;
}

SSL *ls_tls_new_ssl(struct ls_tls *tls)
{
    SSL *ssl;

    ls_mutex_lock(&tls->lock);
    ssl = SSL_new(tls->ctx);
    ls_mutex_unlock(&tls->lock);
    return ssl;
}
