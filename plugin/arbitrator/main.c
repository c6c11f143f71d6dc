/* lockstep-arbitrator, also called garbd: a member that votes and holds no data (rule 15).
 *
 * Exit status: 0 after TERM or INT (or when the state transfer that was asked for is complete), 1
 * when it could not start, was shut out, or can no longer keep what it acknowledged. */
#include "gcomm/options/cluster_url.h"
#include "gcomm/options/engine_options.h"
#include "plugin/arbitrator/command.h"
#include "plugin/arbitrator/member.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/service/service.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DIR "/var/lib/lockstep"
#define HIGHEST_PROTOCOL 127 /* never the lowest one of the group */

struct arbitrator {
    struct ls_arbitrator_command command;
    struct ls_cluster_url url;
    struct ls_provider_options *options;
    struct ls_provider_settings settings;
    char *dir;
    struct ls_engine *engine;
    struct ls_arbitrator_member member;
};

/* Read by the signal thread; one arbitrator a process. */
static _Atomic(struct ls_engine *) running;
static atomic_bool ending;

static void on_signal(void *ctx, enum ls_service_signal signal)
{
    struct ls_engine *e = atomic_load(&running);
    struct ls_error err = {0};
    const struct arbitrator *a = ctx;

    if (signal == LS_SERVICE_END) {
        ls_info("Asked to end: leaving the cluster");
        ls_service_notify("STOPPING=1");
        atomic_store(&ending, true);
        if (e != NULL) {
            ls_engine_leave(e);
        }
        return;
    }
    ls_service_log_reopen();
    if (e != NULL && a->settings.tls && ls_engine_reload_tls(e, &err) != LS_OK) {
        ls_warn("The certificates are not read again: %s", err.text);
    } else {
        ls_info("Read again: log file%s", a->settings.tls ? ", certificates" : "");
    }
}

/* ---- start ---- */

/* Each cluster has a directory of its own below the default one, so that one machine can be the
 * arbitrator of several. */
static enum ls_rc choose_dir(struct arbitrator *a, struct ls_error *err)
{
    const char *base = getenv("STATE_DIRECTORY"); /* systemd's StateDirectory= */
    char *path = NULL;
    enum ls_rc rc;

    if (a->command.workdir != NULL) {
        path = strdup(a->command.workdir);
    } else if (asprintf(&path, "%s/%s", base != NULL && base[0] != '\0' ? base : DEFAULT_DIR,
                        a->command.group) >= 0) {
        for (char *p = path + strlen(path) - strlen(a->command.group); *p != '\0'; p++) {
            *p = *p == '/' ? '_' : *p;
        }
    } else {
        path = NULL;
    }
    if (path != NULL && a->command.sst != NULL) { /* a guest has nothing to keep */
        char *guest = NULL;
        if (asprintf(&guest, "%s/sst", path) < 0) {
            guest = NULL;
        }
        free(path);
        path = guest;
    }
    a->dir = path != NULL ? ls_service_absolute(path) : NULL;
    free(path);
    if (a->dir == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a path");
    }
    rc = ls_service_own_dir(a->dir, err);
    if (rc != LS_OK) {
        return ls_error_wrap(err, rc,
                             "an arbitrator keeps its vote and the latest write-sets on disk; give "
                             "it a directory with --workdir");
    }
    return LS_OK;
}

static enum ls_rc read_command(struct arbitrator *a, struct ls_error *err)
{
    enum ls_rc rc = ls_arbitrator_config_file(&a->command, err);

    if (rc == LS_OK) {
        rc = ls_arbitrator_command_check(&a->command, err);
    }
    if (rc == LS_OK) {
        rc = ls_cluster_url_parse(a->command.address, &a->url, err);
    }
    if (rc == LS_OK && a->url.count == 0) {
        rc = ls_error_set(err, LS_E_INVAL,
                          "the address '%.200s' names nobody: an arbitrator joins a cluster, it "
                          "cannot found one",
                          a->command.address);
    }
    if (rc == LS_OK && a->command.log != NULL) {
        char *path = ls_service_absolute(a->command.log);
        if (path != NULL) {
            free(a->command.log);
            a->command.log = path;
        }
        rc = ls_service_log_file(a->command.log, err);
    }
    return rc;
}

static enum ls_rc read_options(struct arbitrator *a, struct ls_error *err)
{
    enum ls_rc rc = ls_provider_options_create(a->dir, NULL, &a->options, err);

    if (rc == LS_OK) {
        rc = ls_provider_options_load(a->options, a->command.options, err);
    }
    if (rc == LS_OK) {
        rc = ls_provider_options_load_url(a->options, a->url.options, err);
    }
    if (rc == LS_OK) {
        ls_provider_options_get(a->options, &a->settings);
    }
    return rc;
}

