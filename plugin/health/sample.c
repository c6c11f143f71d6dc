#include "plugin/health/sample.h"

#include "plugin/health/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VALUES_MAX 512
#define TEXT_MAX (64 * 1024)

struct ls_health_sample {
    atomic_uint refs;
    size_t count, used;
    bool failed;
    struct {
        const char *name, *value;
    } values[VALUES_MAX];
    char text[TEXT_MAX];
};

struct ls_health_sample *ls_health_sample_create(void)
{
    struct ls_health_sample *s = malloc(sizeof(*s));

    if (s != NULL) {
        atomic_init(&s->refs, 1);
        s->count = s->used = 0;
        s->failed = false;
    }
    return s;
}

struct ls_health_sample *ls_health_sample_ref(struct ls_health_sample *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void ls_health_sample_unref(struct ls_health_sample *s)
{
    if (s != NULL && atomic_fetch_sub(&s->refs, 1) == 1) {
        free(s);
    }
}

static const char *keep(struct ls_health_sample *s, const char *text)
{
    size_t size = strlen(text) + 1;
    char *at = s->text + s->used;

    if (size > sizeof(s->text) - s->used) {
        return NULL;
    }
    memcpy(at, text, size);
    ls_health_text_tidy(at);
    s->used += size;
    return at;
}

void ls_health_sample_add(struct ls_health_sample *s, const char *name, const char *value)
{
    const char *kept_name, *kept_value;

    if (s->failed || s->count == VALUES_MAX) {
        return;
    }
    kept_name = keep(s, name);
    kept_value = kept_name != NULL ? keep(s, value) : NULL;
    if (kept_value != NULL) {
        s->values[s->count].name = kept_name;
        s->values[s->count++].value = kept_value;
    }
}

void ls_health_sample_fail(struct ls_health_sample *s, const char *why)
{
    s->failed = true;
    s->count = 0;
    s->used = (size_t)snprintf(s->text, sizeof(s->text), "%s", why);
    ls_health_text_tidy(s->text);
}

const char *ls_health_sample_failure(const struct ls_health_sample *s)
{
    return s->failed ? s->text : NULL;
}

const char *ls_health_sample_find(const struct ls_health_sample *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcasecmp(s->values[i].name, name) == 0) {
            return s->values[i].value;
        }
    }
    return NULL;
}

bool ls_health_sample_is_on(const struct ls_health_sample *s, const char *name)
{
    const char *value = ls_health_sample_find(s, name);

    return value != NULL && (strcasecmp(value, "ON") == 0 || strcmp(value, "1") == 0 ||
                             strcasecmp(value, "YES") == 0 || strcasecmp(value, "TRUE") == 0);
}

int64_t ls_health_sample_number(const struct ls_health_sample *s, const char *name, int64_t other)
{
    const char *value = ls_health_sample_find(s, name);
    char *end;
    long long n;

    if (value == NULL) {
        return other;
    }
    errno = 0;
    n = strtoll(value, &end, 10);
    return errno == 0 && end != value && *end == '\0' ? n : other;
}
