#include "test/node/engine_node.h"

#include "gcomm/core/core.h"
#include "wsrep/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool node_sync_majority;
bool node_ack_all;
bool node_ignore_quorum;
bool node_usual_times;
uint32_t node_fc_limit;
uint64_t node_max_pending_bytes;

static atomic_uint_fast64_t counter;

struct waiter {
    struct ls_submission sub;
    struct node *node;
    bool done;
    enum ls_rc rc;
    uint64_t index;
};

static void settle(struct waiter *w, enum ls_rc rc, uint64_t index)
{
    ls_mutex_lock(&w->node->mutex);
    w->done = true;
    w->rc = rc;
    w->index = index;
    ls_cond_broadcast(&w->node->cond);
    ls_mutex_unlock(&w->node->mutex);
}

static void rejected(struct ls_submission *s, enum ls_rc rc)
{
    settle(s->user, rc, 0);
}

/* last_seen stands for what a provider writes at the last moment */
static void before_send(struct ls_submission *s)
{
    struct waiter *w = s->user;
    uint64_t now = (uint64_t)ls_clock_us();

    memcpy((void *)(uintptr_t)w->sub.pieces[0].data, &now, sizeof(now));
}

static void fill(struct waiter *w, struct node *n, uint64_t *head, uint8_t *body, size_t size)
{
    memset(w, 0, sizeof(*w));
    head[0] = 0;
    head[1] = atomic_fetch_add(&counter, 1);
    memset(body, (int)(head[1] & 0xff), size);
    w->node = n;
    w->sub.pieces[0] = (struct ls_piece){.data = head, .len = 16};
    w->sub.pieces[1] = (struct ls_piece){.data = body, .len = size};
    w->sub.piece_count = 2;
    w->sub.size = 16 + size;
    w->sub.entry_type = LS_ENTRY_WRITESET;
    w->sub.before_send = before_send;
    w->sub.rejected = rejected;
    w->sub.user = w;
}

enum ls_rc node_submit(struct node *n, size_t size, uint64_t *index)
{
    uint8_t *body = malloc(size + 1);
    uint64_t head[2];
    struct waiter w;
    enum ls_rc rc;

    fill(&w, n, head, body, size);
    rc = ls_engine_submit(n->engine, &w.sub, NULL, false);
    if (rc == LS_OK) {
        ls_mutex_lock(&n->mutex);
        while (!w.done) {
            ls_cond_wait(&n->cond, &n->mutex);
        }
        ls_mutex_unlock(&n->mutex);
        rc = w.rc;
        *index = w.index;
    }
    free(body);
    return rc;
}

void node_submit_forget(struct node *n, size_t size)
{
    uint8_t *body = malloc(size + 1);
    uint64_t head[2];
    struct waiter w;

    fill(&w, n, head, body, size);
    if (ls_engine_submit(n->engine, &w.sub, NULL, false) == LS_OK) {
        if ((head[1] & 3) != 0) {
            usleep((useconds_t)(head[1] % 300));
        }
        if (!ls_engine_submit_forget(n->engine, &w.sub)) {
            ls_mutex_lock(&n->mutex);
            while (!w.done) {
                ls_cond_wait(&n->cond, &n->mutex);
            }
            ls_mutex_unlock(&n->mutex);
        }
    }
    memset(body, 0xdd, size + 1);
    memset(&w, 0xdd, sizeof(w));
    free(body);
}

static void report_state(struct node *n, enum ls_node_state state)
{
    struct ls_member_state s = {.state = (uint8_t)state, .seqno = n->seqno};
    struct ls_engine_stats stats;
    uint8_t buf[128];
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));

    ls_engine_get_stats(n->engine, &stats);
    s.id = stats.id;
    s.incarnation = stats.incarnation;
    if (ls_member_state_encode(&s, &w)) {
        ls_engine_submit_control(n->engine, LS_ENTRY_STATE, buf, (size_t)(w.pos - buf));
    }
}

static void on_config(struct node *n, const struct ls_config *c)
{
    struct ls_engine_stats stats;
    const struct ls_member *me;

    ls_engine_get_stats(n->engine, &stats);
    me = ls_config_find(c, &stats.id);
    if (me != NULL && me->incarnation != stats.incarnation) {
        me = NULL; /* an earlier life, from the log */
    }
    n->members = c->count;
    n->voters = ls_config_weight(c);
    n->group = c->group;
    n->state = me != NULL ? me->state : LS_NODE_UNDEFINED;
    if (me != NULL && (me->state == LS_NODE_JOINER || me->state == LS_NODE_JOINED)) {
        ls_mutex_unlock(&n->mutex);
        if (me->state == LS_NODE_JOINER) {
            report_state(n, LS_NODE_JOINED);
        }
        report_state(n, LS_NODE_SYNCED);
        ls_mutex_lock(&n->mutex);
    }
}

