#include "wsrep/os/dns.h"

#include "wsrep/os/address.h"
#include "wsrep/os/tcp_sockaddr.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ls_dns_query {
    void (*done)(void *ctx, enum ls_rc rc, const struct ls_dns_result *result, const char *why);
    void *ctx;
    bool cancelled;
    char host[LS_HOST_SIZE];
    uint16_t port;
    int gai_rc;
    struct ls_dns_result result;
};

static void collect(struct ls_dns_result *out, const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a != NULL && out->count < LS_DNS_MAX; a = a->ai_next) {
        char *text = out->addr[out->count];
        if (ls_sockaddr_format(a->ai_addr, a->ai_addrlen, NULL, 0, text, LS_TCP_ADDR_SIZE)) {
            out->count++;
        }
    }
}

static void resolve(void *arg)
{
    struct ls_dns_query *q = arg;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char port[8];

    snprintf(port, sizeof(port), "%u", (unsigned)q->port);
    q->gai_rc = getaddrinfo(q->host, port, &hints, &list);
    if (q->gai_rc == 0) {
        collect(&q->result, list);
        freeaddrinfo(list);
    }
}

static void resolved(void *arg)
{
    struct ls_dns_query *q = arg;

    if (!q->cancelled) {
        if (q->result.count > 0) {
            q->done(q->ctx, LS_OK, &q->result, NULL);
        } else {
            const char *why = q->gai_rc != 0 ? gai_strerror(q->gai_rc) : "it has no address";
            q->done(q->ctx, LS_E_NOTFOUND, &q->result, why);
        }
    }
    free(q);
}

enum ls_rc ls_dns_resolve(struct ls_loop *loop, const char *host, uint16_t port,
                          void (*done)(void *ctx, enum ls_rc rc, const struct ls_dns_result *result,
                                       const char *why),
                          void *ctx, struct ls_dns_query **out)
{
    struct ls_dns_query *q = calloc(1, sizeof(*q));
    enum ls_rc rc;

    *out = NULL;
    if (q == NULL || strlen(host) >= sizeof(q->host)) {
        free(q);
        return q == NULL ? LS_E_NOMEM : LS_E_INVAL;
    }
    q->done = done;
    q->ctx = ctx;
    q->port = port;
    strcpy(q->host, host);
    rc = ls_loop_work(loop, resolve, resolved, q);
    if (rc != LS_OK) {
        free(q);
        return rc;
    }
    *out = q;
    return LS_OK;
}

void ls_dns_cancel(struct ls_dns_query *q)
{
    q->cancelled = true;
}
