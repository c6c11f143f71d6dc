#include "gcomm/log/format.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"
#include "wsrep/base/hash.h"

#include <string.h>

#define CHECKSUM_AT 16
#define CHECKED_AT 24

/* Far apart from each other and from zero, so that no flipped bit makes one of another. */
#define VERDICT_PASS_CODE 0x5a
#define VERDICT_FAIL_CODE 0xa5

uint32_t ls_log_context_start(uint16_t format)
{
    return LS_SEGMENT_HEADER_BYTES + (format >= LS_LOG_FORMAT_KEYED ? LS_SEGMENT_KEY_BYTES : 0);
}

uint32_t ls_log_data_start(uint16_t format, uint32_t context_size)
{
    LS_ASSERT(context_size <= LS_LOG_CONTEXT_CAP);
    return (ls_log_context_start(format) + context_size + 63u) & ~63u;
}

uint64_t ls_log_segment_key(uint64_t log_key, uint64_t number)
{
    return log_key == 0 ? 0 : ls_hash64_seeded(&number, sizeof(number), log_key);
}

/* The checksum leaves out only itself. `behind`: bytes that count behind the fixed part. */
static uint64_t header_checksum(const uint8_t *buf, uint32_t behind)
{
    struct ls_piece pieces[2] = {
        {.data = buf, .len = CHECKSUM_AT},
        {.data = buf + CHECKED_AT, .len = LS_SEGMENT_HEADER_BYTES - CHECKED_AT + behind},
    };
    return ls_hash64_pieces(pieces, 2);
}

void ls_segment_header_encode(const struct ls_segment_header *h, const void *context, uint8_t *buf)
{
    struct ls_writer w = ls_writer_init(buf, h->data_start);
    uint32_t key_bytes = ls_log_context_start(h->format) - LS_SEGMENT_HEADER_BYTES;

    LS_ASSERT(h->data_start == ls_log_data_start(h->format, h->context_size));
    memset(buf, 0, h->data_start);
    ls_put_bytes(&w, LS_LOG_MAGIC, 8);
    ls_put_u16(&w, h->format);
    ls_put_u16(&w, h->needs);
    ls_put_u32(&w, h->flags);
    ls_put_u64(&w, 0);
    ls_put_u64(&w, h->number);
    ls_put_u64(&w, h->base.index);
    ls_put_u64(&w, h->base.term);
    ls_put_i64(&w, h->base.seqno);
    ls_put_u64(&w, h->base.chain.lo);
    ls_put_u64(&w, h->base.chain.hi);
    ls_put_u32(&w, h->generation);
    ls_put_u32(&w, key_bytes + h->context_size);
    ls_put_u32(&w, h->data_start);
    ls_put_u32(&w, 0);
    ls_put_u64(&w, h->durable);
    if (key_bytes > 0) {
        ls_put_u64(&w, h->log_key);
    }
    ls_put_bytes(&w, context, h->context_size);
    LS_ASSERT(!w.failed);

    w = ls_writer_init(buf + CHECKSUM_AT, sizeof(uint64_t));
    ls_put_u64(&w, header_checksum(buf, key_bytes + h->context_size));
}

/* The key stands in front of the context and counts as part of it in the header's size and
 * checksum: so a version that knows no key finds the header whole and refuses it for its format. */
static bool decode_key(struct ls_reader *r, struct ls_segment_header *out)
{
    if (out->format >= LS_LOG_FORMAT_KEYED) {
        if (out->context_size < LS_SEGMENT_KEY_BYTES) {
            return false;
        }
        out->context_size -= LS_SEGMENT_KEY_BYTES;
        out->log_key = ls_get_u64(r);
    }
    return !r->failed && out->context_size <= LS_LOG_CONTEXT_CAP;
}

