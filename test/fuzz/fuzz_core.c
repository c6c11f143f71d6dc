/* The core behind the decoder: a node whose peers say anything at any time. The input is a list of
 * events; a message is made of fields that lie near what the core has (its positions, its
 * configuration) as often as not, and goes through encoder and decoder as on the wire. Nothing that
 * peers say may meet an assertion, cut what was decided, or leave a gap in the log. */
#include "gcomm/wire/message.h"
#include "test/fuzz/core_node.h"
#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define MAX_EVENTS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ls_wire_decoder decoder;

/* ---- the host's duties ---- */

static void append(struct core_node *n, const struct ls_entry *e)
{
    struct ls_blob *blob = e->payload != NULL ? ls_blob_create(e->payload, e->size) : NULL;

    LS_ASSERT(e->index == ls_disk_last(&n->disk).index + 1);
    if (ls_disk_wants_segment(&n->disk)) {
        static uint8_t context[LS_CORE_CONTEXT_MAX];
        size_t size = ls_core_context_encode(n->core, context, sizeof(context));
        if (size > 0) {
            ls_disk_new_segment(&n->disk, context, size);
        }
    }
    ls_disk_append(&n->disk, e, blob);
}

static void commit(struct core_node *n, uint64_t index)
{
    LS_ASSERT(index <= ls_disk_last(&n->disk).index);
    for (uint64_t i = n->committed + 1; i <= index; i++) {
        struct ls_disk_entry *e = ls_disk_find(&n->disk, i);
        if (e != NULL && e->e.verdict == LS_VERDICT_UNKNOWN) {
            e->e.verdict = LS_VERDICT_PASS;
        }
    }
    n->committed = index > n->committed ? index : n->committed;
}

static void perform(struct core_node *n, const struct ls_action *a)
{
    switch (a->type) {
    case LS_ACT_APPEND:
        append(n, &a->u.append.entry);
        break;
    case LS_ACT_TRUNCATE:
        LS_ASSERT(a->u.index > n->committed && a->u.index > ls_disk_base(&n->disk).index);
        ls_disk_truncate(&n->disk, a->u.index);
        break;
    case LS_ACT_RESET:
        ls_disk_reset(&n->disk, &a->u.reset.base, a->u.reset.context, a->u.reset.context_size);
        n->committed = a->u.reset.base.index;
        break;
    case LS_ACT_COMMIT:
        commit(n, a->u.index);
        break;
    default:
        break;
    }
}

static void step(struct core_node *n, struct ls_event *ev)
{
    const struct ls_action *actions;
    size_t count;

    ev->now_us = n->now_us;
    ls_core_step(n->core, ev);
    actions = ls_core_actions(n->core, &count);
    for (size_t i = 0; i < count; i++) {
        perform(n, &actions[i]);
    }
    ls_core_actions_done(n->core);
    ls_core_get_status(n->core, &n->status);
}

/* As on the wire: bytes of one frame, decoded. */
static void deliver(struct core_node *n, const struct ls_uuid *from, const struct ls_msg *m)
{
    bool entries = m->type == LS_MSG_APPEND || m->type == LS_MSG_ENTRIES;
    uint32_t count = entries ? m->u.append.count : 0;
    size_t bound = ls_wire_message_bound(m, count);
    uint8_t *frame = malloc(bound + PAYLOAD_MAX);
    struct ls_event ev = {.type = LS_EV_MESSAGE};
    struct ls_frame f;
    struct ls_msg got;
    uint32_t payload_size;
    size_t at;

    LS_ASSERT(frame != NULL);
    at = ls_wire_message_encode(m, entries ? m->u.append.entries : NULL, count, 1, frame, bound,
                                &payload_size);
    LS_ASSERT(at > 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct ls_entry *e = &m->u.append.entries[i];
        if (ls_wire_has_payload(m, e)) {
            memcpy(frame + at, e->payload, e->size);
            at += e->size;
        }
    }
    if (m->type == LS_MSG_SUBMIT && payload_size > 0) {
        memcpy(frame + at, m->u.submit.payload, payload_size);
    }
    if (ls_frame_open(frame, &f, NULL) == LS_OK &&
        ls_wire_message_decode(&decoder, &f, frame + LS_FRAME_HEADER_SIZE,
                               frame + LS_FRAME_HEADER_SIZE + f.body_size, &got, NULL) == LS_OK) {
        ev.u.message.from = *from;
        ev.u.message.msg = &got;
        ev.u.message.payload_here = ls_get_u8(&n->in) & 1;
        step(n, &ev);
    }
    free(frame);
}

