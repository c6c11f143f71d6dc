/* The log sink of the process. Levels have the numbers of the wsrep API's log levels.
 *
 * Until somebody installs a sink, lines go to stderr (the server's logger must not be called before
 * the provider's init). Any thread may log. A line carries no newline and no prefix. */
#ifndef LS_BASE_LOG_H
#define LS_BASE_LOG_H

#include <stdbool.h>

enum ls_log_level {
    LS_LOG_FATAL = 0,
    LS_LOG_ERROR = 1,
    LS_LOG_WARN = 2,
    LS_LOG_INFO = 3,
    LS_LOG_DEBUG = 4,
};

typedef void (*ls_log_sink)(enum ls_log_level level, const char *text);

/* NULL goes back to stderr. */
void ls_log_set_sink(ls_log_sink sink);

/* Lines above this level are dropped; LS_LOG_INFO at start. */
void ls_log_set_level(enum ls_log_level level);
bool ls_log_enabled(enum ls_log_level level);

void ls_log(enum ls_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ls_error_log(...) ls_log(LS_LOG_ERROR, __VA_ARGS__)
#define ls_warn(...) ls_log(LS_LOG_WARN, __VA_ARGS__)
#define ls_info(...) ls_log(LS_LOG_INFO, __VA_ARGS__)
#define ls_debug(...)                                                                              \
    do {                                                                                           \
        if (ls_log_enabled(LS_LOG_DEBUG))                                                          \
            ls_log(LS_LOG_DEBUG, __VA_ARGS__);                                                     \
    } while (0)

#endif
