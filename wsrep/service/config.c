#include "wsrep/service/config.h"

#include "wsrep/os/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONFIG_MAX (64 * 1024)

static char *trimmed(char *s)
{
    size_t n;

    while (isspace((unsigned char)*s)) {
        s++;
    }
    for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--) {
    }
    s[n] = '\0';
    return s;
}

static char *unquoted(char *s)
{
    size_t n = strlen(s);

    if (n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n - 1] == s[0]) {
        s[n - 1] = '\0';
        s++;
    }
    return s;
}

/* A # begins a comment outside of quotes. */
static void cut_comment(char *line)
{
    char quote = '\0';

    for (char *p = line; *p != '\0'; p++) {
        if (quote != '\0') {
            quote = *p == quote ? '\0' : quote;
        } else if (*p == '"' || *p == '\'') {
            quote = *p;
        } else if (*p == '#') {
            *p = '\0';
            return;
        }
    }
}

static enum ls_rc take_line(char *line, ls_service_option take, void *ctx, struct ls_error *err)
{
    char *equals;

    cut_comment(line);
    line = trimmed(line);
    if (*line == '\0') {
        return LS_OK;
    }
    equals = strchr(line, '=');
    if (equals == NULL) {
        return ls_error_set(err, LS_E_INVAL, "'%.80s' is not \"option = value\"", line);
    }
    *equals = '\0';
    return take(ctx, trimmed(line), unquoted(trimmed(equals + 1)), err);
}

enum ls_rc ls_service_config_text(char *text, ls_service_option take, void *ctx,
                                  struct ls_error *err)
{
    unsigned number = 0;

    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        number++;
        if (take_line(line, take, ctx, err) != LS_OK) {
            return ls_error_wrap(err, LS_E_INVAL, "line %u", number);
        }
    }
    return LS_OK;
}

enum ls_rc ls_service_config_file(const char *path, ls_service_option take, void *ctx,
                                  struct ls_error *err)
{
    char *text;
    size_t size;
    enum ls_rc rc = ls_file_read_small(path, CONFIG_MAX, &text, &size, err);

    if (rc != LS_OK) {
        return ls_error_wrap(err, rc, "the configuration file");
    }
    if (strlen(text) != size) {
        rc = ls_error_set(err, LS_E_INVAL, "'%.200s' is no text file", path);
    } else if (ls_service_config_text(text, take, ctx, err) != LS_OK) {
        rc = ls_error_wrap(err, LS_E_INVAL, "%.200s", path);
    }
    free(text);
    return rc;
}

enum ls_rc ls_service_config_flag(const char *what, const char *value, bool *out,
                                  struct ls_error *err)
{
    static const char *const yes[] = {"1", "true", "yes", "on"};
    static const char *const no[] = {"0", "false", "no", "off"};

    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
            *out = strcasecmp(value, yes[i]) == 0;
            return LS_OK;
        }
    }
    return ls_error_set(err, LS_E_INVAL, "%s = '%.40s': give yes or no", what, value);
}
