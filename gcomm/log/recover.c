/* From the files of a directory to a log that goes on: every entry is checked, what cannot be used
 * is named and removed. Only when that is done the first new byte is written.
 *
 * The walk stops at the first place that is not valid. Whether that is the end of the log, a torn
 * tail, or damage is told by what stands behind: entries of this log that are newer than the last
 * one reached mean that something before them is gone. That they are of this log, and not bytes
 * that a client wrote, is known by the key of their checksums. */
#include "gcomm/log/log_internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found_file {
    uint64_t number;
    char *path;
    bool valid; /* its header */
    struct ls_segment_header header;
    char why[160]; /* not valid */
};

struct recovery {
    struct ls_log *log;
    const struct ls_log_options *opt;
    struct found_file *files; /* by number */
    size_t count;
    size_t first;          /* the log starts with it */
    size_t used;           /* files [first, used) are part of the log, the others go */
    struct ls_log_pos pos; /* last valid entry */
    uint64_t log_key;      /* of the newest header that has one; 0: none has */
    uint32_t generation;
    uint64_t durable;
    size_t behind;   /* entries and segments found behind the end */
    bool torn;       /* something is there that is not an entry */
    char where[512]; /* the place, for people */
};

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = ((const struct found_file *)a)->number;
    uint64_t y = ((const struct found_file *)b)->number;

    return x < y ? -1 : x > y;
}

static enum ls_rc list_files(struct recovery *r, struct ls_error *err)
{
    struct ls_file_list list;
    enum ls_rc rc = ls_file_list_dir(r->log->dir, LS_LOG_PREFIX, LS_LOG_SUFFIX, &list, err);

    if (rc != LS_OK) {
        return rc;
    }
    r->files = calloc(list.count + 1, sizeof(*r->files));
    for (size_t i = 0; r->files != NULL && i < list.count && rc == LS_OK; i++) {
        struct found_file *f = &r->files[r->count];

        if (!ls_log_parse_name(list.names[i], &f->number)) {
            continue;
        }
        f->path = ls_log_path(r->log, list.names[i]);
        r->count++;
        if (f->path == NULL) {
            rc = ls_error_set(err, LS_E_NOMEM, "no memory for a path");
        }
    }
    ls_file_list_free(&list);
    if (r->files == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a list of files");
    }
    if (r->count > 1) {
        qsort(r->files, r->count, sizeof(*r->files), compare_numbers);
    }
    return rc;
}

/* The first `size` bytes of a file, less when it is shorter. */
static enum ls_rc read_start(int fd, const char *path, uint64_t size, uint8_t **out, size_t *got,
                             struct ls_error *err)
{
    enum ls_rc rc;

    /* One byte at least, and zeros behind a short file. */
    *out = calloc(1, (size_t)size + 1);
    if (*out == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory to read %" PRIu64 " bytes of %s", size,
                            path);
    }
    rc = ls_file_read_at(fd, *out, (size_t)size, 0, got, path, err);
    if (rc != LS_OK) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

/* Fixed part and context. A wrong header is no error here, an unreadable one is. */
static enum ls_rc read_header(struct found_file *f, struct ls_error *err)
{
    const uint64_t most = LS_SEGMENT_HEADER_BYTES + (uint64_t)LS_LOG_CONTEXT_CAP + 64;
    struct ls_error why;
    uint64_t size = 0;
    uint8_t *data = NULL;
    size_t got;
    int fd;
    enum ls_rc rc = ls_file_open(f->path, LS_FILE_READ, &fd, err);

    if (rc != LS_OK) {
        return rc;
    }
    rc = ls_file_size(fd, &size, f->path, err);
    if (rc == LS_OK) {
        rc = read_start(fd, f->path, size < most ? size : most, &data, &got, err);
    }
    ls_file_close(fd);
    if (rc != LS_OK) {
        return rc;
    }
    rc = ls_segment_header_decode(data, got, &f->header, &why);
    free(data);
    if (rc == LS_E_VERSION) {
        return ls_error_set(err, rc, "%s: %s", f->path, why.text);
    }
    if (rc == LS_OK && f->header.number != f->number) {
        rc = ls_error_set(&why, LS_E_CORRUPT, "its header is that of segment %" PRIu64,
                          f->header.number);
    }
    f->valid = rc == LS_OK;
    if (rc != LS_OK) {
        snprintf(f->why, sizeof(f->why), "%.150s", why.text);
    }
    return LS_OK;
}

