/* What the files of plugin/health share. */
#ifndef LS_HEALTH_INTERNAL_H
#define LS_HEALTH_INTERNAL_H

#include "plugin/health/health.h"
#include "wsrep/os/thread.h"

#include <stdatomic.h>

struct MHD_Daemon;

struct ls_health {
    struct ls_health_options opt;
    char *listen, *disabled_file;
    struct ls_health_sampler *sampler;
    struct MHD_Daemon *http;
    int http_fd, agent_fd;
    atomic_bool stop;
    ls_thread keeper; /* agent.c */
    bool keeping;
    ls_mutex lock; /* guards the list of connections */
    struct connection *oldest, *newest;
    unsigned open;
};

bool ls_health_is_disabled(const struct ls_health *h);

/* pages.c: bodies from malloc; NULL: no memory. */
enum ls_health_page {
    LS_HEALTH_CHECK = 1, /* as clustercheck */
    LS_HEALTH_WRITER,
    LS_HEALTH_REPLICA,
    LS_HEALTH_REPORT, /* JSON */
    LS_HEALTH_METRICS,
};
struct ls_health_reply {
    unsigned status; /* of HTTP */
    const char *type;
    char *body;
    size_t size;
};
void ls_health_render(const struct ls_health *h, enum ls_health_page page, bool donor_warns,
                      const struct ls_health_sample *s, struct ls_health_reply *out);

/* agent.c: what HAProxy's agent-check is told. */
size_t ls_health_agent_line(const struct ls_health_verdict *v, char *out, size_t size);

/* http.c */
enum ls_rc ls_health_http_start(struct ls_health *h, struct ls_error *err);
void ls_health_http_stop(struct ls_health *h);
/* Ends connections that have been open for longer than any honest one. */
void ls_health_http_reap(struct ls_health *h);

/* agent.c: the thread that answers agent-checks and reaps. */
enum ls_rc ls_health_keeper_start(struct ls_health *h, struct ls_error *err);
void ls_health_keeper_stop(struct ls_health *h);

#endif
