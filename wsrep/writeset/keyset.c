#include "wsrep/writeset/keyset.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"
#include "wsrep/writeset/format.h"

#include <stdlib.h>
#include <string.h>

struct ls_hash128 ls_key_hash_root(void)
{
    /* Digits of pi: any constant does, but all members must have the same. */
    return (struct ls_hash128){.lo = 0x243f6a8885a308d3u, .hi = 0x13198a2e03707344u};
}

/* The length goes into the seed so that ("ab", "c") and ("a", "bc") differ. The seed holds only 64
 * bits of the prefix; the other half is mixed in afterwards, so the chain keeps 128. */
struct ls_hash128 ls_key_hash_next(struct ls_hash128 prefix, const void *part, size_t len)
{
    uint64_t seed = prefix.lo ^ ((uint64_t)(len + 1) * 0x9e3779b97f4a7c15u);
    struct ls_hash128 h = ls_hash128_seeded(len > 0 ? part : "", len, seed);
    uint64_t other = (prefix.hi ^ (prefix.hi >> 32)) * 0xd6e8feb86659fd93u;

    h.lo += other ^ (other >> 29);
    h.hi ^= other;
    return h;
}

static uint64_t wire_lo(const struct ls_keyset *s, uint32_t i)
{
    uint64_t lo;
    memcpy(&lo, s->wire + (size_t)i * LS_WS_KEY_SIZE, sizeof(lo));
    return lo;
}

static bool wire_equal(const struct ls_keyset *s, uint32_t i, const struct ls_hash128 *hash)
{
    return memcmp(s->wire + (size_t)i * LS_WS_KEY_SIZE, hash, sizeof(*hash)) == 0;
}

static void wire_write(struct ls_keyset *s, uint32_t i, const struct ls_ws_key *key)
{
    struct ls_writer w =
        ls_writer_init(s->wire + (size_t)i * LS_WS_KEY_SIZE, (size_t)LS_WS_KEY_SIZE);
    ls_put_u64(&w, key->hash.lo);
    ls_put_u64(&w, key->hash.hi);
    ls_put_u8(&w, key->type);
    ls_put_u8(&w, key->depth);
    ls_put_u16(&w, 0);
}

enum ls_rc ls_keyset_init(struct ls_keyset *s)
{
    *s = (struct ls_keyset){.cap = LS_KEYSET_SCAN};
    s->wire = malloc((size_t)s->cap * LS_WS_KEY_SIZE);
    return s->wire != NULL ? LS_OK : LS_E_NOMEM;
}

void ls_keyset_free(struct ls_keyset *s)
{
    free(s->wire);
    free(s->table);
}

void ls_keyset_reset(struct ls_keyset *s)
{
    bool table_used = s->count > LS_KEYSET_SCAN;

    s->count = 0;
    if ((size_t)s->cap * LS_WS_KEY_SIZE > LS_KEYSET_KEEP_BYTES) {
        size_t cap = LS_KEYSET_KEEP_BYTES / LS_WS_KEY_SIZE;
        uint8_t *wire = realloc(s->wire, cap * LS_WS_KEY_SIZE);
        if (wire != NULL) { /* else the large one stays: no harm */
            s->wire = wire;
            s->cap = (uint32_t)cap;
        }
    }
    if (s->table_size * sizeof(*s->table) > LS_KEYSET_KEEP_BYTES) {
        free(s->table);
        s->table = NULL;
        s->table_size = 0;
    } else if (table_used) {
        memset(s->table, 0, s->table_size * sizeof(*s->table));
    }
}

static void table_put(struct ls_keyset *s, uint32_t i)
{
    uint32_t mask = s->table_size - 1;
    uint32_t slot = (uint32_t)wire_lo(s, i) & mask;

    while (s->table[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    s->table[slot] = i + 1;
}

/* Makes the table hold at least twice `count` positions, and all entries that are there. */
static enum ls_rc table_grow(struct ls_keyset *s, uint32_t count)
{
    uint64_t size = s->table_size > 0 ? s->table_size : 8 * LS_KEYSET_SCAN;
    uint32_t *table;

    while (size < 2 * (uint64_t)count) {
        size *= 2;
    }
    if (size != s->table_size) {
        table = calloc(size, sizeof(*table));
        if (table == NULL) {
            return LS_E_NOMEM;
        }
        free(s->table);
        s->table = table;
        s->table_size = (uint32_t)size;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        table_put(s, i);
    }
    return LS_OK;
}

/* Position of the entry, or -1. */
static int64_t find(const struct ls_keyset *s, const struct ls_hash128 *hash)
{
    if (s->count <= LS_KEYSET_SCAN) {
        for (uint32_t i = 0; i < s->count; i++) {
            if (wire_equal(s, i, hash)) {
                return i;
            }
        }
        return -1;
    }
    uint32_t mask = s->table_size - 1;
    for (uint32_t slot = (uint32_t)hash->lo & mask; s->table[slot] != 0; slot = (slot + 1) & mask) {
        if (wire_equal(s, s->table[slot] - 1, hash)) {
            return s->table[slot] - 1;
        }
    }
    return -1;
}

static enum ls_rc make_room(struct ls_keyset *s)
{
    if (s->count == s->cap) {
        uint64_t cap = (uint64_t)s->cap * 2;
        uint8_t *wire = realloc(s->wire, cap * LS_WS_KEY_SIZE);
        if (wire == NULL) {
            return LS_E_NOMEM;
        }
        s->wire = wire;
        s->cap = (uint32_t)cap;
    }
    /* The table comes into use with the entry after LS_KEYSET_SCAN; it is empty until then. */
    if (s->count == LS_KEYSET_SCAN ||
        (s->count > LS_KEYSET_SCAN && 2 * ((uint64_t)s->count + 1) > s->table_size)) {
        return table_grow(s, s->count + 1);
    }
    return LS_OK;
}

enum ls_rc ls_keyset_add(struct ls_keyset *s, const struct ls_ws_key *key, uint64_t max_count)
{
    int64_t at = find(s, &key->hash);
    enum ls_rc rc;

    LS_ASSERT(key->type <= LS_KEY_EXCLUSIVE);
    if (at >= 0) {
        uint8_t *type = s->wire + (size_t)at * LS_WS_KEY_SIZE + sizeof(key->hash);
        if (*type < key->type) {
            *type = key->type;
        }
        return LS_OK;
    }
    if (s->count >= max_count) {
        return LS_E_TOOBIG;
    }
    rc = make_room(s);
    if (rc != LS_OK) {
        return rc;
    }
    wire_write(s, s->count, key);
    s->count++;
    if (s->count > LS_KEYSET_SCAN) {
        table_put(s, s->count - 1);
    }
    return LS_OK;
}
