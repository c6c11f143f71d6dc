/* Files come and go here: new segments, the spare one, private copies, purge.
 *
 * A segment gets its final name only when its header is written, so that a process killed in
 * between leaves no half-made segment. The spare is a purged segment kept for the next one: its
 * blocks are there (no full disk) and have been written before (an fdatasync need not journal their
 * first use). What it still holds has the key of an earlier number and is never taken for new. */
#include "gcomm/log/log_internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_MIN_BYTES (1024u * 1024)
#define SEGMENT_MAX_BYTES (32u * 1024 * 1024)
#define COPY_CHUNK_BYTES (1024u * 1024)

uint64_t ls_log_default_segment_bytes(uint64_t max_bytes)
{
    uint64_t n = max_bytes / 8;

    n = n < SEGMENT_MIN_BYTES ? SEGMENT_MIN_BYTES : n;
    n = n > SEGMENT_MAX_BYTES ? SEGMENT_MAX_BYTES : n;
    return n & ~(uint64_t)4095;
}

char *ls_log_path(const struct ls_log *log, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", log->dir, name) < 0 ? NULL : path;
}

char *ls_log_segment_path(const struct ls_log *log, uint64_t number)
{
    char *path;

    return asprintf(&path, "%s/" LS_LOG_PREFIX "%08" PRIu64 LS_LOG_SUFFIX, log->dir, number) < 0
               ? NULL
               : path;
}

bool ls_log_parse_name(const char *name, uint64_t *number)
{
    const size_t prefix = strlen(LS_LOG_PREFIX);
    uint64_t n = 0;
    size_t digits = 0;

    if (strncmp(name, LS_LOG_PREFIX, prefix) != 0) {
        return false;
    }
    for (name += prefix; *name >= '0' && *name <= '9'; name++, digits++) {
        if (digits == 18) {
            return false;
        }
        n = n * 10 + (uint64_t)(*name - '0');
    }
    /* Eight digits at least: a host named lockstep-1 has a general log of the name lockstep-1.log.
     */
    if (digits < 8 || strcmp(name, LS_LOG_SUFFIX) != 0) {
        return false;
    }
    if (number != NULL) {
        *number = n;
    }
    return true;
}

uint64_t ls_log_table_bytes(const struct ls_log *log)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < log->segment_count; i++) {
        sum += log->segments[i]->allocated;
    }
    return sum;
}

enum ls_rc ls_log_table_push(struct ls_log *log, struct ls_segment *s, struct ls_error *err)
{
    enum ls_rc rc = LS_OK;

    ls_mutex_lock(&log->lock);
    if (log->segment_count == log->segment_room) {
        size_t room = log->segment_room == 0 ? 16 : log->segment_room * 2;
        struct ls_segment **bigger = realloc(log->segments, room * sizeof(*bigger));
        if (bigger == NULL) {
            rc = ls_error_set(err, LS_E_NOMEM, "no memory for the table of log segments");
        } else {
            log->segments = bigger;
            log->segment_room = room;
        }
    }
    if (rc == LS_OK) {
        log->segments[log->segment_count++] = s;
        log->dir_writes++;
    }
    ls_mutex_unlock(&log->lock);
    return rc;
}

uint64_t ls_log_new_key(void)
{
    uint64_t key = ls_os_random();

    return key != 0 ? key : 1; /* 0 stands for none */
}

/* A new file of `bytes` bytes that are reserved on the disk. */
static enum ls_rc make_file(const char *path, uint64_t bytes, int *fd, struct ls_error *err)
{
    enum ls_rc rc = ls_file_open(path, LS_FILE_WRITE | LS_FILE_CREATE | LS_FILE_EMPTY, fd, err);

    if (rc != LS_OK) {
        return rc;
    }
    rc = ls_file_allocate(*fd, 0, bytes, path, err);
    if (rc != LS_OK) {
        ls_file_close(*fd);
        (void)ls_file_unlink(path, NULL);
        *fd = -1;
    }
    return rc;
}

void ls_log_spare_drop(struct ls_log *log)
{
    char *path = ls_log_path(log, LS_LOG_SPARE);

    log->have_spare = false;
    log->spare_bytes = 0;
    if (path != NULL) {
        (void)ls_file_unlink(path, NULL);
        free(path);
    }
}

enum ls_rc ls_log_spare_prepare(struct ls_log *log, struct ls_error *err)
{
    char *path;
    enum ls_rc rc;
    int fd;

    if (log->have_spare) {
        return LS_OK;
    }
    path = ls_log_path(log, LS_LOG_SPARE);
    if (path == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a path");
    }
    rc = make_file(path, log->segment_bytes, &fd, err);
    if (rc == LS_OK) {
        ls_file_close(fd);
        log->have_spare = true;
        log->spare_bytes = log->segment_bytes;
    }
    free(path);
    return rc;
}

