/* Local submissions: the queue that client threads fill, and the table of those under way.
 *
 *   IDLE -> QUEUED -> BUSY -> ORDERING -> SETTLED      (states of struct ls_submission)
 *
 * QUEUED  in the queue; may be taken out again
 * BUSY    before_send and hashing; for a big one, which is also copied, this is done by the
 *         submitting thread and QUEUED follows
 * ORDERING  in the table as a slot: the core has it. The slot outlives the submission when nobody
 *         waits any more, with the bytes copied.
 * SETTLED own was handed out, or rejected is being called.
 *
 * The core takes ids within a window, so the queue is held back while the lowest id under way is
 * LS_CORE_MAX_PENDING behind. */
#include "gcomm/engine/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- bytes of our own ---- */

static struct blob *blob_create(const struct ls_piece *pieces, size_t count, size_t size)
{
    struct blob *b = malloc(sizeof(*b) + size);
    size_t at = 0;

    if (b == NULL) {
        return NULL;
    }
    b->refs = 1;
    b->size = size;
    for (size_t i = 0; i < count; i++) {
        LS_ASSERT(pieces[i].len <= size - at);
        if (pieces[i].len > 0) {
            memcpy(b->bytes + at, pieces[i].data, pieces[i].len);
        }
        at += pieces[i].len;
    }
    LS_ASSERT(at == size);
    return b;
}

void engine_blob_unref(struct blob *b)
{
    if (b != NULL && --b->refs == 0) {
        free(b);
    }
}

/* ---- the table; all under mutex ---- */

static struct slot **slot_place(struct ls_engine *e, uint64_t id)
{
    struct slot **at = &e->slots[id % SLOT_BUCKETS];

    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

struct slot *engine_find_slot(struct ls_engine *e, uint64_t id)
{
    return *slot_place(e, id);
}

static struct slot *slot_add(struct ls_engine *e, uint64_t id)
{
    struct slot *s = e->free_slots;
    struct slot **at;

    if (s != NULL) {
        e->free_slots = s->next;
    } else {
        s = malloc(sizeof(*s));
        LS_ASSERT(s != NULL);
    }
    memset(s, 0, sizeof(*s));
    s->id = id;
    at = slot_place(e, id);
    LS_ASSERT(*at == NULL);
    *at = s;
    return s;
}

/* Takes the slot out; its blob is the caller's. */
static struct blob *slot_remove(struct ls_engine *e, struct slot *s)
{
    struct slot **at = slot_place(e, s->id);
    struct blob *b = s->blob;

