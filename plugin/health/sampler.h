/* Asks the server how it is, for all who want to know at once.
 *
 * One question is under way at a time, on a thread of its own, and only when somebody asks: the
 * answer goes to all who wait, and is good for as long as who asks can take. So a hundred checks a
 * second cost four questions, two thousand at once cost one, and a server that hangs holds up
 * nobody: who has waited for the time-out gets the answer that there is none, and so does everybody
 * while the question is still open. */
#ifndef LS_HEALTH_SAMPLER_H
#define LS_HEALTH_SAMPLER_H

#include "plugin/health/sample.h"
#include "wsrep/base/error.h"

#define LS_HEALTH_FRESH_US 250000
/* Less than a new writer waits before it says so (WRITER_HOLD_US in plugin/provider/export.c), so
 * that no answer that was kept names the old one beside it. */
#define LS_HEALTH_WRITER_FRESH_US 100000

struct ls_health_sampler;

struct ls_health_source {
    /* Fills out, or ls_health_sample_fail(). On the sampler's thread; may take as long as it does.
     */
    void (*ask)(void *ctx, struct ls_health_sample *out);
    void *ctx;
};

enum ls_rc ls_health_sampler_start(const struct ls_health_source *source, int64_t timeout_us,
                                   struct ls_health_sampler **out, struct ls_error *err);
/* Answers all who wait, and who asks from now on, that there is no answer. Waits for a question
 * that is under way. NULL is allowed, here and below. */
void ls_health_sampler_end(struct ls_health_sampler *s);
/* After the end, when nobody asks any more. */
void ls_health_sampler_destroy(struct ls_health_sampler *s);

/* Waits, for what is not older than LS_HEALTH_FRESH_US: for a caller with a thread of its own. The
 * caller's reference; never NULL. */
struct ls_health_sample *ls_health_sampler_wait(struct ls_health_sampler *s);

/* Does not wait: now with what is not older than fresh_us, or on the sampler's threads, exactly
 * once. The reference is the callee's. */
typedef void (*ls_health_answer)(void *ctx, struct ls_health_sample *sample);
void ls_health_sampler_ask(struct ls_health_sampler *s, int64_t fresh_us, ls_health_answer answer,
                           void *ctx);

#endif
