/* The log's state, shared by log.c (writing), read.c, recover.c and space.c. Not for others.
 *
 * One lock guards the table of segments, what each says is published (count, offsets, used, maps),
 * `last` and the failure. Only the writer changes the table and what is published, so it reads them
 * without the lock and takes it for every change. There is no I/O under the lock: who reads the
 * bytes of an entry holds a reference to its segment and has let the lock go. */
#ifndef LS_LOG_INTERNAL_H
#define LS_LOG_INTERNAL_H

#include "gcomm/log/log.h"
#include "gcomm/log/segment.h"
#include "wsrep/os/thread.h"

#include <stdatomic.h>

#define LS_LOG_PREFIX "lockstep-"
#define LS_LOG_SUFFIX ".log"
#define LS_LOG_SPARE "lockstep-spare.log"
#define LS_LOG_TEMP "lockstep-temp.log"

struct ls_log {
    char *dir;
    int dir_fd; /* open all the time: a sync must not fail for want of a descriptor */
    uint64_t max_bytes;
    uint64_t segment_bytes;
    bool segment_bytes_given;
    size_t (*context)(void *ctx, void *buf, size_t size);
    size_t context_max;
    void *context_ctx;

    ls_mutex lock;
    struct ls_segment **segments; /* oldest first, the last one is written to; never empty */
    size_t segment_count;
    size_t segment_room;
    uint64_t key;           /* the log key, see log.c */
    struct ls_log_pos last; /* newest published */
    uint32_t generation;    /* rises with each cut and each start */
    _Atomic uint64_t durable;
    uint64_t dir_writes; /* names changed, see segment.writes */
    uint64_t dir_synced;
    atomic_bool failed; /* set once, with failure, under the lock */
    struct ls_error failure;
    _Atomic int64_t bad_told_us; /* that an entry has gone bad; 0: not yet */

    /* the writer's own */
    struct ls_log_pos tail; /* newest appended */
    uint8_t *buf;           /* entries appended and not yet written; belongs at active->used */
    size_t buf_used;
    size_t buf_room;
    size_t pending;  /* entries in it */
    bool end_marked; /* nothing was written behind the last end mark */
    bool have_spare;
    _Atomic uint64_t spare_bytes; /* also shown in the statistics */
};

static inline struct ls_segment *ls_log_active(const struct ls_log *log)
{
    return log->segments[log->segment_count - 1];
}

/* The first failure counts and stays (rule 19). Returns its code, and its text in err. */
enum ls_rc ls_log_fail(struct ls_log *log, const struct ls_error *why, struct ls_error *err);
enum ls_rc ls_log_check_failed(struct ls_log *log, struct ls_error *err);

/* "dir/name" into a buffer on the heap, NULL when memory is short. */
char *ls_log_path(const struct ls_log *log, const char *name);
char *ls_log_segment_path(const struct ls_log *log, uint64_t number);
/* True for names of segment files; *number may be NULL. */
bool ls_log_parse_name(const char *name, uint64_t *number);

/* space.c: making and removing of files */
uint64_t ls_log_new_key(void); /* never 0 */
enum ls_rc ls_log_segment_create(struct ls_log *log, struct ls_segment_header *h,
                                 const void *context, struct ls_segment **out,
                                 struct ls_error *err);
/* A private copy of s's first `used` bytes takes its name; pins keep the old file. */
enum ls_rc ls_log_segment_copy(struct ls_log *log, struct ls_segment *s, uint64_t used,
                               size_t count, struct ls_segment **out, struct ls_error *err);
enum ls_rc ls_log_table_push(struct ls_log *log, struct ls_segment *s, struct ls_error *err);
enum ls_rc ls_log_spare_prepare(struct ls_log *log, struct ls_error *err);
void ls_log_spare_drop(struct ls_log *log);
uint64_t ls_log_table_bytes(const struct ls_log *log);
uint64_t ls_log_default_segment_bytes(uint64_t max_bytes);
/* Writes the end mark behind the last entry, with this durable mark in it. */
enum ls_rc ls_log_mark_end(struct ls_log *log, uint64_t durable, struct ls_error *err);

/* recover.c: fills the table from the directory, or starts a new log in it. */
enum ls_rc ls_log_recover(struct ls_log *log, const struct ls_log_options *opt, bool *damaged,
                          struct ls_error *err);

#endif