static enum ls_rc read_headers(struct recovery *r, struct ls_error *err)
{
    enum ls_rc rc = LS_OK;

    for (size_t i = 0; i < r->count && rc == LS_OK; i++) {
        rc = read_header(&r->files[i], err);
        if (!r->files[i].valid) {
            continue;
        }
        if ((r->files[i].header.flags & LS_SEGMENT_RESET) != 0) {
            r->first = i;
        }
        if (r->files[i].header.log_key != 0) {
            r->log_key = r->files[i].header.log_key;
        }
    }
    return rc;
}

/* The oldest files may have no header of their own: after a power failure the name of a purged
 * segment may be back while its blocks hold what its second life wrote. Older history is no loss,
 * so the log starts with the first segment that is whole, if there is any. */
static void skip_headless(struct recovery *r)
{
    size_t i = r->first;

    while (i < r->count && !r->files[i].valid) {
        i++;
    }
    if (i == r->count) {
        return;
    }
    for (; r->first < i; r->first++) {
        ls_warn("write-set log: %s is dropped, %s; the log starts behind it",
                r->files[r->first].path, r->files[r->first].why);
    }
}

/* Builds the segment around what the scan of its bytes finds. */
static enum ls_rc scan_segment(struct recovery *r, struct ls_segment *s, struct ls_scan *scan,
                               struct ls_error *err)
{
    struct ls_entry e;
    size_t at;

    while (ls_scan_next(scan, &e, &at)) {
        if (at / LS_LOG_ALIGN > UINT32_MAX || !ls_segment_reserve_offsets(s, s->count + 1)) {
            return ls_error_set(err, LS_E_NOMEM, "no memory for the index of %s", s->path);
        }
        s->offsets[s->count++] = (uint32_t)(at / LS_LOG_ALIGN);
    }
    s->used = scan->offset;
    return LS_OK;
}

/* True when the file's segment begins where the log ends so far. */
static bool file_continues(const struct recovery *r, size_t i)
{
    const struct found_file *f = &r->files[i];
    const struct ls_log_pos *base = &f->header.base;

    if (!f->valid) {
        return false;
    }
    return i == r->first ||
           (f->number == r->files[i - 1].number + 1 && base->index == r->pos.index &&
            base->seqno == r->pos.seqno && ls_hash128_equal(base->chain, r->pos.chain) &&
            f->header.generation >= r->generation);
}

/* Keeps what the scan of file i learned; looks behind the end unless it is marked. Without a key
 * anybody could have written what stands there: then the segment that goes on from here counts
 * more. */
static void note_scan(struct recovery *r, size_t i, struct ls_scan *scan)
{
    const struct found_file *f = &r->files[i];

    r->pos = scan->pos;
    r->generation = scan->generation;
    if (!scan->marked && (scan->key != 0 || i + 1 == r->count || !file_continues(r, i + 1))) {
        r->behind += ls_scan_behind(scan, scan->data, scan->size, scan->offset);
        r->generation = scan->generation;
    }
    r->durable = scan->durable > r->durable ? scan->durable : r->durable;
    r->torn = scan->end == LS_SCAN_TORN;
    snprintf(r->where, sizeof(r->where), "%.300s, offset %zu: %s", f->path, scan->offset,
             r->torn ? scan->why : "the entries end there");
}

/* A failed sync leaves pages that can be read and are on no disk. Behind the mark everything was
 * synced. */
static bool is_doubtful(const struct recovery *r, size_t i)
{
    return r->opt->reread && (i + 1 >= r->count || !r->files[i + 1].valid ||
                              r->files[i + 1].header.base.index > r->opt->durable);
}

static enum ls_rc load_segment(struct recovery *r, size_t i, struct ls_error *err)
{
    const struct found_file *f = &r->files[i];
    struct ls_segment *s = NULL;
    struct ls_scan scan;
    uint64_t size = 0;
    uint8_t *data;
    size_t got;
    int fd;
    enum ls_rc rc = ls_file_open(f->path, LS_FILE_WRITE, &fd, err);

