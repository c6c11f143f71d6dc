/* Encrypted connections: who gets in, what the refused are told, and new certificates while
 * running. Everything that plain connections do is done by test_net under TLS as well
 * (test_net_tls). */
#include "certs.h"
#include "fixture.h"

#include "wsrep/os/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Two nodes, the second with another certificate, authority or none; tls of both is freed by
 * stop().
 */
struct pair {
    struct node *a;
    struct node *b;
    struct ls_tls *tls_a;
    struct ls_tls *tls_b;
};

static struct pair start(struct ls_tls *tls_a, struct ls_tls *tls_b, bool dynamic)
{
    struct node_options a = {.id = 1, .incarnation = 1, .tls = tls_a, .tls_dynamic = dynamic};
    struct node_options b = {.id = 2, .incarnation = 1, .tls = tls_b, .tls_dynamic = dynamic};
    struct pair p = {.tls_a = tls_a, .tls_b = tls_b};

    p.a = node_start(&a);
    p.b = node_start(&b);
    return p;
}

static void stop(struct pair *p)
{
    node_stop(p->a);
    node_stop(p->b);
    ls_tls_destroy(p->tls_a);
    ls_tls_destroy(p->tls_b);
}

static void assert_up(struct pair *p)
{
    assert_true(node_wait(p->a, p->b, seen_up));
    assert_true(node_wait(p->b, p->a, seen_up));
}

static void wait_line(const char *text)
{
    for (int i = 0; i < 500 && log_count(text) == 0; i++) {
        usleep(10000);
    }
    if (log_count(text) == 0) {
        fail_msg("no line in the log with: %s", text);
    }
}

static void assert_refused(struct ls_tls *tls_a, struct ls_tls *tls_b, const char *told_a,
                           const char *told_b)
{
    struct pair p = start(tls_a, tls_b, false);

    log_reset();
    node_know(p.b, p.a); /* b dials */
    wait_line(told_a);
    wait_line(told_b);
    assert_int_equal(node_seen(p.a, p.b).ups, 0);
    assert_int_equal(node_seen(p.b, p.a).ups, 0);
    stop(&p);
}

static void test_own_authority(void **state)
{
    struct pair p = start(cert_load(*state, "one", "ca"), cert_load(*state, "two", "ca"), false);

    log_reset();
    node_know(p.b, p.a);
    assert_up(&p);
    assert_true(log_count("ssl://127.0.0.1") > 0);
    assert_int_equal(log_count("tcp://"), 0);
    stop(&p);
}

/* Every node has the same self-signed certificate, and no CA is given: a usual small set-up. */
static void test_one_certificate_for_all(void **state)
{
    struct pair p = start(cert_load(*state, "ca", NULL), cert_load(*state, "ca", NULL), false);

    node_know(p.a, p.b);
    assert_up(&p);
    stop(&p);
}

/* So it is when its file has the chain to its authority: others whom that has signed are strangers,
 * who may show the chain, too. */
static void test_one_certificate_with_its_chain(void **state)
{
    struct pair p =
        start(cert_load(*state, "chained", NULL), cert_load(*state, "chained", NULL), false);

    node_know(p.a, p.b);
    assert_up(&p);
    stop(&p);
    assert_refused(cert_load(*state, "chained", NULL), cert_load(*state, "sibling", "inter"),
                   "its certificate (/CN=sibling) is refused",
                   "it refuses our certificate: its socket.ssl_ca has not signed our certificate");
}

static void test_foreign_authority(void **state)
{
    assert_refused(cert_load(*state, "one", "ca"), cert_load(*state, "stranger", "ca"),
                   "no TLS with 127.0.0.1",
                   "it refuses our certificate: its socket.ssl_ca has not signed our certificate");
    assert_refused(cert_load(*state, "one", "ca"), cert_load(*state, "two", "foreign"), "127.0.0.1",
                   "its certificate (/CN=one) is refused");
}

/* What a client with a good certificate hears that can speak one version of TLS alone: whether the
 * handshake came to its end, which with TLS 1.3 is the other side's word behind it. */
