/* A provider that applies slowly: loads the real one, LS_SLOW_PROVIDER, and lets each write-set
 * that it hands to the server take LS_SLOW_US microseconds more (2000) while there is a file `slow`
 * in the data directory. The server loads it in the other's place, on one node of three. */
#include "wsrep/api/wsrep_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef int (*loader_fn)(wsrep_t *self);

EXPORT const char *const wsrep_interface_version = WSREP_INTERFACE_VERSION;
EXPORT int wsrep_loader(wsrep_t *self);
EXPORT int wsrep_init_allowlist_service_v1(void *service);
EXPORT void wsrep_deinit_allowlist_service_v1(void);

static void *library; /* of the real one */
static wsrep_apply_cb_t server_apply;
static wsrep_status_t (*real_init)(wsrep_t *self, const struct wsrep_init_args *args);
static char switch_path[4096];
static useconds_t slow_us = 2000;

static wsrep_cb_status_t apply(void *recv_ctx, const wsrep_ws_handle_t *handle, uint32_t flags,
                               const wsrep_buf_t *data, const wsrep_trx_meta_t *meta,
                               wsrep_bool_t *exit_loop)
{
    if (access(switch_path, F_OK) == 0) {
        usleep(slow_us);
    }
    return server_apply(recv_ctx, handle, flags, data, meta, exit_loop);
}

static wsrep_status_t init(wsrep_t *self, const struct wsrep_init_args *args)
{
    struct wsrep_init_args changed = *args;

    snprintf(switch_path, sizeof(switch_path), "%s/slow", args->data_dir);
    server_apply = args->apply_cb;
    changed.apply_cb = apply;
    return real_init(self, &changed);
}

int wsrep_loader(wsrep_t *self)
{
    const char *path = getenv("LS_SLOW_PROVIDER");
    const char *us = getenv("LS_SLOW_US");
    loader_fn loader = NULL;

    library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL) {
        fprintf(stderr, "ls-slow: LS_SLOW_PROVIDER: %s\n", path != NULL ? dlerror() : "not set");
        return -1;
    }
    if (us != NULL) {
        slow_us = (useconds_t)strtoul(us, NULL, 10);
    }
    *(void **)&loader = dlsym(library, "wsrep_loader");
    int rc = loader != NULL ? loader(self) : -1;
    real_init = self->init;
    self->init = init;
    return rc;
}

/* The server starts no provider without it. */
int wsrep_init_allowlist_service_v1(void *service)
{
    int (*real)(void *service) = NULL;

    *(void **)&real = dlsym(library, "wsrep_init_allowlist_service_v1");
    return real != NULL ? real(service) : -1;
}

void wsrep_deinit_allowlist_service_v1(void)
{
    void (*real)(void) = NULL;

    *(void **)&real = dlsym(library, "wsrep_deinit_allowlist_service_v1");
    if (real != NULL) {
        real();
    }
}
