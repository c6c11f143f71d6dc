/* The provider that the server has loaded, found by its symbols: neither it nor the plugin is
 * linked with the other, and the server may load it later or change it. */
#ifndef LS_STATUS_PROVIDER_H
#define LS_STATUS_PROVIDER_H

#include "plugin/provider/export.h"

/* As lockstep_status_fn and lockstep_variables_fn; -1 also while no provider of ours is loaded. */
int status_read(struct lockstep_status *out);
int status_each_variable(void (*fn)(void *ctx, const char *name, const char *value), void *ctx);

#endif
