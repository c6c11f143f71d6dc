/* Which accepted connections may go on to say who they are.
 *
 * Whoever reaches the port can open connections and say nothing. Each host has a small share of
 * those that have not said who they are; hosts at which a node is known have theirs beside all the
 * others. Where there is no room, the oldest goes and not the newcomer: a node says who it is at
 * once, and is through before its turn comes. So that it is, room is made at a limited pace. */
#include "gcomm/net/internal.h"

#include <string.h>
#include <strings.h>

#define HOST_MAX 8       /* of one host */
#define STRANGERS_MAX 64 /* of all hosts together at which no node is known */
#define PAUSE_MS 2       /* without accepting, each time that one was closed for another */

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
        if (e->sources != 0 && !e->self && is_at(e->addr, host)) {
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

/* The host with the most of the strangers' connections; *total of all of them. */
static const char *busiest_stranger(const struct ls_net *net, size_t *total)
{
    const char *host = NULL;
    size_t most = 0;

    *total = 0;
    for (const struct conn *c = net->conns; c != NULL; c = c->next) {
        if (is_half_open(c) && !c->known) {
            size_t n = count_of(net, c->host);
            (*total)++;
            if (n >=
                most) { /* the latest comes first: of equals the one that has been here longer */
                most = n;
                host = c->host;
            }
        }
    }
    return host;
}

static void close_oldest(struct ls_net *net, const char *host)
{
    struct conn *oldest = NULL;

    for (struct conn *c = net->conns; c != NULL; c = c->next) {
        if (is_half_open(c) && strcmp(c->host, host) == 0) {
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
