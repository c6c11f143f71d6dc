/* Configuration files of our programs: lines "option = value". Blank lines are nothing, neither is
 * what follows a # outside of quotes; quotes around a value are taken off. */
#ifndef LS_SERVICE_CONFIG_H
#define LS_SERVICE_CONFIG_H

#include "wsrep/base/error.h"

#include <stdbool.h>

/* One option of the file; a refusal ends the reading, with the line's number in the text. */
typedef enum ls_rc (*ls_service_option)(void *ctx, const char *name, const char *value,
                                        struct ls_error *err);

/* text is changed. */
enum ls_rc ls_service_config_text(char *text, ls_service_option take, void *ctx,
                                  struct ls_error *err);
enum ls_rc ls_service_config_file(const char *path, ls_service_option take, void *ctx,
                                  struct ls_error *err);

/* yes no true false on off 1 0, in any case; LS_E_INVAL names what. */
enum ls_rc ls_service_config_flag(const char *what, const char *value, bool *out,
                                  struct ls_error *err);

#endif
