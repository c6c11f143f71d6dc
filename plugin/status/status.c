/* SHOW STATUS LIKE 'lockstep%': what the provider in this server knows beyond Galera's variables.
 */
#include "plugin/provider/export.h"

#include <my_global.h>
#include <mysql/plugin.h>

#include <dlfcn.h>
#include <link.h>
#include <string.h>

/* Paths of what is loaded, one behind the other, each with its NUL. */
struct paths {
    char text[32768];
    size_t used;
};

/* Inside of the loader's lock: nothing may be opened here. */
static int note_path(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct paths *p = arg;
    size_t n = info->dlpi_name != NULL ? strlen(info->dlpi_name) + 1 : 0;

    (void)size;
    if (n > 1 && n <= sizeof(p->text) - p->used) {
        memcpy(p->text + p->used, info->dlpi_name, n);
        p->used += n;
    }
    return 0;
}

/* Asks the one that has the symbol. Held open meanwhile, so that the server cannot unload it. */
static int ask(const char *path, struct lockstep_status *out)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    lockstep_status_fn fn = NULL;
    int rc = -1;

    if (handle == NULL) {
        return -1;
    }
    *(void **)&fn = dlsym(handle, LOCKSTEP_STATUS_SYMBOL);
    if (fn != NULL) {
        rc = fn(out);
    }
    dlclose(handle);
    return rc;
}

static int read_status(struct lockstep_status *out)
{
    static __thread struct paths paths;
    int rc = -1;

    paths.used = 0;
    dl_iterate_phdr(note_path, &paths);
    for (size_t at = 0; at < paths.used && rc != 0; at += strlen(paths.text + at) + 1) {
        rc = ask(paths.text + at, out);
    }
    return rc;
}

/* The server may load the provider later than the plugin, or change it: looked for each time. */
static int show_all(MYSQL_THD thd, struct st_mysql_show_var *var, void *buf,
                    struct system_status_var *totals, enum enum_var_type scope)
{
    /* Read by the same thread before it asks again. */
    static __thread struct lockstep_status status;
    static __thread struct st_mysql_show_var rows[LOCKSTEP_STATUS_VARS + 1];

    (void)thd;
    (void)buf;
    (void)totals;
    (void)scope;
    memset(rows, 0, sizeof(rows));
    if (read_status(&status) == 0) {
        for (size_t i = 0; i < status.count; i++) {
            rows[i].name = status.vars[i].name;
            rows[i].value = (void *)status.vars[i].value;
            rows[i].type = SHOW_CHAR;
        }
    }
    var->type = SHOW_ARRAY;
    var->value = (char *)rows;
    return 0;
}

static struct st_mysql_show_var vars[] = {
    {"lockstep", (void *)show_all, SHOW_FUNC},
    {NULL, NULL, SHOW_UNDEF},
};

static struct st_mysql_daemon daemon_info = {MYSQL_DAEMON_INTERFACE_VERSION};

maria_declare_plugin(lockstep_status){
    MYSQL_DAEMON_PLUGIN,
    &daemon_info,
    "lockstep",
    "Lockstep project",
    "Status of the Lockstep provider",
    PLUGIN_LICENSE_GPL,
    NULL,
    NULL,
    0x0001,
    vars,
    NULL,
    LS_VERSION,
    MariaDB_PLUGIN_MATURITY_GAMMA,
} maria_declare_plugin_end;
