#include "gcomm/options/provider_options.h"

#include "gcomm/options/option_table.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/base/uuid.h"
#include "wsrep/os/address.h"
#include "wsrep/os/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct ls_provider_options {
    ls_mutex change_lock; /* one change at a time, held over the hook; taken before lock */
    ls_mutex lock;        /* guards options */
    struct ls_options *options;
    ls_option_hook hook;
    void *hook_ctx;
};

/* ---- checks that need more than a type and a range ---- */

static enum ls_rc check_peer_addr(const char *value, struct ls_error *err)
{
    struct ls_address addr;

    if (strncmp(value, "add:", 4) != 0 && strncmp(value, "del:", 4) != 0) {
        return ls_error_set(err, LS_E_INVAL,
                            "option gmcast.peer_addr: '%.100s' will not do, give "
                            "add:tcp://host:port or del:tcp://host:port",
                            value);
    }
    if (ls_address_parse(value + 4, 4567, &addr, err) != LS_OK) {
        return ls_error_wrap(err, LS_E_INVAL, "option gmcast.peer_addr");
    }
    if (addr.host[0] == '\0' || addr.port == 0) {
        return ls_error_set(err, LS_E_INVAL,
                            "option gmcast.peer_addr: '%.100s' names no node, give a host and, "
                            "if it is not 4567, its port",
                            value);
    }
    return LS_OK;
}

static enum ls_rc check_evict(const char *value, struct ls_error *err)
{
    struct ls_uuid id;

    if (value[0] == '\0' || (strlen(value) == 36 && ls_uuid_parse(value, &id))) {
        return LS_OK;
    }
    return ls_error_set(err, LS_E_INVAL, "option evs.evict: '%.100s' is not the uuid of a member",
                        value);
}

static enum ls_rc check_buf_size(const char *name, const char *value, struct ls_error *err)
{
    int64_t size;

    if (strcmp(value, "auto") == 0 || (ls_option_parse_size(value, &size) && size <= INT32_MAX)) {
        return LS_OK;
    }
    return ls_error_set(err, LS_E_INVAL,
                        "option %s: '%.100s' will not do, give auto or a size up to 2G", name,
                        value);
}

static enum ls_rc check_addr(const char *name, const char *value, struct ls_error *err)
{
    struct ls_address addr;

    if (value[0] == '\0') {
        return LS_OK;
    }
    if (ls_address_parse(value, 4567, &addr, err) != LS_OK) {
        return ls_error_wrap(err, LS_E_INVAL, "option %s", name);
    }
    return LS_OK;
}

/* Addresses are made of it. */
static enum ls_rc check_host(const char *name, const char *value, struct ls_error *err)
{
    char text[LS_SETTING_ADDR_SIZE];
    struct ls_address addr;

    if (value[0] == '\0' || (ls_address_format(value, 1, text, sizeof(text)) &&
                             ls_address_parse(value, 1, &addr, NULL) == LS_OK && !addr.has_port &&
                             strcmp(addr.host, value) == 0)) {
        return LS_OK;
    }
    return ls_error_set(err, LS_E_INVAL, "option %s: '%.100s' is no host name and no address", name,
                        value);
}

static enum ls_rc check_value(const char *name, const char *value, struct ls_error *err)
{
    if (strcmp(name, "gmcast.peer_addr") == 0) {
        return check_peer_addr(value, err);
    }
    if (strcmp(name, "evs.evict") == 0) {
        return check_evict(value, err);
    }
    if (strcmp(name, "socket.recv_buf_size") == 0 || strcmp(name, "socket.send_buf_size") == 0) {
        return check_buf_size(name, value, err);
    }
    if (strcmp(name, "gmcast.listen_addr") == 0 || strcmp(name, "ist.recv_addr") == 0) {
        return check_addr(name, value, err);
    }
    if (strcmp(name, "base_host") == 0) {
        return check_host(name, value, err);
    }
    return LS_OK;
}

/* Whoever asks for encryption must not get a cluster that talks in the clear. Galera takes a key or
 * a certificate as such a wish, too. */
static bool wants_tls(const struct ls_options *o)
{
    if (ls_options_is_set(o, "socket.ssl")) {
        return ls_options_get_bool(o, "socket.ssl");
    }
    return ls_options_get_text(o, "socket.ssl_key")[0] != '\0' ||
           ls_options_get_text(o, "socket.ssl_cert")[0] != '\0';
}

