/* The core behind the decoder: a node whose peers say anything at any time. The input is a list of
 * events; a message is made of fields that lie near what the core has (its positions, its
 * configuration) as often as not, and goes through encoder and decoder as on the wire. Nothing that
 * peers say may meet an assertion, cut what was decided, or leave a gap in the log. */
#include "gcomm/core/core.h"
#include "gcomm/wire/message.h"
#include "test/sim/disk.h"
#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define MAX_EVENTS 300
#define MAX_ENTRIES 4
#define PEERS 4
#define PAYLOAD_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct node {
    struct ls_core *core;
    struct ls_disk disk;
    struct ls_core_params params;
    struct ls_core_status status; /* after the last step */
    int64_t now_us;
    uint64_t committed;
    uint64_t next_sub;
    struct ls_reader in;
};

static struct ls_wire_decoder decoder;
static uint8_t payloads[PAYLOAD_MAX];
static size_t payload_bytes; /* used of it by the message that is made */

/* ---- the host's duties ---- */

static void append(struct node *n, const struct ls_entry *e)
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

static void commit(struct node *n, uint64_t index)
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

static void perform(struct node *n, const struct ls_action *a)
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

static void step(struct node *n, struct ls_event *ev)
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

/* ---- fields, near what is there ---- */

static uint64_t draw_near(struct node *n, uint64_t at)
{
    uint8_t how = ls_get_u8(&n->in);

    if (how >= 250) {
        return ls_get_u64(&n->in) & LS_COUNT_MAX;
    }
    at += how % 9;
    return at >= 4 ? at - 4 : 0;
}

static struct ls_uuid draw_id(struct node *n)
{
    struct ls_uuid id = {{0}};

    id.b[0] = 1;
    id.b[15] = ls_get_u8(&n->in) % (PEERS + 2);
    return id;
}

static struct ls_log_pos draw_pos(struct node *n)
{
    struct ls_log_pos pos = ls_disk_last(&n->disk);
    const struct ls_disk_entry *e;
    uint8_t how = ls_get_u8(&n->in);

    if (how % 4 != 0) {
        e = ls_disk_find(&n->disk, draw_near(n, how % 4 == 1 ? n->committed : pos.index));
        pos = e != NULL ? ls_entry_pos(&e->e) : ls_disk_base(&n->disk);
    }
    if (how & 64) {
        pos.term = draw_near(n, pos.term);
    }
    if (how & 128) {
        pos.index = draw_near(n, pos.index);
        pos.seqno = (int64_t)draw_near(n, (uint64_t)pos.seqno);
    }
    return pos;
}

static struct ls_member draw_member(struct node *n, struct ls_uuid id)
{
    struct ls_member m = {.id = id, .weight = 1, .proto_app = 4};

    m.incarnation = 1 + ls_get_u8(&n->in) % 4;
    m.role = ls_get_u8(&n->in) & 1;
    m.state = ls_get_u8(&n->in) % 6;
    m.weight = ls_get_u8(&n->in) % 4;
    m.no_data = ls_get_u8(&n->in) % 8 == 0;
    m.joined_index = draw_near(n, n->committed);
    strcpy(m.name, "m");
    m.addr[0] = (char)('a' + id.b[15]);
    return m;
}

static struct ls_config draw_config(struct node *n)
{
    struct ls_config c = *n->status.config;
    int changes = ls_get_u8(&n->in) % 4;

    c.epoch = draw_near(n, c.epoch);
    c.view = (int64_t)draw_near(n, (uint64_t)c.view);
    c.is_view = ls_get_u8(&n->in) & 1;
    c.is_bootstrap = ls_get_u8(&n->in) % 8 == 0;
    while (changes-- > 0) {
        struct ls_member m = draw_member(n, draw_id(n));
        ls_config_remove(&c, &m.id);
        if (ls_get_u8(&n->in) & 3) {
            ls_config_add(&c, &m);
        }
    }
    return c;
}

