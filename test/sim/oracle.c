#include "test/sim/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ls_oracle_init(struct ls_oracle *o)
{
    memset(o, 0, sizeof(*o));
}

void ls_oracle_free(struct ls_oracle *o)
{
    free(o->order);
    free(o->subs);
    free(o->by_sub);
    free(o->by_payload);
    memset(o, 0, sizeof(*o));
}

void ls_oracle_fail(struct ls_oracle *o, const char *fmt, ...)
{
    va_list ap;

    if (o->failed) {
        return;
    }
    o->failed = true;
    va_start(ap, fmt);
    vsnprintf(o->text, sizeof(o->text), fmt, ap);
    va_end(ap);
}
