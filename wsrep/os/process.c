#include "wsrep/os/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

bool ls_process_host_is(const char *name)
{
    char host[256];

    if (gethostname(host, sizeof(host)) != 0) {
        return false;
    }
    host[sizeof(host) - 1] = '\0';
    return strcmp(host, name) == 0;
}
