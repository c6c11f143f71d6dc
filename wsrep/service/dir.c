#include "wsrep/service/service.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum ls_rc ls_service_own_dir(const char *path, struct ls_error *err)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    struct stat st;

    if (size == 0 || size >= sizeof(part)) {
        return ls_error_set(err, LS_E_INVAL, "'%.100s' is no name of a directory", path);
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0750) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES) {
            break; /* judged below, whatever the reason was */
        }
    }
    if (stat(path, &st) != 0) {
        return ls_error_set(err, LS_E_IO, "the directory '%.200s' cannot be made or reached: %s",
                            path, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        return ls_error_set(err, LS_E_IO, "'%.200s' is no directory", path);
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        return ls_error_set(err, LS_E_IO, "the directory '%.200s' cannot be written to: %s", path,
                            strerror(errno));
    }
    return LS_OK;
}

char *ls_service_absolute(const char *path)
{
    char cwd[PATH_MAX];
    char *out;

    if (path[0] == '/') {
        return strdup(path);
    }
    if (getcwd(cwd, sizeof(cwd)) == NULL || asprintf(&out, "%s/%s", cwd, path) < 0) {
        return NULL;
    }
    return out;
}
