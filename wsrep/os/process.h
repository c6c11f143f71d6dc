/* The process as a whole: it is the server's, so there is little to do here. */
#ifndef LS_OS_PROCESS_H
#define LS_OS_PROCESS_H

#include <stdbool.h>

/* Ends the process by SIGABRT without leaving a core file: for states in which the server cannot go
 * on and no bug is to be looked for. */
_Noreturn void ls_process_abort(void);

/* SIGTERM was sent and waits: the server takes it only when its start is through, so that a long
 * wait during the start has to look by itself. */
bool ls_process_term_pending(void);

/* As many open files as this process may have at most, for a program of our own. */
void ls_process_raise_files(void);

/* This process was started, however indirectly, by one whose name begins so: its parent, the parent
 * of that, and so on. False where /proc does not tell. */
bool ls_process_started_by(const char *name);

/* The machine has this name. */
bool ls_process_host_is(const char *name);

#endif
