/* Which accepted connections may go on to say who they are.
 *
 * Whoever reaches the port can open connections and say nothing. Each host has a small share of
 * those that have not said who they are; hosts at which a node is known have theirs beside all the
 * others. Where there is no room, the oldest goes and not the newcomer: a node says who it is at
 * once, and is through before its turn comes. So that it is, room is made at a limited pace.
 *
 * With TLS each of them may ask for a signature, which takes this thread up to 20 ms (RSA of 4096
 * bits). There are so many a second for strangers and as many for the hosts of nodes; the others
 * wait their turn with their first bytes unread. The turn goes to the host that has the fewest
 * connections here, so one that has many keeps no other one waiting. */
#include "gcomm/net/internal.h"

#include "wsrep/os/clock.h"

#include <string.h>
#include <strings.h>

#define HOST_MAX 8       /* of one host */
#define STRANGERS_MAX 64 /* of all hosts together at which no node is known */
#define PAUSE_MS 2       /* without accepting, each time that one was closed for another */

#define TLS_INTERVAL_US 100000 /* between two handshakes of TLS, each for strangers and nodes */
#define TLS_BURST_STRANGERS 5  /* so many at once after a time without */
#define TLS_BURST_NODES 20

static bool is_half_open(const struct conn *c)
{
    return !c->dialled && (c->state == CONN_CHECKING || c->state == CONN_HELLO);
}

/* addr is "host:port", with brackets where the host has colons itself. */
static bool is_at(const char *addr, const char *host)
{
    bool brackets = addr[0] == '[';
    size_t n = strlen(host);

    addr += brackets;
    return strncasecmp(addr, host, n) == 0 && addr[n] == (brackets ? ']' : ':');
}

/* Is a node known, or looked for, at this host? */
static bool is_known(const struct ls_net *net, const char *host)
{
    for (const struct peer *p = net->peers; p != NULL; p = p->next) {
        if ((p->main != NULL || p->member) && is_at(p->dial, host)) {
            return true;
        }
    }
    for (const struct endpoint *e = net->endpoints; e != NULL; e = e->next) {
        if ((e->sources | e->named) != 0 && !e->self && is_at(e->addr, host)) {
            return true;
        }
    }
    return false;
}

static size_t count_of(const struct ls_net *net, const char *host)
{
    size_t n = 0;

    for (const struct conn *c = net->conns; c != NULL; c = c->next) {
        n += is_half_open(c) && strcmp(c->host, host) == 0;
    }
    return n;
}

/* The host with the most of the strangers' connections; *total of all of them. Connections are in
 * the order in which they came, the latest first, here and below. */
static const char *busiest_stranger(const struct ls_net *net, size_t *total)
{
    const char *host = NULL;
    size_t most = 0;

    *total = 0;
    for (const struct conn *c = net->conns; c != NULL; c = c->next) {
        if (is_half_open(c) && !c->known) {
            size_t n = count_of(net, c->host);
            (*total)++;
            if (n >= most) { /* of equals the one that has been here longer */
                most = n;
                host = c->host;
            }
        }
    }
    return host;
}

/* Rather one that has said nothing at all than one that is in TLS's handshake. */
static void close_oldest(struct ls_net *net, const char *host)
{
    struct conn *oldest = NULL;

    for (struct conn *c = net->conns; c != NULL; c = c->next) {
        if (is_half_open(c) && strcmp(c->host, host) == 0 &&
            (oldest == NULL || c->fresh || !oldest->fresh)) {
            oldest = c;
        }
    }
    if (oldest != NULL) {
        ls_conn_close(oldest, "others came that have not said who they are either");
        ls_tcp_listener_pause(net->listener, PAUSE_MS);
    }
}

bool ls_admit(struct ls_net *net, const char *host)
{
    bool known = is_known(net, host);
    const char *busiest;
    size_t strangers;

    if (count_of(net, host) >= HOST_MAX) {
        ls_net_warn(net, host,
                    "more than %d connections from %s have not said who they are: those that came "
                    "first are closed",
                    HOST_MAX, host);
        close_oldest(net, host);
        return known;
    }
    busiest = known ? NULL : busiest_stranger(net, &strangers);
    if (busiest != NULL && strangers >= STRANGERS_MAX) {
        ls_net_warn(net, "strangers",
                    "more than %d connections from hosts of no node have not said who they are: "
                    "some are closed, first those from %s",
                    STRANGERS_MAX, busiest);
        close_oldest(net, busiest);
    }
    return known;
}

/* ---- turns of TLS ---- */

/* The share that is used up, in time: up to `burst` intervals ahead of now. */
static bool take_turn(struct ls_net *net, bool known)
{
    int64_t *until_us = &net->tls_until_us[known];
    int64_t burst = known ? TLS_BURST_NODES : TLS_BURST_STRANGERS;
    int64_t now_us = ls_clock_us();

    if (*until_us - now_us > (burst - 1) * TLS_INTERVAL_US) {
        return false;
    }
    *until_us = (*until_us > now_us ? *until_us : now_us) + TLS_INTERVAL_US;
    return true;
}

/* Who waits and comes next, NULL: nobody waits. */
static struct conn *next_waiting(const struct ls_net *net, bool known)
{
    struct conn *next = NULL;
    size_t fewest = 0;

    for (struct conn *c = net->conns; c != NULL; c = c->next) {
        if (is_half_open(c) && c->waits && c->known == known) {
            size_t n = count_of(net, c->host);
            if (next == NULL || n <= fewest) { /* of equals the one that has waited longer */
                fewest = n;
                next = c;
            }
        }
    }
    return next;
}

bool ls_admit_first_bytes(struct conn *c)
{
    struct ls_net *net = c->net;

    if (!ls_tcp_is_secure(c->tcp) ||
        (next_waiting(net, c->known) == NULL && take_turn(net, c->known))) {
        c->fresh = false;
        return true;
    }
    c->waits = true;
    ls_tcp_want_read(c->tcp, false);
    ls_net_warn(net, "turns of TLS",
                "%s has to wait: more than %d connections a second begin TLS's handshake from "
                "hosts %s",
                c->addr, 1000000 / TLS_INTERVAL_US, c->known ? "of nodes" : "of no node");
    return false;
}

void ls_admit_tick(struct ls_net *net)
{
    for (int known = 0; known <= 1; known++) {
        struct conn *c = next_waiting(net, known);
        while (c != NULL && take_turn(net, known)) {
            c->waits = false;
            c->fresh = false;
            c->deadline_us = ls_clock_us() + net->handshake_timeout_us;
            ls_tcp_want_read(c->tcp, true);
            c = next_waiting(net, known);
        }
    }
}
