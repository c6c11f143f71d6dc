#include "gcomm/wire/message.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"
#include "wsrep/base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Every body begins with u8 flags and u64 term; the fields of each type follow in the order of its
 * put_ function. */

/* ---- parts ---- */

static void put_pos(struct ls_writer *w, const struct ls_log_pos *p)
{
    ls_put_u64(w, p->index);
    ls_put_u64(w, p->term);
    ls_put_i64(w, p->seqno);
    ls_put_u64(w, p->chain.lo);
    ls_put_u64(w, p->chain.hi);
}

/* An index, a term: what the core counts on with. */
static uint64_t get_count(struct ls_reader *r)
{
    uint64_t n = ls_get_u64(r);

    if (n > (uint64_t)LS_COUNT_MAX) {
        r->failed = true;
    }
    return n;
}

static int64_t get_seqno(struct ls_reader *r)
{
    int64_t seqno = ls_get_i64(r);

    if (seqno < LS_SEQNO_UNDEFINED || seqno > LS_COUNT_MAX) {
        r->failed = true;
    }
    return seqno;
}

static struct ls_log_pos get_pos(struct ls_reader *r)
{
    struct ls_log_pos p;

    p.index = get_count(r);
    p.term = get_count(r);
    p.seqno = get_seqno(r);
    p.chain.lo = ls_get_u64(r);
    p.chain.hi = ls_get_u64(r);
    return p;
}

static void put_sub(struct ls_writer *w, const struct ls_sub_id *s)
{
    ls_put_bytes(w, s->origin.b, sizeof(s->origin.b));
    ls_put_u64(w, s->incarnation);
    ls_put_u64(w, s->id);
}

static struct ls_sub_id get_sub(struct ls_reader *r)
{
    struct ls_sub_id s;

    ls_get_bytes(r, s.origin.b, sizeof(s.origin.b));
    s.incarnation = ls_get_u64(r);
    s.id = ls_get_u64(r);
    return s;
}

static bool get_bool(struct ls_reader *r)
{
    uint8_t v = ls_get_u8(r);

    if (v > 1) {
        r->failed = true;
    }
    return v == 1;
}

/* ---- entries ---- */

bool ls_wire_has_payload(const struct ls_msg *msg, const struct ls_entry *e)
{
    return e->size > 0 && e->payload != NULL && (msg->flags & LS_APPEND_META_ONLY) == 0;
}

static void put_entry(struct ls_writer *w, const struct ls_msg *msg, const struct ls_entry *e)
{
    bool verdicts = (msg->flags & LS_APPEND_VERDICTS) != 0;

    ls_put_u64(w, e->index);
    ls_put_u64(w, e->term);
    ls_put_i64(w, e->seqno);
    put_sub(w, &e->sub);
    ls_put_u8(w, e->type);
    ls_put_u8(w, e->flags);
    ls_put_u8(w, verdicts ? e->verdict : LS_VERDICT_UNKNOWN);
    ls_put_u8(w, ls_wire_has_payload(msg, e));
    ls_put_u32(w, e->size);
    ls_put_u64(w, e->payload_hash);
    ls_put_u64(w, e->chain.lo);
    ls_put_u64(w, e->chain.hi);
}

/* Takes the entry's payload from *payload, of which *left bytes are unread. */
static enum ls_rc get_entry(struct ls_reader *r, uint8_t msg_flags, const uint8_t **payload,
                            uint32_t *left, struct ls_entry *e, struct ls_error *err)
{
    bool carries;

    e->index = get_count(r);
    e->term = get_count(r);
    e->seqno = get_seqno(r);
    e->sub = get_sub(r);
    e->type = ls_get_u8(r);
    e->flags = ls_get_u8(r);
    e->verdict = ls_get_u8(r);
    carries = get_bool(r);
    e->size = ls_get_u32(r);
    e->payload_hash = ls_get_u64(r);
    e->chain.lo = ls_get_u64(r);
    e->chain.hi = ls_get_u64(r);
    e->payload = NULL;
    if (r->failed || e->type < LS_ENTRY_NOOP || e->type > LS_ENTRY_CUT ||
        (e->flags & ~(LS_EF_SEQNO | LS_EF_BIG)) != 0 || e->verdict > LS_VERDICT_FAIL ||
        (e->verdict != LS_VERDICT_UNKNOWN && (msg_flags & LS_APPEND_VERDICTS) == 0) ||
        ((e->flags & LS_EF_BIG) != 0 && e->type != LS_ENTRY_WRITESET) ||
        (carries && ((msg_flags & LS_APPEND_META_ONLY) != 0 || e->size == 0)) ||
        (!carries && e->size > 0 && (e->flags & LS_EF_BIG) == 0)) {
        return ls_error_set(err, LS_E_PROTO, "a log entry in a message has impossible fields");
    }
    if (!carries) {
        return LS_OK;
    }
    if (e->size > *left) {
        return ls_error_set(err, LS_E_PROTO, "a log entry is longer than the message around it");
    }
    e->payload = *payload;
    *payload += e->size;
    *left -= e->size;
    if (ls_hash64(e->payload, e->size) != e->payload_hash) {
        return ls_error_set(err, LS_E_PROTO, "log entry %llu came with damaged data",
                            (unsigned long long)e->index);
    }
    return LS_OK;
}

