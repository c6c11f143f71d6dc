#include "gcomm/net/internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_BYTES ((size_t)256 << 10)   /* read from one peer per turn of the loop */
#define IN_HELLO_BYTES ((size_t)4 << 10) /* first buffer of a connection, until it is up */
#define IN_FIRST_BYTES ((size_t)64 << 10)
#define IN_KEEP_BYTES ((size_t)1 << 20) /* a larger buffer is given back once it is empty */
#define GATHER_BYTES ((size_t)64 << 10) /* small messages that wait for ls_net_flush() at most */
#define DIRECT_BYTES ((size_t)32 << 10) /* payloads from here on are not copied if it can be */
#define WRITE_PIECES 64
#define ARRIVING_US 50000 /* between two words about a message that is under way */

struct conn *ls_conn_create(struct ls_net *net, struct ls_tcp *tcp)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        ls_tcp_close(tcp);
        return NULL;
    }
    c->net = net;
    c->tcp = tcp;
    c->version = LS_WIRE_VERSION_MIN;
    c->purpose = LS_HELLO_MAIN;
    c->deadline_us = ls_clock_us() + net->handshake_timeout_us;
    snprintf(c->addr, sizeof(c->addr), "%s", ls_tcp_peer(tcp));
    snprintf(c->host, sizeof(c->host), "%s", ls_tcp_peer_host(tcp));
    c->next = net->conns;
    net->conns = c;
    return c;
}

void ls_conn_free(struct conn *c)
{
    LS_ASSERT(c->tcp == NULL);
    ls_outq_clear(&c->out);
    free(c->in);
    free(c);
}

void ls_conn_reap(struct ls_net *net)
{
    struct conn **link = &net->conns;

    while (*link != NULL) {
        struct conn *c = *link;
        if (c->state == CONN_CLOSED) {
            *link = c->next;
            ls_conn_free(c);
        } else {
            link = &c->next;
        }
    }
}

static void main_closed(struct conn *c, struct peer *p, const char *why)
{
    struct ls_net *net = c->net;
    char id[LS_NET_SHORT_ID_SIZE];

    p->main = NULL;
    p->probe = 0;
    net->stats.connections--;
    ls_short_id(&p->id, id);
    ls_info("(%s, '%s') connection to peer %s with addr %s://%s is closed: %s", net->short_id,
            net->listen_text, id, net->scheme, p->shown, why);
    for (struct conn *k = net->conns; k != NULL; k = k->next) {
        if (k->peer == p && k->purpose == LS_HELLO_BULK) {
            ls_conn_break(k, "the main connection is closed");
        }
    }
    ls_bulk_fail(p, LS_E_CLOSED);
    if (net->cb.peer_down != NULL) {
        net->cb.peer_down(net->cb.ctx, &p->id, false);
    }
    if (p->parked != NULL) {
        ls_handshake_unpark(p);
    } else if (!c->dropped && !net->isolated) {
        ls_dial_verdict(net, p);
    }
}

void ls_conn_close(struct conn *c, const char *why)
{
    struct peer *p = c->peer;
    bool was_up = c->state == CONN_UP;

    if (c->state == CONN_CLOSED) {
        return;
    }
    c->state = CONN_CLOSED;
    ls_tcp_close(c->tcp);
    c->tcp = NULL;
    c->check = NULL; /* nobody waits for its outcome */
    if (c->why[0] != '\0') {
        why = c->why;
    }
    /* The endpoint first: a reconnect may be due from below. */
    if (c->dialled && c->endpoint != NULL) {
        ls_dial_ended(c, was_up, why);
    }
    if (p == NULL) {
        return;
    }
    if (p->parked == c) {
        p->parked = NULL;
    }
    if (p->main == c) {
        main_closed(c, p, why);
    } else if (p->bulk == c) {
        ls_bulk_closed(c, why);
    }
}

