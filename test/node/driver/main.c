#include "test/node/driver/driver.h"
#include "test/node/driver/server.h"

#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct config cfg = {
    .provider = "/usr/lib/galera/libgalera_smm.so",
    .name = "n1",
    .cluster = "ls_driver",
    .address = "gcomm://",
    .donor = "",
    .options = "",
    .base_dir = ".",
    .port = 24567,
    .nodes = 1,
    .clients = 1,
    .appliers = 4,
    .rows = 4096,
    .hot_rows = 16,
    .keys = 2,
    .size_bytes = 512,
};
struct counters counters;
_Atomic int64_t violations;

void say(const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    printf("event %s\n", text); /* one call: lines of several threads stay whole */
    fflush(stdout);
}

void violation(const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (atomic_fetch_add(&violations, 1) < 20) {
        printf("violation %s\n", text);
        fflush(stdout);
    }
}

/* ---- options ---- */

static const struct argp_option options[] = {
    {"provider", 'p', "FILE", 0, "provider to load", 0},
    {"name", 'n', "NAME", 0, "node name", 0},
    {"cluster", 'c', "NAME", 0, "cluster name", 0},
    {"address", 'a', "URL", 0, "cluster address", 0},
    {"bootstrap", 'b', NULL, 0, "found a new cluster", 0},
    {"donor", 'd', "LIST", 0, "donor names", 0},
    {"options", 'o', "TEXT", 0, "provider options", 0},
    {"base-dir", 'D', "DIR", 0, "folder of this node", 0},
    {"port", 'P', "PORT", 0, "group port; IST on the next one", 0},
    {"index", 'i', "N", 0, "number of this node, from 0", 0},
    {"nodes", 'N', "N", 0, "number of nodes", 0},
    {"clients", 't', "N", 0, "client threads", 0},
    {"appliers", 'A', "N", 0, "recv threads", 0},
    {"rows", 'r', "N", 0, "rows of the table", 0},
    {"hot-rows", 'H', "N", 0, "of them written by every node", 0},
    {"hot", 'h', "PERCENT", 0, "share of rows taken from the hot ones", 0},
    {"keys", 'k', "N", 0, "rows per transaction", 0},
    {"size", 's', "BYTES", 0, "data of a write-set", 0},
    {"toi", 'T', "PERCENT", 0, "share of DDL", 0},
    {"gap", 'g', "PERCENT", 0, "share of transactions that lock a row without a key", 0},
    {"sst-pause", 1, NULL, 0, "the donor pauses the provider while it copies", 0},
    {"trace", 2, "FILE", 0, "log every call", 0},
    {0},
};

static int number(const char *text, int low, int high, struct argp_state *state)
{
    char *end;
    long v = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || v < low || v > high) {
        argp_error(state, "'%s' is not a number from %d to %d", text, low, high);
    }
    return (int)v;
}

static error_t parse_text(int key, char *arg)
{
    switch (key) {
    case 'p':
        cfg.provider = arg;
        break;
    case 'n':
        cfg.name = arg;
        break;
    case 'c':
        cfg.cluster = arg;
        break;
    case 'a':
        cfg.address = arg;
        break;
    case 'b':
        cfg.bootstrap = true;
        break;
    case 'd':
        cfg.donor = arg;
        break;
    case 'o':
        cfg.options = arg;
        break;
    case 'D':
        cfg.base_dir = arg;
        break;
    case 1:
        cfg.sst_pause = true;
        break;
    case 2:
        cfg.trace = arg;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'P':
        cfg.port = number(arg, 1, 64000, state);
        break;
    case 'i':
        cfg.index = number(arg, 0, 63, state);
        break;
    case 'N':
        cfg.nodes = number(arg, 1, 64, state);
        break;
    case 't':
        cfg.clients = number(arg, 0, 512, state);
        break;
    case 'A':
        cfg.appliers = number(arg, 1, MAX_THREADS, state);
        break;
    case 'r':
        cfg.rows = number(arg, 256, MAX_ROWS, state);
        break;
    case 'H':
        cfg.hot_rows = number(arg, 1, MAX_ROWS / 2, state);
        break;
    case 'h':
        cfg.hot_percent = number(arg, 0, 100, state);
        break;
    case 'k':
        cfg.keys = number(arg, 1, MAX_TRX_ROWS, state);
        break;
    case 's':
        cfg.size_bytes = number(arg, 128, 1 << 30, state);
        break;
    case 'T':
        cfg.toi_percent = number(arg, 0, 100, state);
        break;
    case 'g':
        cfg.gap_percent = number(arg, 0, 100, state);
        break;
    default:
        return parse_text(key, arg);
    }
    return 0;
}

