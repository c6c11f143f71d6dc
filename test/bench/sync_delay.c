/* Preloaded into a server: every sync of a file takes LS_SYNC_DELAY_US microseconds more, as on a
 * disk without a cache that survives a power cut. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static useconds_t delay_us;
static int (*real_fsync)(int fd);
static int (*real_fdatasync)(int fd);

__attribute__((constructor)) static void begin(void)
{
    const char *us = getenv("LS_SYNC_DELAY_US");

    delay_us = us != NULL ? (useconds_t)strtoul(us, NULL, 10) : 0;
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
}

EXPORT int fsync(int fd)
{
    usleep(delay_us);
    return real_fsync(fd);
}

EXPORT int fdatasync(int fd)
{
    usleep(delay_us);
    return real_fdatasync(fd);
}