void ls_conn_break(struct conn *c, const char *why)
{
    if (c->broken || c->state == CONN_CLOSED) {
        return;
    }
    c->broken = true;
    snprintf(c->why, sizeof(c->why), "%s", why);
    ls_outq_clear(&c->out);
    ls_tcp_want_write(c->tcp, false);
    ls_tcp_shutdown(c->tcp);
}

/* ---- reading ---- */

/* A peer that breaks the rules, or no peer at all. */
static void protocol_error(struct conn *c, const char *why)
{
    if (!c->quiet) {
        ls_net_warn(c->net, c->host,
                    "%s %s sent what a node does not send, the connection is closed: %s",
                    c->state == CONN_UP ? "peer" : "a stranger at", c->addr, why);
    }
    c->quiet = true;
    ls_conn_close(c, why);
}

static void handle_message(struct conn *c, const struct ls_frame *f, const uint8_t *body)
{
    struct ls_net *net = c->net;
    struct ls_error err = {0};
    struct ls_msg msg;
    enum ls_rc rc = ls_wire_message_decode(&net->decoder, f, body, body + f->body_size, &msg, &err);

    if (rc == LS_OK) {
        net->cb.message(net->cb.ctx, &c->peer->id, &msg);
    } else {
        protocol_error(c, err.text);
    }
}

static void handle_signal(struct conn *c, const struct ls_frame *f, const uint8_t *body)
{
    struct ls_net *net = c->net;
    struct ls_error err = {0};
    uint64_t value;

    if (f->payload_size != 0 || ls_signal_decode(body, f->body_size, &value, &err) != LS_OK) {
        protocol_error(c, "a signal has a wrong size");
    } else if (f->type == LS_FRAME_PING) {
        ls_conn_signal(c, LS_FRAME_PONG, value);
    } else if (f->type == LS_FRAME_PONG) {
        ls_handshake_pong(c, value);
    } else if (net->cb.signal != NULL) {
        net->cb.signal(net->cb.ctx, &c->peer->id, (enum ls_signal)f->type, value);
    }
}

static bool is_signal(uint8_t type)
{
    return (type >= LS_FRAME_PING && type <= LS_FRAME_FLOW) || type == LS_FRAME_WANT_APPLIED ||
           type == LS_FRAME_APPLIED;
}

/* A frame on a connection that is up; its body check was made. */
static void handle_frame(struct conn *c, const struct ls_frame *f, const uint8_t *body)
{
    bool bulk = c->purpose == LS_HELLO_BULK;

    if (f->type == LS_FRAME_REFUSED) {
        ls_handshake_frame(c, f, body);
    } else if (!bulk && f->type == LS_FRAME_HELLO && f->payload_size == 0 &&
               f->body_size <= LS_FRAME_HELLO_MAX) {
        ls_handshake_gossip(c, body, (size_t)f->body_size);
    } else if (bulk && !c->dialled && f->type == LS_FRAME_CHUNK && f->version == c->version) {
        ls_bulk_chunk(c, f, body);
    } else if (!bulk && is_signal(f->type)) {
        handle_signal(c, f, body);
    } else if (!bulk && f->type >= 1 && f->type <= LS_MSG_MAX && f->version == c->version) {
        handle_message(c, f, body);
    } else {
        protocol_error(c, "a message that has no place on this connection");
    }
}

/* Limits of what may come before a connection is up. */
static bool fits_state(const struct conn *c, const struct ls_frame *f)
{
    return c->state == CONN_UP || (f->type >= LS_FRAME_HELLO && f->type <= LS_FRAME_START &&
                                   f->payload_size == 0 && f->body_size <= LS_FRAME_HELLO_MAX);
}