static bool speaks(const char *dir, uint16_t port, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    char file[CERT_PATH_SIZE];
    int fd = raw_connect(port);

    snprintf(file, sizeof(file), "%s/two.pem", dir);
    assert_int_equal(SSL_use_certificate_file(ssl, file, SSL_FILETYPE_PEM), 1);
    snprintf(file, sizeof(file), "%s/two.key", dir);
    assert_int_equal(SSL_use_PrivateKey_file(ssl, file, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_set_min_proto_version(ssl, version), 1);
    assert_int_equal(SSL_set_max_proto_version(ssl, version), 1);
    SSL_set_fd(ssl, fd);
    bool done = SSL_connect(ssl) == 1;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return done;
}

static void test_versions(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .tls = cert_load(*state, "one", "ca")};
    struct node *n = node_start(&opt);

    assert_true(speaks(*state, n->port, TLS1_3_VERSION));
    assert_false(speaks(*state, n->port, TLS1_2_VERSION));
    node_stop(n);
    ls_tls_destroy(opt.tls);
}

static void test_expired(void **state)
{
    log_reset();
    assert_refused(cert_load(*state, "one", "ca"), cert_load(*state, "old", "ca"),
                   "its certificate (/CN=old) is refused: certificate has expired",
                   "it refuses our certificate: our certificate has expired");
}

static void test_plain_and_tls(void **state)
{
    assert_refused(cert_load(*state, "one", "ca"), NULL,
                   "it does not speak TLS, and this node does",
                   "it speaks TLS, and this node does not");
    assert_refused(NULL, cert_load(*state, "one", "ca"), "it speaks TLS, and this node does not",
                   "does it speak TLS");
}

/* A client that speaks TLS and shows no certificate; garbage where a handshake should be. */
static void test_strangers(void **state)
{
    struct pair p = start(cert_load(*state, "one", "ca"), cert_load(*state, "two", "ca"), false);
    static const char request[] = "OPTIONS / HTTP/1.0\r\n\r\n";
    /* a record of type handshake that is no handshake */
    static const uint8_t junk[] = {0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9};
    char buf[512];
    int fd;

    node_know(p.b, p.a);
    assert_up(&p);
    log_reset();
    for (int i = 0; i < 2; i++) {
        struct timeval tv = {.tv_sec = 5};
        fd = raw_connect(p.a->port);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
        assert_true(i == 0 ? send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0
                           : send(fd, junk, sizeof(junk), MSG_NOSIGNAL) > 0);
        while (recv(fd, buf, sizeof(buf), 0) > 0) {
        }
        close(fd);
    }
    wait_line("it does not speak TLS");
    assert_int_equal(node_seen(p.a, p.b).downs, 0);
    stop(&p);
}

/* Good bytes and, in the same packet, a record that nobody with the key has made: what is wrong is
 * told at once, though the socket has nothing more to announce. */
static void test_forged_record(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .tls = cert_load(*state, "one", "ca")};
    struct node *n = node_start(&opt);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    static const uint8_t forged[32] = {0x17, 3, 3, 0, 27};
    char path[CERT_PATH_SIZE];
    int fd = raw_connect(n->port);
    int cork = 1;

    snprintf(path, sizeof(path), "%s/two.pem", (char *)*state);
    assert_int_equal(SSL_use_certificate_file(ssl, path, SSL_FILETYPE_PEM), 1);
    snprintf(path, sizeof(path), "%s/two.key", (char *)*state);
    assert_int_equal(SSL_use_PrivateKey_file(ssl, path, SSL_FILETYPE_PEM), 1);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    log_reset();
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof(cork));
    assert_int_equal(SSL_write(ssl, "x", 1), 1);
    assert_int_equal(send(fd, forged, sizeof(forged), MSG_NOSIGNAL), sizeof(forged));
    cork = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof(cork));
    wait_line("no TLS with 127.0.0.1");
    assert_int_equal(log_count("in time"), 0);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    node_stop(n);
    ls_tls_destroy(opt.tls);
}

static bool has_chunks(const struct peer_seen *s)
{
    return s->messages >= 1000;
}

static void reload(struct node *n, void *arg)
{
    struct ls_error err = {0};
    (void)n;
    assert_int_equal(ls_tls_reload(arg, &err), LS_OK);
}

/* The old certificate goes on where it was used; who comes anew sees the new one. */
/* ---- strangers that ask for signatures ---- */

#define ASKING 24

struct flood {
    uint16_t port;
    unsigned host; /* 127.0.0.<host> */
    uint8_t hello[2048];
    size_t hello_size;
    atomic_bool stop;
    atomic_int answers;
    int64_t start_us;
    ls_thread thread;
};

