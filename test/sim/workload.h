/* What clients do on each node: write-sets in bursts, some big, and reads. */
#ifndef LS_SIM_WORKLOAD_H
#define LS_SIM_WORKLOAD_H

#include "test/sim/world.h"

void ls_workload_turn(struct ls_node *n);
int64_t ls_workload_due(const struct ls_node *n);
/* A write-set unlike all others; the caller's reference. */
struct ls_blob *ls_workload_make(struct ls_world *w, int64_t last_seen, bool big);

#endif