static void on_state(struct node *n, const struct ls_entry *e)
{
    struct ls_engine_stats stats;
    struct ls_member_state s;

    ls_engine_get_stats(n->engine, &stats);
    if (ls_member_state_decode(e->payload, e->size, &s, NULL) == LS_OK &&
        ls_uuid_equal(&s.id, &stats.id) && s.incarnation == stats.incarnation) {
        n->state = s.state;
    }
}

static void on_entry(struct node *n, struct ls_stream_event *ev)
{
    const struct ls_entry *e = &ev->entry;
    struct record *r = &n->records[e->index % NODE_RECORDS];

    if (n->last != 0 && e->index != n->last + 1) {
        n->wrong++;
    }
    if (e->size > 0 && ls_hash64(e->payload, e->size) != e->payload_hash) {
        n->wrong++;
    }
    if (e->type == LS_ENTRY_WRITESET) {
        ls_log_set_verdict(ls_engine_log(n->engine), e->index, LS_VERDICT_PASS);
    }
    *r = (struct record){.index = e->index,
                         .seqno = e->seqno,
                         .chain = e->chain,
                         .payload_hash = e->payload_hash,
                         .sub = e->sub};
    n->last = e->index;
    n->first = n->first == 0 ? e->index : n->first;
    n->seqno = e->seqno;
    if (ev->config != NULL) {
        on_config(n, ev->config);
    } else if (e->type == LS_ENTRY_STATE) {
        on_state(n, e);
    }
}

static void take(struct node *n, struct ls_stream_event *ev)
{
    ls_mutex_lock(&n->mutex);
    switch (ev->type) {
    case LS_STREAM_CONNECTED:
        n->connected++;
        n->from_log += ev->from_log;
        if (!ev->from_log) {
            n->last = ev->base.index;
            n->first = 0;
            n->seqno = ev->base.seqno;
        }
        n->group = ev->config->group;
        break;
    case LS_STREAM_ENTRY:
        on_entry(n, ev);
        break;
    case LS_STREAM_NONPRIMARY:
        n->nonprimary++;
        n->state = LS_NODE_UNDEFINED;
        break;
    case LS_STREAM_LEFT:
        n->left++;
        n->failed = ev->failed;
        print_message("%s: %s\n", n->name, ev->text);
        break;
    }
    ls_cond_broadcast(&n->cond);
    ls_mutex_unlock(&n->mutex);
    if (ev->type == LS_STREAM_ENTRY) {
        ls_engine_delivered(n->engine, ev->entry.index);
        ls_engine_applied(n->engine, ev->entry.seqno);
        if (ev->own != NULL) {
            ls_mutex_lock(&n->mutex);
            n->owns++;
            ls_mutex_unlock(&n->mutex);
            settle(ev->own->user, LS_OK, ev->entry.index);
        }
    }
}

static void *consume(void *arg)
{
    struct node *n = arg;
    struct ls_stream_event ev;
    enum ls_rc rc;

    while ((rc = ls_engine_next(n->engine, &ev)) != LS_E_CLOSED && rc != LS_E_INTERRUPTED) {
        uint32_t delay;
        take(n, &ev);
        ls_mutex_lock(&n->mutex);
        delay = n->delay_us;
        ls_mutex_unlock(&n->mutex);
        if (delay > 0) {
            struct ls_engine_stats stats;
            usleep(delay);
            ls_engine_get_stats(n->engine, &stats);
            ls_engine_recv_queue(n->engine, (uint32_t)(stats.commit_index - ev.entry.index));
        }
        ls_engine_event_done(n->engine, &ev);
    }
    return NULL;
}

void node_init(struct node *n, const char *name)
{
    memset(n, 0, sizeof(*n));
    snprintf(n->dir, sizeof(n->dir), "/tmp/ls-engine-test-XXXXXX");
    assert_non_null(mkdtemp(n->dir));
    snprintf(n->name, sizeof(n->name), "%s", name);
    ls_mutex_init(&n->mutex);
    ls_cond_init(&n->cond);
    n->records = calloc(NODE_RECORDS, sizeof(*n->records));
}

void node_fini(struct node *n)
{
    struct ls_error err;
    char cmd[96];

    ls_log_remove_all(n->dir, &err);
    snprintf(cmd, sizeof(cmd), "rm -r %s", n->dir);
    assert_int_equal(system(cmd), 0);
    free(n->records);
    ls_cond_destroy(&n->cond);
    ls_mutex_destroy(&n->mutex);
}

