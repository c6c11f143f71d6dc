/* From the options of a user to those of the engine and its core. */
#ifndef LS_OPTIONS_ENGINE_OPTIONS_H
#define LS_OPTIONS_ENGINE_OPTIONS_H

#include "gcomm/engine/engine.h"
#include "gcomm/options/provider_options.h"

/* The evs.* time-outs are upper bounds of what the core finds out by itself (rule 13). */
void ls_settings_fill_params(const struct ls_provider_settings *s, struct ls_core_params *params);

/* All that follows from options; zero: the rest (names, callbacks). Strings stay the settings'. */
void ls_settings_fill_engine(const struct ls_provider_settings *s, struct ls_engine_options *o);

/* Rule 18: who was started goes on waiting for the others, and the engine says in the log for whom,
 * unless the user has set pc.wait_prim_timeout, Pacemaker waits for this start to end, or one that
 * never was a member is refused by whoever is at its addresses.
 * LS_OK at once with pc.wait_prim=no. ended is asked several times a second: true ends the wait
 * with LS_E_CLOSED. */
enum ls_rc ls_settings_wait_primary(const struct ls_provider_settings *s, struct ls_engine *e,
                                    bool (*ended)(void *ctx), void *ctx, struct ls_error *err);

#endif
