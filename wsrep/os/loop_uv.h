/* For the other files of this folder only: the libuv side of a loop. */
#ifndef LS_OS_LOOP_UV_H
#define LS_OS_LOOP_UV_H

#include "wsrep/os/loop.h"

#include <uv.h>

uv_loop_t *ls_loop_uv(struct ls_loop *loop);

/* From a callback of I/O: wake-ups need no system call from here on. */
void ls_loop_note_awake(uv_loop_t *uv);

/* Close callback of every wrapper: the handle is the wrapper's first member. */
void ls_loop_free_handle(uv_handle_t *handle);

#endif
