/* The position of a clean stop, written when the process exits.
 *
 * The server tells the provider to go before its storage engine is shut down. What was committed in
 * the last second may be in the engine's memory only then (innodb_flush_log_at_trx_commit is not
 * 1), and a process that dies there would leave a file with a position that its tables do not have:
 * a start that is given no other one would skip what lies between. By the end of exit() the engine
 * has written everything. The shared object stays loaded for this (nodelete). */
#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    ls_mutex lock;
    bool registered;
    bool due;
    char dir[PATH_MAX];
    struct ls_grastate state;
} farewell = {.lock = LS_MUTEX_STATIC};

static void at_exit(void)
{
    struct ls_saved_state *file;
    struct ls_saved_state_found found;

    ls_mutex_lock(&farewell.lock);
    if (farewell.due) {
        ls_log_set_sink(NULL); /* the server's log is closed */
        if (ls_saved_state_open(farewell.dir, &file, &found, NULL) == LS_OK) {
            ls_saved_state_set(file, &farewell.state, NULL);
            ls_saved_state_close(file);
        }
    }
    ls_mutex_unlock(&farewell.lock);
}

void ls_farewell_set(const char *dir, const struct ls_grastate *state)
{
    ls_mutex_lock(&farewell.lock);
    if (!farewell.registered) {
        farewell.registered = atexit(at_exit) == 0;
    }
    snprintf(farewell.dir, sizeof(farewell.dir), "%s", dir);
    farewell.state = *state;
    farewell.due = true;
    ls_mutex_unlock(&farewell.lock);
}

void ls_farewell_forget(void)
{
    ls_mutex_lock(&farewell.lock);
    farewell.due = false;
    ls_mutex_unlock(&farewell.lock);
}
