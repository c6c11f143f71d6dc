/* The exported symbols of the shared object (provider.map), apart from the loader's own. */
#ifndef LS_PROVIDER_SERVICES_H
#define LS_PROVIDER_SERVICES_H

#include "wsrep/api/wsrep_api.h"

#define LS_EXPORT __attribute__((visibility("default")))

extern LS_EXPORT const char *const wsrep_interface_version;
LS_EXPORT int wsrep_loader(wsrep_t *self);

LS_EXPORT int wsrep_init_allowlist_service_v1(wsrep_allowlist_service_v1_t *service);
LS_EXPORT void wsrep_deinit_allowlist_service_v1(void);
LS_EXPORT int wsrep_init_event_service_v1(wsrep_event_service_v1_t *service);
LS_EXPORT void wsrep_deinit_event_service_v1(void);
LS_EXPORT int wsrep_init_config_service_v1(wsrep_config_service_v1_t *service);
LS_EXPORT void wsrep_deinit_config_service_v1(void);
LS_EXPORT enum wsrep_node_isolation_result
wsrep_node_isolation_mode_set_v1(enum wsrep_node_isolation_mode mode);
LS_EXPORT wsrep_status_t wsrep_certify_v1(wsrep_t *self, wsrep_conn_id_t conn,
                                          wsrep_ws_handle_t *handle, uint32_t flags,
                                          wsrep_trx_meta_t *meta, const wsrep_seq_cb_t *seq_cb);

#endif
