/* The wsrep provider interface, version 26: what MariaDB 10.11 and a provider say to each other.
 *
 * These are our own declarations of a binary interface. Names, values and byte offsets are given by
 * the server; test/unit/test_api_layout.c holds every one of them against the measured layout. LP64
 * only. What each call must do, from which thread, and what the server makes of its result is in
 * plugin/provider; this header is types and nothing else, and includes nothing of the house. */
#ifndef LS_API_WSREP_API_H
#define LS_API_WSREP_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WSREP_INTERFACE_VERSION "26"
#define WSREP_NONE "none" /* the provider name that means: load none */
#define WSREP_STATE_TRANSFER_TRIVIAL "trivial"
#define WSREP_STATE_TRANSFER_NONE "none"

/* ---- numbers and ids ---- */

typedef bool wsrep_bool_t;
typedef int64_t wsrep_seqno_t;
typedef uint64_t wsrep_trx_id_t;  /* the server's transaction id; all ones: none */
typedef uint64_t wsrep_conn_id_t; /* the client connection; all ones: none */
typedef uint32_t wsrep_cap_t;     /* set of enum wsrep_capability */

#define WSREP_SEQNO_UNDEFINED ((wsrep_seqno_t)-1)
#define WSREP_UNDEFINED_TRX_ID UINT64_MAX
#define WSREP_UNDEFINED_CONN_ID UINT64_MAX

enum {
    WSREP_UUID_STR_LEN = 36,
    WSREP_GTID_STR_LEN = 57,
    WSREP_MEMBER_NAME_LEN = 32, /* with the NUL */
    WSREP_INCOMING_LEN = 256,   /* with the NUL */
};

/* All zero: undefined. The second member is there for its alignment. */
typedef union wsrep_uuid {
    uint8_t data[16];
    size_t alignment;
} wsrep_uuid_t;

typedef struct wsrep_gtid {
    wsrep_uuid_t uuid;
    wsrep_seqno_t seqno;
} wsrep_gtid_t;

/* Where a write-set came from. (node, trx) names a streaming transaction. */
typedef struct wsrep_stid {
    wsrep_uuid_t node;
    wsrep_trx_id_t trx;
    wsrep_conn_id_t conn;
} wsrep_stid_t;

/* gtid is set if and only if a seqno was consumed. */
typedef struct wsrep_trx_meta {
    wsrep_gtid_t gtid;
    wsrep_stid_t stid;
    wsrep_seqno_t depends_on;
} wsrep_trx_meta_t;

/* ---- results and kinds ---- */

typedef enum wsrep_status {
    WSREP_OK = 0,
    WSREP_WARNING = 1,
    WSREP_TRX_MISSING = 2,
    WSREP_TRX_FAIL = 3,      /* lost a conflict: roll back */
    WSREP_BF_ABORT = 4,      /* aborted by an ordered write-set, may have to be replayed */
    WSREP_SIZE_EXCEEDED = 5, /* over repl.max_ws_size */
    WSREP_CONN_FAIL = 6,     /* no primary component, or the outcome is unknown */
    WSREP_NODE_FAIL = 7,     /* this node must leave */
    WSREP_FATAL = 8,         /* the server aborts its process on it */
    WSREP_NOT_IMPLEMENTED = 9,
    WSREP_NOT_ALLOWED = 10,
} wsrep_status_t;

/* What a callback answers; any positive number is a failure. */
typedef enum wsrep_cb_status {
    WSREP_CB_SUCCESS = 0,
    WSREP_CB_FAILURE = 1,
} wsrep_cb_status_t;

typedef enum wsrep_log_level {
    WSREP_LOG_FATAL = 0,
    WSREP_LOG_ERROR = 1,
    WSREP_LOG_WARN = 2,
    WSREP_LOG_INFO = 3,
    WSREP_LOG_DEBUG = 4,
} wsrep_log_level_t;

typedef enum wsrep_member_status {
    WSREP_MEMBER_UNDEFINED = 0,
    WSREP_MEMBER_JOINER = 1,
    WSREP_MEMBER_DONOR = 2,
    WSREP_MEMBER_JOINED = 3,
    WSREP_MEMBER_SYNCED = 4,
    WSREP_MEMBER_ERROR = 5,
    WSREP_MEMBER_MAX = 6,
} wsrep_member_status_t;