    LS_ASSERT(*at == s && !s->busy);
    *at = s->next;
    s->next = e->free_slots;
    e->free_slots = s;
    return b;
}

static void room_changed(struct ls_engine *e)
{
    if (e->room_waiters > 0) {
        ls_cond_broadcast(&e->room);
    }
}

static void pending_done(struct ls_engine *e, uint64_t size)
{
    LS_ASSERT(e->pending > 0 && e->pending_bytes >= size);
    e->pending--;
    e->pending_bytes -= size;
    room_changed(e);
}

static void enqueue(struct ls_engine *e, struct ls_submission *s)
{
    s->next = NULL;
    s->state = SUB_QUEUED;
    *e->queue_tail = s;
    e->queue_tail = &s->next;
}

static void reserve(struct ls_engine *e, const struct ls_submission *s)
{
    e->pending++;
    e->pending_bytes += s->size;
}

static void not_busy(struct ls_engine *e)
{
    if (e->idle_waiters > 0) {
        ls_cond_broadcast(&e->idle);
    }
}

static void dequeue(struct ls_engine *e, struct ls_submission *s)
{
    struct ls_submission **at = &e->queue;

    while (*at != s) {
        LS_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = s->next;
    if (e->queue_tail == &s->next) {
        e->queue_tail = at;
    }
}

/* ---- client threads ---- */

static bool has_room(const struct ls_engine *e, uint64_t size)
{
    return !e->fc_active && e->pending < e->opt.max_pending &&
           (e->pending == 0 || e->pending_bytes + size <= e->opt.max_pending_bytes);
}

/* Everything that takes time in a big one, off the loop thread. Room is reserved already. */
static void prepare_big(struct ls_engine *e, struct ls_submission *s)
{
    struct blob *copy;

    if (s->before_send != NULL) {
        s->before_send(s);
    }
    copy = blob_create(s->pieces, s->piece_count, (size_t)s->size);
    LS_ASSERT(copy != NULL);
    s->hash = ls_hash64(copy->bytes, copy->size);
    s->copy = copy;
}

enum ls_rc ls_engine_submit(struct ls_engine *e, struct ls_submission *s,
                            bool (*cancelled)(struct ls_submission *s), bool no_wait)
{
    enum ls_rc rc = LS_E_BUSY;
    bool wake = false;

    LS_ASSERT(s->rejected != NULL && s->piece_count <= 4 && s->size <= UINT32_MAX);
    while (rc == LS_E_BUSY) {
        unsigned kick = atomic_load(&e->kick);
        if (cancelled != NULL && cancelled(s)) {
            return LS_E_INTERRUPTED;
        }
        ls_mutex_lock(&e->mutex);
        if (!e->open || e->unseen_losses > 0) {
            rc = LS_E_NOT_PRIMARY;
        } else if (no_wait || has_room(e, s->size)) {
            s->copy = NULL;
            reserve(e, s);
            if (s->size > e->params.big_bytes) {
                s->state = SUB_BUSY;
                ls_mutex_unlock(&e->mutex);
                prepare_big(e, s);
                ls_mutex_lock(&e->mutex);
                not_busy(e);
            }
            wake = e->queue == NULL;
            enqueue(e, s);
            rc = LS_OK;
        } else if (kick == atomic_load(&e->kick)) {
            e->room_waiters++;
            ls_cond_wait(&e->room, &e->mutex);
            e->room_waiters--;
        }
        ls_mutex_unlock(&e->mutex);
    }
    if (wake) {
        engine_wake_loop(e);
    }
    return rc;
}

void ls_engine_submit_kick(struct ls_engine *e)
{
    ls_mutex_lock(&e->mutex);
    atomic_fetch_add(&e->kick, 1);
    ls_cond_broadcast(&e->room);
    ls_mutex_unlock(&e->mutex);
}

enum ls_rc ls_engine_submit_control(struct ls_engine *e, uint8_t entry_type, const void *data,
                                    size_t size)
{
    struct ls_piece piece = {.data = data, .len = size};
    struct control_submission *c;
    bool open;
    bool wake;

    if (size > UINT32_MAX) {
        return LS_E_TOOBIG;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL || (c->blob = blob_create(&piece, 1, size)) == NULL) {
        free(c);
        return LS_E_NOMEM;
    }
    c->sub.entry_type = entry_type;
    c->sub.size = size;
    c->sub.user = c; /* marks it as a control entry, with rejected NULL */
    ls_mutex_lock(&e->mutex);
    open = e->open;
    wake = e->queue == NULL;
    if (open) {
        reserve(e, &c->sub);
        enqueue(e, &c->sub);
    }
    ls_mutex_unlock(&e->mutex);
    if (!open) {
        engine_blob_unref(c->blob);
        free(c);
        return LS_E_NOT_PRIMARY;
    }
    if (wake) {
        engine_wake_loop(e);
    }
    return LS_OK;
}

static void push_give_up(struct ls_engine *e, uint64_t id)
{
    if (e->give_up_count == e->give_up_cap) {
        e->give_up_cap = e->give_up_cap == 0 ? 16 : 2 * e->give_up_cap;
        e->give_ups = realloc(e->give_ups, e->give_up_cap * sizeof(e->give_ups[0]));
        LS_ASSERT(e->give_ups != NULL);
    }
    e->give_ups[e->give_up_count++] = id;
}

/* Under mutex, nobody reads the pieces: the slot goes on without the submission. */
static void detach(struct ls_engine *e, struct ls_submission *s)
{
    struct slot *slot = engine_find_slot(e, s->id);

    LS_ASSERT(slot != NULL && slot->sub == s);
    if (!slot->committed) {
        if (slot->blob == NULL) {
            slot->blob = blob_create(s->pieces, s->piece_count, s->size);
            LS_ASSERT(slot->blob != NULL); /* the core may ask for the bytes again */
        }
        push_give_up(e, s->id);
    }
    slot->sub = NULL;
    s->state = SUB_SETTLED;
}

enum ls_rc ls_engine_submit_state(struct ls_engine *e, enum ls_node_state state, bool desynced,
                                  int64_t seqno)
{
    uint8_t buf[64];
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));
    struct ls_member_state s = {
        .id = e->stats.id, /* as it was created */
        .incarnation = e->stats.incarnation,
        .state = (uint8_t)state,
        .desynced = desynced,
        .seqno = seqno,
    };
    bool fits = ls_member_state_encode(&s, &w);

    LS_ASSERT(fits);
    return ls_engine_submit_control(e, LS_ENTRY_STATE, buf, (size_t)(w.pos - buf));
}

