/* lockstep-health: the health endpoint as a program of its own beside the server.
 *
 * Exit status: 0 after TERM or INT, 1 when it could not start. */
#include "plugin/health/command.h"
#include "plugin/health/sql_source.h"
#include "wsrep/base/log.h"
#include "wsrep/os/process.h"
#include "wsrep/os/thread.h"
#include "wsrep/service/service.h"

#include <stdio.h>

static ls_mutex lock = LS_MUTEX_STATIC;
static ls_cond changed;
static bool ending;

static void on_signal(void *ctx, enum ls_service_signal signal)
{
    if (signal == LS_SERVICE_RELOAD) {
        ls_service_log_reopen();
        return;
    }
    ls_mutex_lock(&lock);
    ending = true;
    ls_cond_signal(&changed);
    ls_mutex_unlock(&lock);
}

static void wait_for_the_end(void)
{
    ls_mutex_lock(&lock);
    while (!ending) {
        ls_cond_wait(&changed, &lock);
    }
    ls_mutex_unlock(&lock);
}

static enum ls_rc run(struct ls_health_command *c, struct ls_error *err)
{
    struct ls_sql_source *source = NULL;
    struct ls_health *health = NULL;
    enum ls_rc rc = ls_sql_source_create(c, &source, err);

    if (rc == LS_OK) {
        struct ls_health_source asked = {.ask = ls_sql_source_ask, .ctx = source};
        ls_process_raise_files();
        rc = ls_health_start(&c->health, &asked, &health, err);
    }
    if (rc == LS_OK) {
        ls_info("lockstep-health %s on port %u, agent-check on port %u, server at %s", LS_VERSION,
                (unsigned)c->health.port, (unsigned)c->health.agent_port,
                c->host != NULL ? c->host : c->socket);
        ls_service_notify("READY=1");
        wait_for_the_end();
        ls_service_notify("STOPPING=1");
    }
    ls_health_stop(health);
    ls_sql_source_destroy(source);
    return rc;
}

int main(int argc, char **argv)
{
    struct ls_health_command c;
    struct ls_error err = {0};
    enum ls_rc rc;

    ls_cond_init(&changed);
    ls_service_log_file(NULL, NULL);
    rc = ls_health_command_read(&c, argc, argv, &err);
    if (rc == LS_OK && c.log != NULL) {
        rc = ls_service_log_file(c.log, &err);
    }
    if (rc == LS_OK) {
        rc = ls_service_signals_start(on_signal, NULL, &err);
    }
    if (rc == LS_OK) {
        rc = run(&c, &err);
    }
    if (rc != LS_OK) {
        ls_error_log("%s", err.text);
        if (c.log != NULL) {
            fprintf(stderr, "lockstep-health: %s\n", err.text);
        }
    }
    ls_health_command_free(&c);
    return rc == LS_OK ? 0 : 1;
}
