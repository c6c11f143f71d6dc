#include "wsrep/base/uuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ls_uuid ls_uuid_zero;

bool ls_uuid_equal(const struct ls_uuid *a, const struct ls_uuid *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

int ls_uuid_compare(const struct ls_uuid *a, const struct ls_uuid *b)
{
    return memcmp(a->b, b->b, sizeof(a->b));
}

bool ls_uuid_is_zero(const struct ls_uuid *a)
{
    return ls_uuid_equal(a, &ls_uuid_zero);
}

struct ls_uuid ls_uuid_generate(struct ls_prng *prng)
{
    struct ls_uuid u;
    uint64_t half[2] = {ls_prng_next(prng), ls_prng_next(prng)};

    memcpy(u.b, half, sizeof(u.b));
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40); /* RFC 4122: version 4 */
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80); /* and its variant */
    return u;
}

struct ls_uuid ls_uuid_generate_timed(struct ls_prng *prng, int64_t wall_ms)
{
    struct ls_uuid u = ls_uuid_generate(prng);

    for (int i = 0; i < 6; i++) {
        u.b[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
    }
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x70);
    return u;
}

char *ls_uuid_format(const struct ls_uuid *u, char *out)
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;

    for (size_t i = 0; i < sizeof(u->b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[u->b[i] >> 4];
        *p++ = hex[u->b[i] & 15];
    }
    *p = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool ls_uuid_parse(const char *s, struct ls_uuid *out)
{
    struct ls_uuid u;

    for (size_t i = 0; i < sizeof(u.b); i++) {
        int hi;
        int lo;
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*s++ != '-') {
                return false;
            }
        }
        hi = hex_value(s[0]);
        lo = hi < 0 ? -1 : hex_value(s[1]);
        if (lo < 0) {
            return false;
        }
        u.b[i] = (uint8_t)(hi << 4 | lo);
        s += 2;
    }
    *out = u;
    return true;
}

char *ls_gtid_format(const struct ls_gtid *g, char *out)
{
    ls_uuid_format(&g->uuid, out);
    snprintf(out + 36, LS_GTID_STR_SIZE - 36, ":%" PRId64, g->seqno);
    return out;
}

bool ls_gtid_parse(const char *s, struct ls_gtid *out)
{
    struct ls_gtid g;
    char *end;
    long long v;

    if (!ls_uuid_parse(s, &g.uuid) || s[36] != ':') {
        return false;
    }
    errno = 0;
    v = strtoll(s + 37, &end, 10);
    if (errno != 0 || end == s + 37 || *end != '\0' || v < LS_SEQNO_UNDEFINED) {
        return false;
    }
    g.seqno = v;
    *out = g;
    return true;
}
