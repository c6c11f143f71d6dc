#include "wsrep/os/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ANCESTORS_MAX 64

void ls_process_abort(void)
{
    struct rlimit none = {0, 0};
    struct sigaction dfl;

    memset(&dfl, 0, sizeof(dfl));
    dfl.sa_handler = SIG_DFL;
    setrlimit(RLIMIT_CORE, &none);
    sigaction(SIGABRT, &dfl, NULL);
    abort();
}

bool ls_process_term_pending(void)
{
    sigset_t set;

    return sigpending(&set) == 0 && sigismember(&set, SIGTERM) == 1;
}

void ls_process_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The name of a process and its parent, from /proc. The name stands in brackets and may hold any
 * character, brackets too: the last one ends it (proc(5)). */
static bool read_stat(pid_t pid, char *line, size_t size, const char **name, pid_t *parent)
{
    char path[32];
    char *open;
    char *close;
    FILE *f;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    f = fopen(path, "re");
    if (f == NULL) {
        return false;
    }
    len = fread(line, 1, size - 1, f);
    fclose(f);
    line[len] = '\0';
    open = strchr(line, '(');
    close = strrchr(line, ')');
    if (open == NULL || close == NULL || close < open || strlen(close) < sizeof(") S ")) {
        return false;
    }
    *close = '\0';
    *name = open + 1;
    *parent = (pid_t)strtol(close + sizeof(") S ") - 1, NULL, 10);
    return true;
}

bool ls_process_started_by(const char *name)
{
    char line[512];
    const char *found;
    pid_t parent = getppid();

    /* Bounded: while we look, processes end and their numbers are used again. */
    for (int i = 0; i < ANCESTORS_MAX && parent > 0; i++) {
        if (!read_stat(parent, line, sizeof(line), &found, &parent)) {
            return false;
        }
        if (strncmp(found, name, strlen(name)) == 0) {
            return true;
        }
    }
    return false;
}

bool ls_process_host_is(const char *name)
{
    char host[256];

    if (gethostname(host, sizeof(host)) != 0) {
        return false;
    }
    host[sizeof(host) - 1] = '\0';
    return strcmp(host, name) == 0;
}
