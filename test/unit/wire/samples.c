#include "samples.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/hash.h"

#include <stdio.h>
#include <string.h>

static uint64_t counter;
static uint8_t bytes[3][300];
static struct ls_config config;

/* Values that differ from field to field, small and large ones. */
static uint64_t next(void)
{
    uint64_t v;

    counter++;
    v = counter % 3 == 0 ? ~counter : counter * 0x9e3779b97f4a7c15u >> (counter % 7 * 8);
    return v & LS_COUNT_MAX; /* no more is believed of what is counted on with */
}

static struct ls_uuid uuid(void)
{
    struct ls_uuid u;
    uint64_t v[2] = {next(), next()};

    memcpy(u.b, v, sizeof(u.b));
    return u;
}

static struct ls_log_pos pos(void)
{
    return (struct ls_log_pos){
        .index = next(), .term = next(), .seqno = (int64_t)next(), .chain = {next(), next()}};
}

static struct ls_sub_id sub(void)
{
    return (struct ls_sub_id){.origin = uuid(), .incarnation = next(), .id = next()};
}

static struct ls_member member(uint8_t id)
{
    struct ls_member m = {.incarnation = next(),
                          .role = LS_MEMBER_VOTER,
                          .state = LS_NODE_SYNCED,
                          .weight = 1,
                          .segment = 3,
                          .proto_app = 4,
                          .joined_index = next()};

    m.id.b[0] = id;
    snprintf(m.name, sizeof(m.name), "node%u", id);
    snprintf(m.incoming, sizeof(m.incoming), "10.0.0.%u:3306", id);
    snprintf(m.addr, sizeof(m.addr), "10.0.0.%u:4567", id);
    return m;
}

static void fill_entries(struct sample *s, uint32_t count)
{
    s->entry_count = count;
    s->msg.u.append.prev = pos();
    s->msg.u.append.leader_held = next();
    s->msg.u.append.commit = next();
    for (uint32_t i = 0; i < count; i++) {
        struct ls_entry *e = &s->entries[i];
        *e = (struct ls_entry){.index = 100 + i,
                               .term = next(),
                               .seqno = (int64_t)next(),
                               .sub = sub(),
                               .type = (uint8_t)(LS_ENTRY_NOOP + i),
                               .flags = i == 1 ? LS_EF_SEQNO : 0,
                               .size = i * 150,
                               .chain = {next(), next()},
                               .payload = bytes[i]};
        memset(bytes[i], (int)(7 + i), sizeof(bytes[i]));
        e->payload_hash = ls_hash64(bytes[i], e->size);
    }
}

static void fill_append(unsigned i, struct sample *s)
{
    s->msg.type = i == 2 ? LS_MSG_ENTRIES : LS_MSG_APPEND;
    fill_entries(s, i == 0 ? 0 : 3);
    if (i == 3) {
        s->msg.flags = LS_APPEND_VERDICTS;
        s->entries[0].verdict = LS_VERDICT_PASS;
        s->entries[1].verdict = LS_VERDICT_FAIL;
    } else if (i == 4) {
        s->msg.flags = LS_APPEND_META_ONLY;
        s->entry_count = 1;
        s->entries[0] = s->entries[2];
        s->entries[0].type = LS_ENTRY_WRITESET;
        s->entries[0].flags = LS_EF_BIG | LS_EF_SEQNO;
        s->entries[0].payload = NULL;
    }
}

static void fill_submit(unsigned i, struct sample *s)
{
    static const uint8_t types[] = {LS_MSG_SUBMIT, LS_MSG_SUBMIT, LS_MSG_HELD};

    s->msg.type = types[i];
    s->msg.u.submit.sub = sub();
    s->msg.u.submit.low = next();
    s->msg.u.submit.entry_type = LS_ENTRY_WRITESET;
    s->msg.u.submit.entry_flags = i == 0 ? LS_EF_SEQNO : LS_EF_SEQNO | LS_EF_BIG;
    s->msg.u.submit.size = 200;
    s->msg.u.submit.payload_hash = ls_hash64(bytes[0], 200);
    s->msg.u.submit.payload = i == 0 ? bytes[0] : NULL;
}

