/* The keys of a write-set under construction: wire form in one buffer, each entry once.
 *
 * Up to LS_KEYSET_SCAN entries a repeated one is found by looking at all of them; from there on by
 * a small open-addressing table of positions. */
#ifndef LS_WRITESET_KEYSET_H
#define LS_WRITESET_KEYSET_H

#include "wsrep/writeset/writeset.h"

#define LS_KEYSET_SCAN 16u
/* Memory that a reset keeps, for each of the builder's buffers. */
#define LS_KEYSET_KEEP_BYTES (64u * 1024u)

struct ls_keyset {
    uint8_t *wire;
    uint32_t count;
    uint32_t cap;        /* entries that fit in wire, never below LS_KEYSET_SCAN */
    uint32_t *table;     /* position + 1 of an entry, 0: free; NULL until needed */
    uint32_t table_size; /* a power of two, at least twice the count */
};

enum ls_rc ls_keyset_init(struct ls_keyset *s);
void ls_keyset_free(struct ls_keyset *s);
void ls_keyset_reset(struct ls_keyset *s);

/* Adds the entry unless the set would grow over max_count (LS_E_TOOBIG), or raises the type of the
 * one that is there. */
enum ls_rc ls_keyset_add(struct ls_keyset *s, const struct ls_ws_key *key, uint64_t max_count);

/* What a key without parts hashes to, and every other key starts from. */
struct ls_hash128 ls_key_hash_root(void);
/* The hash of a key that is one part longer. */
struct ls_hash128 ls_key_hash_next(struct ls_hash128 prefix, const void *part, size_t len);

#endif
