#include "plugin/health/sql_source.h"

#include "wsrep/base/log.h"
#include "wsrep/os/address.h"
#include "wsrep/os/file.h"

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_MAX 1024
#define DEFAULT_PORT 3306

/* Not GLOBAL: the provider's variables are the same, and nothing is added up over all connections.
 * Each SHOW costs the server a temporary table and a walk over all variables, 0.2 ms; the one is
 * little dearer for both prefixes, and variables come without (test/bench/checks). */
static const char question[] =
    "SHOW STATUS WHERE Variable_name LIKE 'wsrep\\_%' OR Variable_name LIKE 'lockstep\\_%'; "
    "SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.wsrep_node_name AS wsrep_node_name, "
    "@@GLOBAL.wsrep_cluster_name AS wsrep_cluster_name, "
    "@@GLOBAL.wsrep_reject_queries AS wsrep_reject_queries, "
    "@@GLOBAL.wsrep_sst_donor_rejects_queries AS wsrep_sst_donor_rejects_queries";

/* A server outside the primary component or one that rejects queries answers a SELECT only so. */
static const char dirty_reads[] = "SET SESSION wsrep_dirty_reads = ON";

struct ls_sql_source {
    const struct ls_health_command *command;
    struct ls_address server; /* with a host */
    MYSQL *mysql;             /* NULL: not connected */
    char told[560];           /* the trouble that is in the log already */
};

enum ls_rc ls_sql_source_create(const struct ls_health_command *c, struct ls_sql_source **out,
                                struct ls_error *err)
{
    struct ls_sql_source *s = calloc(1, sizeof(*s));
    enum ls_rc rc = LS_OK;

    *out = NULL;
    if (s == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "no memory for a connection");
    }
    s->command = c;
    if (c->host != NULL) {
        rc = ls_address_parse(c->host, DEFAULT_PORT, &s->server, err);
    }
    if (rc == LS_OK && c->password_file != NULL && !ls_file_exists(c->password_file)) {
        rc = ls_error_set(err, LS_E_NOTFOUND, "there is no password file '%.200s'",
                          c->password_file);
    }
    if (rc == LS_OK && mysql_library_init(0, NULL, NULL) != 0) {
        rc = ls_error_set(err, LS_E_NOMEM, "the client library did not start");
    }
    if (rc != LS_OK) {
        free(s);
        return rc;
    }
    *out = s;
    return LS_OK;
}

static void disconnect_server(struct ls_sql_source *s)
{
    if (s->mysql != NULL) {
        mysql_close(s->mysql);
        s->mysql = NULL;
    }
}

void ls_sql_source_destroy(struct ls_sql_source *s)
{
    if (s != NULL) {
        disconnect_server(s);
        free(s);
    }
}

/* The first line; false when the file cannot be read. */
static bool read_password(const char *path, char out[PASSWORD_MAX], char *why, size_t why_size)
{
    struct ls_error err = {0};
    char *text;
    size_t size;

    if (ls_file_read_small(path, PASSWORD_MAX - 1, &text, &size, &err) != LS_OK) {
        snprintf(why, why_size, "the password file: %.500s", err.text);
        return false;
    }
    snprintf(out, PASSWORD_MAX, "%.*s", (int)strcspn(text, "\r\n"), text);
    memset(text, 0, size);
    free(text);
    return true;
}

static bool connect_server(struct ls_sql_source *s, char *why, size_t why_size)
{
    const struct ls_health_command *c = s->command;
    unsigned seconds = (unsigned)((c->health.timeout_us + 999999) / 1000000);
    char password[PASSWORD_MAX] = "";
    bool ok;

    if (c->password_file != NULL && !read_password(c->password_file, password, why, why_size)) {
        return false;
    }
    s->mysql = mysql_init(NULL);
    if (s->mysql == NULL) {
        snprintf(why, why_size, "no memory for a connection");
        return false;
    }
    mysql_options(s->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options(s->mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
    mysql_options(s->mysql, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    mysql_options(s->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(s->mysql, MYSQL_INIT_COMMAND, dirty_reads);
    ok = mysql_real_connect(s->mysql, c->host != NULL ? s->server.host : NULL, c->user, password,
                            NULL, s->server.port, c->host != NULL ? NULL : c->socket,
                            CLIENT_MULTI_STATEMENTS) != NULL;
    memset(password, 0, sizeof(password));
    if (!ok) {
        snprintf(why, why_size, "no connection to the server: %s", mysql_error(s->mysql));
        disconnect_server(s);
    }
    return ok;
}

static void add(struct ls_health_sample *out, const char *name, const char *value)
{
    if (name != NULL && value != NULL) {
        ls_health_sample_add(out, name, value);
    }
}

/* Two columns are names and values, more are one row of values under their names. */
static bool take_result(struct ls_sql_source *s, struct ls_health_sample *out)
{
    MYSQL_RES *result = mysql_store_result(s->mysql);
    const MYSQL_FIELD *fields;
    MYSQL_ROW row;

    if (result == NULL) {
        return false;
    }
    fields = mysql_fetch_fields(result);
    while ((row = mysql_fetch_row(result)) != NULL) {
        if (mysql_num_fields(result) == 2) {
            add(out, row[0], row[1]);
            continue;
        }
        for (unsigned i = 0; i < mysql_num_fields(result); i++) {
            add(out, fields[i].name, row[i]);
        }
    }
    mysql_free_result(result);
    return true;
}

static bool ask_once(struct ls_sql_source *s, struct ls_health_sample *out, char *why,
                     size_t why_size)
{
    int more;

    if (s->mysql == NULL && !connect_server(s, why, why_size)) {
        return false;
    }
    if (mysql_real_query(s->mysql, question, sizeof(question) - 1) == 0) {
        do {
            if (!take_result(s, out)) {
                break;
            }
            more = mysql_next_result(s->mysql);
        } while (more == 0);
    }
    if (mysql_errno(s->mysql) == 0) {
        return true;
    }
    snprintf(why, why_size, "the server does not answer: %s", mysql_error(s->mysql));
    disconnect_server(s);
    return false;
}

void ls_sql_source_ask(void *ctx, struct ls_health_sample *out)
{
    struct ls_sql_source *s = ctx;
    bool kept = s->mysql != NULL;
    char why[sizeof(s->told)] = "";
    bool ok = ask_once(s, out, why, sizeof(why));

    if (!ok && kept) { /* the server may have been started anew meanwhile */
        ok = ask_once(s, out, why, sizeof(why));
    }
    if (!ok) {
        ls_health_sample_fail(out, why);
    }
    if (strcmp(why, s->told) != 0 && (!ok || s->told[0] != '\0')) {
        if (ok) {
            ls_info("the server answers again");
            s->told[0] = '\0';
        } else {
            ls_warn("%s", why);
            strcpy(s->told, why);
        }
    }
}
