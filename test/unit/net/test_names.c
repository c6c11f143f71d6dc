/* Names and addresses over a long time: name servers that do not answer, addresses that change.
 * What a name gives is up to the test (--wrap=getaddrinfo), and so is the time
 * (--wrap=ls_clock_us): only the net's clock jumps, its tick comes each 50 ms as ever. */
#include "fixture.h"

#include "gcomm/net/internal.h"
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

/* An hour, a minute, …, with ticks of the net on the way. */
static void pass(int steps, int64_t step_us)
{
    for (int i = 0; i < steps; i++) {
        ahead_us += step_us;
        usleep(60000);
    }
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

/* ---- what the net holds ---- */

struct look {
    const char *text;
    bool found;
};

static void do_look(struct node *n, void *arg)
{
    struct look *l = arg;

    for (const struct endpoint *e = n->net->endpoints; e != NULL; e = e->next) {
        l->found |= strncmp(e->addr, l->text, strlen(l->text)) == 0;
    }
    for (const struct name *m = n->net->names; m != NULL; m = m->next) {
        l->found |= strcmp(m->host, l->text) == 0;
    }
}

/* An address that begins so, or this name. */
static bool holds(struct node *n, const char *text)
{
    struct look l = {.text = text};

    node_call(n, do_look, &l);
    return l.found;
}

static bool holds_another(struct node *n, const char *const *hosts, int but)
{
    bool found = false;

    for (int i = 0; i < 3; i++) {
        found |= i != but && holds(n, hosts[i]);
    }
    return found;
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

/* What stood behind a name before is forgotten, though it has been connected and was told on. */
static void test_address_changes(void **state)
{
    static const char *const hosts[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4"};
    struct node *a = start_at(1, "127.0.0.1", 0);
    uint16_t port = a->port;
    char name[32];

    (void)state;
    snprintf(name, sizeof(name), "db1.example:%u", port);
    for (int i = 0; i < 3; i++) {
        /* the second one has the first one's data, the third one has its own */
        struct node *b = start_at(i < 2 ? 2 : 3, hosts[i], port);
        gives = hosts[i];
        node_know_text(a, name);
        pass(1, 61000000);
        assert_true(comes_up(a, b));
        pass(4, 61000000);
        /* attempts at what the old ones said of themselves, as many as the machine makes of them */
        for (int n = 0; n < 500 && holds_another(a, hosts, i); n++) {
            pass(1, 3100000);
        }
        for (int k = 0; k < 3; k++) {
            assert_int_equal(holds(a, hosts[k]), k == i);
        }
        node_stop(b);
        usleep(100000);
    }
    pass(40, 61000000);
    assert_true(holds(a, hosts[2])); /* the name still gives it */
    node_stop(a);
}

static void do_gossip(struct node *n, void *arg)
{
    ls_dial_add(n->net, arg, SOURCE_GOSSIP, NULL);
}

/* Gossip about names is believed for so long as gossip about addresses. The user's names are tried
 * for ever. */
static void test_name_is_gone(void **state)
{
    struct node *a = start_at(1, "127.0.0.1", 0);
    struct node *b = start_at(2, "127.0.0.2", 0);
    char listed[32];
    char dead[32];

    (void)state;
    snprintf(listed, sizeof(listed), "db1.example:%u", b->port);
    snprintf(dead, sizeof(dead), "db2.example:%u", free_port());
    node_know_text(a, listed);
    node_call(a, do_gossip, (void *)(uintptr_t) "gone.example:4567");
    pass(10, 3100000);
    assert_true(holds(a, "gone.example"));
    pass(30, 3100000);
    assert_false(holds(a, "gone.example"));
    pass(20, 180000000); /* an hour */
    assert_true(holds(a, "db1.example"));
    gives = "127.0.0.2";
    pass(2, 3100000);
    assert_true(comes_up(a, b));
    node_call(a, do_gossip, dead); /* this one has an address, where nobody listens */
    pass(5, 61000000);
    assert_true(holds(a, "db2.example"));
    pass(30, 61000000);
    assert_false(holds(a, "db2.example"));
    node_stop(a);
    node_stop(b);
}

static void do_members(struct node *n, void *arg)
{
    ls_net_set_members(n->net, arg);
}

/* A member that was away for an hour, while its name gave nothing, is found where it was. And so it
 * is when only its name has given the address, as long as that counts, whatever the group does. */
static void test_member_comes_back(void **state)
{
    struct node *a = start_at(1, "127.0.0.1", 0);
    struct node *b = start_at(2, "127.0.0.2", a->port);
    struct ls_config *config = calloc(1, sizeof(*config));

    (void)state;
    config->count = 2;
    config->members[0].id = a->id;
    config->members[1].id = b->id;
    snprintf(config->members[1].addr, LS_ADDR_SIZE, "db2.example:%u", a->port);
    gives = "127.0.0.2";
    node_call(a, do_members, config);
    assert_true(comes_up(a, b));
    node_call(a, do_members, config); /* known by its address from here on */
    gives = NULL;
    node_stop(b);
    pass(60, 60000000);
    b = start_at(2, "127.0.0.2", a->port);
    pass(2, 3100000);
    assert_true(comes_up(a, b));
    node_stop(a);
    node_stop(b);

    gives = "127.0.0.2";
    a = start_at(1, "127.0.0.1", 0);
    snprintf(config->members[1].addr, LS_ADDR_SIZE, "db2.example:%u", a->port);
    node_call(a, do_members, config);
    usleep(300000);
    gives = NULL;
    for (int i = 0; i < 10; i++) { /* the group changes */
        node_call(a, do_members, config);
        pass(1, 3100000);
    }
    b = start_at(2, "127.0.0.2", a->port);
    pass(2, 3100000);
    assert_true(comes_up(a, b));
    free(config);
    node_stop(a);
    node_stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_name_server, reset),
        cmocka_unit_test_setup(test_address_changes, reset),
        cmocka_unit_test_setup(test_name_is_gone, reset),
        cmocka_unit_test_setup(test_member_comes_back, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
