#include "wsrep/os/thread.h"

#include "wsrep/base/assert.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

void ls_mutex_init(ls_mutex *m)
{
    int rc = pthread_mutex_init(m, NULL);
    LS_ASSERT(rc == 0);
}

void ls_mutex_destroy(ls_mutex *m)
{
    int rc = pthread_mutex_destroy(m);
    LS_ASSERT(rc == 0);
}

void ls_mutex_lock(ls_mutex *m)
{
    int rc = pthread_mutex_lock(m);
    LS_ASSERT(rc == 0);
}

bool ls_mutex_trylock(ls_mutex *m)
{
    int rc = pthread_mutex_trylock(m);
    LS_ASSERT(rc == 0 || rc == EBUSY);
    return rc == 0;
}

void ls_mutex_unlock(ls_mutex *m)
{
    int rc = pthread_mutex_unlock(m);
    LS_ASSERT(rc == 0);
}

void ls_cond_init(ls_cond *c)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    LS_ASSERT(rc == 0);
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    LS_ASSERT(rc == 0);
    rc = pthread_cond_init(c, &attr);
    LS_ASSERT(rc == 0);
    pthread_condattr_destroy(&attr);
}

void ls_cond_destroy(ls_cond *c)
{
    int rc = pthread_cond_destroy(c);
    LS_ASSERT(rc == 0);
}

void ls_cond_wait(ls_cond *c, ls_mutex *m)
{
    int rc = pthread_cond_wait(c, m);
    LS_ASSERT(rc == 0);
}

bool ls_cond_wait_until(ls_cond *c, ls_mutex *m, int64_t deadline_us)
{
    struct timespec ts = {.tv_sec = deadline_us / 1000000,
                          .tv_nsec = (deadline_us % 1000000) * 1000};
    int rc = pthread_cond_timedwait(c, m, &ts);
    LS_ASSERT(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void ls_cond_signal(ls_cond *c)
{
    int rc = pthread_cond_signal(c);
    LS_ASSERT(rc == 0);
}

void ls_cond_broadcast(ls_cond *c)
{
    int rc = pthread_cond_broadcast(c);
    LS_ASSERT(rc == 0);
}

bool ls_thread_start(ls_thread *t, const char *name, void *(*fn)(void *), void *arg)
{
    sigset_t all;
    sigset_t old;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(t, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0) {
        pthread_setname_np(*t, name);
    }
    return rc == 0;
}

void ls_thread_join(ls_thread t)
{
    int rc = pthread_join(t, NULL);
    LS_ASSERT(rc == 0);
}

void ls_thread_detach(ls_thread t)
{
    int rc = pthread_detach(t);
    LS_ASSERT(rc == 0);
}