/* ---- commands ---- */

static size_t parse_rows(char *text, uint32_t *rows)
{
    size_t count = 0;

    for (char *p = strtok(text, " ,"); p != NULL && count < MAX_TRX_ROWS; p = strtok(NULL, " ,")) {
        rows[count++] = (uint32_t)strtoul(p, NULL, 10) % (uint32_t)cfg.rows;
    }
    return count;
}

static void print_state(void)
{
    wsrep_gtid_t gtid = db_position();

    printf("state seqno=%lld chain=%016llx rows=%016llx ready=%d commits=%lld applied=%lld "
           "failed=%lld violations=%lld\n",
           (long long)gtid.seqno, (unsigned long long)db_chain(),
           (unsigned long long)db_rows_hash(), server_is_ready(), (long long)counters.commits,
           (long long)counters.applied,
           (long long)(counters.cert_failures + counters.applied_failed), (long long)violations);
    fflush(stdout);
}

static void print_stats(void)
{
    struct wsrep_stats_var *vars = provider->stats_get(provider);

    printf("stats");
    for (struct wsrep_stats_var *v = vars; v != NULL && v->name != NULL; v++) {
        if (v->type == WSREP_VAR_STRING) {
            printf("\t%s=%s", v->name, v->value._string);
        } else if (v->type == WSREP_VAR_INT64) {
            printf("\t%s=%lld", v->name, (long long)v->value._int64);
        } else {
            printf("\t%s=%g", v->name, v->value._double);
        }
    }
    printf("\n");
    fflush(stdout);
    provider->stats_free(provider, vars);
}

/* Nothing may commit between pause and resume. */
static void run_pause(int ms)
{
    wsrep_seqno_t at = provider->pause(provider), then;
    wsrep_status_t st;

    TRACE("cli", "pause -> %s", at >= 0 ? "seqno" : "failed");
    then = db_position().seqno;
    usleep((useconds_t)ms * 1000);
    if (at >= 0 && (then != at || db_position().seqno != at)) {
        violation("paused at %lld, the database stood at %lld and then at %lld", (long long)at,
                  (long long)then, (long long)db_position().seqno);
    }
    st = provider->resume(provider);
    TRACE("cli", "resume -> %s", status_name(st));
    say("pause seqno=%lld resume=%s", (long long)at, status_name(st));
}

static void run_sync(void)
{
    wsrep_gtid_t gtid = {.seqno = WSREP_SEQNO_UNDEFINED};
    int64_t begin = ls_clock_us();
    wsrep_status_t st = provider->sync_wait(provider, NULL, -1, &gtid);
    long long us = ls_clock_us() - begin;

    TRACE("cli", "sync_wait -> %s %s", status_name(st), gtid_text(&gtid));
    if (st == WSREP_OK && db_position().seqno < gtid.seqno) {
        violation("sync_wait gave %lld, the database is at %lld", (long long)gtid.seqno,
                  (long long)db_position().seqno);
    }
    say("sync status=%s seqno=%lld us=%lld", status_name(st), (long long)gtid.seqno, us);
}