void ls_conn_parse(struct conn *c)
{
    while ((c->state == CONN_HELLO || c->state == CONN_WAIT_START || c->state == CONN_UP) &&
           !c->broken && c->in_len - c->in_pos >= LS_FRAME_HEADER_SIZE) {
        const uint8_t *head = c->in + c->in_pos;
        const uint8_t *body = head + LS_FRAME_HEADER_SIZE;
        struct ls_error err = {0};
        struct ls_frame f;

        if (ls_frame_open(head, &f, &err) != LS_OK) {
            protocol_error(c, ls_handshake_blame(c, err.text));
            return;
        }
        if (!fits_state(c, &f)) {
            protocol_error(c, "a message before the handshake was through");
            return;
        }
        if (c->in_len - c->in_pos < ls_frame_total(&f)) {
            return;
        }
        c->in_pos += (size_t)ls_frame_total(&f);
        if (ls_frame_check_body(&f, body, &err) != LS_OK) {
            protocol_error(c, err.text);
        } else if (c->state == CONN_UP) {
            handle_frame(c, &f, body);
        } else {
            ls_handshake_frame(c, &f, body);
        }
    }
}

/* Makes room for more bytes: never more than the bytes that have really come ask for. */
static bool make_room(struct conn *c)
{
    size_t first = c->state == CONN_UP ? IN_FIRST_BYTES : IN_HELLO_BYTES;
    size_t held = c->in_len - c->in_pos;
    size_t capacity;
    uint8_t *grown;

    if (held == 0) {
        c->in_len = 0;
        c->in_pos = 0;
        if (c->in_capacity > IN_KEEP_BYTES) {
            free(c->in);
            c->in = NULL;
            c->in_capacity = 0;
        }
    }
    if (c->in_capacity - c->in_len >= first / 2) {
        return true;
    }
    if (c->in_pos > 0) {
        memmove(c->in, c->in + c->in_pos, held);
        c->in_len = held;
        c->in_pos = 0;
    }
    if (c->in_capacity - c->in_len >= first / 2) {
        return true;
    }
    capacity = c->in_capacity < first ? first : c->in_capacity * 2;
    grown = realloc(c->in, capacity);
    if (grown == NULL) {
        return false;
    }
    c->in = grown;
    c->in_capacity = capacity;
    return true;
}

/* One read of at most max bytes; false when there is nothing more to do in this turn. */
static bool read_some(struct conn *c, size_t max, size_t *got)
{
    struct ls_error err = {0};
    size_t room;
    enum ls_rc rc;

    if (!make_room(c)) {
        ls_conn_close(c, "no memory for what it sends");
        return false;
    }
    room = c->in_capacity - c->in_len;
    rc = ls_tcp_read(c->tcp, c->in + c->in_len, room < max ? room : max, got, &err);
    c->in_len += *got;
    c->net->stats.received_bytes += *got;
    if (rc == LS_OK) {
        ls_conn_parse(c);
        return c->state != CONN_CLOSED && *got == (room < max ? room : max);
    }
    if (rc != LS_E_BUSY) {
        bool early = c->state == CONN_HELLO && !c->broken;
        ls_conn_close(c, early ? ls_handshake_lost(c, rc, err.text) : err.text);
    }
    return false;
}

static void tell_arriving(struct conn *c)
{
    struct ls_net *net = c->net;
    struct ls_frame f;
    int64_t now_us;

    if (c->state != CONN_UP || c->purpose != LS_HELLO_MAIN || c->broken ||
        net->cb.arriving == NULL || c->in_len - c->in_pos < LS_FRAME_HEADER_SIZE ||
        ls_frame_open(c->in + c->in_pos, &f, NULL) != LS_OK || f.type < 1 || f.type > LS_MSG_MAX) {
        return;
    }
    now_us = ls_clock_us();
    if (now_us - c->arriving_us >= ARRIVING_US) {
        c->arriving_us = now_us;
        net->cb.arriving(net->cb.ctx, &c->peer->id, f.type);
    }
}

static void conn_readable(void *ctx)
{
    struct conn *c = ctx;
    size_t left = TURN_BYTES;
    size_t got = 0;

    if (c->broken || c->state == CONN_CHECKING || c->state == CONN_PARKED) {
        /* Reading is off in these states unless the end was forced. */
        ls_conn_close(c, "ended");
        return;
    }
    if (c->detect && !ls_handshake_detect(c)) {
        return;
    }
    if (c->fresh && !ls_admit_first_bytes(c)) {
        return;
    }
    while (left > 0 && read_some(c, left, &got)) {
        if (c->state == CONN_PARKED || c->broken) {
            return;
        }
        left -= got;
    }
    if (got > 0) {
        tell_arriving(c);
    }
}

