#include "wsrep/os/clock.h"

#include "wsrep/base/assert.h"

#include <sys/random.h>
#include <time.h>

int64_t ls_clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t ls_clock_us(void)
{
    return ls_clock_ns() / 1000;
}

int64_t ls_clock_wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t ls_os_random(void)
{
    uint64_t v;
    /* Eight bytes never come short once the pool is initialised (getrandom(2)). */
    ssize_t n = getrandom(&v, sizeof(v), 0);
    LS_ASSERT(n == (ssize_t)sizeof(v));
    return v;
}
