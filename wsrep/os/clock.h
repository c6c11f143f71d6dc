/* Monotonic time, the only clock in the house besides the date in a log line. */
#ifndef LS_OS_CLOCK_H
#define LS_OS_CLOCK_H

#include <stdint.h>

/* Microseconds of CLOCK_MONOTONIC. */
int64_t ls_clock_us(void);
int64_t ls_clock_ns(void);

/* Milliseconds since 1970, for names and reports only. */
int64_t ls_clock_wall_ms(void);

/* 64 bits from the kernel's generator: seeds and identities. */
uint64_t ls_os_random(void);

#endif
