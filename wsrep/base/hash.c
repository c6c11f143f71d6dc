#define XXH_INLINE_ALL
#include "wsrep/base/hash.h"

#include <xxhash.h>

uint64_t ls_hash64(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}

uint64_t ls_hash64_seeded(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}

struct ls_hash128 ls_hash128_of(const void *data, size_t len)
{
    XXH128_hash_t h = XXH3_128bits(data, len);
    return (struct ls_hash128){.lo = h.low64, .hi = h.high64};
}

struct ls_hash128 ls_hash128_seeded(const void *data, size_t len, uint64_t seed)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(data, len, seed);
    return (struct ls_hash128){.lo = h.low64, .hi = h.high64};
}

uint64_t ls_hash64_pieces(const struct ls_piece *pieces, size_t count)
{
    XXH3_state_t state;

    if (count == 1) {
        return ls_hash64(pieces[0].data, pieces[0].len);
    }
    XXH3_64bits_reset(&state);
    for (size_t i = 0; i < count; i++) {
        XXH3_64bits_update(&state, pieces[i].data, pieces[i].len);
    }
    return XXH3_64bits_digest(&state);
}
