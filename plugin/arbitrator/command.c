#include "plugin/arbitrator/command.h"

#include "wsrep/base/assert.h"
#include "wsrep/service/config.h"

#include <argp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_GROUP "my_test_cluster"
#define DEFAULT_NAME "garb"

const char *argp_program_version = "Lockstep arbitrator " LS_VERSION;

static const struct argp_option options[] = {
    {"address", 'a', "URL", 0, "The cluster: gcomm://host[:port],... (required)", 0},
    {"group", 'g', "NAME", 0, "Name of the cluster, as wsrep_cluster_name; " DEFAULT_GROUP, 0},
    {"name", 'n', "NAME", 0, "Name of this member; " DEFAULT_NAME, 0},
    {"options", 'o', "LIST", 0, "Options as in wsrep_provider_options", 0},
    {"log", 'l', "FILE", 0, "Log file, opened anew on SIGHUP; else stderr, as a daemon syslog", 0},
    {"workdir", 'w', "DIR", 0,
     "Where the vote and the log are kept; $STATE_DIRECTORY/<group> or /var/lib/lockstep/<group>",
     0},
    {"daemon", 'd', NULL, 0, "Go to the background once it runs", 0},
    {"cfg", 'c', "FILE", 0, "File with lines \"option = value\"; the command line wins", 0},
    {"sst", 's', "REQUEST", 0,
     "Ask a donor to run wsrep_sst_<method> for method:address, wait for its end and leave", 0},
    {"donor", 'D', "NAMES", 0, "Who is to do that, in this order", 0},
    {"version", 'v', NULL, 0, "Print the version", 0},
    {"help", 'h', NULL, 0, "Print this", 0},
    {0},
};

static char **text_of(struct ls_arbitrator_command *c, int key)
{
    switch (key) {
    case 'a':
        return &c->address;
    case 'g':
        return &c->group;
    case 'n':
        return &c->name;
    case 'o':
        return &c->options;
    case 'l':
        return &c->log;
    case 'w':
        return &c->workdir;
    case 'c':
        return &c->cfg;
    case 's':
        return &c->sst;
    case 'D':
        return &c->donor;
    default:
        return NULL;
    }
}

static void keep(char **at, const char *value)
{
    free(*at);
    *at = strdup(value);
    LS_ASSERT(*at != NULL);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct ls_arbitrator_command *c = state->input;
    char **at = text_of(c, key);

    if (at != NULL) {
        keep(at, arg);
        return 0;
    }
    switch (key) {
    case 'd':
        c->daemon = true;
        return 0;
    case 'v':
        printf("%s\n", argp_program_version);
        exit(0);
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case ARGP_KEY_ARG:
        if (c->address != NULL) {
            argp_error(state, "'%s' is too much: the address of the cluster was given", arg);
        }
        keep(&c->address, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void ls_arbitrator_command_line(struct ls_arbitrator_command *c, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[URL]",
        "A member of a Lockstep cluster that votes and holds no data: the third one for two "
        "servers.",
        NULL,
        NULL,
        NULL};

    argp_err_exit_status = 1;
    argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, c);
}

/* ---- configuration file ---- */

static int key_of(const char *name)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return options[i].key;
        }
    }
    return 0;
}

static enum ls_rc take_option(void *ctx, const char *name, const char *value, struct ls_error *err)
{
    struct ls_arbitrator_command *c = ctx;
    int key = key_of(name);
    char **at = key == 'c' ? NULL : text_of(c, key);
    bool on = false;

    if (key == 'd') {
        enum ls_rc rc = ls_service_config_flag(name, value, &on, err);
        c->daemon |= on;
        return rc;
    }
    if (at == NULL) {
        return ls_error_set(err, LS_E_INVAL, "there is no option '%.80s' for this file", name);
    }
    if (*at == NULL) {
        keep(at, value);
    }
    return LS_OK;
}

enum ls_rc ls_arbitrator_config_text(struct ls_arbitrator_command *c, char *text,
                                     struct ls_error *err)
{
    return ls_service_config_text(text, take_option, c, err);
}

enum ls_rc ls_arbitrator_config_file(struct ls_arbitrator_command *c, struct ls_error *err)
{
    return c->cfg == NULL ? LS_OK : ls_service_config_file(c->cfg, take_option, c, err);
}

/* ---- the whole ---- */

static enum ls_rc check_name(const char *what, const char *value, size_t limit,
                             struct ls_error *err)
{
    if (value[0] == '\0' || strlen(value) > limit) {
        return ls_error_set(err, LS_E_INVAL, "%s must have 1 to %zu bytes", what, limit);
    }
    return LS_OK;
}

enum ls_rc ls_arbitrator_command_check(struct ls_arbitrator_command *c, struct ls_error *err)
{
    enum ls_rc rc;

    if (c->address == NULL || c->address[0] == '\0') {
        return ls_error_set(err, LS_E_INVAL,
                            "no address of the cluster: give --address gcomm://host1,host2");
    }
    if (c->group == NULL) {
        keep(&c->group, DEFAULT_GROUP);
    }
    if (c->name == NULL) {
        keep(&c->name, DEFAULT_NAME);
    }
    if (c->options == NULL) {
        keep(&c->options, "");
    }
    rc = check_name("the group", c->group, 255, err);
    if (rc == LS_OK) {
        rc = check_name("the name", c->name, 31, err);
    }
    if (rc == LS_OK && c->donor != NULL && c->sst == NULL) {
        rc = ls_error_set(err, LS_E_INVAL, "--donor without --sst: nothing is asked of a donor");
    }
    if (rc == LS_OK && c->sst != NULL) {
        rc = check_name("the request of a state transfer", c->sst, 4096, err);
    }
    return rc;
}

void ls_arbitrator_command_free(struct ls_arbitrator_command *c)
{
    char *texts[] = {c->address, c->group, c->name, c->options, c->log,
                     c->workdir, c->cfg,   c->sst,  c->donor};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free(texts[i]);
    }
    memset(c, 0, sizeof(*c));
}
