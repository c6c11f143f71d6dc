/* The health endpoint: HTTP for load balancers, people and Prometheus, and HAProxy's agent-check.
 *
 * One code for the daemon (plugin/health/main.c) and for the server's plugin (plugin/status): they
 * differ in where a sample comes from. */
#ifndef LS_HEALTH_HEALTH_H
#define LS_HEALTH_HEALTH_H

#include "plugin/health/sampler.h"
#include "plugin/health/verdict.h"

#define LS_HEALTH_PORT 9200
#define LS_HEALTH_AGENT_PORT 9201

struct ls_health;

struct ls_health_options {
    const char *listen;  /* address; "" for all */
    uint16_t port;       /* of HTTP */
    uint16_t agent_port; /* 0: no agent-check */
    int64_t timeout_us;  /* a server that has not answered by then is not well */
    struct ls_health_policy policy;
    const char *disabled_file; /* "": none. While it is there this server is out of rotation */
    unsigned connections;      /* at once; the rest waits in the listening socket */
};

/* Strings are copied. LS_E_EXISTS and kin name the port. */
enum ls_rc ls_health_start(const struct ls_health_options *options,
                           const struct ls_health_source *source, struct ls_health **out,
                           struct ls_error *err);
/* Answers who waits, closes everything. NULL is allowed. */
void ls_health_stop(struct ls_health *h);

#endif