static enum ls_rc derive_tls(struct ls_options *o, struct ls_error *err)
{
    static const char *const needed[] = {"socket.ssl_key", "socket.ssl_cert"};
    enum ls_rc rc = LS_OK;

    if (!wants_tls(o)) {
        return LS_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        if (ls_options_get_text(o, needed[i])[0] == '\0') {
            return ls_error_set(err, LS_E_INVAL,
                                "TLS between the nodes needs option %s: give a PEM file, or set "
                                "socket.ssl=no for plain connections in a network that only the "
                                "nodes can reach",
                                needed[i]);
        }
    }
    if (!ls_options_is_set(o, "socket.ssl")) {
        rc = ls_options_set_default(o, "socket.ssl", "YES", err);
    }
    /* FLUSH SSL looks for it in the string of options. */
    return rc == LS_OK ? ls_options_set_default(o, "socket.ssl_reload", "1", err) : rc;
}

/* ---- defaults that depend on other options ---- */

static enum ls_rc derive_listen_addr(struct ls_options *o, struct ls_error *err)
{
    char host_port[LS_SETTING_ADDR_SIZE], text[LS_SETTING_ADDR_SIZE + 8];
    const char *base_host = ls_options_get_text(o, "base_host");
    const char *given = ls_options_is_set(o, "gmcast.listen_addr")
                            ? ls_options_get_text(o, "gmcast.listen_addr")
                            : ""; /* else derived earlier, perhaps from another base_port */
    uint16_t base_port = (uint16_t)ls_options_get_int(o, "base_port");
    struct ls_address addr = {.port = base_port};

    if (given[0] == '\0') {
        strcpy(addr.host, strchr(base_host, ':') != NULL ? "::" : "0.0.0.0");
    } else if (ls_address_parse(given, base_port, &addr, err) != LS_OK) {
        return ls_error_wrap(err, LS_E_INVAL, "option gmcast.listen_addr");
    }
    if (addr.ssl && !wants_tls(o)) {
        return ls_error_set(
            err, LS_E_INVAL,
            "option gmcast.listen_addr: '%.100s' asks for TLS: give socket.ssl_key, "
            "socket.ssl_cert and socket.ssl_ca, or write tcp://",
            given);
    }
    if (addr.host[0] == '\0') {
        strcpy(addr.host, "0.0.0.0");
    }
    if (!ls_address_format(addr.host, addr.port, host_port, sizeof(host_port))) {
        return ls_error_set(err, LS_E_INVAL, "option gmcast.listen_addr is too long");
    }
    snprintf(text, sizeof(text), "%s://%s", wants_tls(o) ? "ssl" : "tcp", host_port);
    if (ls_options_set_default(o, "gmcast.listen_addr", text, err) != LS_OK) {
        return LS_E_NOMEM;
    }
    if (addr.port == 0) {
        return LS_OK; /* any free port: nobody can be told yet */
    }
    snprintf(text, sizeof(text), "%u", (unsigned)addr.port);
    return ls_options_set_default(o, "base_port", text, err);
}

static enum ls_rc derive_defaults(struct ls_options *o, struct ls_error *err)
{
    enum ls_rc rc = derive_tls(o, err);

    if (rc == LS_OK) {
        rc = derive_listen_addr(o, err);
    }
    if (rc == LS_OK && !ls_options_has_value(o, "ist.recv_addr") &&
        ls_options_has_value(o, "base_host")) {
        rc = ls_options_set_default(o, "ist.recv_addr", ls_options_get_text(o, "base_host"), err);
    }
    if (rc == LS_OK) {
        ls_log_set_level(ls_options_get_bool(o, "debug") ? LS_LOG_DEBUG : LS_LOG_INFO);
    }
    return rc;
}

static enum ls_rc take_node_address(struct ls_options *o, const char *node_address,
                                    struct ls_error *err)
{
    struct ls_address addr;
    char port[8];
    enum ls_rc rc;

    if (node_address == NULL || node_address[0] == '\0') {
        return LS_OK;
    }
    if (ls_address_parse(node_address, 0, &addr, err) != LS_OK) {
        return ls_error_wrap(err, LS_E_INVAL, "wsrep_node_address");
    }
    if (ls_address_is_any(addr.host)) {
        return ls_error_set(err, LS_E_INVAL,
                            "wsrep_node_address '%.100s' means any address: give the one by which "
                            "other nodes reach this one",
                            node_address);
    }
    rc = ls_options_set_default(o, "base_host", addr.host, err);
    if (rc == LS_OK && addr.has_port && addr.port != 0) {
        snprintf(port, sizeof(port), "%u", (unsigned)addr.port);
        rc = ls_options_set_default(o, "base_port", port, err);
    }
    return rc;
}

