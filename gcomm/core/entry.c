#include "gcomm/core/entry.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"

struct ls_hash128 ls_entry_chain(struct ls_hash128 previous, const struct ls_entry *e)
{
    uint8_t buf[128];
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));

    ls_put_u64(&w, previous.lo);
    ls_put_u64(&w, previous.hi);
    ls_put_u64(&w, e->index);
    ls_put_u64(&w, e->term);
    ls_put_i64(&w, e->seqno);
    ls_put_bytes(&w, e->sub.origin.b, sizeof(e->sub.origin.b));
    ls_put_u64(&w, e->sub.incarnation);
    ls_put_u64(&w, e->sub.id);
    ls_put_u8(&w, e->type);
    ls_put_u8(&w, e->flags);
    ls_put_u32(&w, e->size);
    ls_put_u64(&w, e->payload_hash);
    LS_ASSERT(!w.failed);
    return ls_hash128_of(buf, (size_t)(w.pos - buf));
}

bool ls_sub_id_equal(const struct ls_sub_id *a, const struct ls_sub_id *b)
{
    return a->id == b->id && a->incarnation == b->incarnation &&
           ls_uuid_equal(&a->origin, &b->origin);
}

struct ls_log_pos ls_entry_pos(const struct ls_entry *e)
{
    return (struct ls_log_pos){
        .index = e->index, .term = e->term, .seqno = e->seqno, .chain = e->chain};
}
