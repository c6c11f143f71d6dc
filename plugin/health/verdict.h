/* What a sample means for those who send traffic here. A pure function. */
#ifndef LS_HEALTH_VERDICT_H
#define LS_HEALTH_VERDICT_H

#include "plugin/health/sample.h"

struct ls_health_policy {
    bool available_when_donor;     /* a donor, or desynced, still counts as up */
    bool available_when_read_only; /* so does a server with read_only */
    int64_t max_lag;               /* write-sets in the receive queue; 0: any number will do */
};

#define LS_HEALTH_REASONS 12
#define LS_HEALTH_REASON_SIZE 320

struct ls_health_verdict {
    bool answers; /* the server does at all */
    bool up;      /* send traffic: what clustercheck answers */
    bool donor;   /* gives its state to another, or was desynced */
    bool writer;  /* up, and the one that a group with a single writer should write to */
    bool replica; /* up but for read_only, and not the writer, unless no other could be one */
    size_t count; /* why it is not up, or only partly; for people */
    char reasons[LS_HEALTH_REASONS][LS_HEALTH_REASON_SIZE];
};

/* disabled: the file that takes this server out of rotation is there. */
void ls_health_judge(const struct ls_health_sample *s, const struct ls_health_policy *policy,
                     bool disabled, struct ls_health_verdict *out);

#endif
