/* The binary interface against the layout measured on a stock server (x86-64). Everything is known
 * at compile time: that this file compiles is the test; the program only says so. */
#include "wsrep/api/wsrep_api.h"

#include <stdio.h>

#define SIZE(type, n) _Static_assert(sizeof(type) == (n), "size of " #type)
#define AT(type, member, n) _Static_assert(offsetof(type, member) == (n), #type "." #member)
#define SLOT(member, n)                                                                            \
    AT(wsrep_t, member, n);                                                                        \
    _Static_assert(sizeof(((wsrep_t *)0)->member) == 8, #member)
#define VALUE(name, n) _Static_assert((name) == (n), #name)

SIZE(wsrep_bool_t, 1);
SIZE(wsrep_uuid_t, 16);
SIZE(wsrep_gtid_t, 24);
AT(wsrep_gtid_t, uuid, 0);
AT(wsrep_gtid_t, seqno, 16);
SIZE(wsrep_stid_t, 32);
AT(wsrep_stid_t, node, 0);
AT(wsrep_stid_t, trx, 16);
AT(wsrep_stid_t, conn, 24);
SIZE(wsrep_trx_meta_t, 64);
AT(wsrep_trx_meta_t, gtid, 0);
AT(wsrep_trx_meta_t, stid, 24);
AT(wsrep_trx_meta_t, depends_on, 56);
SIZE(wsrep_buf_t, 16);
AT(wsrep_buf_t, len, 8);
SIZE(wsrep_ws_handle_t, 16);
AT(wsrep_ws_handle_t, opaque, 8);
SIZE(wsrep_key_t, 16);
AT(wsrep_key_t, key_parts_num, 8);
SIZE(wsrep_po_handle_t, 8);
SIZE(wsrep_member_info_t, 304);
AT(wsrep_member_info_t, name, 16);
AT(wsrep_member_info_t, incoming, 48);
SIZE(wsrep_view_info_t, 360);
AT(wsrep_view_info_t, state_id, 0);
AT(wsrep_view_info_t, view, 24);
AT(wsrep_view_info_t, status, 32);
AT(wsrep_view_info_t, capabilities, 36);
AT(wsrep_view_info_t, my_idx, 40);
AT(wsrep_view_info_t, memb_num, 44);
AT(wsrep_view_info_t, proto_ver, 48);
AT(wsrep_view_info_t, members, 56);
SIZE(struct wsrep_stats_var, 24);
AT(struct wsrep_stats_var, type, 8);
AT(struct wsrep_stats_var, value, 16);
SIZE(wsrep_enc_key_t, 16);
SIZE(wsrep_enc_iv_t, 32);
SIZE(wsrep_enc_ctx_t, 24);
AT(wsrep_enc_ctx_t, iv, 8);
AT(wsrep_enc_ctx_t, ctx, 16);
SIZE(wsrep_seq_cb_t, 16);
AT(wsrep_seq_cb_t, fn, 8);

SIZE(struct wsrep_init_args, 144);
AT(struct wsrep_init_args, app_ctx, 0);
AT(struct wsrep_init_args, node_name, 8);
AT(struct wsrep_init_args, node_address, 16);
AT(struct wsrep_init_args, node_incoming, 24);
AT(struct wsrep_init_args, data_dir, 32);
AT(struct wsrep_init_args, options, 40);
AT(struct wsrep_init_args, proto_ver, 48);
AT(struct wsrep_init_args, state_id, 56);
AT(struct wsrep_init_args, state, 64);
AT(struct wsrep_init_args, logger_cb, 72);
AT(struct wsrep_init_args, connected_cb, 80);
AT(struct wsrep_init_args, view_cb, 88);
AT(struct wsrep_init_args, sst_request_cb, 96);
AT(struct wsrep_init_args, encrypt_cb, 104);
AT(struct wsrep_init_args, apply_cb, 112);
AT(struct wsrep_init_args, unordered_cb, 120);
AT(struct wsrep_init_args, sst_donate_cb, 128);
AT(struct wsrep_init_args, synced_cb, 136);

SIZE(wsrep_t, 360);
SLOT(version, 0);
SLOT(init, 8);
SLOT(capabilities, 16);
SLOT(options_set, 24);
SLOT(options_get, 32);
SLOT(enc_set_key, 40);
SLOT(connect, 48);
SLOT(disconnect, 56);
SLOT(recv, 64);
SLOT(assign_read_view, 72);
SLOT(certify, 80);
SLOT(commit_order_enter, 88);
SLOT(commit_order_leave, 96);
SLOT(release, 104);
SLOT(replay_trx, 112);
SLOT(abort_certification, 120);
SLOT(rollback, 128);
SLOT(append_key, 136);
SLOT(append_data, 144);
SLOT(sync_wait, 152);
SLOT(last_committed_id, 160);
SLOT(free_connection, 168);
SLOT(to_execute_start, 176);
SLOT(to_execute_end, 184);
SLOT(preordered_collect, 192);
SLOT(preordered_commit, 200);
SLOT(sst_sent, 208);
SLOT(sst_received, 216);
SLOT(snapshot, 224);
SLOT(stats_get, 232);
SLOT(stats_free, 240);
SLOT(stats_reset, 248);
SLOT(pause, 256);
SLOT(resume, 264);
SLOT(desync, 272);
SLOT(resync, 280);
SLOT(lock, 288);
SLOT(unlock, 296);
SLOT(is_locked, 304);
SLOT(provider_name, 312);
SLOT(provider_version, 320);
SLOT(provider_vendor, 328);
SLOT(free, 336);
SLOT(dlh, 344);
SLOT(ctx, 352);

SIZE(wsrep_allowlist_service_v1_t, 16);
AT(wsrep_allowlist_service_v1_t, context, 8);
SIZE(wsrep_event_service_v1_t, 16);
AT(wsrep_event_service_v1_t, context, 8);
SIZE(wsrep_parameter_t, 24);
AT(wsrep_parameter_t, name, 8);
AT(wsrep_parameter_t, value, 16);
SIZE(wsrep_config_service_v1_t, 8);

/* Enums are ints in the calls, and the last value of each tells that none was left out. */
SIZE(wsrep_status_t, 4);
VALUE(WSREP_NOT_ALLOWED, 10);
VALUE(WSREP_BF_ABORT, 4);
VALUE(WSREP_CB_FAILURE, 1);
VALUE(WSREP_LOG_DEBUG, 4);
VALUE(WSREP_MEMBER_MAX, 6);
VALUE(WSREP_MEMBER_DONOR, 2);
VALUE(WSREP_VIEW_MAX, 3);
VALUE(WSREP_KEY_EXCLUSIVE, 3);
VALUE(WSREP_DATA_ANNOTATION, 2);
VALUE(WSREP_VAR_DOUBLE, 2);
VALUE(WSREP_DEC, 1);
VALUE(WSREP_FLAG_IMPLICIT_DEPS, 0x200);
VALUE(WSREP_CAP_NBO, 1 << 17);
VALUE(WSREP_CAP_STREAMING, 1 << 15);
VALUE(WSREP_CAP_INCREMENTAL_WRITESET, 1 << 8);

int main(void)
{
    printf("wsrep interface %s: layout checked at compile time\n", WSREP_INTERFACE_VERSION);
    return 0;
}
