/* The health endpoint inside the server: plugin/health, asked of the provider directly. No account,
 * no connection, no statement. */
#ifndef LS_STATUS_ENDPOINT_H
#define LS_STATUS_ENDPOINT_H

#include "plugin/health/health.h"

struct endpoint_options {
    const char *listen, *disabled_file;
    unsigned port, agent_port; /* port 0: no endpoint */
    double timeout_s;
    int available_when_donor, available_when_read_only;
    unsigned long long max_lag;
};

/* 0, or 1 with a text that says why. */
int endpoint_start(const struct endpoint_options *options, char *why, size_t why_size);
void endpoint_stop(void);

#endif
