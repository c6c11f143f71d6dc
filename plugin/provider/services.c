/* What the server finds in the shared object beside the loader (contract 1.9). These live as long
 * as the process, not as long as a provider. */
#include "plugin/provider/services.h"

#include "plugin/provider/provider.h"

#include <stdio.h>
#include <string.h>

/* The server's variable of this name. Other processes that load us have none. */
extern char wsrep_gtid_mode __attribute__((weak));

/* The server's own way to its service manager (libsystemd), where it was built with one. */
extern int sd_notify(int unset_environment, const char *state) __attribute__((weak));

static struct {
    _Atomic(wsrep_allowlist_service_v1_t *) allowlist;
    _Atomic(wsrep_event_service_v1_t *) event;
    _Atomic(struct ls_engine *) engine; /* what isolation cuts off */
    _Atomic bool isolated;
    wsrep_allowlist_service_v1_t allowlist_copy;
    wsrep_event_service_v1_t event_copy;
} services;

bool ls_services_gtid_mode(void)
{
    return &wsrep_gtid_mode != NULL && wsrep_gtid_mode != 0;
}

void ls_services_tell_manager(const char *status)
{
    char text[LS_WAITING_TEXT_SIZE + 16];

    if (sd_notify != NULL) {
        snprintf(text, sizeof(text), "STATUS=%s", status);
        sd_notify(0, text);
    }
}

int wsrep_init_allowlist_service_v1(wsrep_allowlist_service_v1_t *service)
{
    services.allowlist_copy = *service;
    atomic_store(&services.allowlist, &services.allowlist_copy);
    return 0;
}

void wsrep_deinit_allowlist_service_v1(void)
{
    atomic_store(&services.allowlist, NULL);
}

bool ls_services_allow(void *ctx, const char *address)
{
    wsrep_allowlist_service_v1_t *s = atomic_load(&services.allowlist);

    if (s == NULL || s->allowlist_cb == NULL) {
        return true;
    }
    /* The server reads the text up to its NUL and takes the bare address. */
    wsrep_buf_t value = {.ptr = address, .len = strlen(address)};
    return s->allowlist_cb(s->context, WSREP_ALLOWLIST_KEY_IP, &value) == WSREP_OK;
}

int wsrep_init_event_service_v1(wsrep_event_service_v1_t *service)
{
    services.event_copy = *service;
    atomic_store(&services.event, &services.event_copy);
    return 0;
}

void wsrep_deinit_event_service_v1(void)
{
    atomic_store(&services.event, NULL);
}

void ls_services_event(const char *name, const char *value)
{
    wsrep_event_service_v1_t *s = atomic_load(&services.event);

    if (s != NULL && s->event_cb != NULL) {
        s->event_cb(s->context, name, value);
    }
}

/* May run inside a signal handler of a dying process (trap 11): atomics and nothing else. */
enum wsrep_node_isolation_result
wsrep_node_isolation_mode_set_v1(enum wsrep_node_isolation_mode mode)
{
    if (mode != WSREP_NODE_ISOLATION_NOT_ISOLATED && mode != WSREP_NODE_ISOLATION_ISOLATED &&
        mode != WSREP_NODE_ISOLATION_FORCE_DISCONNECT) {
        return WSREP_NODE_ISOLATION_INVALID_VALUE;
    }
    bool on = mode != WSREP_NODE_ISOLATION_NOT_ISOLATED;
    struct ls_engine *e = atomic_load(&services.engine);
    atomic_store(&services.isolated, on);
    if (e != NULL) {
        ls_engine_isolate(e, on);
    }
    return WSREP_NODE_ISOLATION_SUCCESS;
}

void ls_services_set_engine(struct ls_engine *e)
{
    atomic_store(&services.engine, e);
    if (e != NULL && atomic_load(&services.isolated)) {
        ls_engine_isolate(e, true);
    }
}

wsrep_status_t wsrep_certify_v1(wsrep_t *self, wsrep_conn_id_t conn, wsrep_ws_handle_t *handle,
                                uint32_t flags, wsrep_trx_meta_t *meta,
                                const wsrep_seq_cb_t *seq_cb)
{
    return ls_provider_certify_v1(self, conn, handle, flags, meta, seq_cb);
}

/* ---- options as typed parameters ---- */

struct parameter_call {
    wsrep_get_parameters_cb_t callback;
    void *context;
    wsrep_status_t rc;
};

static void fill_value(wsrep_parameter_t *out, const struct ls_option_def *def, const char *value)
{
    bool b;
    int64_t i;
    double d;

    out->value.as_string = value != NULL ? value : "";
    if (def->type == LS_OPT_BOOL && value != NULL && ls_option_parse_bool(value, &b)) {
        out->flags |= WSREP_PARAM_TYPE_BOOL;
        out->value.as_bool = b;
    } else if (def->type == LS_OPT_INT && value != NULL && ls_option_parse_int(value, &i)) {
        out->flags |= WSREP_PARAM_TYPE_INTEGER;
        out->value.as_integer = i;
    } else if (def->type == LS_OPT_DOUBLE && value != NULL && ls_option_parse_double(value, &d)) {
        out->flags |= WSREP_PARAM_TYPE_DOUBLE;
        out->value.as_double = d;
    }
}

static bool give_parameter(void *ctx, const struct ls_option_def *def, const char *value)
{
    struct parameter_call *call = ctx;
    wsrep_parameter_t out = {.name = def->name};

    if ((def->flags & LS_OPT_HIDDEN) != 0) {
        return true;
    }
    if ((def->flags & (LS_OPT_DYNAMIC | LS_OPT_TRIGGER)) == 0) {
        out.flags |= WSREP_PARAM_READONLY;
    }
    fill_value(&out, def, value);
    call->rc = call->callback(&out, call->context);
    return call->rc == WSREP_OK;
}

static wsrep_status_t get_parameters(wsrep_t *self, wsrep_get_parameters_cb_t callback,
                                     void *context)
{
    struct parameter_call call = {.callback = callback, .context = context, .rc = WSREP_OK};

    ls_provider_options_each(ls_provider_of(self)->options, give_parameter, &call);
    return call.rc;
}

int wsrep_init_config_service_v1(wsrep_config_service_v1_t *service)
{
    service->get_parameters = get_parameters;
    return 0;
}

void wsrep_deinit_config_service_v1(void)
{
}
