/* The options of a running provider: Galera's names and Lockstep's own, over wsrep/base/options.
 *
 * Every function may be called from any thread. The hook runs on the thread that sets an option,
 * with no lock of this module held that the getters need. */
#ifndef LS_OPTIONS_PROVIDER_OPTIONS_H
#define LS_OPTIONS_PROVIDER_OPTIONS_H

#include "wsrep/base/error.h"
#include "wsrep/base/options.h"

#include <stdbool.h>
#include <stdint.h>

#define LS_SETTING_HOST_SIZE 256
#define LS_SETTING_ADDR_SIZE 300
#define LS_SETTING_PATH_SIZE 1024

/* The typed values of what Lockstep uses, all read at one moment. */
struct ls_provider_settings {
    char base_dir[LS_SETTING_PATH_SIZE];
    char gcache_dir[LS_SETTING_PATH_SIZE]; /* where the log lives */
    char base_host[LS_SETTING_HOST_SIZE];  /* "" when unknown */
    uint16_t base_port;
    char listen_addr[LS_SETTING_ADDR_SIZE]; /* "tcp://host:port" or "ssl://host:port" */
    char advertise[LS_SETTING_ADDR_SIZE];   /* "host:port" others reach us by, "" when unknown */
    bool tls;                               /* wanted; the files may still be of no use */
    bool tls_dynamic;
    char tls_key[LS_SETTING_PATH_SIZE];
    char tls_cert[LS_SETTING_PATH_SIZE];
    char tls_ca[LS_SETTING_PATH_SIZE]; /* "": none, here and below */
    char tls_cipher[LS_SETTING_PATH_SIZE];
    char tls_password_file[LS_SETTING_PATH_SIZE];
    uint8_t weight;
    uint8_t segment;
    bool stateless;

    int64_t gcache_size;
    bool log_sync_majority; /* log.sync, else none */
    bool ack_all;           /* ack.level=all */
    bool ack_applied;       /* ack.level=applied */

    uint32_t fc_limit;
    double fc_factor;
    int64_t fc_time_limit_us; /* 0: none */
    bool fc_single_primary;
    char disabled_file[LS_SETTING_PATH_SIZE]; /* while it is there another node is to lead; "": none
                                               */

    int64_t suspect_us;
    int64_t inactive_us;
    int64_t keepalive_us;
    int64_t peer_timeout_us;
    int64_t time_wait_us;
    bool wait_prim;
    int64_t wait_prim_timeout_us;
    bool wait_prim_timeout_given; /* by the user */
    bool ignore_quorum;
    bool ignore_sb;

    int64_t max_ws_size;
    int64_t causal_read_timeout_us;
    uint32_t vote_policy;
    bool cert_log_conflicts;
    bool cert_optimistic_pa;
    bool debug;
    int64_t send_buf_size; /* bytes, 0: the kernel's choice */
    int64_t recv_buf_size;
};

struct ls_provider_options;

/* data_dir and node_address ("host[:port]", "" or NULL) are the server's: they give base_dir,
 * gcache.dir, base_host and base_port their defaults. */
enum ls_rc ls_provider_options_create(const char *data_dir, const char *node_address,
                                      struct ls_provider_options **out, struct ls_error *err);
void ls_provider_options_destroy(struct ls_provider_options *po);

/* At init: the text of wsrep_provider_options. Every option may be set. All unknown names are
 * logged; the error names the first. */
enum ls_rc ls_provider_options_load(struct ls_provider_options *po, const char *text,
                                    struct ls_error *err);

/* At connect: the options of the cluster address (cluster_url.h). As above, but unknown names are
 * only warned of, as Galera does not look at them either. */
enum ls_rc ls_provider_options_load_url(struct ls_provider_options *po, const char *text,
                                        struct ls_error *err);

/* On a running node: stops at the first failure, what came before it stays. */
enum ls_rc ls_provider_options_set(struct ls_provider_options *po, const char *text,
                                   struct ls_error *err);

/* Called for every option that ls_provider_options_set() changed, with the value in force already,
 * and for triggers (pc.bootstrap, gmcast.isolate, gmcast.peer_addr, evs.evict, socket.ssl_reload).
 * A failure takes the value back and becomes the answer. At most one call at a time. Set it before
 * options can be set from other threads. */
typedef enum ls_rc (*ls_option_hook)(void *ctx, const char *name, const char *value,
                                     struct ls_error *err);
void ls_provider_options_set_hook(struct ls_provider_options *po, ls_option_hook hook, void *ctx);

/* The whole string, from malloc; NULL: no memory. */
char *ls_provider_options_format(struct ls_provider_options *po);

void ls_provider_options_get(struct ls_provider_options *po, struct ls_provider_settings *out);

/* One option as text into out; false when it has no value or there is no such option. */
bool ls_provider_options_text(struct ls_provider_options *po, const char *name, char *out,
                              size_t size);

/* All options with their values (NULL: none), in the order of names; fn returns false to stop. The
 * strings are valid in the call only, and fn must not call into this module. */
void ls_provider_options_each(struct ls_provider_options *po,
                              bool (*fn)(void *ctx, const struct ls_option_def *def,
                                         const char *value),
                              void *ctx);

#endif