bool ls_engine_submit_forget(struct ls_engine *e, struct ls_submission *s)
{
    bool forgotten = true;
    struct blob *copy = NULL;

    ls_mutex_lock(&e->mutex);
    for (;;) {
        struct slot *slot = s->state == SUB_ORDERING ? engine_find_slot(e, s->id) : NULL;
        if (s->state != SUB_BUSY && (slot == NULL || !slot->busy)) {
            break;
        }
        e->idle_waiters++;
        ls_cond_wait(&e->idle, &e->mutex);
        e->idle_waiters--;
    }
    if (s->state == SUB_QUEUED) {
        dequeue(e, s);
        pending_done(e, s->size);
        copy = s->copy;
        s->state = SUB_SETTLED;
    } else if (s->state == SUB_ORDERING) {
        detach(e, s);
    } else {
        forgotten = false;
    }
    ls_mutex_unlock(&e->mutex);
    engine_blob_unref(copy);
    if (forgotten) {
        engine_wake_loop(e);
    }
    return forgotten;
}

/* ---- loop thread ---- */

/* Next of the queue, now BUSY, with its id; NULL when there is none or the window is full. */
static struct ls_submission *take_one(struct ls_engine *e, uint64_t *id)
{
    struct ls_submission *s;

    ls_mutex_lock(&e->mutex);
    while (e->low_id < e->next_id) {
        struct slot *low = engine_find_slot(e, e->low_id);
        if (low != NULL && !low->committed) {
            break;
        }
        e->low_id++;
    }
    s = e->next_id - e->low_id < LS_CORE_MAX_PENDING ? e->queue : NULL;
    if (s != NULL) {
        dequeue(e, s);
        s->state = SUB_BUSY;
        *id = e->next_id++;
    }
    ls_mutex_unlock(&e->mutex);
    return s;
}

static void feed(struct ls_engine *e, struct ls_submission *s, uint64_t id)
{
    struct control_submission *control = s->rejected == NULL ? s->user : NULL;
    struct ls_event ev = {.type = LS_EV_SUBMIT};
    struct slot *slot;

    ev.u.submit.id = id;
    ev.u.submit.entry_type = s->entry_type;
    ev.u.submit.size = (uint32_t)s->size;
    if (control != NULL) {
        ev.u.submit.payload = control->blob->bytes;
        ev.u.submit.payload_hash = ls_hash64(control->blob->bytes, control->blob->size);
    } else if (s->copy != NULL) {
        ev.u.submit.payload_hash = s->hash;
    } else {
        if (s->before_send != NULL) {
            s->before_send(s);
        }
        ev.u.submit.payload_hash = ls_hash64_pieces(s->pieces, s->piece_count);
    }
    ls_mutex_lock(&e->mutex);
    slot = slot_add(e, id);
    slot->entry_type = s->entry_type;
    slot->size = s->size;
    slot->hash = ev.u.submit.payload_hash;
    slot->sent_us = ls_clock_us();
    if (control != NULL) {
        slot->blob = control->blob;
    } else {
        slot->sub = s;
        slot->blob = s->copy;
        s->id = id;
        s->state = SUB_ORDERING;
    }
    not_busy(e);
    ls_mutex_unlock(&e->mutex);
    free(control);
    engine_step(e, &ev);
}

/* What is still in the queue was never sent. */
static void reject_queue(struct ls_engine *e)
{
    for (;;) {
        struct ls_submission *s;

        ls_mutex_lock(&e->mutex);
        s = e->queue;
        if (s != NULL) {
            dequeue(e, s);
            pending_done(e, s->size);
            s->state = SUB_SETTLED;
        }
        ls_mutex_unlock(&e->mutex);
        if (s == NULL) {
            return;
        }
        if (s->rejected == NULL) {
            struct control_submission *control = s->user;
            engine_blob_unref(control->blob);
            free(control);
        } else {
            engine_blob_unref(s->copy);
            s->rejected(s, LS_E_NOT_PRIMARY);
        }
    }
}

void engine_take_queue(struct ls_engine *e)
{
    struct ls_submission *s;
    uint64_t id;

    if (e->left) {
        reject_queue(e); /* a big one may come as late as that */
        return;
    }
    while (!e->left && (s = take_one(e, &id)) != NULL) {
        feed(e, s, id);
    }
}

size_t engine_acquire_pieces(struct ls_engine *e, uint64_t id, uint64_t hash,
                             struct ls_piece pieces[4])
{
    struct slot *slot;
    size_t count = 0;

    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, id);
    if (slot != NULL && slot->hash == hash && !slot->committed) {
        LS_ASSERT(!slot->busy);
        if (slot->blob != NULL) {
            pieces[0] = (struct ls_piece){.data = slot->blob->bytes, .len = slot->blob->size};
            count = 1;
        } else if (slot->sub != NULL) {
            count = slot->sub->piece_count;
            memcpy(pieces, slot->sub->pieces, count * sizeof(pieces[0]));
        }
        slot->busy = count > 0;
    }
    ls_mutex_unlock(&e->mutex);
    return count;
}

void engine_release_pieces(struct ls_engine *e, uint64_t id)
{
    struct slot *slot;

    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, id);
    LS_ASSERT(slot != NULL && slot->busy);
    slot->busy = false;
    not_busy(e);
    ls_mutex_unlock(&e->mutex);
}

