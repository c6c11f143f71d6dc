/* What a healed world must come to, and what nodes may hold at most. Looks at the world from
 * outside: status, logs, databases. */
#include "test/sim/host.h"
#include "test/sim/oracle.h"
#include "test/sim/world.h"

#include <inttypes.h>
#include <stdio.h>

#define NO(...)                                                                                    \
    do {                                                                                           \
        snprintf(why, size, __VA_ARGS__);                                                          \
        return false;                                                                              \
    } while (0)

static bool node_settled(struct ls_world *w, const struct ls_node *n, char *why, unsigned long size)
{
    struct ls_core_status st;
    const struct ls_server *s = &n->srv;

    if (!n->running) {
        NO("node %d does not run", n->slot);
    }
    ls_core_get_status(n->core, &st);
    if (!st.primary || !s->connected) {
        NO("node %d is not primary (role %d, term %" PRIu64 ", log %" PRIu64 ", commit %" PRIu64
           ")",
           n->slot, st.role, st.term, st.last.index, st.commit);
    }
    if (!s->in_view || !s->data || s->state != LS_NODE_SYNCED) {
        NO("node %d is in state %d, in view %d, data %d", n->slot, s->state, s->in_view, s->data);
    }
    if (n->sub_count > 0) {
        NO("submission %" PRIu64 " of node %d, %" PRId64 " ms old, has no end", n->subs[0].id,
           n->slot, (w->now - n->subs[0].asked_at) / 1000);
    }
    if (st.pending > 0) {
        NO("core of node %d has %u submissions pending, its host none", n->slot, st.pending);
    }
    if (n->read_count > 0) {
        NO("a read of node %d has no answer", n->slot);
    }
    if (st.config->count != (uint32_t)w->count) {
        NO("node %d sees %u members of %d", n->slot, st.config->count, w->count);
    }
    for (uint32_t i = 0; i < st.config->count; i++) {
        if (st.config->members[i].role != LS_MEMBER_VOTER) {
            NO("node %d sees member %u as a learner", n->slot, i);
        }
    }
    if (st.commit != st.last.index || s->delivered != st.commit) {
        NO("node %d delivered %" PRIu64 ", commit %" PRIu64 ", log %" PRIu64, n->slot, s->delivered,
           st.commit, st.last.index);
    }
    if (s->queue_len > 0 || n->staged_count > 0) {
        NO("node %d has %zu to apply, %u big payloads staged", n->slot, s->queue_len,
           n->staged_count);
    }
    return true;
}

bool ls_oracle_settled_world(struct ls_world *w, char *why, unsigned long size)
{
    const struct ls_node *first = NULL;

    for (int i = 0; i < w->count; i++) {
        const struct ls_node *n = &w->nodes[i];
        if (!node_settled(w, n, why, size)) {
            return false;
        }
        if (n->srv.delivered != w->oracle.order_count) {
            NO("node %d delivered %" PRIu64 " of %" PRIu64, n->slot, n->srv.delivered,
               w->oracle.order_count);
        }
        if (n->arbiter) {
            continue;
        }
        if (first != NULL &&
            (first->srv.db.seqno != n->srv.db.seqno || first->srv.db.hash != n->srv.db.hash)) {
            NO("databases of nodes %d and %d differ: seqno %" PRId64 " and %" PRId64, first->slot,
               n->slot, first->srv.db.seqno, n->srv.db.seqno);
        }
        first = first != NULL ? first : n;
    }
    return true;
}

#define HOLD_US 250000   /* as there */
#define REPEAT_US 100000 /* what was said last, LS_HEALTH_WRITER_FRESH_US */
#define JUMP_US 3000000  /* a clock that jumps keeps nobody's word */

static bool says_writer(const struct ls_node *n)
{
    int64_t now_us = ls_node_clock_us(n);
    struct ls_core_status st;

    if (!n->running || n->paused) {
        return false;
    }
    ls_core_get_status(n->core, &st);
    return st.role == LS_ROLE_LEADER && st.primary && now_us <= st.sure_until_us &&
           now_us - st.leader_since_us >= HOLD_US;
}

void ls_oracle_writers(struct ls_world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        if (!says_writer(n)) {
            continue;
        }
        if (w->writer != i && w->writer_at + REPEAT_US > w->now && w->writer_at > 0 &&
            w->now - w->jumped_at > JUMP_US) {
            ls_oracle_fail(&w->oracle, "writers: node %d says so %lld us after node %d", i,
                           (long long)(w->now - w->writer_at), w->writer);
        }
        w->writer = i;
        w->writer_at = w->now;
    }
}

void ls_oracle_bounds(struct ls_world *w)
{
    /* Called once a simulated second. Each member that goes and comes makes two views or three. */
    if (w->oracle.view > w->oracle.view_before + 8 * w->count + 8) {
        ls_oracle_fail(&w->oracle, "bounds: %" PRId64 " views within a second",
                       w->oracle.view - w->oracle.view_before);
    }
    w->oracle.view_before = w->oracle.view;
    for (int i = 0; i < w->count; i++) {
        struct ls_node *n = &w->nodes[i];
        struct ls_core_status st;
        if (!n->running) {
            continue;
        }
        ls_core_get_status(n->core, &st);
        if (st.pending > 1024) { /* a window of ids, so more than our LS_SIM_MAX_SUBS at times */
            ls_oracle_fail(&w->oracle, "bounds: core of node %d has %u submissions pending", i,
                           st.pending);
        }
        for (int from = 0; from < w->count; from++) {
            if (w->net.dir[from][i].count > 20000) {
                ls_oracle_fail(&w->oracle, "bounds: %u messages wait between nodes %d and %d",
                               w->net.dir[from][i].count, from, i);
            }
        }
    }
}
