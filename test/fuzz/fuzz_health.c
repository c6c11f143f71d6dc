/* What a server says of itself, names of other members and of tables in it: status values as
 * "name=value", a NUL behind each. Whatever they are, a page is what its readers can read: one line
 * for HAProxy, JSON with every reason, Prometheus' text format in UTF-8. The first byte is the
 * policy by which the server is judged. */
#include "plugin/health/internal.h"
#include "wsrep/base/assert.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ls_health_sample *read_sample(const char *text, size_t size)
{
    struct ls_health_sample *s = ls_health_sample_create();
    char *copy = malloc(size + 1);
    char *end = copy + size;

    LS_ASSERT(s != NULL && copy != NULL);
    memcpy(copy, text, size);
    *end = '\0';
    for (char *at = copy; at < end; at += strlen(at) + 1) {
        char *equals = strchr(at, '=');
        if (equals == NULL) {
            ls_health_sample_fail(s, at);
        } else {
            *equals = '\0';
            ls_health_sample_add(s, at, equals + 1);
            at = equals + 1;
        }
    }
    free(copy);
    return s;
}

static void check_utf8(const char *text)
{
    json_t *string = json_string(text); /* NULL: it is none */

    LS_ASSERT(string != NULL);
    json_decref(string);
}

/* ---- Prometheus ---- */

static const char *skip_name(const char *p)
{
    LS_ASSERT(isalpha((unsigned char)*p));
    while (isalnum((unsigned char)*p) || *p == '_') {
        p++;
    }
    return p;
}

/* {name="value",...}, where a backslash stands before a quote, a backslash or an n only. */
static const char *skip_labels(const char *p)
{
    if (p[1] == '}') {
        return p + 2;
    }
    do {
        p = skip_name(p + 1);
        LS_ASSERT(p[0] == '=' && p[1] == '"');
        for (p += 2; *p != '"'; p++) {
            LS_ASSERT(*p != '\n');
            if (*p == '\\') {
                p++;
                LS_ASSERT(*p == '\\' || *p == '"' || *p == 'n');
            }
        }
        p++;
    } while (*p == ',');
    LS_ASSERT(*p == '}');
    return p + 1;
}

static void check_metrics(const char *p)
{
    while (*p != '\0') {
        char *end;
        if (*p == '#') {
            p = strchr(p, '\n') + 1;
            continue;
        }
        p = skip_name(p);
        p = *p == '{' ? skip_labels(p) : p;
        LS_ASSERT(*p == ' ' && !isnan(strtod(p, &end)) && *end == '\n');
        p = end + 1;
    }
}

/* ---- the others ---- */

static void check_report(const char *text, const struct ls_health_verdict *v)
{
    json_t *o = json_loads(text, 0, NULL);

    LS_ASSERT(json_boolean_value(json_object_get(o, "up")) == v->up);
    LS_ASSERT(json_array_size(json_object_get(o, "reasons")) == v->count);
    json_decref(o);
}

static void check_agent(const struct ls_health_verdict *v)
{
    char line[160];
    size_t size = ls_health_agent_line(v, line, sizeof(line));

    LS_ASSERT(memchr(line, '\n', size) == line + size - 1);
    LS_ASSERT(strncmp(line, v->up ? "up " : "down ", v->up ? 3 : 5) == 0);
}

static void check_page(const struct ls_health *h, enum ls_health_page page,
                       const struct ls_health_sample *s, const struct ls_health_verdict *v)
{
    struct ls_health_reply r;

    ls_health_render(h, page, v->donor, s, &r);
    LS_ASSERT(r.body != NULL && strlen(r.body) == r.size);
    LS_ASSERT(r.status == 200 || r.status == 503 ||
              (r.status == 429 && v->donor && page != LS_HEALTH_WRITER));
    LS_ASSERT(page != LS_HEALTH_CHECK || (r.status == 200) == (v->up && !v->donor));
    LS_ASSERT(page != LS_HEALTH_CHECK || !v->up || r.status != 503);
    check_utf8(r.body);
    if (page == LS_HEALTH_REPORT) {
        check_report(r.body, v);
    } else if (page == LS_HEALTH_METRICS) {
        check_metrics(r.body);
    }
    free(r.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_health h = {.disabled_file = ""};
    struct ls_health_sample *s;
    struct ls_health_verdict v;

    if (size == 0) {
        return 0;
    }
    h.opt.policy = (struct ls_health_policy){.available_when_donor = data[0] & 1,
                                             .available_when_read_only = data[0] & 2,
                                             .max_lag = data[0] >> 2};
    s = read_sample((const char *)data + 1, size - 1);
    ls_health_judge(s, &h.opt.policy, false, &v);
    LS_ASSERT(!v.writer || v.up);
    LS_ASSERT(v.answers || v.count > 0);
    check_agent(&v);
    for (enum ls_health_page page = LS_HEALTH_CHECK; page <= LS_HEALTH_METRICS; page++) {
        check_page(&h, page, s, &v);
    }
    ls_health_sample_unref(s);
    return 0;
}
