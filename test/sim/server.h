/* What stands above the engine: delivery in order, certification, applying, state transfer. The
 * functions called while actions are performed only note things; ls_server_turn() does the work. */
#ifndef LS_SIM_SERVER_H
#define LS_SIM_SERVER_H

#include "test/sim/world.h"

void ls_server_start(struct ls_node *n);
void ls_server_stop(struct ls_node *n);
/* From actions. */
void ls_server_reset(struct ls_node *n, const struct ls_log_pos *base);
void ls_server_welcome(struct ls_node *n, const struct ls_action *a);
void ls_server_commit(struct ls_node *n, uint64_t index);
void ls_server_nonprimary(struct ls_node *n);

/* Delivers, applies, transfers what is due; feeds the core. */
void ls_server_turn(struct ls_node *n);
int64_t ls_server_due(const struct ls_node *n);
/* Brings srv.db to what is applied by now. */
void ls_server_apply(struct ls_node *n);
/* May clients write here? */
bool ls_server_ready(const struct ls_node *n);

#endif
