/* Payload bytes with a reference count, so that a write-set exists once however many logs, queues
 * and tables hold it. Single-threaded. */
#ifndef LS_SIM_BLOB_H
#define LS_SIM_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct ls_blob {
    uint32_t refs;
    uint32_t size;
    uint64_t hash; /* ls_hash64 of data */
    uint8_t data[];
};

/* data NULL: zeroed bytes for the caller to fill, then ls_blob_seal(). */
struct ls_blob *ls_blob_create(const void *data, size_t size);
void ls_blob_seal(struct ls_blob *b);
struct ls_blob *ls_blob_ref(struct ls_blob *b); /* NULL stays NULL */
void ls_blob_unref(struct ls_blob *b);

#endif