enum ls_rc ls_log_reserve_next(struct ls_log *log, bool now, struct ls_error *err)
{
    const struct ls_segment *s = ls_log_active(log);

    if (log->have_spare || (!now && s->used < log->segment_bytes / 4)) {
        return LS_OK;
    }
    return ls_log_spare_prepare(log, err);
}

/* Opens the spare, or makes a file under the temporary name; *from is on the heap. */
static enum ls_rc obtain_file(struct ls_log *log, uint64_t bytes, char **from, int *fd,
                              struct ls_error *err)
{
    enum ls_rc rc;

    if (log->have_spare && log->spare_bytes != bytes) {
        ls_log_spare_drop(log);
    }
    *from = ls_log_path(log, log->have_spare ? LS_LOG_SPARE : LS_LOG_TEMP);
    if (*from == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a path");
    }
    if (log->have_spare) {
        rc = ls_file_open(*from, LS_FILE_WRITE, fd, err);
        if (rc != LS_E_NOFILES) {
            log->have_spare = false;
            log->spare_bytes = 0;
        }
    } else {
        rc = make_file(*from, bytes, fd, err);
    }
    if (rc != LS_OK) {
        free(*from);
        *from = NULL;
    }
    return rc;
}

/* Header into the file, final name, segment around it. Takes over fd and from. */
static enum ls_rc finish_file(struct ls_log *log, int fd, char *from, uint64_t bytes,
                              const struct ls_segment_header *h, const void *context,
                              struct ls_segment **out, struct ls_error *err)
{
    char *path = ls_log_segment_path(log, h->number);
    uint8_t *buf = malloc(h->data_start);
    enum ls_rc rc = LS_OK;

    if (buf == NULL || path == NULL) {
        rc = ls_error_set(err, LS_E_NOMEM, "no memory to make a log segment");
    } else {
        ls_segment_header_encode(h, context, buf);
        rc = ls_file_write_at(fd, buf, h->data_start, 0, from, err);
    }
    if (rc == LS_OK) {
        rc = ls_file_rename(from, path, err);
    }
    if (rc == LS_OK) {
        rc = ls_segment_open(fd, path, h, bytes, out, err);
    } else {
        ls_file_close(fd);
        (void)ls_file_unlink(from, NULL);
    }
    free(from);
    free(buf);
    free(path);
    return rc;
}

enum ls_rc ls_log_segment_create(struct ls_log *log, struct ls_segment_header *h,
                                 const void *context, struct ls_segment **out, struct ls_error *err)
{
    uint64_t bytes = log->segment_bytes;
    char *from;
    enum ls_rc rc;
    int fd;

    *out = NULL;
    h->format = LS_LOG_FORMAT_CURRENT;
    h->needs = LS_LOG_FORMAT_CURRENT;
    h->generation = log->generation;
    h->log_key = log->key;
    h->data_start = ls_log_data_start(h->format, h->context_size);
    h->durable = atomic_load(&log->durable);
    if (bytes < 2 * (uint64_t)h->data_start) {
        bytes = 2 * (uint64_t)h->data_start;
    }
    rc = obtain_file(log, bytes, &from, &fd, err);
    if (rc == LS_OK) {
        rc = finish_file(log, fd, from, bytes, h, context, out, err);
    }
    if (rc != LS_OK) {
        return ls_error_wrap(err, rc, "cannot start a new segment of the write-set log");
    }
    return LS_OK;
}

static enum ls_rc copy_bytes(int fd, const char *to, const struct ls_segment *s, uint64_t used,
                             struct ls_error *err)
{
    enum ls_rc rc = LS_OK;

    for (uint64_t at = 0; at < used && rc == LS_OK; at += COPY_CHUNK_BYTES) {
        uint64_t n = used - at < COPY_CHUNK_BYTES ? used - at : COPY_CHUNK_BYTES;
        rc = ls_file_write_at(fd, s->map + at, (size_t)n, at, to, err);
    }
    /* What the old file held durably must not be less durable in the new one. */
    return rc == LS_OK ? ls_file_sync_data(fd, to, err) : rc;
}

