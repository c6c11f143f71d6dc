#include "wsrep/base/options.h"

#include "wsrep/base/assert.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct option {
    const struct ls_option_def *def;
    char *text; /* NULL: no value */
    bool set;   /* by somebody, not only initialised */
    union {
        bool b;
        int64_t i; /* also SIZE, and PERIOD in microseconds */
        double d;
    } value;
};

struct ls_options {
    size_t count;
    struct option options[]; /* sorted by name */
};

static int compare_options(const void *a, const void *b)
{
    const struct option *x = a, *y = b;
    return strcmp(x->def->name, y->def->name);
}

static struct option *find_option(const struct ls_options *o, const char *name)
{
    size_t low = 0, high = o->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(name, o->options[mid].def->name);
        if (c == 0) {
            return (struct option *)&o->options[mid];
        }
        if (c < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return NULL;
}

/* What would be right, for an error text. */
static const char *describe_expectation(const struct ls_option_def *def, char *buf, size_t size)
{
    static const char *const kinds[] = {
        [LS_OPT_BOOL] = "yes or no",
        [LS_OPT_INT] = "a whole number",
        [LS_OPT_SIZE] = "a size such as 128M (K, M, G or T)",
        [LS_OPT_PERIOD] = "a period such as PT5S, or seconds",
        [LS_OPT_DOUBLE] = "a number",
        [LS_OPT_STRING] = "text",
        [LS_OPT_ENUM] = "one of ",
    };

    if (def->type == LS_OPT_ENUM) {
        snprintf(buf, size, "%s%s", kinds[def->type], def->choices);
    } else if (def->min != 0 || def->max != 0) {
        snprintf(buf, size, "%s from %.16g to %.16g%s", kinds[def->type], def->min, def->max,
                 def->type == LS_OPT_PERIOD ? " seconds" : "");
    } else {
        snprintf(buf, size, "%s", kinds[def->type]);
    }
    return buf;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && *choices != '\0') {
        size_t n = strcspn(choices, "|");
        if (n == len && strncasecmp(choices, text, n) == 0) {
            return true;
        }
        choices += n + (choices[n] == '|');
    }
    return false;
}

static bool in_range(const struct ls_option_def *def, double v)
{
    return (def->min == 0 && def->max == 0) || (v >= def->min && v <= def->max);
}

/* Parses text into out->value; false when it is not of the type or out of range. */
static bool parse_value(const struct ls_option_def *def, const char *text, struct option *out)
{
    switch (def->type) {
    case LS_OPT_BOOL:
        return ls_option_parse_bool(text, &out->value.b);
    case LS_OPT_INT:
        return ls_option_parse_int(text, &out->value.i) && in_range(def, (double)out->value.i);
    case LS_OPT_SIZE:
        return ls_option_parse_size(text, &out->value.i) && in_range(def, (double)out->value.i);
    case LS_OPT_PERIOD:
        return ls_option_parse_period_us(text, &out->value.i) &&
               in_range(def, (double)out->value.i / 1e6);
    case LS_OPT_DOUBLE:
        return ls_option_parse_double(text, &out->value.d) && in_range(def, out->value.d);
    case LS_OPT_STRING:
        return true;
    case LS_OPT_ENUM:
        return is_choice(def->choices, text);
    }
    return false;
}

static bool same_value(const struct option *a, const struct option *b)
{
    if (strcmp(a->text, b->text) == 0) {
        return true;
    }
    switch (a->def->type) {
    case LS_OPT_BOOL:
        return a->value.b == b->value.b;
    case LS_OPT_INT:
    case LS_OPT_SIZE:
    case LS_OPT_PERIOD:
        return a->value.i == b->value.i;
    case LS_OPT_DOUBLE:
        return a->value.d == b->value.d;
    case LS_OPT_ENUM:
        return strcasecmp(a->text, b->text) == 0;
    case LS_OPT_STRING:
        break;
    }
    return false;
}

/* A period given in plain seconds is shown in the ISO form, as its readers expect. */
static char *copy_text(const struct ls_option_def *def, const char *text)
{
    size_t size = strlen(text) + sizeof("PTS");
    char *copy = malloc(size);

    if (copy != NULL) {
        bool plain = def->type == LS_OPT_PERIOD && text[0] != 'P' && text[0] != '\0';
        snprintf(copy, size, plain ? "PT%sS" : "%s", text);
    }
    return copy;
}

