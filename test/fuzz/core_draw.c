/* A field more takes bits of bytes that are there, not a byte of its own: inputs that are kept must
 * not lose their meaning by it. */
#include "gcomm/wire/message.h"
#include "test/fuzz/core_node.h"

#include <string.h>

#define MAX_ENTRIES 4
#define PEERS 4

static uint8_t payloads[PAYLOAD_MAX];
static size_t payload_bytes; /* used of it by the message that is made */

uint64_t draw_near(struct core_node *n, uint64_t at)
{
    uint8_t how = ls_get_u8(&n->in);

    if (how >= 250) {
        return ls_get_u64(&n->in) & LS_COUNT_MAX;
    }
    at += how % 9;
    return at >= 4 ? at - 4 : 0;
}

struct ls_uuid draw_id(struct core_node *n)
{
    struct ls_uuid id = {{0}};

    id.b[0] = 1;
    id.b[15] = ls_get_u8(&n->in) % (PEERS + 2);
    return id;
}

static struct ls_log_pos draw_pos(struct core_node *n)
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

static struct ls_member draw_member(struct core_node *n, struct ls_uuid id)
{
    struct ls_member m = {.id = id};
    uint8_t role;
    uint8_t weight;

    m.incarnation = 1 + ls_get_u8(&n->in) % 4;
    role = ls_get_u8(&n->in);
    m.role = role & 1;
    m.segment = role & 128 ? role : 0;
    m.state = ls_get_u8(&n->in) % 6;
    weight = ls_get_u8(&n->in);
    m.weight = weight < 240 ? weight % 4 : weight;
    m.proto_app = weight & 128 ? weight : 4;
    m.no_data = ls_get_u8(&n->in) % 8 == 0;
    m.joined_index = draw_near(n, n->committed);
    strcpy(m.name, "m");
    memset(m.incoming, 'i', role & 64 ? sizeof(m.incoming) - 1 : 0);
    m.addr[0] = (char)('a' + id.b[15]);
    return m;
}

static struct ls_config draw_config(struct core_node *n)
{
    struct ls_config c = *n->status.config;
    int changes = ls_get_u8(&n->in) % 4;
    uint8_t odd;

    c.epoch = draw_near(n, c.epoch);
    c.view = (int64_t)draw_near(n, (uint64_t)c.view);
    odd = ls_get_u8(&n->in);
    c.is_view = odd & 1;
    c.group.b[0] ^= (odd & 0x30) == 0x30;
    c.epoch_id.b[0] ^= (odd & 0x50) == 0x50;
    c.format += (odd & 0x90) == 0x90;
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
static const void *draw_payload(struct core_node *n, uint8_t type, uint32_t *size)
{
    struct ls_writer w = ls_writer_init(payloads + payload_bytes, PAYLOAD_MAX - payload_bytes);
    const uint8_t *begin = w.pos;
    struct ls_member_state state = {.id = draw_id(n), .incarnation = 1, .seqno = n->status.cut};
    struct ls_config config;
    uint8_t odd;
    bool fits = true;

    switch (ls_get_u8(&n->in) % 8 == 0 ? 0 : type) {
    case LS_ENTRY_CONFIG:
        config = draw_config(n);
        fits = ls_config_encode(&config, &w);
        break;
    case LS_ENTRY_STATE:
        odd = ls_get_u8(&n->in);
        state.state = odd % 6;
        state.desynced = odd / 6 & 1;
        state.incarnation += odd / 12 & 1;
        if (odd >= 240) {
            state.seqno = (int64_t)draw_near(n, (uint64_t)state.seqno);
        }
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

static void draw_entries(struct core_node *n, struct ls_msg *m, struct ls_entry *entries)
{
    struct ls_log_pos prev = m->u.append.prev;

    m->u.append.count = ls_get_u8(&n->in) % (MAX_ENTRIES + 1);
    for (uint32_t i = 0; i < m->u.append.count; i++) {
        struct ls_entry *e = &entries[i];
        uint8_t odd = ls_get_u8(&n->in);
        uint8_t flags;

        *e = (struct ls_entry){.index = prev.index + 1, .type = 1 + ls_get_u8(&n->in) % 7};
        e->term = (odd & 1) ? draw_near(n, m->term) : m->term;
        flags = ls_get_u8(&n->in);
        e->flags = flags & 3;
        e->seqno = prev.seqno + ((e->flags & LS_EF_SEQNO) ? 1 : 0);
        e->sub.origin = draw_id(n);
        e->sub.incarnation = 1 + (flags >> 7);
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

static void draw_submit(struct core_node *n, struct ls_msg *m)
{
    uint8_t flags;

    m->u.submit.sub.origin = draw_id(n);
    m->u.submit.sub.incarnation = 1 + ls_get_u8(&n->in) % 2;
    m->u.submit.sub.id = draw_near(n, 4);
    m->u.submit.low = draw_near(n, 4);
    m->u.submit.entry_type = 1 + ls_get_u8(&n->in) % 6;
    flags = ls_get_u8(&n->in);
    m->u.submit.entry_flags = flags & 3;
    m->u.submit.payload = draw_payload(n, m->u.submit.entry_type, &m->u.submit.size);
    m->u.submit.payload_hash = ls_hash64(m->u.submit.payload, m->u.submit.size);
    if (m->type == LS_MSG_HELD || (m->u.submit.entry_flags & LS_EF_BIG)) {
        m->u.submit.payload = NULL;
        m->u.submit.size = flags & 128 ? UINT32_MAX - flags : m->u.submit.size;
    }
    if (m->type == LS_MSG_HELD && (flags & 64)) {
        m->u.submit.entry_type = 0; /* as the core sends it */
    }
}

static void draw_fields(struct core_node *n, struct ls_msg *m, struct ls_entry *entries,
                        struct ls_config *config)
{
    uint8_t odd;

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
        odd = ls_get_u8(&n->in);
        m->u.welcome.from_log = odd & 1;
        m->u.welcome.base = draw_pos(n);
        m->u.welcome.base_cut = (int64_t)draw_near(n, (uint64_t)m->u.welcome.base.seqno);
        m->u.welcome.joined_pos = draw_pos(n);
        m->u.welcome.joined_index =
            odd & 128 ? draw_near(n, m->u.welcome.joined_pos.index) : m->u.welcome.joined_pos.index;
        break;
    case LS_MSG_REFUSE:
        odd = ls_get_u8(&n->in);
        m->u.refuse.reason = odd % 8;
        memset(m->u.refuse.text, 'n', odd & 128 ? sizeof(m->u.refuse.text) - 1 : 2);
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
        odd = ls_get_u8(&n->in);
        m->u.change.kind = odd % 4;
        m->u.change.id = draw_id(n);
        m->u.change.value = ls_get_u8(&n->in);
        if (odd & 128) {
            m->u.change.id = ls_uuid_zero;
            m->u.change.value <<= 4; /* more than a weight can be */
        }
        break;
    case LS_MSG_SPARE:
        m->u.spare.index = draw_near(n, n->status.commit);
        break;
    default:
        break;
    }
}

void draw_message(struct core_node *n, struct ls_msg *m)
{
    static struct ls_entry entries[MAX_ENTRIES];
    static struct ls_config config;

    *m = (struct ls_msg){.type = 1 + ls_get_u8(&n->in) % LS_MSG_MAX};
    payload_bytes = 0;
    m->flags = ls_get_u8(&n->in) & 7;
    m->term = draw_near(n, n->status.term);
    draw_fields(n, m, entries, &config);
}
