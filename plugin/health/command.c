#include "plugin/health/command.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/disabled.h"
#include "wsrep/base/options.h"
#include "wsrep/service/config.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/mysqld/mysqld.sock"
#define DEFAULT_USER "lockstep_health"
#define CONNECTIONS 1024

const char *argp_program_version = "lockstep-health " LS_VERSION;

/* Keys above 255: no short form. */
enum {
    KEY_AGENT = 300,
    KEY_LISTEN,
    KEY_SOCKET,
    KEY_HOST,
    KEY_PASSWORD,
    KEY_TIMEOUT,
    KEY_DONOR,
    KEY_READ_ONLY,
    KEY_DISABLED,
    KEY_LAG,
    KEY_LOG,
};

static const struct argp_option options[] = {
    {"port", 'p', "PORT", 0, "HTTP; 9200", 0},
    {"agent-port", KEY_AGENT, "PORT", 0, "HAProxy's agent-check; 9201, 0: none", 0},
    {"listen", KEY_LISTEN, "ADDRESS", 0, "Address to listen on; all", 0},
    {"socket", KEY_SOCKET, "FILE", 0, "Socket of the server; " DEFAULT_SOCKET, 0},
    {"host", KEY_HOST, "HOST[:PORT]", 0, "The server by TCP instead", 0},
    {"user", 'u', "NAME", 0, "Account at the server; " DEFAULT_USER, 0},
    {"password-file", KEY_PASSWORD, "FILE", 0, "Its first line is the password; none", 0},
    {"config", 'c', "FILE", 0, "File with lines \"option = value\"; the command line wins", 0},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "A server that has not answered by then is down; 1", 0},
    {"available-when-donor", KEY_DONOR, "YES|NO", OPTION_ARG_OPTIONAL,
     "A donor, or a desynced node, is up; no", 0},
    {"available-when-read-only", KEY_READ_ONLY, "YES|NO", OPTION_ARG_OPTIONAL,
     "A server with read_only is up; no", 0},
    {"disabled-file", KEY_DISABLED, "FILE", 0,
     "While it is there this server is down; " LS_DISABLED_FILE, 0},
    {"max-lag", KEY_LAG, "N", 0, "With more write-sets than this in the receive queue it is down",
     0},
    {"log", KEY_LOG, "FILE", 0, "Log file, opened anew on SIGHUP; stderr", 0},
    {"version", 'V', NULL, 0, "Print the version", 0},
    {"help", 'h', NULL, 0, "Print this", 0},
    {0},
};

static void keep(char **at, const char *value)
{
    free(*at);
    *at = strdup(value);
    LS_ASSERT(*at != NULL);
}

static enum ls_rc take_number(const char *name, const char *value, int64_t low, int64_t high,
                              int64_t *out, struct ls_error *err)
{
    char *end;

    errno = 0;
    *out = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || *out < low || *out > high) {
        return ls_error_set(err, LS_E_INVAL, "--%s: '%.40s' is no number from %lld to %lld", name,
                            value, (long long)low, (long long)high);
    }
    return LS_OK;
}

static enum ls_rc take_port(const char *name, const char *value, int64_t low, uint16_t *out,
                            struct ls_error *err)
{
    int64_t port;
    enum ls_rc rc = take_number(name, value, low, 65535, &port, err);

    if (rc == LS_OK) {
        *out = (uint16_t)port;
    }
    return rc;
}

static enum ls_rc take_timeout(const char *value, int64_t *out, struct ls_error *err)
{
    char *end;
    double seconds = strtod(value, &end);

    if (end == value || *end != '\0' || !(seconds >= 0.1 && seconds <= 60)) {
        return ls_error_set(err, LS_E_INVAL, "--timeout: '%.40s' is no time from 0.1 to 60 seconds",
                            value);
    }
    *out = (int64_t)(seconds * 1e6);
    return LS_OK;
}

