/* The hosts' duties and the streams between them. */
#include "test/trace/stage.h"

#include "test/sim/text.h"
#include "wsrep/base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- output ---- */

void stage_say(struct stage *s, const char *fmt, ...)
{
    char line[600];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    LS_ASSERT(n >= 0 && (size_t)n < sizeof(line));
    if (s->out_len + (size_t)n + 2 > s->out_cap) {
        s->out_cap = 2 * s->out_cap + 4096;
        s->out = realloc(s->out, s->out_cap);
        LS_ASSERT(s->out != NULL);
    }
    memcpy(s->out + s->out_len, line, (size_t)n);
    s->out_len += (size_t)n;
    s->out[s->out_len++] = '\n';
    s->out[s->out_len] = '\0';
}

const char *stage_name_of(void *ctx, const struct ls_uuid *id)
{
    static const char *const names[NODES] = {"n0", "n1", "n2", "n3", "n4", "n5"};
    return id->b[15] < NODES ? names[id->b[15]] : "?";
}

struct ls_uuid stage_id_of(int i)
{
    struct ls_uuid u = {.b = {[0] = 0x10, [15] = (uint8_t)i}};
    return u;
}

/* ---- the host's duties ---- */

static struct ls_blob *find_own(struct node *n, uint64_t id)
{
    for (uint32_t i = 0; i < n->own_count; i++) {
        if (n->own[i].id == id) {
            return n->own[i].blob;
        }
    }
    return NULL;
}

static struct ls_blob *find_payload(struct stage *s, int me, const struct ls_sub_id *sub)
{
    struct node *n = &s->nodes[me];

    if (sub->origin.b[15] == me) {
        return find_own(n, sub->id);
    }
    for (uint32_t i = 0; i < n->staged_count; i++) {
        if (n->staged[i].id == sub->origin.b[15] * 1000u + sub->id) {
            return n->staged[i].blob;
        }
    }
    return NULL;
}

static void do_append(struct stage *s, int me, const struct ls_entry *e)
{
    struct node *n = &s->nodes[me];
    struct ls_blob *blob = NULL;

    if (e->payload == NULL) {
        blob = e->size > 0 ? ls_blob_ref(find_payload(s, me, &e->sub)) : NULL;
    } else {
        blob = ls_blob_create(e->payload, e->size);
    }
    LS_ASSERT(e->size == 0 || (blob != NULL && blob->hash == e->payload_hash));
    ls_disk_append(&n->disk, e, blob);
}

static void enqueue(struct stage *s, struct message *m)
{
    LS_ASSERT(s->count < QUEUE);
    s->queue[(s->head + s->count++) % QUEUE] = m;
}

static void do_send(struct stage *s, int me, const struct ls_action *a)
{
    struct node *n = &s->nodes[me];
    int to = a->u.send.to.b[15];
    const struct ls_msg *msg = &a->u.send.msg;

    if (!n->up[to] || n->cut[to]) {
        return;
    }
    struct message *m = calloc(1, sizeof(*m));
    LS_ASSERT(m != NULL);
    *m = (struct message){.from = me, .to = to, .m = *msg};
    if ((msg->type == LS_MSG_APPEND || msg->type == LS_MSG_ENTRIES) &&
        msg->u.append.last >= msg->u.append.first) {
        m->count = (uint32_t)(msg->u.append.last - msg->u.append.first + 1);
        m->entries = calloc(m->count, sizeof(*m->entries));
        m->blobs = calloc(m->count, sizeof(*m->blobs));
        LS_ASSERT(m->entries != NULL && m->blobs != NULL);
        for (uint32_t i = 0; i < m->count; i++) {
            struct ls_disk_entry *e = ls_disk_find(&n->disk, msg->u.append.first + i);
            LS_ASSERT(e != NULL);
            m->entries[i] = e->e;
            m->blobs[i] = msg->flags & LS_APPEND_META_ONLY ? NULL : ls_blob_ref(e->blob);
            m->entries[i].payload = m->blobs[i] != NULL ? m->blobs[i]->data : NULL;
        }
    }
    if (msg->type == LS_MSG_SUBMIT && !(msg->u.submit.entry_flags & LS_EF_BIG)) {
        m->blob = ls_blob_ref(find_own(n, msg->u.submit.sub.id));
    }
    if (msg->type == LS_MSG_WELCOME) {
        m->config = *msg->u.welcome.config;
    }
    enqueue(s, m);
}