static void say_something(struct core_node *n)
{
    struct ls_uuid from = draw_id(n);
    struct ls_msg m;

    draw_message(n, &m);
    deliver(n, &from, &m);
}

/* ---- events ---- */

/* A big payload of a member is complete. False: the engine takes none of this origin's. */
static bool draw_held(struct core_node *n, struct ls_event *ev)
{
    ev->type = LS_EV_PAYLOAD_HELD;
    ev->u.held.sub.origin = draw_id(n);
    ev->u.held.sub.incarnation = 1;
    ev->u.held.sub.id = draw_near(n, 4);
    ev->u.held.size = 1 + ls_get_u8(&n->in);
    return ls_config_find(n->status.config, &ev->u.held.sub.origin) != NULL;
}

static void one_event(struct core_node *n)
{
    static const uint8_t payload[40];
    uint8_t what = ls_get_u8(&n->in);
    struct ls_event ev = {0};

    switch (what % 16) {
    case 0:
        ev.type = LS_EV_TICK;
        n->now_us += 1000 * (1 + (int64_t)ls_get_u8(&n->in) * 8);
        break;
    case 1:
    case 2:
        ev.type = what % 16 == 1 || what < 128 ? LS_EV_PEER_UP : LS_EV_PEER_DOWN;
        ev.u.peer.peer = draw_id(n);
        ev.u.peer.incarnation = 1 + ls_get_u8(&n->in) % 2;
        ev.u.peer.unreachable = what & 64;
        break;
    case 3:
        ev.type = LS_EV_SUBMIT;
        ev.u.submit.id = n->next_sub++;
        ev.u.submit.entry_type = LS_ENTRY_WRITESET;
        ev.u.submit.size = what & 64 ? (uint32_t)n->params.big_bytes + 1 : sizeof(payload);
        ev.u.submit.payload_hash = ls_hash64(payload, sizeof(payload));
        ev.u.submit.payload = payload;
        break;
    case 4:
        ev.type = n->params.sync_majority ? LS_EV_LOG_HELD : LS_EV_DELIVERED;
        ev.u.index = n->params.sync_majority ? ls_disk_last(&n->disk).index : n->committed;
        break;
    case 5:
        ev.type = what & 64 ? LS_EV_READ : what & 128 ? LS_EV_REFORM : LS_EV_DELIVERED;
        ev.u.index = n->committed; /* as token as good as any */
        break;
    case 6:
        ev.type = what & 64 ? LS_EV_LEAVE : LS_EV_WEIGHT;
        ev.u.weight = what >> 7;
        break;
    case 7:
        ls_disk_purge(&n->disk, ls_core_needed_index(n->core, what & 1 ? n->committed : 0));
        return;
    case 8:
        ev.type = LS_EV_FLUSH;
        if (what & 64) {
            ev.type = LS_EV_ARRIVING;
            ev.u.arriving.from = draw_id(n);
            ev.u.arriving.type = 1 + ls_get_u8(&n->in) % LS_MSG_MAX;
        } else if ((what & 128) && !draw_held(n, &ev)) {
            return;
        }
        break;
    default:
        say_something(n);
        return;
    }
    step(n, &ev);
}

static void begin(struct core_node *n)
{
    struct ls_core_start start = {.seed = 1};
    struct ls_event ev = {.type = LS_EV_BOOTSTRAP};
    uint8_t mode = ls_get_u8(&n->in);

    ls_disk_init(&n->disk, 4);
    ls_core_params_default(&n->params);
    n->params.sync_majority = mode & 1;
    n->params.ack_all = (mode >> 1) & 1;
    n->params.big_bytes = 2048;
    n->now_us = 1000000;
    n->next_sub = 1;
    start.me = (struct ls_member){.weight = 1, .state = LS_NODE_JOINER, .incarnation = 1};
    start.me.id.b[0] = 1;
    start.params = n->params;
    start.log = ls_disk_core_log(&n->disk);
    n->core = ls_core_create(&start, NULL);
    LS_ASSERT(n->core != NULL);
    if (mode & 4) {
        ev.type = LS_EV_JOIN;
    } else {
        ev.u.bootstrap.group.b[0] = 9;
    }
    step(n, &ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct core_node n = {.in = ls_reader_init(data, size)};

    begin(&n);
    for (int i = 0; i < MAX_EVENTS && ls_reader_left(&n.in) > 0; i++) {
        one_event(&n);
    }
    ls_core_destroy(n.core);
    ls_disk_free(&n.disk);
    return 0;
}
