/* The command line of the arbitrator, and its configuration file: garbd's. */
#ifndef LS_ARBITRATOR_COMMAND_H
#define LS_ARBITRATOR_COMMAND_H

#include "wsrep/base/error.h"

#include <stdbool.h>

struct ls_arbitrator_command {
    char *address; /* gcomm://host:port,... */
    char *group;
    char *name;
    char *options;
    char *log;     /* NULL: stderr, or syslog as a daemon */
    char *workdir; /* as given; NULL: the default */
    char *cfg;
    char *sst; /* NULL: a lasting member; else ask for this state transfer, see it through, end */
    char *donor;
    bool daemon;
};

/* Prints help or version and exits with 0 when asked for them; errors of the command line are
 * printed and end the process with 1, as garbd's do. */
void ls_arbitrator_command_line(struct ls_arbitrator_command *c, int argc, char **argv);

/* Lines "option = value", by the long names of the options; blank lines and what follows a # are
 * nothing, quotes around a value are taken off. What the command line gave stays. text: changed. */
enum ls_rc ls_arbitrator_config_text(struct ls_arbitrator_command *c, char *text,
                                     struct ls_error *err);
/* Reads c->cfg if there is one. */
enum ls_rc ls_arbitrator_config_file(struct ls_arbitrator_command *c, struct ls_error *err);

/* What is missing or cannot be; fills in the defaults. */
enum ls_rc ls_arbitrator_command_check(struct ls_arbitrator_command *c, struct ls_error *err);

void ls_arbitrator_command_free(struct ls_arbitrator_command *c);

#endif