static void do_spread(struct stage *s, int me, const struct ls_action *a)
{
    int to = a->u.spread.to.b[15];

    if (s->nodes[me].up[to] && !s->nodes[me].cut[to]) {
        struct message *m = calloc(1, sizeof(*m));
        LS_ASSERT(m != NULL);
        *m = (struct message){.from = me, .to = to, .bulk_id = a->u.spread.id};
        m->blob = ls_blob_ref(find_own(&s->nodes[me], a->u.spread.id));
        enqueue(s, m);
    }
}

static void perform(struct stage *s, int me, const struct ls_action *a)
{
    struct node *n = &s->nodes[me];

    switch (a->type) {
    case LS_ACT_APPEND:
        do_append(s, me, &a->u.append.entry);
        break;
    case LS_ACT_TRUNCATE:
        ls_disk_truncate(&n->disk, a->u.index);
        break;
    case LS_ACT_RESET:
        ls_disk_reset(&n->disk, &a->u.reset.base, a->u.reset.context, a->u.reset.context_size);
        break;
    case LS_ACT_PERSIST:
        n->disk.term = a->u.persist.term;
        n->disk.vote = a->u.persist.vote;
        break;
    case LS_ACT_SEND:
        do_send(s, me, a);
        break;
    case LS_ACT_SPREAD:
        do_spread(s, me, a);
        break;
    case LS_ACT_COMMIT:
        n->commit = a->u.index;
        break;
    default:
        break;
    }
}

static void step(struct stage *s, int me, struct ls_event *ev)
{
    struct node *n = &s->nodes[me];
    char line[500];
    size_t count;

    LS_ASSERT(n->running);
    ev->now_us = s->now_us;
    ls_core_step(n->core, ev);
    const struct ls_action *a = ls_core_actions(n->core, &count);
    if (count > 0 || (ev->type != LS_EV_TICK && ev->type != LS_EV_FLUSH)) {
        ls_text_event(line, sizeof(line), ev, stage_name_of, s);
        stage_say(s, "%s > %s", stage_name_of(s, &n->disk.id), line);
    }
    for (size_t i = 0; i < count; i++) {
        ls_text_action(line, sizeof(line), &a[i], stage_name_of, s);
        stage_say(s, "       %s", line);
        perform(s, me, &a[i]);
    }
    ls_core_actions_done(n->core);
    if (ls_disk_wants_segment(&n->disk)) {
        static uint8_t context[LS_CORE_CONTEXT_MAX];
        size_t size = ls_core_context_encode(n->core, context, sizeof(context));
        if (size > 0) {
            ls_disk_new_segment(&n->disk, context, size);
        }
    }
}

/* An event, the end of the turn, and certification of what it committed. */
void stage_turn(struct stage *s, int me, struct ls_event *ev)
{
    struct node *n = &s->nodes[me];
    struct ls_event flush = {.type = LS_EV_FLUSH};
    uint64_t before = n->commit;

    step(s, me, ev);
    step(s, me, &flush);
    if (n->commit > before) {
        struct ls_event d = {.type = LS_EV_DELIVERED};
        for (uint64_t i = before + 1; i <= n->commit; i++) {
            struct ls_disk_entry *e = ls_disk_find(&n->disk, i);
            if (e != NULL && e->e.type == LS_ENTRY_WRITESET) {
                e->e.verdict = LS_VERDICT_PASS;
            }
        }
        d.u.index = n->commit;
        stage_turn(s, me, &d);
    }
}

/* ---- delivery ---- */

static void free_message(struct message *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        ls_blob_unref(m->blobs[i]);
    }
    ls_blob_unref(m->blob);
    free(m->entries);
    free(m->blobs);
    free(m);
}

static void deliver_bulk(struct stage *s, struct message *m)
{
    struct node *n = &s->nodes[m->to];
    struct ls_event ev = {.type = LS_EV_PAYLOAD_HELD};

    LS_ASSERT(n->staged_count < 64);
    n->staged[n->staged_count++] =
        (struct own){.id = (uint64_t)m->from * 1000u + m->bulk_id, .blob = ls_blob_ref(m->blob)};
    ev.u.held.sub = (struct ls_sub_id){.origin = stage_id_of(m->from),
                                       .incarnation = s->nodes[m->from].disk.incarnation,
                                       .id = m->bulk_id};
    ev.u.held.size = m->blob->size;
    ev.u.held.payload_hash = m->blob->hash;
    stage_turn(s, m->to, &ev);
}