void node_start(struct node *n, struct node *const *peers, size_t count, bool bootstrap,
                bool forget)
{
    struct ls_engine_options opt = {
        .data_dir = n->dir,
        .cluster_name = "test",
        .node_name = n->name,
        .incoming = "127.0.0.1:3306",
        .listen_addr = "tcp://127.0.0.1:0",
        .weight = 1,
        .proto_app = 4,
        .log_bytes = 8 << 20,
        .max_pending = 256,
        .max_pending_bytes = node_max_pending_bytes,
        .fc_factor = 0.5,
        .recv_queue_limit = node_fc_limit,
        .time_wait_us = 3000000,
    };
    struct ls_engine_state state = {.position = {.uuid = n->group, .seqno = n->seqno}};
    const char *addrs[8];
    char text[8][32];
    struct ls_error err = {0};

    ls_core_params_default(&opt.params);
    if (!node_usual_times) {
        opt.params.heartbeat_us = 20000;
        opt.params.election_min_us = 400000;
        opt.params.election_max_us = 800000;
        opt.params.suspect_us = 1500000;
        opt.params.inactive_us = 3000000;
    }
    opt.params.sync_majority = node_sync_majority;
    opt.params.ack_all = node_ack_all;
    opt.params.ignore_quorum = node_ignore_quorum;
    if (forget || ls_uuid_is_zero(&n->group)) {
        state.position = (struct ls_gtid){.seqno = LS_SEQNO_UNDEFINED};
    }
    for (size_t i = 0; i < count; i++) {
        struct ls_engine_stats stats;
        ls_engine_get_stats(peers[i]->engine, &stats);
        snprintf(text[i], sizeof(text[i]), "127.0.0.1:%u", stats.listen_port);
        addrs[i] = text[i];
    }
    n->first = n->last = 0;
    n->members = 0;
    n->state = 0;
    n->left = n->connected = n->nonprimary = n->from_log = 0;
    n->failed = false;
    if (ls_engine_create(&opt, &state, &n->engine, &err) != LS_OK ||
        ls_engine_connect(n->engine, addrs, count, bootstrap, false, &err) != LS_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(ls_thread_start(&n->consumer, "consumer", consume, n));
    n->consuming = true;
}

void node_wait_synced(struct node *n)
{
    struct ls_error err = {0};
    int64_t due = ls_clock_us() + 10000000;
    bool in_time = true;

    if (ls_engine_wait_primary(n->engine, 10000000, &err) != LS_OK) {
        fail_msg("%s: %s", n->name, err.text);
    }
    ls_mutex_lock(&n->mutex);
    while (n->state != LS_NODE_SYNCED && in_time) {
        in_time = ls_cond_wait_until(&n->cond, &n->mutex, due);
    }
    ls_mutex_unlock(&n->mutex);
    if (!in_time) {
        fail_msg("%s is not synced: state %d", n->name, n->state);
    }
}

bool node_wait_members(struct node *n, uint32_t members, uint32_t voters, int64_t timeout_us)
{
    int64_t due = ls_clock_us() + timeout_us;
    bool in_time = true;

    ls_mutex_lock(&n->mutex);
    while ((n->members != members || n->voters < voters) && in_time) {
        in_time = ls_cond_wait_until(&n->cond, &n->mutex, due);
    }
    ls_mutex_unlock(&n->mutex);
    return in_time;
}

static bool wait_count(struct node *n, const uint32_t *count)
{
    int64_t due = ls_clock_us() + 10000000;
    bool in_time = true;

    ls_mutex_lock(&n->mutex);
    while (*count == 0 && in_time) {
        in_time = ls_cond_wait_until(&n->cond, &n->mutex, due);
    }
    ls_mutex_unlock(&n->mutex);
    return in_time;
}

bool node_wait_nonprimary(struct node *n)
{
    return wait_count(n, &n->nonprimary);
}

bool node_wait_left(struct node *n)
{
    return wait_count(n, &n->left);
}

bool node_wait_level(struct node *n, struct node *other)
{
    int64_t due = ls_clock_us() + 10000000;
    bool in_time = true;
    uint64_t target;

    ls_mutex_lock(&other->mutex);
    target = other->last;
    ls_mutex_unlock(&other->mutex);
    ls_mutex_lock(&n->mutex);
    while (n->last < target && in_time) {
        in_time = ls_cond_wait_until(&n->cond, &n->mutex, due);
    }
    ls_mutex_unlock(&n->mutex);
    return in_time;
}

void node_stop(struct node *n, bool leave)
{
    if (leave) {
        ls_engine_leave(n->engine);
    } else {
        ls_engine_wake(n->engine);
    }
    if (n->consuming) {
        ls_thread_join(n->consumer);
        n->consuming = false;
    }
    ls_engine_destroy(n->engine);
    n->engine = NULL;
}
