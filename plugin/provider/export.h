/* What Lockstep's own plugins in the same server process (plugin/status) read from the provider: by
 * name, since neither is linked with the other. Status under names of our own: those that begin
 * with wsrep_ are Galera's, and tools compare that list. */
#ifndef LS_PROVIDER_EXPORT_H
#define LS_PROVIDER_EXPORT_H

#include <stddef.h>

#define LOCKSTEP_STATUS_SYMBOL "lockstep_status_v1"
#define LOCKSTEP_STATUS_VARS 32
#define LOCKSTEP_STATUS_TEXT 32768

struct lockstep_status {
    struct {
        const char *name; /* without a prefix; static */
        const char *value;
    } vars[LOCKSTEP_STATUS_VARS];
    size_t count;
    char text[LOCKSTEP_STATUS_TEXT]; /* the values */
};

/* Fills *out. From any thread at any time; takes short locks only. 0, or -1: no provider is in use.
 */
typedef int (*lockstep_status_fn)(struct lockstep_status *out);

/* Calls fn for each of the provider's variables under Galera's names, without the prefix wsrep_. As
 * above. */
#define LOCKSTEP_VARIABLES_SYMBOL "lockstep_variables_v1"
typedef int (*lockstep_variables_fn)(void (*fn)(void *ctx, const char *name, const char *value),
                                     void *ctx);

#endif
