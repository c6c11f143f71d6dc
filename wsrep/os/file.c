#include "wsrep/os/file.h"

#include "wsrep/base/assert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define IOV_BATCH 64
#define ZERO_CHUNK_BYTES (256 * 1024)
#define LOCK_TRIES 50
#define LOCK_RETRY_NS 20000000

enum ls_rc ls_file_open(const char *path, unsigned flags, int *fd, struct ls_error *err)
{
    int mode = O_CLOEXEC | O_NOCTTY;

    mode |= (flags & LS_FILE_WRITE) ? O_RDWR : O_RDONLY;
    mode |= (flags & LS_FILE_CREATE) ? O_CREAT : 0;
    mode |= (flags & LS_FILE_NEW) ? O_EXCL : 0;
    mode |= (flags & LS_FILE_EMPTY) ? O_TRUNC : 0;
    do {
        *fd = open(path, mode, 0660);
    } while (*fd < 0 && errno == EINTR);
    if (*fd < 0) {
        return ls_error_errno(err, errno, "cannot open %s", path);
    }
    return LS_OK;
}

void ls_file_close(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

enum ls_rc ls_file_read_at(int fd, void *buf, size_t size, uint64_t offset, size_t *got,
                           const char *what, struct ls_error *err)
{
    size_t done = 0;

    *got = 0;
    while (done < size) {
        ssize_t n = pread(fd, (uint8_t *)buf + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ls_error_errno(err, errno, "cannot read %s at offset %llu", what,
                                  (unsigned long long)(offset + done));
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *got = done;
    return LS_OK;
}

enum ls_rc ls_file_write_at(int fd, const void *data, size_t size, uint64_t offset,
                            const char *what, struct ls_error *err)
{
    struct ls_piece piece = {.data = data, .len = size};

    return ls_file_write_pieces_at(fd, &piece, 1, offset, what, err);
}

/* Fills iov with what is left from (piece, skip) on. */
static int fill_iov(struct iovec *iov, const struct ls_piece *pieces, size_t count, size_t first,
                    size_t skip)
{
    int n = 0;

    for (size_t i = first; i < count && n < IOV_BATCH; i++) {
        if (pieces[i].len > skip) {
            /* writev does not write through iov_base; the cast only drops const */
            iov[n].iov_base = (uint8_t *)(uintptr_t)pieces[i].data + skip;
            iov[n].iov_len = pieces[i].len - skip;
            n++;
        }
        skip = 0;
    }
    return n;
}

enum ls_rc ls_file_write_pieces_at(int fd, const struct ls_piece *pieces, size_t count,
                                   uint64_t offset, const char *what, struct ls_error *err)
{
    size_t at = 0;   /* piece that is next */
    size_t skip = 0; /* bytes of it that are written */

    while (at < count) {
        struct iovec iov[IOV_BATCH];
        int n = fill_iov(iov, pieces, count, at, skip);
        ssize_t done;

        if (n == 0) {
            break; /* only empty pieces were left */
        }
        done = pwritev(fd, iov, n, (off_t)offset);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return ls_error_errno(err, done < 0 ? errno : EIO, "cannot write %s at offset %llu",
                                  what, (unsigned long long)offset);
        }
        offset += (uint64_t)done;
        skip += (size_t)done;
        while (at < count && skip >= pieces[at].len) {
            skip -= pieces[at].len;
            at++;
        }
    }
    return LS_OK;
}

enum ls_rc ls_file_size(int fd, uint64_t *size, const char *what, struct ls_error *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return ls_error_errno(err, errno, "cannot stat %s", what);
    }
    *size = (uint64_t)st.st_size;
    return LS_OK;
}

enum ls_rc ls_file_set_size(int fd, uint64_t size, const char *what, struct ls_error *err)
{
    if (ftruncate(fd, (off_t)size) != 0) {
        return ls_error_errno(err, errno, "cannot set the size of %s to %llu", what,
                              (unsigned long long)size);
    }
    return LS_OK;
}

/* For file systems without fallocate: zeros written reserve blocks as well. */
static enum ls_rc allocate_by_zeros(int fd, uint64_t from, uint64_t to, const char *what,
                                    struct ls_error *err)
{
    uint8_t *zeros = calloc(1, ZERO_CHUNK_BYTES);
    enum ls_rc rc = LS_OK;

    if (zeros == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "cannot allocate %d bytes", ZERO_CHUNK_BYTES);
    }
    for (uint64_t at = from; at < to && rc == LS_OK; at += ZERO_CHUNK_BYTES) {
        uint64_t n = to - at < ZERO_CHUNK_BYTES ? to - at : ZERO_CHUNK_BYTES;
        rc = ls_file_write_at(fd, zeros, (size_t)n, at, what, err);
    }
    free(zeros);
    return rc;
}

