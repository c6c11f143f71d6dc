/* The apply queue: what the delivery thread decided, for the recv threads to do.
 *
 * Items are small; payloads stay in the log, pinned, so that the log bounds the queue and not
 * memory. Taken strictly in order by any number of threads. A barrier item (view, control event) is
 * handed out alone: later items stay in the queue until it is done; whoever took it drains the
 * apply order itself. */
#ifndef LS_PROVIDER_QUEUE_H
#define LS_PROVIDER_QUEUE_H

#include "gcomm/engine/engine.h"
#include "wsrep/os/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum ls_item_type {
    LS_ITEM_APPLY = 1, /* a write-set of another node, or own one nobody waits for */
    LS_ITEM_CONNECTED, /* we are members; the state may have to be fetched */
    LS_ITEM_VIEW,      /* primary view */
    LS_ITEM_NONPRIMARY,
    LS_ITEM_DONATE, /* we were chosen as donor */
    LS_ITEM_SYNCED,
    LS_ITEM_FINAL, /* left: the last item */
};

/* What a CONNECTED item carries. */
struct ls_join {
    bool bootstrap;
    bool from_log;  /* its own log is good: what it lacks is not taken from another one's data */
    bool continues; /* the stream goes on behind what was delivered before */
    struct ls_log_pos base;
    struct ls_log_pos joined;
    struct ls_config config;
};

/* What a DONATE item carries. */
struct ls_donation {
    struct ls_uuid joiner;
    int64_t bypass_at; /* position of a joiner that needs no data; LS_SEQNO_UNDEFINED: it does */
    size_t size;
    uint8_t request[]; /* the server's bytes */
};

struct ls_item {
    uint8_t type; /* enum ls_item_type */
    bool pass;    /* APPLY: certified */
    bool mine;    /* VIEW: our membership is in force */
    bool parting; /* VIEW: the one that we left with */
    uint32_t size;
    int64_t seqno;      /* in force after it; its own for APPLY and VIEW */
    int64_t depends_on; /* APPLY */
    uint64_t index;
    const void *payload; /* APPLY */
    struct ls_uuid origin;
    struct ls_log_pin *pin;
    struct ls_config *config;     /* VIEW, NONPRIMARY */
    struct ls_join *join;         /* CONNECTED, malloc'ed */
    struct ls_donation *donation; /* DONATE, malloc'ed */
};

struct ls_queue {
    ls_mutex lock;
    ls_cond cond;
    struct ls_item *ring;
    uint64_t size; /* a power of two */
    uint64_t head; /* counts items ever taken */
    uint64_t tail; /* and ever put */
    _Atomic uint64_t length;
    uint32_t sleepers;
    bool waking;  /* a sleeper was signalled and does not run yet */
    bool blocked; /* a barrier item is being done */
    bool closed;
    /* for the status variables, since the last reset */
    uint64_t max, min, sum, samples;
};

void ls_queue_init(struct ls_queue *q);
/* Must be empty. */
void ls_queue_destroy(struct ls_queue *q);
/* Open again after a close. */
void ls_queue_reopen(struct ls_queue *q);

void ls_queue_put(struct ls_queue *q, const struct ls_item *item);
/* Blocks. False when the queue was closed. */
bool ls_queue_take(struct ls_queue *q, struct ls_item *item);
/* After a barrier item was done. */
void ls_queue_unblock(struct ls_queue *q);
/* Nobody waits any more, what is left is not handed out. */
void ls_queue_close(struct ls_queue *q);

bool ls_item_is_barrier(const struct ls_item *item);
uint64_t ls_queue_length(const struct ls_queue *q);
void ls_queue_reset_stats(struct ls_queue *q);

#endif
