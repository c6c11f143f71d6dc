/* Samples of a server by SQL: one connection that is kept, MariaDB Connector/C. The account needs
 * no privilege at all: what is asked for is shown to everybody who may connect. */
#ifndef LS_HEALTH_SQL_SOURCE_H
#define LS_HEALTH_SQL_SOURCE_H

#include "plugin/health/command.h"

struct ls_sql_source;

/* The password file is read at each connection, so a changed one needs no restart. c must outlive
 * it. */
enum ls_rc ls_sql_source_create(const struct ls_health_command *c, struct ls_sql_source **out,
                                struct ls_error *err);
void ls_sql_source_destroy(struct ls_sql_source *s);

/* struct ls_health_source's function; ctx is the source. */
void ls_sql_source_ask(void *ctx, struct ls_health_sample *out);

#endif
