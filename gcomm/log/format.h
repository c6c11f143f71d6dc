/* Layout of segment files and the scanner over one of them. The specification stands at the top of
 * log.c. Pure functions over memory: what comes from the disk is never trusted. */
#ifndef LS_LOG_FORMAT_H
#define LS_LOG_FORMAT_H

#include "gcomm/core/entry.h"
#include "wsrep/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LS_LOG_FORMAT_LOWEST 1  /* oldest that we read */
#define LS_LOG_FORMAT_KEYED 2   /* from here on the checksums of entries have a key */
#define LS_LOG_FORMAT_CURRENT 2 /* what we write, and the newest that we read */

#define LS_LOG_MAGIC "LOCKSTEP"
#define LS_LOG_ENTRY_MAGIC 0x3145534cu    /* "LSE1" */
#define LS_LOG_PAYLOAD_CAP 0x7fffffffu    /* the server's largest write-set */
#define LS_LOG_GENERATION_CAP 0x7fffffffu /* no log is cut so often */
#define LS_LOG_ALIGN 8u

enum ls_segment_flag {
    LS_SEGMENT_RESET = 1, /* the log starts here: segments with lower numbers do not count */
};

#define LS_SEGMENT_HEADER_BYTES 96 /* without the key */
#define LS_SEGMENT_KEY_BYTES 8
#define LS_LOG_CONTEXT_CAP (1024u * 1024u - LS_SEGMENT_KEY_BYTES)

struct ls_segment_header {
    uint16_t format;
    uint16_t needs; /* lowest version of a reader that can read it */
    uint32_t flags;
    uint64_t number;
    struct ls_log_pos base;
    uint32_t generation;
    uint32_t context_size;
    uint32_t data_start; /* offset of the first entry */
    uint64_t durable;
    uint64_t log_key; /* random, the same in all segments of a log; 0 before LS_LOG_FORMAT_KEYED */
};

/* As it stands on disk: naturally aligned, no padding, little endian (cursor.h refuses others). */
struct ls_entry_header {
    uint64_t checksum; /* XXH3-64 of the bytes from magic up to, not including, verdict; its seed is
                          the segment's key */
    uint32_t magic;
    uint32_t generation;
    uint64_t index;
    uint64_t term;
    int64_t seqno;
    struct ls_uuid origin;
    uint64_t incarnation;
    uint64_t id;
    uint64_t payload_hash;
    struct ls_hash128 chain;
    uint64_t durable;
    uint32_t size;
    uint8_t type; /* 0: end mark */
    uint8_t flags;
    uint8_t zero;
    uint8_t verdict; /* coded, see ls_log_verdict_code() */
};
_Static_assert(sizeof(struct ls_entry_header) == 112, "entry header layout");
#define LS_ENTRY_HEADER_BYTES sizeof(struct ls_entry_header)
#define LS_ENTRY_VERDICT_OFFSET 111

/* Bytes that an entry takes. */
static inline uint64_t ls_log_entry_stride(uint32_t size)
{
    return LS_ENTRY_HEADER_BYTES +
           (((uint64_t)size + LS_LOG_ALIGN - 1) & ~(uint64_t)(LS_LOG_ALIGN - 1));
}

/* Offsets of the context and of the first entry. */
uint32_t ls_log_context_start(uint16_t format);
uint32_t ls_log_data_start(uint16_t format, uint32_t context_size);
/* What the checksums of a segment's entries start from; 0 (none) for a log key of 0. Another one
 * for each number, so that what a file held in an earlier life never counts in a later one. */
uint64_t ls_log_segment_key(uint64_t log_key, uint64_t number);

/* buf has data_start bytes; the context is put in as well. */
void ls_segment_header_encode(const struct ls_segment_header *h, const void *context, uint8_t *buf);
/* LS_E_CORRUPT, or LS_E_VERSION when it is intact but of another version. */
enum ls_rc ls_segment_header_decode(const uint8_t *data, size_t size, struct ls_segment_header *out,
                                    struct ls_error *err);

/* key: of the segment it stands in, here and below. */
void ls_entry_header_encode(const struct ls_entry *e, uint32_t generation, uint64_t durable,
                            uint64_t key, struct ls_entry_header *out);
/* The mark behind the last entry, after a cut. */
void ls_end_mark_encode(const struct ls_log_pos *last, uint32_t generation, uint64_t durable,
                        uint64_t key, struct ls_entry_header *out);
/* Magic, checksum, and a generation that can rise. */
bool ls_entry_header_check(const struct ls_entry_header *h, uint64_t key);
/* payload is set to NULL. */
void ls_entry_header_decode(const struct ls_entry_header *h, struct ls_entry *out);

uint8_t ls_log_verdict_code(uint8_t verdict);
uint8_t ls_log_verdict_decode(uint8_t code); /* anything unclear is unknown */

enum ls_scan_end {
    LS_SCAN_RUNNING = 0,
    LS_SCAN_CLEAN, /* end mark, zeros, or remains of an older use */
    LS_SCAN_TORN,  /* bytes of an unfinished or damaged entry */
};

/* Walks over the entries of one segment in memory. */
struct ls_scan {
    const uint8_t *data;
    size_t size;
    uint64_t key;          /* of the segment */
    size_t offset;         /* of the next entry; at the end: where the next one belongs */
    struct ls_log_pos pos; /* of the last entry seen */
    uint32_t generation;   /* highest seen */
    uint64_t durable;      /* highest mark seen, see log.c */
    enum ls_scan_end end;
    const char *why; /* static text for TORN */
    bool marked;     /* it ended at an end mark: nothing behind counts */
};

/* pos is the position before the first entry: the segment's base. */
void ls_scan_init(struct ls_scan *s, const uint8_t *data, size_t size,
                  const struct ls_segment_header *h);
/* The next entry, *at is its offset; its payload points into data. False at the end. */
bool ls_scan_next(struct ls_scan *s, struct ls_entry *out, size_t *at);

/* Looks from `from` on for entries of this log that are newer than s->pos: a sign that something
 * before them is lost. Raises s->durable and s->generation by what it finds. Returns their number.
 */
size_t ls_scan_behind(struct ls_scan *s, const uint8_t *data, size_t size, size_t from);

#endif
