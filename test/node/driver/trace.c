#include "test/node/driver/driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool trace_on;
static FILE *trace_file;
static ls_mutex trace_lock;

void trace_open(const char *path)
{
    trace_file = fopen(path, "we");
    if (trace_file == NULL) {
        perror(path);
        exit(2);
    }
    setvbuf(trace_file, NULL, _IOLBF, 0);
    ls_mutex_init(&trace_lock);
    trace_on = true;
}

void trace(const char *kind, const char *fmt, ...)
{
    va_list ap;

    ls_mutex_lock(&trace_lock);
    fprintf(trace_file, "%s ", kind);
    va_start(ap, fmt);
    vfprintf(trace_file, fmt, ap);
    va_end(ap);
    fputc('\n', trace_file);
    ls_mutex_unlock(&trace_lock);
}

const char *status_name(wsrep_status_t st)
{
    static const char *const names[] = {"OK",       "WARNING",         "TRX_MISSING", "TRX_FAIL",
                                        "BF_ABORT", "SIZE_EXCEEDED",   "CONN_FAIL",   "NODE_FAIL",
                                        "FATAL",    "NOT_IMPLEMENTED", "NOT_ALLOWED"};
    return (unsigned)st < sizeof(names) / sizeof(names[0]) ? names[st] : "?";
}

/* Uuids differ from run to run: Z zero, U any other. */
const char *gtid_text(const wsrep_gtid_t *gtid)
{
    static _Thread_local char text[32];
    static const wsrep_uuid_t zero;
    bool is_zero = memcmp(&gtid->uuid, &zero, sizeof(zero)) == 0;

    snprintf(text, sizeof(text), "%c:%lld", is_zero ? 'Z' : 'U', (long long)gtid->seqno);
    return text;
}
