#include "gcomm/net/internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US 50000
#define WARN_US 60000000
#define PEERS_MAX 256
#define QUEUE_LIMIT_BYTES ((size_t)64 << 20)
#define TIMEOUT_US 3000000
#define DROP_PAUSE_US 1000000 /* what made us drop a peer may come at once again */

/* ---- peers ---- */

struct peer *ls_peer_find(struct ls_net *net, const struct ls_uuid *id)
{
    for (struct peer *p = net->peers; p != NULL; p = p->next) {
        if (ls_uuid_equal(&p->id, id)) {
            return p;
        }
    }
    return NULL;
}

static bool is_referenced(const struct ls_net *net, const struct peer *p)
{
    for (const struct conn *c = net->conns; c != NULL; c = c->next) {
        if (c->peer == p) {
            return true;
        }
    }
    return p->member || p->verdict_due;
}

/* Frees one that is of no use any more; how nodes that came once and never again leave the table.
 */
static bool evict_peer(struct ls_net *net)
{
    for (struct peer **link = &net->peers; *link != NULL; link = &(*link)->next) {
        struct peer *p = *link;
        if (!is_referenced(net, p)) {
            *link = p->next;
            ls_peer_free(p);
            return true;
        }
    }
    return false;
}

struct peer *ls_peer_get(struct ls_net *net, const struct ls_uuid *id)
{
    struct peer *p = ls_peer_find(net, id);
    size_t n = 0;

    if (p != NULL) {
        return p;
    }
    for (p = net->peers; p != NULL; p = p->next) {
        n++;
    }
    if (n >= PEERS_MAX && !evict_peer(net)) {
        return NULL;
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->id = *id;
    p->jobs_end = &p->jobs;
    p->next = net->peers;
    net->peers = p;
    return p;
}

void ls_peer_free(struct peer *p)
{
    LS_ASSERT(p->jobs == NULL);
    free(p);
}

void ls_short_id(const struct ls_uuid *id, char out[LS_NET_SHORT_ID_SIZE])
{
    snprintf(out, LS_NET_SHORT_ID_SIZE, "%02x%02x%02x%02x-%02x%02x", id->b[0], id->b[1], id->b[2],
             id->b[3], id->b[8], id->b[9]);
}

/* ---- warnings ---- */

bool ls_net_may_warn(struct ls_net *net, const char *key, uint32_t *held_back)
{
    struct warn_slot *slot = &net->warns[ls_hash64(key, strlen(key)) % WARN_SLOTS];
    int64_t now_us = ls_clock_us();

    *held_back = 0;
    if (strcmp(slot->key, key) == 0) {
        if (now_us < slot->until_us) {
            slot->held_back++;
            return false;
        }
        *held_back = slot->held_back;
    }
    snprintf(slot->key, sizeof(slot->key), "%s", key);
    slot->until_us = now_us + WARN_US;
    slot->held_back = 0;
    return true;
}

void ls_net_warn(struct ls_net *net, const char *key, const char *fmt, ...)
{
    char text[1024];
    uint32_t held_back;
    va_list ap;

    if (!ls_net_may_warn(net, key, &held_back)) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (held_back > 0) {
        ls_warn("(%s, '%s') %s (%u more warnings about it were held back)", net->short_id,
                net->listen_text, text, (unsigned)held_back);
    } else {
        ls_warn("(%s, '%s') %s", net->short_id, net->listen_text, text);
    }
}

/* ---- life ---- */

static void tick(void *ctx)
{
    struct ls_net *net = ctx;
    int64_t now_us = ls_clock_us();

    ls_admit_tick(net);
    ls_handshake_tick(net, now_us);
    ls_bulk_tick(net, now_us);
    ls_dial_tick(net, now_us);
    ls_conn_reap(net);
}

static enum ls_rc parse_addresses(struct ls_net *net, const struct ls_net_options *opt,
                                  struct ls_error *err)
{
    struct ls_address a;
    enum ls_rc rc = ls_address_parse(opt->listen_addr, LS_NET_DEFAULT_PORT, &net->listen, err);

