#include "gcomm/core/config.h"

#include "wsrep/base/assert.h"

#include <string.h>

/* Version of each payload's layout; a reader takes no other. Raised only together with the group's
 * record version (rule 27). */
#define CONFIG_VERSION 1
#define IS_BOOTSTRAP 1
#define IS_BARE 2
#define STATE_VERSION 1
#define CUT_VERSION 1

bool ls_member_encode(const struct ls_member *m, struct ls_writer *w)
{
    ls_put_bytes(w, m->id.b, sizeof(m->id.b));
    ls_put_u64(w, m->incarnation);
    ls_put_u8(w, m->role);
    ls_put_u8(w, m->state);
    ls_put_u8(w, m->weight);
    ls_put_u8(w, m->segment);
    ls_put_u8(w, m->no_data);
    ls_put_u8(w, m->proto_app);
    ls_put_u64(w, m->joined_index);
    ls_put_str(w, m->name);
    ls_put_str(w, m->incoming);
    ls_put_str(w, m->addr);
    return !w->failed;
}

bool ls_member_decode(struct ls_reader *r, struct ls_member *out)
{
    memset(out, 0, sizeof(*out));
    ls_get_bytes(r, out->id.b, sizeof(out->id.b));
    out->incarnation = ls_get_u64(r);
    out->role = ls_get_u8(r);
    out->state = ls_get_u8(r);
    out->weight = ls_get_u8(r);
    out->segment = ls_get_u8(r);
    out->no_data = ls_get_u8(r);
    out->proto_app = ls_get_u8(r);
    out->joined_index = ls_get_u64(r);
    ls_get_str(r, out->name, sizeof(out->name));
    ls_get_str(r, out->incoming, sizeof(out->incoming));
    ls_get_str(r, out->addr, sizeof(out->addr));
    if (out->role > LS_MEMBER_VOTER || out->state > LS_NODE_ERROR || out->no_data > 1 ||
        ls_uuid_is_zero(&out->id)) {
        r->failed = true;
    }
    return !r->failed;
}

bool ls_config_encode(const struct ls_config *c, struct ls_writer *w)
{
    ls_put_u8(w, CONFIG_VERSION);
    ls_put_bytes(w, c->group.b, sizeof(c->group.b));
    ls_put_u64(w, c->epoch);
    ls_put_bytes(w, c->epoch_id.b, sizeof(c->epoch_id.b));
    ls_put_i64(w, c->view);
    ls_put_u8(w, c->is_view);
    ls_put_u8(w, (uint8_t)((c->is_bootstrap ? IS_BOOTSTRAP : 0) | (c->bare ? IS_BARE : 0)));
    ls_put_u16(w, c->format);
    ls_put_u32(w, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        ls_member_encode(&c->members[i], w);
    }
    return !w->failed;
}

enum ls_rc ls_config_decode(const void *data, size_t size, struct ls_config *out,
                            struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(data, size);
    uint8_t version = ls_get_u8(&r);
    uint8_t flags;

    memset(out, 0, sizeof(*out));
    if (!r.failed && version != CONFIG_VERSION) {
        return ls_error_set(err, LS_E_VERSION, "configuration record of version %u, I read %u",
                            version, CONFIG_VERSION);
    }
    ls_get_bytes(&r, out->group.b, sizeof(out->group.b));
    out->epoch = ls_get_u64(&r);
    ls_get_bytes(&r, out->epoch_id.b, sizeof(out->epoch_id.b));
    out->view = ls_get_i64(&r);
    out->is_view = ls_get_u8(&r);
    flags = ls_get_u8(&r);
    out->is_bootstrap = (flags & IS_BOOTSTRAP) != 0;
    out->bare = (flags & IS_BARE) != 0;
    out->format = ls_get_u16(&r);
    out->count = ls_get_u32(&r);
    if (r.failed || (flags & ~(IS_BOOTSTRAP | IS_BARE)) != 0 || out->count > LS_MAX_MEMBERS ||
        out->epoch > (uint64_t)LS_COUNT_MAX || out->view < 0 || out->view > LS_COUNT_MAX) {
        out->count = 0;
        return ls_error_set(err, LS_E_CORRUPT,
                            "configuration record is cut short, too large or impossible");
    }
    for (uint32_t i = 0; i < out->count; i++) {
        if (!ls_member_decode(&r, &out->members[i])) {
            return ls_error_set(err, LS_E_CORRUPT, "configuration record: member %u is damaged", i);
        }
        if (i > 0 && ls_uuid_compare(&out->members[i - 1].id, &out->members[i].id) >= 0) {
            return ls_error_set(err, LS_E_CORRUPT, "configuration record: members out of order");
        }
    }
    if (ls_reader_left(&r) != 0) {
        return ls_error_set(err, LS_E_CORRUPT, "configuration record has bytes at its end");
    }
    return LS_OK;
}

