/* Bytes of a stranger: greetings, refusals, signals, chunk headers. The first byte of the input
 * says as which of them the rest is read. */
#include "gcomm/wire/hello.h"
#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s, size_t size)
{
    const char *end = memchr(s, 0, size);

    LS_ASSERT(end != NULL);
    for (; s < end; s++) {
        LS_ASSERT((unsigned char)*s >= 0x20 && *s != 0x7f);
    }
}

static void try_hello(const uint8_t *data, size_t size)
{
    static uint8_t frame[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    struct ls_error err = {0};
    struct ls_hello h;
    struct ls_hello again;
    size_t n;

    if (ls_hello_decode(data, size, &h, &err) != LS_OK) {
        LS_ASSERT(err.text[0] != '\0');
        return;
    }
    LS_ASSERT(h.peer_count <= LS_HELLO_PEERS && h.version_min <= h.version_max);
    check_text(h.cluster, sizeof(h.cluster));
    check_text(h.name, sizeof(h.name));
    check_text(h.host, sizeof(h.host));
    for (uint32_t i = 0; i < h.peer_count; i++) {
        check_text(h.peers[i], sizeof(h.peers[i]));
    }
    n = ls_hello_encode(&h, frame, sizeof(frame));
    LS_ASSERT(n > 0);
    LS_ASSERT(ls_hello_decode(frame + LS_FRAME_HEADER_SIZE, n - LS_FRAME_HEADER_SIZE, &again,
                              &err) == LS_OK);
    LS_ASSERT(memcmp(&h, &again, sizeof(h)) == 0);
}

static void try_chunk(const uint8_t *data, size_t size)
{
    struct ls_frame f = {.type = LS_FRAME_CHUNK};
    struct ls_chunk chunk;

    f.body_size = (uint32_t)(size < 56 ? size : 56);
    f.payload_size = (uint32_t)size - f.body_size;
    if (ls_chunk_decode(&f, data, &chunk, NULL) == LS_OK) {
        LS_ASSERT(chunk.total > 0 && chunk.total <= LS_FRAME_PAYLOAD_MAX);
        LS_ASSERT(chunk.offset <= chunk.total && f.payload_size <= chunk.total - chunk.offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[LS_REFUSED_TEXT_SIZE];
    uint64_t value;
    uint8_t code;

    if (size == 0) {
        return 0;
    }
    switch (data[0] % 4) {
    case 0:
        try_hello(data + 1, size - 1);
        break;
    case 1:
        ls_refused_decode(data + 1, size - 1, &code, text, NULL);
        check_text(text, sizeof(text));
        break;
    case 2:
        ls_signal_decode(data + 1, size - 1, &value, NULL);
        break;
    default:
        try_chunk(data + 1, size - 1);
    }
    return 0;
}
