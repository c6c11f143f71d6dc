/* UUIDs and global transaction ids: values, compared and copied as such. */
#ifndef LS_BASE_UUID_H
#define LS_BASE_UUID_H

#include "wsrep/base/prng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_UUID_STR_SIZE 37 /* 36 characters and the NUL */
#define LS_GTID_STR_SIZE 58
#define LS_SEQNO_UNDEFINED ((int64_t)-1)
/* No cluster reaches it with an index, a term, an epoch, a seqno: a larger one from outside is not
 * believed, so that none can overflow when it is counted on. */
#define LS_COUNT_MAX (INT64_MAX / 2)

struct ls_uuid {
    uint8_t b[16];
};

struct ls_gtid {
    struct ls_uuid uuid;
    int64_t seqno; /* LS_SEQNO_UNDEFINED when unknown */
};

extern const struct ls_uuid ls_uuid_zero;

bool ls_uuid_equal(const struct ls_uuid *a, const struct ls_uuid *b);
int ls_uuid_compare(const struct ls_uuid *a, const struct ls_uuid *b);
bool ls_uuid_is_zero(const struct ls_uuid *a);

/* A version 4 (random) uuid from the given generator. */
struct ls_uuid ls_uuid_generate(struct ls_prng *prng);

/* A version 7 uuid (RFC 9562): the time in front, so that uuids sort as they were made. */
struct ls_uuid ls_uuid_generate_timed(struct ls_prng *prng, int64_t wall_ms);

/* Writes 36 characters and a NUL to out (LS_UUID_STR_SIZE bytes), returns out. */
char *ls_uuid_format(const struct ls_uuid *u, char *out);

/* Reads exactly 36 characters at s (what follows is not looked at). False if they are no uuid. */
bool ls_uuid_parse(const char *s, struct ls_uuid *out);

/* "uuid:seqno" both ways. Parsing wants the whole string. */
char *ls_gtid_format(const struct ls_gtid *g, char *out);
bool ls_gtid_parse(const char *s, struct ls_gtid *out);

/* For a printf of one uuid: ls_uuid_format into a compound literal. Valid in the full expression.
 */
#define LS_UUID_STR(u) ls_uuid_format((u), (char[LS_UUID_STR_SIZE]){0})

#endif
