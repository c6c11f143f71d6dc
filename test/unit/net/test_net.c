/* Two and three nodes on loopback: connecting, messages, breaking, big payloads. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct node *start(uint8_t id)
{
    struct node_options opt = {.id = id, .incarnation = 1};
    return node_start(&opt);
}

static void assert_connected(struct node *a, struct node *b)
{
    assert_true(node_wait(a, b, seen_up));
    assert_true(node_wait(b, a, seen_up));
}

static uint64_t wanted;

static bool has_messages(const struct peer_seen *s)
{
    return s->messages >= wanted;
}

static bool has_chunks(const struct peer_seen *s)
{
    return s->chunk_bytes >= wanted;
}

static bool is_paused(const struct peer_seen *s)
{
    return s->flow == LS_FLOW_DISK;
}

static void test_connect_and_send(void **state)
{
    struct node *a = start(1);
    struct node *b = start(2);

    (void)state;
    log_reset();
    node_know(a, b);
    assert_connected(a, b);
    assert_int_equal(node_seen(a, b).incarnation, 1);
    assert_string_equal(node_seen(a, b).name, "n2");
    node_send_numbers(a, b, 0, 9999);
    node_send_numbers(b, a, 0, 99);
    wanted = 10000;
    assert_true(node_wait(b, a, has_messages));
    wanted = 100;
    assert_true(node_wait(a, b, has_messages));
    assert_int_equal(node_seen(b, a).gaps, 0);
    assert_int_equal(node_seen(a, b).gaps, 0);
    assert_int_equal(log_count("connection established to"), 2);
    node_stop(a);
    node_stop(b);
}

/* Both dial, many times: each pair of nodes ends with one connection, that was up once. */
static void test_simultaneous_dial(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct node *n[3];
        for (int i = 0; i < 3; i++) {
            n[i] = start((uint8_t)(i + 1));
        }
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 3; k++) {
                node_know(n[i], n[k]); /* itself included */
            }
        }
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 3; k++) {
                if (i != k) {
                    assert_true(node_wait(n[i], n[k], seen_up));
                    node_send_numbers(n[i], n[k], 0, 99);
                }
            }
        }
        wanted = 100;
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 3; k++) {
                if (i != k) {
                    assert_true(node_wait(n[i], n[k], has_messages));
                    assert_int_equal(node_seen(n[i], n[k]).ups, 1);
                    assert_int_equal(node_seen(n[i], n[k]).downs, 0);
                    assert_int_equal(node_seen(n[i], n[k]).gaps, 0);
                }
            }
        }
        for (int i = 0; i < 3; i++) {
            node_stop(n[i]);
        }
    }
}

static void test_gossip(void **state)
{
    struct node *a = start(1);
    struct node *b = start(2);
    struct node *c = start(3);

    (void)state;
    node_know(b, a);
    assert_connected(a, b);
    node_know(c, a); /* c learns of b from a */
    assert_connected(b, c);
    node_stop(a);
    node_stop(b);
    node_stop(c);
}

static void test_peer_killed_and_back(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1};
    struct node *a = node_start(&opt);
    struct node *b = start(2);

    (void)state;
    node_know(b, a);
    assert_connected(a, b);
    opt.port = a->port;
    node_stop(a);
    /* The stopped node's struct is gone: a new one with the same id stands for it. */
    opt.incarnation = 2;
    usleep(300000);
    a = node_start(&opt);
    assert_true(node_wait(b, a, seen_unreachable));
    assert_connected(a, b);
    assert_int_equal(node_seen(b, a).incarnation, 2);
    assert_int_equal(node_seen(b, a).downs, 1);
    assert_int_equal(node_seen(b, a).unreachables, 1);
    node_stop(a);
    node_stop(b);
}

static void do_isolate(struct node *n, void *arg)
{
    ls_net_isolate(n->net, *(bool *)arg);
}

/* In the place of the peer there is another node now: the peer is unreachable. */
static void test_other_node_in_its_place(void **state)
{
    struct node_options opt = {.id = 2, .incarnation = 1};
    struct node *a = start(1);
    struct node *b = node_start(&opt);
    struct node gone = {.id = b->id};
    struct node *c;

    (void)state;
    node_know(a, b);
    assert_connected(a, b);
    opt.port = b->port;
    opt.id = 3;
    a->stall_us = 500000; /* so that it does not redial before the other is there */
    node_send_numbers(b, a, 0, 0);
    usleep(100000);
    node_stop(b);
    c = node_start(&opt);
    assert_true(node_wait(a, c, seen_up));
    assert_true(node_wait(a, &gone, seen_unreachable));
    node_stop(a);
    node_stop(c);
}

