/* The parsers of option values. Text comes from users: nothing here asserts on it. */
#include "wsrep/base/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool ls_option_parse_bool(const char *text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"yes", true}, {"no", false},  {"true", true}, {"false", false},
                 {"on", true},  {"off", false}, {"1", true},    {"0", false}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

bool ls_option_parse_int(const char *text, int64_t *out)
{
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    int base = 10;
    char *end = NULL;
    long long v;

    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
        base = 16;
        if (!isxdigit((unsigned char)digits[2])) {
            return false;
        }
    } else if (!isdigit((unsigned char)digits[0])) {
        return false;
    }
    errno = 0;
    v = strtoll(text, &end, base);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *out = v;
    return true;
}

bool ls_option_parse_size(const char *text, int64_t *out)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end = NULL;
    long long v;
    int shift = 0;

    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    errno = 0;
    v = strtoll(text, &end, 10);
    if (errno != 0) {
        return false;
    }
    if (*end != '\0') {
        unit = strchr(units, toupper((unsigned char)*end));
        if (unit == NULL || end[1] != '\0') {
            return false;
        }
        shift = 10 * (int)(unit - units + 1);
    }
    if (v > INT64_MAX >> shift) {
        return false;
    }
    *out = v << shift;
    return true;
}

bool ls_option_parse_double(const char *text, double *out)
{
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    char *end = NULL;

    /* strtod would also take blanks, hexadecimal, nan and infinity */
    if (!isdigit((unsigned char)digits[0]) && digits[0] != '.') {
        return false;
    }
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
        return false;
    }
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

/* "12.5" to microseconds times unit_s, added to *us. */
static bool add_component(const char *number, size_t len, double unit_s, double *us)
{
    char buf[32];
    double v;

    if (len == 0 || len >= sizeof(buf) || strspn(number, "0123456789.") < len) {
        return false;
    }
    memcpy(buf, number, len);
    buf[len] = '\0';
    if (!ls_option_parse_double(buf, &v) || v < 0) {
        return false;
    }
    *us += v * unit_s * 1e6;
    return true;
}

/* P [nY] [nM] [nW] [nD] [T [nH] [nM] [nS]], each unit at most once and in this order. A year is 365
 * days, a month 30. */
static bool parse_iso_period(const char *p, double *us)
{
    static const struct {
        char unit;
        bool time; /* stands behind the T */
        double seconds;
    } parts[] = {{'Y', false, 365 * 86400.0},
                 {'M', false, 30 * 86400.0},
                 {'W', false, 7 * 86400.0},
                 {'D', false, 86400.0},
                 {'H', true, 3600.0},
                 {'M', true, 60.0},
                 {'S', true, 1.0}};
    const size_t count = sizeof(parts) / sizeof(parts[0]);
    size_t next = 0;
    bool time = false, any = false;

    while (*p != '\0') {
        size_t len = strspn(p, "0123456789."), i = next;

        if (*p == 'T' && !time) {
            time = true;
            any = false; /* "P1DT" lacks what the T announces */
            p++;
            continue;
        }
        while (i < count && (parts[i].time != time || parts[i].unit != p[len])) {
            i++;
        }
        if (i == count || !add_component(p, len, parts[i].seconds, us)) {
            return false;
        }
        next = i + 1;
        p += len + 1;
        any = true;
    }
    return any;
}

bool ls_option_parse_period_us(const char *text, int64_t *out)
{
    double us = 0;

    if (text[0] == 'P') {
        if (!parse_iso_period(text + 1, &us)) {
            return false;
        }
    } else if (!add_component(text, strlen(text), 1.0, &us)) {
        return false;
    }
    if (us > 9e15) { /* three centuries; also keeps the conversion defined */
        return false;
    }
    *out = (int64_t)(us + 0.5);
    return true;
}
