/* wsrep_loader: fills the function table. The server hands it over unzeroed (trap 1). */
#include "plugin/provider/provider.h"
#include "plugin/provider/services.h"

#include "wsrep/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const wsrep_interface_version = WSREP_INTERFACE_VERSION;

static wsrep_cap_t capabilities(wsrep_t *self)
{
    return LS_CAPABILITIES;
}

static wsrep_status_t options_set(wsrep_t *self, const char *conf)
{
    struct ls_error err = {0};

    if (ls_provider_options_set(ls_provider_of(self)->options, conf, &err) != LS_OK) {
        ls_error_log("%s", err.text); /* the server tells a person no more than "returned 7" */
        return WSREP_NODE_FAIL;
    }
    return WSREP_OK;
}

static char *options_get(wsrep_t *self)
{
    return ls_provider_options_format(ls_provider_of(self)->options);
}

/* ---- what MariaDB 10.11 never calls, or what a later version brings ---- */

static wsrep_status_t enc_set_key(wsrep_t *self, const wsrep_enc_key_t *key)
{
    return WSREP_NOT_IMPLEMENTED;
}

static wsrep_status_t assign_read_view(wsrep_t *self, wsrep_ws_handle_t *handle,
                                       const wsrep_gtid_t *view)
{
    return WSREP_NOT_IMPLEMENTED;
}

static wsrep_status_t rollback(wsrep_t *self, wsrep_trx_id_t trx, const wsrep_buf_t *data)
{
    return WSREP_NOT_IMPLEMENTED; /* of streaming transactions, which are refused in certify */
}

static wsrep_status_t free_connection(wsrep_t *self, wsrep_conn_id_t conn)
{
    return WSREP_OK;
}

static wsrep_status_t preordered_collect(wsrep_t *self, wsrep_po_handle_t *handle,
                                         const wsrep_buf_t *data, size_t count, wsrep_bool_t copy)
{
    return WSREP_NOT_IMPLEMENTED;
}

static wsrep_status_t preordered_commit(wsrep_t *self, wsrep_po_handle_t *handle,
                                        const wsrep_uuid_t *source, uint32_t flags, int pa_range,
                                        wsrep_bool_t commit)
{
    return WSREP_NOT_IMPLEMENTED;
}

static wsrep_status_t snapshot(wsrep_t *self, const wsrep_buf_t *msg, const char *donor_spec)
{
    return WSREP_NOT_IMPLEMENTED;
}

static wsrep_status_t lock(wsrep_t *self, const char *name, wsrep_bool_t shared, uint64_t owner,
                           int64_t timeout)
{
    return WSREP_NOT_IMPLEMENTED;
}

static wsrep_status_t unlock(wsrep_t *self, const char *name, uint64_t owner)
{
    return WSREP_OK;
}

static wsrep_bool_t is_locked(wsrep_t *self, const char *name, uint64_t *conn, wsrep_uuid_t *node)
{
    return false;
}

static const wsrep_t table = {
    .version = WSREP_INTERFACE_VERSION,
    .init = ls_provider_init,
    .capabilities = capabilities,
    .options_set = options_set,
    .options_get = options_get,
    .enc_set_key = enc_set_key,
    .connect = ls_provider_connect,
    .disconnect = ls_provider_disconnect,
    .recv = ls_provider_recv,
    .assign_read_view = assign_read_view,
    .certify = ls_provider_certify,
    .commit_order_enter = ls_provider_commit_order_enter,
    .commit_order_leave = ls_provider_commit_order_leave,
    .release = ls_provider_release,
    .replay_trx = ls_provider_replay,
    .abort_certification = ls_provider_abort_certification,
    .rollback = rollback,
    .append_key = ls_provider_append_key,
    .append_data = ls_provider_append_data,
    .sync_wait = ls_provider_sync_wait,
    .last_committed_id = ls_provider_last_committed_id,
    .free_connection = free_connection,
    .to_execute_start = ls_provider_toi_start,
    .to_execute_end = ls_provider_toi_end,
    .preordered_collect = preordered_collect,
    .preordered_commit = preordered_commit,
    .sst_sent = ls_provider_sst_sent,
    .sst_received = ls_provider_sst_received,
    .snapshot = snapshot,
    .stats_get = ls_provider_stats_get,
    .stats_free = ls_provider_stats_free,
    .stats_reset = ls_provider_stats_reset,
    .pause = ls_provider_pause,
    .resume = ls_provider_resume,
    .desync = ls_provider_desync,
    .resync = ls_provider_resync,
    .lock = lock,
    .unlock = unlock,
    .is_locked = is_locked,
    .provider_name = "Lockstep",
    /* The server's suites read a.b.c and ask for Galera's 26.4.x: the interface we keep up with. */
    .provider_version = "26.4.23(Lockstep " LS_VERSION ")",
    .provider_vendor = "Lockstep project",
    .free = ls_provider_free,
};

int wsrep_loader(wsrep_t *self)
{
    if (self == NULL) {
        return EINVAL;
    }
    *self = table;
    self->ctx = calloc(1, sizeof(struct ls_provider));
    return self->ctx != NULL ? 0 : ENOMEM;
}
