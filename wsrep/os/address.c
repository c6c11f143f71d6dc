#include "wsrep/os/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum ls_rc bad(const char *text, const char *why, struct ls_error *err)
{
    return ls_error_set(err, LS_E_INVAL, "'%.200s' is not an address (%s): use host:port", text,
                        why);
}

static bool parse_port(const char *s, size_t len, uint16_t *port)
{
    unsigned long v = 0;

    if (len == 0 || len > 5) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)s[i])) {
            return false;
        }
        v = v * 10 + (unsigned long)(s[i] - '0');
    }
    *port = (uint16_t)v;
    return v <= UINT16_MAX;
}

static bool host_chars_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (!isalnum(c) && strchr("-._:%*", c) == NULL) {
            return false;
        }
    }
    return true;
}

/* Where the host lies in s, and where its port, if any (NULL: none). */
static const char *split(const char *s, size_t len, const char **host, size_t *host_len,
                         const char **port)
{
    const char *end = s + len;
    const char *colon;

    *port = NULL;
    if (len > 0 && *s == '[') {
        const char *close = memchr(s, ']', len);
        if (close == NULL) {
            return "a bracket is not closed";
        }
        *host = s + 1;
        *host_len = (size_t)(close - s - 1);
        if (close + 1 < end) {
            if (close[1] != ':') {
                return "something other than :port follows the bracket";
            }
            *port = close + 2;
        }
        return NULL;
    }
    colon = memchr(s, ':', len);
    *host = s;
    /* More than one colon without brackets: an IPv6 literal as a whole. */
    if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL) {
        *host_len = len;
    } else {
        *host_len = (size_t)(colon - s);
        *port = colon + 1;
    }
    return NULL;
}

enum ls_rc ls_address_parse(const char *text, uint16_t default_port, struct ls_address *out,
                            struct ls_error *err)
{
    const char *s = text;
    const char *host;
    const char *port;
    const char *why;
    size_t host_len;
    size_t len;

    memset(out, 0, sizeof(*out));
    out->port = default_port;
    if (strncmp(s, "tcp://", 6) == 0) {
        s += 6;
    } else if (strncmp(s, "ssl://", 6) == 0) {
        s += 6;
        out->ssl = true;
    }
    len = strlen(s);
    while (len > 0 && s[len - 1] == '/') {
        len--;
    }
    why = split(s, len, &host, &host_len, &port);
    if (why != NULL) {
        return bad(text, why, err);
    }
    if (host_len >= sizeof(out->host) || !host_chars_valid(host, host_len)) {
        return bad(text, "the host has characters that no host name has, or too many", err);
    }
    if (port != NULL) {
        if (!parse_port(port, (size_t)(s + len - port), &out->port)) {
            return bad(text, "the port is no number from 0 to 65535", err);
        }
        out->has_port = true;
    }
    memcpy(out->host, host, host_len);
    return LS_OK;
}

bool ls_address_format(const char *host, uint16_t port, char *out, size_t size)
{
    const char *fmt = strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u";
    int n = snprintf(out, size, fmt, host, (unsigned)port);
    return n > 0 && (size_t)n < size;
}

bool ls_address_is_numeric(const char *host)
{
    struct in6_addr v6;
    char plain[INET6_ADDRSTRLEN];
    size_t n = strcspn(host, "%"); /* a scope may follow: fe80::1%eth0 */

    if (n >= sizeof(plain)) {
        return false;
    }
    memcpy(plain, host, n);
    plain[n] = '\0';
    return inet_pton(AF_INET, host, &v6) == 1 || inet_pton(AF_INET6, plain, &v6) == 1;
}

bool ls_address_is_any(const char *host)
{
    return host[0] == '\0' || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 ||
           strcmp(host, "::") == 0;
}
