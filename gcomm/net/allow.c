/* The allow list: who may be a peer, by numeric address. A question may take its time (the server
 * reads a table for it), so it is asked off the loop's thread.
 *
 * Accepted connections are asked for at any time, dialled ones while the list counts
 * (ls_net_guard()), both before the peer hears a word. What stood before it counted was not asked
 * for, or not of a list that could be read: whoever is no member is asked for then. */
#include "gcomm/net/internal.h"

#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_PAUSE_US 10000000 /* until an address that is not in the list is dialled again */

/* One question. Apart from the net and its connections, all of which may go while it is asked, and
 * shared by those from one host: a table that is locked holds up one thread for each host at most.
 */
struct allow_check {
    struct allow_check *next; /* of the net */
    struct ls_net *net;       /* NULL: gone meanwhile */
    bool (*allow)(void *ctx, const char *address);
    void *ctx;
    char host[LS_TCP_ADDR_SIZE];
    uint32_t guard; /* as the net's when it was asked */
    bool allowed;
};

static void forget(struct allow_check *check)
{
    struct allow_check **link = &check->net->checks;

    while (*link != check) {
        link = &(*link)->next;
    }
    *link = check->next;
    check->net = NULL;
}

/* The first words are Galera's, for those who look for them; also where it names the address. */
static void warn_refused(struct ls_net *net, const char *host)
{
    char key[LS_HOST_SIZE];
    char more[64] = "";
    uint32_t held_back;

    snprintf(key, sizeof(key), "allow %s", host);
    if (!ls_net_may_warn(net, key, &held_back)) {
        return;
    }
    if (held_back > 0) {
        snprintf(more, sizeof(more), " (%u more attempts since this was last said)",
                 (unsigned)held_back);
    }
    ls_warn("Connection not allowed, IP %s not found in allowlist. To let that node in, add its "
            "address to the table mysql.wsrep_allowlist%s",
            host, more);
}

static void turn_away(struct conn *c)
{
    warn_refused(c->net, c->host);
    if (c->endpoint != NULL) {
        c->endpoint->pause_us = REFUSED_PAUSE_US;
    }
    c->quiet = true;
    c->dropped = true; /* asking again soon is no use */
    ls_conn_close(c, "its address is not in the allow list");
}

static void let_in(struct conn *c, uint32_t guard)
{
    c->vetted = guard;
    if (c->state != CONN_CHECKING || c->broken) {
        return;
    }
    c->state = CONN_HELLO;
    ls_tcp_want_read(c->tcp, true);
    if (c->dialled) {
        ls_handshake_greet(c);
    }
}

static void check_run(void *arg)
{
    struct allow_check *check = arg;
    check->allowed = check->allow(check->ctx, check->host);
}

static void check_done(void *arg)
{
    struct allow_check *check = arg;
    struct ls_net *net = check->net;

    if (net != NULL) {
        forget(check);
        for (struct conn *c = net->conns; c != NULL; c = c->next) {
            if (c->check != check) {
                continue;
            }
            c->check = NULL;
            if (check->allowed) {
                let_in(c, check->guard);
            } else {
                turn_away(c);
            }
        }
    }
    free(check);
}

static struct allow_check *find_check(const struct ls_net *net, const char *host)
{
    for (struct allow_check *k = net->checks; k != NULL; k = k->next) {
        if (k->guard == net->guard && strcmp(k->host, host) == 0) {
            return k;
        }
    }
    return NULL;
}

static struct allow_check *begin_check(struct ls_net *net, const char *host)
{
    struct allow_check *check = calloc(1, sizeof(*check));

    if (check == NULL) {
        return NULL;
    }
    check->net = net;
    check->allow = net->allow;
    check->ctx = net->allow_ctx;
    check->guard = net->guard;
    snprintf(check->host, sizeof(check->host), "%s", host);
    if (ls_loop_work(net->loop, check_run, check_done, check) != LS_OK) {
        free(check);
        return NULL;
    }
    check->next = net->checks;
    net->checks = check;
    return check;
}

static bool ask(struct conn *c)
{
    c->check = find_check(c->net, c->host);
    if (c->check == NULL) {
        c->check = begin_check(c->net, c->host);
    }
    return c->check != NULL;
}

void ls_allow_check(struct conn *c)
{
    c->state = CONN_CHECKING;
    c->deadline_us = ls_clock_us() + c->net->handshake_timeout_us;
    ls_tcp_want_read(c->tcp, false);
    if (!ask(c)) {
        ls_conn_close(c, "no memory to check the allow list");
    }
}

/* Without memory it is asked for when it matters next. */
bool ls_allow_vet(struct conn *c)
{
    const struct ls_net *net = c->net;

    if (net->allow == NULL || (net->guard != 0 && c->vetted == net->guard)) {
        return true;
    }
    if (net->guard != 0 && c->check == NULL) {
        ask(c);
    }
    return false;
}

void ls_allow_destroy(struct ls_net *net)
{
    for (struct allow_check *check = net->checks; check != NULL; check = check->next) {
        check->net = NULL;
    }
    net->checks = NULL;
}

void ls_net_guard(struct ls_net *net, bool on)
{
    if (net->allow == NULL || (net->guard != 0) == on) {
        return;
    }
    net->guard = on ? ++net->guards : 0;
    for (const struct peer *p = net->peers; p != NULL && on; p = p->next) {
        if (p->main != NULL && !p->member && !p->main->broken) {
            ls_allow_vet(p->main);
        }
    }
}

bool ls_net_is_vetted(struct ls_net *net, const struct ls_uuid *peer)
{
    const struct peer *p = ls_peer_find(net, peer);

    return p != NULL && p->main != NULL && !p->main->broken && ls_allow_vet(p->main);
}
