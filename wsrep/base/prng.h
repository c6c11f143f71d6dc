/* A seeded generator (xoshiro256**, Blackman and Vigna 2018): the only source of randomness in pure
 * code, so that a simulation replays exactly. Not for secrets. */
#ifndef LS_BASE_PRNG_H
#define LS_BASE_PRNG_H

#include <stdint.h>

struct ls_prng {
    uint64_t s[4];
};

void ls_prng_seed(struct ls_prng *p, uint64_t seed);
uint64_t ls_prng_next(struct ls_prng *p);

/* Uniform in [0, bound); bound must be above 0. */
uint64_t ls_prng_below(struct ls_prng *p, uint64_t bound);

/* True with probability num/den. */
static inline int ls_prng_chance(struct ls_prng *p, uint64_t num, uint64_t den)
{
    return ls_prng_below(p, den) < num;
}

#endif
