#include "plugin/health/health.h"

#include "plugin/health/internal.h"
#include "wsrep/os/file.h"

#include <stdlib.h>
#include <string.h>

bool ls_health_is_disabled(const struct ls_health *h)
{
    return h->disabled_file[0] != '\0' && ls_file_exists(h->disabled_file);
}

enum ls_rc ls_health_start(const struct ls_health_options *options,
                           const struct ls_health_source *source, struct ls_health **out,
                           struct ls_error *err)
{
    struct ls_health *h = calloc(1, sizeof(*h));
    enum ls_rc rc;

    *out = NULL;
    if (h == NULL || (h->listen = strdup(options->listen)) == NULL ||
        (h->disabled_file = strdup(options->disabled_file)) == NULL) {
        if (h != NULL) {
            free(h->listen);
        }
        free(h);
        return ls_error_set(err, LS_E_NOMEM, "no memory for the health endpoint");
    }
    h->opt = *options;
    ls_mutex_init(&h->lock);
    rc = ls_health_sampler_start(source, options->timeout_us, &h->sampler, err);
    if (rc == LS_OK) {
        rc = ls_health_http_start(h, err);
    }
    if (rc == LS_OK) {
        rc = ls_health_keeper_start(h, err);
    }
    if (rc != LS_OK) {
        ls_health_stop(h);
        return rc;
    }
    *out = h;
    return LS_OK;
}

void ls_health_stop(struct ls_health *h)
{
    if (h == NULL) {
        return;
    }
    ls_health_keeper_stop(h);
    ls_health_sampler_end(h->sampler); /* who waits is answered, before HTTP goes */
    ls_health_http_stop(h);
    ls_health_sampler_destroy(h->sampler);
    ls_mutex_destroy(&h->lock);
    free(h->listen);
    free(h->disabled_file);
    free(h);
}
