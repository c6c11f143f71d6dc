/* What goes wrong, and when it ends. Never more than the promises allow: a majority of the voters'
 * disks survives, and somebody is left to join. */
#ifndef LS_SIM_FAULT_H
#define LS_SIM_FAULT_H

#include "test/sim/world.h"

void ls_fault_init(struct ls_world *w);
/* When the next fault, or the end of one, is due. */
int64_t ls_fault_due(const struct ls_world *w);
void ls_fault_turn(struct ls_world *w);
/* Ends everything that is wrong; stopped processes start soon. */
void ls_fault_heal(struct ls_world *w);

/* A voter lost its disk and is not replaced yet: more must not go wrong than the promises allow. */
bool ls_fault_disk_is_lost(const struct ls_world *w);

#endif