enum ls_rc ls_log_segment_copy(struct ls_log *log, struct ls_segment *s, uint64_t used,
                               size_t count, struct ls_segment **out, struct ls_error *err)
{
    struct ls_segment_header h = {.format = s->format,
                                  .log_key = s->log_key,
                                  .number = s->number,
                                  .base = s->base,
                                  .data_start = s->data_start,
                                  .context_size = s->context_size};
    char *temp = ls_log_path(log, LS_LOG_TEMP);
    enum ls_rc rc;
    int fd = -1;

    *out = NULL;
    if (temp == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a path");
    }
    rc = make_file(temp, s->allocated, &fd, err);
    if (rc == LS_OK) {
        rc = copy_bytes(fd, temp, s, used, err);
        if (rc == LS_OK) {
            rc = ls_file_rename(temp, s->path, err);
        }
        if (rc == LS_OK) {
            rc = ls_segment_open(fd, s->path, &h, s->allocated, out, err);
        } else {
            ls_file_close(fd);
            (void)ls_file_unlink(temp, NULL);
        }
    }
    free(temp);
    if (rc == LS_OK && !ls_segment_reserve_offsets(*out, count)) {
        rc = ls_error_set(err, LS_E_NOMEM, "no memory to copy %s", s->path);
        ls_segment_unref(*out);
        *out = NULL;
    }
    if (rc == LS_OK) {
        if (count > 0) {
            memcpy((*out)->offsets, s->offsets, count * sizeof(*s->offsets));
        }
        (*out)->count = count;
        (*out)->used = used;
    }
    return rc;
}

enum ls_rc ls_log_mark_end(struct ls_log *log, uint64_t durable, struct ls_error *err)
{
    struct ls_segment *s = ls_log_active(log);
    struct ls_entry_header mark;
    enum ls_rc rc;

    ls_end_mark_encode(&log->last, log->generation, durable, s->key, &mark);
    rc = ls_file_write_at(s->fd, &mark, sizeof(mark), s->used, s->path, err);
    ls_mutex_lock(&log->lock);
    s->writes++;
    ls_mutex_unlock(&log->lock);
    log->end_marked = true;
    return rc;
}

/* Gives the file a new life as the spare, or removes it. */
static void retire(struct ls_log *log, struct ls_segment *s, bool pinned)
{
    char *spare = NULL;

    if (!pinned && !log->have_spare && s->allocated == log->segment_bytes) {
        spare = ls_log_path(log, LS_LOG_SPARE);
    }
    if (spare != NULL && ls_file_rename(s->path, spare, NULL) == LS_OK) {
        log->have_spare = true;
        log->spare_bytes = s->allocated;
    } else {
        struct ls_error err;
        if (ls_file_unlink(s->path, &err) != LS_OK) {
            ls_warn("write-set log: %s", err.text);
        }
    }
    free(spare);
    ls_segment_unref(s);
}

void ls_log_purge(struct ls_log *log, uint64_t keep_from)
{
    uint64_t held = ls_log_table_bytes(log);

    while (log->segment_count > 1 && held > log->max_bytes) {
        struct ls_segment *s = log->segments[0];
        bool pinned;

        ls_mutex_lock(&log->lock);
        pinned = ls_segment_pins(s) > 0;
        if (pinned || log->segments[1]->base.index >= keep_from) {
            ls_mutex_unlock(&log->lock);
            return;
        }
        log->segment_count--;
        memmove(log->segments, log->segments + 1, log->segment_count * sizeof(*log->segments));
        log->dir_writes++;
        ls_mutex_unlock(&log->lock);
        held -= s->allocated;
        retire(log, s, pinned);
    }
}

void ls_log_set_max_bytes(struct ls_log *log, uint64_t max_bytes)
{
    ls_mutex_lock(&log->lock);
    log->max_bytes = max_bytes;
    if (!log->segment_bytes_given) {
        log->segment_bytes = ls_log_default_segment_bytes(max_bytes);
    }
    ls_mutex_unlock(&log->lock);
}

enum ls_rc ls_log_remove_all(const char *dir, struct ls_error *err)
{
    struct ls_file_list list;
    enum ls_rc rc = ls_file_list_dir(dir, LS_LOG_PREFIX, LS_LOG_SUFFIX, &list, err);

    if (rc != LS_OK) {
        return rc;
    }
    for (size_t i = 0; i < list.count && rc == LS_OK; i++) {
        const char *name = list.names[i];
        char *path;

        if (!ls_log_parse_name(name, NULL) && strcmp(name, LS_LOG_SPARE) != 0 &&
            strcmp(name, LS_LOG_TEMP) != 0) {
            continue;
        }
        if (asprintf(&path, "%s/%s", dir, name) < 0) {
            rc = ls_error_set(err, LS_E_NOMEM, "no memory for a path");
        } else {
            rc = ls_file_unlink(path, err);
            free(path);
        }
    }
    ls_file_list_free(&list);
    return rc == LS_OK ? ls_file_sync_dir(dir, err) : rc;
}
