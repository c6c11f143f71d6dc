/* The host of one core: what gcomm/engine is in a real node, reduced to its duties (core.h). */
#ifndef LS_SIM_HOST_H
#define LS_SIM_HOST_H

#include "test/sim/world.h"

/* Starts a process on the machine: bootstraps or joins. */
void ls_host_start(struct ls_node *n, bool bootstrap);
/* The process is gone at once. power: so is the machine, and what was not synced. */
void ls_host_crash(struct ls_node *n, bool power);
/* The process ends in order. */
void ls_host_stop(struct ls_node *n);
void ls_host_leave(struct ls_node *n);

/* The entry that the database stands at: it, and all before, are committed. Control entries behind
 * it have the same seqno in force and may not be. The log's base when it does not hold it. */
uint64_t ls_host_position(struct ls_node *n);

/* One turn of the loop at world.now, then node.due is when the next one is needed. */
void ls_host_turn(struct ls_node *n);
/* The node's own clock, as it is now. */
int64_t ls_node_clock_us(const struct ls_node *n);
/* Feeds one event and performs the actions; afterwards the process may be gone (node.running). */
void ls_host_step(struct ls_node *n, struct ls_event *ev);
/* Hands a submission over; takes the reference. Returns its id, 0 when the table is full. */
uint64_t ls_host_submit(struct ls_node *n, uint8_t type, struct ls_blob *blob, int64_t last_seen);
void ls_host_read(struct ls_node *n);
/* Its options change while it runs. */
void ls_host_set_params(struct ls_node *n, const struct ls_core_params *params);

/* Own submissions. */
struct ls_sim_sub *ls_host_find_sub(struct ls_node *n, uint64_t id);
/* Settles one (or, with fate UNKNOWN for all, every one). */
void ls_host_settle(struct ls_node *n, struct ls_sim_sub *s, enum ls_fate fate, uint64_t index);
void ls_host_settle_all(struct ls_node *n, enum ls_fate fate);
struct ls_blob *ls_host_staged(struct ls_node *n, const struct ls_sub_id *sub);

/* actions.c: performs what the last step asked for; false when the process died in the middle. */
bool ls_host_perform(struct ls_node *n);
/* Builds the message that the action sends. */
struct ls_sim_msg *ls_host_build(struct ls_node *n, const struct ls_action *a);

#endif