static void run_options(const char *text)
{
    if (text[0] != '\0') {
        wsrep_status_t st = provider->options_set(provider, text);
        TRACE("cli", "options_set %s -> %s", text, status_name(st));
        say("options_set status=%s", status_name(st));
    } else {
        char *all = provider->options_get(provider);
        say("options %s", all);
        free(all);
    }
}

static void run_desync(bool on)
{
    wsrep_status_t st = on ? provider->desync(provider) : provider->resync(provider);

    TRACE("cli", "%s -> %s", on ? "desync" : "resync", status_name(st));
    say("%s status=%s", on ? "desync" : "resync", status_name(st));
}

/* Changes of a running load's shape: name=value. */
static void run_set(char *text)
{
    static const struct {
        const char *name;
        int *value;
    } names[] = {{"clients", &cfg.clients},
                 {"size", &cfg.size_bytes},
                 {"keys", &cfg.keys},
                 {"hot", &cfg.hot_percent},
                 {"toi", &cfg.toi_percent}};
    char *value = strchr(text, '=');

    for (size_t i = 0; value != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(text, names[i].name, (size_t)(value - text)) == 0) {
            *names[i].value = atoi(value + 1);
            return;
        }
    }
    say("error unknown setting: %s", text);
}

static void run_transaction(const char *verb, char *rest)
{
    uint32_t rows[MAX_TRX_ROWS];
    size_t count = parse_rows(rest, rows);

    if (strcmp(verb, "trx") == 0) {
        int result = client_run_trx(rows, count);
        say("trx result=%d", result);
    } else {
        client_begin(rows, count);
        say("begin");
    }
}

/* False: the end. */
static bool run_command(char *line)
{
    char *verb = strtok(line, " \n"), *rest = strtok(NULL, "\n");

    rest = rest != NULL ? rest : line + strlen(line);
    if (verb == NULL) {
        return true;
    }
    if (strcmp(verb, "quit") == 0) {
        return false;
    } else if (strcmp(verb, "start") == 0) {
        client_start_load();
        say("started");
    } else if (strcmp(verb, "stop") == 0) {
        client_stop_load();
    } else if (strcmp(verb, "state") == 0) {
        print_state();
    } else if (strcmp(verb, "stats") == 0) {
        print_stats();
    } else if (strcmp(verb, "trx") == 0 || strcmp(verb, "begin") == 0) {
        run_transaction(verb, rest);
    } else if (strcmp(verb, "commit") == 0) {
        say("commit result=%d", client_commit_held());
    } else if (strcmp(verb, "toi") == 0) {
        say("toi result=%d", client_run_toi());
    } else if (strcmp(verb, "pause") == 0) {
        run_pause(atoi(rest));
    } else if (strcmp(verb, "desync") == 0 || strcmp(verb, "resync") == 0) {
        run_desync(verb[0] == 'd');
    } else if (strcmp(verb, "sync") == 0) {
        run_sync();
    } else if (strcmp(verb, "options") == 0) {
        run_options(rest);
    } else if (strcmp(verb, "set") == 0) {
        run_set(rest);
    } else if (strcmp(verb, "isolate") == 0) {
        server_isolate(atoi(rest));
    } else if (strcmp(verb, "wait") == 0) {
        say("ready result=%d", server_wait_ready(atoi(rest)));
    } else if (strcmp(verb, "disconnect") == 0) {
        server_disconnect();
        say("disconnected");
    } else if (strcmp(verb, "connect") == 0) {
        server_connect(false);
    } else {
        say("error unknown command: %s", verb);
    }
    return true;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse_option, NULL, "plays a database server for a wsrep provider",
        NULL,    NULL,         NULL};
    char line[4096];

    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    if (cfg.trace != NULL) {
        trace_open(cfg.trace);
    }
    db_open();
    server_load();
    server_init();
    if (server_connect(cfg.bootstrap)) {
        while (fgets(line, sizeof(line), stdin) != NULL && run_command(line)) {
        }
        server_disconnect();
        print_state();
    } else {
        violations++;
    }
    server_unload();
    return violations > 0 ? 1 : 0;
}
