/* Names to addresses, off the loop's thread. */
#ifndef LS_OS_DNS_H
#define LS_OS_DNS_H

#include "wsrep/base/error.h"
#include "wsrep/os/loop.h"
#include "wsrep/os/tcp.h"

#include <stddef.h>
#include <stdint.h>

#define LS_DNS_MAX 32 /* addresses of one name that are looked at */

struct ls_dns_query;

struct ls_dns_result {
    size_t count;
    char addr[LS_DNS_MAX][LS_TCP_ADDR_SIZE]; /* numeric "host:port" */
};

/* All addresses of host, each with the port. done() follows once, never from inside, unless the
 * query is cancelled; rc is LS_OK with count >= 1, or why not (text valid during the call). A host
 * that is numeric already needs no name server and comes back as it is. */
enum ls_rc ls_dns_resolve(struct ls_loop *loop, const char *host, uint16_t port,
                          void (*done)(void *ctx, enum ls_rc rc, const struct ls_dns_result *result,
                                       const char *why),
                          void *ctx, struct ls_dns_query **out);
/* No callback any more, and nobody waits for what is under way. Not after done() was called. What
 * is not cancelled must be done before the loop is destroyed. */
void ls_dns_cancel(struct ls_dns_query *q);

#endif