static enum ls_rc reserve_entries(struct ls_wire_decoder *d, uint32_t count, struct ls_error *err)
{
    struct ls_entry *grown;

    if (count <= d->capacity) {
        return LS_OK;
    }
    grown = realloc(d->entries, count * sizeof(*grown));
    if (grown == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for %u log entries", (unsigned)count);
    }
    d->entries = grown;
    d->capacity = count;
    return LS_OK;
}

/* ---- one pair per message ---- */

static void put_append(struct ls_writer *w, const struct ls_msg *m, const struct ls_entry *entries,
                       uint32_t count)
{
    put_pos(w, &m->u.append.prev);
    ls_put_u64(w, m->u.append.leader_held);
    ls_put_u64(w, m->u.append.commit);
    ls_put_u32(w, count);
    for (uint32_t i = 0; i < count; i++) {
        put_entry(w, m, &entries[i]);
    }
}

static enum ls_rc get_append(struct ls_wire_decoder *d, struct ls_reader *r, const uint8_t *payload,
                             uint32_t payload_size, struct ls_msg *m, struct ls_error *err)
{
    uint32_t count;
    enum ls_rc rc;

    m->u.append.prev = get_pos(r);
    m->u.append.leader_held = get_count(r);
    m->u.append.commit = get_count(r);
    count = ls_get_u32(r);
    /* The count is believed only as far as the bytes for it are here. */
    if (ls_reader_left(r) != (size_t)count * LS_WIRE_ENTRY_SIZE) {
        return ls_error_set(err, LS_E_PROTO, "a message names %u log entries, but has %zu bytes",
                            (unsigned)count, ls_reader_left(r));
    }
    rc = reserve_entries(d, count, err);
    if (rc != LS_OK) {
        return rc;
    }
    for (uint32_t i = 0; i < count; i++) {
        rc = get_entry(r, m->flags, &payload, &payload_size, &d->entries[i], err);
        if (rc != LS_OK) {
            return rc;
        }
        if (i > 0 && d->entries[i].index != d->entries[i - 1].index + 1) {
            return ls_error_set(err, LS_E_PROTO, "log entries in a message do not follow");
        }
    }
    if (payload_size != 0) {
        return ls_error_set(err, LS_E_PROTO, "a message has data that no log entry owns");
    }
    m->u.append.entries = d->entries;
    m->u.append.count = count;
    m->u.append.first = count > 0 ? d->entries[0].index : m->u.append.prev.index + 1;
    m->u.append.last = m->u.append.first + count - 1;
    return LS_OK;
}

static void put_ack(struct ls_writer *w, const struct ls_msg *m)
{
    put_pos(w, &m->u.ack.pos);
    ls_put_i64(w, m->u.ack.applied);
    ls_put_u64(w, m->u.ack.commit);
    ls_put_u64(w, m->u.ack.delivered);
}

static void get_ack(struct ls_reader *r, struct ls_msg *m)
{
    m->u.ack.pos = get_pos(r);
    m->u.ack.applied = get_seqno(r);
    m->u.ack.commit = get_count(r);
    m->u.ack.delivered = get_count(r);
}

static void put_vote(struct ls_writer *w, const struct ls_msg *m)
{
    ls_put_u8(w, m->u.vote.pre != 0);
    ls_put_u8(w, m->u.vote.granted != 0);
    ls_put_u8(w, m->u.vote.transfer != 0);
    put_pos(w, &m->u.vote.pos);
    ls_put_u64(w, m->u.vote.commit);
}