/* Bytes for a payload, kept until the message is through. */
static const void *draw_payload(struct node *n, uint8_t type, uint32_t *size)
{
    struct ls_writer w = ls_writer_init(payloads + payload_bytes, PAYLOAD_MAX - payload_bytes);
    const uint8_t *begin = w.pos;
    struct ls_member_state state = {.id = draw_id(n), .incarnation = 1, .seqno = n->status.cut};
    struct ls_config config;
    bool fits = true;

    switch (ls_get_u8(&n->in) % 8 == 0 ? 0 : type) {
    case LS_ENTRY_CONFIG:
        config = draw_config(n);
        fits = ls_config_encode(&config, &w);
        break;
    case LS_ENTRY_STATE:
        state.state = ls_get_u8(&n->in) % 6;
        fits = ls_member_state_encode(&state, &w);
        break;
    case LS_ENTRY_CUT:
        fits = ls_cut_encode((int64_t)draw_near(n, (uint64_t)n->status.cut), &w);
        break;
    default: {
        size_t most = ls_get_u8(&n->in) % 64;
        while (most-- > 0) {
            ls_put_u8(&w, ls_get_u8(&n->in));
        }
        break;
    }
    }
    *size = fits && !w.failed ? (uint32_t)(w.pos - begin) : 0;
    payload_bytes += *size;
    return begin;
}

static void draw_entries(struct node *n, struct ls_msg *m, struct ls_entry *entries)
{
    struct ls_log_pos prev = m->u.append.prev;

    m->u.append.count = ls_get_u8(&n->in) % (MAX_ENTRIES + 1);
    for (uint32_t i = 0; i < m->u.append.count; i++) {
        struct ls_entry *e = &entries[i];
        uint8_t odd = ls_get_u8(&n->in);

        *e = (struct ls_entry){.index = prev.index + 1, .type = 1 + ls_get_u8(&n->in) % 7};
        e->term = (odd & 1) ? draw_near(n, m->term) : m->term;
        e->flags = ls_get_u8(&n->in) & 3;
        e->seqno = prev.seqno + ((e->flags & LS_EF_SEQNO) ? 1 : 0);
        e->sub.origin = draw_id(n);
        e->sub.incarnation = 1;
        e->sub.id = draw_near(n, n->next_sub);
        if (e->type != LS_ENTRY_NOOP) {
            e->payload = draw_payload(n, e->type, &e->size);
            e->payload_hash = ls_hash64(e->payload, e->size);
        }
        if (odd % 16 == 15) {
            e->index = draw_near(n, e->index);
            e->seqno = (int64_t)draw_near(n, (uint64_t)e->seqno);
        }
        e->chain = ls_entry_chain(prev.chain, e);
        e->chain.lo ^= odd == 255;
        e->verdict = ls_get_u8(&n->in) % 3;
        prev = ls_entry_pos(e);
    }
    m->u.append.entries = entries;
    m->u.append.first = m->u.append.prev.index + 1;
    m->u.append.last = m->u.append.prev.index + m->u.append.count;
}

static void draw_submit(struct node *n, struct ls_msg *m)
{
    m->u.submit.sub.origin = draw_id(n);
    m->u.submit.sub.incarnation = 1 + ls_get_u8(&n->in) % 2;
    m->u.submit.sub.id = draw_near(n, 4);
    m->u.submit.low = draw_near(n, 4);
    m->u.submit.entry_type = 1 + ls_get_u8(&n->in) % 6;
    m->u.submit.entry_flags = ls_get_u8(&n->in) & 3;
    m->u.submit.payload = draw_payload(n, m->u.submit.entry_type, &m->u.submit.size);
    m->u.submit.payload_hash = ls_hash64(m->u.submit.payload, m->u.submit.size);
    if (m->type == LS_MSG_HELD || (m->u.submit.entry_flags & LS_EF_BIG)) {
        m->u.submit.payload = NULL;
    }
}