static void conn_writable(void *ctx)
{
    struct conn *c = ctx;

    c->blocked = false;
    ls_conn_flush(c);
    if (c->purpose == LS_HELLO_BULK && c->dialled && c->state == CONN_UP && !c->broken &&
        c->out.bytes == 0) {
        ls_bulk_pump(c);
    }
}

static void conn_connected(void *ctx, enum ls_rc rc, const char *why)
{
    struct conn *c = ctx;

    if (rc != LS_OK || c->broken) {
        ls_conn_close(c, why);
        return;
    }
    ls_handshake_start(c);
}

const struct ls_tcp_callbacks ls_conn_callbacks = {
    .connected = conn_connected, .readable = conn_readable, .writable = conn_writable};

/* ---- writing ---- */

/* Writes the queue and, behind it, more (may be NULL); *more_written of the latter. False: broken.
 */
static bool write_out(struct conn *c, const struct ls_piece *more, size_t more_count,
                      size_t *more_written)
{
    struct ls_piece pieces[2 * WRITE_PIECES];
    size_t queued = c->out.bytes;
    struct ls_error err = {0};
    size_t n = ls_outq_pieces(&c->out, pieces, WRITE_PIECES);
    size_t written;

    LS_ASSERT(more_count <= WRITE_PIECES);
    for (size_t i = 0; i < more_count; i++) {
        pieces[n++] = more[i];
    }
    if (ls_tcp_write(c->tcp, pieces, n, &written, &err) != LS_OK) {
        ls_conn_break(c, err.text);
        return false;
    }
    c->net->stats.sent_bytes += written;
    if (written <= queued) {
        ls_outq_consume(&c->out, written);
        *more_written = 0;
    } else {
        ls_outq_consume(&c->out, queued);
        *more_written = written - queued;
    }
    return true;
}

void ls_conn_flush(struct conn *c)
{
    size_t before;
    size_t none;

    if (c->state == CONN_CLOSED || c->broken || c->blocked) {
        return;
    }
    do {
        before = c->out.bytes;
        if (before > 0 && !write_out(c, NULL, 0, &none)) {
            return;
        }
        /* More blocks than one write takes, and the socket took all of them: go on. */
    } while (c->out.bytes > 0 && before - c->out.bytes >= WRITE_PIECES * GATHER_BYTES);
    c->blocked = c->out.bytes > 0;
    ls_tcp_want_write(c->tcp, c->blocked);
}

void ls_conn_send(struct conn *c, const void *data, size_t len)
{
    if (c->state == CONN_CLOSED || c->broken) {
        return;
    }
    if (!ls_outq_put(&c->out, data, len)) {
        ls_conn_break(c, "no memory for what it is sent");
        return;
    }
    ls_conn_flush(c);
}

void ls_conn_signal(struct conn *c, uint8_t type, uint64_t value)
{
    uint8_t frame[LS_SIGNAL_FRAME_SIZE];

    ls_conn_send(c, frame, ls_signal_encode(type, value, frame, sizeof(frame)));
}

/* The payload as pieces: calls out the i-th, false when there are no more. */
static bool payload_piece(const struct ls_msg *msg, const struct ls_net_payload *payload, size_t i,
                          struct ls_piece *out)
{
    *out = (struct ls_piece){.data = NULL, .len = 0};
    if (msg->type == LS_MSG_SUBMIT) {
        if (payload != NULL && payload->piece_count > 0) {
            if (i < payload->piece_count) {
                *out = payload->pieces[i];
            }
            return i < payload->piece_count;
        }
        *out = (struct ls_piece){.data = msg->u.submit.payload, .len = msg->u.submit.size};
        return i == 0;
    }
    if (payload == NULL || i >= payload->entry_count) {
        return false;
    }
    if (ls_wire_has_payload(msg, &payload->entries[i])) {
        *out =
            (struct ls_piece){.data = payload->entries[i].payload, .len = payload->entries[i].size};
    }
    return true;
}