bool ls_member_state_encode(const struct ls_member_state *s, struct ls_writer *w)
{
    ls_put_u8(w, STATE_VERSION);
    ls_put_bytes(w, s->id.b, sizeof(s->id.b));
    ls_put_u64(w, s->incarnation);
    ls_put_u8(w, s->state);
    ls_put_u8(w, s->desynced);
    ls_put_i64(w, s->seqno);
    return !w->failed;
}

enum ls_rc ls_member_state_decode(const void *data, size_t size, struct ls_member_state *out,
                                  struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(data, size);
    uint8_t version = ls_get_u8(&r);

    memset(out, 0, sizeof(*out));
    ls_get_bytes(&r, out->id.b, sizeof(out->id.b));
    out->incarnation = ls_get_u64(&r);
    out->state = ls_get_u8(&r);
    out->desynced = ls_get_u8(&r);
    out->seqno = ls_get_i64(&r);
    if (r.failed || version != STATE_VERSION || out->state > LS_NODE_ERROR ||
        ls_reader_left(&r) != 0) {
        return ls_error_set(err, LS_E_CORRUPT, "member state record is damaged or of version %u",
                            version);
    }
    return LS_OK;
}

bool ls_cut_encode(int64_t cut, struct ls_writer *w)
{
    ls_put_u8(w, CUT_VERSION);
    ls_put_i64(w, cut);
    return !w->failed;
}

enum ls_rc ls_cut_decode(const void *data, size_t size, int64_t *out, struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(data, size);
    uint8_t version = ls_get_u8(&r);

    *out = ls_get_i64(&r);
    if (r.failed || version != CUT_VERSION || *out < 0 || ls_reader_left(&r) != 0) {
        return ls_error_set(err, LS_E_CORRUPT, "commit cut record is damaged or of version %u",
                            version);
    }
    return LS_OK;
}

int ls_config_index_of(const struct ls_config *c, const struct ls_uuid *id)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (ls_uuid_equal(&c->members[i].id, id)) {
            return (int)i;
        }
    }
    return -1;
}

const struct ls_member *ls_config_find(const struct ls_config *c, const struct ls_uuid *id)
{
    int i = ls_config_index_of(c, id);
    return i < 0 ? NULL : &c->members[i];
}

bool ls_config_add(struct ls_config *c, const struct ls_member *m)
{
    uint32_t at = 0;

    if (c->count >= LS_MAX_MEMBERS) {
        return false;
    }
    while (at < c->count && ls_uuid_compare(&c->members[at].id, &m->id) < 0) {
        at++;
    }
    if (at < c->count && ls_uuid_equal(&c->members[at].id, &m->id)) {
        return false;
    }
    memmove(&c->members[at + 1], &c->members[at], (c->count - at) * sizeof(c->members[0]));
    c->members[at] = *m;
    c->count++;
    return true;
}

bool ls_config_remove(struct ls_config *c, const struct ls_uuid *id)
{
    int at = ls_config_index_of(c, id);

    if (at < 0) {
        return false;
    }
    c->count--;
    memmove(&c->members[at], &c->members[at + 1],
            (c->count - (uint32_t)at) * sizeof(c->members[0]));
    memset(&c->members[c->count], 0, sizeof(c->members[0]));
    return true;
}

uint32_t ls_config_weight(const struct ls_config *c)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        if (c->members[i].role == LS_MEMBER_VOTER) {
            sum += c->members[i].weight;
        }
    }
    return sum;
}

const char *ls_node_state_name(enum ls_node_state s)
{
    static const char *const names[] = {"UNDEFINED", "JOINER", "DONOR",
                                        "JOINED",    "SYNCED", "ERROR"};
    return (unsigned)s < sizeof(names) / sizeof(names[0]) ? names[s] : "UNKNOWN";
}
