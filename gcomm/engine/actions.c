/* Performs what the core asks for, in its order: what changes the log or the vote before any send
 * behind it. */
#include "gcomm/engine/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Grows an array to hold at least `need` items. Our own bookkeeping: without it order is lost. */
static void *grow(void *array, size_t *cap, size_t need, size_t item)
{
    if (need > *cap) {
        size_t to = *cap == 0 ? 64 : *cap;
        while (to < need) {
            to *= 2;
        }
        array = realloc(array, to * item);
        LS_ASSERT(array != NULL);
        *cap = to;
    }
    return array;
}

/* ---- own submissions in the log: FIFO by index ---- */

static struct own_index *own_at(struct ls_engine *e, size_t i)
{
    return &e->own[(e->own_head + i) % e->own_cap];
}

static void own_push(struct ls_engine *e, uint64_t index, uint64_t id)
{
    if (e->own_count == e->own_cap) {
        size_t cap = e->own_cap == 0 ? 1024 : 2 * e->own_cap;
        struct own_index *ring = malloc(cap * sizeof(*ring));
        LS_ASSERT(ring != NULL);
        for (size_t i = 0; i < e->own_count; i++) {
            ring[i] = *own_at(e, i);
        }
        free(e->own);
        e->own = ring;
        e->own_cap = cap;
        e->own_head = 0;
    }
    *own_at(e, e->own_count++) = (struct own_index){.index = index, .id = id};
}

static void own_drop_from(struct ls_engine *e, uint64_t index)
{
    while (e->own_count > 0 && own_at(e, e->own_count - 1)->index >= index) {
        e->own_count--;
    }
}

static void own_commit(struct ls_engine *e, uint64_t index)
{
    while (e->own_count > 0 && own_at(e, 0)->index <= index) {
        engine_submission_committed(e, own_at(e, 0)->id);
        e->own_head = (e->own_head + 1) % e->own_cap;
        e->own_count--;
    }
}

/* ---- the log ---- */

bool engine_flush_log(struct ls_engine *e)
{
    struct ls_error err = {0};
    enum ls_rc rc;

    if (e->failed) {
        return false;
    }
    if (!e->log_dirty) {
        return true;
    }
    e->log_dirty = false;
    engine_disk_begin(e);
    rc = ls_log_flush(e->log, &err);
    engine_disk_end(e);
    if (rc != LS_OK) {
        engine_fail(e, "the write-set log cannot be written", &err);
        return false;
    }
    return true;
}

static bool is_own(const struct ls_engine *e, const struct ls_sub_id *sub)
{
    return sub->id != 0 && sub->incarnation == e->identity.incarnation &&
           ls_uuid_equal(&sub->origin, &e->identity.id);
}

/* Entries of this member from a life that its files know nothing of. */
static void notice_older_files(struct ls_engine *e, const struct ls_sub_id *sub)
{
    if (sub->incarnation > e->incarnation_before && sub->incarnation < e->identity.incarnation &&
        sub->id != 0 && ls_uuid_equal(&sub->origin, &e->identity.id) && !e->older_files_told) {
        e->older_files_told = true;
        ls_warn("the files of this node are an older copy: it was a member at a later time than "
                "they know of. What is missing comes from the others. But it has forgotten what it "
                "acknowledged since, so never put files back while other members are down, and "
                "remove grastate.dat from such a copy: then the node comes as a new member");
    }
}

