/* Names and addresses over a long time: name servers that do not answer, addresses that change.
 * What a name gives is up to the test (--wrap=getaddrinfo), and so is the time
 * (--wrap=ls_clock_us): only the net's clock jumps, its tick comes each 50 ms as ever. */
#include "fixture.h"

#include "wsrep/os/clock.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the world ---- */

static atomic_llong ahead_us;
static atomic_int hang_us;          /* what a look-up of a name takes */
static _Atomic(const char *) gives; /* the address of every name but "gone…", NULL: none */
static atomic_int under_way;
static atomic_int most_under_way;
static atomic_int asked[10]; /* by the digit behind "db" */

int64_t __real_ls_clock_us(void);
int64_t __wrap_ls_clock_us(void);
int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);

int64_t __wrap_ls_clock_us(void)
{
    return __real_ls_clock_us() + ahead_us;
}

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    int n;

    if (host == NULL || strstr(host, ".example") == NULL) {
        return __real_getaddrinfo(host, port, hints, out);
    }
    if (strncmp(host, "db", 2) == 0) {
        asked[host[2] - '0']++;
    }
    n = ++under_way;
    if (n > most_under_way) {
        most_under_way = n;
    }
    usleep((useconds_t)hang_us);
    under_way--;
    if (gives == NULL || strncmp(host, "gone", 4) == 0) {
        return EAI_AGAIN;
    }
    return __real_getaddrinfo(gives, port, hints, out);
}

static bool comes_up(struct node *n, const struct node *other)
{
    for (int i = 0; i < 500 && !node_seen(n, other).up; i++) {
        usleep(10000);
    }
    return node_seen(n, other).up;
}

static struct node *start_at(uint8_t id, const char *host, uint16_t port)
{
    char listen[40];
    struct node_options opt = {.id = id, .incarnation = 1, .listen = listen, .port = port};

    snprintf(listen, sizeof(listen), "tcp://%s", host);
    return node_start(&opt);
}

static int reset(void **state)
{
    (void)state;
    hang_us = 0;
    gives = NULL;
    most_under_way = 0;
    memset(asked, 0, sizeof(asked));
    log_reset();
    return 0;
}

/* ---- tests ---- */

static bool allow_all(void *ctx, const char *address)
{
    return true;
}

/* No name server answers: connections are accepted as ever, every name has its turn, and nobody
 * waits for the answers in the end. */
static void test_no_name_server(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .allow = allow_all};
    struct node *a = node_start(&opt);
    struct node *b = start_at(2, "127.0.0.1", 0);
    char name[32];
    int64_t from_us;

    (void)state;
    hang_us = 500000;
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "db%d.example", i);
        node_know_text(a, name);
    }
    usleep(100000);
    from_us = __real_ls_clock_us();
    node_know(b, a);
    assert_true(comes_up(a, b));
    assert_true(__real_ls_clock_us() - from_us < 1000000);
    usleep(3500000);
    for (int i = 0; i < 10; i++) {
        assert_true(asked[i] > 0);
    }
    assert_int_equal(most_under_way, 2);
    hang_us = 3000000;
    usleep(1200000); /* two hang for so long now */
    from_us = __real_ls_clock_us();
    node_stop(a);
    assert_true(__real_ls_clock_us() - from_us < 1500000);
    node_stop(b);
    while (under_way > 0) { /* they are left to themselves */
        usleep(10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_name_server, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
