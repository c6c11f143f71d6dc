/* One segment file: its descriptor, mappings, and where its entries stand. Internal to the log.
 *
 * A segment is counted: the log's table holds one reference, every pin one more. Whoever drops the
 * last one unmaps and closes; whether the file still has a name is the log's business. */
#ifndef LS_LOG_SEGMENT_H
#define LS_LOG_SEGMENT_H

#include "gcomm/log/format.h"
#include "wsrep/base/error.h"

#include <stdatomic.h>

#define LS_SEGMENT_MAPS 24 /* each at least twice the one before: enough for any size */

struct ls_log_pin {
    atomic_uint refs;
};

struct ls_segment {
    struct ls_log_pin pin; /* first: a pin is its segment */
    int fd;
    char *path;
    uint64_t number;
    struct ls_log_pos base;
    uint32_t data_start;
    uint32_t context_size;
    uint16_t format;
    uint64_t log_key;
    uint64_t key; /* of its entries' checksums */

    /* Changed by the writer under the log's lock, read under it by others. */
    uint64_t allocated;
    uint64_t used; /* where the next entry belongs */
    size_t count;
    uint32_t *offsets; /* in units of LS_LOG_ALIGN; those at and above count are the writer's */
    size_t offsets_room;
    const uint8_t *map; /* the widest one; the narrower ones stay for those who hold pointers */
    struct {
        const uint8_t *at;
        size_t size;
    } maps[LS_SEGMENT_MAPS];
    size_t map_count;
    uint64_t writes; /* rises with each write that must be synced */
    uint64_t synced; /* value of writes that is durable */
};

/* Takes over fd and opens mappings for `allocated` bytes (which the file has). On failure fd is
 * closed. */
enum ls_rc ls_segment_open(int fd, const char *path, const struct ls_segment_header *h,
                           uint64_t allocated, struct ls_segment **out, struct ls_error *err);

/* Room for `count` offsets in all; the caller holds the log's lock. */
bool ls_segment_reserve_offsets(struct ls_segment *s, size_t count);
/* Widens the mapping to what is allocated; the caller holds the log's lock. */
enum ls_rc ls_segment_map(struct ls_segment *s, uint64_t allocated, struct ls_error *err);

static inline void ls_segment_ref(struct ls_segment *s)
{
    atomic_fetch_add_explicit(&s->pin.refs, 1, memory_order_relaxed);
}
void ls_segment_unref(struct ls_segment *s);
/* References besides the table's. */
static inline unsigned ls_segment_pins(struct ls_segment *s)
{
    return atomic_load_explicit(&s->pin.refs, memory_order_acquire) - 1;
}

/* Bytes of entry i, which stand below `used`. */
static inline uint64_t ls_segment_offset(const struct ls_segment *s, size_t i)
{
    return (uint64_t)s->offsets[i] * LS_LOG_ALIGN;
}

#endif
