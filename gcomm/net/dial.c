/* Addresses and when to try them.
 *
 * An endpoint is a numeric address; a name gives endpoints each time it is looked up. An endpoint
 * is tried while somebody stands for it (the user's list, the configuration, a peer's gossip) and
 * the node that is known or expected there is not connected. */
#include "gcomm/net/internal.h"

#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MIN_US 100000
#define ENDPOINTS_MAX 256
#define NAMES_MAX 64
#define DIALS_MAX 32             /* under way at once */
#define GOSSIP_TRIES 50          /* in vain, in a row, before gossip is not believed any more */
#define NAME_TRIES 20            /* the same for a name: look-ups that led to no node */
#define REFUSALS_IN_EARNEST 3    /* one may be of the moment: its process was about to end */
#define LOOKUPS_MAX 2            /* under way at once */
#define LOOKUP_FAILED_US 3000000 /* between look-ups of a name that gives no address */
#define LOOKUP_ALONE_US 10000000 /* between look-ups of a name while nobody is connected */
#define LOOKUP_US 60000000       /* and else */
#define NAMED_US 130000000       /* an endpoint lives so long after its name gave it */
#define OUTDATED_US 130000000    /* and so long after gossip, once its node is at another one */

/* ---- endpoints ---- */

struct endpoint *ls_dial_endpoint(struct ls_net *net, const char *numeric)
{
    struct endpoint *e;
    size_t n = 0;

    for (e = net->endpoints; e != NULL; e = e->next) {
        if (strcmp(e->addr, numeric) == 0) {
            return e;
        }
        n++;
    }
    if (n >= ENDPOINTS_MAX) {
        return NULL;
    }
    e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    snprintf(e->addr, sizeof(e->addr), "%s", numeric);
    e->pause_us = PAUSE_MIN_US;
    e->next = net->endpoints;
    net->endpoints = e;
    return e;
}

static unsigned sources_of(const struct endpoint *e)
{
    return e->sources | e->named;
}

/* The node that was there last; NULL: nobody was, or it is forgotten. */
static const struct peer *peer_of(struct ls_net *net, const struct endpoint *e)
{
    return e->has_peer ? ls_peer_find(net, &e->peer) : NULL;
}

static bool is_kept_out(struct ls_net *net, const struct endpoint *e, int64_t now_us)
{
    const struct peer *p = peer_of(net, e);
    return p != NULL && now_us < p->kept_out_us;
}

/* The node that was there last is connected, here or elsewhere; or it is this one. */
static bool is_reached(struct ls_net *net, const struct endpoint *e)
{
    const struct peer *p = peer_of(net, e);
    return e->self || (p != NULL && p->main != NULL);
}

static bool verdict_wanted(struct ls_net *net, const struct endpoint *e)
{
    const struct peer *p = peer_of(net, e);
    return p != NULL && p->verdict_due && strcmp(p->dial, e->addr) == 0;
}

/* Its node is connected, and others are told another address of it. */
static bool has_moved(struct ls_net *net, const struct endpoint *e)
{
    const struct peer *p = peer_of(net, e);
    return p != NULL && p->main != NULL && p->dial[0] != '\0' && strcmp(p->dial, e->addr) != 0;
}

/* What has become stale. Users' and members' addresses stay, but for those that only a name gave.
 */
static void forget_stale(struct ls_net *net, struct endpoint *e, int64_t now_us)
{
    if (now_us > e->named_until_us) {
        e->named = 0;
    }
    if (e->fails >= GOSSIP_TRIES || (now_us > e->gossip_until_us && has_moved(net, e))) {
        e->sources &= ~(unsigned)SOURCE_GOSSIP;
        e->named &= ~(unsigned)SOURCE_GOSSIP;
    }
}

/* Endpoints that nobody stands for any more make room. */
static void sweep_endpoints(struct ls_net *net, int64_t now_us)
{
    struct endpoint **link = &net->endpoints;

    while (*link != NULL) {
        struct endpoint *e = *link;
        forget_stale(net, e, now_us);
        if (e->conn == NULL && sources_of(e) == 0 && !verdict_wanted(net, e)) {
            *link = e->next;
            free(e);
        } else {
            link = &e->next;
        }
    }
}

static bool is_wanted(struct ls_net *net, const struct endpoint *e, int64_t now_us)
{
    if (e->conn != NULL || is_reached(net, e) || is_kept_out(net, e, now_us)) {
        return false;
    }
    return verdict_wanted(net, e) || sources_of(e) != 0;
}

/* ---- names ---- */

static int64_t lookup_pause_us(const struct ls_net *net, enum ls_rc rc)
{
    if (rc != LS_OK) {
        return LOOKUP_FAILED_US;
    }
    return net->stats.connections > 0 ? LOOKUP_US : LOOKUP_ALONE_US;
}

