#include "gcomm/wire/frame.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"
#include "wsrep/base/hash.h"

#define FRAME_MAGIC 0x4c57u
#define CHECKED_BYTES 12

void ls_frame_seal(uint8_t *header, uint8_t version, uint8_t type, uint32_t body_size,
                   uint32_t payload_size)
{
    struct ls_writer w = ls_writer_init(header, LS_FRAME_HEADER_SIZE);

    LS_ASSERT(body_size <= LS_FRAME_BODY_MAX);
    LS_ASSERT(payload_size <= LS_FRAME_PAYLOAD_MAX);
    ls_put_u16(&w, FRAME_MAGIC);
    ls_put_u8(&w, version);
    ls_put_u8(&w, type);
    ls_put_u32(&w, body_size);
    ls_put_u32(&w, payload_size);
    ls_put_u32(&w, (uint32_t)ls_hash64(header, CHECKED_BYTES));
    ls_put_u64(&w, ls_hash64(header + LS_FRAME_HEADER_SIZE, body_size));
}

bool ls_frame_begins(const uint8_t *bytes, size_t len)
{
    return (len < 1 || bytes[0] == (FRAME_MAGIC & 0xff)) &&
           (len < 2 || bytes[1] == (FRAME_MAGIC >> 8));
}

enum ls_rc ls_frame_open(const uint8_t *header, struct ls_frame *out, struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(header, LS_FRAME_HEADER_SIZE);
    uint32_t check;

    if (ls_get_u16(&r) != FRAME_MAGIC) {
        return ls_error_set(err, LS_E_PROTO, "these are no bytes of a Lockstep node");
    }
    out->version = ls_get_u8(&r);
    out->type = ls_get_u8(&r);
    out->body_size = ls_get_u32(&r);
    out->payload_size = ls_get_u32(&r);
    check = ls_get_u32(&r);
    out->body_check = ls_get_u64(&r);
    if (check != (uint32_t)ls_hash64(header, CHECKED_BYTES)) {
        return ls_error_set(err, LS_E_PROTO, "a message header has a wrong checksum");
    }
    if (out->body_size > LS_FRAME_BODY_MAX || out->payload_size > LS_FRAME_PAYLOAD_MAX) {
        return ls_error_set(err, LS_E_PROTO, "a message of %u and %u bytes is over the limit",
                            (unsigned)out->body_size, (unsigned)out->payload_size);
    }
    return LS_OK;
}

enum ls_rc ls_frame_check_body(const struct ls_frame *f, const uint8_t *body, struct ls_error *err)
{
    if (ls_hash64(body, f->body_size) != f->body_check) {
        return ls_error_set(err, LS_E_PROTO, "a message of type %u has a wrong checksum",
                            (unsigned)f->type);
    }
    return LS_OK;
}
