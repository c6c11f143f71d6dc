/* Bytes of a peer as frames: header, body and payload of a core message. The input is one frame;
 * its checks are repaired as far as they would keep the fuzzer out (header and body, not the hashes
 * of payloads, which the corpus has right). */
#include "gcomm/wire/message.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ls_wire_decoder decoder;
static struct ls_wire_decoder decoder_again;

static bool has_entries(const struct ls_msg *m)
{
    return m->type == LS_MSG_APPEND || m->type == LS_MSG_ENTRIES;
}

/* Everything that was believed lies inside the input. */
static void check_limits(const struct ls_msg *m, const uint8_t *payload, size_t payload_size)
{
    uint64_t total = 0;

    for (uint32_t i = 0; has_entries(m) && i < m->u.append.count; i++) {
        const struct ls_entry *e = &m->u.append.entries[i];
        if (e->payload != NULL) {
            LS_ASSERT((const uint8_t *)e->payload == payload + total);
            LS_ASSERT(ls_hash64(e->payload, e->size) == e->payload_hash);
            total += e->size;
        }
    }
    if (m->type == LS_MSG_SUBMIT && m->u.submit.payload != NULL) {
        total = m->u.submit.size;
    }
    LS_ASSERT(total == payload_size);
    if (m->type == LS_MSG_WELCOME && m->u.welcome.config != NULL) {
        LS_ASSERT(m->u.welcome.config->count <= LS_MAX_MEMBERS);
    }
    if (m->type == LS_MSG_REFUSE) {
        LS_ASSERT(memchr(m->u.refuse.text, 0, sizeof(m->u.refuse.text)) != NULL);
    }
}

/* What was decoded can be encoded, and comes out of that as it was. */
static void check_again(const struct ls_msg *m, const uint8_t *payload)
{
    size_t bound = ls_wire_message_bound(m, has_entries(m) ? m->u.append.count : 0);
    uint8_t *first = malloc(bound);
    uint8_t *second = malloc(bound);
    struct ls_msg again;
    struct ls_frame f;
    uint32_t payload_size;
    size_t n;

    LS_ASSERT(first != NULL && second != NULL);
    n = ls_wire_message_encode(m, has_entries(m) ? m->u.append.entries : NULL,
                               has_entries(m) ? m->u.append.count : 0, 1, first, bound,
                               &payload_size);
    LS_ASSERT(n > 0 && ls_frame_open(first, &f, NULL) == LS_OK);
    LS_ASSERT(ls_wire_message_decode(&decoder_again, &f, first + LS_FRAME_HEADER_SIZE, payload,
                                     &again, NULL) == LS_OK);
    LS_ASSERT(n == ls_wire_message_encode(&again, has_entries(m) ? again.u.append.entries : NULL,
                                          has_entries(m) ? again.u.append.count : 0, 1, second,
                                          bound, &payload_size));
    LS_ASSERT(memcmp(first, second, n) == 0);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_error err = {0};
    struct ls_frame f;
    struct ls_reader r;
    struct ls_msg m;
    const uint8_t *body = data + LS_FRAME_HEADER_SIZE;

    if (size < LS_FRAME_HEADER_SIZE) {
        return 0;
    }
    if (ls_frame_open(data, &f, &err) == LS_OK) {
        LS_ASSERT(f.body_size <= LS_FRAME_BODY_MAX && f.payload_size <= LS_FRAME_PAYLOAD_MAX);
    } else {
        LS_ASSERT(err.text[0] != '\0');
    }
    size -= LS_FRAME_HEADER_SIZE;
    r = ls_reader_init(data + 3, LS_FRAME_HEADER_SIZE - 3);
    f.type = ls_get_u8(&r);
    f.body_size = ls_get_u32(&r);
    f.body_size = f.body_size < size ? f.body_size : (uint32_t)size;
    f.payload_size = (uint32_t)size - f.body_size;
    if (ls_wire_message_decode(&decoder, &f, body, body + f.body_size, &m, &err) != LS_OK) {
        LS_ASSERT(err.text[0] != '\0');
        return 0;
    }
    check_limits(&m, body + f.body_size, f.payload_size);
    check_again(&m, body + f.body_size);
    return 0;
}