static size_t payload_bytes(const struct ls_msg *msg, const struct ls_net_payload *payload)
{
    struct ls_piece piece;
    size_t total = 0;

    if (msg->type == LS_MSG_SUBMIT && (msg->u.submit.entry_flags & LS_EF_BIG) != 0) {
        return 0;
    }
    for (size_t i = 0; payload_piece(msg, payload, i, &piece); i++) {
        LS_ASSERT(piece.len == 0 || piece.data != NULL);
        total += piece.len;
    }
    return total;
}

/* Copies the payload but for its first skip bytes to the queue. */
static bool queue_payload(struct conn *c, const struct ls_msg *msg,
                          const struct ls_net_payload *payload, size_t skip)
{
    struct ls_piece piece;

    for (size_t i = 0; payload_piece(msg, payload, i, &piece); i++) {
        size_t here = skip < piece.len ? skip : piece.len;
        skip -= here;
        if (piece.len > here &&
            !ls_outq_put(&c->out, (const uint8_t *)piece.data + here, piece.len - here)) {
            return false;
        }
    }
    return true;
}

/* Offers a big payload to the socket from where it lies; returns how much of it is out. */
static size_t write_direct(struct conn *c, const struct ls_msg *msg,
                           const struct ls_net_payload *payload)
{
    struct ls_piece pieces[WRITE_PIECES];
    struct ls_piece blocks[WRITE_PIECES];
    struct ls_piece piece;
    size_t out = 0;
    size_t n = 0;

    /* A longer queue than one write takes has to leave first. */
    if (c->blocked || ls_outq_pieces(&c->out, blocks, WRITE_PIECES) == WRITE_PIECES) {
        return 0;
    }
    for (size_t i = 0; n < WRITE_PIECES && payload_piece(msg, payload, i, &piece); i++) {
        if (piece.len > 0) {
            pieces[n++] = piece;
        }
    }
    return write_out(c, pieces, n, &out) ? out : 0;
}

enum ls_rc ls_conn_send_message(struct conn *c, const struct ls_msg *msg,
                                const struct ls_net_payload *payload)
{
    uint32_t count = payload != NULL ? payload->entry_count : 0;
    const struct ls_entry *entries = payload != NULL ? payload->entries : NULL;
    size_t bound = ls_wire_message_bound(msg, count);
    size_t payload_here = payload_bytes(msg, payload);
    size_t size = bound + payload_here;
    size_t direct = 0;
    uint32_t payload_size;
    uint8_t *room;
    size_t used;

    if (!ls_outq_admits(&c->out, size, c->net->queue_limit_bytes)) {
        return LS_E_BUSY;
    }
    room = ls_outq_reserve(&c->out, bound);
    if (room == NULL) {
        return LS_E_NOMEM;
    }
    used = ls_wire_message_encode(msg, entries, count, c->version, room, bound, &payload_size);
    if (used == 0) {
        return LS_E_TOOBIG;
    }
    LS_ASSERT(payload_here == payload_size);
    ls_outq_commit(&c->out, used);
    if (payload_size >= DIRECT_BYTES) {
        direct = write_direct(c, msg, payload);
    }
    if (!c->broken && payload_size > 0 && !queue_payload(c, msg, payload, direct)) {
        ls_conn_break(c, "no memory for what it is sent");
    }
    if (c->broken) {
        return LS_E_CLOSED;
    }
    ls_outq_note(&c->out, size, c->net->queue_limit_bytes);
    if (c->out.bytes >= GATHER_BYTES || direct > 0) {
        ls_conn_flush(c);
    }
    return c->broken ? LS_E_CLOSED : LS_OK;
}