/* Is a node that is connected at one of the addresses? */
static bool leads_to_node(struct ls_net *net, const struct ls_dns_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        for (const struct endpoint *e = net->endpoints; e != NULL; e = e->next) {
            if (strcmp(e->addr, result->addr[i]) == 0 && is_reached(net, e)) {
                return true;
            }
        }
    }
    return false;
}

static void name_resolved(void *ctx, enum ls_rc rc, const struct ls_dns_result *result,
                          const char *why)
{
    struct name *n = ctx;
    struct ls_net *net = n->net;
    int64_t now_us = ls_clock_us();

    n->query = NULL;
    n->next_us = now_us + lookup_pause_us(net, rc);
    n->fails = leads_to_node(net, result) ? 0 : n->fails + 1;
    if (n->fails >= NAME_TRIES) {
        n->sources &= ~(unsigned)SOURCE_GOSSIP; /* swept with the next tick */
    }
    if (rc != LS_OK) {
        ls_net_warn(net, n->host, "the name '%s' gives no address (%s), trying again", n->host,
                    why);
        return;
    }
    for (size_t i = 0; i < result->count; i++) {
        struct endpoint *e = ls_dial_endpoint(net, result->addr[i]);
        if (e == NULL) {
            return;
        }
        e->named |= n->sources;
        e->named_until_us = now_us + NAMED_US;
    }
    ls_dial_tick(net, now_us);
}

static void add_name(struct ls_net *net, const struct ls_address *a, unsigned source)
{
    struct name *n;
    size_t count = 0;

    for (n = net->names; n != NULL; n = n->next) {
        if (strcmp(n->host, a->host) == 0 && n->port == a->port) {
            n->sources |= source;
            return;
        }
        count++;
    }
    n = count < NAMES_MAX ? calloc(1, sizeof(*n)) : NULL;
    if (n == NULL) {
        return;
    }
    n->net = net;
    n->port = a->port;
    n->sources = source;
    snprintf(n->host, sizeof(n->host), "%s", a->host);
    n->next = net->names;
    net->names = n;
}

void ls_dial_add(struct ls_net *net, const char *text, unsigned source,
                 const struct ls_uuid *expected)
{
    struct ls_error err = {0};
    struct ls_address a;
    struct endpoint *e;
    char numeric[LS_TCP_ADDR_SIZE];

    if (ls_address_parse(text, LS_NET_DEFAULT_PORT, &a, &err) != LS_OK || a.port == 0 ||
        a.host[0] == '\0') {
        if (source == SOURCE_USER) {
            ls_warn("'%s' is left out of the nodes to contact: %s", text,
                    err.text[0] != '\0' ? err.text : "it needs a host and a port");
        }
        return;
    }
    if (!ls_address_is_numeric(a.host)) {
        add_name(net, &a, source);
        return;
    }
    if (!ls_address_format(a.host, a.port, numeric, sizeof(numeric))) {
        return;
    }
    e = ls_dial_endpoint(net, numeric);
    if (e == NULL) {
        return;
    }
    e->sources |= source;
    if (source == SOURCE_GOSSIP) {
        e->gossip_until_us = ls_clock_us() + OUTDATED_US;
    }
    if (expected != NULL && !e->has_peer) {
        e->has_peer = true;
        e->peer = *expected;
    }
}

/* With the tick only: who is forgotten and named again at once keeps the look-up under way. */
static void sweep_names(struct ls_net *net)
{
    struct name **link = &net->names;

    while (*link != NULL) {
        struct name *n = *link;
        if (n->sources == 0) {
            if (n->query != NULL) {
                ls_dns_cancel(n->query);
            }
            *link = n->next;
            free(n);
        } else {
            link = &n->next;
        }
    }
}

/* Members are forgotten to be named anew, and some of them again: what their names have given stays
 * until its time is over. */
void ls_dial_forget(struct ls_net *net, unsigned source)
{
    for (struct endpoint *e = net->endpoints; e != NULL; e = e->next) {
        e->sources &= ~source;
        e->named &= ~source | SOURCE_MEMBER;
    }
    for (struct name *n = net->names; n != NULL; n = n->next) {
        n->sources &= ~source;
    }
}

/* The addresses that a name has given are forgotten when their time is over. */
void ls_dial_remove(struct ls_net *net, const char *text, unsigned source)
{
    struct ls_address a;
    char numeric[LS_TCP_ADDR_SIZE];

    if (ls_address_parse(text, LS_NET_DEFAULT_PORT, &a, NULL) != LS_OK ||
        !ls_address_format(a.host, a.port, numeric, sizeof(numeric))) {
        return;
    }
    for (struct endpoint *e = net->endpoints; e != NULL; e = e->next) {
        if (strcmp(e->addr, numeric) == 0) {
            e->sources &= ~source;
        }
    }
    for (struct name *n = net->names; n != NULL; n = n->next) {
        if (n->port == a.port && strcmp(n->host, a.host) == 0) {
            n->sources &= ~source;
        }
    }
}

