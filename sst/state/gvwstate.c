#include "sst/state/gvwstate.h"

#include "wsrep/base/assert.h"
#include "wsrep/os/file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define VIEW_TYPE_PRIMARY 3 /* how Galera numbers the kind of view in view_id */

static enum ls_rc make_path(const char *dir, char out[PATH_MAX], struct ls_error *err)
{
    int n = snprintf(out, PATH_MAX, "%s/gvwstate.dat", dir);

    if (n < 0 || n >= PATH_MAX) {
        return ls_error_set(err, LS_E_INVAL, "the name of the data directory is too long: %.100s…",
                            dir);
    }
    return LS_OK;
}

enum ls_rc ls_gvwstate_write(const char *dir, const struct ls_config *config,
                             const struct ls_uuid *me, struct ls_error *err)
{
    char path[PATH_MAX], text[256 + LS_MAX_MEMBERS * 64];
    size_t n;
    enum ls_rc rc = make_path(dir, path, err);

    if (rc != LS_OK) {
        return rc;
    }
    LS_ASSERT(config->count > 0 && config->count <= LS_MAX_MEMBERS);
    n = (size_t)snprintf(text, sizeof(text),
                         "my_uuid: %s\n#vwbeg\nview_id: %d %s %lld\nbootstrap: 0\n",
                         LS_UUID_STR(me), VIEW_TYPE_PRIMARY, LS_UUID_STR(&config->members[0].id),
                         (long long)config->view);
    for (uint32_t i = 0; i < config->count; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "member: %s %u\n",
                              LS_UUID_STR(&config->members[i].id),
                              (unsigned)config->members[i].segment);
    }
    n += (size_t)snprintf(text + n, sizeof(text) - n, "#vwend\n");
    LS_ASSERT(n < sizeof(text));
    return ls_file_replace(path, text, n, err);
}

enum ls_rc ls_gvwstate_remove(const char *dir, struct ls_error *err)
{
    char path[PATH_MAX];
    enum ls_rc rc = make_path(dir, path, err);

    if (rc == LS_OK) {
        rc = ls_file_unlink(path, err);
    }
    return rc == LS_E_NOTFOUND ? LS_OK : rc;
}
