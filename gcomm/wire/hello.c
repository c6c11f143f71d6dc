#include "gcomm/wire/hello.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"

#include "control.pb-c.h"

#include <stdio.h>
#include <string.h>

size_t ls_hello_encode(const struct ls_hello *h, uint8_t *out, size_t size)
{
    Lockstep__Hello msg = LOCKSTEP__HELLO__INIT;
    char *peers[LS_HELLO_PEERS];
    size_t body;

    LS_ASSERT(h->peer_count <= LS_HELLO_PEERS);
    msg.version_min = h->version_min;
    msg.version_max = h->version_max;
    msg.cluster = (char *)(uintptr_t)h->cluster;
    msg.uuid.data = (uint8_t *)(uintptr_t)h->id.b;
    msg.uuid.len = sizeof(h->id.b);
    msg.incarnation = h->incarnation;
    msg.instance = h->instance;
    msg.name = (char *)(uintptr_t)h->name;
    msg.host = (char *)(uintptr_t)h->host;
    msg.port = h->port;
    msg.purpose = h->purpose;
    msg.segment = h->segment;
    for (uint32_t i = 0; i < h->peer_count; i++) {
        peers[i] = (char *)(uintptr_t)h->peers[i];
    }
    msg.peers = peers;
    msg.n_peers = h->peer_count;
    body = lockstep__hello__get_packed_size(&msg);
    if (body > LS_FRAME_HELLO_MAX || size < LS_FRAME_HEADER_SIZE + body) {
        return 0;
    }
    lockstep__hello__pack(&msg, out + LS_FRAME_HEADER_SIZE);
    ls_frame_seal(out, LS_WIRE_VERSION_MIN, LS_FRAME_HELLO, (uint32_t)body, 0);
    return LS_FRAME_HEADER_SIZE + body;
}

