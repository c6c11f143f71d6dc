#include "plugin/provider/tally.h"

#include <stdio.h>
#include <string.h>

void ls_tally_init(struct ls_tally *t)
{
    memset(t, 0, sizeof(*t));
    ls_mutex_init(&t->lock);
}

void ls_tally_destroy(struct ls_tally *t)
{
    ls_mutex_destroy(&t->lock);
}

void ls_tally_add(struct ls_tally *t, const char *name)
{
    uint32_t i = 0;

    ls_mutex_lock(&t->lock);
    while (i < t->count && strcmp(t->names[i].name, name) != 0) {
        i++;
    }
    if (name[0] == '\0' || i == LS_TALLY_NAMES) {
        t->other++;
    } else {
        if (i == t->count) {
            t->count++;
            t->names[i].n = 0;
            snprintf(t->names[i].name, LS_TALLY_NAME_SIZE, "%s", name);
        }
        t->names[i].n++;
    }
    ls_mutex_unlock(&t->lock);
}

void ls_tally_each(struct ls_tally *t, void (*fn)(void *ctx, const char *name, uint64_t n),
                   void *ctx)
{
    ls_mutex_lock(&t->lock);
    for (uint32_t i = 0; i < t->count; i++) {
        fn(ctx, t->names[i].name, t->names[i].n);
    }
    if (t->other > 0) {
        fn(ctx, "other", t->other);
    }
    ls_mutex_unlock(&t->lock);
}