bool engine_has_payload(struct ls_engine *e, const struct ls_entry *entry)
{
    struct ls_piece staged;
    struct slot *slot;
    bool has;

    if (!ls_uuid_equal(&entry->sub.origin, &e->identity.id)) {
        return engine_stage_find(e, &entry->sub, entry->size, entry->payload_hash, &staged);
    }
    ls_mutex_lock(&e->mutex);
    slot = entry->sub.incarnation == e->identity.incarnation ? engine_find_slot(e, entry->sub.id)
                                                             : NULL;
    has = slot != NULL && !slot->committed && slot->hash == entry->payload_hash &&
          slot->size == entry->size;
    ls_mutex_unlock(&e->mutex);
    return has;
}

struct blob *engine_own_blob(struct ls_engine *e, uint64_t id, uint64_t *hash)
{
    struct ls_piece pieces[4];
    struct blob *made = NULL, *blob = NULL;
    struct slot *slot;
    size_t count = 0;
    bool copy;

    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, id);
    copy = slot != NULL && !slot->committed && slot->blob == NULL;
    if (copy) {
        count = slot->sub->piece_count;
        memcpy(pieces, slot->sub->pieces, count * sizeof(pieces[0]));
        slot->busy = true;
    }
    ls_mutex_unlock(&e->mutex);
    if (copy) {
        made = blob_create(pieces, count, (size_t)slot->size); /* only we remove slots under way */
        engine_release_pieces(e, id);
    }
    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, id);
    if (slot != NULL && !slot->committed) {
        if (slot->blob == NULL) {
            slot->blob = made;
            made = NULL;
        }
        blob = slot->blob;
        *hash = slot->hash;
    }
    if (blob != NULL) {
        blob->refs++;
    }
    ls_mutex_unlock(&e->mutex);
    free(made);
    return blob;
}

void engine_submission_committed(struct ls_engine *e, uint64_t id)
{
    struct blob *b = NULL;
    struct slot *slot;

    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, id);
    if (slot != NULL && !slot->committed) {
        engine_latency_add(&e->latency, (double)(e->now_us - slot->sent_us) / 1e6);
        pending_done(e, slot->size);
        b = slot->blob;
        slot->blob = NULL;
        slot->committed = true;
        if (slot->sub == NULL) {
            slot_remove(e, slot);
        }
    }
    ls_mutex_unlock(&e->mutex);
    engine_blob_unref(b);
}

/* Ends a slot: the waiter, if any, is told. */
static void settle(struct ls_engine *e, uint64_t id, enum ls_rc rc)
{
    struct ls_submission *s = NULL;
    struct blob *b = NULL;
    struct slot *slot;

    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, id);
    if (slot != NULL) {
        if (!slot->committed) {
            pending_done(e, slot->size);
        }
        s = slot->sub;
        b = slot_remove(e, slot);
        if (s != NULL) {
            s->state = SUB_SETTLED;
        }
    }
    ls_mutex_unlock(&e->mutex);
    engine_blob_unref(b);
    if (s != NULL) {
        s->rejected(s, rc);
    }
}

void engine_submission_rejected(struct ls_engine *e, uint64_t id)
{
    settle(e, id, LS_E_NOT_PRIMARY);
}

/* An id of the bucket that is to end; 0: none. */
static uint64_t pick_lost(struct ls_engine *e, size_t bucket, bool committed_too)
{
    uint64_t id = 0;

    ls_mutex_lock(&e->mutex);
    for (struct slot *s = e->slots[bucket]; s != NULL && id == 0; s = s->next) {
        if (committed_too || !s->committed) {
            id = s->id;
        }
    }
    ls_mutex_unlock(&e->mutex);
    return id;
}

void engine_submissions_lost(struct ls_engine *e, bool committed_too)
{
    uint64_t id;

    reject_queue(e);
    for (size_t i = 0; i < SLOT_BUCKETS; i++) {
        while ((id = pick_lost(e, i, committed_too)) != 0) {
            settle(e, id, LS_E_UNKNOWN);
        }
    }
}

void engine_submissions_free(struct ls_engine *e)
{
    struct slot *next;

    for (struct slot *s = e->free_slots; s != NULL; s = next) {
        next = s->next;
        free(s);
    }
}

/* Consumer thread: the entry of this submission is handed out. */
struct ls_submission *engine_take_own(struct ls_engine *e, uint64_t id)
{
    struct ls_submission *s = NULL;
    struct slot *slot;

    ls_mutex_lock(&e->mutex);
    slot = engine_find_slot(e, id);
    if (slot != NULL && slot->committed) {
        s = slot->sub;
        slot_remove(e, slot);
        if (s != NULL) {
            s->state = SUB_SETTLED;
        }
    }
    ls_mutex_unlock(&e->mutex);
    return s;
}