/* The first bytes of TLS, as any client sends them. */
static void make_client_hello(struct flood *f)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *out = BIO_new(BIO_s_mem());
    int n;

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_set_connect_state(ssl);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    n = BIO_read(out, f->hello, sizeof(f->hello));
    assert_true(n > 0);
    f->hello_size = (size_t)n;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* Asks on all of its connections and again as soon as one was answered or closed. */
static void *flood(void *arg)
{
    struct flood *f = arg;
    struct pollfd fds[ASKING];
    char byte;

    for (int i = 0; i < ASKING; i++) {
        fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    }
    while (!f->stop) {
        for (int i = 0; i < ASKING; i++) {
            if (fds[i].fd < 0) {
                fds[i].fd = raw_connect_from(f->host, f->port);
                send(fds[i].fd, f->hello, f->hello_size, MSG_NOSIGNAL);
            }
        }
        poll(fds, ASKING, 10);
        for (int i = 0; i < ASKING; i++) {
            if (fds[i].revents != 0) {
                f->answers += recv(fds[i].fd, &byte, 1, 0) > 0;
                close(fds[i].fd);
                fds[i].fd = -1;
            }
        }
    }
    for (int i = 0; i < ASKING; i++) {
        close(fds[i].fd);
    }
    return NULL;
}

static struct flood *flood_start(uint16_t port, unsigned host)
{
    struct flood *f = calloc(1, sizeof(*f));

    f->port = port;
    f->host = host;
    make_client_hello(f);
    f->start_us = ls_clock_us();
    assert_true(ls_thread_start(&f->thread, "flood", flood, f));
    usleep(500000);
    return f;
}

/* It was answered as often as strangers, or with `burst` 20 the hosts of nodes, may be. */
static void flood_stop(struct flood *f, int burst)
{
    int64_t seconds;

    usleep(500000);
    f->stop = true;
    ls_thread_join(f->thread);
    seconds = (ls_clock_us() - f->start_us) / 1000000 + 1;
    assert_in_range(f->answers, 1, burst + 10 * seconds);
    free(f);
}

/* Whoever can reach the port gets few signatures a second, and keeps a node of another host out no
 * more than a moment, even one that was never heard of. */
static void test_flood(void **state)
{
    struct pair p = start(cert_load(*state, "one", "ca"), cert_load(*state, "two", "ca"), false);
    struct flood *f = flood_start(p.a->port, 9);

    node_know(p.b, p.a);
    assert_up(&p);
    flood_stop(f, 5);
    stop(&p);
}

/* From the very host at which the nodes are. */
static void test_flood_from_known_host(void **state)
{
    struct pair p = start(cert_load(*state, "one", "ca"), cert_load(*state, "two", "ca"), false);
    struct flood *f = flood_start(p.a->port, 1);

    node_know(p.a, p.b);
    assert_up(&p);
    flood_stop(f, 5 + 20 + 10); /* strangers until the other was known */
    stop(&p);
}

static void test_reload(void **state)
{
    const char *dir = *state;
    struct node_options third = {.id = 3, .incarnation = 1};
    struct ls_error err = {0};
    struct ls_tls *tls_c;
    struct node *c;
    struct pair p;

    cert_make(dir, "fresh", "ca", -1, 300);
    p = start(cert_load(dir, "fresh", "ca"), cert_load(dir, "two", "ca"), false);
    node_know(p.b, p.a);
    assert_up(&p);
    cert_remove(dir, "fresh");
    assert_int_equal(ls_tls_reload(p.tls_a, &err), LS_E_INVAL);
    assert_non_null(strstr(err.text, "fresh.pem"));
    cert_make(dir, "fresh", "foreign", -1, 300);
    node_call(p.a, reload, p.tls_a);
    node_send_numbers(p.a, p.b, 0, 999);
    assert_true(node_wait(p.b, p.a, has_chunks));
    assert_int_equal(node_seen(p.b, p.a).downs, 0);
    log_reset();
    third.tls = tls_c = cert_load(dir, "two", "ca");
    c = node_start(&third);
    node_know(c, p.a);
    wait_line("its certificate (/CN=fresh) is refused");
    node_stop(c);
    ls_tls_destroy(tls_c);
    stop(&p);
}

/* socket.dynamic: from plain to encrypted node by node. */
static void test_dynamic(void **state)
{
    struct node_options plain = {.id = 3, .incarnation = 1};
    struct pair p = start(cert_load(*state, "one", "ca"), cert_load(*state, "two", "ca"), true);
    struct node *c = node_start(&plain);

    log_reset();
    node_know(p.b, p.a);
    assert_up(&p);
    assert_true(log_count("connection established to 01000000-0000 ssl://") > 0);
    node_know(p.a, c); /* dials with TLS first */
    assert_true(node_wait(p.a, c, seen_up));
    node_know(c, p.b); /* dials plain */
    assert_true(node_wait(p.b, c, seen_up));
    node_stop(c);
    stop(&p);
}

