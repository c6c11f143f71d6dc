/* ls-trace: scripted conversations of a few cores, compared with what was expected, line by line.
 *
 * A trace file holds blocks: command lines, a line "----", the output, an empty line. Lines that
 * begin with # are comments. Commands (see README.md) feed events; every event and every action is
 * one line of output. With --update the outputs are written anew, for a person to review. */
#include "gcomm/core/core.h"
#include "test/sim/disk.h"
#include "test/sim/text.h"
#include "wsrep/base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 6
#define QUEUE 16384

struct message {
    int from, to;
    struct ls_msg m;
    struct ls_config config;
    struct ls_blob *blob; /* SUBMIT */
    struct ls_entry *entries;
    struct ls_blob **blobs;
    uint32_t count;
    uint64_t bulk_id; /* not 0: the big payload of this submission, no message */
};

struct own {
    uint64_t id;
    struct ls_blob *blob;
};

struct node {
    bool used, running;
    struct ls_disk disk;
    struct ls_core *core;
    bool up[NODES];
    bool cut[NODES]; /* what it says to this one is lost, over a connection that stays */
    bool paused;     /* stands still; what comes in waits */
    uint64_t next_id;
    struct own own[64];
    uint32_t own_count;
    struct own staged[64]; /* id: origin * 1000 + submission */
    uint32_t staged_count;
    uint64_t commit;
    const struct message *event_msg;
    struct ls_blob *event_blob;
};

struct stage {
    struct node nodes[NODES];
    struct message *queue[QUEUE];
    uint32_t head, count;
    int64_t now_us;
    struct ls_core_params params;
    char *out;
    size_t out_len, out_cap;
};

/* ---- output ---- */

__attribute__((format(printf, 2, 3))) static void say(struct stage *s, const char *fmt, ...)
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

static const char *name_of(void *ctx, const struct ls_uuid *id)
{
    static const char *const names[NODES] = {"n0", "n1", "n2", "n3", "n4", "n5"};
    return id->b[15] < NODES ? names[id->b[15]] : "?";
}

static struct ls_uuid id_of(int i)
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
        ls_text_event(line, sizeof(line), ev, name_of, s);
        say(s, "%s > %s", name_of(s, &n->disk.id), line);
    }
    for (size_t i = 0; i < count; i++) {
        ls_text_action(line, sizeof(line), &a[i], name_of, s);
        say(s, "       %s", line);
        perform(s, me, &a[i]);
    }
    ls_core_actions_done(n->core);
}

/* An event, the end of the turn, and certification of what it committed. */
static void turn(struct stage *s, int me, struct ls_event *ev)
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
        turn(s, me, &d);
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
    ev.u.held.sub = (struct ls_sub_id){.origin = id_of(m->from),
                                       .incarnation = s->nodes[m->from].disk.incarnation,
                                       .id = m->bulk_id};
    ev.u.held.size = m->blob->size;
    ev.u.held.payload_hash = m->blob->hash;
    turn(s, m->to, &ev);
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
        ev.u.message.from = id_of(m->from);
        ev.u.message.msg = &m->m;
        turn(s, m->to, &ev);
    }
    free_message(m);
}

/* Half a round trip: everything now under way arrives. */
static void hop(struct stage *s)
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

/* ---- commands ---- */

static void start(struct stage *s, int i, bool fresh)
{
    struct node *n = &s->nodes[i];
    struct ls_error err = {0};
    struct ls_disk *d = &n->disk;

    if (fresh) {
        ls_disk_init(d, 1000000);
        d->id = id_of(i);
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

static void stop(struct stage *s, int i)
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

static void connect_pair(struct stage *s, int a, int b, bool up, bool unreachable)
{
    for (int side = 0; side < 2; side++) {
        int me = side ? b : a, peer = side ? a : b;
        struct node *n = &s->nodes[me];
        struct ls_event ev = {.type = up ? LS_EV_PEER_UP : LS_EV_PEER_DOWN};
        n->up[peer] = up && n->running;
        if (n->running) {
            ev.u.peer.peer = id_of(peer);
            ev.u.peer.incarnation = s->nodes[peer].disk.incarnation;
            ev.u.peer.unreachable = unreachable;
            turn(s, me, &ev);
        }
    }
}

static void submit(struct stage *s, int i, uint8_t type, const void *data, size_t size)
{
    struct node *n = &s->nodes[i];
    struct ls_event ev = {.type = LS_EV_SUBMIT};
    struct ls_blob *b = ls_blob_create(data, size);

    LS_ASSERT(n->own_count < 64);
    n->own[n->own_count++] = (struct own){.id = n->next_id, .blob = b};
    ev.u.submit.id = n->next_id++;
    ev.u.submit.entry_type = type;
    ev.u.submit.size = b->size;
    ev.u.submit.payload_hash = b->hash;
    ev.u.submit.payload = b->data;
    turn(s, i, &ev);
}

static void submit_state(struct stage *s, int i, const char *state)
{
    struct ls_member_state m = {
        .id = id_of(i), .incarnation = s->nodes[i].disk.incarnation, .state = LS_NODE_JOINED};
    uint8_t buf[64];
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));

    if (strcmp(state, "SYNCED") == 0) {
        m.state = LS_NODE_SYNCED;
    }
    LS_ASSERT(ls_member_state_encode(&m, &w));
    submit(s, i, LS_ENTRY_STATE, buf, (size_t)(w.pos - buf));
}