static void get_vote(struct ls_reader *r, struct ls_msg *m)
{
    m->u.vote.pre = get_bool(r);
    m->u.vote.granted = get_bool(r);
    m->u.vote.transfer = get_bool(r);
    m->u.vote.pos = get_pos(r);
    m->u.vote.commit = get_count(r);
}

static void put_submit(struct ls_writer *w, const struct ls_msg *m)
{
    put_sub(w, &m->u.submit.sub);
    ls_put_u64(w, m->u.submit.low);
    ls_put_u8(w, m->u.submit.entry_type);
    ls_put_u8(w, m->u.submit.entry_flags);
    ls_put_u32(w, m->u.submit.size);
    ls_put_u64(w, m->u.submit.payload_hash);
}

static bool submit_has_payload(const struct ls_msg *m)
{
    return m->type == LS_MSG_SUBMIT && (m->u.submit.entry_flags & LS_EF_BIG) == 0;
}

static enum ls_rc get_submit(struct ls_reader *r, const uint8_t *payload, uint32_t payload_size,
                             struct ls_msg *m, struct ls_error *err)
{
    uint32_t expected;

    m->u.submit.sub = get_sub(r);
    m->u.submit.low = ls_get_u64(r);
    m->u.submit.entry_type = ls_get_u8(r);
    m->u.submit.entry_flags = ls_get_u8(r);
    m->u.submit.size = ls_get_u32(r);
    m->u.submit.payload_hash = ls_get_u64(r);
    m->u.submit.payload = NULL;
    if (r->failed || (m->u.submit.entry_flags & ~(LS_EF_SEQNO | LS_EF_BIG)) != 0 ||
        m->u.submit.entry_type > LS_ENTRY_CUT ||
        (m->type == LS_MSG_SUBMIT && m->u.submit.entry_type < LS_ENTRY_NOOP)) {
        return ls_error_set(err, LS_E_PROTO, "a submission has impossible fields");
    }
    expected = submit_has_payload(m) ? m->u.submit.size : 0;
    if (payload_size != expected) {
        return ls_error_set(err, LS_E_PROTO, "a submission has %u bytes of data instead of %u",
                            (unsigned)payload_size, (unsigned)expected);
    }
    if (expected > 0) {
        m->u.submit.payload = payload;
        if (ls_hash64(payload, expected) != m->u.submit.payload_hash) {
            return ls_error_set(err, LS_E_PROTO, "a submission came with damaged data");
        }
    }
    return LS_OK;
}

static void put_join(struct ls_writer *w, const struct ls_msg *m)
{
    put_pos(w, &m->u.join.pos);
    ls_put_u64(w, m->u.join.epoch);
    ls_put_u8(w, m->u.join.need_state != 0);
    if (!ls_member_encode(&m->u.join.me, w)) {
        w->failed = true;
    }
}

static void get_join(struct ls_reader *r, struct ls_msg *m)
{
    m->u.join.pos = get_pos(r);
    m->u.join.epoch = get_count(r);
    m->u.join.need_state = get_bool(r);
    if (!ls_member_decode(r, &m->u.join.me)) {
        r->failed = true;
    }
}

/* The configuration takes the rest of the body. */
static void put_welcome(struct ls_writer *w, const struct ls_msg *m)
{
    ls_put_u8(w, m->u.welcome.from_log != 0);
    put_pos(w, &m->u.welcome.base);
    ls_put_i64(w, m->u.welcome.base_cut);
    ls_put_u64(w, m->u.welcome.joined_index);
    put_pos(w, &m->u.welcome.joined_pos);
    ls_put_u8(w, m->u.welcome.config != NULL);
    if (m->u.welcome.config != NULL && !ls_config_encode(m->u.welcome.config, w)) {
        w->failed = true;
    }
}

static enum ls_rc get_welcome(struct ls_wire_decoder *d, struct ls_reader *r, struct ls_msg *m,
                              struct ls_error *err)
{
    const uint8_t *bytes;
    size_t left;
    enum ls_rc rc;

