/* Write-sets: what one transaction, fragment or TOI sends to everybody.
 *
 * Layout (version 1, little endian) is specified in format.h: a header (version, flags,
 * last_seen, trx and connection id, pa_range, counts and sizes), the keys as 128-bit hashes with
 * type and prefix information, then the ordered data as one buffer, then the unordered data. The
 * source (node uuid) is the entry's origin. Decoders take bytes from peers: they check all and
 * never assert.
 *
 * Keys: a key of parts p1..pn gives n index entries, one for every prefix, each a cumulative hash;
 * prefixes shorter than the full key are REFERENCE, the full key has the type given; an empty key
 * (no parts) collides with everything: each write-set also has the zero-part "server" entry, type
 * REFERENCE, or the given type for an explicit empty key. The same entry twice: the strongest type
 * counts (contract 3.3). */
#ifndef LS_WRITESET_WRITESET_H
#define LS_WRITESET_WRITESET_H

#include "wsrep/base/error.h"
#include "wsrep/base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of the wsrep API. */
enum ls_key_type {
    LS_KEY_SHARED = 0,
    LS_KEY_REFERENCE = 1,
    LS_KEY_UPDATE = 2,
    LS_KEY_EXCLUSIVE = 3
};

enum ls_ws_flag {
    LS_WS_TRX_END = 0x1,
    LS_WS_ROLLBACK = 0x2,
    LS_WS_ISOLATION = 0x4,
    LS_WS_PA_UNSAFE = 0x8,
    LS_WS_COMMUTATIVE = 0x10,
    LS_WS_NATIVE = 0x20,
    LS_WS_TRX_START = 0x40,
    LS_WS_TRX_PREPARE = 0x80,
    LS_WS_SNAPSHOT = 0x100,
    LS_WS_IMPLICIT_DEPS = 0x200,
    LS_WS_FLAGS_ALL = 0x3ff,
};

/* last_seen of one that saw nothing yet (LS_SEQNO_UNDEFINED). */
#define LS_WS_NOTHING_SEEN ((int64_t)-1)
/* No write-set is larger, whatever is configured (repl.max_ws_size has the same top). */
#define LS_WS_MAX_SIZE 0x7fffffffu
/* What pa_range normally is: no limit beyond the dependencies that the keys show. */
#define LS_WS_PA_RANGE_MAX 0xffffu

/* One entry for the certification index, also its wire form (20 bytes: hash, type, depth, 2 zero).
 */
struct ls_ws_key {
    struct ls_hash128 hash;
    uint8_t type;  /* enum ls_key_type */
    uint8_t depth; /* number of key parts hashed, 0 for the server entry */
};

struct ls_ws_header {
    uint32_t flags; /* enum ls_ws_flag */
    int64_t last_seen;
    uint64_t trx_id;
    uint64_t conn_id;
    uint16_t pa_range;
};

/* ---- building: one builder per local transaction, not shared between threads ---- */
struct ls_ws_builder;

struct ls_ws_builder *ls_ws_builder_create(void);
void ls_ws_builder_destroy(struct ls_ws_builder *b);
/* Back to empty, keeps memory (bounded) for the next fragment or transaction. */
void ls_ws_builder_reset(struct ls_ws_builder *b);

/* parts as (pointer, length) pieces, count 0 is the key that collides with everything. Copies what
 * it needs. LS_E_TOOBIG when the write-set would pass max_size, LS_E_INVAL for a type that is none
 * or more than 255 parts. After an error the write-set is not complete: reset the builder. A TOI
 * gives its keys as LS_KEY_EXCLUSIVE. */
enum ls_rc ls_ws_add_key(struct ls_ws_builder *b, const struct ls_piece *parts, size_t count,
                         enum ls_key_type type);
/* Appends to the ordered (apply) or unordered data; copies. */
enum ls_rc ls_ws_add_data(struct ls_ws_builder *b, const void *data, size_t len, bool ordered);
/* Header included; stays over resets. */
void ls_ws_set_max_size(struct ls_ws_builder *b, uint64_t max_size);

/* Index entries so far (prefixes and the server entry are some), 0 before the first key. */
size_t ls_ws_key_count(const struct ls_ws_builder *b);
size_t ls_ws_keys_bytes(const struct ls_ws_builder *b);
size_t ls_ws_data_bytes(const struct ls_ws_builder *b);
size_t ls_ws_size(const struct ls_ws_builder *b); /* of the whole encoding */

/* Encodes into pieces that point into the builder (valid until it changes): at most LS_WS_PIECES,
 * the count is returned, the first one is the header. Together they are the payload of the log
 * entry. */
#define LS_WS_PIECES 4
size_t ls_ws_encode(struct ls_ws_builder *b, const struct ls_ws_header *header,
                    struct ls_piece pieces[LS_WS_PIECES]);
/* Writes another last_seen into the header that ls_ws_encode() made: it is read when the bytes are
 * sent, and the pieces stay where they are. */
void ls_ws_patch_last_seen(struct ls_ws_builder *b, int64_t last_seen);

/* ---- reading ---- */
struct ls_ws_view {
    struct ls_ws_header header;
    const void *keys; /* key_count wire keys, use ls_ws_view_key() */
    uint32_t key_count;
    const void *data; /* ordered data, one buffer, NULL when data_size is 0 */
    uint32_t data_size;
    const void *unordered;
    uint32_t unordered_size;
};

/* Fills out with pointers into data. Checks version, flags, sizes and every key. LS_E_VERSION for
 * another version, LS_E_PROTO for everything that no builder writes. */
enum ls_rc ls_ws_view_init(struct ls_ws_view *out, const void *data, size_t size,
                           struct ls_error *err);
void ls_ws_view_key(const struct ls_ws_view *v, uint32_t i, struct ls_ws_key *out);

#endif
