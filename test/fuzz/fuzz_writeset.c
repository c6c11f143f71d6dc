/* Bytes of a peer as a write-set: reading stays inside them, and whatever is accepted can be
 * certified without an assertion, with the same verdict when the same is done again. */
#include "certification/index/index.h"
#include "wsrep/base/assert.h"
#include "wsrep/writeset/writeset.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two write-sets per input, so that they can meet: the one under test and a fixed TOI. */
static void fixed(struct ls_cert *c, int64_t seqno)
{
    static const struct ls_uuid source = {{9}};
    struct ls_ws_header h = {.flags = LS_WS_TRX_START | LS_WS_TRX_END | LS_WS_ISOLATION};
    struct ls_ws_builder *b = ls_ws_builder_create();
    struct ls_piece pieces[LS_WS_PIECES];
    struct ls_piece key[2] = {{"db", 2}, {"t", 1}};
    uint8_t bytes[256];
    struct ls_cert_result result;
    struct ls_ws_view view;
    size_t size = 0;

    LS_ASSERT(b != NULL && ls_ws_add_key(b, key, 2, LS_KEY_EXCLUSIVE) == LS_OK);
    size_t n = ls_ws_encode(b, &h, pieces);
    for (size_t i = 0; i < n; i++) {
        memcpy(bytes + size, pieces[i].data, pieces[i].len);
        size += pieces[i].len;
    }
    LS_ASSERT(ls_ws_view_init(&view, bytes, size, NULL) == LS_OK);
    ls_cert_test(c, seqno, &source, &view, &result);
    LS_ASSERT(result.pass);
    ls_ws_builder_destroy(b);
}

static uint64_t certify(const struct ls_ws_view *view)
{
    static const struct ls_uuid sources[2] = {{{1}}, {{2}}};
    struct ls_cert *c = ls_cert_create(0, 0);
    struct ls_cert_result r;
    uint64_t digest = 0;

    fixed(c, 1);
    for (int64_t seqno = 2; seqno < 8; seqno++) {
        if (seqno == 6) {
            ls_cert_cut(c, view->header.last_seen);
        }
        if (seqno == 7) {
            ls_cert_preload(c, seqno, &sources[1], view, true, &r);
        } else {
            ls_cert_test(c, seqno, &sources[seqno % 2], view, &r);
        }
        LS_ASSERT(r.depends_on < seqno && r.depends_on >= 0);
        LS_ASSERT(!r.conflict || (r.why.seqno > 0 && r.why.seqno < seqno));
        digest = digest * 31 + (uint64_t)r.depends_on * 4 + r.pass * 2 + r.conflict;
    }
    ls_cert_destroy(c);
    return digest;
}

/* Adds up all bytes that the view shows, so that the sanitizer sees them read. */
static uint64_t touch(const uint8_t *p, size_t size)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum += p[i];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_error err = {0};
    struct ls_ws_view view;
    struct ls_ws_key key;
    volatile uint64_t sum;

    if (ls_ws_view_init(&view, data, size, &err) != LS_OK) {
        LS_ASSERT(err.text[0] != '\0' && err.code != LS_OK);
        return 0;
    }
    for (uint32_t i = 0; i < view.key_count; i++) {
        ls_ws_view_key(&view, i, &key);
        LS_ASSERT(key.type <= LS_KEY_EXCLUSIVE);
    }
    sum = touch(view.data, view.data_size) + touch(view.unordered, view.unordered_size);
    (void)sum;
    LS_ASSERT(certify(&view) == certify(&view));
    return 0;
}
