/* Options changed on a running node: those that change the group, and those that the engine must
 * hear of. */
#include "gcomm/options/engine_options.h"
#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/file.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT_WAIT_US 2000000

static bool has_weight(struct ls_provider *p, uint8_t weight)
{
    const struct ls_member *m = ls_config_find(&p->config, &p->self);

    return m == NULL || m->weight == weight || atomic_load(&p->phase) <= LS_PHASE_OPEN;
}

/* The status is to show the weight when the statement has returned. Where the group cannot take it
 * in time, it does so later. */
static enum ls_rc change_weight(struct ls_provider *p, struct ls_engine *e, struct ls_error *err)
{
    int64_t deadline_us = ls_clock_us() + WEIGHT_WAIT_US;
    uint8_t weight = p->settings.weight;
    enum ls_rc rc = ls_engine_set_weight(e, weight, err);

    ls_mutex_lock(&p->lock);
    while (rc == LS_OK && !has_weight(p, weight) &&
           ls_cond_wait_until(&p->changed, &p->lock, deadline_us)) {
    }
    ls_mutex_unlock(&p->lock);
    return rc;
}

static enum ls_rc change_peer(struct ls_engine *e, const char *value, struct ls_error *err)
{
    const char *addr = value + 4; /* behind "add:" or "del:", as was checked */
    const char *scheme = strstr(addr, "://");

    return ls_engine_change_peer(e, scheme != NULL ? scheme + 3 : addr, value[0] == 'a', err);
}

static enum ls_rc evict(struct ls_engine *e, const char *value, struct ls_error *err)
{
    struct ls_uuid id = ls_uuid_zero;

    if (value[0] != '\0') {
        ls_uuid_parse(value, &id); /* was checked */
    }
    return ls_engine_evict(e, &id, err);
}

static enum ls_rc bootstrap(struct ls_engine *e, const char *value, struct ls_error *err)
{
    bool on = false;

    return ls_option_parse_bool(value, &on) && on ? ls_engine_reform(e, err) : LS_OK;
}

/* FLUSH SSL sends it, too, to every node that shows the option. */
static enum ls_rc reload_tls(struct ls_engine *e, const char *value, struct ls_error *err)
{
    bool on = false;
    enum ls_rc rc = LS_OK;

    if (ls_option_parse_bool(value, &on) && on) {
        rc = ls_engine_reload_tls(e, err);
        if (rc == LS_OK) {
            ls_info("certificates and key were read again, for connections from now on");
        }
    }
    return rc;
}

void ls_change_fill_params(const struct ls_provider *p, struct ls_core_params *params)
{
    ls_settings_fill_params(&p->settings, params);
    params->unwilling = p->unwilling;
}

static enum ls_rc tell_engine(struct ls_provider *p, struct ls_engine *e, const char *name,
                              const char *value, struct ls_error *err)
{
    struct ls_core_params params;

    if (strcmp(name, "pc.bootstrap") == 0) {
        return bootstrap(e, value, err);
    }
    if (strcmp(name, "pc.weight") == 0) {
        return change_weight(p, e, err);
    }
    if (strcmp(name, "gmcast.peer_addr") == 0) {
        return change_peer(e, value, err);
    }
    if (strcmp(name, "evs.evict") == 0) {
        return evict(e, value, err);
    }
    if (strcmp(name, "gmcast.isolate") == 0) {
        ls_engine_isolate(e, strcmp(value, "0") != 0);
        return LS_OK;
    }
    if (strcmp(name, "socket.ssl_reload") == 0) {
        return reload_tls(e, value, err);
    }
    /* under the lock, or what ls_change_watch_willing() tells at this moment could come out first
     */
    ls_mutex_lock(&p->lock);
    ls_change_fill_params(p, &params);
    ls_engine_set_params(e, &params);
    ls_mutex_unlock(&p->lock);
    ls_engine_want_applied(e, p->settings.ack_applied);
    return LS_OK;
}

/* The server's own, exported for its plugins; no symbol in a process that is no server. */
extern const char server_read_only __asm__("read_only") __attribute__((weak));

void ls_change_watch_willing(struct ls_provider *p)
{
    char file[LS_SETTING_PATH_SIZE];
    struct ls_core_params params;
    struct ls_engine *e;
    bool now;

    ls_mutex_lock(&p->lock);
    memcpy(file, p->settings.disabled_file, sizeof(file));
    ls_mutex_unlock(&p->lock);
    now = (&server_read_only != NULL && server_read_only != 0) ||
          (file[0] != '\0' && ls_file_exists(file));
    if (now == p->unwilling) {
        return;
    }
    e = ls_provider_use_engine(p);
    ls_mutex_lock(&p->lock);
    p->unwilling = now;
    if (e != NULL) {
        ls_change_fill_params(p, &params);
        ls_engine_set_params(e, &params);
    }
    ls_mutex_unlock(&p->lock);
    if (e != NULL) {
        ls_provider_drop_engine(p);
    }
}

enum ls_rc ls_change_option(void *ctx, const char *name, const char *value, struct ls_error *err)
{
    struct ls_provider *p = ctx;
    struct ls_engine *e;
    enum ls_rc rc = LS_OK;

    ls_provider_take_settings(p);
    ls_control_update_flow(p);
    e = ls_provider_use_engine(p);
    if (e != NULL) {
        rc = tell_engine(p, e, name, value, err);
        ls_provider_drop_engine(p);
    }
    return rc;
}
