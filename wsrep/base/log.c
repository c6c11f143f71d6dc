#include "wsrep/base/log.h"

#include "wsrep/base/assert.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(ls_log_sink) log_sink;
static _Atomic int log_level = LS_LOG_INFO;

void ls_log_set_sink(ls_log_sink sink)
{
    atomic_store(&log_sink, sink);
}

void ls_log_set_level(enum ls_log_level level)
{
    atomic_store(&log_level, (int)level);
}

bool ls_log_enabled(enum ls_log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void ls_log(enum ls_log_level level, const char *fmt, ...)
{
    char text[2048];
    ls_log_sink sink;
    va_list ap;

    if (!ls_log_enabled(level)) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sink = atomic_load(&log_sink);
    if (sink != NULL) {
        sink(level, text);
    } else {
        static const char *const names[] = {"FATAL", "ERROR", "WARN", "INFO", "DEBUG"};
        fprintf(stderr, "%s: %s\n", names[level], text);
    }
}

_Noreturn void ls_assert_failed(const char *expr, const char *file, int line, const char *func)
{
    ls_log(LS_LOG_FATAL, "Assertion failed: %s, in %s at %s:%d", expr, func, file, line);
    abort();
}
