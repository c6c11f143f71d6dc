#include "certs.h"

#include "wsrep/base/assert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY 86400L

static const char *path(const char *dir, const char *name, const char *suffix)
{
    static char paths[4][CERT_PATH_SIZE];
    static unsigned next;
    char *p = paths[next++ % 4];

    snprintf(p, CERT_PATH_SIZE, "%s/%s.%s", dir, name, suffix);
    return p;
}

static FILE *must_open(const char *file, const char *mode)
{
    FILE *f = fopen(file, mode);
    LS_ASSERT(f != NULL);
    return f;
}

static EVP_PKEY *read_key(const char *dir, const char *name)
{
    FILE *f = must_open(path(dir, name, "key"), "r");
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

    LS_ASSERT(key != NULL);
    fclose(f);
    return key;
}

static X509 *read_cert(const char *dir, const char *name)
{
    FILE *f = must_open(path(dir, name, "pem"), "r");
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);

    LS_ASSERT(cert != NULL);
    fclose(f);
    return cert;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    LS_ASSERT(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static X509 *new_cert(const char *name, EVP_PKEY *key, int from_days, int to_days)
{
    static long serial = 1;
    X509 *cert = X509_new();

    LS_ASSERT(cert != NULL);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_days * DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert), to_days * DAY);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    return cert;
}

static void make(const char *dir, const char *name, const char *issuer, bool authority,
                 int from_days, int to_days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = new_cert(name, key, from_days, to_days);
    EVP_PKEY *issuer_key = issuer != NULL ? read_key(dir, issuer) : key;
    X509 *issuer_cert = issuer != NULL ? read_cert(dir, issuer) : cert;
    FILE *f;

    X509_set_issuer_name(cert, X509_get_subject_name(issuer_cert));
    if (authority) {
        add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    }
    LS_ASSERT(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    f = must_open(path(dir, name, "key"), "w");
    LS_ASSERT(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
    f = must_open(path(dir, name, "pem"), "w");
    LS_ASSERT(PEM_write_X509(f, cert) == 1);
    fclose(f);
    if (issuer != NULL) {
        X509_free(issuer_cert);
        EVP_PKEY_free(issuer_key);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

void cert_make(const char *dir, const char *name, const char *issuer, int from_days, int to_days)
{
    make(dir, name, issuer, issuer == NULL, from_days, to_days);
}

void cert_make_authority(const char *dir, const char *name, const char *issuer)
{
    make(dir, name, issuer, true, -1, 3000);
}

void cert_append(const char *dir, const char *name, const char *other)
{
    X509 *cert = read_cert(dir, other);
    FILE *f = must_open(path(dir, name, "pem"), "a");

    LS_ASSERT(PEM_write_X509(f, cert) == 1);
    fclose(f);
    X509_free(cert);
}

void cert_remove(const char *dir, const char *name)
{
    unlink(path(dir, name, "key"));
    unlink(path(dir, name, "pem"));
}

struct ls_tls *cert_load(const char *dir, const char *name, const char *ca)
{
    struct ls_tls_files files = {.key = path(dir, name, "key"),
                                 .cert = path(dir, name, "pem"),
                                 .ca = ca != NULL ? path(dir, ca, "pem") : NULL};
    struct ls_error err = {0};
    struct ls_tls *tls = NULL;

    if (ls_tls_create(&files, &tls, &err) != LS_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return tls;
}

const char *cert_dir(void)
{
    static char dir[64];

    if (dir[0] == '\0') {
        snprintf(dir, sizeof(dir), "/tmp/ls-certs.XXXXXX");
        LS_ASSERT(mkdtemp(dir) != NULL);
    }
    return dir;
}
