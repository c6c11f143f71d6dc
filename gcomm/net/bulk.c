/* Big payloads: in chunks on a connection of their own, dialled by the side that sends, so that
 * they hold up nothing on the main connection. Written straight from where they lie. */
#include "gcomm/net/internal.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define TURN_BYTES ((size_t)1 << 20) /* written to one peer per turn of the loop */
#define JOB_PIECES 8
#define TRIES 4
#define RETRY_US 50000
#define IDLE_US 60000000

struct bulk_job {
    struct bulk_job *next;
    struct ls_piece pieces[JOB_PIECES];
    size_t piece_count;
    struct ls_chunk chunk; /* the one being written: offset is its first byte */
    uint8_t head[LS_CHUNK_FRAME_SIZE];
    size_t size;    /* bytes of payload in this chunk; 0: the next one is to begin */
    size_t written; /* of head and payload of this chunk */
    void (*done)(void *arg, enum ls_rc rc);
    void *arg;
};

static void job_finish(struct peer *p, enum ls_rc rc)
{
    struct bulk_job *job = p->jobs;

    p->jobs = job->next;
    if (p->jobs == NULL) {
        p->jobs_end = &p->jobs;
    }
    job->done(job->arg, rc);
    free(job);
}

void ls_bulk_fail(struct peer *p, enum ls_rc rc)
{
    struct bulk_job *job = p->jobs;

    /* done() may queue again: what it adds is not for this round. */
    p->jobs = NULL;
    p->jobs_end = &p->jobs;
    while (job != NULL) {
        struct bulk_job *next = job->next;
        job->done(job->arg, rc);
        free(job);
        job = next;
    }
}

/* ---- writing ---- */

static void begin_chunk(struct conn *c, struct bulk_job *job)
{
    uint64_t left = job->chunk.total - job->chunk.offset;

    job->size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    job->written = 0;
    ls_chunk_encode(&job->chunk, (uint32_t)job->size, c->version, job->head, sizeof(job->head));
}

/* What of the current chunk is not written yet. */
static size_t chunk_pieces(const struct bulk_job *job, struct ls_piece out[JOB_PIECES + 1])
{
    size_t payload_written = 0;
    uint64_t skip;
    size_t left;
    size_t n = 0;

    if (job->written < sizeof(job->head)) {
        out[n++] = (struct ls_piece){.data = job->head + job->written,
                                     .len = sizeof(job->head) - job->written};
    } else {
        payload_written = job->written - sizeof(job->head);
    }
    skip = job->chunk.offset + payload_written;
    left = job->size - payload_written;
    for (size_t i = 0; i < job->piece_count && left > 0; i++) {
        const struct ls_piece *p = &job->pieces[i];
        size_t here;
        if (skip >= p->len) {
            skip -= p->len;
            continue;
        }
        here = p->len - (size_t)skip < left ? p->len - (size_t)skip : left;
        out[n++] = (struct ls_piece){.data = (const uint8_t *)p->data + skip, .len = here};
        left -= here;
        skip = 0;
    }
    LS_ASSERT(left == 0);
    return n;
}

/* Writes at the first job; false when the socket takes no more, or is broken. */
static bool write_job(struct conn *c, struct peer *p, size_t *total)
{
    struct ls_piece pieces[JOB_PIECES + 1];
    struct bulk_job *job = p->jobs;
    struct ls_error err = {0};
    size_t written;
    size_t n;

    if (job->size == 0) {
        begin_chunk(c, job);
    }
    n = chunk_pieces(job, pieces);
    if (ls_tcp_write(c->tcp, pieces, n, &written, &err) != LS_OK) {
        ls_conn_break(c, err.text);
        return false;
    }
    job->written += written;
    *total += written;
    c->net->stats.sent_bytes += written;
    if (job->written < sizeof(job->head) + job->size) {
        return false;
    }
    job->chunk.offset += job->size;
    job->size = 0;
    if (job->chunk.offset == job->chunk.total) {
        job_finish(p, LS_OK);
    }
    return true;
}

void ls_bulk_pump(struct conn *c)
{
    struct peer *p = c->peer;
    size_t total = 0;

    while (p->jobs != NULL && total < TURN_BYTES && !c->broken && write_job(c, p, &total)) {
    }
    if (!c->broken) {
        ls_tcp_want_write(c->tcp, p->jobs != NULL);
    }
    p->bulk_idle_us = ls_clock_us();
}

/* ---- the connection ---- */

