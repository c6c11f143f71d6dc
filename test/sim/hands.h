/* What people do to a group, and what they have to: weights changed while it runs, a database lost
 * beside a log that is whole, most of the disks lost and the rest told to go on. */
#ifndef LS_SIM_HANDS_H
#define LS_SIM_HANDS_H

#include "test/sim/world.h"

/* Nothing is wrong anywhere. */
bool ls_hands_all_well(const struct ls_world *w);
/* Somebody changes an option of a node that runs. */
void ls_hands_change_options(struct ls_world *w);
void ls_hands_reweigh(struct ls_world *w);
void ls_hands_lose_database(struct ls_world *w);
void ls_hands_lose_majority(struct ls_world *w);
/* After a lost majority: when somebody comes to help; LS_SIM_NEVER when nobody need. */
void ls_hands_help(struct ls_world *w);

#endif