typedef enum wsrep_view_status {
    WSREP_VIEW_PRIMARY = 0,
    WSREP_VIEW_NON_PRIMARY = 1,
    WSREP_VIEW_DISCONNECTED = 2,
    WSREP_VIEW_MAX = 3,
} wsrep_view_status_t;

/* From weakest to strongest. */
typedef enum wsrep_key_type {
    WSREP_KEY_SHARED = 0,
    WSREP_KEY_REFERENCE = 1,
    WSREP_KEY_UPDATE = 2,
    WSREP_KEY_EXCLUSIVE = 3,
} wsrep_key_type_t;

typedef enum wsrep_data_type {
    WSREP_DATA_ORDERED = 0,
    WSREP_DATA_UNORDERED = 1,
    WSREP_DATA_ANNOTATION = 2,
} wsrep_data_type_t;

typedef enum wsrep_enc_direction {
    WSREP_ENC = 0,
    WSREP_DEC = 1,
} wsrep_enc_direction_t;

/* Write-set flags, a uint32_t in the calls. */
enum wsrep_flag {
    WSREP_FLAG_TRX_END = 0x1,
    WSREP_FLAG_ROLLBACK = 0x2,
    WSREP_FLAG_ISOLATION = 0x4,
    WSREP_FLAG_PA_UNSAFE = 0x8,
    WSREP_FLAG_COMMUTATIVE = 0x10,
    WSREP_FLAG_NATIVE = 0x20,
    WSREP_FLAG_TRX_START = 0x40,
    WSREP_FLAG_TRX_PREPARE = 0x80,
    WSREP_FLAG_SNAPSHOT = 0x100,
    WSREP_FLAG_IMPLICIT_DEPS = 0x200,
    WSREP_FLAGS_MASK = 0x3ff,
};

enum wsrep_capability {
    WSREP_CAP_MULTI_MASTER = 1 << 0,
    WSREP_CAP_CERTIFICATION = 1 << 1,
    WSREP_CAP_PARALLEL_APPLYING = 1 << 2,
    WSREP_CAP_TRX_REPLAY = 1 << 3,
    WSREP_CAP_ISOLATION = 1 << 4,
    WSREP_CAP_PAUSE = 1 << 5,
    WSREP_CAP_CAUSAL_READS = 1 << 6,
    WSREP_CAP_CAUSAL_TRX = 1 << 7,
    WSREP_CAP_INCREMENTAL_WRITESET = 1 << 8,
    WSREP_CAP_SESSION_LOCKS = 1 << 9,
    WSREP_CAP_DISTRIBUTED_LOCKS = 1 << 10,
    WSREP_CAP_CONSISTENCY_CHECK = 1 << 11,
    WSREP_CAP_UNORDERED = 1 << 12,
    WSREP_CAP_ANNOTATION = 1 << 13,
    WSREP_CAP_PREORDERED = 1 << 14,
    WSREP_CAP_STREAMING = 1 << 15,
    WSREP_CAP_SNAPSHOT = 1 << 16,
    WSREP_CAP_NBO = 1 << 17,
};

/* ---- small carriers ---- */

typedef struct wsrep_buf {
    const void *ptr;
    size_t len;
} wsrep_buf_t;

/* The server's name of a write-set, and our object for it. The struct is often a temporary copy:
 * only what opaque points to has an identity. */
typedef struct wsrep_ws_handle {
    wsrep_trx_id_t trx_id;
    void *opaque;
} wsrep_ws_handle_t;

typedef struct wsrep_key {
    const wsrep_buf_t *key_parts;
    size_t key_parts_num;
} wsrep_key_t;

typedef struct wsrep_po_handle {
    void *opaque;
} wsrep_po_handle_t;

typedef struct wsrep_member_info {
    wsrep_uuid_t id;
    char name[WSREP_MEMBER_NAME_LEN];
    char incoming[WSREP_INCOMING_LEN];
} wsrep_member_info_t;

/* A view; memb_num members follow in place, so sizeof() counts one already: allocate with
 * WSREP_VIEW_INFO_SIZE(). */
