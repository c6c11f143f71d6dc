#include "test/node/driver/driver.h"

/* Log-linear: 16 buckets per power of two. Within a bucket values are taken as evenly spread, so a
 * percentile is right to 6 % at worst, and two runs that differ by less do not look the same. */
static unsigned bucket_of(uint64_t us)
{
    unsigned shift = 0;

    while (us >> shift >= 32) {
        shift++;
    }
    return shift * 16 + (unsigned)(us >> shift);
}

static int64_t value_of(unsigned bucket)
{
    unsigned shift = bucket < 32 ? 0 : bucket / 16 - 1;

    return (int64_t)(bucket - shift * 16) << shift;
}

void histogram_add(struct histogram *h, int64_t us)
{
    unsigned b = bucket_of(us > 0 ? (uint64_t)us : 0);

    h->buckets[b < 1024 ? b : 1023]++;
    h->count++;
    h->sum_us += (uint64_t)(us > 0 ? us : 0);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < 1024; i++) {
        into->buckets[i] += from->buckets[i];
    }
    into->count += from->count;
    into->sum_us += from->sum_us;
}

int64_t histogram_percentile_us(const struct histogram *h, double percent)
{
    double wanted = (double)h->count * percent / 100.0;
    uint64_t seen = 0;

    for (unsigned i = 0; i < 1024; i++) {
        uint64_t here = h->buckets[i];
        if (here > 0 && (double)(seen + here) >= wanted) {
            int64_t low = value_of(i), width = value_of(i + 1) - low;
            return low + (int64_t)((double)width * (wanted - (double)seen) / (double)here);
        }
        seen += here;
    }
    return 0;
}
