/* Building and reading write-sets. The layout of the bytes is in format.h. */
#include "wsrep/writeset/writeset.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"
#include "wsrep/writeset/format.h"
#include "wsrep/writeset/keyset.h"

#include <stdlib.h>

struct buffer {
    uint8_t *bytes;
    size_t size;
    size_t cap;
};

struct ls_ws_builder {
    struct ls_keyset keys;
    struct buffer ordered;
    struct buffer unordered;
    uint64_t max_size;
    uint8_t header[LS_WS_HEADER_SIZE];
};

/* ---- buffers ---- */

static enum ls_rc buffer_append(struct buffer *buf, const void *data, size_t len)
{
    if (buf->cap - buf->size < len) {
        size_t cap = buf->cap < 512 ? 512 : buf->cap + buf->cap / 2;
        uint8_t *bytes;

        if (cap < buf->size + len) {
            cap = buf->size + len;
        }
        bytes = realloc(buf->bytes, cap);
        if (bytes == NULL) {
            return LS_E_NOMEM;
        }
        buf->bytes = bytes;
        buf->cap = cap;
    }
    memcpy(buf->bytes + buf->size, data, len);
    buf->size += len;
    return LS_OK;
}

static void buffer_reset(struct buffer *buf)
{
    buf->size = 0;
    if (buf->cap > LS_KEYSET_KEEP_BYTES) {
        free(buf->bytes);
        *buf = (struct buffer){0};
    }
}

/* ---- building ---- */

struct ls_ws_builder *ls_ws_builder_create(void)
{
    struct ls_ws_builder *b = calloc(1, sizeof(*b));

    if (b == NULL) {
        return NULL;
    }
    b->max_size = LS_WS_MAX_SIZE;
    if (ls_keyset_init(&b->keys) != LS_OK) {
        free(b);
        return NULL;
    }
    return b;
}

void ls_ws_builder_destroy(struct ls_ws_builder *b)
{
    if (b == NULL) {
        return;
    }
    ls_keyset_free(&b->keys);
    free(b->ordered.bytes);
    free(b->unordered.bytes);
    free(b);
}

void ls_ws_builder_reset(struct ls_ws_builder *b)
{
    ls_keyset_reset(&b->keys);
    buffer_reset(&b->ordered);
    buffer_reset(&b->unordered);
}

void ls_ws_set_max_size(struct ls_ws_builder *b, uint64_t max_size)
{
    b->max_size = max_size < LS_WS_MAX_SIZE ? max_size : LS_WS_MAX_SIZE;
}

size_t ls_ws_key_count(const struct ls_ws_builder *b)
{
    return b->keys.count;
}

size_t ls_ws_keys_bytes(const struct ls_ws_builder *b)
{
    return (size_t)b->keys.count * LS_WS_KEY_SIZE;
}

size_t ls_ws_data_bytes(const struct ls_ws_builder *b)
{
    return b->ordered.size + b->unordered.size;
}

size_t ls_ws_size(const struct ls_ws_builder *b)
{
    size_t keys = b->keys.count > 0 ? ls_ws_keys_bytes(b) : LS_WS_KEY_SIZE;
    return LS_WS_HEADER_SIZE + keys + ls_ws_data_bytes(b);
}

/* How many keys the write-set may have beside the data that it holds. */
static uint64_t key_count_max(const struct ls_ws_builder *b)
{
    uint64_t other = LS_WS_HEADER_SIZE + ls_ws_data_bytes(b);
    return b->max_size > other ? (b->max_size - other) / LS_WS_KEY_SIZE : 0;
}

enum ls_rc ls_ws_add_key(struct ls_ws_builder *b, const struct ls_piece *parts, size_t count,
                         enum ls_key_type type)
{
    uint64_t max_count = key_count_max(b);
    struct ls_ws_key key = {.hash = ls_key_hash_root()};
    enum ls_rc rc;

    if ((unsigned)type > LS_KEY_EXCLUSIVE || count > UINT8_MAX) {
        return LS_E_INVAL;
    }
    for (size_t i = 0;; i++) {
        key.depth = (uint8_t)i;
        key.type = (uint8_t)(i == count ? type : LS_KEY_REFERENCE);
        rc = ls_keyset_add(&b->keys, &key, max_count);
        if (rc != LS_OK || i == count) {
            return rc;
        }
        key.hash = ls_key_hash_next(key.hash, parts[i].data, parts[i].len);
    }
}

enum ls_rc ls_ws_add_data(struct ls_ws_builder *b, const void *data, size_t len, bool ordered)
{
    if (len == 0) {
        return LS_OK;
    }
    if (len > b->max_size || ls_ws_size(b) > b->max_size - len) {
        return LS_E_TOOBIG;
    }
    return buffer_append(ordered ? &b->ordered : &b->unordered, data, len);
}

static void write_header(struct ls_ws_builder *b, const struct ls_ws_header *h)
{
    struct ls_writer w = ls_writer_init(b->header, sizeof(b->header));

    ls_put_u8(&w, LS_WS_VERSION);
    ls_put_u8(&w, 0);
    ls_put_u16(&w, h->pa_range);
    ls_put_u32(&w, h->flags);
    ls_put_i64(&w, h->last_seen);
    ls_put_u64(&w, h->trx_id);
    ls_put_u64(&w, h->conn_id);
    ls_put_u32(&w, b->keys.count);
    ls_put_u32(&w, (uint32_t)b->ordered.size);
    ls_put_u32(&w, (uint32_t)b->unordered.size);
    ls_put_u32(&w, 0);
    LS_ASSERT(!w.failed && w.pos == w.end);
}