enum ls_rc ls_file_allocate(int fd, uint64_t from, uint64_t to, const char *what,
                            struct ls_error *err)
{
    struct stat st;
    enum ls_rc rc = LS_OK;
    int e;

    LS_ASSERT(from <= to);
    if (from == to) {
        return LS_OK;
    }
    if (fstat(fd, &st) != 0) {
        return ls_error_errno(err, errno, "cannot stat %s", what);
    }
    do {
        e = fallocate(fd, 0, (off_t)from, (off_t)(to - from)) == 0 ? 0 : errno;
    } while (e == EINTR);
    if (e == EOPNOTSUPP || e == ENOSYS) {
        rc = allocate_by_zeros(fd, from, to, what, err);
    } else if (e != 0) {
        rc = ls_error_errno(err, e, "cannot reserve %llu bytes of disk for %s",
                            (unsigned long long)(to - from), what);
    }
    if (rc != LS_OK && ftruncate(fd, st.st_size) != 0) {
        return rc; /* the first error says more than this one */
    }
    return rc;
}

enum ls_rc ls_file_free_bytes(const char *dir, uint64_t *bytes, struct ls_error *err)
{
    struct statvfs fs;

    *bytes = 0;
    if (statvfs(dir, &fs) != 0) {
        return ls_error_errno(err, errno, "cannot ask for the free space of %s", dir);
    }
    *bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return LS_OK;
}

enum ls_rc ls_file_sync_data(int fd, const char *what, struct ls_error *err)
{
    /* No retry after a failure: the kernel has forgotten which pages were dirty (rule 19). */
    if (fdatasync(fd) != 0) {
        return ls_error_errno(err, errno, "cannot sync %s", what);
    }
    return LS_OK;
}

enum ls_rc ls_file_reread(int fd, const char *what, struct ls_error *err)
{
    enum ls_rc rc = ls_file_sync_data(fd, what, err);
    int failed = rc == LS_OK ? posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) : 0;

    return failed == 0 ? rc : ls_error_errno(err, failed, "cannot read %s anew", what);
}

enum ls_rc ls_file_open_dir(const char *dir, int *fd, struct ls_error *err)
{
    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd >= 0 ? LS_OK : ls_error_errno(err, errno, "cannot open directory %s", dir);
}

enum ls_rc ls_file_sync_open_dir(int fd, const char *dir, struct ls_error *err)
{
    /* EINVAL: a file system that has no such call for directories and needs none. */
    if (fsync(fd) != 0 && errno != EINVAL) {
        return ls_error_errno(err, errno, "cannot sync directory %s", dir);
    }
    return LS_OK;
}

enum ls_rc ls_file_sync_dir(const char *dir, struct ls_error *err)
{
    int fd;
    enum ls_rc rc = ls_file_open_dir(dir, &fd, err);

    if (rc == LS_OK) {
        rc = ls_file_sync_open_dir(fd, dir, err);
        ls_file_close(fd);
    }
    return rc;
}