static void once_a_second(void *ctx)
{
    const struct arbitrator *a = ctx;

    ls_engine_wake(a->engine);
}

static enum ls_rc join_cluster(struct arbitrator *a, struct ls_error *err)
{
    struct ls_engine_options o;
    struct ls_engine_state state = {.position = {.seqno = LS_SEQNO_UNDEFINED},
                                    .discard = a->command.sst != NULL};
    const char *peers[LS_URL_MAX_PEERS];
    enum ls_rc rc;

    ls_settings_fill_engine(&a->settings, &o);
    o.cluster_name = a->command.group;
    o.node_name = a->command.name;
    o.incoming = "";
    o.proto_app = HIGHEST_PROTOCOL;
    o.no_data = 1;
    o.weight = a->command.sst != NULL ? 0 : o.weight;
    o.recv_queue_limit = UINT32_MAX; /* it applies nothing, so nobody waits for it */
    o.chore = once_a_second;
    o.chore_ctx = a;
    rc = ls_engine_create(&o, &state, &a->engine, err);
    if (rc != LS_OK) {
        return rc;
    }
    ls_arbitrator_member_init(&a->member, a->engine);
    a->member.sst = a->command.sst;
    a->member.donors = a->command.donor;
    for (size_t i = 0; i < a->url.count; i++) {
        peers[i] = a->url.peers[i];
    }
    rc = ls_engine_connect(a->engine, peers, a->url.count, false, false, err);
    if (rc == LS_OK) {
        atomic_store(&running, a->engine);
    }
    return rc;
}

static bool told_to_end(void *ctx)
{
    return atomic_load(&ending);
}

/* ---- life ---- */

static void tell_status(const struct arbitrator *a, char last[sizeof(a->member.status)])
{
    char line[sizeof(a->member.status) + 16];

    if (strcmp(last, a->member.status) != 0) {
        strcpy(last, a->member.status);
        snprintf(line, sizeof(line), "STATUS=%s", a->member.status);
        ls_service_notify(line);
    }
}

/* Until the stream ends. */
static int serve(struct arbitrator *a)
{
    struct ls_stream_event ev;
    char last[sizeof(a->member.status)] = "";
    bool more = true, leaving = false;

    while (more) {
        enum ls_rc rc = ls_engine_next(a->engine, &ev);
        if (rc == LS_OK) {
            more = ls_arbitrator_member_take(&a->member, &ev);
        } else if (rc != LS_E_INTERRUPTED) {
            break;
        }
        ls_arbitrator_member_tend(&a->member);
        if (a->member.sst_over && !leaving) {
            leaving = true;
            ls_engine_leave(a->engine);
        }
        tell_status(a, last);
    }
    if (a->member.sst_over) {
        return a->member.sst_result == LS_OK ? 0 : 1;
    }
    return atomic_load(&ending) ? 0 : 1;
}

static int run(struct arbitrator *a, struct ls_error *err)
{
    enum ls_rc rc = ls_service_signals_start(on_signal, a, err);

    if (rc == LS_OK) {
        rc = read_options(a, err);
    }
    if (rc == LS_OK) {
        rc = join_cluster(a, err);
    }
    if (rc != LS_OK) {
        return 1;
    }
    if (a->command.daemon && a->command.log == NULL) {
        ls_service_log_syslog("garbd");
    }
    ls_service_background_ready();
    ls_service_notify("READY=1\nSTATUS=looking for the cluster");
    rc = ls_settings_wait_primary(&a->settings, a->engine, told_to_end, a, err);
    return rc == LS_OK || told_to_end(a) ? serve(a) : 1;
}

static void clean_up(struct arbitrator *a)
{
    atomic_store(&running, NULL);
    ls_engine_destroy(a->engine);
    ls_provider_options_destroy(a->options);
    ls_arbitrator_command_free(&a->command);
    free(a->dir);
}

int main(int argc, char **argv)
{
    static struct arbitrator a;
    struct ls_error err = {0};
    enum ls_rc rc;
    int status = 1;

    ls_service_log_file(NULL, NULL);
    ls_arbitrator_command_line(&a.command, argc, argv);
    rc = read_command(&a, &err);
    if (rc == LS_OK) {
        ls_info("Lockstep arbitrator %s: '%s' for the cluster '%s' at %s", LS_VERSION,
                a.command.name, a.command.group, a.command.address);
        rc = choose_dir(&a, &err);
    }
    if (rc == LS_OK && a.command.daemon) {
        rc = ls_service_background(a.dir, &err);
    }
    if (rc == LS_OK) {
        status = run(&a, &err);
    }
    if (err.code != LS_OK && status != 0) {
        ls_error_log("%s", err.text);
        if (a.command.log != NULL) {
            fprintf(stderr, "%s: %s\n", "lockstep-arbitrator", err.text);
        }
    }
    clean_up(&a);
    return status;
}