void ls_dial_free(struct ls_net *net)
{
    ls_dial_forget(net, ~0u);
    sweep_names(net);
    while (net->endpoints != NULL) {
        struct endpoint *e = net->endpoints;
        net->endpoints = e->next;
        free(e);
    }
}

/* ---- dialling ---- */

bool ls_dial_connect(struct ls_net *net, const char *addr, uint8_t purpose, struct conn **out,
                     struct ls_error *err)
{
    /* Others see the address that we listen at: it is the one that people put into allow lists. */
    const char *from = ls_address_is_any(net->listen.host) ? NULL : net->listen.host;
    struct conn *c;
    struct ls_tcp *tcp;

    *out = NULL;
    if (ls_tcp_connect(net->loop, addr, from, &ls_conn_callbacks, NULL, &tcp, err) != LS_OK) {
        return false;
    }
    c = ls_conn_create(net, tcp);
    if (c == NULL) {
        ls_error_set(err, LS_E_NOMEM, "no memory");
        return false;
    }
    ls_tcp_set_callbacks(tcp, &ls_conn_callbacks, c);
    c->state = CONN_CONNECTING;
    c->dialled = true;
    c->purpose = purpose;
    c->deadline_us = ls_clock_us() + net->connect_timeout_us;
    *out = c;
    return true;
}

static void tell_unreachable(struct ls_net *net, struct peer *p, const char *why)
{
    char id[LS_NET_SHORT_ID_SIZE];

    p->verdict_due = false;
    ls_short_id(&p->id, id);
    ls_info("(%s, '%s') reconnecting to peer %s with addr %s://%s failed: %s", net->short_id,
            net->listen_text, id, net->scheme, p->dial, why);
    if (net->cb.peer_down != NULL) {
        net->cb.peer_down(net->cb.ctx, &p->id, true);
    }
}

/* A name may well give addresses at which no node listens (IPv6 beside IPv4, say): once somebody is
 * connected, these are no news. */
static bool worth_a_line(const struct ls_net *net, const struct endpoint *e)
{
    return (e->sources & (SOURCE_USER | SOURCE_MEMBER)) != 0 ||
           ((e->named & (SOURCE_USER | SOURCE_MEMBER)) != 0 && net->stats.connections == 0);
}

/* Nobody's silence: that of a process that stands still, say, ends in a time-out. */
static bool is_refusal(const struct endpoint *e, const struct conn *c)
{
    return c != NULL && !c->undecided && !e->self &&
           (c->tls_failed || c->stranger != STRANGER_NONE ||
            (c->greeted && ls_clock_us() < c->deadline_us));
}

/* An attempt at e ended without a connection. */
static void attempt_failed(struct ls_net *net, struct endpoint *e, const struct conn *c,
                           const char *why)
{
    bool verdict = verdict_wanted(net, e) && (c == NULL || !c->undecided);
    struct peer *p = verdict ? ls_peer_find(net, &e->peer) : NULL;
    uint32_t held_back;

    e->stranger = c != NULL ? c->stranger : STRANGER_NONE;
    e->fails++;
    e->refusals = is_refusal(e, c) ? e->refusals + 1 : 0;
    e->next_us = ls_clock_us() + e->pause_us;
    e->pause_us = e->pause_us < LS_NET_PAUSE_MAX_US / 2 ? e->pause_us * 2 : LS_NET_PAUSE_MAX_US;
    if (p != NULL) {
        tell_unreachable(net, p, why);
    } else if ((c == NULL || !c->quiet) && worth_a_line(net, e) &&
               ls_net_may_warn(net, e->addr, &held_back)) {
        ls_info("(%s, '%s') no connection to %s://%s yet (%s), trying again", net->short_id,
                net->listen_text, net->scheme, e->addr, why);
    }
}

void ls_dial_found(struct conn *c, const struct ls_uuid *id)
{
    struct endpoint *e = c->endpoint;
    struct peer *missed = NULL;

    if (e->has_peer && !ls_uuid_equal(&e->peer, id) && verdict_wanted(c->net, e)) {
        missed = ls_peer_find(c->net, &e->peer);
    }
    e->has_peer = true;
    e->peer = *id;
    e->stranger = STRANGER_NONE;
    if (missed != NULL) {
        tell_unreachable(c->net, missed, "another node is there now");
    }
}

static void dial(struct ls_net *net, struct endpoint *e)
{
    struct ls_error err = {0};
    struct conn *c;

    if (!ls_dial_connect(net, e->addr, LS_HELLO_MAIN, &c, &err)) {
        attempt_failed(net, e, NULL, err.text);
        return;
    }
    c->endpoint = e;
    e->conn = c;
}

