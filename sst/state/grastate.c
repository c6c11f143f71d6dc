#include "sst/state/grastate.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/file.h"
#include "wsrep/os/thread.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "grastate.dat"
#define MAX_FILE_BYTES 65536 /* ours have 120; people add comments */
#define MAX_LINE_BYTES 256
#define MAX_BAD_FILES 10

static const struct ls_gtid no_position = {.seqno = LS_SEQNO_UNDEFINED};

/* ---- reading ---- */

static bool parse_seqno(const char *text, int64_t *out)
{
    char *end = NULL;
    long long v = strtoll(text, &end, 10);

    *out = v;
    return end != text && *end == '\0' && v >= -1 && v < LLONG_MAX;
}

/* value: trimmed. False when it is not what the key needs; unknown keys are left alone. */
static bool take_value(const char *key, const char *value, struct ls_grastate *out)
{
    if (strcmp(key, "uuid") == 0) {
        return strlen(value) == LS_UUID_STR_SIZE - 1 && ls_uuid_parse(value, &out->position.uuid);
    }
    if (strcmp(key, "seqno") == 0) {
        return parse_seqno(value, &out->position.seqno);
    }
    if (strcmp(key, "ddl") == 0) {
        return ls_gtid_parse(value, &out->ddl);
    }
    if (strcmp(key, "safe_to_bootstrap") == 0) {
        out->safe_to_bootstrap = value[0] == '1';
        return (value[0] == '0' || value[0] == '1') && value[1] == '\0';
    }
    return true;
}

static char *trim(char *s)
{
    char *end;

    while (isspace((unsigned char)*s)) {
        s++;
    }
    end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    return s;
}

static bool parse_line(char *line, struct ls_grastate *out)
{
    char *key = trim(line), *colon;

    if (key[0] == '\0' || key[0] == '#') {
        return true;
    }
    colon = strchr(key, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    return take_value(key, trim(colon + 1), out);
}

enum ls_rc ls_grastate_parse(const char *text, size_t size, struct ls_grastate *out,
                             struct ls_error *err)
{
    const char *end = text + size;
    unsigned number = 0, lines = 0;

    *out = (struct ls_grastate){.position = no_position, .ddl = no_position};
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((newline != NULL ? newline : end) - text);
        char line[MAX_LINE_BYTES], shown[MAX_LINE_BYTES];

        number++;
        if (len >= sizeof(line) || memchr(text, '\0', len) != NULL) {
            return ls_error_set(err, LS_E_CORRUPT, "line %u is not text of this file", number);
        }
        memcpy(line, text, len);
        line[len] = '\0';
        strcpy(shown, line);
        if (!parse_line(line, out)) {
            return ls_error_set(err, LS_E_CORRUPT, "line %u cannot be understood: '%.80s'", number,
                                shown);
        }
        lines += trim(shown)[0] != '\0';
        text += len + (newline != NULL);
    }
    if (lines == 0) {
        return ls_error_set(err, LS_E_CORRUPT, "it is empty");
    }
    if (ls_uuid_is_zero(&out->position.uuid)) {
        out->position.seqno = LS_SEQNO_UNDEFINED; /* a number in no history means nothing */
    }
    return LS_OK;
}

/* The file shows no position because of a statement of the history that the database is of. */
static bool is_of_ddl(const struct ls_grastate *saved, const struct ls_gtid *given)
{
    return ls_uuid_is_zero(&saved->position.uuid) && !ls_uuid_is_zero(&saved->ddl.uuid) &&
           given != NULL && given->seqno >= 0 && ls_uuid_equal(&given->uuid, &saved->ddl.uuid);
}

bool ls_grastate_is_half(const struct ls_grastate *saved, const struct ls_gtid *given)
{
    return is_of_ddl(saved, given) && given->seqno < saved->ddl.seqno;
}

struct ls_gtid ls_grastate_start_position(const struct ls_grastate *saved,
                                          const struct ls_gtid *given)
{
    const struct ls_gtid *file = &saved->position;

    if (ls_uuid_is_zero(&file->uuid)) {
        return is_of_ddl(saved, given) && given->seqno >= saved->ddl.seqno ? *given : no_position;
    }
    if (given != NULL && given->seqno >= 0 && !ls_uuid_is_zero(&given->uuid)) {
        return ls_uuid_equal(&file->uuid, &given->uuid) ? *given : no_position;
    }
    return file->seqno >= 0 ? *file : no_position;
}

struct ls_uuid ls_grastate_history(const struct ls_grastate *saved, const struct ls_gtid *given)
{
    const struct ls_uuid *file =
        ls_uuid_is_zero(&saved->position.uuid) ? &saved->ddl.uuid : &saved->position.uuid;

    if (given != NULL && given->seqno >= 0 && !ls_uuid_is_zero(&given->uuid) &&
        !ls_uuid_equal(&given->uuid, file)) {
        return ls_uuid_zero;
    }
    return *file;
}

/* ---- the file of a running node ---- */

