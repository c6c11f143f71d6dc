#include "wsrep/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ls_rc_name(enum ls_rc rc)
{
    static const char *const names[LS_E__COUNT] = {
        [LS_OK] = "ok",
        [LS_E_NOMEM] = "out of memory",
        [LS_E_INVAL] = "invalid argument",
        [LS_E_IO] = "input/output error",
        [LS_E_NOSPC] = "no space left",
        [LS_E_NOFILES] = "no free file descriptor",
        [LS_E_CORRUPT] = "corrupt data",
        [LS_E_PROTO] = "protocol violation",
        [LS_E_VERSION] = "no common version",
        [LS_E_TOOBIG] = "too big",
        [LS_E_NOTFOUND] = "not found",
        [LS_E_EXISTS] = "exists already",
        [LS_E_BUSY] = "busy",
        [LS_E_TIMEOUT] = "timed out",
        [LS_E_INTERRUPTED] = "interrupted",
        [LS_E_CLOSED] = "closed",
        [LS_E_NOT_PRIMARY] = "not in a primary component",
        [LS_E_UNKNOWN] = "outcome unknown",
    };
    return (unsigned)rc < LS_E__COUNT ? names[rc] : "unknown error code";
}

#undef ls_error_set

enum ls_rc ls_error_set(struct ls_error *err, enum ls_rc code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
    }
    return code;
}

enum ls_rc ls_error_wrap(struct ls_error *err, enum ls_rc code, const char *fmt, ...)
{
    if (err != NULL) {
        char old[sizeof(err->text)];
        size_t n;
        va_list ap;

        memcpy(old, err->text, sizeof(old));
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
        err->code = code;
        n = strlen(err->text);
        if (old[0] != '\0') {
            snprintf(err->text + n, sizeof(err->text) - n, ": %s", old);
        }
    }
    return code;
}

enum ls_rc ls_error_errno(struct ls_error *err, int errnum, const char *fmt, ...)
{
    enum ls_rc code = LS_E_IO;

    switch (errnum) {
    case ENOMEM:
        code = LS_E_NOMEM;
        break;
    case ENOSPC:
    case EDQUOT:
        code = LS_E_NOSPC;
        break;
    case EMFILE:
    case ENFILE:
        code = LS_E_NOFILES;
        break;
    case ENOENT:
        code = LS_E_NOTFOUND;
        break;
    case EEXIST:
        code = LS_E_EXISTS;
        break;
    case EINVAL:
        code = LS_E_INVAL;
        break;
    default:
        break;
    }
    if (err != NULL) {
        size_t n;
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
        n = strlen(err->text);
        snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror(errnum));
        err->code = code;
    }
    return code;
}