static void deliver(struct stage *s, struct message *m)
{
    struct node *n = &s->nodes[m->to];
    struct ls_event ev = {.type = LS_EV_MESSAGE};

    if (n->running && n->up[m->from] && m->bulk_id != 0) {
        deliver_bulk(s, m);
    } else if (n->running && n->up[m->from]) {
        if (m->m.type == LS_MSG_APPEND || m->m.type == LS_MSG_ENTRIES) {
            m->m.u.append.entries = m->entries;
            m->m.u.append.count = m->count;
            ev.u.message.payload_here =
                m->count == 1 && find_payload(s, m->to, &m->entries[0].sub) != NULL;
        } else if (m->m.type == LS_MSG_SUBMIT) {
            m->m.u.submit.payload = m->blob != NULL ? m->blob->data : NULL;
        } else if (m->m.type == LS_MSG_WELCOME) {
            m->m.u.welcome.config = &m->config;
        }
        ev.u.message.from = stage_id_of(m->from);
        ev.u.message.msg = &m->m;
        stage_turn(s, m->to, &ev);
    }
    free_message(m);
}

/* Half a round trip: everything now under way arrives. */
void stage_hop(struct stage *s)
{
    uint32_t n = s->count;

    s->now_us += 1000;
    for (uint32_t i = 0; i < n; i++) {
        struct message *m = s->queue[s->head];
        s->head = (s->head + 1) % QUEUE;
        s->count--;
        if (s->nodes[m->to].paused) {
            enqueue(s, m);
        } else {
            deliver(s, m);
        }
    }
}

/* ---- life ---- */

void stage_start(struct stage *s, int i, bool fresh)
{
    struct node *n = &s->nodes[i];
    struct ls_error err = {0};
    struct ls_disk *d = &n->disk;

    if (fresh) {
        ls_disk_init(d, s->segment);
        d->id = stage_id_of(i);
        n->used = true;
    }
    d->incarnation++;
    n->next_id = 1;
    n->commit = ls_disk_base(d).index;
    n->running = true;
    struct ls_core_start st = {.me = {.id = d->id,
                                      .incarnation = d->incarnation,
                                      .weight = 1,
                                      .state = LS_NODE_JOINER,
                                      .proto_app = 4},
                               .keep = n->keep,
                               .term = d->term,
                               .vote = d->vote,
                               .base = ls_disk_base(d),
                               .last = ls_disk_last(d),
                               .commit = ls_disk_base(d).index,
                               .context = d->segments[0].context,
                               .context_size = d->segments[0].context_size,
                               .seed = (uint64_t)i + 1,
                               .params = s->params,
                               .log = ls_disk_core_log(d)};
    snprintf(st.me.name, sizeof(st.me.name), "n%d", i);
    n->core = ls_core_create(&st, &err);
    LS_ASSERT(n->core != NULL);
}

void stage_stop(struct stage *s, int i)
{
    struct node *n = &s->nodes[i];

    ls_core_destroy(n->core);
    n->core = NULL;
    n->running = false;
    for (uint32_t k = 0; k < n->own_count; k++) {
        ls_blob_unref(n->own[k].blob);
    }
    for (uint32_t k = 0; k < n->staged_count; k++) {
        ls_blob_unref(n->staged[k].blob);
    }
    n->own_count = n->staged_count = 0;
}

void stage_connect(struct stage *s, int a, int b, bool up, bool unreachable)
{
    for (int side = 0; side < 2; side++) {
        int me = side ? b : a, peer = side ? a : b;
        struct node *n = &s->nodes[me];
        struct ls_event ev = {.type = up ? LS_EV_PEER_UP : LS_EV_PEER_DOWN};
        n->up[peer] = up && n->running;
        if (n->running) {
            ev.u.peer.peer = stage_id_of(peer);
            ev.u.peer.incarnation = s->nodes[peer].disk.incarnation;
            ev.u.peer.unreachable = unreachable;
            stage_turn(s, me, &ev);
        }
    }
}

void stage_free(struct stage *s)
{
    while (s->count > 0) {
        free_message(s->queue[s->head]);
        s->head = (s->head + 1) % QUEUE;
        s->count--;
    }
    for (int i = 0; i < NODES; i++) {
        if (s->nodes[i].running) {
            stage_stop(s, i);
        }
        if (s->nodes[i].used) {
            ls_disk_free(&s->nodes[i].disk);
        }
    }
    free(s->out);
    free(s);
}
