/* The ordered stream to the one consumer: committed entries, read from the log by the consumer
 * itself, with the other events (marks) between them. A mark comes after the entries that were
 * committed when it was put. */
#include "gcomm/engine/internal.h"

#include <stdlib.h>
#include <string.h>

void engine_stream_init(struct ls_engine *e)
{
    struct stream *s = &e->stream;

    ls_mutex_init(&s->mutex);
    ls_cond_init(&s->cond);
    s->tail = &s->head;
}

void engine_stream_destroy(struct ls_engine *e)
{
    struct mark *next;

    for (struct mark *m = e->stream.head; m != NULL; m = next) {
        next = m->next;
        free(m->event.config);
        free(m);
    }
    ls_cond_destroy(&e->stream.cond);
    ls_mutex_destroy(&e->stream.mutex);
}

/* ---- loop thread ---- */

void engine_stream_commit(struct ls_engine *e, uint64_t index)
{
    struct stream *s = &e->stream;
    bool signal;

    ls_mutex_lock(&s->mutex);
    s->committed = index;
    signal = s->waiting;
    ls_mutex_unlock(&s->mutex);
    if (signal) {
        ls_cond_signal(&s->cond);
    }
}

void engine_stream_put(struct ls_engine *e, const struct ls_stream_event *ev,
                       const struct ls_config *config)
{
    struct stream *s = &e->stream;
    struct mark *m = calloc(1, sizeof(*m));

    LS_ASSERT(m != NULL);
    m->event = *ev;
    if (config != NULL) {
        m->event.config = malloc(sizeof(*config));
        LS_ASSERT(m->event.config != NULL);
        *m->event.config = *config;
    }
    ls_mutex_lock(&s->mutex);
    /* a snapshot's CONNECTED moves the cursor: no entry comes between it and what was taken */
    m->after = ev->type == LS_STREAM_CONNECTED && !ev->from_log ? 0 : s->committed;
    *s->tail = m;
    s->tail = &m->next;
    ls_mutex_unlock(&s->mutex);
    ls_cond_signal(&s->cond);
}

void engine_stream_skip(struct ls_engine *e, uint64_t committed)
{
    struct stream *s = &e->stream;

    ls_mutex_lock(&s->mutex);
    s->committed = committed;
    /* nothing of the old log is taken any more, until CONNECTED says where to go on */
    s->at.cursor = 0;
    for (struct mark *m = s->head; m != NULL; m = m->next) {
        m->after = 0;
    }
    ls_mutex_unlock(&s->mutex);
    ls_cond_signal(&s->cond); /* a mark that waited behind entries may be next now */
}

struct taken engine_stream_taken(struct ls_engine *e)
{
    struct taken at;

    ls_mutex_lock(&e->stream.mutex);
    at = e->stream.at;
    ls_mutex_unlock(&e->stream.mutex);
    return at;
}

/* ---- consumer ---- */

/* The mark is next when the entries before it are taken. */
static bool mark_is_next(const struct stream *s)
{
    return s->head != NULL && (s->at.cursor == 0 || s->head->after < s->at.cursor);
}

static bool entry_is_next(const struct stream *s)
{
    uint64_t limit = s->head != NULL ? s->head->after : s->committed;

    return s->at.cursor != 0 && s->at.cursor <= limit;
}

/* Where the stream goes on after a CONNECTED. */
static void move_cursor(struct stream *s, const struct ls_stream_event *ev)
{
    if (!ev->from_log || s->at.cursor == 0) {
        s->at.cursor = ev->base.index + 1;
        s->at.cut = ev->base_cut;
    }
}

static void take_mark(struct ls_engine *e, struct ls_stream_event *out)
{
    struct stream *s = &e->stream;
    struct mark *m = s->head;

    *out = m->event;
    s->head = m->next;
    if (s->head == NULL) {
        s->tail = &s->head;
    }
    free(m);
    if (out->type == LS_STREAM_CONNECTED) {
        move_cursor(s, out);
    } else if (out->type == LS_STREAM_LEFT) {
        s->ended = true;
    }
}

