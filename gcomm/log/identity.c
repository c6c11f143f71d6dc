/* FORMAT 1 of lockstep-identity.log: two slots of 512 bytes, at 0 and at 4096, little endian.
 *
 *     offset size
 *      0      8   "LOCKSTID"
 *      8      8   XXH3-64 of the bytes 16 to 511
 *     16      2   format
 *     18      2   lowest format version that a reader must know
 *     20      4   zero
 *     24      8   sequence: the slot with the higher one counts
 *     32     16   member uuid
 *     48      8   incarnation
 *     56      8   term
 *     64     16   vote
 *     80     16   group
 *     96      8   epoch
 *    104     16   epoch id
 *    120     40   boot id, zero-padded
 *    160      8   durable index
 *    168      8   seqno of a database that a power cut left ahead of the log
 *    176          zeros
 *
 * A slot lies in one sector of common disks, and in one page: a killed process never leaves half of
 * one. The file is reserved as a whole at its creation, so a full disk cannot forbid a vote.
 */
#include "gcomm/log/identity.h"

#include "wsrep/base/cursor.h"
#include "wsrep/base/hash.h"
#include "wsrep/os/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "lockstep-identity.log"
#define MAGIC "LOCKSTID"
#define FORMAT 1
#define SLOT_BYTES 512
#define SLOT_DISTANCE 4096
#define FILE_BYTES (2 * SLOT_DISTANCE)
#define CHECKED_AT 16
#define OPEN_TRIES 100

struct ls_identity_file {
    int fd;
    char *path;
    char *dir;
    uint64_t sequence; /* of the newest slot written */
    bool dir_synced;
    bool wipe; /* remains of a damaged identity are there: clear them with the next write */
    struct ls_error failure; /* code LS_OK: none */
};

enum slot_state { SLOT_EMPTY, SLOT_DAMAGED, SLOT_NEWER_FORMAT, SLOT_GOOD };

struct slot {
    enum slot_state state;
    uint64_t sequence;
    struct ls_identity id;
};

static void slot_encode(const struct ls_identity *id, uint64_t sequence, uint8_t buf[SLOT_BYTES])
{
    struct ls_writer w = ls_writer_init(buf, SLOT_BYTES);

    memset(buf, 0, SLOT_BYTES);
    ls_put_bytes(&w, MAGIC, 8);
    ls_put_u64(&w, 0);
    ls_put_u16(&w, FORMAT);
    ls_put_u16(&w, FORMAT);
    ls_put_u32(&w, 0);
    ls_put_u64(&w, sequence);
    ls_put_bytes(&w, id->id.b, sizeof(id->id.b));
    ls_put_u64(&w, id->incarnation);
    ls_put_u64(&w, id->term);
    ls_put_bytes(&w, id->vote.b, sizeof(id->vote.b));
    ls_put_bytes(&w, id->group.b, sizeof(id->group.b));
    ls_put_u64(&w, id->epoch);
    ls_put_bytes(&w, id->epoch_id.b, sizeof(id->epoch_id.b));
    ls_put_bytes(&w, id->boot_id, sizeof(id->boot_id));
    ls_put_u64(&w, id->durable_index);
    ls_put_i64(&w, id->ahead_seqno);

    w = ls_writer_init(buf + 8, sizeof(uint64_t));
    ls_put_u64(&w, ls_hash64(buf + CHECKED_AT, SLOT_BYTES - CHECKED_AT));
}

