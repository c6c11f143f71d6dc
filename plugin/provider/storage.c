/* innodb_flush_log_at_timeout. The storage engine does not export the variable itself; the server
 * exports the list of its built-in plugins, each with a table of its variables in the layout that
 * every plugin is made with. Declared here in our own words, used only when the server says that
 * its layout has this size and version, and when flags and name are those that are looked for. */
#include "plugin/provider/storage.h"

#include "plugin/provider/provider.h"

#include "wsrep/base/log.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#define PLUGIN_VERSION_MAJOR 1 /* of the layout below */
#define ENGINE "InnoDB"
#define VARIABLE "flush_log_at_timeout"
#define FLAGS_OF_TYPE 0x1ff
#define FLAGS_UNSIGNED_INT 0x82 /* global, unsigned, int */
#define PLUGINS_MAX 100
#define VARIABLES_MAX 1000

#define ASSUMED_SECONDS 1 /* the default */
#define KEEP_TIMES 10
#define USUAL_SECONDS 6 /* longer, and the log grows by what is written in more than 60 s */

struct server_variable {
    int flags;
    const char *name;
    const char *comment;
    void *check, *update;
    const volatile unsigned *value; /* SET GLOBAL changes it at any time */
};

struct server_plugin {
    int type;
    void *info;
    const char *name;
    const char *author;
    const char *description;
    int license;
    void *init, *deinit;
    unsigned version;
    void *status_variables;
    struct server_variable **variables;
    const char *version_text;
    unsigned maturity;
};

/* As another plugin of the same server was made: the one whose symbols are there in any with wsrep.
 */
static bool layout_is_known(void)
{
    const int *size = dlsym(RTLD_DEFAULT, "builtin_maria_wsrep_sizeof_struct_st_plugin");
    const int *version = dlsym(RTLD_DEFAULT, "builtin_maria_wsrep_plugin_interface_version");

    return size != NULL && version != NULL && *size == (int)sizeof(struct server_plugin) &&
           *version >> 8 == PLUGIN_VERSION_MAJOR;
}

/* The server puts the engine's name in front when it has registered the variable. */
static bool is_it(const struct server_variable *v)
{
    const size_t len = sizeof(VARIABLE) - 1;
    size_t n = v->name != NULL ? strlen(v->name) : 0;

    return (v->flags & FLAGS_OF_TYPE) == FLAGS_UNSIGNED_INT && n >= len &&
           strcmp(v->name + n - len, VARIABLE) == 0;
}

static const volatile unsigned *find_variable(const struct server_plugin *plugin)
{
    for (size_t i = 0; plugin->variables != NULL && i < VARIABLES_MAX; i++) {
        const struct server_variable *v = plugin->variables[i];
        if (v == NULL) {
            break;
        }
        if (is_it(v)) {
            return v->value;
        }
    }
    return NULL;
}

/* Lists of libraries' plugins, each ended by one without a descriptor; NULL ends the list. */
static const volatile unsigned *find_in(const char *list_name)
{
    struct server_plugin **list = dlsym(RTLD_DEFAULT, list_name);

    for (size_t i = 0; list != NULL && i < PLUGINS_MAX && list[i] != NULL; i++) {
        for (const struct server_plugin *p = list[i]; p->info != NULL; p++) {
            if (p->name != NULL && strcmp(p->name, ENGINE) == 0) {
                return find_variable(p);
            }
        }
    }
    return NULL;
}

void ls_storage_find(struct ls_provider *p)
{
    if (layout_is_known()) {
        p->flush_timeout = find_in("mysql_mandatory_plugins");
        if (p->flush_timeout == NULL) {
            p->flush_timeout = find_in("mysql_optional_plugins");
        }
    }
}

unsigned ls_storage_flush_timeout(const struct ls_provider *p)
{
    return p->flush_timeout != NULL ? *p->flush_timeout : ASSUMED_SECONDS;
}

void ls_storage_watch(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);
    unsigned seconds = ls_storage_flush_timeout(p);

    if (e == NULL) {
        return;
    }
    ls_engine_keep(e, KEEP_TIMES * seconds);
    ls_provider_drop_engine(p);
    if (seconds == p->flush_timeout_s) {
        return;
    }
    p->flush_timeout_s = seconds;
    if (seconds > USUAL_SECONDS) {
        ls_warn("innodb_flush_log_at_timeout is %u: the storage engine may be without what was "
                "written in so many seconds, so the write-set log keeps what was written in %u s, "
                "also on a disk that has no room for it: new write-sets wait then. Set it to 1; "
                "the write-set log makes commits durable",
                seconds, KEEP_TIMES * seconds);
    }
}
