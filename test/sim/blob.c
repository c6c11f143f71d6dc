#include "test/sim/blob.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/hash.h"

#include <stdlib.h>
#include <string.h>

struct ls_blob *ls_blob_create(const void *data, size_t size)
{
    struct ls_blob *b = malloc(sizeof(*b) + size);

    LS_ASSERT(b != NULL && size <= UINT32_MAX);
    b->refs = 1;
    b->size = (uint32_t)size;
    b->hash = 0;
    if (data == NULL) {
        memset(b->data, 0, size);
    } else {
        if (size > 0) {
            memcpy(b->data, data, size);
        }
        ls_blob_seal(b);
    }
    return b;
}

void ls_blob_seal(struct ls_blob *b)
{
    b->hash = ls_hash64(b->data, b->size);
}

struct ls_blob *ls_blob_ref(struct ls_blob *b)
{
    if (b != NULL) {
        b->refs++;
    }
    return b;
}

void ls_blob_unref(struct ls_blob *b)
{
    if (b == NULL) {
        return;
    }
    LS_ASSERT(b->refs > 0);
    if (--b->refs == 0) {
        free(b);
    }
}