enum ls_rc ls_provider_options_create(const char *data_dir, const char *node_address,
                                      struct ls_provider_options **out, struct ls_error *err)
{
    struct ls_provider_options *po = calloc(1, sizeof(*po));
    enum ls_rc rc = LS_E_NOMEM;

    *out = NULL;
    if (po != NULL) {
        po->options = ls_options_create(ls_provider_option_defs, ls_provider_option_count);
    }
    if (po == NULL || po->options == NULL) {
        free(po);
        return ls_error_set(err, LS_E_NOMEM, "options: no memory");
    }
    ls_mutex_init(&po->lock);
    ls_mutex_init(&po->change_lock);
    data_dir = data_dir != NULL && data_dir[0] != '\0' ? data_dir : ".";
    rc = ls_options_set_default(po->options, "base_dir", data_dir, err);
    if (rc == LS_OK) {
        rc = ls_options_set_default(po->options, "gcache.dir", data_dir, err);
    }
    if (rc == LS_OK) {
        rc = take_node_address(po->options, node_address, err);
    }
    if (rc != LS_OK) {
        ls_provider_options_destroy(po);
        return rc;
    }
    *out = po;
    return LS_OK;
}

void ls_provider_options_destroy(struct ls_provider_options *po)
{
    if (po == NULL) {
        return;
    }
    ls_options_destroy(po->options);
    ls_mutex_destroy(&po->lock);
    ls_mutex_destroy(&po->change_lock);
    free(po);
}

/* ---- loading at start ---- */

static void note_unused(const struct ls_options *o, const char *name, const char *value)
{
    const struct ls_option_def *def = ls_options_find(o, name);

    if (def != NULL && (def->flags & LS_OPT_UNUSED) != 0) {
        ls_info("option %s = %s is accepted and has no effect in Lockstep", name, value);
    }
}

/* One pair at start; unknown names do not end the loading, so that all of them get logged. */
static enum ls_rc load_pair(struct ls_options *o, const struct ls_option_pair *pair,
                            bool unknown_ok, struct ls_error *unknown, struct ls_error *err)
{
    enum ls_rc rc = check_value(pair->name, pair->value, err);

    if (rc == LS_OK) {
        rc = ls_options_set(o, pair->name, pair->value, LS_OPT_START, NULL, err);
    }
    if (rc == LS_E_NOTFOUND) {
        ls_log(unknown_ok ? LS_LOG_WARN : LS_LOG_ERROR, "there is no option '%.100s'%s", pair->name,
               unknown_ok ? ": ignored" : ", please correct wsrep_provider_options");
        if (!unknown_ok && unknown->code == LS_OK) {
            ls_error_set(unknown, LS_E_NOTFOUND, "there is no option '%.100s'", pair->name);
        }
        return LS_OK;
    }
    if (rc == LS_OK) {
        note_unused(o, pair->name, pair->value);
    }
    return rc;
}

static enum ls_rc load(struct ls_provider_options *po, const char *text, bool unknown_ok,
                       struct ls_error *err)
{
    struct ls_error unknown = {.code = LS_OK};
    struct ls_option_pair pair;
    enum ls_rc rc;

    text = text != NULL ? text : "";
    ls_mutex_lock(&po->change_lock);
    ls_mutex_lock(&po->lock);
    while ((rc = ls_options_next_pair(&text, &pair, err)) == LS_OK) {
        rc = load_pair(po->options, &pair, unknown_ok, &unknown, err);
        if (rc != LS_OK) {
            break;
        }
    }
    if (rc == LS_E_NOTFOUND) {
        rc = unknown.code == LS_OK ? derive_defaults(po->options, err)
                                   : ls_error_set(err, unknown.code, "%s", unknown.text);
    }
    ls_mutex_unlock(&po->lock);
    ls_mutex_unlock(&po->change_lock);
    return rc;
}

enum ls_rc ls_provider_options_load(struct ls_provider_options *po, const char *text,
                                    struct ls_error *err)
{
    return load(po, text, false, err);
}

enum ls_rc ls_provider_options_load_url(struct ls_provider_options *po, const char *text,
                                        struct ls_error *err)
{
    return load(po, text, true, err);
}

/* ---- changes on a running node ---- */