    if (rc != LS_OK) {
        return ls_error_wrap(err, rc, "gmcast.listen_addr");
    }
    if (net->listen.ssl && opt->tls == NULL) {
        return ls_error_set(err, LS_E_INVAL,
                            "gmcast.listen_addr '%s' asks for TLS: give socket.ssl_key, "
                            "socket.ssl_cert and socket.ssl_ca, or write tcp://",
                            opt->listen_addr);
    }
    if (opt->advertise == NULL || opt->advertise[0] == '\0') {
        return LS_OK;
    }
    rc = ls_address_parse(opt->advertise, 0, &a, err);
    if (rc != LS_OK) {
        return ls_error_wrap(err, rc, "the address that other nodes are to use");
    }
    if (ls_address_is_any(a.host)) {
        return LS_OK; /* says nothing: they use what they see */
    }
    if (strlen(a.host) >= sizeof(net->advertise_host) - 8) {
        return ls_error_set(err, LS_E_INVAL, "the address '%s' is too long", opt->advertise);
    }
    strcpy(net->advertise_host, a.host);
    net->advertise_port = a.port;
    return LS_OK;
}

static enum ls_rc take_options(struct ls_net *net, const struct ls_net_options *opt,
                               struct ls_error *err)
{
    if (strlen(opt->cluster_name) >= sizeof(net->cluster)) {
        return ls_error_set(err, LS_E_INVAL, "wsrep_cluster_name has more than %zu characters",
                            sizeof(net->cluster) - 1);
    }
    strcpy(net->cluster, opt->cluster_name);
    snprintf(net->name, sizeof(net->name), "%s", opt->node_name);
    net->tls = opt->tls;
    net->tls_dynamic = opt->tls_dynamic;
    net->scheme = opt->tls != NULL ? "ssl" : "tcp";
    snprintf(net->listen_text, sizeof(net->listen_text), "%s://%s", net->scheme,
             strstr(opt->listen_addr, "://") != NULL ? strstr(opt->listen_addr, "://") + 3
                                                     : opt->listen_addr);
    net->id = opt->id;
    net->incarnation = opt->incarnation;
    net->instance = ls_os_random();
    net->segment = opt->segment;
    net->connect_timeout_us = opt->connect_timeout_us > 0 ? opt->connect_timeout_us : TIMEOUT_US;
    net->handshake_timeout_us =
        opt->handshake_timeout_us > 0 ? opt->handshake_timeout_us : TIMEOUT_US;
    net->queue_limit_bytes =
        opt->queue_limit_bytes > 0 ? opt->queue_limit_bytes : QUEUE_LIMIT_BYTES;
    net->allow = opt->allow;
    net->allow_ctx = opt->allow_ctx;
    ls_short_id(&net->id, net->short_id);
    return parse_addresses(net, opt, err);
}

enum ls_rc ls_net_create(struct ls_loop *loop, const struct ls_net_options *opt,
                         const struct ls_net_callbacks *cb, struct ls_net **out,
                         struct ls_error *err)
{
    struct ls_net *net = calloc(1, sizeof(*net));
    enum ls_rc rc;

    *out = NULL;
    if (net == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for the network");
    }
    LS_ASSERT(cb->message != NULL);
    net->loop = loop;
    net->cb = *cb;
    rc = take_options(net, opt, err);
    if (rc == LS_OK) {
        rc = ls_timer_create(loop, tick, net, &net->tick);
    }
    if (rc != LS_OK) {
        free(net);
        return rc;
    }
    *out = net;
    return LS_OK;
}

void ls_net_destroy(struct ls_net *net)
{
    if (net == NULL) {
        return;
    }
    ls_timer_destroy(net->tick);
    ls_tcp_listener_close(net->listener);
    while (net->conns != NULL) {
        struct conn *c = net->conns;
        net->conns = c->next;
        ls_tcp_close(c->tcp);
        c->tcp = NULL;
        ls_conn_free(c);
    }
    while (net->peers != NULL) {
        struct peer *p = net->peers;
        p->main = NULL;
        ls_bulk_fail(p, LS_E_CLOSED);
        net->peers = p->next;
        ls_peer_free(p);
    }
    ls_allow_destroy(net);
    ls_dial_free(net);
    ls_wire_decoder_free(&net->decoder);
    free(net);
}

enum ls_rc ls_net_listen(struct ls_net *net, uint16_t *port, struct ls_error *err)
{
    enum ls_rc rc;