static void append_entry(struct ls_engine *e, const struct ls_entry *asked)
{
    struct ls_entry copy = *asked;
    const struct ls_entry *entry = &copy;
    struct ls_piece pieces[4] = {{.data = entry->payload, .len = entry->size}};
    bool own = is_own(e, &entry->sub);
    bool acquired = false;
    struct ls_error err = {0};
    size_t count = entry->size > 0 ? 1 : 0;
    enum ls_rc rc;

    if (entry->payload == NULL && entry->size > 0) {
        if (own) {
            count = engine_acquire_pieces(e, entry->sub.id, entry->payload_hash, pieces);
            acquired = count > 0;
        } else {
            count = engine_stage_find(e, &entry->sub, entry->size, entry->payload_hash, pieces);
        }
        if (count == 0) {
            ls_error_set(&err, LS_E_PROTO, "entry %" PRIu64 " was ordered without its payload",
                         entry->index);
            engine_fail(e, "the order cannot be followed", &err);
            return;
        }
    }
    notice_older_files(e, &entry->sub);
    if (!e->message_verdicts) {
        copy.verdict = LS_VERDICT_UNKNOWN; /* a claim that nobody made */
    }
    rc = ls_log_append(e->log, entry, pieces, count, &err);
    if (acquired) {
        engine_release_pieces(e, entry->sub.id);
    }
    if (rc != LS_OK) {
        engine_fail(e, "the write-set log cannot be written", &err);
        return;
    }
    e->log_dirty = true;
    e->last_appended = entry->index;
    if ((entry->flags & LS_EF_BIG) != 0 && !own) {
        engine_stage_ordered(e, &entry->sub, asked->payload == NULL);
    }
    if (own) {
        own_push(e, entry->index, entry->sub.id);
    }
    if (entry->type == LS_ENTRY_CONFIG || entry->type == LS_ENTRY_STATE) {
        e->config_dirty = true;
    }
}

/* The mark of what is durable must never lie above the log's end. */
static bool lower_durable_mark(struct ls_engine *e, uint64_t to)
{
    bool lower;

    ls_mutex_lock(&e->identity_mutex);
    lower = e->identity.durable_index > to;
    if (lower) {
        e->identity.durable_index = to;
    }
    ls_mutex_unlock(&e->identity_mutex);
    return !lower || engine_write_identity(e);
}

/* Lowered before, so that a crash in between finds a mark that the log can keep; and after, since
 * the sync thread may have raised it meanwhile. */
static void truncate_log(struct ls_engine *e, uint64_t index)
{
    struct ls_error err = {0};

    if (!lower_durable_mark(e, index - 1)) {
        return;
    }
    own_drop_from(e, index);
    e->last_appended = index - 1;
    e->config_dirty = true;
    if (ls_log_truncate(e->log, index, &err) != LS_OK) {
        engine_fail(e, "the write-set log cannot be cut", &err);
        return;
    }
    engine_sync_dropped(e, index);
    lower_durable_mark(e, index - 1);
}

/* Where a log begins anew it is durable: a machine that is restarted before the next sync must not
 * give it up. What the sync thread may have raised the mark to meanwhile was of the log before. */
static void mark_base(struct ls_engine *e, uint64_t index)
{
    bool kept;

    ls_mutex_lock(&e->identity_mutex);
    kept = e->mark_from != UINT64_MAX;
    if (kept) {
        e->mark_from = index;
        e->identity.durable_index = index;
    }
    ls_mutex_unlock(&e->identity_mutex);
    if (kept) {
        engine_write_identity(e);
    }
}

/* A snapshot takes the place of our history. While the new log has no configuration the identity
 * names no group, so that a crash in between cannot pair it with the old database. */
static void reset_log(struct ls_engine *e, const struct ls_log_pos *base, const void *context,
                      size_t context_size)
{
    struct ls_error err = {0};

    engine_stream_skip(e, base->index);
    engine_submissions_lost(e, true);
    ls_mutex_lock(&e->identity_mutex);
    e->identity.group = ls_uuid_zero;
    e->identity.durable_index = 0;
    ls_mutex_unlock(&e->identity_mutex);
    if (!engine_write_identity(e)) {
        return;
    }
    e->own_count = 0;
    e->log_dirty = false;
    e->last_appended = base->index;
    e->config_dirty = true;
    if (ls_log_reset(e->log, base, context, context_size, &err) != LS_OK) {
        engine_fail(e, "the write-set log cannot be started anew", &err);
        return;
    }
    engine_sync_dropped(e, 0);
    mark_base(e, base->index);
}

static void persist_vote(struct ls_engine *e, uint64_t term, const struct ls_uuid *vote)
{
    ls_mutex_lock(&e->identity_mutex);
    e->identity.term = term;
    e->identity.vote = *vote;
    ls_mutex_unlock(&e->identity_mutex);
    engine_write_identity(e);
}

/* ---- sends ---- */

static bool gather_entries(struct ls_engine *e, const struct ls_msg *msg,
                           struct ls_net_payload *out)
{
    uint64_t first = msg->u.append.first;
    uint64_t last = msg->u.append.last;
    size_t count;

