/* The event loop (libuv): timers, wake-ups from other threads, work off the loop's thread.
 *
 * A loop belongs to the thread that runs it. Every function is for that thread (or for any one
 * thread before the loop runs and after it has stopped), except ls_async_send(), which any thread
 * and even a signal handler may call.
 *
 * Objects are freed by their destroy function, at the latest by ls_loop_destroy(); a destroyed
 * object calls back no more. Callbacks may destroy any object, their own included. */
#ifndef LS_OS_LOOP_H
#define LS_OS_LOOP_H

#include "wsrep/base/error.h"

#include <stdint.h>

struct ls_loop;
struct ls_timer;
struct ls_async;
struct ls_hook;

enum ls_rc ls_loop_create(struct ls_loop **out, struct ls_error *err);
/* Waits for work that is under way off the thread; everything the loop still owns is freed. */
void ls_loop_destroy(struct ls_loop *loop);

/* Runs until ls_loop_stop(); may be called again. */
void ls_loop_run(struct ls_loop *loop);
/* From a callback: ls_loop_run() returns at the end of this turn. */
void ls_loop_stop(struct ls_loop *loop);

/* ---- timers: resolution 1 ms, delays are rounded up ---- */
enum ls_rc ls_timer_create(struct ls_loop *loop, void (*fired)(void *ctx), void *ctx,
                           struct ls_timer **out);
/* First after delay_us, then each repeat_us (0: once). Starting a running timer restarts it. */
void ls_timer_start(struct ls_timer *t, int64_t delay_us, int64_t repeat_us);
void ls_timer_stop(struct ls_timer *t);
void ls_timer_destroy(struct ls_timer *t); /* NULL is allowed, here and below */

/* ---- wake-ups: several sends before the loop gets there make one call ---- */
enum ls_rc ls_async_create(struct ls_loop *loop, void (*woken)(void *ctx), void *ctx,
                           struct ls_async **out);
void ls_async_send(struct ls_async *a);
void ls_async_destroy(struct ls_async *a);

/* ---- the end of a turn: called just before the loop waits for the system again, that is after the
 * timers, wake-ups and I/O callbacks of the turn; the place to flush what they gathered. Hooks run
 * in no order that one may rely on. ---- */
enum ls_rc ls_hook_create(struct ls_loop *loop, void (*turn_end)(void *ctx), void *ctx,
                          struct ls_hook **out);
void ls_hook_destroy(struct ls_hook *h);

/* ---- work off the thread ----
 * work(arg) runs on a thread of the pool (all signals blocked) and may block; done(arg) follows on
 * the loop's thread, always: when the loop is destroyed first, from inside ls_loop_destroy(). */
enum ls_rc ls_loop_work(struct ls_loop *loop, void (*work)(void *arg), void (*done)(void *arg),
                        void *arg);

#endif
