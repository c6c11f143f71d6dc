/* Three nodes and clients that submit to them. */
#include "test/node/engine_cluster.h"

#include "wsrep/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cluster_start(struct cluster *c)
{
    struct node *first = &c->nodes[0];

    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "node%d", i + 1);
        node_init(&c->nodes[i], name);
    }
    node_start(first, NULL, 0, true, false);
    node_wait_synced(first);
    for (int i = 1; i < NODES; i++) {
        node_start(&c->nodes[i], &first, 1, false, false);
        node_wait_synced(&c->nodes[i]);
    }
    for (int i = 0; i < NODES; i++) {
        assert_true(node_wait_members(&c->nodes[i], NODES, NODES, 5000000));
    }
}

void cluster_stop(struct cluster *c)
{
    for (int i = NODES; i-- > 0;) {
        if (c->nodes[i].engine != NULL) {
            node_stop(&c->nodes[i], true);
        }
    }
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(c->nodes[i].wrong, 0);
        node_fini(&c->nodes[i]);
    }
}

int cluster_leader(struct cluster *c)
{
    for (int i = 0; i < NODES; i++) {
        struct ls_engine_stats s;
        if (c->nodes[i].engine == NULL) {
            continue;
        }
        ls_engine_get_stats(c->nodes[i].engine, &s);
        if (s.role == LS_ROLE_LEADER) {
            return i;
        }
    }
    return -1;
}

static void check_equal(struct node *a, struct node *b)
{
    ls_mutex_lock(&a->mutex); /* both: nobody else takes two */
    ls_mutex_lock(&b->mutex);
    uint64_t from = a->first > b->first ? a->first : b->first;
    uint64_t to = a->last < b->last ? a->last : b->last;

    assert_true(from > 0 && to >= from);
    for (uint64_t i = from; i <= to; i++) {
        const struct record *x = &a->records[i % NODE_RECORDS];
        const struct record *y = &b->records[i % NODE_RECORDS];
        if (x->index != y->index || x->seqno != y->seqno || !ls_hash128_equal(x->chain, y->chain) ||
            x->payload_hash != y->payload_hash) {
            fail_msg("%s and %s differ at index %lu", a->name, b->name, (unsigned long)i);
        }
    }
    ls_mutex_unlock(&b->mutex);
    ls_mutex_unlock(&a->mutex);
}

void cluster_check(struct cluster *c)
{
    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) {
            if (i != j && c->nodes[i].engine != NULL && c->nodes[j].engine != NULL) {
                assert_true(node_wait_level(&c->nodes[i], &c->nodes[j]));
            }
        }
    }
    for (int i = 1; i < NODES; i++) {
        if (c->nodes[i].engine != NULL && c->nodes[i - 1].engine != NULL) {
            check_equal(&c->nodes[i - 1], &c->nodes[i]);
        }
    }
}

static void *run_client(void *arg)
{
    struct client *c = arg;

    for (unsigned i = 0; i < c->count && (c->stop == NULL || !atomic_load(c->stop)); i++) {
        uint64_t index = 0;
        int64_t start = ls_clock_us();
        enum ls_rc rc;
        if (c->forget_some && i % 3 == 0) {
            node_submit_forget(c->node, c->size);
            continue;
        }
        rc = node_submit(c->node, c->size, &index);
        if (rc == LS_OK) {
            c->latency_us[c->done] = ls_clock_us() - start;
            c->indexes[c->done++] = index;
        } else if (rc == LS_E_UNKNOWN) {
            c->unknown++;
        } else {
            c->refused++;
            usleep(1000);
        }
    }
    return NULL;
}

void client_start(struct client *c, struct node *n, unsigned count, size_t size)
{
    memset(c, 0, sizeof(*c));
    c->node = n;
    c->count = count;
    c->size = size;
    c->indexes = calloc(count, sizeof(*c->indexes));
    c->latency_us = calloc(count, sizeof(*c->latency_us));
}

void client_run(struct client *c)
{
    assert_true(ls_thread_start(&c->thread, "client", run_client, c));
}

void client_end(struct client *c)
{
    free(c->indexes);
    free(c->latency_us);
}

void check_kept(const struct client *c, struct node *witness)
{
    for (unsigned i = 0; i < c->done; i++) {
        uint64_t index = c->indexes[i];
        assert_true(index <= witness->last);
        assert_true(witness->records[index % NODE_RECORDS].index == index);
    }
}

void run_load(struct cluster *c, unsigned per_node, unsigned count, size_t size, bool forget)
{
    struct client clients[NODES * 8];
    unsigned n = 0;

    for (int i = 0; i < NODES; i++) {
        for (unsigned k = 0; k < per_node; k++, n++) {
            client_start(&clients[n], &c->nodes[i], count, size);
            clients[n].forget_some = forget;
            client_run(&clients[n]);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        ls_thread_join(clients[i].thread);
        if (!forget) {
            assert_int_equal(clients[i].done, count);
        }
        assert_int_equal(clients[i].unknown + clients[i].refused, 0);
    }
    cluster_check(c);
    for (unsigned i = 0; i < n; i++) {
        check_kept(&clients[i], &c->nodes[0]);
        client_end(&clients[i]);
    }
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void client_sort_latencies(struct client *c)
{
    qsort(c->latency_us, c->done, sizeof(int64_t), compare_i64);
}
