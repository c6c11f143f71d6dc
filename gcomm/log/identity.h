/* Who this node is, durably: lives beside the log as `lockstep-identity.log` (rule 16).
 *
 * Two checksummed slots written in turn and synced; the newer intact one counts. Votes are always
 * synced before they are sent. A missing or damaged file means a new identity, a learner. */
#ifndef LS_LOG_IDENTITY_H
#define LS_LOG_IDENTITY_H

#include "wsrep/base/error.h"
#include "wsrep/base/uuid.h"

#include <stdint.h>

struct ls_identity {
    struct ls_uuid id;    /* member uuid, the voter id */
    uint64_t incarnation; /* rises with each start of the process */
    uint64_t term;
    struct ls_uuid vote;  /* in this term; zero: none */
    struct ls_uuid group; /* uuid of the history; zero: none yet */
    uint64_t epoch;       /* highest seen */
    struct ls_uuid epoch_id;
    char boot_id[40];       /* of the machine, at the last start */
    uint64_t durable_index; /* log.sync=majority: durable up to here */
    int64_t ahead_seqno;    /* the same: a power cut left the database here, ahead of the log */
};

struct ls_identity_file;

/* Opens or creates in dir. LS_E_NOTFOUND in *state when there was none, LS_E_CORRUPT when both
 * slots are damaged (out is then zero), LS_OK when out holds what was stored. Takes an exclusive
 * lock: LS_E_BUSY when another process has it. */
enum ls_rc ls_identity_open(const char *dir, struct ls_identity_file **file,
                            struct ls_identity *out, enum ls_rc *state, struct ls_error *err);
/* Writes the other slot and syncs it. */
enum ls_rc ls_identity_write(struct ls_identity_file *file, const struct ls_identity *id,
                             struct ls_error *err);
void ls_identity_close(struct ls_identity_file *file);
/* Forgets it (missing grastate.dat discards log and identity). */
enum ls_rc ls_identity_remove(const char *dir, struct ls_error *err);

#endif