static void do_drop(struct node *n, void *arg)
{
    ls_net_drop(n->net, arg, "tested");
}

static bool up_twice(const struct peer_seen *s)
{
    return s->up && s->ups == 2;
}

static void test_drop(void **state)
{
    struct node *a = start(1);
    struct node *b = start(2);

    (void)state;
    node_know(a, b);
    assert_connected(a, b);
    node_know(b, a);
    node_call(a, do_drop, &b->id);
    usleep(500000);
    assert_false(node_seen(a, b).up); /* not at once, whoever dials */
    assert_true(node_wait(a, b, up_twice));
    assert_true(node_wait(b, a, up_twice));
    assert_int_equal(node_seen(a, b).unreachables, 0);
    assert_int_equal(node_seen(b, a).unreachables, 0);
    node_stop(a);
    node_stop(b);
}

static void test_isolate(void **state)
{
    struct node *a = start(1);
    struct node *b = start(2);
    bool on = true;

    (void)state;
    node_know(a, b);
    assert_connected(a, b);
    node_call(a, do_isolate, &on);
    assert_true(node_wait(a, b, seen_down));
    assert_true(node_wait(b, a, seen_unreachable));
    usleep(300000);
    assert_false(node_seen(a, b).up);
    on = false;
    node_call(a, do_isolate, &on);
    assert_true(node_wait(a, b, up_twice));
    assert_true(node_wait(b, a, up_twice));
    node_stop(a);
    node_stop(b);
}

/* ---- payloads ---- */

static struct ls_entry entry_of(uint64_t index, const void *data, uint32_t size)
{
    return (struct ls_entry){.index = index,
                             .term = 1,
                             .type = LS_ENTRY_WRITESET,
                             .size = size,
                             .payload = data,
                             .payload_hash = ls_hash64(data, size)};
}

static void test_large_messages(void **state)
{
    static const uint32_t sizes[] = {1, 31 << 10, 33 << 10, 300 << 10, 5 << 20, 40 << 20};
    struct node_options opt = {.id = 1, .incarnation = 1, .queue_limit_bytes = 512 << 20};
    struct node *a = node_start(&opt);
    struct node *b = start(2);
    uint8_t *data = malloc(40 << 20);
    struct ls_entry entries[6];
    struct ls_net_payload payload = {.entries = entries, .entry_count = 6};
    struct ls_msg msg = {.type = LS_MSG_APPEND};
    uint64_t total = 0;

    (void)state;
    for (size_t i = 0; i < 40 << 20; i++) {
        data[i] = (uint8_t)(i * 31 >> 3);
    }
    for (uint32_t i = 0; i < 6; i++) {
        entries[i] = entry_of(i + 1, data, sizes[i]);
        total += sizes[i];
    }
    node_know(a, b);
    assert_connected(a, b);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(node_send(a, b, &msg, &payload), LS_OK);
        memset(data, 0, 4096); /* nothing of ours is referenced any more */
        for (size_t k = 0; k < 4096; k++) {
            data[k] = (uint8_t)(k * 31 >> 3);
        }
    }
    wanted = 3;
    assert_true(node_wait(b, a, has_messages));
    assert_int_equal(node_seen(b, a).entry_bytes, 3 * total);
    assert_int_equal(node_seen(b, a).downs, 0);
    free(data);
    node_stop(a);
    node_stop(b);
}

static void test_submit_in_pieces(void **state)
{
    struct node *a = start(1);
    struct node *b = start(2);
    static uint8_t bytes[100000];
    struct ls_piece pieces[3] = {{.data = bytes, .len = 10},
                                 {.data = bytes + 10, .len = 0},
                                 {.data = bytes + 10, .len = 99990}};
    struct ls_net_payload payload = {.pieces = pieces, .piece_count = 3};
    struct ls_msg msg = {.type = LS_MSG_SUBMIT};

    (void)state;
    msg.u.submit.entry_type = LS_ENTRY_WRITESET;
    msg.u.submit.size = sizeof(bytes);
    memset(bytes, 42, sizeof(bytes));
    msg.u.submit.payload_hash = ls_hash64_pieces(pieces, 3);
    node_know(a, b);
    assert_connected(a, b);
    assert_int_equal(node_send(a, b, &msg, &payload), LS_OK);
    wanted = 1;
    assert_true(node_wait(b, a, has_messages));
    assert_int_equal(node_seen(b, a).entry_bytes, sizeof(bytes));
    node_stop(a);
    node_stop(b);
}

/* One peer sleeps in every message: its queue fills up to the limit, the other hears all at once.
 */