typedef struct wsrep_view_info {
    wsrep_gtid_t state_id;
    wsrep_seqno_t view; /* number of the primary view, -1 when non-primary */
    wsrep_view_status_t status;
    wsrep_cap_t capabilities;
    int my_idx; /* -1: we are not in it */
    int memb_num;
    int proto_ver; /* lowest application protocol of all members */
    wsrep_member_info_t members[1];
} wsrep_view_info_t;

#define WSREP_VIEW_INFO_SIZE(memb_num)                                                             \
    (sizeof(wsrep_view_info_t) + (size_t)(memb_num) * sizeof(wsrep_member_info_t))

typedef enum wsrep_var_type {
    WSREP_VAR_STRING = 0,
    WSREP_VAR_INT64 = 1,
    WSREP_VAR_DOUBLE = 2,
} wsrep_var_type_t;

/* One status variable; an array of them ends with a NULL name. */
struct wsrep_stats_var {
    const char *name;
    wsrep_var_type_t type;
    union {
        int64_t _int64;
        double _double;
        const char *_string;
    } value;
};

typedef wsrep_buf_t wsrep_enc_key_t;
typedef char wsrep_enc_iv_t[32];

typedef struct wsrep_enc_ctx {
    const wsrep_enc_key_t *key;
    const wsrep_enc_iv_t *iv;
    void *ctx;
} wsrep_enc_ctx_t;

/* Handed to wsrep_certify_v1: called once the write-set has its place in the order. */
typedef struct wsrep_seq_cb {
    void *ctx;
    void (*fn)(void *ctx);
} wsrep_seq_cb_t;

/* ---- callbacks into the server ---- */

typedef void (*wsrep_log_cb_t)(wsrep_log_level_t level, const char *text);

typedef wsrep_cb_status_t (*wsrep_connected_cb_t)(void *app_ctx, const wsrep_view_info_t *view);

typedef wsrep_cb_status_t (*wsrep_view_cb_t)(void *app_ctx, void *recv_ctx,
                                             const wsrep_view_info_t *view, const char *state,
                                             size_t state_len);

/* The server mallocs *req and the provider frees it; *len may come back 0. */
typedef wsrep_cb_status_t (*wsrep_sst_request_cb_t)(void *app_ctx, void **req, size_t *len);

typedef int (*wsrep_encrypt_cb_t)(wsrep_enc_ctx_t *ctx, const wsrep_buf_t *input, void *output,
                                  wsrep_enc_direction_t direction, bool last);

/* data itself is never NULL, data->ptr may be. */
typedef wsrep_cb_status_t (*wsrep_apply_cb_t)(void *recv_ctx, const wsrep_ws_handle_t *handle,
                                              uint32_t flags, const wsrep_buf_t *data,
                                              const wsrep_trx_meta_t *meta,
                                              wsrep_bool_t *exit_loop);

typedef wsrep_cb_status_t (*wsrep_unordered_cb_t)(void *recv_ctx, const wsrep_buf_t *data);

typedef wsrep_cb_status_t (*wsrep_sst_donate_cb_t)(void *app_ctx, void *recv_ctx,
                                                   const wsrep_buf_t *req,
                                                   const wsrep_gtid_t *state_id,
                                                   const wsrep_buf_t *state, wsrep_bool_t bypass);

typedef wsrep_cb_status_t (*wsrep_synced_cb_t)(void *app_ctx);

/* What init() is given. Nothing it points to, except functions, lives longer than the call. */
struct wsrep_init_args {
    void *app_ctx;
    const char *node_name;
    const char *node_address;  /* where others reach us; may be empty */
    const char *node_incoming; /* where clients reach us */
    const char *data_dir;      /* ends with a slash */
    const char *options;
    int proto_ver; /* highest application protocol of this server */
    const wsrep_gtid_t *state_id;
    const wsrep_buf_t *state;
    wsrep_log_cb_t logger_cb;
    wsrep_connected_cb_t connected_cb;
    wsrep_view_cb_t view_cb;
    wsrep_sst_request_cb_t sst_request_cb;
    wsrep_encrypt_cb_t encrypt_cb; /* NULL in 10.11 */
    wsrep_apply_cb_t apply_cb;
    wsrep_unordered_cb_t unordered_cb; /* NULL in 10.11 */
    wsrep_sst_donate_cb_t sst_donate_cb;
    wsrep_synced_cb_t synced_cb;
};

/* ---- the function table ---- */

typedef struct wsrep_st wsrep_t;