/* only: the one node that notices, or -1 for all. */
static void tick(struct stage *s, int only)
{
    for (int i = 0; i < NODES; i++) {
        if (s->nodes[i].running && !s->nodes[i].paused && (only < 0 || i == only)) {
            struct ls_event ev = {.type = LS_EV_TICK};
            turn(s, i, &ev);
        }
    }
}

static void pass_time(struct stage *s, int64_t ms, int only)
{
    int64_t end = s->now_us + ms * 1000;

    while (s->now_us < end) {
        s->now_us += 20000;
        tick(s, only);
    }
}

/* Time passes for all, and what is said meanwhile arrives. */
static void live(struct stage *s, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 20) {
        for (int i = 0; i < 20; i++) {
            hop(s);
        }
        tick(s, -1);
    }
}

static void show(struct stage *s)
{
    for (int i = 0; i < NODES; i++) {
        struct ls_core_status st;
        char leader[16] = "-";

        if (!s->nodes[i].running) {
            continue;
        }
        ls_core_get_status(s->nodes[i].core, &st);
        if (!ls_uuid_is_zero(&st.leader)) {
            snprintf(leader, sizeof(leader), "%s", name_of(s, &st.leader));
        }
        say(s,
            "n%d: %s, epoch %" PRIu64 " of %u, term %" PRIu64 ", leader %s, last %" PRIu64
            ", commit %" PRIu64 "%s, pending %u, staged %zu",
            i, st.primary ? "primary" : "not primary", st.config->epoch, st.config->count, st.term,
            leader, st.last.index, st.commit, st.sure_until_us > s->now_us ? ", sure" : "",
            st.pending, st.staged);
    }
}

/* Time passes for one node alone, and a long APPEND comes in all the while. */
static void arriving(struct stage *s, int i, int from, int64_t ms)
{
    int64_t end = s->now_us + ms * 1000;

    while (s->now_us < end) {
        struct ls_event ev = {.type = LS_EV_ARRIVING};
        pass_time(s, 40, i);
        ev.u.arriving.from = id_of(from);
        ev.u.arriving.type = LS_MSG_APPEND;
        turn(s, i, &ev);
    }
}

static void log_held(struct stage *s, int i)
{
    struct ls_event ev = {.type = LS_EV_LOG_HELD};

    ev.u.index = ls_disk_last(&s->nodes[i].disk).index;
    turn(s, i, &ev);
}

/* What nodes that join or change their state need to come to rest: disks, messages, time. */
static void settle(struct stage *s)
{
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < NODES; i++) {
            if (s->nodes[i].running && s->params.sync_majority) {
                log_held(s, i);
            }
        }
        while (s->count > 0) {
            hop(s);
        }
        pass_time(s, 20, -1);
    }
}

