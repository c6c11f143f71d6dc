/* Threads, mutexes and condition variables: thin names over pthreads, errors are assertions since
 * every one of them is a bug of ours. Timed waits use the monotonic clock. */
#ifndef LS_OS_THREAD_H
#define LS_OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef pthread_mutex_t ls_mutex;
typedef pthread_cond_t ls_cond;
typedef pthread_t ls_thread;

#define LS_MUTEX_STATIC PTHREAD_MUTEX_INITIALIZER
void ls_mutex_init(ls_mutex *m);
void ls_mutex_destroy(ls_mutex *m);
void ls_mutex_lock(ls_mutex *m);
bool ls_mutex_trylock(ls_mutex *m);
void ls_mutex_unlock(ls_mutex *m);

void ls_cond_init(ls_cond *c);
void ls_cond_destroy(ls_cond *c);
void ls_cond_wait(ls_cond *c, ls_mutex *m);
/* Waits until signalled or ls_clock_us() reaches deadline_us; false when the deadline passed. */
bool ls_cond_wait_until(ls_cond *c, ls_mutex *m, int64_t deadline_us);
void ls_cond_signal(ls_cond *c);
void ls_cond_broadcast(ls_cond *c);

/* Starts a thread with all signals blocked (they belong to the server) and the name given (at most
 * 15 characters). False when the system has no thread to give. */
bool ls_thread_start(ls_thread *t, const char *name, void *(*fn)(void *), void *arg);
void ls_thread_join(ls_thread t);
void ls_thread_detach(ls_thread t); /* instead of joining it */

#endif