/* Comes from the server as unzeroed memory; the loader fills every slot but dlh. */
struct wsrep_st {
    const char *version;

    /* process and options */
    wsrep_status_t (*init)(wsrep_t *self, const struct wsrep_init_args *args);
    wsrep_cap_t (*capabilities)(wsrep_t *self);
    wsrep_status_t (*options_set)(wsrep_t *self, const char *conf);
    char *(*options_get)(wsrep_t *self); /* malloc'ed, the server frees it */
    wsrep_status_t (*enc_set_key)(wsrep_t *self, const wsrep_enc_key_t *key);

    /* membership and delivery */
    wsrep_status_t (*connect)(wsrep_t *self, const char *cluster_name, const char *cluster_url,
                              const char *state_donor, wsrep_bool_t bootstrap);
    wsrep_status_t (*disconnect)(wsrep_t *self);
    wsrep_status_t (*recv)(wsrep_t *self, void *recv_ctx);

    /* the way of a transaction */
    wsrep_status_t (*assign_read_view)(wsrep_t *self, wsrep_ws_handle_t *handle,
                                       const wsrep_gtid_t *view);
    wsrep_status_t (*certify)(wsrep_t *self, wsrep_conn_id_t conn, wsrep_ws_handle_t *handle,
                              uint32_t flags, wsrep_trx_meta_t *meta);
    wsrep_status_t (*commit_order_enter)(wsrep_t *self, const wsrep_ws_handle_t *handle,
                                         const wsrep_trx_meta_t *meta);
    wsrep_status_t (*commit_order_leave)(wsrep_t *self, const wsrep_ws_handle_t *handle,
                                         const wsrep_trx_meta_t *meta, const wsrep_buf_t *error);
    wsrep_status_t (*release)(wsrep_t *self, wsrep_ws_handle_t *handle);
    wsrep_status_t (*replay_trx)(wsrep_t *self, const wsrep_ws_handle_t *handle, void *trx_ctx);
    wsrep_status_t (*abort_certification)(wsrep_t *self, wsrep_seqno_t bf_seqno,
                                          wsrep_trx_id_t victim, wsrep_seqno_t *victim_seqno);
    wsrep_status_t (*rollback)(wsrep_t *self, wsrep_trx_id_t trx, const wsrep_buf_t *data);
    wsrep_status_t (*append_key)(wsrep_t *self, wsrep_ws_handle_t *handle, const wsrep_key_t *keys,
                                 size_t count, wsrep_key_type_t type, wsrep_bool_t copy);
    wsrep_status_t (*append_data)(wsrep_t *self, wsrep_ws_handle_t *handle, const wsrep_buf_t *data,
                                  size_t count, wsrep_data_type_t type, wsrep_bool_t copy);

    /* reads after writes */
    wsrep_status_t (*sync_wait)(wsrep_t *self, wsrep_gtid_t *upto, int timeout_s,
                                wsrep_gtid_t *gtid);
    wsrep_status_t (*last_committed_id)(wsrep_t *self, wsrep_gtid_t *gtid);
    wsrep_status_t (*free_connection)(wsrep_t *self, wsrep_conn_id_t conn);

    /* total order isolation, and write-sets ordered elsewhere */
    wsrep_status_t (*to_execute_start)(wsrep_t *self, wsrep_conn_id_t conn, const wsrep_key_t *keys,
                                       size_t keys_num, const wsrep_buf_t *action, size_t count,
                                       uint32_t flags, wsrep_trx_meta_t *meta);
    wsrep_status_t (*to_execute_end)(wsrep_t *self, wsrep_conn_id_t conn, const wsrep_buf_t *error);
    wsrep_status_t (*preordered_collect)(wsrep_t *self, wsrep_po_handle_t *handle,
                                         const wsrep_buf_t *data, size_t count, wsrep_bool_t copy);
    wsrep_status_t (*preordered_commit)(wsrep_t *self, wsrep_po_handle_t *handle,
                                        const wsrep_uuid_t *source, uint32_t flags, int pa_range,
                                        wsrep_bool_t commit);

    /* state transfer */
    wsrep_status_t (*sst_sent)(wsrep_t *self, const wsrep_gtid_t *state_id, int rcode);
    wsrep_status_t (*sst_received)(wsrep_t *self, const wsrep_gtid_t *state_id,
                                   const wsrep_buf_t *state, int rcode);
    wsrep_status_t (*snapshot)(wsrep_t *self, const wsrep_buf_t *msg, const char *donor_spec);

