/* Bytes that wait for a socket: a list of blocks, filled at the tail, written from the head. */
#ifndef LS_NET_OUTQ_H
#define LS_NET_OUTQ_H

#include "wsrep/base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ls_outq_block;

/* Zero-initialise. */
struct ls_outq {
    struct ls_outq_block *head;
    struct ls_outq_block *tail;
    struct ls_outq_block *spare; /* one emptied block, so that steady traffic allocates nothing */
    size_t bytes;
};

/* size contiguous bytes at the tail, NULL without memory; then ls_outq_commit() says how many of
 * them were used. */
uint8_t *ls_outq_reserve(struct ls_outq *q, size_t size);
void ls_outq_commit(struct ls_outq *q, size_t used);
bool ls_outq_put(struct ls_outq *q, const void *data, size_t len);

/* The first max pieces; returns how many there are. */
size_t ls_outq_pieces(const struct ls_outq *q, struct ls_piece *pieces, size_t max);
/* Drops n bytes from the head. */
void ls_outq_consume(struct ls_outq *q, size_t n);
void ls_outq_clear(struct ls_outq *q);

#endif