static bool copy_text(char *out, size_t size, const char *in)
{
    size_t n = strlen(in);

    if (n >= size) {
        return false;
    }
    memcpy(out, in, n + 1);
    /* It goes to log lines and status variables: nothing unprintable. */
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool copy_hello(const Lockstep__Hello *msg, struct ls_hello *out)
{
    if (msg->uuid.len != sizeof(out->id.b) || msg->port > UINT16_MAX || msg->segment > UINT8_MAX ||
        msg->purpose < LS_HELLO_MAIN || msg->purpose > LS_HELLO_BULK ||
        msg->version_min > msg->version_max || msg->n_peers > LS_HELLO_PEERS ||
        !copy_text(out->cluster, sizeof(out->cluster), msg->cluster) ||
        !copy_text(out->name, sizeof(out->name), msg->name) ||
        !copy_text(out->host, sizeof(out->host), msg->host)) {
        return false;
    }
    memcpy(out->id.b, msg->uuid.data, sizeof(out->id.b));
    out->version_min = msg->version_min;
    out->version_max = msg->version_max;
    out->incarnation = msg->incarnation;
    out->instance = msg->instance;
    out->port = (uint16_t)msg->port;
    out->purpose = (uint8_t)msg->purpose;
    out->segment = (uint8_t)msg->segment;
    for (size_t i = 0; i < msg->n_peers; i++) {
        if (!copy_text(out->peers[out->peer_count], LS_ADDR_SIZE, msg->peers[i])) {
            return false;
        }
        out->peer_count++;
    }
    return true;
}

enum ls_rc ls_hello_decode(const uint8_t *body, size_t size, struct ls_hello *out,
                           struct ls_error *err)
{
    Lockstep__Hello *msg;
    bool ok;

    memset(out, 0, sizeof(*out));
    if (size > LS_FRAME_HELLO_MAX) {
        return ls_error_set(err, LS_E_PROTO, "a greeting of %zu bytes is over the limit", size);
    }
    msg = lockstep__hello__unpack(NULL, size, body);
    if (msg == NULL) {
        return ls_error_set(err, LS_E_PROTO, "the greeting cannot be read");
    }
    ok = copy_hello(msg, out);
    lockstep__hello__free_unpacked(msg, NULL);
    return ok ? LS_OK : ls_error_set(err, LS_E_PROTO, "the greeting has impossible fields");
}

/* The layout of a refusal never changes, since it tells of versions that do not match. */
size_t ls_refused_encode(uint8_t code, const char *text, uint8_t *out, size_t size)
{
    char cut[LS_REFUSED_TEXT_SIZE];
    struct ls_writer w;

    LS_ASSERT(size >= LS_REFUSED_FRAME_MAX);
    snprintf(cut, sizeof(cut), "%s", text);
    w = ls_writer_init(out + LS_FRAME_HEADER_SIZE, size - LS_FRAME_HEADER_SIZE);
    ls_put_u8(&w, code);
    ls_put_str(&w, cut);
    LS_ASSERT(!w.failed);
    ls_frame_seal(out, LS_WIRE_VERSION_MIN, LS_FRAME_REFUSED,
                  (uint32_t)(w.pos - out) - LS_FRAME_HEADER_SIZE, 0);
    return (size_t)(w.pos - out);
}

enum ls_rc ls_refused_decode(const uint8_t *body, size_t size, uint8_t *code,
                             char text[LS_REFUSED_TEXT_SIZE], struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(body, size);

    *code = ls_get_u8(&r);
    ls_get_str(&r, text, LS_REFUSED_TEXT_SIZE);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
    return r.failed ? ls_error_set(err, LS_E_PROTO, "a refusal cannot be read") : LS_OK;
}

size_t ls_signal_encode(uint8_t type, uint64_t value, uint8_t *out, size_t size)
{
    LS_ASSERT(size >= LS_SIGNAL_FRAME_SIZE);
    memcpy(out + LS_FRAME_HEADER_SIZE, &value, sizeof(value));
    ls_frame_seal(out, LS_WIRE_VERSION_MIN, type, sizeof(value), 0);
    return LS_SIGNAL_FRAME_SIZE;
}

enum ls_rc ls_signal_decode(const uint8_t *body, size_t size, uint64_t *value, struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(body, size);

    *value = ls_get_u64(&r);
    return r.failed || ls_reader_left(&r) != 0
               ? ls_error_set(err, LS_E_PROTO, "a signal has a wrong size")
               : LS_OK;
}

size_t ls_chunk_encode(const struct ls_chunk *c, uint32_t size_here, uint8_t version, uint8_t *out,
                       size_t size)
{
    struct ls_writer w;

    LS_ASSERT(size >= LS_CHUNK_FRAME_SIZE);
    w = ls_writer_init(out + LS_FRAME_HEADER_SIZE, size - LS_FRAME_HEADER_SIZE);
    ls_put_bytes(&w, c->sub.origin.b, sizeof(c->sub.origin.b));
    ls_put_u64(&w, c->sub.incarnation);
    ls_put_u64(&w, c->sub.id);
    ls_put_u64(&w, c->total);
    ls_put_u64(&w, c->payload_hash);
    ls_put_u64(&w, c->offset);
    LS_ASSERT(!w.failed && w.pos - out == LS_CHUNK_FRAME_SIZE);
    ls_frame_seal(out, version, LS_FRAME_CHUNK, LS_CHUNK_FRAME_SIZE - LS_FRAME_HEADER_SIZE,
                  size_here);
    return LS_CHUNK_FRAME_SIZE;
}

enum ls_rc ls_chunk_decode(const struct ls_frame *f, const uint8_t *body, struct ls_chunk *out,
                           struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(body, f->body_size);

    ls_get_bytes(&r, out->sub.origin.b, sizeof(out->sub.origin.b));
    out->sub.incarnation = ls_get_u64(&r);
    out->sub.id = ls_get_u64(&r);
    out->total = ls_get_u64(&r);
    out->payload_hash = ls_get_u64(&r);
    out->offset = ls_get_u64(&r);
    if (r.failed || ls_reader_left(&r) != 0 || out->total == 0 ||
        out->total > LS_FRAME_PAYLOAD_MAX || f->payload_size == 0 || out->offset > out->total ||
        f->payload_size > out->total - out->offset) {
        return ls_error_set(err, LS_E_PROTO, "a piece of a big write-set has impossible fields");
    }
    return LS_OK;
}
