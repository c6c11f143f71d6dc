/* Addresses as text: splitting and joining, no look-ups. IPv6 literals stand in brackets. */
#ifndef LS_OS_ADDRESS_H
#define LS_OS_ADDRESS_H

#include "wsrep/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_HOST_SIZE 256 /* a DNS name and NUL */

struct ls_address {
    char host[LS_HOST_SIZE]; /* without brackets; "" when the text has none */
    uint16_t port;
    bool has_port;
    bool ssl; /* the text began with ssl:// */
};

/* "[tcp://|ssl://]host[:port]", "[tcp://]:port", "[::1]:port", "::1"; a trailing slash is ignored.
 * LS_E_INVAL with a text that quotes the address. port is default_port when the text has none. */
enum ls_rc ls_address_parse(const char *text, uint16_t default_port, struct ls_address *out,
                            struct ls_error *err);

/* "host:port" or "[host]:port" into out; false when it does not fit. */
bool ls_address_format(const char *host, uint16_t port, char *out, size_t size);

/* An IPv4 or IPv6 literal (without brackets). */
bool ls_address_is_numeric(const char *host);
/* 0.0.0.0, ::, "" or "*". */
bool ls_address_is_any(const char *host);

#endif
