#include "wsrep/os/thread.h"
#include "wsrep/service/service.h"

#include <signal.h>
#include <stddef.h>

static void (*tell)(void *ctx, enum ls_service_signal signal);
static void *tell_ctx;

static sigset_t ours(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

static void *wait_for_signals(void *arg)
{
    sigset_t set = ours();
    int number;

    for (;;) {
        if (sigwait(&set, &number) == 0) {
            tell(tell_ctx, number == SIGHUP ? LS_SERVICE_RELOAD : LS_SERVICE_END);
        }
    }
    return NULL;
}

enum ls_rc ls_service_signals_start(void (*fn)(void *ctx, enum ls_service_signal signal), void *ctx,
                                    struct ls_error *err)
{
    sigset_t set = ours();
    ls_thread thread;

    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    tell = fn;
    tell_ctx = ctx;
    if (!ls_thread_start(&thread, "ls-signals", wait_for_signals, NULL)) {
        return ls_error_set(err, LS_E_NOMEM, "the system has no thread to give");
    }
    return LS_OK; /* it ends with the process */
}
