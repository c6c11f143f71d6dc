/* What a server says of itself at one moment: names and values, as SHOW STATUS has them. Immutable
 * once it is shared; counted, so that a slow reader keeps what it reads. */
#ifndef LS_HEALTH_SAMPLE_H
#define LS_HEALTH_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ls_health_sample;

/* An empty one with one reference; NULL: no memory. */
struct ls_health_sample *ls_health_sample_create(void);
struct ls_health_sample *ls_health_sample_ref(struct ls_health_sample *s);
void ls_health_sample_unref(struct ls_health_sample *s); /* NULL is allowed */

/* Only before it is shared. Names in lower case ("wsrep_local_state", "read_only"); of two alike
 * the first counts. What is over the limits (512 values, 64 KiB) is dropped; texts are made tidy
 * (text.h). */
void ls_health_sample_add(struct ls_health_sample *s, const char *name, const char *value);

/* The server did not answer: why, and nothing else will be found in it. */
void ls_health_sample_fail(struct ls_health_sample *s, const char *why);
const char *ls_health_sample_failure(const struct ls_health_sample *s); /* NULL: it answered */

/* NULL when there is none. */
const char *ls_health_sample_find(const struct ls_health_sample *s, const char *name);
/* True: it is there and says so. ON, 1, YES, TRUE in any case. */
bool ls_health_sample_is_on(const struct ls_health_sample *s, const char *name);
/* A whole number, or other when there is none. */
int64_t ls_health_sample_number(const struct ls_health_sample *s, const char *name, int64_t other);

#endif