    m->u.welcome.from_log = get_bool(r);
    m->u.welcome.base = get_pos(r);
    m->u.welcome.base_cut = get_seqno(r);
    m->u.welcome.joined_index = get_count(r);
    m->u.welcome.joined_pos = get_pos(r);
    m->u.welcome.config = NULL;
    if (!get_bool(r)) {
        r->failed = true; /* nobody is let in without */
    }
    if (r->failed) {
        return LS_OK;
    }
    left = ls_reader_left(r);
    bytes = ls_get_view(r, left);
    rc = ls_config_decode(bytes, left, &d->config, err);
    if (rc != LS_OK) {
        return ls_error_wrap(err, LS_E_PROTO, "the configuration in a welcome cannot be read");
    }
    m->u.welcome.config = &d->config;
    return LS_OK;
}

/* ---- the whole ---- */

size_t ls_wire_message_bound(const struct ls_msg *msg, uint32_t entry_count)
{
    size_t fixed = LS_FRAME_HEADER_SIZE + 512 + sizeof(msg->u.refuse.text);

    if (msg->type == LS_MSG_WELCOME) {
        fixed += LS_CONFIG_MAX_BYTES;
    } else if (msg->type == LS_MSG_JOIN) {
        fixed += sizeof(struct ls_member);
    }
    return fixed + (size_t)entry_count * LS_WIRE_ENTRY_SIZE;
}

static void put_body(struct ls_writer *w, const struct ls_msg *m, const struct ls_entry *entries,
                     uint32_t count)
{
    ls_put_u8(w, m->flags);
    ls_put_u64(w, m->term);
    switch (m->type) {
    case LS_MSG_APPEND:
    case LS_MSG_ENTRIES:
        put_append(w, m, entries, count);
        break;
    case LS_MSG_ACK:
    case LS_MSG_NACK:
        put_ack(w, m);
        break;
    case LS_MSG_VOTE_REQ:
    case LS_MSG_VOTE_RESP:
        put_vote(w, m);
        break;
    case LS_MSG_FETCH:
        put_pos(w, &m->u.fetch.pos);
        break;
    case LS_MSG_SUBMIT:
    case LS_MSG_HELD:
        put_submit(w, m);
        break;
    case LS_MSG_READ_REQ:
    case LS_MSG_READ_RESP:
        ls_put_u64(w, m->u.read.round);
        ls_put_u64(w, m->u.read.index);
        break;
    case LS_MSG_JOIN:
        put_join(w, m);
        break;
    case LS_MSG_WELCOME:
        put_welcome(w, m);
        break;
    case LS_MSG_REFUSE:
        ls_put_u8(w, m->u.refuse.reason);
        ls_put_str(w, m->u.refuse.text);
        break;
    case LS_MSG_LEAVE:
        ls_put_bytes(w, m->u.leave.id.b, sizeof(m->u.leave.id.b));
        ls_put_u64(w, m->u.leave.incarnation);
        break;
    case LS_MSG_CAMPAIGN:
        break;
    case LS_MSG_EPOCH:
        ls_put_bytes(w, m->u.epoch.group.b, sizeof(m->u.epoch.group.b));
        ls_put_u64(w, m->u.epoch.epoch);
        ls_put_bytes(w, m->u.epoch.epoch_id.b, sizeof(m->u.epoch.epoch_id.b));
        ls_put_u8(w, m->u.epoch.primary != 0);
        break;
    case LS_MSG_CHANGE:
        ls_put_u8(w, m->u.change.kind);
        ls_put_bytes(w, m->u.change.id.b, sizeof(m->u.change.id.b));
        ls_put_u32(w, m->u.change.value);
        break;
    case LS_MSG_SPARE:
        ls_put_u64(w, m->u.spare.index);
        break;
    default:
        w->failed = true;
    }
}

static uint64_t payload_total(const struct ls_msg *m, const struct ls_entry *entries,
                              uint32_t count)
{
    uint64_t total = 0;

    if (submit_has_payload(m)) {
        return m->u.submit.size;
    }
    for (uint32_t i = 0; i < count; i++) {
        total += ls_wire_has_payload(m, &entries[i]) ? entries[i].size : 0;
    }
    return total;
}