enum ls_rc ls_segment_header_decode(const uint8_t *data, size_t size, struct ls_segment_header *out,
                                    struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(data, size);
    const uint8_t *magic = ls_get_view(&r, 8);
    uint64_t checksum;

    memset(out, 0, sizeof(*out));
    out->format = ls_get_u16(&r);
    out->needs = ls_get_u16(&r);
    out->flags = ls_get_u32(&r);
    checksum = ls_get_u64(&r);
    out->number = ls_get_u64(&r);
    out->base.index = ls_get_u64(&r);
    out->base.term = ls_get_u64(&r);
    out->base.seqno = ls_get_i64(&r);
    out->base.chain.lo = ls_get_u64(&r);
    out->base.chain.hi = ls_get_u64(&r);
    out->generation = ls_get_u32(&r);
    out->context_size = ls_get_u32(&r);
    out->data_start = ls_get_u32(&r);
    (void)ls_get_u32(&r);
    out->durable = ls_get_u64(&r);

    if (r.failed || memcmp(magic, LS_LOG_MAGIC, 8) != 0) {
        return ls_error_set(err, LS_E_CORRUPT, "no segment header");
    }
    if (out->context_size > LS_SEGMENT_KEY_BYTES + LS_LOG_CONTEXT_CAP ||
        out->context_size > ls_reader_left(&r) ||
        header_checksum(data, out->context_size) != checksum) {
        return ls_error_set(err, LS_E_CORRUPT, "wrong checksum of the segment header");
    }
    if (out->needs > LS_LOG_FORMAT_CURRENT || out->format < LS_LOG_FORMAT_LOWEST) {
        return ls_error_set(
            err, LS_E_VERSION,
            "written in format %u, which needs a reader of version %u; this one "
            "reads %u to %u: start the version of Lockstep that wrote it, or remove "
            "grastate.dat to get the state from another node",
            out->format, out->needs, LS_LOG_FORMAT_LOWEST, LS_LOG_FORMAT_CURRENT);
    }
    /* Numbers near the end of their range are none that a cluster could have reached. */
    if (!decode_key(&r, out) ||
        out->data_start != ls_log_data_start(out->format, out->context_size) ||
        out->data_start > size || out->base.index > (uint64_t)LS_COUNT_MAX ||
        out->base.term > (uint64_t)LS_COUNT_MAX || out->base.seqno < LS_SEQNO_UNDEFINED ||
        out->base.seqno > LS_COUNT_MAX || out->generation >= LS_LOG_GENERATION_CAP) {
        return ls_error_set(err, LS_E_CORRUPT, "segment header contradicts itself");
    }
    return LS_OK;
}

/* What stands behind the end of a segment is what its file held before, or a torn batch: bytes of
 * clients' choice. Without a key one who knows this format could have any of them count. */
static uint64_t entry_checksum(const struct ls_entry_header *h, uint64_t key)
{
    return ls_hash64_seeded(&h->magic, LS_ENTRY_VERDICT_OFFSET - sizeof(h->checksum), key);
}

void ls_entry_header_encode(const struct ls_entry *e, uint32_t generation, uint64_t durable,
                            uint64_t key, struct ls_entry_header *out)
{
    *out = (struct ls_entry_header){
        .magic = LS_LOG_ENTRY_MAGIC,
        .generation = generation,
        .index = e->index,
        .term = e->term,
        .seqno = e->seqno,
        .origin = e->sub.origin,
        .incarnation = e->sub.incarnation,
        .id = e->sub.id,
        .payload_hash = e->payload_hash,
        .chain = e->chain,
        .durable = durable,
        .size = e->size,
        .type = e->type,
        .flags = e->flags,
        .verdict = ls_log_verdict_code(e->verdict),
    };
    out->checksum = entry_checksum(out, key);
}

void ls_end_mark_encode(const struct ls_log_pos *last, uint32_t generation, uint64_t durable,
                        uint64_t key, struct ls_entry_header *out)
{
    *out = (struct ls_entry_header){
        .magic = LS_LOG_ENTRY_MAGIC,
        .generation = generation,
        .index = last->index + 1,
        .term = last->term,
        .seqno = last->seqno,
        .chain = last->chain,
        .durable = durable,
        .type = 0,
    };
    out->checksum = entry_checksum(out, key);
}

bool ls_entry_header_check(const struct ls_entry_header *h, uint64_t key)
{
    return h->magic == LS_LOG_ENTRY_MAGIC && h->generation < LS_LOG_GENERATION_CAP &&
           h->checksum == entry_checksum(h, key);
}

void ls_entry_header_decode(const struct ls_entry_header *h, struct ls_entry *out)
{
    *out = (struct ls_entry){
        .index = h->index,
        .term = h->term,
        .seqno = h->seqno,
        .sub = {.origin = h->origin, .incarnation = h->incarnation, .id = h->id},
        .type = h->type,
        .flags = h->flags,
        .verdict = ls_log_verdict_decode(h->verdict),
        .size = h->size,
        .payload_hash = h->payload_hash,
        .chain = h->chain,
        .payload = NULL,
    };
}

uint8_t ls_log_verdict_code(uint8_t verdict)
{
    switch (verdict) {
    case LS_VERDICT_PASS:
        return VERDICT_PASS_CODE;
    case LS_VERDICT_FAIL:
        return VERDICT_FAIL_CODE;
    default:
        return 0;
    }
}

uint8_t ls_log_verdict_decode(uint8_t code)
{
    switch (code) {
    case VERDICT_PASS_CODE:
        return LS_VERDICT_PASS;
    case VERDICT_FAIL_CODE:
        return LS_VERDICT_FAIL;
    default:
        return LS_VERDICT_UNKNOWN;
    }
}