enum ls_rc ls_file_map(int fd, size_t size, const uint8_t **out, const char *what,
                       struct ls_error *err)
{
    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED) {
        *out = NULL;
        return ls_error_errno(err, errno, "cannot map %zu bytes of %s", size, what);
    }
    *out = p;
    return LS_OK;
}

void ls_file_unmap(const uint8_t *map, size_t size)
{
    int rc = munmap((void *)(uintptr_t)map, size);
    LS_ASSERT(rc == 0);
}

enum ls_rc ls_file_lock(int fd, const char *what, struct ls_error *err)
{
    const struct timespec pause = {.tv_nsec = LOCK_RETRY_NS};
    int rc;

    for (int tries = 0;; tries++) {
        do {
            rc = flock(fd, LOCK_EX | LOCK_NB);
        } while (rc != 0 && errno == EINTR);
        if (rc == 0 || errno != EWOULDBLOCK || tries == LOCK_TRIES) {
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    if (rc != 0 && errno == EWOULDBLOCK) {
        return ls_error_set(err, LS_E_BUSY,
                            "%s is in use by another process: is a server running on this data "
                            "directory already?",
                            what);
    }
    if (rc != 0) {
        return ls_error_errno(err, errno, "cannot lock %s", what);
    }
    return LS_OK;
}

bool ls_file_is_at(int fd, const char *path)
{
    struct stat a;
    struct stat b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

bool ls_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum ls_rc ls_file_unlink(const char *path, struct ls_error *err)
{
    if (unlink(path) != 0) {
        return ls_error_errno(err, errno, "cannot remove %s", path);
    }
    return LS_OK;
}

enum ls_rc ls_file_rename(const char *from, const char *to, struct ls_error *err)
{
    if (rename(from, to) != 0) {
        return ls_error_errno(err, errno, "cannot rename %s to %s", from, to);
    }
    return LS_OK;
}

/* The directory part of path, "." when it has none. False when it is too long. */
static bool dir_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);

    if (slash == path) {
        n = 1;
    }
    if (n >= size || size < 2) {
        return false;
    }
    memcpy(out, slash == NULL ? "." : path, slash == NULL ? 1 : n);
    out[slash == NULL ? 1 : n] = '\0';
    return true;
}

enum ls_rc ls_file_replace(const char *path, const void *data, size_t size, struct ls_error *err)
{
    char tmp[PATH_MAX];
    char dir[PATH_MAX];
    struct stat st;
    enum ls_rc rc;
    int fd;

    if ((size_t)snprintf(tmp, sizeof(tmp), "%s.new", path) >= sizeof(tmp) ||
        !dir_of(path, dir, sizeof(dir))) {
        return ls_error_set(err, LS_E_INVAL, "path too long: %s", path);
    }
    rc = ls_file_open(tmp, LS_FILE_WRITE | LS_FILE_CREATE | LS_FILE_EMPTY, &fd, err);
    if (rc != LS_OK) {
        return rc;
    }
    /* Keeping the mode is a courtesy to agents that read the file as another user. */
    if (stat(path, &st) == 0 && fchmod(fd, st.st_mode & 07777) != 0) {
        rc = ls_error_errno(err, errno, "cannot set the mode of %s", tmp);
    }
    if (rc == LS_OK) {
        rc = ls_file_write_at(fd, data, size, 0, tmp, err);
    }
    if (rc == LS_OK) {
        rc = ls_file_sync_data(fd, tmp, err);
    }
    ls_file_close(fd);
    if (rc == LS_OK) {
        rc = ls_file_rename(tmp, path, err);
    }
    if (rc == LS_OK) {
        return ls_file_sync_dir(dir, err);
    }
    (void)unlink(tmp);
    return rc;
}

enum ls_rc ls_file_read_small(const char *path, size_t cap, char **out, size_t *size,
                              struct ls_error *err)
{
    enum ls_rc rc;
    char *buf;
    size_t room;
    uint64_t length = 0;
    int fd;

