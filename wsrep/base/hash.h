/* Hashes: XXH3, 64 and 128 bits. Good against accidents, not against an enemy; who is let in is
 * the business of TLS. */
#ifndef LS_BASE_HASH_H
#define LS_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ls_hash128 {
    uint64_t lo;
    uint64_t hi;
};

static inline bool ls_hash128_equal(struct ls_hash128 a, struct ls_hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

uint64_t ls_hash64(const void *data, size_t len);
/* With a secret seed, one who never sees a hash can only guess that of the bytes he chose. Seed 0
 * is none. */
uint64_t ls_hash64_seeded(const void *data, size_t len, uint64_t seed);
struct ls_hash128 ls_hash128_of(const void *data, size_t len);
struct ls_hash128 ls_hash128_seeded(const void *data, size_t len, uint64_t seed);

/* The 64-bit hash of several pieces as if they stood in one buffer. */
struct ls_piece {
    const void *data;
    size_t len;
};
uint64_t ls_hash64_pieces(const struct ls_piece *pieces, size_t count);

#endif
