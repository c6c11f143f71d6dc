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

/* For the kinds of faults: this ends by itself after in_us. Room for n such is to be asked first.
 */
void ls_fault_undo_at(struct ls_world *w, enum ls_undo_kind kind, int a, int b, int64_t in_us);
bool ls_fault_undo_room(const struct ls_world *w, uint32_t n);
struct ls_node *ls_fault_random_node(struct ls_world *w);
/* fault_net.c */
void ls_fault_break_link(struct ls_world *w);
void ls_fault_partition(struct ls_world *w);
void ls_fault_cut_shape(struct ls_world *w);
void ls_fault_cut_one_way(struct ls_world *w);
void ls_fault_slow_link(struct ls_world *w);

/* A voter lost its disk and is not replaced yet: more must not go wrong than the promises allow. */
bool ls_fault_disk_is_lost(const struct ls_world *w);

#endif
