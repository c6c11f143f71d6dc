/* SHOW STATUS LIKE 'lockstep%': what the provider in this server knows beyond Galera's variables.
 */
#include "plugin/status/endpoint.h"
#include "plugin/status/provider.h"

#include "wsrep/base/disabled.h"

#include <my_global.h>
#include <my_sys.h>
#include <mysql/plugin.h>
#include <mysqld_error.h>
#include <string.h>

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
    if (status_read(&status) == 0) {
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

/* ---- the health endpoint ---- */

static struct endpoint_options endpoint;

static char *health_listen, *health_disabled_file;
static MYSQL_SYSVAR_UINT(health_port, endpoint.port, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
                         "Port of the health endpoint (HTTP); 0: none", NULL, NULL, 0, 0, 65535, 1);
static MYSQL_SYSVAR_UINT(health_agent_port, endpoint.agent_port,
                         PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
                         "Port of HAProxy's agent-check; 0: none", NULL, NULL, 0, 0, 65535, 1);
static MYSQL_SYSVAR_STR(health_listen, health_listen, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
                        "Address that the health endpoint listens on; all", NULL, NULL, "");
static MYSQL_SYSVAR_STR(
    health_disabled_file, health_disabled_file, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
    "While this file is there the health endpoint says that this server is down", NULL, NULL,
    LS_DISABLED_FILE);
static MYSQL_SYSVAR_DOUBLE(health_timeout, endpoint.timeout_s,
                           PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
                           "Seconds after which no answer means down", NULL, NULL, 1, 0.1, 60, 0);
static MYSQL_SYSVAR_INT(health_available_when_donor, endpoint.available_when_donor,
                        PLUGIN_VAR_OPCMDARG | PLUGIN_VAR_READONLY,
                        "1: a donor, or a desynced node, is up", NULL, NULL, 0, 0, 1, 1);
static MYSQL_SYSVAR_INT(health_available_when_read_only, endpoint.available_when_read_only,
                        PLUGIN_VAR_OPCMDARG | PLUGIN_VAR_READONLY,
                        "1: a server with read_only is up", NULL, NULL, 0, 0, 1, 1);
static MYSQL_SYSVAR_ULONGLONG(
    health_max_lag, endpoint.max_lag, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
    "With more write-sets in the receive queue this server is down; 0: any", NULL, NULL, 0, 0,
    INT64_MAX, 1);

static struct st_mysql_sys_var *settings[] = {
    MYSQL_SYSVAR(health_port),
    MYSQL_SYSVAR(health_agent_port),
    MYSQL_SYSVAR(health_listen),
    MYSQL_SYSVAR(health_disabled_file),
    MYSQL_SYSVAR(health_timeout),
    MYSQL_SYSVAR(health_available_when_donor),
    MYSQL_SYSVAR(health_available_when_read_only),
    MYSQL_SYSVAR(health_max_lag),
    NULL,
};

static int start(void *unused)
{
    char why[600] = "";

    (void)unused;
    endpoint.listen = health_listen;
    endpoint.disabled_file = health_disabled_file;
    if (endpoint_start(&endpoint, why, sizeof(why)) == 0) {
        return 0;
    }
    my_printf_error(ER_UNKNOWN_ERROR, "lockstep_status: the health endpoint does not start: %s",
                    ME_ERROR_LOG, why);
    return 1;
}

static int stop(void *unused)
{
    (void)unused;
    endpoint_stop();
    return 0;
}

static struct st_mysql_daemon daemon_info = {MYSQL_DAEMON_INTERFACE_VERSION};

maria_declare_plugin(lockstep_status){
    MYSQL_DAEMON_PLUGIN,
    &daemon_info,
    "lockstep",
    "Lockstep project",
    "Status of the Lockstep provider",
    PLUGIN_LICENSE_GPL,
    start,
    stop,
    0x0001,
    vars,
    settings,
    LS_VERSION,
    MariaDB_PLUGIN_MATURITY_GAMMA,
} maria_declare_plugin_end;