    LS_ASSERT(net->listener == NULL);
    rc = ls_tcp_listen(net->loop, net->listen.host, net->listen.port, ls_handshake_accepted, net,
                       &net->listener, err);
    if (rc != LS_OK) {
        return rc;
    }
    net->port = ls_tcp_listener_port(net->listener);
    if (port != NULL) {
        *port = net->port;
    }
    ls_info("(%s, '%s') listening at %s, port %u", net->short_id, net->listen_text,
            net->listen_text, (unsigned)net->port);
    ls_timer_start(net->tick, 0, TICK_US);
    return LS_OK;
}

uint16_t ls_net_port(const struct ls_net *net)
{
    return net->port;
}

/* ---- who is to be contacted ---- */

void ls_net_know(struct ls_net *net, const char *addr)
{
    ls_dial_add(net, addr, SOURCE_USER, NULL);
    if (net->listener != NULL) {
        ls_timer_start(net->tick, 0, TICK_US); /* try it now */
    }
}

void ls_net_forget(struct ls_net *net, const char *addr)
{
    ls_dial_remove(net, addr, SOURCE_USER);
}

void ls_net_forget_all(struct ls_net *net)
{
    ls_dial_forget(net, SOURCE_USER | SOURCE_GOSSIP);
}

static void set_member(struct ls_net *net, const struct ls_member *m)
{
    struct peer *p = ls_peer_get(net, &m->id);

    if (p == NULL) {
        return;
    }
    p->member = true;
    if (p->name[0] == '\0') {
        snprintf(p->name, sizeof(p->name), "%s", m->name);
    }
    if (p->shown[0] == '\0') {
        snprintf(p->shown, sizeof(p->shown), "%s", m->addr);
    }
    if (m->addr[0] != '\0') {
        ls_dial_add(net, m->addr, SOURCE_MEMBER, &m->id);
    }
    if (p->dial[0] != '\0') {
        ls_dial_add(net, p->dial, SOURCE_MEMBER, &m->id);
    }
}

void ls_net_set_members(struct ls_net *net, const struct ls_config *config)
{
    for (struct peer *p = net->peers; p != NULL; p = p->next) {
        p->member = false;
    }
    ls_dial_forget(net, SOURCE_MEMBER);
    for (uint32_t i = 0; i < config->count; i++) {
        if (!ls_uuid_equal(&config->members[i].id, &net->id)) {
            set_member(net, &config->members[i]);
        }
    }
}

/* ---- sending ---- */

static struct conn *main_of(struct ls_net *net, const struct ls_uuid *to)
{
    struct peer *p = ls_peer_find(net, to);
    return p == NULL || p->main == NULL || p->main->broken ? NULL : p->main;
}

enum ls_rc ls_net_send(struct ls_net *net, const struct ls_uuid *to, const struct ls_msg *msg,
                       const struct ls_net_payload *payload)
{
    struct conn *c = main_of(net, to);

    return c == NULL ? LS_E_CLOSED : ls_conn_send_message(c, msg, payload);
}

enum ls_rc ls_net_send_signal(struct ls_net *net, const struct ls_uuid *to, enum ls_signal signal,
                              uint64_t value)
{
    struct conn *c = main_of(net, to);

    if (c == NULL) {
        return LS_E_CLOSED;
    }
    ls_conn_signal(c, (uint8_t)signal, value);
    return c->broken ? LS_E_CLOSED : LS_OK;
}

void ls_net_flush(struct ls_net *net)
{
    for (const struct peer *p = net->peers; p != NULL; p = p->next) {
        if (p->main != NULL && p->main->out.bytes > 0) {
            ls_conn_flush(p->main);
        }
    }
}

size_t ls_net_backlog(struct ls_net *net, const struct ls_uuid *to)
{
    const struct conn *c = main_of(net, to);
    return c == NULL ? 0 : c->out.bytes;
}

/* ---- cutting ---- */

static void cut(struct conn *c, const char *why)
{
    if (c->state != CONN_CLOSED) {
        c->dropped = true;
        ls_conn_break(c, why);
    }
}

void ls_net_drop(struct ls_net *net, const struct ls_uuid *peer, const char *why)
{
    struct peer *p = ls_peer_find(net, peer);

    if (p == NULL) {
        return;
    }
    p->kept_out_us = ls_clock_us() + DROP_PAUSE_US;
    for (struct conn *c = net->conns; c != NULL; c = c->next) {
        if (c->peer == p) {
            cut(c, why);
        }
    }
}

void ls_net_isolate(struct ls_net *net, bool on)
{
    if (net->isolated == on) {
        return;
    }
    net->isolated = on;
    ls_info("(%s, '%s') %s", net->short_id, net->listen_text,
            on ? "isolated: all connections are cut, none is accepted" : "isolation is over");
    for (struct conn *c = net->conns; c != NULL && on; c = c->next) {
        cut(c, "this node was isolated");
    }
}

void ls_net_get_stats(const struct ls_net *net, struct ls_net_stats *out)
{
    *out = net->stats;
}
