/* From a connected socket to a peer that is up.
 *
 * Both sides send HELLO; the node with the smaller uuid then chooses the connection by sending
 * START on it, and only START makes a main connection up, on both sides. So two nodes that dial
 * each other at the same time agree on one connection, and nothing that was sent on a connection
 * that was up is lost by the choice.
 *
 * While a connection of a uuid is up, another one of the same uuid is parked and the first is asked
 * for a sign of life (PING). If there is one, the newcomer is refused: a second way to the same
 * process quietly, another process with that uuid loudly. If not, the newcomer takes its place. */
#include "gcomm/net/internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/address.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/process.h"

#include <stdio.h>
#include <string.h>

#define PROBE_US 2000000

static void refuse(struct conn *c, uint8_t code, const char *text)
{
    uint8_t frame[LS_REFUSED_FRAME_MAX];

    ls_conn_send(c, frame, ls_refused_encode(code, text, frame, sizeof(frame)));
    c->quiet = true;
    ls_conn_close(c, text);
}

/* ---- HELLO out ---- */

static void add_gossip(struct ls_hello *h, const char *addr)
{
    if (addr[0] == '\0' || h->peer_count == LS_HELLO_PEERS) {
        return;
    }
    for (uint32_t i = 0; i < h->peer_count; i++) {
        if (strcmp(h->peers[i], addr) == 0) {
            return;
        }
    }
    snprintf(h->peers[h->peer_count++], LS_ADDR_SIZE, "%s", addr);
}