/* False when the line makes no sense. */
static bool command(struct stage *s, const char *line)
{
    static const uint8_t zeros[131072];
    char word[32] = "", rest[64] = "";
    int a = -1, b = -1;
    int64_t n = 0;

    sscanf(line, "%31s", word);
    if (sscanf(line, "node n%d", &a) == 1) {
        start(s, a, true);
    } else if (sscanf(line, "restart n%d %63s", &a, rest) >= 1) {
        start(s, a, false);
        struct ls_event ev = {.type = LS_EV_JOIN};
        ev.u.join.need_state = strcmp(rest, "need-state") == 0;
        turn(s, a, &ev);
    } else if (sscanf(line, "bootstrap n%d %63s", &a, rest) >= 1) {
        struct ls_event ev = {.type = LS_EV_BOOTSTRAP};
        ev.u.bootstrap.group = (struct ls_uuid){.b = {strcmp(rest, "other") == 0 ? 0xcd : 0xab}};
        turn(s, a, &ev);
    } else if (sscanf(line, "join n%d %63s", &a, rest) >= 1 && strcmp(word, "join") == 0) {
        struct ls_event ev = {.type = LS_EV_JOIN};
        ev.u.join.need_state = strcmp(rest, "need-state") == 0;
        turn(s, a, &ev);
    } else if (sscanf(line, "leave n%d", &a) == 1) {
        struct ls_event ev = {.type = LS_EV_LEAVE};
        turn(s, a, &ev);
    } else if (sscanf(line, "process n%d", &a) == 1) {
        start(s, a, false);
    } else if (sscanf(line, "found n%d %" SCNd64, &a, &n) == 2) {
        struct ls_event ev = {.type = LS_EV_BOOTSTRAP};
        ev.u.bootstrap.group = (struct ls_uuid){.b = {0xab}};
        ev.u.bootstrap.seqno = n;
        turn(s, a, &ev);
    } else if (sscanf(line, "reform n%d", &a) == 1) {
        struct ls_event ev = {.type = LS_EV_REFORM};
        turn(s, a, &ev);
    } else if (sscanf(line, "evict n%d n%d", &a, &b) == 2) {
        struct ls_event ev = {.type = LS_EV_EVICT};
        ev.u.id = id_of(b);
        turn(s, a, &ev);
    } else if (sscanf(line, "give-up n%d %" SCNd64, &a, &n) == 2) {
        struct ls_event ev = {.type = LS_EV_GIVE_UP};
        ev.u.submit.id = (uint64_t)n;
        turn(s, a, &ev);
    } else if (sscanf(line, "%31s n%d n%d", word, &a, &b) == 3 &&
               (strcmp(word, "cut") == 0 || strcmp(word, "mend") == 0)) {
        s->nodes[a].cut[b] = strcmp(word, "cut") == 0;
    } else if (sscanf(line, "pause n%d", &a) == 1 || sscanf(line, "resume n%d", &a) == 1) {
        s->nodes[a].paused = strcmp(word, "pause") == 0;
    } else if (sscanf(line, "live %" SCNd64, &n) == 1) {
        live(s, n);
    } else if (strcmp(word, "show") == 0) {
        show(s);
    } else if (sscanf(line, "connect n%d n%d", &a, &b) == 2) {
        connect_pair(s, a, b, true, false);
    } else if (sscanf(line, "disconnect n%d n%d %63s", &a, &b, rest) >= 2) {
        connect_pair(s, a, b, false, strcmp(rest, "unreachable") == 0);
    } else if (sscanf(line, "crash n%d", &a) == 1) {
        stop(s, a);
    } else if (sscanf(line, "submit n%d %" SCNd64, &a, &n) == 2 && n <= (int64_t)sizeof(zeros)) {
        submit(s, a, LS_ENTRY_WRITESET, zeros, (size_t)n);
    } else if (sscanf(line, "state n%d %63s", &a, rest) == 2) {
        submit_state(s, a, rest);
    } else if (sscanf(line, "read n%d", &a) == 1) {
        struct ls_event ev = {.type = LS_EV_READ};
        ev.u.token = 1;
        turn(s, a, &ev);
    } else if (sscanf(line, "applied n%d %" SCNd64, &a, &n) == 2) {
        struct ls_event ev = {.type = LS_EV_APPLIED};
        ev.u.seqno = n;
        turn(s, a, &ev);
    } else if (sscanf(line, "arriving n%d n%d %" SCNd64, &a, &b, &n) == 3) {
        arriving(s, a, b, n);
    } else if (sscanf(line, "log-held n%d", &a) == 1) {
        log_held(s, a);
    } else if (strcmp(line, "log-sync majority") == 0 || strcmp(line, "log-sync none") == 0) {
        s->params.sync_majority = strcmp(line, "log-sync majority") == 0; /* of nodes to come */
    } else if (strcmp(word, "hop") == 0) {
        hop(s);
    } else if (strcmp(word, "run") == 0) {
        while (s->count > 0) {
            hop(s);
        }
    } else if (strcmp(word, "settle") == 0) {
        settle(s);
    } else if (sscanf(line, "time %" SCNd64, &n) == 1) {
        pass_time(s, n, -1);
    } else if (sscanf(line, "tick n%d %" SCNd64, &a, &n) == 2) {
        pass_time(s, n, a);
    } else if (strcmp(word, "quiet") == 0) {
        s->out_len = 0; /* what the block did so far is of no interest */
        if (s->out != NULL) {
            s->out[0] = '\0';
        }
    } else {
        return false;
    }
    return true;
}