static void slot_decode(const uint8_t buf[SLOT_BYTES], struct slot *out)
{
    static const uint8_t zeros[SLOT_BYTES];
    struct ls_reader r = ls_reader_init(buf, SLOT_BYTES);
    const uint8_t *magic = ls_get_view(&r, 8);
    uint64_t checksum = ls_get_u64(&r);
    uint16_t needs;

    memset(out, 0, sizeof(*out));
    if (memcmp(buf, zeros, SLOT_BYTES) == 0) {
        out->state = SLOT_EMPTY;
        return;
    }
    (void)ls_get_u16(&r);
    needs = ls_get_u16(&r);
    (void)ls_get_u32(&r);
    out->sequence = ls_get_u64(&r);
    ls_get_bytes(&r, out->id.id.b, sizeof(out->id.id.b));
    out->id.incarnation = ls_get_u64(&r);
    out->id.term = ls_get_u64(&r);
    ls_get_bytes(&r, out->id.vote.b, sizeof(out->id.vote.b));
    ls_get_bytes(&r, out->id.group.b, sizeof(out->id.group.b));
    out->id.epoch = ls_get_u64(&r);
    ls_get_bytes(&r, out->id.epoch_id.b, sizeof(out->id.epoch_id.b));
    ls_get_bytes(&r, out->id.boot_id, sizeof(out->id.boot_id));
    out->id.durable_index = ls_get_u64(&r);
    out->id.ahead_seqno = ls_get_i64(&r);

    if (memcmp(magic, MAGIC, 8) != 0 ||
        checksum != ls_hash64(buf + CHECKED_AT, SLOT_BYTES - CHECKED_AT) ||
        out->id.term > (uint64_t)LS_COUNT_MAX || out->id.epoch > (uint64_t)LS_COUNT_MAX) {
        out->state = SLOT_DAMAGED;
    } else if (needs > FORMAT) {
        out->state = SLOT_NEWER_FORMAT;
    } else {
        out->id.boot_id[sizeof(out->id.boot_id) - 1] = '\0';
        out->state = SLOT_GOOD;
    }
}

/* A half-written slot comes from a power failure, never from a killed process. So when the machine
 * was not started anew since the good slot was written, the damaged one may have held a newer vote
 * and the good one must not be trusted. */
static bool damage_is_torn_write(const struct slot *good)
{
    char boot_id[LS_BOOT_ID_SIZE];

    return ls_file_read_boot_id(boot_id, NULL) != LS_OK || strcmp(boot_id, good->id.boot_id) != 0;
}

/* The number may wrap: the two slots are never far apart. */
static bool is_newer(const struct slot *a, const struct slot *b)
{
    return (int64_t)(a->sequence - b->sequence) > 0;
}

static enum ls_rc choose(struct ls_identity_file *f, const struct slot slots[2],
                         struct ls_identity *out, enum ls_rc *state, struct ls_error *err)
{
    const struct slot *best = NULL;
    bool damaged = false;

    for (int i = 0; i < 2; i++) {
        if (slots[i].state == SLOT_NEWER_FORMAT) {
            return ls_error_set(err, LS_E_VERSION,
                                "%s was written by a newer version: start that version, or remove "
                                "grastate.dat to join as a new member",
                                f->path);
        }
        bool good = slots[i].state == SLOT_GOOD && (slots[i].sequence & 1) == (uint64_t)i;
        damaged |= slots[i].state != SLOT_EMPTY && !good;
        if (good && (best == NULL || is_newer(&slots[i], best))) {
            best = &slots[i];
        }
    }
    if (best != NULL) {
        f->sequence = best->sequence;
    }
    if (best != NULL && (!damaged || damage_is_torn_write(best))) {
        *out = best->id;
        *state = LS_OK;
    } else {
        *state = damaged ? LS_E_CORRUPT : LS_E_NOTFOUND;
        f->wipe = damaged;
    }
    return LS_OK;
}

static enum ls_rc load(struct ls_identity_file *f, struct ls_identity *out, enum ls_rc *state,
                       struct ls_error *err)
{
    uint8_t buf[SLOT_BYTES];
    struct slot slots[2];
    uint64_t size = 0;
    size_t got;
    enum ls_rc rc = ls_file_size(f->fd, &size, f->path, err);

    for (int i = 0; i < 2 && rc == LS_OK; i++) {
        memset(buf, 0, sizeof(buf));
        rc = ls_file_read_at(f->fd, buf, sizeof(buf), (uint64_t)i * SLOT_DISTANCE, &got, f->path,
                             err);
        slot_decode(buf, &slots[i]);
    }
    if (rc == LS_OK) {
        rc = choose(f, slots, out, state, err);
    }
    if (rc == LS_OK && size < FILE_BYTES) {
        rc = ls_file_allocate(f->fd, size, FILE_BYTES, f->path, err);
    }
    return rc;
}