    /* status */
    struct wsrep_stats_var *(*stats_get)(wsrep_t *self);
    void (*stats_free)(wsrep_t *self, struct wsrep_stats_var *vars);
    void (*stats_reset)(wsrep_t *self);

    /* holding still */
    wsrep_seqno_t (*pause)(wsrep_t *self);
    wsrep_status_t (*resume)(wsrep_t *self);
    wsrep_status_t (*desync)(wsrep_t *self);
    wsrep_status_t (*resync)(wsrep_t *self);

    /* named locks */
    wsrep_status_t (*lock)(wsrep_t *self, const char *name, wsrep_bool_t shared, uint64_t owner,
                           int64_t timeout);
    wsrep_status_t (*unlock)(wsrep_t *self, const char *name, uint64_t owner);
    wsrep_bool_t (*is_locked)(wsrep_t *self, const char *name, uint64_t *conn, wsrep_uuid_t *node);

    const char *provider_name;
    const char *provider_version;
    const char *provider_vendor;

    void (*free)(wsrep_t *self); /* is called twice */

    void *dlh; /* the server's */
    void *ctx; /* ours */
};

/* Symbol wsrep_loader; 0 or an errno value. Symbol wsrep_interface_version is a `const char *`. */
typedef int (*wsrep_loader_fun)(wsrep_t *self);

/* ---- symbols beside the loader ---- */

/* wsrep_init_allowlist_service_v1 / wsrep_deinit_allowlist_service_v1: the server will not start
 * without both. value->ptr is read as a NUL-terminated string. */
typedef enum wsrep_allowlist_key {
    WSREP_ALLOWLIST_KEY_IP = 0,
    WSREP_ALLOWLIST_KEY_SSL = 1,
} wsrep_allowlist_key_t;

typedef wsrep_status_t (*wsrep_allowlist_cb_t)(void *context, wsrep_allowlist_key_t key,
                                               const wsrep_buf_t *value);

typedef struct wsrep_allowlist_service_v1 {
    wsrep_allowlist_cb_t allowlist_cb;
    void *context;
} wsrep_allowlist_service_v1_t;

/* wsrep_node_isolation_mode_set_v1: may be called inside a signal handler. */
enum wsrep_node_isolation_mode {
    WSREP_NODE_ISOLATION_NOT_ISOLATED = 0,
    WSREP_NODE_ISOLATION_ISOLATED = 1,
    WSREP_NODE_ISOLATION_FORCE_DISCONNECT = 2,
};

enum wsrep_node_isolation_result {
    WSREP_NODE_ISOLATION_SUCCESS = 0,
    WSREP_NODE_ISOLATION_INVALID_VALUE = 1,
};

/* wsrep_init_event_service_v1 / wsrep_deinit_event_service_v1: named events as JSON text. */
typedef void (*wsrep_event_cb_t)(void *context, const char *name, const char *value);

typedef struct wsrep_event_service_v1 {
    wsrep_event_cb_t event_cb;
    void *context;
} wsrep_event_service_v1_t;

/* wsrep_init_config_service_v1 / wsrep_deinit_config_service_v1: the provider fills the struct;
 * get_parameters calls back once per option. A set without a type flag is a string. */
enum wsrep_parameter_flag {
    WSREP_PARAM_DEPRECATED = 1,
    WSREP_PARAM_READONLY = 2,
    WSREP_PARAM_TYPE_BOOL = 4,
    WSREP_PARAM_TYPE_INTEGER = 8,
    WSREP_PARAM_TYPE_DOUBLE = 16,
};

typedef struct wsrep_parameter {
    int flags;
    const char *name;
    union {
        bool as_bool;
        int64_t as_integer;
        double as_double;
        const char *as_string;
    } value;
} wsrep_parameter_t;

typedef wsrep_status_t (*wsrep_get_parameters_cb_t)(const wsrep_parameter_t *parameter,
                                                    void *context);

typedef struct wsrep_config_service_v1 {
    wsrep_status_t (*get_parameters)(wsrep_t *self, wsrep_get_parameters_cb_t callback,
                                     void *context);
} wsrep_config_service_v1_t;

#endif