    if (rc != LS_OK) {
        return rc;
    }
    rc = is_doubtful(r, i) ? ls_file_reread(fd, f->path, err) : LS_OK;
    if (rc == LS_OK) {
        rc = ls_file_size(fd, &size, f->path, err);
    }
    if (rc == LS_OK) {
        rc = read_start(fd, f->path, size, &data, &got, err);
    }
    if (rc == LS_OK && got < f->header.data_start) {
        rc = ls_error_set(err, LS_E_IO, "%s has been cut while it was read", f->path);
        free(data);
    }
    if (rc != LS_OK) {
        ls_file_close(fd);
        return rc;
    }
    rc = ls_segment_open(fd, f->path, &f->header, got, &s, err);
    if (rc == LS_OK) {
        ls_scan_init(&scan, data, got, &f->header);
        if (scan.generation < r->generation) {
            scan.generation = r->generation;
        }
        rc = scan_segment(r, s, &scan, err);
    }
    if (rc == LS_OK) {
        note_scan(r, i, &scan);
        rc = ls_log_table_push(r->log, s, err);
    }
    free(data);
    if (rc != LS_OK && s != NULL) {
        ls_segment_unref(s);
    }
    return rc;
}

/* Signs of lost entries in a file that is not part of the log. */
static enum ls_rc look_into_rest(struct recovery *r, const struct found_file *f,
                                 struct ls_error *err)
{
    /* The key of a segment follows from its name when its own header is gone. */
    struct ls_scan scan = {
        .key = ls_log_segment_key(f->valid ? f->header.log_key : r->log_key, f->number),
        .pos = r->pos,
        .generation = r->generation,
        .durable = r->durable,
        .data = NULL};
    uint64_t size = 0;
    uint8_t *data = NULL;
    size_t got;
    int fd;
    enum ls_rc rc;

    if (f->valid && f->header.generation < r->generation) {
        return LS_OK; /* cut off; only its removal was undone by a power failure */
    }
    rc = ls_file_open(f->path, LS_FILE_READ, &fd, err);
    if (rc != LS_OK) {
        return rc;
    }
    rc = ls_file_size(fd, &size, f->path, err);
    if (rc == LS_OK) {
        rc = read_start(fd, f->path, size, &data, &got, err);
    }
    ls_file_close(fd);
    if (rc != LS_OK) {
        return rc;
    }
    r->behind += ls_scan_behind(&scan, data, got, 0);
    free(data);
    if (f->valid && f->header.base.index > r->pos.index) {
        r->behind++;
        scan.durable = f->header.durable > scan.durable ? f->header.durable : scan.durable;
    }
    if (!f->valid) {
        r->behind++; /* files get their names with their headers in them */
    }
    r->durable = scan.durable;
    r->generation = scan.generation;
    return LS_OK;
}

static enum ls_rc load_segments(struct recovery *r, struct ls_error *err)
{
    enum ls_rc rc = LS_OK;
    size_t i;

    skip_headless(r);
    i = r->first;
    while (i < r->count && rc == LS_OK && file_continues(r, i)) {
        r->behind = 0; /* the segment that follows stands behind as it should */
        rc = load_segment(r, i, err);
        i++;
    }
    r->used = i;
    if (rc == LS_OK && i < r->count && !r->torn) {
        const struct found_file *f = &r->files[i];
        snprintf(r->where, sizeof(r->where), "%.300s: %s", f->path,
                 f->valid ? "the segment does not follow the one before it" : f->why);
        r->torn = true;
    }
    for (; i < r->count && rc == LS_OK; i++) {
        rc = look_into_rest(r, &r->files[i], err);
    }
    return rc;
}

/* Tells people what was found, and the caller whether something is lost that must not be. */
static bool report(const struct recovery *r)
{
    bool lost = r->durable > r->pos.index;

    if (lost || (r->behind > 0 && !r->opt->rebooted)) {
        ls_error_log("write-set log: damaged behind entry %" PRIu64 " (seqno %" PRId64 "), %s. "
                     "%zu newer entries or segments behind it are dropped%s; this node gets them "
                     "from the others. Check the disk",
                     r->pos.index, r->pos.seqno, r->where, r->behind,
                     lost ? ", among them some that were acknowledged" : "");
        return true;
    }
    if (r->behind > 0 || r->torn) {
        ls_info("write-set log: ends behind entry %" PRIu64 " (seqno %" PRId64 "), %s. What stands "
                "there is an unfinished write or left from an earlier use of the file",
                r->pos.index, r->pos.seqno, r->where);
    }
    return false;
}

/* Files that are not part of the log, newest first so that a crash in between changes nothing. */
static enum ls_rc remove_rest(struct recovery *r, struct ls_error *err)
{
    enum ls_rc rc = LS_OK;

