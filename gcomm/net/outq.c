#include "gcomm/net/outq.h"

#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 << 10)

struct ls_outq_block {
    struct ls_outq_block *next;
    size_t pos;
    size_t len;
    size_t capacity;
    uint8_t data[];
};

static struct ls_outq_block *block_create(struct ls_outq *q, size_t size)
{
    struct ls_outq_block *b = q->spare;

    if (b != NULL && size <= b->capacity) {
        q->spare = NULL;
    } else {
        size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        b = malloc(sizeof(*b) + capacity);
        if (b == NULL) {
            return NULL;
        }
        b->capacity = capacity;
    }
    b->next = NULL;
    b->pos = 0;
    b->len = 0;
    return b;
}

uint8_t *ls_outq_reserve(struct ls_outq *q, size_t size)
{
    struct ls_outq_block *b = q->tail;

    if (b == NULL || b->capacity - b->len < size) {
        b = block_create(q, size);
        if (b == NULL) {
            return NULL;
        }
        if (q->tail != NULL) {
            q->tail->next = b;
        } else {
            q->head = b;
        }
        q->tail = b;
    }
    return b->data + b->len;
}

void ls_outq_commit(struct ls_outq *q, size_t used)
{
    LS_ASSERT(q->tail != NULL && q->tail->capacity - q->tail->len >= used);
    q->tail->len += used;
    q->bytes += used;
}

bool ls_outq_put(struct ls_outq *q, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t here = q->tail == NULL ? 0 : q->tail->capacity - q->tail->len;

    if (here > len) {
        here = len;
    }
    if (here > 0) {
        memcpy(q->tail->data + q->tail->len, p, here);
        ls_outq_commit(q, here);
    }
    if (here < len) {
        uint8_t *room = ls_outq_reserve(q, len - here);
        if (room == NULL) {
            return false;
        }
        memcpy(room, p + here, len - here);
        ls_outq_commit(q, len - here);
    }
    return true;
}

static bool is_huge(size_t size, size_t limit)
{
    return size > limit / 2;
}

bool ls_outq_admits(const struct ls_outq *q, size_t size, size_t limit)
{
    if (q->bytes == 0) {
        return true;
    }
    if (is_huge(size, limit)) {
        return q->huge == 0 && q->bytes <= limit;
    }
    return q->bytes + size <= limit + q->huge;
}

void ls_outq_note(struct ls_outq *q, size_t size, size_t limit)
{
    if (is_huge(size, limit) && q->bytes > 0) {
        q->huge = size;
        q->huge_left = q->bytes;
    }
}

size_t ls_outq_pieces(const struct ls_outq *q, struct ls_piece *pieces, size_t max)
{
    size_t n = 0;

    for (const struct ls_outq_block *b = q->head; b != NULL && n < max; b = b->next) {
        if (b->len > b->pos) {
            pieces[n++] = (struct ls_piece){.data = b->data + b->pos, .len = b->len - b->pos};
        }
    }
    return n;
}

static void block_release(struct ls_outq *q, struct ls_outq_block *b)
{
    if (q->spare == NULL && b->capacity == BLOCK_BYTES) {
        q->spare = b;
    } else {
        free(b);
    }
}

void ls_outq_consume(struct ls_outq *q, size_t n)
{
    LS_ASSERT(n <= q->bytes);
    q->bytes -= n;
    q->huge_left -= n < q->huge_left ? n : q->huge_left;
    if (q->huge_left == 0) {
        q->huge = 0;
    }
    while (q->head != NULL) {
        struct ls_outq_block *b = q->head;
        size_t here = b->len - b->pos;
        if (n < here) {
            b->pos += n;
            return;
        }
        n -= here;
        q->head = b->next;
        if (q->head == NULL) {
            q->tail = NULL;
        }
        block_release(q, b);
    }
    LS_ASSERT(n == 0);
}

void ls_outq_clear(struct ls_outq *q)
{
    ls_outq_consume(q, q->bytes);
    free(q->spare);
    q->spare = NULL;
}