size_t ls_wire_message_encode(const struct ls_msg *msg, const struct ls_entry *entries,
                              uint32_t entry_count, uint8_t version, uint8_t *out, size_t size,
                              uint32_t *payload_size)
{
    uint64_t payload = payload_total(msg, entries, entry_count);
    struct ls_writer w;
    size_t body;

    LS_ASSERT(size >= LS_FRAME_HEADER_SIZE);
    w = ls_writer_init(out + LS_FRAME_HEADER_SIZE, size - LS_FRAME_HEADER_SIZE);
    put_body(&w, msg, entries, entry_count);
    body = (size_t)(w.pos - out) - LS_FRAME_HEADER_SIZE;
    if (w.failed || body > LS_FRAME_BODY_MAX || payload > LS_FRAME_PAYLOAD_MAX) {
        return 0;
    }
    ls_frame_seal(out, version, msg->type, (uint32_t)body, (uint32_t)payload);
    *payload_size = (uint32_t)payload;
    return LS_FRAME_HEADER_SIZE + body;
}

void ls_wire_decoder_free(struct ls_wire_decoder *d)
{
    free(d->entries);
    memset(d, 0, sizeof(*d));
}

/* Messages without payload; LS_OK also when r has failed, which the caller sees. */
static enum ls_rc get_plain(struct ls_wire_decoder *d, struct ls_reader *r, struct ls_msg *m,
                            struct ls_error *err)
{
    switch (m->type) {
    case LS_MSG_ACK:
    case LS_MSG_NACK:
        get_ack(r, m);
        break;
    case LS_MSG_VOTE_REQ:
    case LS_MSG_VOTE_RESP:
        get_vote(r, m);
        break;
    case LS_MSG_FETCH:
        m->u.fetch.pos = get_pos(r);
        break;
    case LS_MSG_READ_REQ:
    case LS_MSG_READ_RESP:
        m->u.read.round = ls_get_u64(r);
        m->u.read.index = get_count(r);
        break;
    case LS_MSG_JOIN:
        get_join(r, m);
        break;
    case LS_MSG_WELCOME:
        return get_welcome(d, r, m, err);
    case LS_MSG_REFUSE:
        m->u.refuse.reason = ls_get_u8(r);
        ls_get_str(r, m->u.refuse.text, sizeof(m->u.refuse.text));
        break;
    case LS_MSG_LEAVE:
        ls_get_bytes(r, m->u.leave.id.b, sizeof(m->u.leave.id.b));
        m->u.leave.incarnation = ls_get_u64(r);
        break;
    case LS_MSG_CAMPAIGN:
        break;
    case LS_MSG_EPOCH:
        ls_get_bytes(r, m->u.epoch.group.b, sizeof(m->u.epoch.group.b));
        m->u.epoch.epoch = get_count(r);
        ls_get_bytes(r, m->u.epoch.epoch_id.b, sizeof(m->u.epoch.epoch_id.b));
        m->u.epoch.primary = get_bool(r);
        break;
    case LS_MSG_CHANGE:
        m->u.change.kind = ls_get_u8(r);
        ls_get_bytes(r, m->u.change.id.b, sizeof(m->u.change.id.b));
        m->u.change.value = ls_get_u32(r);
        break;
    case LS_MSG_SPARE:
        m->u.spare.index = get_count(r);
        break;
    default:
        return ls_error_set(err, LS_E_PROTO, "a message of unknown type %u", (unsigned)m->type);
    }
    return LS_OK;
}

enum ls_rc ls_wire_message_decode(struct ls_wire_decoder *d, const struct ls_frame *f,
                                  const uint8_t *body, const uint8_t *payload, struct ls_msg *out,
                                  struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(body, f->body_size);
    enum ls_rc rc;

    memset(out, 0, sizeof(*out));
    out->type = f->type;
    out->flags = ls_get_u8(&r);
    out->term = get_count(&r);
    switch (f->type) {
    case LS_MSG_APPEND:
    case LS_MSG_ENTRIES:
        rc = get_append(d, &r, payload, f->payload_size, out, err);
        break;
    case LS_MSG_SUBMIT:
    case LS_MSG_HELD:
        rc = get_submit(&r, payload, f->payload_size, out, err);
        break;
    default:
        rc = f->payload_size != 0
                 ? ls_error_set(err, LS_E_PROTO, "a message of type %u with data", f->type)
                 : get_plain(d, &r, out, err);
    }
    if (rc == LS_OK && (r.failed || ls_reader_left(&r) != 0)) {
        rc = ls_error_set(err, LS_E_PROTO,
                          "a message of type %u has a wrong size or impossible fields", f->type);
    }
    return rc;
}