static enum ls_rc take(struct ls_health_command *c, int key, const char *name, const char *value,
                       struct ls_error *err)
{
    value = value != NULL ? value : "yes";
    switch (key) {
    case 'p':
        return take_port(name, value, 1, &c->health.port, err);
    case KEY_AGENT:
        return take_port(name, value, 0, &c->health.agent_port, err);
    case KEY_TIMEOUT:
        return take_timeout(value, &c->health.timeout_us, err);
    case KEY_DONOR:
        return ls_service_config_flag(name, value, &c->health.policy.available_when_donor, err);
    case KEY_READ_ONLY:
        return ls_service_config_flag(name, value, &c->health.policy.available_when_read_only, err);
    case KEY_LAG:
        return take_number(name, value, 0, INT64_MAX, &c->health.policy.max_lag, err);
    case KEY_LISTEN:
        keep(&c->listen, value);
        return LS_OK;
    case KEY_SOCKET:
        keep(&c->socket, value);
        return LS_OK;
    case KEY_HOST:
        keep(&c->host, value);
        return LS_OK;
    case 'u':
        keep(&c->user, value);
        return LS_OK;
    case KEY_PASSWORD:
        keep(&c->password_file, value);
        return LS_OK;
    case KEY_DISABLED:
        keep(&c->disabled_file, value);
        return LS_OK;
    case KEY_LOG:
        keep(&c->log, value);
        return LS_OK;
    default:
        return ls_error_set(err, LS_E_INVAL, "there is no option '%.80s' for this file", name);
    }
}

static const struct argp_option *option_of(int key, const char *name)
{
    for (const struct argp_option *o = options; o->name != NULL; o++) {
        if (name != NULL ? strcmp(o->name, name) == 0 : o->key == key) {
            return o;
        }
    }
    return NULL;
}

static enum ls_rc take_line(void *ctx, const char *name, const char *value, struct ls_error *err)
{
    const struct argp_option *o = option_of(0, name);

    return take(ctx, o != NULL && o->key != 'c' ? o->key : 0, name, value, err);
}

/* Twice over the same command line: first for --config alone, since the file comes before the rest.
 */
struct pass {
    struct ls_health_command *command;
    bool config_only;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct pass *pass = state->input;
    const struct argp_option *o = option_of(key, NULL);
    struct ls_error err = {0};

    switch (key) {
    case 'V':
        printf("%s\n", argp_program_version);
        exit(0);
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case 'c':
        keep(&pass->command->config, arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is no option", arg);
        return EINVAL;
    default:
        if (o == NULL) {
            return ARGP_ERR_UNKNOWN;
        }
        if (!pass->config_only && take(pass->command, key, o->name, arg, &err) != LS_OK) {
            argp_error(state, "%s", err.text);
        }
        return 0;
    }
}

enum ls_rc ls_health_command_read(struct ls_health_command *c, int argc, char **argv,
                                  struct ls_error *err)
{
    static const struct argp argp = {
        options,
        parse,
        NULL,
        "Tells load balancers, Prometheus and people how a MariaDB server with Lockstep is.",
        NULL,
        NULL,
        NULL};
    struct pass pass = {.command = c, .config_only = true};
    enum ls_rc rc = LS_OK;

    memset(c, 0, sizeof(*c));
    c->health = (struct ls_health_options){.port = LS_HEALTH_PORT,
                                           .agent_port = LS_HEALTH_AGENT_PORT,
                                           .timeout_us = 1000000,
                                           .connections = CONNECTIONS};
    keep(&c->listen, "");
    keep(&c->disabled_file, LS_DISABLED_FILE);
    keep(&c->user, DEFAULT_USER);
    argp_err_exit_status = 1;
    argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &pass);
    if (c->config != NULL) {
        rc = ls_service_config_file(c->config, take_line, c, err);
    }
    if (rc == LS_OK) {
        pass.config_only = false;
        argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &pass);
    }
    if (rc == LS_OK && c->socket != NULL && c->host != NULL) {
        rc = ls_error_set(err, LS_E_INVAL, "--socket and --host: give one of them");
    }
    if (rc == LS_OK && c->health.port == c->health.agent_port) {
        rc = ls_error_set(err, LS_E_INVAL, "--port and --agent-port are the same");
    }
    if (c->socket == NULL && c->host == NULL) {
        keep(&c->socket, DEFAULT_SOCKET);
    }
    c->health.listen = c->listen;
    c->health.disabled_file = c->disabled_file;
    return rc;
}

void ls_health_command_free(struct ls_health_command *c)
{
    char *texts[] = {c->listen, c->disabled_file, c->socket, c->host,
                     c->user,   c->password_file, c->config, c->log};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free(texts[i]);
    }
    memset(c, 0, sizeof(*c));
}
