/* Table-driven options: "name=value; name=value" strings as a wsrep provider takes and shows them.
 *
 * A set is made from a table of definitions. Values are kept as text, close to what was written,
 * and parsed once. No lock: the owner guards it (gcomm/options/provider_options.c does).
 *
 * Text form: pairs are separated by ';', blanks around names and values do not count, empty items
 * are skipped, a backslash takes the next separator as an ordinary character. */
#ifndef LS_BASE_OPTIONS_H
#define LS_BASE_OPTIONS_H

#include "wsrep/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ls_option_type {
    LS_OPT_BOOL,   /* yes no true false on off 1 0, in any case */
    LS_OPT_INT,    /* decimal, or hexadecimal with 0x */
    LS_OPT_SIZE,   /* not negative, K M G T for powers of 1024 */
    LS_OPT_PERIOD, /* ISO 8601 (PT0.5S, P1DT2H), or seconds as a plain number */
    LS_OPT_DOUBLE,
    LS_OPT_STRING,
    LS_OPT_ENUM, /* one of choices, in any case */
};

enum ls_option_flag {
    LS_OPT_DYNAMIC = 1, /* may be changed on a running node */
    LS_OPT_HIDDEN = 2,  /* never shown */
    LS_OPT_QUIET = 4,   /* shown only once somebody set it */
    LS_OPT_TRIGGER = 8, /* setting it does something; no value is kept */
    LS_OPT_UNUSED = 16, /* known and checked, without effect in Lockstep */
};

struct ls_option_def {
    const char *name;
    enum ls_option_type type;
    unsigned flags;      /* enum ls_option_flag */
    const char *initial; /* NULL: has no value until set */
    double min, max;     /* both 0: any. Periods in seconds */
    const char *choices; /* ENUM: "one|two|three" */
};

enum ls_option_phase {
    LS_OPT_START, /* every option may be set */
    LS_OPT_RUN,   /* only dynamic ones */
    LS_OPT_LATE,  /* for ls_options_set_default() */
};

struct ls_options;

/* defs is kept by reference and must stay. The initial values must be valid (asserted). */
struct ls_options *ls_options_create(const struct ls_option_def *defs, size_t count);
void ls_options_destroy(struct ls_options *o);

/* NULL when there is no such option. */
const struct ls_option_def *ls_options_find(const struct ls_options *o, const char *name);

/* Sets one option. To the value that it has: always succeeds. *changed (may be NULL) tells whether
 * the value is another one now (always true for a trigger). Errors: LS_E_NOTFOUND no such option,
 * LS_E_INVAL bad value or not changeable now; the text names option, value and what would be right.
 */
enum ls_rc ls_options_set(struct ls_options *o, const char *name, const char *value,
                          enum ls_option_phase phase, bool *changed, struct ls_error *err);

/* A default that is only known at run time: as ls_options_set(), but a QUIET option stays quiet,
 * and a trigger gets a text to be shown with. */
enum ls_rc ls_options_set_default(struct ls_options *o, const char *name, const char *value,
                                  struct ls_error *err);

/* Takes the next pair from *text and moves *text behind it. LS_E_NOTFOUND: no pair is left.
 * LS_E_INVAL: no value, no name, two values, or longer than LS_OPTION_MAX_BYTES. */
#define LS_OPTION_MAX_BYTES 1024
struct ls_option_pair {
    char name[LS_OPTION_MAX_BYTES];
    char value[LS_OPTION_MAX_BYTES];
};
enum ls_rc ls_options_next_pair(const char **text, struct ls_option_pair *out,
                                struct ls_error *err);

/* Sets all pairs in order and stops at the first failure; the pairs before it stay set. */
enum ls_rc ls_options_apply(struct ls_options *o, const char *text, enum ls_option_phase phase,
                            struct ls_error *err);

/* "name = value; name = value; " sorted by name; the caller frees it. NULL: no memory. */
char *ls_options_format(const struct ls_options *o);

/* Values. The option must exist and have the type (asserted). Without a value: false, 0, "". A
 * string stays valid until the option is set again. */
bool ls_options_get_bool(const struct ls_options *o, const char *name);
int64_t ls_options_get_int(const struct ls_options *o, const char *name); /* INT and SIZE */
int64_t ls_options_get_period_us(const struct ls_options *o, const char *name);
double ls_options_get_double(const struct ls_options *o, const char *name);
const char *ls_options_get_text(const struct ls_options *o, const char *name); /* any type */
bool ls_options_has_value(const struct ls_options *o, const char *name);
/* Somebody set it, be it to the initial value. */
bool ls_options_is_set(const struct ls_options *o, const char *name);

/* All options in the order of their names. */
size_t ls_options_count(const struct ls_options *o);
const struct ls_option_def *ls_options_at(const struct ls_options *o, size_t i);

/* The value parsers by themselves. NULL-terminated text in, false when it is not of the type. */
bool ls_option_parse_bool(const char *text, bool *out);
bool ls_option_parse_int(const char *text, int64_t *out);
bool ls_option_parse_size(const char *text, int64_t *out);
bool ls_option_parse_period_us(const char *text, int64_t *out);
bool ls_option_parse_double(const char *text, double *out);

#endif