static void test_slow_reader(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .queue_limit_bytes = 1 << 20};
    struct node *a = node_start(&opt);
    struct node *slow = start(2);
    struct node *fast = start(3);
    uint8_t *data = calloc(1, 200 << 10);
    struct ls_entry e = entry_of(1, data, 200 << 10);
    struct ls_net_payload payload = {.entries = &e, .entry_count = 1};
    struct ls_msg msg = {.type = LS_MSG_APPEND};
    enum ls_rc rc = LS_OK;

    (void)state;
    slow->stall_us = 100000;
    node_know(slow, a);
    node_know(fast, a);
    assert_connected(a, slow);
    assert_connected(a, fast);
    for (int i = 0; i < 200 && rc == LS_OK; i++) {
        rc = node_send(a, slow, &msg, &payload);
    }
    assert_int_equal(rc, LS_E_BUSY);
    node_send_numbers(a, fast, 0, 999);
    wanted = 1000;
    assert_true(node_wait(fast, a, has_messages));
    assert_true(node_seen(slow, a).messages < 50);
    assert_int_equal(node_seen(a, slow).downs, 0);
    slow->stall_us = 0;
    free(data);
    node_stop(a);
    node_stop(slow);
    node_stop(fast);
}

static void do_signal(struct node *n, void *arg)
{
    assert_int_equal(ls_net_send_signal(n->net, arg, LS_SIGNAL_FLOW, LS_FLOW_SLOW), LS_OK);
}

/* A message beyond the limit is under way to one that takes its time: what comes behind it is not
 * refused, a second such message is, and all that was taken arrives. */
static void test_huge_message(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .queue_limit_bytes = 1 << 20};
    struct node *a = node_start(&opt);
    struct node *b = start(2);
    uint32_t size = 32 << 20;
    uint8_t *data = calloc(1, size);
    struct ls_entry e = entry_of(1, data, size);
    struct ls_net_payload payload = {.entries = &e, .entry_count = 1};
    struct ls_msg huge = {.type = LS_MSG_APPEND};

    (void)state;
    node_know(b, a);
    assert_connected(a, b);
    b->stall_us = 1000000;
    node_send_numbers(a, b, 0, 0); /* it sleeps over this one */
    assert_int_equal(node_send(a, b, &huge, &payload), LS_OK);
    node_send_numbers(a, b, 1, 99); /* asserts that each is taken */
    node_call(a, do_signal, &b->id);
    assert_int_equal(node_send(a, b, &huge, &payload), LS_E_BUSY);
    b->stall_us = 0;
    wanted = 101;
    assert_true(node_wait(b, a, has_messages));
    assert_int_equal(node_seen(b, a).entry_bytes, size);
    assert_int_equal(node_seen(b, a).gaps, 0);
    assert_true(node_seen(b, a).arriving > 0); /* it was told of the sender's life meanwhile */
    assert_int_equal(node_send(a, b, &huge, &payload), LS_OK); /* the first one has left */
    wanted = 102;
    assert_true(node_wait(b, a, has_messages));
    assert_int_equal(node_seen(b, a).entry_bytes, 2 * (uint64_t)size);
    assert_int_equal(node_seen(b, a).downs, 0);
    free(data);
    node_stop(a);
    node_stop(b);
}

struct bulk_call {
    const struct ls_uuid *to;
    struct ls_piece pieces[3];
    enum ls_rc started;
    enum ls_rc rc;
    int done;
    struct node *node;
};

static void bulk_done(void *arg, enum ls_rc rc)
{
    struct bulk_call *c = arg;

    ls_mutex_lock(&c->node->lock);
    c->rc = rc;
    c->done++;
    ls_cond_broadcast(&c->node->changed);
    ls_mutex_unlock(&c->node->lock);
}

static void do_bulk(struct node *n, void *arg)
{
    struct bulk_call *c = arg;
    struct ls_sub_id sub = {.origin = n->id, .incarnation = 1, .id = 5};

    c->node = n;
    c->started = ls_net_send_bulk(n->net, c->to, &sub, c->pieces, 3, 77, bulk_done, c);
}

static void wait_bulk(struct node *n, struct bulk_call *c)
{
    ls_mutex_lock(&n->lock);
    while (c->done == 0) {
        ls_cond_wait(&n->changed, &n->lock);
    }
    ls_mutex_unlock(&n->lock);
}