void ls_provider_options_set_hook(struct ls_provider_options *po, ls_option_hook hook, void *ctx)
{
    ls_mutex_lock(&po->change_lock);
    po->hook = hook;
    po->hook_ctx = ctx;
    ls_mutex_unlock(&po->change_lock);
}

static void put_back(struct ls_provider_options *po, const char *name, const char *before)
{
    ls_mutex_lock(&po->lock);
    if ((ls_options_find(po->options, name)->flags & LS_OPT_TRIGGER) == 0) {
        /* it was valid before, and only a lack of memory can keep it from coming back */
        ls_options_set(po->options, name, before, LS_OPT_START, NULL, NULL);
    }
    ls_mutex_unlock(&po->lock);
}

static enum ls_rc set_pair(struct ls_provider_options *po, const struct ls_option_pair *pair,
                           struct ls_error *err)
{
    char *before = NULL;
    bool changed = false;
    enum ls_rc rc;

    ls_mutex_lock(&po->lock);
    rc = check_value(pair->name, pair->value, err);
    if (rc == LS_OK && ls_options_find(po->options, pair->name) != NULL) {
        before = strdup(ls_options_get_text(po->options, pair->name));
        if (before == NULL) {
            rc = ls_error_set(err, LS_E_NOMEM, "option %s: no memory", pair->name);
        }
    }
    if (rc == LS_OK) {
        rc = ls_options_set(po->options, pair->name, pair->value, LS_OPT_RUN, &changed, err);
    }
    ls_mutex_unlock(&po->lock);

    if (rc == LS_OK && changed) {
        note_unused(po->options, pair->name, pair->value);
        if (strcmp(pair->name, "debug") == 0) {
            bool on = false;
            ls_option_parse_bool(pair->value, &on);
            ls_log_set_level(on ? LS_LOG_DEBUG : LS_LOG_INFO);
        }
        if (po->hook != NULL) {
            rc = po->hook(po->hook_ctx, pair->name, pair->value, err);
        }
        if (rc != LS_OK) {
            put_back(po, pair->name, before);
        }
    }
    free(before);
    return rc;
}

enum ls_rc ls_provider_options_set(struct ls_provider_options *po, const char *text,
                                   struct ls_error *err)
{
    struct ls_option_pair pair;
    enum ls_rc rc = LS_OK, next = LS_OK;

    ls_mutex_lock(&po->change_lock);
    while (rc == LS_OK && (next = ls_options_next_pair(&text, &pair, err)) == LS_OK) {
        rc = set_pair(po, &pair, err);
    }
    ls_mutex_unlock(&po->change_lock);
    if (rc == LS_OK && next != LS_E_NOTFOUND) {
        rc = next; /* not a pair at all */
    }
    return rc;
}

/* ---- reading ---- */

char *ls_provider_options_format(struct ls_provider_options *po)
{
    char *text;

    ls_mutex_lock(&po->lock);
    text = ls_options_format(po->options);
    ls_mutex_unlock(&po->lock);
    return text;
}

static void copy_text(char *out, size_t size, const struct ls_options *o, const char *name)
{
    snprintf(out, size, "%s", ls_options_get_text(o, name));
}

static int64_t read_buf_size(const struct ls_options *o, const char *name)
{
    int64_t size = 0;

    /* "auto" is no size: 0 */
    return ls_option_parse_size(ls_options_get_text(o, name), &size) ? size : 0;
}

static void read_addresses(const struct ls_options *o, struct ls_provider_settings *s)
{
    copy_text(s->base_dir, sizeof(s->base_dir), o, "base_dir");
    copy_text(s->gcache_dir, sizeof(s->gcache_dir), o, "gcache.dir");
    copy_text(s->disabled_file, sizeof(s->disabled_file), o, "writer.disabled_file");
    copy_text(s->base_host, sizeof(s->base_host), o, "base_host");
    copy_text(s->listen_addr, sizeof(s->listen_addr), o, "gmcast.listen_addr");
    s->base_port = (uint16_t)ls_options_get_int(o, "base_port");
    if (s->base_host[0] == '\0' ||
        !ls_address_format(s->base_host, s->base_port, s->advertise, sizeof(s->advertise))) {
        s->advertise[0] = '\0';
    }
}

