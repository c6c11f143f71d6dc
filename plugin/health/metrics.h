/* The sample in the text format of Prometheus, version 0.0.4. Names begin with lockstep_, help and
 * units by its conventions; what a label can be is capped. */
#ifndef LS_HEALTH_METRICS_H
#define LS_HEALTH_METRICS_H

#include "plugin/health/verdict.h"

#define LS_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define LS_METRICS_LABELS_MAX 64 /* values of one label in one answer */

/* *body from malloc, NULL: no memory. */
void ls_metrics_render(const struct ls_health_sample *s, const struct ls_health_verdict *v,
                       bool disabled, char **body, size_t *size);

#endif
