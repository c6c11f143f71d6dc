/* The payload of a state transfer request in the log (LS_ENTRY_SST_REQUEST).
 *
 * Version 1, little endian: u8 version, u8 flags (1: IST wanted), joiner uuid, uuid and i64 seqno
 * of the joiner's position, u16 length and donor list, u32 length and request bytes of the joiner's
 * server, which the donor's server gets unchanged. Bytes from peers: checked, never asserted. */
#ifndef LS_DONOR_REQUEST_H
#define LS_DONOR_REQUEST_H

#include "wsrep/base/cursor.h"
#include "wsrep/base/error.h"
#include "wsrep/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>

#define LS_DONOR_LIST_SIZE 1024             /* wsrep_sst_donor and NUL */
#define LS_SST_REQUEST_MAX_BYTES (64 << 10) /* of the server's part; stock ones have some 100 */

struct ls_sst_request {
    struct ls_uuid joiner;
    struct ls_gtid position; /* of the joiner's database; zero uuid: none */
    bool ist_wanted;         /* the position is good: missing write-sets are enough */
    char donors[LS_DONOR_LIST_SIZE];
    const void *request; /* borrowed: from the caller, or from the decoded bytes */
    size_t request_size; /* 0: a running server that can only take IST */
};

/* Bytes that the encoding takes. */
size_t ls_sst_request_size(const struct ls_sst_request *r);
/* False when w is too small or the request over its limit. */
bool ls_sst_request_encode(const struct ls_sst_request *r, struct ls_writer *w);
/* The encoding, to be given to free(); NULL: the request is over its limit. */
void *ls_sst_request_make(const struct ls_sst_request *r, size_t *size);
enum ls_rc ls_sst_request_decode(const void *data, size_t size, struct ls_sst_request *out,
                                 struct ls_error *err);

#endif