    if (last < first || first == 0) {
        return true;
    }
    count = (size_t)(last - first + 1);
    e->send_entries = grow(e->send_entries, &e->send_cap, count, sizeof(*e->send_entries));
    for (size_t i = 0; i < count; i++) {
        struct ls_entry *entry = &e->send_entries[i];
        if (!engine_entry_get(e, first + i, entry)) {
            if (!engine_log_is_damaged(e)) {
                ls_warn("entry %" PRIu64 " is not in the log any more and cannot be sent",
                        first + i);
            }
            return false;
        }
        if ((msg->flags & LS_APPEND_META_ONLY) != 0) {
            entry->payload = NULL;
        } else if (first + i <= e->aged && !engine_payload_is_whole(e, entry)) {
            return false; /* who gets it would end the connection over it, each time */
        }
    }
    out->entries = e->send_entries;
    out->entry_count = (uint32_t)count;
    return true;
}

static void send_message(struct ls_engine *e, const struct ls_uuid *to, const struct ls_msg *msg)
{
    struct ls_net_payload payload = {0};
    struct ls_piece pieces[4];
    uint64_t acquired = 0;
    enum ls_rc rc;

    if (!engine_flush_log(e)) {
        return;
    }
    if (msg->type == LS_MSG_APPEND || msg->type == LS_MSG_ENTRIES) {
        if (!gather_entries(e, msg, &payload)) {
            return;
        }
    } else if (msg->type == LS_MSG_SUBMIT && (msg->u.submit.entry_flags & LS_EF_BIG) == 0 &&
               msg->u.submit.size > 0) {
        payload.piece_count =
            engine_acquire_pieces(e, msg->u.submit.sub.id, msg->u.submit.payload_hash, pieces);
        if (payload.piece_count == 0) {
            return; /* settled meanwhile */
        }
        payload.pieces = pieces;
        acquired = msg->u.submit.sub.id;
    }
    rc = ls_net_send(e->net, to, msg, &payload);
    if (acquired != 0) {
        engine_release_pieces(e, acquired);
    }
    if (rc == LS_E_BUSY) {
        /* a hole in the order of messages is not allowed: better a new connection */
        ls_net_drop(e->net, to, "it does not take what we send");
    } else if (rc != LS_OK && rc != LS_E_CLOSED) {
        ls_warn("a message of type %u cannot be sent: %s", msg->type, ls_rc_name(rc));
    }
}

/* ---- what the provider sees ---- */

static void set_open(struct ls_engine *e, bool open, bool been_in)
{
    e->seen_told.count = 0;
    ls_mutex_lock(&e->mutex);
    e->open = open;
    e->been_in = e->been_in || been_in;
    ls_cond_broadcast(&e->room);
    ls_cond_broadcast(&e->state);
    ls_mutex_unlock(&e->mutex);
}

static void welcome(struct ls_engine *e, const struct ls_action *a)
{
    struct ls_stream_event ev = {
        .type = LS_STREAM_CONNECTED,
        .bootstrap = e->bootstrapped,
        .from_log = a->u.welcome.from_log,
        .base = a->u.welcome.base,
        .base_cut = a->u.welcome.base_cut,
        .joined = a->u.welcome.joined,
    };

    if (ev.from_log && !e->welcomed) {
        size_t size;
        const void *context = ls_log_context(e->log, &size);
        ev.base = ls_log_base(e->log);
        ev.base_cut = ls_core_context_cut(context, size);
    }
    e->welcomed = true;
    e->bootstrapped = false;
    e->config_dirty = true;
    engine_stream_put(e, &ev, a->u.welcome.config);
    set_open(e, true, true);
}

static void tell_nonprimary(struct ls_engine *e, const struct ls_config *seen)
{
    struct ls_stream_event ev = {.type = LS_STREAM_NONPRIMARY};

    ls_mutex_lock(&e->mutex);
    e->unseen_losses++;
    ls_mutex_unlock(&e->mutex);
    e->seen_told = e->seen_last = *seen;
    engine_stream_put(e, &ev, seen);
}

