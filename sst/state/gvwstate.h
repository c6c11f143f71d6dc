/* gvwstate.dat: the members of the current primary view, for people and tools.
 *
 * Written for each primary view and removed by a graceful leave, so that a file left over tells of
 * a crash. Lockstep itself does not read it: who this node is and whom it waits for stand with the
 * log (gcomm/log/identity.h). */
#ifndef LS_STATE_GVWSTATE_H
#define LS_STATE_GVWSTATE_H

#include "gcomm/core/config.h"
#include "wsrep/base/error.h"

/* Replaces dir/gvwstate.dat. me: own member id. */
enum ls_rc ls_gvwstate_write(const char *dir, const struct ls_config *config,
                             const struct ls_uuid *me, struct ls_error *err);
/* LS_OK as well when there is none. */
enum ls_rc ls_gvwstate_remove(const char *dir, struct ls_error *err);

#endif
