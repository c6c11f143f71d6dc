#include "wsrep/base/log.h"
#include "wsrep/os/thread.h"
#include "wsrep/service/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>

static ls_mutex lock = LS_MUTEX_STATIC;
static FILE *file; /* NULL: stderr */
static char *file_path;

static void write_line(enum ls_log_level level, const char *text)
{
    static const char *const names[] = {"FATAL", "ERROR", "WARN", "INFO", "DEBUG"};
    struct timeval now;
    struct tm tm;
    char date[40];

    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    ls_mutex_lock(&lock);
    fprintf(file != NULL ? file : stderr, "%s.%03d %5s: %s\n", date, (int)(now.tv_usec / 1000),
            names[level <= LS_LOG_DEBUG ? level : LS_LOG_DEBUG], text);
    fflush(file != NULL ? file : stderr);
    ls_mutex_unlock(&lock);
}

static void write_syslog(enum ls_log_level level, const char *text)
{
    static const int priorities[] = {LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

    syslog(priorities[level <= LS_LOG_DEBUG ? level : LS_LOG_DEBUG], "%s", text);
}

enum ls_rc ls_service_log_file(const char *path, struct ls_error *err)
{
    char *copy = path != NULL ? strdup(path) : NULL;
    FILE *f = copy != NULL ? fopen(copy, "ae") : NULL;

    if (path != NULL && f == NULL) {
        free(copy);
        return ls_error_set(err, LS_E_IO, "the log file '%.200s' cannot be opened: %s", path,
                            strerror(errno));
    }
    ls_mutex_lock(&lock);
    if (file != NULL) {
        fclose(file);
    }
    file = f;
    free(file_path);
    file_path = copy;
    ls_mutex_unlock(&lock);
    ls_log_set_sink(write_line);
    return LS_OK;
}

void ls_service_log_syslog(const char *ident)
{
    openlog(ident, LOG_PID, LOG_DAEMON);
    ls_log_set_sink(write_syslog);
}

void ls_service_log_reopen(void)
{
    FILE *f;

    ls_mutex_lock(&lock);
    f = file_path != NULL ? fopen(file_path, "ae") : NULL;
    if (f != NULL) {
        fclose(file);
        file = f;
    }
    ls_mutex_unlock(&lock);
}
