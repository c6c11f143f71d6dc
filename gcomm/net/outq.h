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
    size_t huge;      /* size of the huge message that is in it, 0: none */
    size_t huge_left; /* bytes from the head to that message's end */
};

/* size contiguous bytes at the tail, NULL without memory; then ls_outq_commit() says how many of
 * them were used. */
uint8_t *ls_outq_reserve(struct ls_outq *q, size_t size);
void ls_outq_commit(struct ls_outq *q, size_t used);
bool ls_outq_put(struct ls_outq *q, const void *data, size_t len);

/* Whether a message of size bytes may join what waits, of which there may be limit bytes. A huge
 * one (more than half of limit) is judged by what stands before it, and is on top of the limit for
 * the others until it has left; so there is one at a time, and never more than limit and its size.
 * An empty queue takes everything. */
bool ls_outq_admits(const struct ls_outq *q, size_t size, size_t limit);
/* The message that was put last had size bytes, of which some may have left already. */
void ls_outq_note(struct ls_outq *q, size_t size, size_t limit);

/* The first max pieces; returns how many there are. */
size_t ls_outq_pieces(const struct ls_outq *q, struct ls_piece *pieces, size_t max);
/* Drops n bytes from the head. */
void ls_outq_consume(struct ls_outq *q, size_t n);
void ls_outq_clear(struct ls_outq *q);

#endif
