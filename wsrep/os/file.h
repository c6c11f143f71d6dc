/* Files: the few calls that the log, the identity and the state files need.
 *
 * Descriptors are plain ints and always close-on-exec: SST scripts are forked from the server.
 * Reads and writes are complete or an error; EINTR is handled here. `what` is the name that an
 * error text shows, usually the path. Every function may be called from any thread. */
#ifndef LS_OS_FILE_H
#define LS_OS_FILE_H

#include "wsrep/base/error.h"
#include "wsrep/base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_BOOT_ID_SIZE 40 /* 36 characters, NUL, room */

enum ls_file_flag {
    LS_FILE_READ = 0,   /* read only */
    LS_FILE_WRITE = 1,  /* read and write */
    LS_FILE_CREATE = 2, /* create if missing, mode 0660 less umask */
    LS_FILE_NEW = 4,    /* with CREATE: LS_E_EXISTS when it is there */
    LS_FILE_EMPTY = 8,  /* cut to no bytes */
};

/* LS_E_NOTFOUND when missing, LS_E_EXISTS with NEW, LS_E_IO for the rest. *fd is -1 on failure. */
enum ls_rc ls_file_open(const char *path, unsigned flags, int *fd, struct ls_error *err);
/* fd may be -1. Never fails: what matters was synced before. */
void ls_file_close(int fd);

/* Up to size bytes from offset; *got is less only at the end of the file. */
enum ls_rc ls_file_read_at(int fd, void *buf, size_t size, uint64_t offset, size_t *got,
                           const char *what, struct ls_error *err);
enum ls_rc ls_file_write_at(int fd, const void *data, size_t size, uint64_t offset,
                            const char *what, struct ls_error *err);
/* The pieces one behind the other, in one system call where the kernel takes them at once. */
enum ls_rc ls_file_write_pieces_at(int fd, const struct ls_piece *pieces, size_t count,
                                   uint64_t offset, const char *what, struct ls_error *err);
enum ls_rc ls_file_size(int fd, uint64_t *size, const char *what, struct ls_error *err);
enum ls_rc ls_file_set_size(int fd, uint64_t size, const char *what, struct ls_error *err);

/* Reserves disk blocks for the bytes [from, to) and grows the file to `to`, so that a later write
 * there cannot meet a full disk. LS_E_NOSPC when there is no room: the file is then as it was. */
enum ls_rc ls_file_allocate(int fd, uint64_t from, uint64_t to, const char *what,
                            struct ls_error *err);

/* What a write to the file system of this directory may still take. */
enum ls_rc ls_file_free_bytes(const char *dir, uint64_t *bytes, struct ls_error *err);

enum ls_rc ls_file_sync_data(int fd, const char *what, struct ls_error *err);
/* Whatever is read from the file next comes from the disk. After a sync that failed, memory may
 * hold what the disk does not, under a page that is no longer dirty (Rebello et al., ATC 2020). */
enum ls_rc ls_file_reread(int fd, const char *what, struct ls_error *err);
/* Makes creations, renames and removals in the directory durable. */
enum ls_rc ls_file_sync_dir(const char *dir, struct ls_error *err);
/* The same where no descriptor may be free later. */
enum ls_rc ls_file_open_dir(const char *dir, int *fd, struct ls_error *err);
enum ls_rc ls_file_sync_open_dir(int fd, const char *dir, struct ls_error *err);

/* Shared read-only mapping from the start of the file. size may pass its end; only bytes below the
 * end may be touched. */
enum ls_rc ls_file_map(int fd, size_t size, const uint8_t **out, const char *what,
                       struct ls_error *err);
void ls_file_unmap(const uint8_t *map, size_t size);

/* Exclusive advisory lock, held until the descriptor is closed; LS_E_BUSY when another has had it
 * for a second. A lock can outlive its owner for a moment: in a child between fork and exec, in a
 * process that looks through /proc. */
enum ls_rc ls_file_lock(int fd, const char *what, struct ls_error *err);
/* False when the name was unlinked or replaced since fd was opened. */
bool ls_file_is_at(int fd, const char *path);

/* Something of this name is there, whatever it is. */
bool ls_file_exists(const char *path);
/* LS_E_NOTFOUND when missing. */
enum ls_rc ls_file_unlink(const char *path, struct ls_error *err);
enum ls_rc ls_file_rename(const char *from, const char *to, struct ls_error *err);

/* Small text files: replaces path as a whole (temporary file beside it, synced, renamed, directory
 * synced), so that a reader or a crash sees the old or the new one. The mode of an existing file
 * stays. */
enum ls_rc ls_file_replace(const char *path, const void *data, size_t size, struct ls_error *err);
/* The whole file, with a NUL behind it, to be given to free(). LS_E_TOOBIG above cap bytes. */
enum ls_rc ls_file_read_small(const char *path, size_t cap, char **out, size_t *size,
                              struct ls_error *err);

/* Names (without the directory) that begin and end so, sorted by byte value. */
struct ls_file_list {
    char **names;
    size_t count;
};
enum ls_rc ls_file_list_dir(const char *dir, const char *prefix, const char *suffix,
                            struct ls_file_list *out, struct ls_error *err);
void ls_file_list_free(struct ls_file_list *list);

/* Random id of this boot of the machine, 36 characters. */
enum ls_rc ls_file_read_boot_id(char out[LS_BOOT_ID_SIZE], struct ls_error *err);

#endif
