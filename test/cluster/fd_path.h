/* What libraries that are loaded before a server want to know of its files. */
#ifndef LS_TEST_CLUSTER_FD_PATH_H
#define LS_TEST_CLUSTER_FD_PATH_H

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* The path of what is open there; empty when there is none. */
static inline void fd_path(int fd, char path[PATH_MAX])
{
    char link[32];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, PATH_MAX - 1);
    path[len > 0 ? len : 0] = '\0';
}

#endif