void ls_scan_init(struct ls_scan *s, const uint8_t *data, size_t size,
                  const struct ls_segment_header *h)
{
    *s = (struct ls_scan){
        .data = data,
        .size = size,
        .key = ls_log_segment_key(h->log_key, h->number),
        .offset = h->data_start,
        .pos = h->base,
        .generation = h->generation,
        .durable = h->durable,
    };
}

static bool scan_stop(struct ls_scan *s, enum ls_scan_end end, const char *why)
{
    s->end = end;
    s->why = why;
    return false;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool continues(const struct ls_scan *s, const struct ls_entry_header *h)
{
    struct ls_entry e;

    ls_entry_header_decode(h, &e);
    return h->index == s->pos.index + 1 && h->seqno >= s->pos.seqno && h->seqno <= LS_COUNT_MAX &&
           h->term <= (uint64_t)LS_COUNT_MAX &&
           ls_hash128_equal(h->chain, ls_entry_chain(s->pos.chain, &e));
}

/* Decides whether the header at hand continues the log; stops the scan when it does not. */
static bool scan_accept(struct ls_scan *s, const struct ls_entry_header *h, struct ls_entry *out)
{
    bool mine = h->generation >= s->generation;

    if (mine && h->type == 0 && h->index == s->pos.index + 1 &&
        ls_hash128_equal(h->chain, s->pos.chain)) {
        s->generation = h->generation;
        s->durable = h->durable > s->durable ? h->durable : s->durable;
        s->marked = true;
        return scan_stop(s, LS_SCAN_CLEAN, NULL);
    }
    /* Older than a cut, or of the segment's earlier life: whole, but not of this log any more. */
    if (!mine || h->index <= s->pos.index) {
        return scan_stop(s, LS_SCAN_CLEAN, NULL);
    }
    if (h->type == 0 || h->size > LS_LOG_PAYLOAD_CAP || !continues(s, h)) {
        return scan_stop(s, LS_SCAN_TORN, "the entry there does not follow the one before it");
    }
    ls_entry_header_decode(h, out);
    return true;
}

bool ls_scan_next(struct ls_scan *s, struct ls_entry *out, size_t *at)
{
    struct ls_entry_header h;
    uint64_t left = s->size - s->offset;

    LS_ASSERT(s->end == LS_SCAN_RUNNING);
    if (left < sizeof(h)) {
        return scan_stop(s, LS_SCAN_CLEAN, NULL);
    }
    memcpy(&h, s->data + s->offset, sizeof(h));
    if (!ls_entry_header_check(&h, s->key)) {
        if (all_zero(s->data + s->offset, sizeof(h))) {
            return scan_stop(s, LS_SCAN_CLEAN, NULL);
        }
        return scan_stop(s, LS_SCAN_TORN, "no valid entry header there");
    }
    if (!scan_accept(s, &h, out)) {
        return false;
    }
    if (ls_log_entry_stride(h.size) > left) {
        return scan_stop(s, LS_SCAN_TORN, "the entry there passes the end of the file");
    }
    out->payload = s->data + s->offset + sizeof(h);
    if (ls_hash64(out->payload, out->size) != out->payload_hash) {
        return scan_stop(s, LS_SCAN_TORN, "wrong checksum of the payload of the entry there");
    }
    *at = s->offset;
    s->offset += ls_log_entry_stride(h.size);
    s->pos = ls_entry_pos(out);
    s->generation = h.generation;
    if (h.durable > s->durable) {
        s->durable = h.durable;
    }
    return true;
}

size_t ls_scan_behind(struct ls_scan *s, const uint8_t *data, size_t size, size_t from)
{
    struct ls_entry_header h;
    uint32_t floor = s->generation;
    size_t found = 0;

    LS_ASSERT(from % LS_LOG_ALIGN == 0);
    for (size_t at = from; at + sizeof(h) <= size; at += LS_LOG_ALIGN) {
        uint32_t magic;

        memcpy(&magic, data + at + offsetof(struct ls_entry_header, magic), sizeof(magic));
        if (magic != LS_LOG_ENTRY_MAGIC) {
            continue;
        }
        memcpy(&h, data + at, sizeof(h));
        if (!ls_entry_header_check(&h, s->key) || h.generation < floor || h.index <= s->pos.index ||
            h.type == 0) {
            continue;
        }
        if (data != s->data || at != s->offset || !continues(s, &h)) {
            found++; /* else it is the torn one that the scan stopped at */
        }
        if (h.durable > s->durable) {
            s->durable = h.durable;
        }
        if (h.generation > s->generation) {
            s->generation = h.generation;
        }
    }
    return found;
}
