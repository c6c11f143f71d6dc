/* What two nodes say to each other before and beside the core's messages: the handshake (protocol
 * buffers, control.proto) and the small frames of the connection itself (fixed layout). */
#ifndef LS_WIRE_HELLO_H
#define LS_WIRE_HELLO_H

#include "gcomm/core/config.h"
#include "gcomm/core/entry.h"
#include "gcomm/wire/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_CLUSTER_NAME_SIZE 256
#define LS_HELLO_PEERS 64
#define LS_REFUSED_TEXT_SIZE 256

enum ls_hello_purpose {
    LS_HELLO_MAIN = 1,
    LS_HELLO_BULK = 2,
};

struct ls_hello {
    uint32_t version_min;
    uint32_t version_max;
    char cluster[LS_CLUSTER_NAME_SIZE];
    struct ls_uuid id;
    uint64_t incarnation;
    uint64_t instance; /* random per process */
    char name[LS_NAME_SIZE];
    char host[LS_ADDR_SIZE]; /* "": as seen */
    uint16_t port;
    uint8_t purpose; /* enum ls_hello_purpose */
    uint8_t segment;
    uint32_t peer_count;
    char peers[LS_HELLO_PEERS][LS_ADDR_SIZE];
};

enum ls_refused_code {
    LS_REFUSED_OTHER = 1,
    LS_REFUSED_SELF = 2,      /* you have reached yourself */
    LS_REFUSED_CONNECTED = 3, /* we have a living connection already: no fault */
    LS_REFUSED_BUSY = 4,      /* not now: try again */
};

/* Whole frames into out (the sizes below suffice); the bytes written, 0 when a field is too long.
 */
size_t ls_hello_encode(const struct ls_hello *h, uint8_t *out, size_t size);
size_t ls_refused_encode(uint8_t code, const char *text, uint8_t *out, size_t size);
size_t ls_signal_encode(uint8_t type, uint64_t value, uint8_t *out, size_t size);
#define LS_REFUSED_FRAME_MAX (LS_FRAME_HEADER_SIZE + 3 + LS_REFUSED_TEXT_SIZE)
#define LS_SIGNAL_FRAME_SIZE (LS_FRAME_HEADER_SIZE + 8)

/* Bodies. LS_E_PROTO with a text for people. */
enum ls_rc ls_hello_decode(const uint8_t *body, size_t size, struct ls_hello *out,
                           struct ls_error *err);
enum ls_rc ls_refused_decode(const uint8_t *body, size_t size, uint8_t *code,
                             char text[LS_REFUSED_TEXT_SIZE], struct ls_error *err);
/* START, PING, PONG, FLOW: one number. */
enum ls_rc ls_signal_decode(const uint8_t *body, size_t size, uint64_t *value,
                            struct ls_error *err);

/* One chunk of a big payload; its bytes follow the body. */
struct ls_chunk {
    struct ls_sub_id sub;
    uint64_t total;
    uint64_t payload_hash;
    uint64_t offset;
};
#define LS_CHUNK_FRAME_SIZE (LS_FRAME_HEADER_SIZE + 56)
size_t ls_chunk_encode(const struct ls_chunk *c, uint32_t size_here, uint8_t version, uint8_t *out,
                       size_t size);
enum ls_rc ls_chunk_decode(const struct ls_frame *f, const uint8_t *body, struct ls_chunk *out,
                           struct ls_error *err);

#endif