static void send_hello(struct conn *c)
{
    struct ls_net *net = c->net;
    uint8_t frame[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    struct ls_hello h = {.version_min = LS_WIRE_VERSION_MIN,
                         .version_max = LS_WIRE_VERSION_MAX,
                         .id = net->id,
                         .incarnation = net->incarnation,
                         .instance = net->instance,
                         .port = net->advertise_port != 0 ? net->advertise_port : net->port,
                         .purpose = c->purpose,
                         .segment = net->segment};
    size_t n;

    snprintf(h.cluster, sizeof(h.cluster), "%s", net->cluster);
    snprintf(h.name, sizeof(h.name), "%s", net->name);
    snprintf(h.host, sizeof(h.host), "%s", net->advertise_host);
    for (const struct peer *p = net->peers; p != NULL; p = p->next) {
        if (p->main != NULL || p->member) {
            add_gossip(&h, p->shown);
        }
    }
    n = ls_hello_encode(&h, frame, sizeof(frame));
    LS_ASSERT(n > 0);
    ls_conn_send(c, frame, n);
}

/* ---- TLS ---- */

#define TLS_ALERT 0x15 /* RFC 8446, 5.1: the type of a record; the next byte is 3 */
#define TLS_HANDSHAKE 0x16

static bool secure(struct conn *c)
{
    struct ls_error err = {0};

    if (ls_tcp_secure(c->tcp, c->net->tls, !c->dialled, &err) == LS_OK) {
        return true;
    }
    ls_conn_break(c, err.text);
    return false;
}

/* A dialled connection. Bulk goes the way of the main connection. */
static bool wants_tls(const struct conn *c)
{
    if (c->net->tls == NULL || !c->net->tls_dynamic) {
        return c->net->tls != NULL;
    }
    if (c->purpose == LS_HELLO_BULK) {
        return c->peer->main != NULL && ls_tcp_is_secure(c->peer->main->tcp);
    }
    return c->endpoint == NULL || !c->endpoint->plain;
}

bool ls_handshake_detect(struct conn *c)
{
    struct ls_error err = {0};
    uint8_t first = 0;
    enum ls_rc rc = ls_tcp_peek(c->tcp, &first, &err);

    if (rc == LS_E_BUSY) {
        return false;
    }
    c->detect = false;
    return rc != LS_OK || first != TLS_HANDSHAKE || secure(c);
}

/* Galera's first message, which the side that was dialled sends: a length of 24 bits, always 36,
 * the kind of checksum, the checksum; then version, type 1 (handshake), flags 0x10, segment, and
 * two uuids. */
#define GALERA_HEAD 8
#define GALERA_LENGTH 36

static bool is_galera(const uint8_t *b, size_t len)
{
    return len >= GALERA_HEAD + 4 && b[0] == GALERA_LENGTH && b[1] == 0 && b[2] == 0 && b[3] <= 2 &&
           b[GALERA_HEAD] <= 1 && b[GALERA_HEAD + 1] == 1 && b[GALERA_HEAD + 2] == 0x10;
}

const char *ls_handshake_blame(struct conn *c, const char *why)
{
    size_t len = c->in_len - c->in_pos;
    const uint8_t *b;

    if (c->state != CONN_HELLO || len == 0) {
        return why;
    }
    b = c->in + c->in_pos;
    if (len >= 2 && b[1] == 3 && (b[0] == TLS_ALERT || b[0] == TLS_HANDSHAKE)) {
        return "it speaks TLS, and this node does not: give all nodes socket.ssl_key, "
               "socket.ssl_cert and socket.ssl_ca, or none";
    }
    if (is_galera(b, len)) {
        c->stranger = STRANGER_GALERA;
        return "it speaks Galera's protocol";
    }
    if (!ls_frame_begins(b, len)) {
        c->stranger = STRANGER_SOMEBODY;
    }
    return why;
}

/* One line a minute for each thing that is wrong with a host: the words behind the last colon come
 * from a set that strangers cannot enlarge. */
static void warn_no_tls(struct conn *c, const char *why)
{
    char key[LS_HOST_SIZE];
    const char *kind = strrchr(why, ':');

    snprintf(key, sizeof(key), "%s %s", c->host, kind != NULL ? kind : why);
    ls_net_warn(c->net, key, "no TLS with %s: %s", c->addr, why);
}

/* A look whether the port is open, or a node that has no place for us in its allow list. */
static void tell_silent(const struct conn *c)
{
    char key[LS_HOST_SIZE];
    uint32_t held_back;

    snprintf(key, sizeof(key), "silent %s", c->host);
    if (ls_net_may_warn(c->net, key, &held_back)) {
        ls_info("(%s, '%s') %s connected and went away without a handshake: it said nothing",
                c->net->short_id, c->net->listen_text, c->addr);
    }
}

const char *ls_handshake_lost(struct conn *c, enum ls_rc rc, const char *why)
{
    why = ls_handshake_blame(c, why);
    c->tls_failed = c->dialled && ls_tcp_is_secure(c->tcp);
    if (!c->dialled && !c->quiet && rc == LS_E_PROTO) {
        warn_no_tls(c, why);
    } else if (!c->dialled && !c->quiet && c->in_len == 0 && rc == LS_E_CLOSED) {
        tell_silent(c);
    } else if (!c->dialled && !c->quiet) {
        ls_net_warn(c->net, c->host, "%s connected and went away without a handshake (%s)", c->addr,
                    why);
    }
    return why;
}

void ls_handshake_start(struct conn *c)
{
    if (c->net->allow != NULL && c->net->guard != 0 && c->purpose == LS_HELLO_MAIN) {
        ls_allow_check(c);
    } else {
        ls_handshake_greet(c);
    }
}

void ls_handshake_greet(struct conn *c)
{
    if (wants_tls(c) && !secure(c)) {
        return;
    }
    c->state = CONN_HELLO;
    c->deadline_us = ls_clock_us() + c->net->handshake_timeout_us;
    c->greeted = true;
    send_hello(c);
}

/* ---- accepting ---- */

void ls_handshake_accepted(void *ctx, struct ls_tcp *tcp)
{
    struct ls_net *net = ctx;
    struct conn *c;
    bool known;

    if (net->isolated) {
        ls_tcp_close(tcp);
        return;
    }
    known = ls_admit(net, ls_tcp_peer_host(tcp));
    c = ls_conn_create(net, tcp);
    if (c == NULL) {
        return;
    }
    c->known = known;
    c->fresh = true;
    c->state = CONN_HELLO;
    c->detect = net->tls != NULL && net->tls_dynamic;
    ls_tcp_set_callbacks(tcp, &ls_conn_callbacks, c);
    if (net->tls != NULL && !c->detect && !secure(c)) {
        return;
    }
    if (net->allow != NULL) {
        ls_allow_check(c);
    }
}

/* ---- a main connection becomes the connection ---- */

static void learn(struct conn *c, const struct ls_hello *h)
{
    struct ls_net *net = c->net;

    if (c->endpoint != NULL) {
        ls_dial_found(c, &h->id);
    }
    if (c->dial[0] != '\0') {
        ls_dial_add(net, c->dial, SOURCE_GOSSIP, &h->id);
    }
    for (uint32_t i = 0; i < h->peer_count; i++) {
        ls_dial_add(net, h->peers[i], SOURCE_GOSSIP, NULL);
    }
}

/* Two nodes that come at the same time to a third, whose HELLO went to each before the other was
 * up, would not hear of each other: whoever is up is told of each newcomer. */
static void tell_others(const struct conn *newcomer)
{
    for (struct peer *p = newcomer->net->peers; p != NULL; p = p->next) {
        if (p->main != NULL && p->main != newcomer && !p->main->broken) {
            send_hello(p->main);
        }
    }
}

void ls_handshake_gossip(struct conn *c, const uint8_t *body, size_t size)
{
    struct ls_hello h;
    struct ls_error err = {0};

    if (ls_hello_decode(body, size, &h, &err) != LS_OK || !ls_uuid_equal(&h.id, &c->peer->id)) {
        ls_net_warn(c->net, c->host, "%s broke the handshake, the connection is closed", c->addr);
        ls_conn_close(c, "it broke the handshake");
        return;
    }
    learn(c, &h);
}

static bool we_choose(const struct ls_net *net, const struct peer *p)
{
    return ls_uuid_compare(&net->id, &p->id) < 0;
}

static void take_up(struct conn *c)
{
    struct ls_net *net = c->net;
    struct peer *p = c->peer;
    char id[LS_NET_SHORT_ID_SIZE];

    LS_ASSERT(p->main == NULL);
    if (p->parked == c) {
        p->parked = NULL;
    }
    c->state = CONN_UP;
    p->main = c;
    p->instance = c->instance;
    p->incarnation = c->incarnation;
    p->verdict_due = false;
    p->probe = 0;
    snprintf(p->name, sizeof(p->name), "%s", c->name);
    snprintf(p->dial, sizeof(p->dial), "%s", c->dial);
    snprintf(p->shown, sizeof(p->shown), "%s", c->shown);
    net->stats.connections++;
    ls_short_id(&p->id, id);
    ls_info("(%s, '%s') connection established to %s %s://%s", net->short_id, net->listen_text, id,
            ls_tcp_is_secure(c->tcp) ? "ssl" : "tcp", c->shown);
    tell_others(c);
    if (net->guard != 0 && !p->member) {
        ls_allow_vet(c); /* the list did not count yet when its handshake began */
    }
    if (net->cb.peer_up != NULL) {
        net->cb.peer_up(net->cb.ctx, &p->id, p->incarnation, p->name, c->shown);
    }
}

/* Reading was off while it was parked: what has come meanwhile is handled now. */
static void go_on(struct conn *c)
{
    if (c->state != CONN_CLOSED && !c->broken) {
        ls_tcp_want_read(c->tcp, true);
        ls_conn_parse(c);
    }
}

static void choose(struct conn *c)
{
    if (we_choose(c->net, c->peer)) {
        ls_conn_signal(c, LS_FRAME_START, 0);
        if (!c->broken) {
            take_up(c);
        }
    } else if (c->started) {
        take_up(c);
    } else {
        c->state = CONN_WAIT_START;
    }
}

void ls_handshake_unpark(struct peer *p)
{
    struct conn *c = p->parked;

    if (c == NULL || p->main != NULL) {
        return;
    }
    p->parked = NULL;
    c->deadline_us = ls_clock_us() + c->net->handshake_timeout_us;
    if (c->hello_due) {
        c->hello_due = false;
        send_hello(c);
    }
    choose(c);
    go_on(c);
}

static void park(struct conn *c)
{
    struct peer *p = c->peer;

    if (p->parked != NULL) {
        refuse(c, LS_REFUSED_BUSY, "another connection of this node is being looked at");
        return;
    }
    p->parked = c;
    c->state = CONN_PARKED;
    ls_tcp_want_read(c->tcp, false);
    p->probe = ls_os_random() | 1;
    p->probe_deadline_us = ls_clock_us() + PROBE_US;
    c->deadline_us = p->probe_deadline_us + c->net->handshake_timeout_us;
    ls_conn_signal(p->main, LS_FRAME_PING, p->probe);
}

static void refuse_copy(struct conn *c)
{
    char text[LS_REFUSED_TEXT_SIZE];

    snprintf(text, sizeof(text),
             "a living node has the same uuid %s: this one was started from a copy of its data "
             "directory; stop it and remove its grastate.dat and lockstep-identity.log",
             LS_UUID_STR(&c->peer->id));
    ls_net_warn(c->net, c->host, "node '%s' at %s is refused: %s", c->name, c->addr, text);
    refuse(c, LS_REFUSED_OTHER, text);
}

void ls_handshake_pong(struct conn *c, uint64_t value)
{
    struct peer *p = c->peer;
    struct conn *parked = p->parked;

    if (p->main != c || p->probe == 0 || value != p->probe) {
        return;
    }
    p->probe = 0;
    if (parked == NULL) {
        return;
    }
    if (parked->instance == c->instance) {
        refuse(parked, LS_REFUSED_CONNECTED, "connected already");
    } else {
        refuse_copy(parked);
    }
}

/* ---- HELLO in ---- */

/* What must hold between us and any peer. False: refused and closed. */
static bool greet(struct conn *c, const struct ls_hello *h)
{
    struct ls_net *net = c->net;
    char text[LS_REFUSED_TEXT_SIZE];

    if (h->version_min > LS_WIRE_VERSION_MAX || h->version_max < LS_WIRE_VERSION_MIN) {
        snprintf(text, sizeof(text),
                 "no common protocol version: one side speaks %u to %u, the other %u to %u; "
                 "upgrade the older one",
                 (unsigned)h->version_min, (unsigned)h->version_max, LS_WIRE_VERSION_MIN,
                 LS_WIRE_VERSION_MAX);
    } else if (strcmp(h->cluster, net->cluster) != 0) {
        snprintf(text, sizeof(text),
                 "the cluster names differ, '%.80s' and '%.80s': check wsrep_cluster_name and "
                 "wsrep_cluster_address",
                 h->cluster, net->cluster);
    } else if (!ls_uuid_equal(&h->id, &net->id)) {
        return true;
    } else if (h->instance == net->instance) {
        if (c->endpoint != NULL) {
            c->endpoint->self = true;
        }
        refuse(c, LS_REFUSED_SELF, "this is the node itself");
        return false;
    } else {
        snprintf(text, sizeof(text),
                 "both have the uuid %s: one was started from a copy of the other's data "
                 "directory; stop it and remove its grastate.dat and lockstep-identity.log",
                 LS_UUID_STR(&net->id));
    }
    ls_net_warn(net, c->host, "node '%s' at %s is refused: %s", h->name, c->addr, text);
    refuse(c, LS_REFUSED_OTHER, text);
    return false;
}

/* The host's name is what a server has that was given none. Several such servers on one machine are
 * a test, and the server's suites, which run so, take a warning for a failure. */
static bool unnamed_neighbour(const struct conn *c, const char *name)
{
    bool here = strncmp(c->host, "127.", 4) == 0 || strcmp(c->host, "::1") == 0;

    return here && ls_process_host_is(name);
}

static void warn_same_name(struct conn *c, const struct ls_hello *h)
{
    struct ls_net *net = c->net;
    bool same = strcmp(h->name, net->name) == 0;

    for (const struct peer *p = net->peers; p != NULL && !same; p = p->next) {
        same = p->main != NULL && !ls_uuid_equal(&p->id, &h->id) && strcmp(h->name, p->name) == 0;
    }
    if (same && h->name[0] != '\0' && !unnamed_neighbour(c, h->name)) {
        ls_net_warn(net, h->name,
                    "two nodes have the name '%s', one of them at %s: give each its own "
                    "wsrep_node_name",
                    h->name, c->addr);
    }
}

/* Where the peer can be dialled: the number that we use, and the address that it is shown with and
 * that others are told. */
static void note_address(struct conn *c, const struct ls_hello *h)
{
    if (c->dialled) {
        snprintf(c->dial, sizeof(c->dial), "%s", c->addr);
    } else if (h->port == 0 ||
               !ls_address_format(ls_address_is_numeric(h->host) ? h->host : c->host, h->port,
                                  c->dial, sizeof(c->dial))) {
        c->dial[0] = '\0';
    }
    if (h->host[0] == '\0' || !ls_address_format(h->host, h->port, c->shown, sizeof(c->shown))) {
        snprintf(c->shown, sizeof(c->shown), "%s", c->dial[0] != '\0' ? c->dial : c->addr);
    }
}

static void settle_main(struct conn *c)
{
    struct peer *p = c->peer;

    if (p->main == NULL) {
        choose(c);
    } else if (p->main->instance == c->instance && !we_choose(c->net, p)) {
        c->state = CONN_WAIT_START; /* the peer decides, and may know that the old one is dead */
    } else {
        park(c);
    }
}

static void settle_bulk(struct conn *c)
{
    struct peer *p = c->peer;

    if (p->main == NULL || p->main->instance != c->instance) {
        refuse(c, LS_REFUSED_BUSY, "the main connection comes first");
        return;
    }
    c->state = CONN_UP;
    if (c->dialled) {
        ls_bulk_up(c);
    }
}

static void handle_hello(struct conn *c, const uint8_t *body, size_t size)
{
    struct ls_hello h;
    struct ls_error err = {0};
    struct peer *p;

    if (ls_hello_decode(body, size, &h, &err) != LS_OK) {
        ls_net_warn(c->net, c->host, "%s is refused: %s", c->addr, err.text);
        refuse(c, LS_REFUSED_OTHER, err.text);
        return;
    }
    if (!greet(c, &h)) {
        return;
    }
    p = ls_peer_get(c->net, &h.id);
    if (p == NULL ||
        (c->dialled && (c->purpose != h.purpose || (c->peer != NULL && c->peer != p)))) {
        refuse(c, LS_REFUSED_OTHER, p == NULL ? "too many nodes" : "this is another node by now");
        return;
    }
    if (ls_clock_us() < p->kept_out_us) {
        refuse(c, LS_REFUSED_BUSY, "this node was dropped a moment ago");
        return;
    }
    c->peer = p;
    c->purpose = h.purpose;
    c->instance = h.instance;
    c->incarnation = h.incarnation;
    c->version =
        (uint8_t)(h.version_max < LS_WIRE_VERSION_MAX ? h.version_max : LS_WIRE_VERSION_MAX);
    snprintf(c->name, sizeof(c->name), "%s", h.name);
    note_address(c, &h);
    warn_same_name(c, &h);
    learn(c, &h);
    if (!c->dialled && c->purpose == LS_HELLO_MAIN && p->main != NULL &&
        p->main->instance != c->instance) {
        /* Our HELLO would let it believe that it is welcome. */
        c->hello_due = true;
        park(c);
        return;
    }
    if (!c->dialled) {
        send_hello(c);
    }
    if (c->broken) {
        return;
    }
    if (c->purpose == LS_HELLO_BULK) {
        settle_bulk(c);
    } else {
        settle_main(c);
    }
}

/* The peer has the smaller uuid and has chosen this connection. */
static void handle_start(struct conn *c)
{
    struct peer *p = c->peer;

    c->started = true;
    if (p->main != NULL && p->main->instance != c->instance) {
        park(c); /* two processes with that uuid wanted in at the same time */
        return;
    }
    if (p->main != NULL) {
        p->main->dropped = true; /* no reconnect: here is the new one */
        ls_conn_close(p->main, "the peer has chosen another connection");
    }
    if (c->state == CONN_WAIT_START && p->main == NULL) {
        take_up(c);
    }
}

static void handle_refused(struct conn *c, const uint8_t *body, size_t size)
{
    char text[LS_REFUSED_TEXT_SIZE];
    struct ls_error err = {0};
    uint8_t code;

    if (ls_refused_decode(body, size, &code, text, &err) != LS_OK) {
        strcpy(text, "it gives no reason that can be read");
        code = LS_REFUSED_OTHER;
    }
    if (code == LS_REFUSED_SELF && c->endpoint != NULL) {
        c->endpoint->self = true;
    } else if (code == LS_REFUSED_OTHER) {
        ls_net_warn(c->net, c->addr, "the node at %s refuses us: %s", c->addr, text);
        if (c->endpoint != NULL) {
            c->endpoint->pause_us = LS_NET_PAUSE_REFUSED_US;
        }
        c->dropped = true; /* asking again soon is no use */
    }
    c->undecided = code == LS_REFUSED_CONNECTED || code == LS_REFUSED_BUSY;
    c->quiet = true;
    ls_conn_close(c, text);
}

void ls_handshake_frame(struct conn *c, const struct ls_frame *f, const uint8_t *body)
{
    if (f->type == LS_FRAME_REFUSED) {
        handle_refused(c, body, f->body_size);
    } else if (f->type == LS_FRAME_HELLO && c->state == CONN_HELLO) {
        handle_hello(c, body, f->body_size);
    } else if (f->type == LS_FRAME_START && c->state == CONN_WAIT_START) {
        handle_start(c);
    } else {
        ls_net_warn(c->net, c->host, "%s broke the handshake, the connection is closed", c->addr);
        ls_conn_close(c, "it broke the handshake");
    }
}

/* ---- time ---- */

static void probe_expired(struct ls_net *net, struct peer *p)
{
    p->probe = 0;
    if (p->main != NULL && p->parked != NULL) {
        /* main_closed() lets the parked one go on. */
        ls_conn_close(p->main, "no sign of life, and the peer has a new connection");
    }
}

static void expire(struct conn *c)
{
    switch (c->state) {
    case CONN_CONNECTING:
        ls_conn_close(c, "connecting timed out");
        break;
    case CONN_CHECKING:
        ls_conn_close(c, "the allow list was not answered in time");
        break;
    case CONN_HELLO:
        if (!c->quiet && !c->dialled && !c->waits) {
            ls_net_warn(c->net, c->host, "%s connected, but did not say who it is in time",
                        c->addr);
        }
        ls_conn_close(c, ls_handshake_blame(c, "the handshake timed out"));
        break;
    default:
        ls_conn_close(c, "the handshake timed out");
    }
}

void ls_handshake_tick(struct ls_net *net, int64_t now_us)
{
    for (struct peer *p = net->peers; p != NULL; p = p->next) {
        if (p->probe != 0 && now_us >= p->probe_deadline_us) {
            probe_expired(net, p);
        }
    }
    for (struct conn *c = net->conns; c != NULL; c = c->next) {
        if (c->state != CONN_UP && c->state != CONN_CLOSED && now_us >= c->deadline_us) {
            expire(c);
        }
    }
}
