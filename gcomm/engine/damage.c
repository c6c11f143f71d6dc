/* What was ordered and cannot be read from the log any more, since the disk gives back something
 * else than was written. Somebody may need it, and while this node leads from nobody else: so it
 * leaves, and those that lead and follow after it have what it had. At its next start the log is
 * found to be damaged and dropped.
 *
 * It leaves at once where the others are a majority without it. Where they are one only when the
 * group is smaller by this node, that is ordered first; where nobody could go on, it stays until
 * somebody can, with all that still can be read. */
#include "gcomm/engine/internal.h"

/* ---- reading ---- */

static bool note_damage(struct ls_engine *e)
{
    atomic_store(&e->log_damaged, true);
    return false;
}

bool engine_entry_get(struct ls_engine *e, uint64_t index, struct ls_entry *out)
{
    if (ls_log_get(e->log, index, out, NULL)) {
        return true;
    }
    return index > ls_log_base(e->log).index && index <= e->last_appended && note_damage(e);
}

bool engine_find_seqno(struct ls_engine *e, int64_t seqno, struct ls_log_pos *out)
{
    if (ls_log_find_seqno(e->log, seqno, out)) {
        return true;
    }
    return ls_log_base(e->log).seqno <= seqno && note_damage(e);
}

bool engine_payload_is_whole(struct ls_engine *e, const struct ls_entry *entry)
{
    return ls_log_payload_is_whole(e->log, entry) || note_damage(e);
}

/* ---- leaving ---- */

bool engine_log_is_damaged(const struct ls_engine *e)
{
    return atomic_load(&e->log_damaged) || atomic_load(&e->consumer_failed);
}

static void leave(struct ls_engine *e)
{
    struct ls_error err = {.text = "an entry that was ordered cannot be read from it"};
    bool stuck = atomic_load(&e->consumer_failed); /* it serves nobody, whoever else goes on */
    bool in_order = engine_others_suffice(e, true);

    if (engine_others_suffice(e, false) || (stuck && !in_order)) {
        engine_fail(e, LOG_DAMAGED, &err);
        return;
    }
    if (in_order && e->leave_due_us == 0) {
        ls_engine_leave(e);
    }
    if (!e->damage_told) {
        e->damage_told = true;
        ls_error_log("%s: %s. This node leaves the cluster as soon as the others can go on without "
                     "it; set the disk right and restart the server then",
                     LOG_DAMAGED, err.text);
    }
}

void engine_judge_log(struct ls_engine *e)
{
    if (!engine_log_is_damaged(e)) {
        return;
    }
    if (!e->left) {
        leave(e);
    }
    if (e->left) { /* the way to the end of the stream may lead over what cannot be read */
        engine_stream_skip(e, 0);
        engine_submissions_lost(e, true);
    }
}