void ls_dial_ended(struct conn *c, bool was_up, const char *why)
{
    struct endpoint *e = c->endpoint;

    c->endpoint = NULL;
    e->conn = NULL;
    e->plain = c->net->tls_dynamic && c->tls_failed;
    if (was_up) {
        e->fails = 0;
        e->pause_us = PAUSE_MIN_US;
        e->next_us = ls_clock_us() + (c->dropped ? LS_NET_PAUSE_REFUSED_US : PAUSE_MIN_US);
    } else {
        attempt_failed(c->net, e, c, why);
    }
}

void ls_dial_verdict(struct ls_net *net, struct peer *p)
{
    struct endpoint *e = p->dial[0] != '\0' ? ls_dial_endpoint(net, p->dial) : NULL;

    if (e == NULL) {
        return; /* nowhere to try: silence has to tell */
    }
    e->has_peer = true;
    e->peer = p->id;
    p->verdict_due = true;
    if (e->conn == NULL) {
        dial(net, e);
    }
}

static bool greets_somebody(const struct ls_net *net)
{
    for (const struct conn *c = net->conns; c != NULL; c = c->next) {
        if (c->state == CONN_CHECKING || c->state == CONN_HELLO || c->state == CONN_WAIT_START) {
            return true;
        }
    }
    return false;
}

bool ls_net_has_tried(struct ls_net *net)
{
    if (greets_somebody(net)) {
        return false;
    }
    for (const struct name *n = net->names; n != NULL; n = n->next) {
        if ((n->sources & SOURCE_USER) != 0 && (n->query != NULL || n->next_us == 0)) {
            return false;
        }
    }
    for (const struct endpoint *e = net->endpoints; e != NULL; e = e->next) {
        if ((sources_of(e) & (SOURCE_USER | SOURCE_MEMBER)) != 0 && !is_reached(net, e) &&
            e->fails == 0) {
            return false;
        }
    }
    return true;
}

size_t ls_net_strangers(const struct ls_net *net, char *out, size_t size, bool *galera)
{
    size_t count = 0;
    size_t len = 0;

    out[0] = '\0';
    *galera = false;
    for (const struct endpoint *e = net->endpoints; e != NULL; e = e->next) {
        if (e->stranger == STRANGER_NONE || (e->sources & (SOURCE_USER | SOURCE_MEMBER)) == 0) {
            continue;
        }
        *galera = *galera || e->stranger == STRANGER_GALERA;
        if (len + strlen(e->addr) + 3 <= size) {
            len += (size_t)snprintf(out + len, size - len, "%s%s", count > 0 ? ", " : "", e->addr);
        }
        count++;
    }
    return count;
}

bool ls_net_is_refused(const struct ls_net *net)
{
    bool refused = false;

    for (const struct endpoint *e = net->endpoints; e != NULL; e = e->next) {
        refused |= e->refusals >= REFUSALS_IN_EARNEST &&
                   (sources_of(e) & (SOURCE_USER | SOURCE_MEMBER)) != 0;
    }
    return refused && net->stats.connections == 0;
}

static size_t dials_under_way(const struct ls_net *net)
{
    size_t n = 0;

    for (const struct conn *c = net->conns; c != NULL; c = c->next) {
        n += c->dialled &&
             (c->state == CONN_CONNECTING || c->state == CONN_CHECKING || c->state == CONN_HELLO);
    }
    return n;
}

/* The one that has been due for longest, NULL: none, or enough are under way. So all of them have
 * their turn while no name server answers. */
static struct name *next_lookup(const struct ls_net *net, int64_t now_us)
{
    struct name *next = NULL;
    size_t under_way = 0;

    for (struct name *n = net->names; n != NULL; n = n->next) {
        under_way += n->query != NULL;
        if (n->query == NULL && now_us >= n->next_us &&
            (next == NULL || n->next_us <= next->next_us)) {
            next = n;
        }
    }
    return under_way < LOOKUPS_MAX ? next : NULL;
}

static void look_up(struct ls_net *net, int64_t now_us)
{
    struct name *n;

    while ((n = next_lookup(net, now_us)) != NULL) {
        n->next_us = now_us + LOOKUP_FAILED_US;
        ls_dns_resolve(net->loop, n->host, n->port, name_resolved, n, &n->query);
    }
}

void ls_dial_tick(struct ls_net *net, int64_t now_us)
{
    size_t under_way = dials_under_way(net);

    if (net->isolated || net->listener == NULL) {
        return;
    }
    sweep_endpoints(net, now_us);
    sweep_names(net);
    look_up(net, now_us);
    for (struct endpoint *e = net->endpoints; e != NULL && under_way < DIALS_MAX; e = e->next) {
        if (now_us >= e->next_us && is_wanted(net, e, now_us)) {
            dial(net, e);
            under_way++;
        }
    }
}