static void test_bulk(void **state)
{
    const size_t size = 20 << 20;
    struct node *a = start(1);
    struct node *b = start(2);
    uint8_t *data = malloc(size);
    struct bulk_call call = {.to = &b->id,
                             .pieces = {{.data = data, .len = 100},
                                        {.data = data + 100, .len = 1000001},
                                        {.data = data + 1000101, .len = size - 1000101}}};
    struct bulk_call back = call;

    (void)state;
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    back.to = &a->id;
    node_know(a, b);
    assert_connected(a, b);
    node_call(a, do_bulk, &call); /* both ways at once: a connection per direction */
    node_call(b, do_bulk, &back);
    assert_int_equal(call.started, LS_OK);
    node_send_numbers(a, b, 0, 999);
    wait_bulk(a, &call);
    wait_bulk(b, &back);
    assert_int_equal(call.rc, LS_OK);
    assert_int_equal(back.rc, LS_OK);
    wanted = size;
    assert_true(node_wait(b, a, has_chunks));
    assert_true(node_wait(a, b, has_chunks));
    wanted = 1000;
    assert_true(node_wait(b, a, has_messages));
    assert_int_equal(node_seen(b, a).gaps, 0);
    assert_int_equal(node_seen(a, b).gaps, 0);
    node_stop(a);
    node_stop(b);
    free(data);
}

static void test_bulk_breaks_off(void **state)
{
    const size_t size = 200 << 20;
    struct node *a = start(1);
    struct node *b = start(2);
    uint8_t *data = malloc(size);
    struct bulk_call call = {.to = &b->id,
                             .pieces = {{.data = data, .len = 50},
                                        {.data = data, .len = 50},
                                        {.data = data, .len = size - 100}}};

    (void)state;
    memset(data, 1, size);
    node_know(a, b);
    assert_connected(a, b);
    node_call(a, do_bulk, &call);
    node_stop(b);
    wait_bulk(a, &call);
    assert_int_equal(call.rc, LS_E_CLOSED);
    node_call(a, do_bulk, &call);
    assert_int_equal(call.started, LS_E_CLOSED);
    assert_int_equal(call.done, 1);
    node_stop(a);
    free(data);
}

static void do_flow(struct node *n, void *arg)
{
    assert_int_equal(ls_net_send_signal(n->net, arg, LS_SIGNAL_FLOW, LS_FLOW_DISK), LS_OK);
}

static void test_flow(void **state)
{
    struct node *a = start(1);
    struct node *b = start(2);

    (void)state;
    node_know(a, b);
    assert_connected(a, b);
    node_call(b, do_flow, &a->id);
    assert_true(node_wait(a, b, is_paused));
    node_stop(a);
    node_stop(b);
}

static void do_members(struct node *n, void *arg)
{
    ls_net_set_members(n->net, arg);
}

static void do_forget(struct node *n, void *arg)
{
    (void)arg;
    ls_net_forget_all(n->net);
}

/* Members are redialled at the address of the configuration, also when nobody named it. */
static void test_members_are_dialled(void **state)
{
    struct node *a = start(1);
    struct node *b = start(2);
    struct ls_config *config = calloc(1, sizeof(*config));

    (void)state;
    config->count = 2;
    config->members[0].id = a->id;
    config->members[1].id = b->id;
    snprintf(config->members[1].addr, LS_ADDR_SIZE, "127.0.0.1:%u", b->port);
    node_call(a, do_members, config);
    assert_connected(a, b);
    node_call(a, do_forget, NULL);
    node_call(a, do_drop, &b->id);
    assert_true(node_wait(a, b, up_twice));
    free(config);
    node_stop(a);
    node_stop(b);
}

static void test_ipv6_and_names(void **state)
{
    struct node_options opt = {.id = 1, .incarnation = 1, .listen = "tcp://[::1]"};
    struct node *a = node_start(&opt);
    struct node *b = start(2);
    char addr[32];

    (void)state;
    snprintf(addr, sizeof(addr), "[::1]:%u", a->port);
    node_know_port(b, free_port()); /* nobody there: harmless */
    node_know_text(b, addr);
    assert_connected(a, b);
    assert_string_equal(node_seen(b, a).addr, addr);
    node_stop(a);
    opt.listen = "tcp://127.0.0.1";
    opt.id = 3;
    a = node_start(&opt);
    snprintf(addr, sizeof(addr), "localhost:%u", a->port);
    node_know_text(b, addr);
    assert_connected(a, b);
    node_stop(a);
    node_stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_and_send),
        cmocka_unit_test(test_simultaneous_dial),
        cmocka_unit_test(test_gossip),
        cmocka_unit_test(test_peer_killed_and_back),
        cmocka_unit_test(test_other_node_in_its_place),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_isolate),
        cmocka_unit_test(test_large_messages),
        cmocka_unit_test(test_submit_in_pieces),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_huge_message),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_breaks_off),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_members_are_dialled),
        cmocka_unit_test(test_ipv6_and_names),
    };
    log_reset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
