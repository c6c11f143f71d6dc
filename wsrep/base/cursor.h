/* Wire cursor: bounded writing and reading of fixed-layout bytes, little endian.
 *
 * Errors stick: after the first short write or read every further call is harmless, so a codec
 * checks once at its end. A reader never reads past its end whatever the bytes say. */
#ifndef LS_BASE_CURSOR_H
#define LS_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ls_writer {
    uint8_t *pos;
    uint8_t *end;
    bool failed;
};

struct ls_reader {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

static inline struct ls_writer ls_writer_init(void *buf, size_t size)
{
    /* NULL with no bytes is allowed, and NULL + 0 is not defined */
    return (struct ls_writer){.pos = buf, .end = size > 0 ? (uint8_t *)buf + size : buf};
}

static inline struct ls_reader ls_reader_init(const void *buf, size_t size)
{
    return (struct ls_reader){.pos = buf, .end = size > 0 ? (const uint8_t *)buf + size : buf};
}

static inline size_t ls_reader_left(const struct ls_reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->pos);
}

static inline void ls_put_bytes(struct ls_writer *w, const void *data, size_t len)
{
    if (w->failed || (size_t)(w->end - w->pos) < len) {
        w->failed = true;
        return;
    }
    if (len > 0) {
        memcpy(w->pos, data, len);
        w->pos += len;
    }
}

/* A view of the next len bytes, or NULL (and failed) when there are fewer. */
static inline const uint8_t *ls_get_view(struct ls_reader *r, size_t len)
{
    const uint8_t *p = r->pos;
    if (r->failed || (size_t)(r->end - r->pos) < len) {
        r->failed = true;
        return NULL;
    }
    r->pos += len;
    return p;
}

static inline void ls_get_bytes(struct ls_reader *r, void *out, size_t len)
{
    const uint8_t *p = ls_get_view(r, len);
    if (p != NULL) {
        if (len > 0) {
            memcpy(out, p, len);
        }
    } else {
        memset(out, 0, len);
    }
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the formats are little endian and written by copying: port cursor.h first"
#endif

#define LS_CURSOR_INT(name, type)                                                                  \
    static inline void ls_put_##name(struct ls_writer *w, type v)                                  \
    {                                                                                              \
        ls_put_bytes(w, &v, sizeof(v));                                                            \
    }                                                                                              \
    static inline type ls_get_##name(struct ls_reader *r)                                          \
    {                                                                                              \
        type v;                                                                                    \
        ls_get_bytes(r, &v, sizeof(v));                                                            \
        return v;                                                                                  \
    }

LS_CURSOR_INT(u8, uint8_t)
LS_CURSOR_INT(u16, uint16_t)
LS_CURSOR_INT(u32, uint32_t)
LS_CURSOR_INT(u64, uint64_t)
LS_CURSOR_INT(i64, int64_t)
#undef LS_CURSOR_INT

/* A string of at most 65535 bytes: u16 length, bytes, no NUL. */
static inline void ls_put_str(struct ls_writer *w, const char *s)
{
    size_t n = strlen(s);
    if (n > UINT16_MAX) {
        w->failed = true;
        return;
    }
    ls_put_u16(w, (uint16_t)n);
    ls_put_bytes(w, s, n);
}

/* Into out (size bytes, always NUL-terminated). Fails when it does not fit or holds a NUL. */
static inline void ls_get_str(struct ls_reader *r, char *out, size_t size)
{
    size_t n = ls_get_u16(r);
    const uint8_t *p = ls_get_view(r, n);
    out[0] = '\0';
    if (p == NULL || n >= size || memchr(p, 0, n) != NULL) {
        r->failed = true;
        return;
    }
    memcpy(out, p, n);
    out[n] = '\0';
}

#endif