/* ---- files ---- */

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return NULL;
    }
    size_t cap = 1 << 20;
    char *text = malloc(cap);
    LS_ASSERT(text != NULL);
    size_t n = fread(text, 1, cap - 1, f);
    LS_ASSERT(n < cap - 1);
    text[n] = '\0';
    fclose(f);
    return text;
}

static void tear_down(struct stage *s)
{
    while (s->count > 0) {
        free_message(s->queue[s->head]);
        s->head = (s->head + 1) % QUEUE;
        s->count--;
    }
    for (int i = 0; i < NODES; i++) {
        if (s->nodes[i].running) {
            stop(s, i);
        }
        if (s->nodes[i].used) {
            ls_disk_free(&s->nodes[i].disk);
        }
    }
    free(s->out);
    free(s);
}

/* Reports the first line in which the two differ. */
static void report(const char *path, const char *expected, const char *actual)
{
    while (*expected != '\0' && *expected != '\n' ? true : *expected != '\0' || *actual != '\0') {
        size_t e = strcspn(expected, "\n"), a = strcspn(actual, "\n");
        if (e != a || memcmp(expected, actual, e) != 0) {
            printf("%s: expected: %.*s\n%s: but got:  %.*s\n", path, (int)e, expected, path, (int)a,
                   actual);
            return;
        }
        expected += e + (expected[e] == '\n');
        actual += a + (actual[a] == '\n');
    }
}

/* One block at *at: its commands are run; false when a command is not understood. */
static bool run_block(struct stage *s, const char *path, char **at, FILE *copy)
{
    char *line = *at;

    s->out_len = 0;
    while (*line != '\0' && strncmp(line, "----", 4) != 0) {
        size_t n = strcspn(line, "\n");
        if (copy != NULL) {
            fprintf(copy, "%.*s\n", (int)n, line);
        }
        char text[200];
        snprintf(text, sizeof(text), "%.*s", (int)n, line);
        if (n > 0 && line[0] != '#' && !command(s, text)) {
            printf("%s: what is \"%s\"?\n", path, text);
            return false;
        }
        line += n + (line[n] == '\n');
    }
    *at = line;
    return true;
}

static bool run_file(const char *path, bool update)
{
    char *text = read_all(path), *at = text;
    struct stage *s = calloc(1, sizeof(*s));
    char *fresh = NULL;
    size_t fresh_size = 0;
    bool ok = text != NULL;

    LS_ASSERT(s != NULL);
    if (text == NULL) {
        printf("%s: cannot be read\n", path);
        free(s);
        return false;
    }
    FILE *copy = open_memstream(&fresh, &fresh_size);
    LS_ASSERT(copy != NULL);
    ls_core_params_default(&s->params);
    while (*at != '\0' && ok) {
        ok = run_block(s, path, &at, copy);
        if (!ok || *at == '\0') {
            break;
        }
        fprintf(copy, "----\n%s\n", s->out_len > 0 ? s->out : "");
        char *end = strstr(at, "\n\n"); /* the old output ends with an empty line */
        at = end != NULL ? end + 2 : at + strlen(at);
    }
    fclose(copy);
    if (ok && strcmp(text, fresh) != 0) {
        if (update) {
            FILE *f = fopen(path, "we");
            LS_ASSERT(f != NULL);
            fputs(fresh, f);
            fclose(f);
            printf("%s: updated\n", path);
        } else {
            report(path, text, fresh);
            ok = false;
        }
    }
    tear_down(s);
    free(text);
    free(fresh);
    return ok;
}

int main(int argc, char **argv)
{
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    int failed = 0;

    if (argc < 2 + update) {
        fprintf(stderr, "usage: ls-trace [--update] FILE...\n");
        return 2;
    }
    for (int i = 1 + update; i < argc; i++) {
        failed += !run_file(argv[i], update);
    }
    printf("%d traces, %d differ\n", argc - 1 - update, failed);
    return failed > 0;
}
