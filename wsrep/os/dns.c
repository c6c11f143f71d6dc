/* Each look-up has a thread of its own, and not one of the loop's pool: it takes half a minute when
 * no name server answers, and cannot be ended. Nothing else may have to wait for that, the end of
 * the loop included: a cancelled look-up is left to itself. */
#include "wsrep/os/dns.h"

#include "wsrep/os/address.h"
#include "wsrep/os/tcp_sockaddr.h"
#include "wsrep/os/thread.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum query_state {
    QUERY_RUNNING,
    QUERY_FINISHED,  /* the loop has the query */
    QUERY_ABANDONED, /* the thread has it */
};

struct ls_dns_query {
    void (*done)(void *ctx, enum ls_rc rc, const struct ls_dns_result *result, const char *why);
    void *ctx;
    atomic_int state; /* enum query_state: who gets there first decides */
    ls_thread thread;
    struct ls_async *finished;
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

static void resolve(struct ls_dns_query *q)
{
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

static void *run(void *arg)
{
    struct ls_dns_query *q = arg;
    int running = QUERY_RUNNING;

    resolve(q);
    if (atomic_compare_exchange_strong(&q->state, &running, QUERY_FINISHED)) {
        ls_async_send(q->finished); /* lives until this thread was joined */
    } else {
        free(q);
    }
    return NULL;
}

static void free_finished(struct ls_dns_query *q)
{
    ls_thread_join(q->thread);
    ls_async_destroy(q->finished);
    free(q);
}

static void resolved(void *arg)
{
    struct ls_dns_query *q = arg;

    if (q->result.count > 0) {
        q->done(q->ctx, LS_OK, &q->result, NULL);
    } else {
        const char *why = q->gai_rc != 0 ? gai_strerror(q->gai_rc) : "it has no address";
        q->done(q->ctx, LS_E_NOTFOUND, &q->result, why);
    }
    free_finished(q);
}

enum ls_rc ls_dns_resolve(struct ls_loop *loop, const char *host, uint16_t port,
                          void (*done)(void *ctx, enum ls_rc rc, const struct ls_dns_result *result,
                                       const char *why),
                          void *ctx, struct ls_dns_query **out)
{
    struct ls_dns_query *q = calloc(1, sizeof(*q));

    *out = NULL;
    if (q == NULL || strlen(host) >= sizeof(q->host)) {
        free(q);
        return q == NULL ? LS_E_NOMEM : LS_E_INVAL;
    }
    q->done = done;
    q->ctx = ctx;
    q->port = port;
    strcpy(q->host, host);
    if (ls_async_create(loop, resolved, q, &q->finished) != LS_OK ||
        !ls_thread_start(&q->thread, "dns", run, q)) {
        ls_async_destroy(q->finished);
        free(q);
        return LS_E_NOMEM;
    }
    *out = q;
    return LS_OK;
}

/* A thread is left behind that runs our code: the library stays in memory when the server unloads
 * it. In a program of its own there is nothing to keep. */
static void keep_library(void)
{
    Dl_info self;

    if (dladdr((void *)(uintptr_t)run, &self) != 0) {
        (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

void ls_dns_cancel(struct ls_dns_query *q)
{
    struct ls_async *finished = q->finished;
    ls_thread thread = q->thread;
    int running = QUERY_RUNNING;

    if (atomic_compare_exchange_strong(&q->state, &running, QUERY_ABANDONED)) {
        keep_library();
        ls_thread_detach(thread);
        ls_async_destroy(finished);
    } else {
        free_finished(q);
    }
}