static void bad(const struct ls_tls_files *files, const char *text)
{
    struct ls_error err = {0};
    struct ls_tls *tls;

    assert_int_equal(ls_tls_create(files, &tls, &err), LS_E_INVAL);
    assert_null(tls);
    if (strstr(err.text, text) == NULL) {
        fail_msg("'%s' is not in: %s", text, err.text);
    }
}

static void test_bad_files(void **state)
{
    char key[CERT_PATH_SIZE];
    char cert[CERT_PATH_SIZE];
    char other[CERT_PATH_SIZE];
    char junk[CERT_PATH_SIZE];
    char kind[CERT_PATH_SIZE];
    struct ls_tls *tls;
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    FILE *f;

    snprintf(key, sizeof(key), "%s/one.key", (char *)*state);
    snprintf(cert, sizeof(cert), "%s/one.pem", (char *)*state);
    snprintf(other, sizeof(other), "%s/two.key", (char *)*state);
    snprintf(junk, sizeof(junk), "%s/junk", (char *)*state);
    f = fopen(junk, "w");
    fputs("-----BEGIN CERTIFICATE-----\nnonsense\n", f);
    fclose(f);
    snprintf(kind, sizeof(kind), "%s/rsa", (char *)*state);
    f = fopen(kind, "w");
    assert_int_equal(PEM_write_PrivateKey(f, rsa, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    EVP_PKEY_free(rsa);
    bad(&(struct ls_tls_files){.key = kind, .cert = cert}, "is not the key of the certificate");
    unlink(kind);
    bad(&(struct ls_tls_files){.key = key}, "socket.ssl_cert");
    bad(&(struct ls_tls_files){.cert = cert}, "socket.ssl_key");
    bad(&(struct ls_tls_files){.key = "/nowhere", .cert = cert}, "/nowhere");
    bad(&(struct ls_tls_files){.key = key, .cert = "/nowhere"}, "No such file");
    bad(&(struct ls_tls_files){.key = other, .cert = cert}, "is not the key of the certificate");
    bad(&(struct ls_tls_files){.key = junk, .cert = cert}, "socket.ssl_key");
    bad(&(struct ls_tls_files){.key = key, .cert = junk}, "socket.ssl_cert");
    bad(&(struct ls_tls_files){.key = key, .cert = cert, .ca = junk}, "socket.ssl_ca");
    bad(&(struct ls_tls_files){.key = key, .cert = cert, .cipher = "none such"},
        "socket.ssl_cipher");
    /* a list for older versions, from a configuration for Galera */
    assert_int_equal(
        ls_tls_create(
            &(struct ls_tls_files){.key = key, .cert = cert, .cipher = "AES256-SHA:AES128-SHA"},
            &tls, NULL),
        LS_OK);
    ls_tls_destroy(tls);
    unlink(junk);
}

static const char *const names[] = {"ca",       "foreign", "one",   "two",     "old",
                                    "stranger", "fresh",   "inter", "chained", "sibling"};

static int make_all(void **state)
{
    const char *dir = cert_dir();

    cert_make(dir, "ca", NULL, -1, 3000);
    cert_make(dir, "foreign", NULL, -1, 3000);
    cert_make(dir, "one", "ca", -1, 300);
    cert_make(dir, "two", "ca", -1, 300);
    cert_make(dir, "old", "ca", -300, -1);
    cert_make(dir, "stranger", "foreign", -1, 300);
    cert_make_authority(dir, "inter", "ca");
    cert_make(dir, "chained", "inter", -1, 300);
    cert_append(dir, "chained", "inter");
    cert_make(dir, "sibling", "inter", -1, 300);
    cert_append(dir, "sibling", "inter");
    *state = (void *)(uintptr_t)dir;
    return 0;
}

static int remove_all(void **state)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cert_remove(*state, names[i]);
    }
    return rmdir(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_authority),
        cmocka_unit_test(test_one_certificate_for_all),
        cmocka_unit_test(test_one_certificate_with_its_chain),
        cmocka_unit_test(test_foreign_authority),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_plain_and_tls),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_forged_record),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_flood_from_known_host),
        cmocka_unit_test(test_dynamic),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
