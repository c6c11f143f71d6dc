#include "wsrep/service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_fd = -1;

/* The starter: goes when the service says that it runs, or with the status of one that ended. */
static _Noreturn void wait_for_child(pid_t child, int fd)
{
    char byte;
    int status;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1) {
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

enum ls_rc ls_service_background(const char *dir, struct ls_error *err)
{
    int fds[2];
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        return ls_error_set(err, LS_E_IO, "cannot go to the background: %s", strerror(errno));
    }
    if (child > 0) {
        close(fds[1]);
        wait_for_child(child, fds[0]);
    }
    close(fds[0]);
    ready_fd = fds[1];
    /* A second fork would only keep a terminal that is opened later from becoming ours: we open
     * none.
     */
    setsid();
    umask(027);
    if (chdir(dir) != 0) {
        return ls_error_set(err, LS_E_IO, "cannot go to the directory '%.200s': %s", dir,
                            strerror(errno));
    }
    return LS_OK;
}

void ls_service_background_ready(void)
{
    int null;

    if (ready_fd < 0) {
        return;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++) {
        dup2(null, fd);
    }
    close(null);
    if (write(ready_fd, "r", 1) != 1) {
        /* the starter is gone: nobody waits */
    }
    close(ready_fd);
    ready_fd = -1;
}