struct ls_saved_state {
    ls_mutex lock;
    char path[PATH_MAX];
    struct ls_grastate state;   /* the last one set */
    struct ls_grastate written; /* what the file shows */
    unsigned unsafe;            /* nested marks */
    struct ls_gtid ddl;         /* what one of them is for, zero uuid: not for a statement */
    bool corrupt;
};

/* A disk that is full has no room for a second file, and is a reason for a node to diverge: what
 * shows no position is written over what is there, which takes none. What a crash leaves of that
 * shows none either. */
static enum ls_rc overwrite(const char *path, const char *text, size_t len)
{
    enum ls_rc rc;
    int fd;

    rc = ls_file_open(path, LS_FILE_WRITE, &fd, NULL);
    if (rc != LS_OK) {
        return rc;
    }
    rc = ls_file_write_at(fd, text, len, 0, path, NULL);
    if (rc == LS_OK) {
        rc = ls_file_set_size(fd, len, path, NULL);
    }
    if (rc == LS_OK) {
        rc = ls_file_sync_data(fd, path, NULL);
    }
    ls_file_close(fd);
    return rc;
}

static enum ls_rc write_file(struct ls_saved_state *s, const struct ls_grastate *g,
                             struct ls_error *err)
{
    char text[256];
    int len = snprintf(text, sizeof(text),
                       "# GALERA saved state\nversion: 2.1\nuuid:    %s\nseqno:   %lld\n"
                       "safe_to_bootstrap: %d\n",
                       LS_UUID_STR(&g->position.uuid), (long long)g->position.seqno,
                       g->safe_to_bootstrap);
    if (!ls_uuid_is_zero(&g->ddl.uuid)) {
        len += snprintf(text + len, sizeof(text) - (size_t)len, "ddl:     %s:%lld\n",
                        LS_UUID_STR(&g->ddl.uuid), (long long)g->ddl.seqno);
    }
    struct ls_error own;
    enum ls_rc rc;

    LS_ASSERT(len > 0 && (size_t)len < sizeof(text));
    err = err != NULL ? err : &own;
    rc = ls_file_replace(s->path, text, (size_t)len, err);
    if (rc != LS_OK && g->position.seqno < 0 && overwrite(s->path, text, (size_t)len) == LS_OK) {
        rc = LS_OK;
    }
    if (rc != LS_OK) {
        ls_error_wrap(err, rc, "saving the position of this node");
        ls_error_log("%s: make room and check the rights of the data directory, else the next "
                     "start may need a state transfer",
                     err->text);
        return rc;
    }
    s->written = *g;
    return LS_OK;
}

static bool same_state(const struct ls_grastate *a, const struct ls_grastate *b)
{
    return ls_uuid_equal(&a->position.uuid, &b->position.uuid) &&
           a->position.seqno == b->position.seqno && a->safe_to_bootstrap == b->safe_to_bootstrap &&
           ls_uuid_equal(&a->ddl.uuid, &b->ddl.uuid) && a->ddl.seqno == b->ddl.seqno;
}

/* What the file has to show now. In a statement the data are those of the position all the same;
 * else they are given up, and no cluster is to be founded on what a death leaves of them. */
static enum ls_rc write_current(struct ls_saved_state *s, struct ls_error *err)
{
    struct ls_grastate g = s->state;

    if (s->unsafe > 0 || s->corrupt) {
        g.position = no_position;
        g.ddl = s->corrupt ? no_position : s->ddl;
        g.safe_to_bootstrap = g.safe_to_bootstrap && !ls_uuid_is_zero(&g.ddl.uuid);
    }
    return same_state(&g, &s->written) ? LS_OK : write_file(s, &g, err);
}

/* Keeps the damaged bytes under a free name, and puts a file without position in their place: were
 * there no file, the next start would forget its log as well. */
static enum ls_rc set_aside(struct ls_saved_state *s, const char *text, size_t size,
                            const struct ls_error *why, struct ls_error *err)
{
    char bad[PATH_MAX + 16];
    int fd;
    enum ls_rc rc = LS_E_EXISTS;

    for (int i = 0; i < MAX_BAD_FILES && rc == LS_E_EXISTS; i++) {
        snprintf(bad, sizeof(bad), i == 0 ? "%s.bad" : "%s.bad.%d", s->path, i);
        rc = ls_file_open(bad, LS_FILE_WRITE | LS_FILE_CREATE | LS_FILE_NEW, &fd, err);
    }
    if (rc == LS_E_EXISTS) { /* the latest damage is the one that matters */
        rc = ls_file_open(bad, LS_FILE_WRITE | LS_FILE_EMPTY, &fd, err);
    }
    if (rc != LS_OK) {
        return rc;
    }
    if (text != NULL) {
        rc = ls_file_write_at(fd, text, size, 0, bad, err);
    }
    ls_file_close(fd);
    if (rc == LS_OK && text == NULL) {
        rc = ls_file_rename(s->path, bad, err); /* too big to have been read */
    }
    if (rc != LS_OK) {
        return rc;
    }
    ls_error_log(
        "%s is damaged: %s. It is kept as %s. This node starts without a position and will "
        "ask the cluster for a state transfer; if it shall found the cluster instead, "
        "write its uuid, seqno and safe_to_bootstrap: 1 into %s before the start",
        s->path, why->text, bad, s->path);
    return write_file(s, &s->state, err);
}

