/* Loaded before a server: stops it in the middle of a statement. Files of the database d and the
 * log of unfinished statements that the server keeps are changed in steps; while there is a file
 * stop_at in the data directory, the process stops (SIGSTOP) before the step whose number is in it.
 * With the number 0 the steps are counted only: the file stop_at.seen names them. */
#define _GNU_SOURCE
#include "fd_path.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int steps; /* of one process: what is counted runs in one thread */

static int (*next(const char *name))()
{
    return (int (*)())dlsym(RTLD_NEXT, name);
}

static void step(const char *what, const char *path)
{
    char wanted[16] = "";
    FILE *f;

    if (strstr(path, "/d/") == NULL && strstr(path, "ddl_recovery") == NULL) {
        return;
    }
    f = fopen("stop_at", "r");
    if (f == NULL) {
        steps = 0;
        return;
    }
    char *read = fgets(wanted, sizeof(wanted), f);
    fclose(f);
    steps++;
    f = fopen("stop_at.seen", "a");
    if (f != NULL) {
        fprintf(f, "%d %s %s\n", steps, what, path);
        fclose(f);
    }
    if (read != NULL && atoi(wanted) == steps) {
        raise(SIGSTOP); /* with kill() the main thread takes it, and this one goes on meanwhile */
    }
}

static void step_of_fd(const char *what, int fd)
{
    char path[PATH_MAX];

    fd_path(fd, path);
    if (strstr(path, ".ibd") == NULL) { /* what the storage engine does on its own is no step */
        step(what, path);
    }
}

int fsync(int fd)
{
    step_of_fd("fsync", fd);
    return next("fsync")(fd);
}

int fdatasync(int fd)
{
    step_of_fd("fdatasync", fd);
    return next("fdatasync")(fd);
}

int rename(const char *from, const char *to)
{
    step("rename", from);
    return next("rename")(from, to);
}

int unlink(const char *path)
{
    step("unlink", path);
    return next("unlink")(path);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(args, int) : 0;
    va_end(args);
    if ((flags & O_CREAT) != 0) {
        step("create", path);
    }
    return next("open64")(path, flags, mode);
}
