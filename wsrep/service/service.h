/* A program of ours as a service: log, signals, background, readiness, a directory of its own.
 *
 * Order at a start: ls_service_background() (if wanted), ls_service_signals_start(), then other
 * threads. Functions are for the main thread unless said otherwise. */
#ifndef LS_SERVICE_SERVICE_H
#define LS_SERVICE_SERVICE_H

#include "wsrep/base/error.h"

#include <stdbool.h>

/* ---- log ---- */

/* Lines of ls_log() go to this file from now on, appended, with date and level; NULL: to stderr.
 * On failure the log stays where it was. */
enum ls_rc ls_service_log_file(const char *path, struct ls_error *err);
/* To syslog, facility daemon. ident must live as long as the process. */
void ls_service_log_syslog(const char *ident);
/* The file may have been renamed: its name is opened again. Any thread. */
void ls_service_log_reopen(void);

/* ---- signals ---- */

enum ls_service_signal {
    LS_SERVICE_END = 1, /* TERM, INT */
    LS_SERVICE_RELOAD,  /* HUP */
};
/* Blocks these signals and starts the thread that takes them; PIPE is ignored. fn runs there. */
enum ls_rc ls_service_signals_start(void (*fn)(void *ctx, enum ls_service_signal signal), void *ctx,
                                    struct ls_error *err);

/* ---- background ---- */

/* Forks: returns in the child, which leads a session of its own, in directory dir. The parent waits
 * for ls_service_background_ready() and ends with status 0; when the child ends before that, with
 * the child's status, its messages on the common stderr. */
enum ls_rc ls_service_background(const char *dir, struct ls_error *err);
/* Lets the parent go, gives up stdin, stdout and stderr. Nothing when not in the background. */
void ls_service_background_ready(void);

/* ---- readiness ---- */

/* systemd's notify protocol: "READY=1", "STATUS=...", "STOPPING=1". Nothing without systemd. */
void ls_service_notify(const char *state);

/* ---- directory ---- */

/* Makes path and what lies above it (mode 0750) if missing; LS_E_IO with a text for people when it
 * cannot be made, is no directory, or cannot be written to. */
enum ls_rc ls_service_own_dir(const char *path, struct ls_error *err);

/* An absolute path for one that may be relative, from malloc; NULL: no memory or no directory. */
char *ls_service_absolute(const char *path);

#endif