static enum ls_rc set_option(struct option *opt, const char *text, enum ls_option_phase phase,
                             bool *changed, struct ls_error *err)
{
    const struct ls_option_def *def = opt->def;
    struct option next = *opt;
    bool trigger = (def->flags & LS_OPT_TRIGGER) != 0;
    char expected[256];

    *changed = false;
    next.text = (char *)text; /* borrowed until it is known to be wanted */
    if (opt->text == NULL && text[0] == '\0' && !trigger) {
        return LS_OK; /* it has no value, and is given none */
    }
    if (!parse_value(def, text, &next)) {
        return ls_error_set(err, LS_E_INVAL, "option %s: '%.100s' will not do, give %s", def->name,
                            text, describe_expectation(def, expected, sizeof(expected)));
    }
    if (trigger && phase != LS_OPT_LATE) {
        *changed = true;
        return LS_OK;
    }
    if (opt->text != NULL && same_value(opt, &next)) {
        opt->set = true;
        return LS_OK;
    }
    if (phase == LS_OPT_RUN && (def->flags & LS_OPT_DYNAMIC) == 0) {
        return ls_error_set(err, LS_E_INVAL,
                            "option %s cannot be changed to '%.100s' on a running node (it is "
                            "'%.100s'): set it in the configuration and restart",
                            def->name, text, opt->text != NULL ? opt->text : "not set");
    }
    next.text = copy_text(def, text);
    if (next.text == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "option %s: no memory", def->name);
    }
    free(opt->text);
    next.set = true;
    *opt = next;
    *changed = true;
    return LS_OK;
}

struct ls_options *ls_options_create(const struct ls_option_def *defs, size_t count)
{
    struct ls_options *o = calloc(1, sizeof(*o) + count * sizeof(o->options[0]));

    if (o == NULL) {
        return NULL;
    }
    o->count = count;
    for (size_t i = 0; i < count; i++) {
        o->options[i].def = &defs[i];
    }
    qsort(o->options, count, sizeof(o->options[0]), compare_options);
    for (size_t i = 0; i < count; i++) {
        struct option *opt = &o->options[i];
        LS_ASSERT(i == 0 || strcmp(o->options[i - 1].def->name, opt->def->name) != 0);
        LS_ASSERT(opt->def->initial == NULL || (opt->def->flags & LS_OPT_TRIGGER) == 0);
        if (opt->def->initial == NULL) {
            continue;
        }
        LS_ASSERT(parse_value(opt->def, opt->def->initial, opt));
        opt->text = copy_text(opt->def, opt->def->initial);
        if (opt->text == NULL) {
            ls_options_destroy(o);
            return NULL;
        }
    }
    return o;
}

void ls_options_destroy(struct ls_options *o)
{
    if (o == NULL) {
        return;
    }
    for (size_t i = 0; i < o->count; i++) {
        free(o->options[i].text);
    }
    free(o);
}

const struct ls_option_def *ls_options_find(const struct ls_options *o, const char *name)
{
    const struct option *opt = find_option(o, name);
    return opt == NULL ? NULL : opt->def;
}

enum ls_rc ls_options_set(struct ls_options *o, const char *name, const char *value,
                          enum ls_option_phase phase, bool *changed, struct ls_error *err)
{
    struct option *opt = find_option(o, name);
    bool ignored;

    if (opt == NULL) {
        if (changed != NULL) {
            *changed = false;
        }
        return ls_error_set(err, LS_E_NOTFOUND,
                            "Unknown parameter '%.100s': there is no such option", name);
    }
    return set_option(opt, value, phase, changed != NULL ? changed : &ignored, err);
}

enum ls_rc ls_options_set_default(struct ls_options *o, const char *name, const char *value,
                                  struct ls_error *err)
{
    struct option *opt = find_option(o, name);
    bool was_set, changed;
    enum ls_rc rc;

    LS_ASSERT(opt != NULL);
    was_set = opt->set;
    rc = set_option(opt, value, LS_OPT_LATE, &changed, err);
    opt->set = was_set;
    return rc;
}

/* Copies up to a character of `stops` (not escaped) or the end, trimmed; returns where it stopped,
 * NULL when it does not fit. */
static const char *take_token(const char *p, const char *stops, char *out, size_t size)
{
    size_t n = 0, keep = 0; /* keep: end of the last character that trimming must not remove */

    p += strspn(p, " \t\r\n");
    while (*p != '\0' && strchr(stops, *p) == NULL) {
        bool escaped = *p == '\\' && p[1] != '\0' && strchr(";=\\", p[1]) != NULL;
        p += escaped;
        if (n + 1 >= size) {
            return NULL;
        }
        out[n++] = *p;
        if (escaped || !isspace((unsigned char)*p)) {
            keep = n;
        }
        p++;
    }
    out[keep] = '\0';
    return p;
}

enum ls_rc ls_options_next_pair(const char **text, struct ls_option_pair *out, struct ls_error *err)
{
    const char *p = *text + strspn(*text, "; \t\r\n");

