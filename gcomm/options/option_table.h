/* Every option that the provider knows: Galera's names and defaults, then our own. */
#ifndef LS_OPTIONS_OPTION_TABLE_H
#define LS_OPTIONS_OPTION_TABLE_H

#include "wsrep/base/options.h"

extern const struct ls_option_def ls_provider_option_defs[];
extern const size_t ls_provider_option_count;

#endif