static void draw_fields(struct node *n, struct ls_msg *m, struct ls_entry *entries,
                        struct ls_config *config)
{
    switch (m->type) {
    case LS_MSG_APPEND:
    case LS_MSG_ENTRIES:
        m->u.append.prev = draw_pos(n);
        m->u.append.leader_held = draw_near(n, m->u.append.prev.index);
        m->u.append.commit = draw_near(n, m->u.append.prev.index);
        draw_entries(n, m, entries);
        break;
    case LS_MSG_ACK:
    case LS_MSG_NACK:
        m->u.ack.pos = draw_pos(n);
        m->u.ack.applied = (int64_t)draw_near(n, (uint64_t)n->status.cut);
        m->u.ack.commit = draw_near(n, n->committed);
        m->u.ack.delivered = draw_near(n, n->committed);
        break;
    case LS_MSG_VOTE_REQ:
    case LS_MSG_VOTE_RESP:
        m->u.vote.pre = ls_get_u8(&n->in) & 1;
        m->u.vote.granted = ls_get_u8(&n->in) & 1;
        m->u.vote.transfer = ls_get_u8(&n->in) & 1;
        m->u.vote.pos = draw_pos(n);
        m->u.vote.commit = draw_near(n, n->committed);
        break;
    case LS_MSG_FETCH:
        m->u.fetch.pos = draw_pos(n);
        break;
    case LS_MSG_SUBMIT:
    case LS_MSG_HELD:
        draw_submit(n, m);
        break;
    case LS_MSG_READ_REQ:
    case LS_MSG_READ_RESP:
        m->u.read.round = draw_near(n, 1);
        m->u.read.index = draw_near(n, n->committed);
        break;
    case LS_MSG_JOIN:
        m->u.join.me = draw_member(n, draw_id(n));
        m->u.join.pos = draw_pos(n);
        m->u.join.epoch = draw_near(n, n->status.config->epoch);
        m->u.join.need_state = ls_get_u8(&n->in) & 1;
        break;
    case LS_MSG_WELCOME:
        *config = draw_config(n);
        m->u.welcome.config = config;
        m->u.welcome.from_log = ls_get_u8(&n->in) & 1;
        m->u.welcome.base = draw_pos(n);
        m->u.welcome.base_cut = (int64_t)draw_near(n, (uint64_t)m->u.welcome.base.seqno);
        m->u.welcome.joined_pos = draw_pos(n);
        m->u.welcome.joined_index = m->u.welcome.joined_pos.index;
        break;
    case LS_MSG_REFUSE:
        m->u.refuse.reason = ls_get_u8(&n->in) % 8;
        strcpy(m->u.refuse.text, "no");
        break;
    case LS_MSG_LEAVE:
        m->u.leave.id = draw_id(n);
        m->u.leave.incarnation = 1 + ls_get_u8(&n->in) % 2;
        break;
    case LS_MSG_EPOCH:
        m->u.epoch.group = n->status.config->group;
        m->u.epoch.group.b[0] ^= ls_get_u8(&n->in) % 8 == 0;
        m->u.epoch.epoch = draw_near(n, n->status.config->epoch);
        m->u.epoch.epoch_id = n->status.config->epoch_id;
        m->u.epoch.epoch_id.b[0] ^= ls_get_u8(&n->in) % 4 == 0;
        m->u.epoch.primary = ls_get_u8(&n->in) & 1;
        break;
    case LS_MSG_CHANGE:
        m->u.change.kind = ls_get_u8(&n->in) % 4;
        m->u.change.id = draw_id(n);
        m->u.change.value = ls_get_u8(&n->in);
        break;
    case LS_MSG_SPARE:
        m->u.spare.index = draw_near(n, n->status.commit);
        break;
    default:
        break;
    }
}

/* As on the wire: bytes of one frame, decoded. */
static void deliver(struct node *n, const struct ls_uuid *from, const struct ls_msg *m)
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

static void say_something(struct node *n)
{
    static struct ls_entry entries[MAX_ENTRIES];
    static struct ls_config config;
    struct ls_uuid from = draw_id(n);
    struct ls_msg m = {.type = 1 + ls_get_u8(&n->in) % LS_MSG_MAX};

    payload_bytes = 0;
    m.flags = ls_get_u8(&n->in) & 3;
    m.term = draw_near(n, n->status.term);
    draw_fields(n, &m, entries, &config);
    deliver(n, &from, &m);
}

/* ---- events ---- */

static void one_event(struct node *n)
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
        ls_disk_purge(&n->disk, ls_core_needed_index(n->core));
        return;
    case 8:
        ev.type = LS_EV_FLUSH;
        break;
    default:
        say_something(n);
        return;
    }
    step(n, &ev);
}

static void begin(struct node *n)
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
    struct node n = {.in = ls_reader_init(data, size)};

    begin(&n);
    for (int i = 0; i < MAX_EVENTS && ls_reader_left(&n.in) > 0; i++) {
        one_event(&n);
    }
    ls_core_destroy(n.core);
    ls_disk_free(&n.disk);
    return 0;
}