static void fill_welcome(struct sample *s, bool from_log)
{
    s->msg.type = LS_MSG_WELCOME;
    s->msg.u.welcome.from_log = from_log;
    s->msg.u.welcome.base = pos();
    s->msg.u.welcome.base_cut = (int64_t)next();
    s->msg.u.welcome.joined_index = next();
    s->msg.u.welcome.joined_pos = pos();
    config = (struct ls_config){
        .group = uuid(), .epoch = next(), .epoch_id = uuid(), .view = 3, .is_view = 1, .format = 1};
    for (uint8_t i = 1; i <= 3; i++) {
        struct ls_member m = member(i);
        LS_ASSERT(ls_config_add(&config, &m));
    }
    s->msg.u.welcome.config = &config;
}

static void fill_small(unsigned i, struct sample *s)
{
    struct ls_msg *m = &s->msg;
    static const uint8_t types[] = {
        LS_MSG_ACK,      LS_MSG_NACK,      LS_MSG_VOTE_REQ, LS_MSG_VOTE_RESP, LS_MSG_FETCH,
        LS_MSG_READ_REQ, LS_MSG_READ_RESP, LS_MSG_JOIN,     LS_MSG_REFUSE,    LS_MSG_LEAVE,
        LS_MSG_CAMPAIGN, LS_MSG_EPOCH,     LS_MSG_CHANGE,   LS_MSG_SPARE};

    m->type = types[i];
    if (i < 2) {
        m->flags = LS_ACK_NONPRIMARY;
        m->u.ack.pos = pos();
        m->u.ack.applied = (int64_t)next();
        m->u.ack.commit = next();
        m->u.ack.delivered = next();
    } else if (i < 4) {
        m->u.vote.pre = i == 2;
        m->u.vote.granted = i == 3;
        m->u.vote.transfer = 1;
        m->u.vote.pos = pos();
        m->u.vote.commit = next();
    } else if (i == 4) {
        m->u.fetch.pos = pos();
    } else if (i < 7) {
        m->u.read.round = next();
        m->u.read.index = next();
    } else if (i == 7) {
        m->u.join.me = member(9);
        m->u.join.pos = pos();
        m->u.join.epoch = next();
        m->u.join.need_state = 1;
    } else if (i == 8) {
        m->u.refuse.reason = LS_REFUSE_HISTORY;
        snprintf(m->u.refuse.text, sizeof(m->u.refuse.text), "no, since that is so");
    } else if (i == 9) {
        m->u.leave.id = uuid();
        m->u.leave.incarnation = next();
    } else if (i == 11) {
        m->u.epoch.group = uuid();
        m->u.epoch.epoch = next();
        m->u.epoch.epoch_id = uuid();
        m->u.epoch.primary = 1;
    } else if (i == 12) {
        m->u.change.kind = LS_CHANGE_WEIGHT;
        m->u.change.id = uuid();
        m->u.change.value = (uint32_t)next();
    } else if (i == 13) {
        m->u.spare.index = next();
    }
}

void sample_make(unsigned i, struct sample *out)
{
    LS_ASSERT(i < SAMPLES);
    counter = i * 100;
    memset(out, 0, sizeof(*out));
    out->msg.term = next();
    memset(bytes, 7, sizeof(bytes));
    if (i < 5) {
        fill_append(i, out);
    } else if (i < 8) {
        fill_submit(i - 5, out);
    } else if (i < 10) {
        fill_welcome(out, i == 8);
    } else if (i < 24) {
        fill_small(i - 10, out);
    } else {
        /* A heartbeat and an entry without its payload, which the receiver is to ask for. */
        out->msg.type = LS_MSG_APPEND;
        fill_entries(out, i - 24);
        out->entries[0].type = LS_ENTRY_WRITESET;
        out->entries[0].flags = LS_EF_BIG;
        out->entries[0].size = 70000;
        out->entries[0].payload = NULL;
    }
}

size_t sample_frame(const struct sample *s, uint8_t out[SAMPLE_MAX_BYTES])
{
    uint32_t payload_size;
    size_t n = ls_wire_message_encode(&s->msg, s->entries, s->entry_count, LS_WIRE_VERSION_MAX, out,
                                      SAMPLE_MAX_BYTES, &payload_size);

    LS_ASSERT(n > 0 && n <= ls_wire_message_bound(&s->msg, s->entry_count));
    if (payload_size > 0 && s->msg.type == LS_MSG_SUBMIT) {
        memcpy(out + n, s->msg.u.submit.payload, payload_size);
        return n + payload_size;
    }
    for (uint32_t i = 0; i < s->entry_count; i++) {
        if (ls_wire_has_payload(&s->msg, &s->entries[i])) {
            memcpy(out + n, s->entries[i].payload, s->entries[i].size);
            n += s->entries[i].size;
        }
    }
    return n;
}