    *text = p;
    if (*p == '\0') {
        return LS_E_NOTFOUND;
    }
    p = take_token(p, "=;", out->name, sizeof(out->name));
    if (p == NULL) {
        return ls_error_set(err, LS_E_INVAL, "an option name of more than %d bytes: '%.40s…'",
                            LS_OPTION_MAX_BYTES - 1, *text);
    }
    if (*p != '=') {
        return ls_error_set(err, LS_E_INVAL, "option '%.100s' has no value: write name=value",
                            out->name);
    }
    if (out->name[0] == '\0') {
        return ls_error_set(err, LS_E_INVAL, "a value without a name at '%.40s': write name=value",
                            *text);
    }
    p = take_token(p + 1, "=;", out->value, sizeof(out->value));
    if (p == NULL) {
        return ls_error_set(err, LS_E_INVAL, "option %.100s: a value of more than %d bytes",
                            out->name, LS_OPTION_MAX_BYTES - 1);
    }
    if (*p == '=') {
        return ls_error_set(err, LS_E_INVAL,
                            "option %.100s has two values: separate options by ';', and write a "
                            "'=' inside a value as '\\='",
                            out->name);
    }
    *text = p;
    return LS_OK;
}

enum ls_rc ls_options_apply(struct ls_options *o, const char *text, enum ls_option_phase phase,
                            struct ls_error *err)
{
    struct ls_option_pair pair;
    enum ls_rc rc;

    while ((rc = ls_options_next_pair(&text, &pair, err)) == LS_OK) {
        rc = ls_options_set(o, pair.name, pair.value, phase, NULL, err);
        if (rc != LS_OK) {
            return rc;
        }
    }
    return rc == LS_E_NOTFOUND ? LS_OK : rc; /* here: no pair is left */
}

static bool is_shown(const struct option *opt)
{
    return opt->text != NULL && (opt->def->flags & LS_OPT_HIDDEN) == 0 &&
           ((opt->def->flags & LS_OPT_QUIET) == 0 || opt->set);
}

/* Room for text with every separator escaped, so that what is shown can be set again. */
static char *append_escaped(char *p, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr(";=\\", *text) != NULL) {
            *p++ = '\\';
        }
        *p++ = *text;
    }
    return p;
}

char *ls_options_format(const struct ls_options *o)
{
    size_t size = 1;
    char *out, *p;

    for (size_t i = 0; i < o->count; i++) {
        if (is_shown(&o->options[i])) {
            size += strlen(o->options[i].def->name) + 2 * strlen(o->options[i].text) + 5;
        }
    }
    out = malloc(size);
    if (out == NULL) {
        return NULL;
    }
    p = out;
    for (size_t i = 0; i < o->count; i++) {
        if (is_shown(&o->options[i])) {
            p = stpcpy(stpcpy(p, o->options[i].def->name), " = ");
            p = stpcpy(append_escaped(p, o->options[i].text), "; ");
        }
    }
    *p = '\0';
    return out;
}

static const struct option *must_find(const struct ls_options *o, const char *name)
{
    const struct option *opt = find_option(o, name);
    LS_ASSERT(opt != NULL);
    return opt;
}

bool ls_options_get_bool(const struct ls_options *o, const char *name)
{
    const struct option *opt = must_find(o, name);
    LS_ASSERT(opt->def->type == LS_OPT_BOOL);
    return opt->text != NULL && opt->value.b;
}

int64_t ls_options_get_int(const struct ls_options *o, const char *name)
{
    const struct option *opt = must_find(o, name);
    LS_ASSERT(opt->def->type == LS_OPT_INT || opt->def->type == LS_OPT_SIZE);
    return opt->text != NULL ? opt->value.i : 0;
}

int64_t ls_options_get_period_us(const struct ls_options *o, const char *name)
{
    const struct option *opt = must_find(o, name);
    LS_ASSERT(opt->def->type == LS_OPT_PERIOD);
    return opt->text != NULL ? opt->value.i : 0;
}

double ls_options_get_double(const struct ls_options *o, const char *name)
{
    const struct option *opt = must_find(o, name);
    LS_ASSERT(opt->def->type == LS_OPT_DOUBLE);
    return opt->text != NULL ? opt->value.d : 0;
}

const char *ls_options_get_text(const struct ls_options *o, const char *name)
{
    const struct option *opt = must_find(o, name);
    return opt->text != NULL ? opt->text : "";
}

bool ls_options_has_value(const struct ls_options *o, const char *name)
{
    return must_find(o, name)->text != NULL;
}

bool ls_options_is_set(const struct ls_options *o, const char *name)
{
    return must_find(o, name)->set;
}

size_t ls_options_count(const struct ls_options *o)
{
    return o->count;
}

const struct ls_option_def *ls_options_at(const struct ls_options *o, size_t i)
{
    LS_ASSERT(i < o->count);
    return o->options[i].def;
}