/* Opens and locks; starts again when the file was removed by somebody between the two. */
static enum ls_rc open_locked(const char *path, unsigned flags, int *fd, struct ls_error *err)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        enum ls_rc rc = ls_file_open(path, flags, fd, err);
        if (rc != LS_OK) {
            return rc;
        }
        rc = ls_file_lock(*fd, path, err);
        if (rc == LS_OK && ls_file_is_at(*fd, path)) {
            return LS_OK;
        }
        ls_file_close(*fd);
        *fd = -1;
        if (rc != LS_OK) {
            return rc;
        }
    }
    return ls_error_set(err, LS_E_BUSY, "%s is removed and made again all the time", path);
}

enum ls_rc ls_identity_open(const char *dir, struct ls_identity_file **file,
                            struct ls_identity *out, enum ls_rc *state, struct ls_error *err)
{
    struct ls_identity_file *f = calloc(1, sizeof(*f));
    enum ls_rc rc;

    *file = NULL;
    *state = LS_E_NOTFOUND;
    memset(out, 0, sizeof(*out));
    if (f == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory to open the identity file");
    }
    f->fd = -1;
    f->dir = strdup(dir);
    if (f->dir == NULL || asprintf(&f->path, "%s/" FILE_NAME, dir) < 0) {
        f->path = NULL;
        rc = ls_error_set(err, LS_E_NOMEM, "no memory to open the identity file");
    } else {
        rc = open_locked(f->path, LS_FILE_WRITE | LS_FILE_CREATE, &f->fd, err);
    }
    if (rc == LS_OK) {
        rc = load(f, out, state, err);
    }
    if (rc != LS_OK) {
        ls_identity_close(f);
        return rc;
    }
    *file = f;
    return LS_OK;
}

enum ls_rc ls_identity_write(struct ls_identity_file *file, const struct ls_identity *id,
                             struct ls_error *err)
{
    static const uint8_t zeros[SLOT_BYTES];
    uint8_t buf[SLOT_BYTES];
    uint64_t sequence = file->sequence + 1;
    uint64_t offset = (sequence & 1) * SLOT_DISTANCE;
    struct ls_error why;
    enum ls_rc rc;

    if (file->failure.code != LS_OK) {
        /* After a failed sync nobody knows what is on the disk (rule 19). */
        return ls_error_set(err, file->failure.code, "%s", file->failure.text);
    }
    slot_encode(id, sequence, buf);
    rc = ls_file_write_at(file->fd, buf, sizeof(buf), offset, file->path, &why);
    if (rc == LS_OK && file->wipe) {
        rc = ls_file_write_at(file->fd, zeros, sizeof(zeros), SLOT_DISTANCE - offset, file->path,
                              &why);
    }
    if (rc == LS_OK) {
        rc = ls_file_sync_data(file->fd, file->path, &why);
    }
    if (rc == LS_OK && !file->dir_synced) {
        rc = ls_file_sync_dir(file->dir, &why);
        file->dir_synced = rc == LS_OK;
    }
    if (rc != LS_OK) {
        file->failure = why;
        return ls_error_set(err, rc, "%s", why.text);
    }
    file->sequence = sequence;
    file->wipe = false;
    return LS_OK;
}

void ls_identity_close(struct ls_identity_file *file)
{
    if (file == NULL) {
        return;
    }
    ls_file_close(file->fd);
    free(file->path);
    free(file->dir);
    free(file);
}

enum ls_rc ls_identity_remove(const char *dir, struct ls_error *err)
{
    char *path;
    enum ls_rc rc;
    int fd;

    if (asprintf(&path, "%s/" FILE_NAME, dir) < 0) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a path");
    }
    /* With the lock: a server that runs must not lose its identity. */
    rc = open_locked(path, LS_FILE_WRITE, &fd, err);
    if (rc == LS_OK) {
        rc = ls_file_unlink(path, err);
        ls_file_close(fd);
        if (rc == LS_OK) {
            rc = ls_file_sync_dir(dir, err);
        }
    } else if (rc == LS_E_NOTFOUND) {
        rc = LS_OK;
    }
    free(path);
    return rc;
}