static void nonprimary(struct ls_engine *e, const struct ls_config *seen)
{
    set_open(e, false, false);
    engine_submissions_lost(e, false);
    tell_nonprimary(e, seen);
}

static bool are_same_members(const struct ls_config *a, const struct ls_config *b)
{
    bool same = a->count == b->count;

    for (uint32_t i = 0; same && i < a->count; i++) {
        same = ls_uuid_equal(&a->members[i].id, &b->members[i].id);
    }
    return same;
}

void engine_follow_seen(struct ls_engine *e)
{
    struct ls_config seen;

    if (e->seen_told.count == 0 || e->closed) {
        return;
    }
    ls_core_get_seen(e->core, &seen);
    if (!are_same_members(&seen, &e->seen_told) && are_same_members(&seen, &e->seen_last)) {
        tell_nonprimary(e, &seen);
    }
    e->seen_last = seen;
}

static void commit(struct ls_engine *e, uint64_t index)
{
    if (engine_flush_log(e)) {
        own_commit(e, index);
        engine_stream_commit(e, index);
    }
}

static bool changes_store(const struct ls_action *a)
{
    return a->type == LS_ACT_APPEND || a->type == LS_ACT_TRUNCATE || a->type == LS_ACT_RESET ||
           a->type == LS_ACT_PERSIST;
}

static void perform_on_store(struct ls_engine *e, const struct ls_action *a)
{
    engine_disk_begin(e);
    switch (a->type) {
    case LS_ACT_APPEND:
        append_entry(e, &a->u.append.entry);
        break;
    case LS_ACT_TRUNCATE:
        truncate_log(e, a->u.index);
        break;
    case LS_ACT_RESET:
        if (a->u.reset.parted && e->opt.parted != NULL) {
            e->opt.parted(e->opt.parted_ctx);
        }
        reset_log(e, &a->u.reset.base, a->u.reset.context, a->u.reset.context_size);
        break;
    default:
        persist_vote(e, a->u.persist.term, &a->u.persist.vote);
        break;
    }
    engine_disk_end(e);
}

static void perform(struct ls_engine *e, const struct ls_action *a)
{
    switch (a->type) {
    case LS_ACT_SEND:
        send_message(e, &a->u.send.to, &a->u.send.msg);
        break;
    case LS_ACT_SPREAD:
        engine_spread_start(e, &a->u.spread.to, a->u.spread.id);
        break;
    case LS_ACT_COMMIT:
        commit(e, a->u.index);
        break;
    case LS_ACT_WELCOME:
        welcome(e, a);
        break;
    case LS_ACT_NONPRIMARY:
        nonprimary(e, a->u.nonprimary.config);
        break;
    case LS_ACT_PRIMARY:
        set_open(e, true, true);
        break;
    case LS_ACT_READ_READY:
        engine_reads_done(e, a->u.read.token, LS_OK, a->u.read.index);
        break;
    case LS_ACT_READ_FAILED:
        engine_reads_done(e, a->u.read.token, LS_E_NOT_PRIMARY, 0);
        break;
    case LS_ACT_REJECTED:
        engine_submission_rejected(e, a->u.id);
        break;
    case LS_ACT_DROP_PAYLOAD:
        engine_stage_drop(e, &a->u.sub);
        break;
    case LS_ACT_LEFT:
        engine_finish(e, a->u.log.text);
        break;
    case LS_ACT_ROLE:
        e->config_dirty = true;
        break;
    case LS_ACT_LOG:
        ls_log((enum ls_log_level)a->u.log.level, "%s", a->u.log.text);
        break;
    default:
        LS_ASSERT(!"an action we do not know");
    }
}

/* First all that changes log and vote, then the rest: nothing is sent before, and the log may begin
 * a segment (which stores the core's context) only when it holds all that the core has appended. */
void engine_perform(struct ls_engine *e)
{
    size_t count;
    const struct ls_action *actions = ls_core_actions(e->core, &count);

    for (size_t i = 0; i < count && !e->failed; i++) {
        if (changes_store(&actions[i])) {
            perform_on_store(e, &actions[i]);
        }
    }
    for (size_t i = 0; i < count && !e->failed; i++) {
        if (!changes_store(&actions[i])) {
            perform(e, &actions[i]);
        }
    }
}
