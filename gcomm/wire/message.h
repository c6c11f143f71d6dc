/* The core's messages as frames: struct ls_msg to bytes and back.
 *
 * Layouts are those of message.c, one function per message, used for both directions' order.
 * Version 1 is strict: a body that is longer or shorter than its fields is an error. */
#ifndef LS_WIRE_MESSAGE_H
#define LS_WIRE_MESSAGE_H

#include "gcomm/core/message.h"
#include "gcomm/wire/frame.h"
#include "wsrep/base/error.h"

#include <stddef.h>
#include <stdint.h>

#define LS_WIRE_ENTRY_SIZE 88 /* of an entry without its payload */

/* Room that header and body need at most. */
size_t ls_wire_message_bound(const struct ls_msg *msg, uint32_t entry_count);

/* Header and body to out (ls_wire_message_bound() bytes); the payload bytes are to follow on the
 * wire: *payload_size of them, for APPEND and ENTRIES those of each entry with
 * ls_wire_has_payload(), in order; for SUBMIT the submission's. Returns the bytes written, 0 when
 * the message is over the limits of a frame. */
size_t ls_wire_message_encode(const struct ls_msg *msg, const struct ls_entry *entries,
                              uint32_t entry_count, uint8_t version, uint8_t *out, size_t size,
                              uint32_t *payload_size);
/* Does this entry's payload travel in this message? */
bool ls_wire_has_payload(const struct ls_msg *msg, const struct ls_entry *e);

/* Memory that decoding reuses: one per receiving thread. Zero-initialise. */
struct ls_wire_decoder {
    struct ls_entry *entries;
    uint32_t capacity;
    struct ls_config config;
};
void ls_wire_decoder_free(struct ls_wire_decoder *d);

/* Body and payload of a frame whose checks were made (f->type is at most LS_MSG_MAX). What out
 * points to lies in the decoder and in the payload bytes. Hashes of payloads are verified. */
enum ls_rc ls_wire_message_decode(struct ls_wire_decoder *d, const struct ls_frame *f,
                                  const uint8_t *body, const uint8_t *payload, struct ls_msg *out,
                                  struct ls_error *err);

#define LS_MSG_MAX LS_MSG_SPARE

#endif