static void dial_bulk(struct ls_net *net, struct peer *p)
{
    struct ls_error err = {0};
    struct conn *c;

    if (!ls_dial_connect(net, p->dial, LS_HELLO_BULK, &c, &err)) {
        p->bulk_fails++;
        p->bulk_retry_us = ls_clock_us() + RETRY_US;
        return;
    }
    c->peer = p;
    p->bulk = c;
}

void ls_bulk_up(struct conn *c)
{
    struct peer *p = c->peer;

    p->bulk_fails = 0;
    p->bulk_idle_us = ls_clock_us();
    ls_tcp_want_write(c->tcp, true);
}

void ls_bulk_closed(struct conn *c, const char *why)
{
    struct peer *p = c->peer;
    bool begun = p->jobs != NULL && (p->jobs->chunk.offset > 0 || p->jobs->size > 0);

    p->bulk = NULL;
    if (p->jobs == NULL) {
        return;
    }
    ls_debug("bulk connection to %s is closed: %s", p->shown, why);
    if (begun) {
        /* The receiver has a part: whoever sends decides whether to start again. */
        ls_bulk_fail(p, LS_E_CLOSED);
        return;
    }
    p->bulk_fails++;
    p->bulk_retry_us = ls_clock_us() + RETRY_US * p->bulk_fails;
}

void ls_bulk_tick(struct ls_net *net, int64_t now_us)
{
    for (struct peer *p = net->peers; p != NULL; p = p->next) {
        if (p->bulk != NULL) {
            if (p->jobs == NULL && p->bulk->state == CONN_UP &&
                now_us > p->bulk_idle_us + IDLE_US) {
                ls_conn_close(p->bulk, "idle");
            }
        } else if (p->jobs != NULL && p->bulk_fails >= TRIES) {
            ls_warn("a big write-set cannot be sent to %s: no second connection to %s://%s, look "
                    "for a firewall that limits connections",
                    p->name, net->scheme, p->dial);
            p->bulk_fails = 0;
            ls_bulk_fail(p, LS_E_CLOSED);
        } else if (p->jobs != NULL && now_us >= p->bulk_retry_us) {
            dial_bulk(net, p);
        }
    }
}

void ls_bulk_chunk(struct conn *c, const struct ls_frame *f, const uint8_t *body)
{
    struct ls_net *net = c->net;
    struct ls_error err = {0};
    struct ls_chunk chunk;

    if (ls_chunk_decode(f, body, &chunk, &err) != LS_OK) {
        ls_conn_close(c, err.text);
    } else if (net->cb.chunk != NULL) {
        net->cb.chunk(net->cb.ctx, &c->peer->id, &chunk.sub, chunk.total, chunk.payload_hash,
                      chunk.offset, body + f->body_size, f->payload_size);
    }
}

enum ls_rc ls_net_send_bulk(struct ls_net *net, const struct ls_uuid *to,
                            const struct ls_sub_id *sub, const struct ls_piece *pieces,
                            size_t piece_count, uint64_t payload_hash,
                            void (*done)(void *arg, enum ls_rc rc), void *arg)
{
    struct peer *p = ls_peer_find(net, to);
    struct bulk_job *job;

    if (p == NULL || p->main == NULL || p->main->broken) {
        return LS_E_CLOSED;
    }
    LS_ASSERT(piece_count >= 1 && piece_count <= JOB_PIECES);
    job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return LS_E_NOMEM;
    }
    memcpy(job->pieces, pieces, piece_count * sizeof(pieces[0]));
    job->piece_count = piece_count;
    job->chunk = (struct ls_chunk){.sub = *sub, .payload_hash = payload_hash};
    for (size_t i = 0; i < piece_count; i++) {
        job->chunk.total += pieces[i].len;
    }
    if (job->chunk.total == 0 || job->chunk.total > LS_FRAME_PAYLOAD_MAX) {
        enum ls_rc rc = job->chunk.total == 0 ? LS_E_INVAL : LS_E_TOOBIG;
        free(job);
        return rc;
    }
    job->done = done;
    job->arg = arg;
    *p->jobs_end = job;
    p->jobs_end = &job->next;
    if (p->bulk == NULL) {
        if (p->bulk_retry_us <= ls_clock_us()) {
            dial_bulk(net, p);
        }
    } else if (p->bulk->state == CONN_UP && !p->bulk->broken) {
        ls_tcp_want_write(p->bulk->tcp, true);
    }
    return LS_OK;
}