/* Under the stream's lock, so that the log is not dropped between the look and the read. */
static enum ls_rc take_entry(struct ls_engine *e, struct ls_stream_event *out)
{
    struct stream *s = &e->stream;

    memset(out, 0, sizeof(*out));
    out->type = LS_STREAM_ENTRY;
    if (!ls_log_get(e->log, s->at.cursor, &out->entry, &out->pin)) {
        return LS_E_CORRUPT;
    }
    s->at.cursor++;
    if (out->entry.type == LS_ENTRY_CUT) {
        (void)ls_cut_decode(out->entry.payload, out->entry.size, &s->at.cut, NULL);
    }
    return LS_OK;
}

static enum ls_rc decode_config(struct ls_stream_event *out)
{
    struct ls_error err = {0};
    enum ls_rc rc;

    out->config = malloc(sizeof(*out->config));
    LS_ASSERT(out->config != NULL);
    rc = ls_config_decode(out->entry.payload, out->entry.size, out->config, &err);
    if (rc != LS_OK) {
        ls_error_log("configuration entry %llu: %s", (unsigned long long)out->entry.index,
                     err.text);
        free(out->config);
        out->config = NULL;
    }
    return rc;
}

static enum ls_rc complete_entry(struct ls_engine *e, struct ls_stream_event *out)
{
    const struct ls_sub_id *sub = &out->entry.sub;

    if (sub->id != 0 && sub->incarnation == e->identity.incarnation &&
        ls_uuid_equal(&sub->origin, &e->identity.id)) {
        out->own = engine_take_own(e, sub->id);
    }
    if (out->own == NULL && !ls_log_payload_is_whole(e->log, &out->entry)) {
        return LS_E_CORRUPT;
    }
    return out->entry.type == LS_ENTRY_CONFIG ? decode_config(out) : LS_OK;
}

static enum ls_rc next_event(struct ls_engine *e, struct ls_stream_event *out)
{
    struct stream *s = &e->stream;
    enum ls_rc rc = LS_E_BUSY;

    ls_mutex_lock(&s->mutex);
    while (rc == LS_E_BUSY) {
        if (s->wake) {
            s->wake = false;
            rc = LS_E_INTERRUPTED;
        } else if (s->ended) {
            rc = LS_E_CLOSED;
        } else if (mark_is_next(s)) {
            take_mark(e, out);
            rc = LS_OK;
        } else if (entry_is_next(s) && !atomic_load(&e->consumer_failed)) {
            rc = take_entry(e, out);
        } else {
            s->waiting = true;
            ls_cond_wait(&s->cond, &s->mutex);
            s->waiting = false;
        }
    }
    ls_mutex_unlock(&s->mutex);
    return rc;
}

/* An ordered entry that cannot be read ends the membership: the loop sees the flag, drops what is
 * left of the stream and puts LEFT. */
enum ls_rc ls_engine_next(struct ls_engine *e, struct ls_stream_event *out)
{
    enum ls_rc rc;

    for (;;) {
        rc = next_event(e, out);
        if (rc == LS_OK && out->type == LS_STREAM_ENTRY) {
            rc = complete_entry(e, out);
            if (rc != LS_OK) {
                ls_log_unpin(out->pin);
                out->pin = NULL;
                rc = LS_E_CORRUPT;
            }
        }
        if (rc != LS_E_CORRUPT) {
            return rc;
        }
        atomic_store(&e->consumer_failed, true);
    }
}

void ls_engine_event_done(struct ls_engine *e, struct ls_stream_event *ev)
{
    if (ev->type == LS_STREAM_NONPRIMARY) {
        ls_mutex_lock(&e->mutex);
        e->unseen_losses--;
        ls_mutex_unlock(&e->mutex);
    }
    free(ev->config);
    ev->config = NULL;
    if (ev->pin != NULL) {
        ls_log_unpin(ev->pin);
        ev->pin = NULL;
    }
}

void ls_engine_wake(struct ls_engine *e)
{
    ls_mutex_lock(&e->stream.mutex);
    e->stream.wake = true;
    ls_mutex_unlock(&e->stream.mutex);
    ls_cond_signal(&e->stream.cond);
}