static void read_tls(const struct ls_options *o, struct ls_provider_settings *s)
{
    s->tls = wants_tls(o);
    s->tls_dynamic = ls_options_get_bool(o, "socket.dynamic");
    copy_text(s->tls_key, sizeof(s->tls_key), o, "socket.ssl_key");
    copy_text(s->tls_cert, sizeof(s->tls_cert), o, "socket.ssl_cert");
    copy_text(s->tls_ca, sizeof(s->tls_ca), o, "socket.ssl_ca");
    copy_text(s->tls_cipher, sizeof(s->tls_cipher), o, "socket.ssl_cipher");
    copy_text(s->tls_password_file, sizeof(s->tls_password_file), o, "socket.ssl_password_file");
}

void ls_provider_options_get(struct ls_provider_options *po, struct ls_provider_settings *out)
{
    const struct ls_options *o = po->options;

    ls_mutex_lock(&po->lock);
    read_addresses(o, out);
    read_tls(o, out);
    out->weight = (uint8_t)ls_options_get_int(o, "pc.weight");
    out->segment = (uint8_t)ls_options_get_int(o, "gmcast.segment");
    out->stateless = ls_options_get_bool(o, "gcs.stateless");
    out->gcache_size = ls_options_get_int(o, "gcache.size");
    out->log_sync_majority = strcasecmp(ls_options_get_text(o, "log.sync"), "majority") == 0;
    out->ack_all = strcasecmp(ls_options_get_text(o, "ack.level"), "all") == 0;
    out->ack_applied = strcasecmp(ls_options_get_text(o, "ack.level"), "applied") == 0;
    out->fc_limit = (uint32_t)ls_options_get_int(o, "gcs.fc_limit");
    out->fc_time_limit_us = ls_options_get_period_us(o, "fc.time_limit");
    out->fc_factor = ls_options_get_double(o, "gcs.fc_factor");
    out->fc_single_primary = ls_options_get_bool(o, "gcs.fc_single_primary") ||
                             ls_options_get_bool(o, "gcs.fc_master_slave");
    out->suspect_us = ls_options_get_period_us(o, "evs.suspect_timeout");
    out->inactive_us = ls_options_get_period_us(o, "evs.inactive_timeout");
    out->keepalive_us = ls_options_get_period_us(o, "evs.keepalive_period");
    out->peer_timeout_us = ls_options_get_period_us(o, "gmcast.peer_timeout");
    out->time_wait_us = ls_options_get_period_us(o, "gmcast.time_wait");
    out->wait_prim = ls_options_get_bool(o, "pc.wait_prim");
    out->wait_prim_timeout_us = ls_options_get_period_us(o, "pc.wait_prim_timeout");
    out->wait_prim_timeout_given = ls_options_is_set(o, "pc.wait_prim_timeout");
    out->ignore_quorum = ls_options_get_bool(o, "pc.ignore_quorum");
    out->ignore_sb = ls_options_get_bool(o, "pc.ignore_sb");
    out->max_ws_size = ls_options_get_int(o, "repl.max_ws_size");
    out->causal_read_timeout_us = ls_options_get_period_us(o, "repl.causal_read_timeout");
    out->vote_policy = (uint32_t)ls_options_get_int(o, "gcs.vote_policy");
    out->cert_log_conflicts = ls_options_get_bool(o, "cert.log_conflicts");
    out->cert_optimistic_pa = ls_options_get_bool(o, "cert.optimistic_pa");
    out->debug = ls_options_get_bool(o, "debug");
    out->send_buf_size = read_buf_size(o, "socket.send_buf_size");
    out->recv_buf_size = read_buf_size(o, "socket.recv_buf_size");
    ls_mutex_unlock(&po->lock);
}

bool ls_provider_options_text(struct ls_provider_options *po, const char *name, char *out,
                              size_t size)
{
    bool there;

    LS_ASSERT(size > 0);
    ls_mutex_lock(&po->lock);
    there = ls_options_find(po->options, name) != NULL && ls_options_has_value(po->options, name);
    snprintf(out, size, "%s", there ? ls_options_get_text(po->options, name) : "");
    ls_mutex_unlock(&po->lock);
    return there;
}

void ls_provider_options_each(struct ls_provider_options *po,
                              bool (*fn)(void *ctx, const struct ls_option_def *def,
                                         const char *value),
                              void *ctx)
{
    ls_mutex_lock(&po->lock);
    for (size_t i = 0; i < ls_options_count(po->options); i++) {
        const struct ls_option_def *def = ls_options_at(po->options, i);
        const char *value = ls_options_has_value(po->options, def->name)
                                ? ls_options_get_text(po->options, def->name)
                                : NULL;
        if (!fn(ctx, def, value)) {
            break;
        }
    }
    ls_mutex_unlock(&po->lock);
}