size_t ls_ws_encode(struct ls_ws_builder *b, const struct ls_ws_header *header,
                    struct ls_piece pieces[LS_WS_PIECES])
{
    size_t n = 0;

    LS_ASSERT((header->flags & ~(uint32_t)LS_WS_FLAGS_ALL) == 0);
    LS_ASSERT(header->last_seen >= LS_WS_NOTHING_SEEN);
    if (b->keys.count == 0) {
        /* Only the entry that every write-set has. The first ones need no memory, so this cannot
         * fail, and every size that was checked had room for it. */
        struct ls_ws_key server = {.hash = ls_key_hash_root(), .type = LS_KEY_REFERENCE};
        enum ls_rc rc = ls_keyset_add(&b->keys, &server, 1);
        LS_ASSERT(rc == LS_OK);
    }
    write_header(b, header);
    pieces[n++] = (struct ls_piece){b->header, sizeof(b->header)};
    pieces[n++] = (struct ls_piece){b->keys.wire, ls_ws_keys_bytes(b)};
    if (b->ordered.size > 0) {
        pieces[n++] = (struct ls_piece){b->ordered.bytes, b->ordered.size};
    }
    if (b->unordered.size > 0) {
        pieces[n++] = (struct ls_piece){b->unordered.bytes, b->unordered.size};
    }
    return n;
}

void ls_ws_patch_last_seen(struct ls_ws_builder *b, int64_t last_seen)
{
    LS_ASSERT(last_seen >= LS_WS_NOTHING_SEEN);
    memcpy(b->header + LS_WS_LAST_SEEN_OFFSET, &last_seen, sizeof(last_seen));
}

/* ---- reading ---- */

static enum ls_rc check_keys(const struct ls_ws_view *v, struct ls_error *err)
{
    const uint8_t *key = v->keys;

    for (uint32_t i = 0; i < v->key_count; i++, key += LS_WS_KEY_SIZE) {
        if (key[16] > LS_KEY_EXCLUSIVE || key[18] != 0 || key[19] != 0) {
            return ls_error_set(err, LS_E_PROTO,
                                "key %u of the write-set is malformed (type %u): the sender is "
                                "faulty or of another version",
                                i, key[16]);
        }
    }
    return LS_OK;
}

static enum ls_rc check_header(const struct ls_ws_view *v, struct ls_error *err)
{
    const struct ls_ws_header *h = &v->header;
    const uint32_t ddl_rollback = LS_WS_ISOLATION | LS_WS_ROLLBACK;

    if ((h->flags & ~(uint32_t)LS_WS_FLAGS_ALL) != 0) {
        return ls_error_set(err, LS_E_VERSION,
                            "write-set has unknown flags 0x%x: bring all nodes to one version",
                            h->flags);
    }
    if ((h->flags & ddl_rollback) == ddl_rollback) {
        /* The server would look at the first flag only and execute the statement. */
        return ls_error_set(
            err, LS_E_PROTO,
            "write-set is a statement and a rollback at once: the sender is faulty");
    }
    if (h->last_seen < LS_WS_NOTHING_SEEN) {
        return ls_error_set(err, LS_E_PROTO, "write-set has last seen %lld: the sender is faulty",
                            (long long)h->last_seen);
    }
    return LS_OK;
}

enum ls_rc ls_ws_view_init(struct ls_ws_view *out, const void *data, size_t size,
                           struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(data, size);
    uint8_t version = ls_get_u8(&r);
    uint8_t extensions = ls_get_u8(&r);
    uint32_t zero;
    enum ls_rc rc;

    *out = (struct ls_ws_view){0};
    if (!r.failed && (version != LS_WS_VERSION || extensions != 0)) {
        return ls_error_set(err, LS_E_VERSION,
                            "write-set has version %u.%u, known is %u.0: bring all nodes to one "
                            "version",
                            version, extensions, LS_WS_VERSION);
    }
    out->header.pa_range = ls_get_u16(&r);
    out->header.flags = ls_get_u32(&r);
    out->header.last_seen = ls_get_i64(&r);
    out->header.trx_id = ls_get_u64(&r);
    out->header.conn_id = ls_get_u64(&r);
    out->key_count = ls_get_u32(&r);
    out->data_size = ls_get_u32(&r);
    out->unordered_size = ls_get_u32(&r);
    zero = ls_get_u32(&r);
    if (r.failed || zero != 0 || out->key_count == 0 ||
        (uint64_t)out->key_count * LS_WS_KEY_SIZE + out->data_size + out->unordered_size !=
            ls_reader_left(&r)) {
        return ls_error_set(err, LS_E_PROTO,
                            "write-set of %zu bytes does not hold what its header says: the sender "
                            "is faulty or the bytes are damaged",
                            size);
    }
    out->keys = ls_get_view(&r, (size_t)out->key_count * LS_WS_KEY_SIZE);
    if (out->data_size > 0) {
        out->data = ls_get_view(&r, out->data_size);
    }
    if (out->unordered_size > 0) {
        out->unordered = ls_get_view(&r, out->unordered_size);
    }
    rc = check_header(out, err);
    return rc == LS_OK ? check_keys(out, err) : rc;
}

void ls_ws_view_key(const struct ls_ws_view *v, uint32_t i, struct ls_ws_key *out)
{
    const uint8_t *key = (const uint8_t *)v->keys + (size_t)i * LS_WS_KEY_SIZE;

    LS_ASSERT(i < v->key_count);
    memcpy(&out->hash, key, sizeof(out->hash));
    out->type = key[16];
    out->depth = key[17];
}