    for (size_t i = r->count; i > 0 && rc == LS_OK; i--) {
        if (i - 1 < r->first || i - 1 >= r->used) {
            rc = ls_file_unlink(r->files[i - 1].path, err);
            r->log->dir_writes++;
        }
    }
    return rc;
}

/* What an earlier process left half made, and its spare. */
static void settle_spare(struct ls_log *log)
{
    char *temp = ls_log_path(log, LS_LOG_TEMP);
    char *spare = ls_log_path(log, LS_LOG_SPARE);
    uint64_t size = 0;
    int fd = -1;

    if (temp != NULL) {
        (void)ls_file_unlink(temp, NULL);
    }
    if (spare != NULL && ls_file_open(spare, LS_FILE_WRITE, &fd, NULL) == LS_OK) {
        /* Its old entries could be of another log: make them unusable, whatever their index. */
        bool clean = ls_file_size(fd, &size, spare, NULL) == LS_OK && size == log->segment_bytes &&
                     ls_file_set_size(fd, 0, spare, NULL) == LS_OK &&
                     ls_file_allocate(fd, 0, size, spare, NULL) == LS_OK;
        ls_file_close(fd);
        log->have_spare = clean;
        log->spare_bytes = clean ? size : 0;
        if (!clean) {
            ls_log_spare_drop(log);
        }
    }
    free(temp);
    free(spare);
}

static enum ls_rc start_new(struct ls_log *log, uint64_t number, struct ls_error *err)
{
    struct ls_segment_header h = {.number = number, .flags = LS_SEGMENT_RESET};
    struct ls_segment *s;
    enum ls_rc rc = ls_log_segment_create(log, &h, NULL, &s, err);

    if (rc == LS_OK) {
        rc = ls_log_table_push(log, s, err);
        if (rc != LS_OK) {
            ls_segment_unref(s);
        }
    }
    return rc;
}

/* Makes the end of the log what was found, durably so when there was damage: only then may the
 * signs of it be removed. */
static enum ls_rc settle_end(struct recovery *r, bool damaged, struct ls_error *err)
{
    struct ls_log *log = r->log;
    uint64_t end = r->pos.index;
    uint64_t mark = r->durable < end ? r->durable : end;
    enum ls_rc rc = LS_OK;

    log->last = r->pos;
    log->key = r->log_key != 0 ? r->log_key : ls_log_new_key();
    log->generation = r->generation + 1;
    if (damaged) {
        mark = r->durable > end ? r->durable : end + 1;
    }
    atomic_store(&log->durable, mark);
    if (log->segment_count == 0) {
        rc = start_new(log, r->count > 0 ? r->files[r->count - 1].number + 1 : 1, err);
    }
    if (rc == LS_OK) {
        rc = ls_log_mark_end(log, mark, err);
    }
    if (rc == LS_OK && damaged) {
        rc = ls_file_sync_data(ls_log_active(log)->fd, ls_log_active(log)->path, err);
    }
    if (rc == LS_OK && damaged) {
        rc = ls_file_sync_open_dir(log->dir_fd, log->dir, err);
    }
    atomic_store(&log->durable, mark < end ? mark : end);
    return rc;
}

static enum ls_rc settle(struct recovery *r, bool *damaged, struct ls_error *err)
{
    enum ls_rc rc;

    if (r->generation >= LS_LOG_GENERATION_CAP / 2) {
        return ls_error_set(err, LS_E_CORRUPT, "its segments claim to have been cut %u times",
                            r->generation); /* and there must be room for more */
    }
    *damaged = report(r);
    settle_spare(r->log);
    rc = settle_end(r, *damaged, err);
    return rc == LS_OK ? remove_rest(r, err) : rc;
}

enum ls_rc ls_log_recover(struct ls_log *log, const struct ls_log_options *opt, bool *damaged,
                          struct ls_error *err)
{
    struct recovery r = {.log = log, .opt = opt};
    enum ls_rc rc = list_files(&r, err);

    if (rc == LS_OK) {
        rc = read_headers(&r, err);
    }
    if (rc == LS_OK) {
        rc = load_segments(&r, err);
    }
    if (rc == LS_OK) {
        rc = settle(&r, damaged, err);
    }
    for (size_t i = 0; i < r.count; i++) {
        free(r.files[i].path);
    }
    free(r.files);
    return rc;
}
