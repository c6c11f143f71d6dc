#include "sst/donor/request.h"

#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define FLAG_IST_WANTED 1
#define FIXED_BYTES (1 + 1 + 16 + 16 + 8 + 2 + 4)

size_t ls_sst_request_size(const struct ls_sst_request *r)
{
    return FIXED_BYTES + strlen(r->donors) + r->request_size;
}

bool ls_sst_request_encode(const struct ls_sst_request *r, struct ls_writer *w)
{
    if (r->request_size > LS_SST_REQUEST_MAX_BYTES) {
        return false;
    }
    ls_put_u8(w, VERSION);
    ls_put_u8(w, r->ist_wanted ? FLAG_IST_WANTED : 0);
    ls_put_bytes(w, r->joiner.b, sizeof(r->joiner.b));
    ls_put_bytes(w, r->position.uuid.b, sizeof(r->position.uuid.b));
    ls_put_i64(w, r->position.seqno);
    ls_put_str(w, r->donors);
    ls_put_u32(w, (uint32_t)r->request_size);
    ls_put_bytes(w, r->request, r->request_size);
    return !w->failed;
}

void *ls_sst_request_make(const struct ls_sst_request *r, size_t *size)
{
    *size = ls_sst_request_size(r);
    void *buf = malloc(*size);

    LS_ASSERT(buf != NULL);
    struct ls_writer w = ls_writer_init(buf, *size);
    if (!ls_sst_request_encode(r, &w)) {
        free(buf);
        return NULL;
    }
    return buf;
}

enum ls_rc ls_sst_request_decode(const void *data, size_t size, struct ls_sst_request *out,
                                 struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(data, size);
    uint8_t version = ls_get_u8(&r), flags = ls_get_u8(&r);

    memset(out, 0, sizeof(*out));
    if (!r.failed && version != VERSION) {
        return ls_error_set(err, LS_E_VERSION,
                            "state transfer request of version %u, this node knows version %d: "
                            "bring all nodes to one release",
                            version, VERSION);
    }
    ls_get_bytes(&r, out->joiner.b, sizeof(out->joiner.b));
    ls_get_bytes(&r, out->position.uuid.b, sizeof(out->position.uuid.b));
    out->position.seqno = ls_get_i64(&r);
    ls_get_str(&r, out->donors, sizeof(out->donors));
    out->request_size = ls_get_u32(&r);
    if (r.failed || out->request_size > LS_SST_REQUEST_MAX_BYTES ||
        out->request_size != ls_reader_left(&r) || (flags & ~FLAG_IST_WANTED) != 0 ||
        out->position.seqno < LS_SEQNO_UNDEFINED) {
        memset(out, 0, sizeof(*out));
        return ls_error_set(err, LS_E_PROTO, "malformed state transfer request of %zu bytes", size);
    }
    out->request = ls_get_view(&r, out->request_size);
    out->ist_wanted = (flags & FLAG_IST_WANTED) != 0;
    return LS_OK;
}
