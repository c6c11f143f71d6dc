/* Frames: how bytes are cut into messages on a connection.
 *
 *   offset size
 *        0    2  magic 0x4c57 ("WL" in memory)
 *        2    1  version of the layout of what follows the header
 *        3    1  type: enum ls_msg_type, or enum ls_frame_type for what peers say below the core
 *        4    4  body size
 *        8    4  payload size
 *       12    4  header check: low half of XXH3-64 over bytes 0..11
 *       16    8  body check: XXH3-64 over the body
 *       24       body, then payload
 *
 * All little endian. The header is the same in all versions. Payloads (bytes of users' write-sets)
 * are covered by the payload_hash of the entry or submission that they belong to. */
#ifndef LS_WIRE_FRAME_H
#define LS_WIRE_FRAME_H

#include "wsrep/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_WIRE_VERSION_MIN 1
#define LS_WIRE_VERSION_MAX 1

#define LS_FRAME_HEADER_SIZE 24
#define LS_FRAME_BODY_MAX (8u << 20)
#define LS_FRAME_PAYLOAD_MAX (1u << 31)
/* What may be sent before the handshake is through. */
#define LS_FRAME_HELLO_MAX (16u << 10)

enum ls_frame_type {
    LS_FRAME_HELLO = 64,
    LS_FRAME_REFUSED = 65, /* no connection, and why */
    LS_FRAME_START = 66,   /* the smaller uuid has chosen this connection */
    LS_FRAME_PING = 67,    /* are you there? */
    LS_FRAME_PONG = 68,
    LS_FRAME_FLOW = 69, /* enum ls_flow */
    LS_FRAME_CHUNK = 70,
    LS_FRAME_WANT_APPLIED = 71, /* 1: tell me what you have applied, 0: no more */
    LS_FRAME_APPLIED = 72,      /* a seqno */
};

struct ls_frame {
    uint8_t version;
    uint8_t type;
    uint32_t body_size;
    uint32_t payload_size;
    uint64_t body_check;
};

/* Writes the header in front of a body that lies at header + LS_FRAME_HEADER_SIZE already. */
void ls_frame_seal(uint8_t *header, uint8_t version, uint8_t type, uint32_t body_size,
                   uint32_t payload_size);

/* These bytes, of which there may be too few for a header, may be the first ones of a frame. */
bool ls_frame_begins(const uint8_t *bytes, size_t len);
/* Reads LS_FRAME_HEADER_SIZE bytes. LS_E_PROTO with a text when they are no header. */
enum ls_rc ls_frame_open(const uint8_t *header, struct ls_frame *out, struct ls_error *err);
enum ls_rc ls_frame_check_body(const struct ls_frame *f, const uint8_t *body, struct ls_error *err);

static inline uint64_t ls_frame_total(const struct ls_frame *f)
{
    return (uint64_t)LS_FRAME_HEADER_SIZE + f->body_size + f->payload_size;
}

#endif
