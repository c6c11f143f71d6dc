/* One table of error codes for the whole house, and a text that grows on the way up.
 *
 * A function that can fail returns enum ls_rc and, where the caller will show the reason to a
 * person, takes a struct ls_error (may be NULL) in which it says what failed. Callers add context
 * with ls_error_wrap(). Nothing is allocated. */
#ifndef LS_BASE_ERROR_H
#define LS_BASE_ERROR_H

enum ls_rc {
    LS_OK = 0,
    LS_E_NOMEM,       /* allocation failed */
    LS_E_INVAL,       /* a caller or a user gave something that cannot be */
    LS_E_IO,          /* the operating system refused an I/O call */
    LS_E_NOSPC,       /* disk or quota full */
    LS_E_NOFILES,     /* no descriptor is free, in this process or on the machine */
    LS_E_CORRUPT,     /* checksum or structure of stored bytes is wrong */
    LS_E_PROTO,       /* a peer sent what it must not send */
    LS_E_VERSION,     /* no common version */
    LS_E_TOOBIG,      /* over a limit */
    LS_E_NOTFOUND,    /* no such thing */
    LS_E_EXISTS,      /* there is one already */
    LS_E_BUSY,        /* try again later */
    LS_E_TIMEOUT,     /* a time limit passed */
    LS_E_INTERRUPTED, /* somebody cancelled the wait */
    LS_E_CLOSED,      /* the other side, or we, have closed */
    LS_E_NOT_PRIMARY, /* no quorum */
    LS_E_UNKNOWN,     /* the outcome is not known and cannot be known now */
    LS_E__COUNT
};

struct ls_error {
    enum ls_rc code;
    char text[512];
};

/* Short lower-case name of a code, static storage. */
const char *ls_rc_name(enum ls_rc rc);

/* Sets code and text (printf-style), returns code. err may be NULL. */
enum ls_rc ls_error_set(struct ls_error *err, enum ls_rc code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__ /* which does not look into error.c: that is what it returns */
#define ls_error_set(err, code, ...) (ls_error_set((err), (code), __VA_ARGS__), (code))
#endif

/* Puts "prefix: " before the text that is there, keeps and returns the code. err may be NULL:
 * then `code` is returned unchanged. */
enum ls_rc ls_error_wrap(struct ls_error *err, enum ls_rc code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Maps errno to a code and sets "<what>: <strerror>". */
enum ls_rc ls_error_errno(struct ls_error *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
