#include "plugin/status/endpoint.h"

#include "plugin/status/provider.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define CONNECTIONS 256

static struct ls_health *health;

static void add_variable(void *ctx, const char *name, const char *value)
{
    char full[100];

    snprintf(full, sizeof(full), "wsrep_%s", name);
    ls_health_sample_add(ctx, full, value);
}

/* Variables of the server itself; a server that does not export one of them is asked less. */
static void add_server(struct ls_health_sample *out)
{
    static const char *const flags[] = {"read_only", "wsrep_sst_donor_rejects_queries"};
    static const char *const rejects[] = {"NONE", "ALL", "ALL_KILL"}; /* the variable's values */
    const unsigned long *reject = dlsym(RTLD_DEFAULT, "wsrep_reject_queries");
    void *symbol = dlsym(RTLD_DEFAULT, "_Z15wsrep_ready_getv"); /* wsrep_ready_get() */
    char (*ready)(void) = NULL;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        const char *flag = dlsym(RTLD_DEFAULT, flags[i]);

        if (flag != NULL) {
            ls_health_sample_add(out, flags[i], *flag ? "ON" : "OFF");
        }
    }
    if (reject != NULL && *reject < sizeof(rejects) / sizeof(rejects[0])) {
        ls_health_sample_add(out, "wsrep_reject_queries", rejects[*reject]);
    }
    if (symbol != NULL) {
        memcpy(&ready, &symbol, sizeof(symbol));
        ls_health_sample_add(out, "wsrep_ready", ready() ? "ON" : "OFF");
    } else {
        ls_health_sample_add(out, "wsrep_ready",
                             ls_health_sample_number(out, "wsrep_local_state", 0) >= 2 ? "ON"
                                                                                       : "OFF");
    }
}

/* What the server itself would show under a name of wsrep, and the provider knows as well. */
static void add_alias(struct ls_health_sample *out, const char *name, const char *value)
{
    static const char *const aliases[][2] = {
        {"cluster_name", "wsrep_cluster_name"},
        {"cluster_size", "wsrep_cluster_size"},
        {"node_name", "wsrep_node_name"},
        {"group_uuid", "wsrep_cluster_state_uuid"},
    };

    if (strcmp(name, "primary") == 0) {
        ls_health_sample_add(out, "wsrep_cluster_status",
                             strcmp(value, "ON") == 0 ? "Primary" : "non-Primary");
    }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcmp(name, aliases[i][0]) == 0) {
            ls_health_sample_add(out, aliases[i][1], value);
        }
    }
}

static void ask(void *ctx, struct ls_health_sample *out)
{
    static __thread struct lockstep_status status;
    char name[100];

    (void)ctx;
    if (status_read(&status) != 0 || status_each_variable(add_variable, out) != 0) {
        ls_health_sample_fail(out, "this server has not loaded Lockstep's provider");
        return;
    }
    for (size_t i = 0; i < status.count; i++) {
        snprintf(name, sizeof(name), "lockstep_%s", status.vars[i].name);
        ls_health_sample_add(out, name, status.vars[i].value);
        add_alias(out, status.vars[i].name, status.vars[i].value);
    }
    add_server(out);
}

int endpoint_start(const struct endpoint_options *o, char *why, size_t why_size)
{
    struct ls_health_source source = {.ask = ask};
    struct ls_health_options options = {
        .listen = o->listen != NULL ? o->listen : "",
        .port = (uint16_t)o->port,
        .agent_port = (uint16_t)o->agent_port,
        .timeout_us = (int64_t)(o->timeout_s * 1e6),
        .policy = {.available_when_donor = o->available_when_donor != 0,
                   .available_when_read_only = o->available_when_read_only != 0,
                   .max_lag = (int64_t)o->max_lag},
        .disabled_file = o->disabled_file != NULL ? o->disabled_file : "",
        .connections = CONNECTIONS,
    };
    struct ls_error err = {.text = ""};

    if (o->port == 0) {
        return 0;
    }
    if (o->port == o->agent_port) {
        snprintf(why, why_size, "its port and its agent port are the same");
        return 1;
    }
    if (ls_health_start(&options, &source, &health, &err) != LS_OK) {
        snprintf(why, why_size, "%s", err.text);
        return 1;
    }
    return 0;
}

void endpoint_stop(void)
{
    ls_health_stop(health);
    health = NULL;
}
