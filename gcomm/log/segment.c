#include "gcomm/log/segment.h"

#include "wsrep/base/assert.h"
#include "wsrep/os/file.h"

#include <stdlib.h>
#include <string.h>

/* Address space is cheap and a further mapping is not: leave room for segments that grow. */
#define MAP_SLACK_BYTES (32u * 1024 * 1024)

enum ls_rc ls_segment_map(struct ls_segment *s, uint64_t allocated, struct ls_error *err)
{
    uint64_t size = allocated + MAP_SLACK_BYTES;
    enum ls_rc rc;

    if (s->map_count > 0 && s->maps[s->map_count - 1].size >= allocated) {
        return LS_OK;
    }
    if (s->map_count > 0) {
        size = allocated * 2;
    }
    if (s->map_count == LS_SEGMENT_MAPS || size > SIZE_MAX / 2) {
        return ls_error_set(err, LS_E_TOOBIG, "%s has grown too large", s->path);
    }
    rc = ls_file_map(s->fd, (size_t)size, &s->map, s->path, err);
    if (rc != LS_OK) {
        s->map = s->map_count > 0 ? s->maps[s->map_count - 1].at : NULL;
        return rc;
    }
    s->maps[s->map_count].at = s->map;
    s->maps[s->map_count].size = (size_t)size;
    s->map_count++;
    return LS_OK;
}

enum ls_rc ls_segment_open(int fd, const char *path, const struct ls_segment_header *h,
                           uint64_t allocated, struct ls_segment **out, struct ls_error *err)
{
    struct ls_segment *s = calloc(1, sizeof(*s));
    enum ls_rc rc;

    *out = NULL;
    if (s == NULL) {
        ls_file_close(fd);
        return ls_error_set(err, LS_E_NOMEM, "no memory to open %s", path);
    }
    atomic_init(&s->pin.refs, 1);
    s->fd = fd;
    s->number = h->number;
    s->base = h->base;
    s->data_start = h->data_start;
    s->context_size = h->context_size;
    s->format = h->format;
    s->log_key = h->log_key;
    s->key = ls_log_segment_key(h->log_key, h->number);
    s->allocated = allocated;
    s->used = h->data_start;
    s->writes = 1; /* at least its header */
    s->path = strdup(path);
    if (s->path == NULL) {
        rc = ls_error_set(err, LS_E_NOMEM, "no memory to open %s", path);
    } else {
        rc = ls_segment_map(s, allocated, err);
    }
    if (rc != LS_OK) {
        ls_segment_unref(s);
        return rc;
    }
    *out = s;
    return LS_OK;
}

bool ls_segment_reserve_offsets(struct ls_segment *s, size_t count)
{
    size_t room = s->offsets_room == 0 ? 1024 : s->offsets_room;
    uint32_t *bigger;

    while (room < count) {
        room *= 2;
    }
    if (room == s->offsets_room) {
        return true;
    }
    bigger = realloc(s->offsets, room * sizeof(*bigger));
    if (bigger == NULL) {
        return false;
    }
    s->offsets = bigger;
    s->offsets_room = room;
    return true;
}

void ls_segment_unref(struct ls_segment *s)
{
    unsigned before = atomic_fetch_sub_explicit(&s->pin.refs, 1, memory_order_acq_rel);

    LS_ASSERT(before > 0);
    if (before > 1) {
        return;
    }
    for (size_t i = 0; i < s->map_count; i++) {
        ls_file_unmap(s->maps[i].at, s->maps[i].size);
    }
    ls_file_close(s->fd);
    free(s->offsets);
    free(s->path);
    free(s);
}
