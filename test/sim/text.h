/* Events and actions as text, for traces that people read and compare. */
#ifndef LS_SIM_TEXT_H
#define LS_SIM_TEXT_H

#include "gcomm/core/core.h"

/* Short name of a node, valid until the next call or longer. */
typedef const char *(*ls_text_name)(void *ctx, const struct ls_uuid *id);

/* One line without newline, always terminated. */
void ls_text_event(char *out, size_t size, const struct ls_event *ev, ls_text_name name, void *ctx);
void ls_text_action(char *out, size_t size, const struct ls_action *a, ls_text_name name,
                    void *ctx);
const char *ls_text_role(uint8_t role);
const char *ls_text_entry_type(uint8_t type);

#endif