    *out = NULL;
    *size = 0;
    rc = ls_file_open(path, LS_FILE_READ, &fd, err);
    if (rc != LS_OK) {
        return rc;
    }
    rc = ls_file_size(fd, &length, path, err);
    if (rc == LS_OK && length > cap) {
        rc = ls_error_set(err, LS_E_TOOBIG, "%s has %llu bytes, at most %zu make sense", path,
                          (unsigned long long)length, cap);
    }
    if (rc != LS_OK) {
        ls_file_close(fd);
        return rc;
    }
    /* Files of /proc say 0 and hold more, so the cap is what is read; one byte more would be seen.
     */
    room = length > 0 ? (size_t)length : cap;
    buf = malloc(room + 1);
    if (buf == NULL) {
        rc = ls_error_set(err, LS_E_NOMEM, "no memory to read %s", path);
    } else {
        rc = ls_file_read_at(fd, buf, room, 0, size, path, err);
    }
    ls_file_close(fd);
    if (rc != LS_OK) {
        free(buf);
        *size = 0;
        return rc;
    }
    buf[*size] = '\0';
    *out = buf;
    return LS_OK;
}

static bool name_fits(const char *name, const char *prefix, const char *suffix)
{
    size_t n = strlen(name);
    size_t p = strlen(prefix);
    size_t s = strlen(suffix);

    return n >= p + s && memcmp(name, prefix, p) == 0 && memcmp(name + n - s, suffix, s) == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum ls_rc list_add(struct ls_file_list *list, size_t *room, const char *name,
                           struct ls_error *err)
{
    char *copy = strdup(name);

    if (copy != NULL && list->count == *room) {
        size_t more = *room == 0 ? 16 : *room * 2;
        char **bigger = realloc(list->names, more * sizeof(*bigger));
        if (bigger == NULL) {
            free(copy);
            copy = NULL;
        } else {
            list->names = bigger;
            *room = more;
        }
    }
    if (copy == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a list of files");
    }
    list->names[list->count++] = copy;
    return LS_OK;
}

enum ls_rc ls_file_list_dir(const char *dir, const char *prefix, const char *suffix,
                            struct ls_file_list *out, struct ls_error *err)
{
    enum ls_rc rc = LS_OK;
    size_t room = 0;
    DIR *d = opendir(dir); /* close-on-exec by itself */

    out->names = NULL;
    out->count = 0;
    if (d == NULL) {
        return ls_error_errno(err, errno, "cannot read directory %s", dir);
    }
    while (rc == LS_OK) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(d);
        if (entry == NULL) {
            if (errno != 0) {
                rc = ls_error_errno(err, errno, "cannot read directory %s", dir);
            }
            break;
        }
        if (name_fits(entry->d_name, prefix, suffix)) {
            rc = list_add(out, &room, entry->d_name, err);
        }
    }
    closedir(d);
    if (rc != LS_OK) {
        ls_file_list_free(out);
    } else if (out->count > 1) {
        qsort(out->names, out->count, sizeof(*out->names), compare_names);
    }
    return rc;
}

void ls_file_list_free(struct ls_file_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i]);
    }
    free(list->names);
    list->names = NULL;
    list->count = 0;
}

enum ls_rc ls_file_read_boot_id(char out[LS_BOOT_ID_SIZE], struct ls_error *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    char *text;
    size_t n;
    enum ls_rc rc = ls_file_read_small(path, 128, &text, &n, err);

    if (rc != LS_OK) {
        return rc;
    }
    n = strcspn(text, "\n");
    if (n == 0 || n >= LS_BOOT_ID_SIZE) {
        rc = ls_error_set(err, LS_E_IO, "%s holds no boot id", path);
    } else {
        memcpy(out, text, n);
        memset(out + n, 0, LS_BOOT_ID_SIZE - n);
    }
    free(text);
    return rc;
}