static enum ls_rc load(struct ls_saved_state *s, struct ls_saved_state_found *found,
                       struct ls_error *err)
{
    struct ls_error why = {.text = ""};
    char *text = NULL;
    size_t size = 0;
    enum ls_rc rc = ls_file_read_small(s->path, MAX_FILE_BYTES, &text, &size, err);

    *found = (struct ls_saved_state_found){.state = {.position = no_position}};
    if (rc == LS_E_NOTFOUND) {
        found->missing = true;
        found->state.safe_to_bootstrap = true;
        s->state = found->state;
        return LS_OK;
    }
    if (rc == LS_OK) {
        found->damaged = ls_grastate_parse(text, size, &found->state, &why) != LS_OK;
    } else if (rc == LS_E_TOOBIG) {
        found->damaged = true;
        ls_error_set(&why, LS_E_CORRUPT, "it is larger than %d bytes", MAX_FILE_BYTES);
        rc = LS_OK;
    }
    if (rc == LS_OK && found->damaged) {
        found->state = (struct ls_grastate){.position = no_position, .ddl = no_position};
        s->state = found->state;
        rc = set_aside(s, text, size, &why, err);
    }
    s->state = found->state;
    s->written = found->state;
    free(text);
    return rc;
}

enum ls_rc ls_saved_state_open(const char *dir, struct ls_saved_state **out,
                               struct ls_saved_state_found *found, struct ls_error *err)
{
    struct ls_saved_state *s = calloc(1, sizeof(*s));
    size_t len = strlen(dir);
    int n;
    enum ls_rc rc;

    *out = NULL;
    if (s == NULL) {
        return ls_error_set(err, LS_E_NOMEM, "saved state: no memory");
    }
    n = snprintf(s->path, sizeof(s->path), "%s%s" FILE_NAME, dir,
                 len > 0 && dir[len - 1] == '/' ? "" : "/");
    if (n < 0 || (size_t)n >= sizeof(s->path)) {
        free(s);
        return ls_error_set(err, LS_E_INVAL, "the name of the data directory is too long: %.100s…",
                            dir);
    }
    ls_mutex_init(&s->lock);
    rc = load(s, found, err);
    if (rc != LS_OK) {
        ls_saved_state_close(s);
        return ls_error_wrap(err, rc, "reading the position of this node");
    }
    *out = s;
    return LS_OK;
}

void ls_saved_state_close(struct ls_saved_state *s)
{
    if (s != NULL) {
        ls_mutex_destroy(&s->lock);
        free(s);
    }
}

void ls_saved_state_get(struct ls_saved_state *s, struct ls_grastate *out)
{
    ls_mutex_lock(&s->lock);
    *out = s->state;
    ls_mutex_unlock(&s->lock);
}

enum ls_rc ls_saved_state_set(struct ls_saved_state *s, const struct ls_grastate *state,
                              struct ls_error *err)
{
    enum ls_rc rc = LS_OK;

    ls_mutex_lock(&s->lock);
    if (!s->corrupt) {
        s->state = *state;
        s->state.ddl = no_position;
        rc = write_current(s, err);
    }
    ls_mutex_unlock(&s->lock);
    return rc;
}

enum ls_rc ls_saved_state_mark_unsafe(struct ls_saved_state *s, struct ls_error *err)
{
    return ls_saved_state_mark_ddl(s, &no_position, err);
}

enum ls_rc ls_saved_state_mark_ddl(struct ls_saved_state *s, const struct ls_gtid *ddl,
                                   struct ls_error *err)
{
    enum ls_rc rc;

    ls_mutex_lock(&s->lock);
    s->unsafe++;
    /* A transfer of the whole state is more than a statement, and the first one counts. */
    s->ddl = s->unsafe == 1 || ls_uuid_is_zero(&ddl->uuid) ? *ddl : s->ddl;
    s->state.safe_to_bootstrap = s->state.safe_to_bootstrap && !ls_uuid_is_zero(&s->ddl.uuid);
    rc = write_current(s, err);
    ls_mutex_unlock(&s->lock);
    return rc;
}

enum ls_rc ls_saved_state_mark_safe(struct ls_saved_state *s, struct ls_error *err)
{
    enum ls_rc rc;

    ls_mutex_lock(&s->lock);
    LS_ASSERT(s->unsafe > 0);
    s->unsafe--;
    if (s->unsafe == 0) {
        s->ddl = no_position;
    }
    rc = write_current(s, err);
    ls_mutex_unlock(&s->lock);
    return rc;
}

enum ls_rc ls_saved_state_mark_corrupt(struct ls_saved_state *s, struct ls_error *err)
{
    enum ls_rc rc;

    ls_mutex_lock(&s->lock);
    s->corrupt = true;
    s->state.position = no_position;
    s->state.safe_to_bootstrap = false;
    rc = write_current(s, err);
    ls_mutex_unlock(&s->lock);
    return rc;
}
