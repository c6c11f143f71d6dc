/* Counters by name, a bounded number of names: what comes after them is counted as "other". */
#ifndef LS_PROVIDER_TALLY_H
#define LS_PROVIDER_TALLY_H

#include "wsrep/os/thread.h"

#include <stddef.h>
#include <stdint.h>

#define LS_TALLY_NAMES 20 /* a status variable shows 2,048 bytes */
#define LS_TALLY_NAME_SIZE 132

struct ls_tally {
    ls_mutex lock;
    uint32_t count;
    uint64_t other;
    struct {
        uint64_t n;
        char name[LS_TALLY_NAME_SIZE];
    } names[LS_TALLY_NAMES];
};

void ls_tally_init(struct ls_tally *t);
void ls_tally_destroy(struct ls_tally *t);
/* "": not known, counted as other. Any thread. */
void ls_tally_add(struct ls_tally *t, const char *name);
/* fn for each name with a count, the other ones as "other"; it must not call into this module. */
void ls_tally_each(struct ls_tally *t, void (*fn)(void *ctx, const char *name, uint64_t n),
                   void *ctx);

#endif
