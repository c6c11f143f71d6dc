/* The command line and the configuration file of lockstep-health. */
#ifndef LS_HEALTH_COMMAND_H
#define LS_HEALTH_COMMAND_H

#include "plugin/health/health.h"

struct ls_health_command {
    struct ls_health_options health;
    char *listen, *disabled_file;
    char *socket; /* of the server; NULL with a host: TCP */
    char *host;   /* "host[:port]" */
    char *user;
    char *password_file; /* NULL: no password */
    char *config, *log;
};

/* Defaults, then the file that --config names, then the command line. Prints help or version and
 * ends with 0 when asked for them; errors of the command line end the process with 1. */
enum ls_rc ls_health_command_read(struct ls_health_command *c, int argc, char **argv,
                                  struct ls_error *err);
void ls_health_command_free(struct ls_health_command *c);

#endif
