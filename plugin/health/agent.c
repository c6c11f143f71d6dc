/* HAProxy's agent-check: who connects gets one line. It never says "ready", which would end the
 * maintenance that an administrator of HAProxy has set, nor "drain" and "maint", which only "ready"
 * ends. */
#include "plugin/health/internal.h"
#include "wsrep/base/assert.h"
#include "wsrep/os/listen.h"

#include <stdio.h>
#include <string.h>

#define BACKLOG 1024
#define TURN_MS 200
#define LINE_MAX 160

size_t ls_health_agent_line(const struct ls_health_verdict *v, char *out, size_t size)
{
    int n = v->up ? snprintf(out, size, "up 100%%\n")
                  : snprintf(out, size, "down #%.120s\n",
                             v->count > 0 ? v->reasons[v->count - 1] : "not well");

    LS_ASSERT(n > 0 && (size_t)n < size);
    return (size_t)n;
}

static void answer(struct ls_health *h, int connection)
{
    struct ls_health_sample *s = ls_health_sampler_wait(h->sampler);
    struct ls_health_verdict v;
    char line[LINE_MAX];

    ls_health_judge(s, &h->opt.policy, ls_health_is_disabled(h), &v);
    ls_health_sample_unref(s);
    ls_listen_answer(connection, line, ls_health_agent_line(&v, line, sizeof(line)));
}

static void *keep(void *arg)
{
    struct ls_health *h = arg;

    while (!atomic_load(&h->stop)) {
        int connection = ls_listen_accept(h->agent_fd, TURN_MS); /* without one it only waits */
        if (connection >= 0) {
            answer(h, connection);
        }
        ls_health_http_reap(h);
    }
    return NULL;
}

enum ls_rc ls_health_keeper_start(struct ls_health *h, struct ls_error *err)
{
    uint16_t bound;
    enum ls_rc rc = LS_OK;

    h->agent_fd = -1;
    if (h->opt.agent_port != 0) {
        rc = ls_listen_open(h->listen, h->opt.agent_port, BACKLOG, &h->agent_fd, &bound, err);
    }
    if (rc == LS_OK && !ls_thread_start(&h->keeper, "ls-health-keep", keep, h)) {
        ls_listen_close(h->agent_fd);
        rc = ls_error_set(err, LS_E_NOMEM, "the system has no thread to give");
    }
    h->keeping = rc == LS_OK;
    return rc;
}

void ls_health_keeper_stop(struct ls_health *h)
{
    if (h->keeping) {
        atomic_store(&h->stop, true);
        ls_thread_join(h->keeper);
        ls_listen_close(h->agent_fd);
        h->keeping = false;
    }
}
