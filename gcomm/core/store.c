/* Our log as the core sees it, and the configurations, states and cuts that it contains. */
#include "gcomm/core/internal.h"

#include <stdlib.h>
#include <string.h>

bool core_pos_at(struct ls_core *c, uint64_t index, struct ls_log_pos *out)
{
    struct ls_entry e;

    if (index == c->last.index) {
        *out = c->last;
        return true;
    }
    if (index == c->base.index) {
        *out = c->base;
        return true;
    }
    if (index < c->base.index || index > c->last.index ||
        !c->log.entry_get(c->log.ctx, index, &e)) {
        return false;
    }
    *out = ls_entry_pos(&e);
    return true;
}

/* How much of our log we acknowledge: what matches the leader's in this term and, with
 * log.sync=majority, is durable (rules 2 and 19). */
uint64_t core_self_held(const struct ls_core *c)
{
    uint64_t held = c->role == LS_ROLE_LEADER ? c->last.index
                    : c->matched.term != 0    ? c->matched.index
                                              : 0;
    if (c->params.sync_majority && c->log_held < held) {
        held = c->log_held;
    }
    return held;
}

static void apply_state(struct ls_config *config, const struct ls_member_state *s)
{
    int i = ls_config_index_of(config, &s->id);

    if (i >= 0 && config->members[i].incarnation == s->incarnation &&
        ls_node_state_counts(config->members[i].state, s->state)) {
        config->members[i].state = s->state;
    }
}

static void control_free(struct control *k)
{
    if (k->type == LS_ENTRY_CONFIG) {
        free(k->u.config);
    }
}

/* Takes a control entry's payload in. The payload came from our own disk or passed the leader, so
 * damage here means a version we do not know or a bug of a peer: the entry cannot be skipped. */
static bool control_decode(struct ls_core *c, const struct ls_entry *e, struct control *k)
{
    struct ls_error err = {0};
    enum ls_rc rc = LS_OK;

    k->index = e->index;
    k->type = e->type;
    switch (e->type) {
    case LS_ENTRY_CONFIG:
        k->u.config = malloc(sizeof(*k->u.config));
        LS_ASSERT(k->u.config != NULL);
        rc = ls_config_decode(e->payload, e->size, k->u.config, &err);
        if (rc != LS_OK) {
            free(k->u.config);
        }
        break;
    case LS_ENTRY_STATE:
        rc = ls_member_state_decode(e->payload, e->size, &k->u.state, &err);
        break;
    case LS_ENTRY_CUT:
        rc = ls_cut_decode(e->payload, e->size, &k->u.cut, &err);
        break;
    default:
        LS_ASSERT(!"not a control entry");
    }
    if (rc != LS_OK) {
        core_log(c, LS_LOG_ERROR, "log entry %llu: %s", (unsigned long long)e->index, err.text);
        return false;
    }
    return true;
}

/* A later configuration entry proves that the one before is committed (rule 8: one at a time), and
 * the first one of an epoch ends all before: it stands alone (rule 17). */
static void take_config(struct ls_core *c, const struct ls_config *config, uint64_t index)
{
    if (config->is_bootstrap) {
        c->old = *config;
    } else if (c->pending_index != 0) {
        c->old = c->latest;
    }
    c->latest = *config;
    c->pending_index = index;
}

static void take_control(struct ls_core *c, const struct control *k)
{
    switch (k->type) {
    case LS_ENTRY_CONFIG:
        take_config(c, k->u.config, k->index);
        break;
    case LS_ENTRY_STATE:
        apply_state(&c->latest, &k->u.state);
        break;
    default:
        if (k->u.cut > c->cut) {
            c->cut = k->u.cut;
        }
        break;
    }
}

static bool is_control(uint8_t type)
{
    return type == LS_ENTRY_CONFIG || type == LS_ENTRY_STATE || type == LS_ENTRY_CUT;
}

static void control_push(struct ls_core *c, const struct control *k)
{
    if (c->control_count == c->control_cap) {
        size_t cap = c->control_cap == 0 ? 16 : 2 * c->control_cap;
        struct control *grown = realloc(c->controls, cap * sizeof(*grown));
        LS_ASSERT(grown != NULL);
        c->controls = grown;
        c->control_cap = cap;
    }
    c->controls[c->control_count++] = *k;
}

static bool note_control(struct ls_core *c, const struct ls_entry *e)
{
    struct control k;

    if (!is_control(e->type) || e->index <= c->config_index) {
        return true;
    }
    if (!control_decode(c, e, &k)) {
        return false;
    }
    take_control(c, &k);
    control_push(c, &k);
    c->controls_moved = true;
    return true;
}

/* `latest`, `old` and the cut again from what is committed plus the controls behind it. */
static void recompute(struct ls_core *c)
{
    c->old = c->committed;
    c->latest = c->committed;
    c->pending_index = 0;
    c->cut = c->cut_committed;
    for (size_t i = 0; i < c->control_count; i++) {
        take_control(c, &c->controls[i]);
    }
}

void core_append(struct ls_core *c, struct ls_entry *e)
{
    struct ls_action *a;

    LS_ASSERT(e->index == c->last.index + 1 && e->term >= c->last.term);
    a = core_act(c, LS_ACT_APPEND);
    a->u.append.entry = *e;
    c->last = ls_entry_pos(e);
    if (e->term == c->term && c->term_first == 0) {
        c->term_first = e->index;
    }
    if (!note_control(c, e)) {
        core_left(c,
                  "a control entry of the log cannot be read: this node cannot follow the group");
    }
    core_submissions_appended(c, e);
}

void core_truncate(struct ls_core *c, uint64_t index)
{
    struct ls_log_pos keep;

    LS_ASSERT(index > c->commit);
    if (!core_pos_at(c, index - 1, &keep)) {
        core_left(c, "the log cannot be read where it is to be cut: this node cannot follow the "
                     "group");
        return;
    }
    core_act(c, LS_ACT_TRUNCATE)->u.index = index;
    c->last = keep;
    if (c->log_held > keep.index) {
        c->log_held = keep.index;
    }
    if (c->term_first > keep.index) {
        c->term_first = 0;
    }
    while (c->control_count > 0 && c->controls[c->control_count - 1].index >= index) {
        control_free(&c->controls[--c->control_count]);
    }
    c->controls_moved = true;
    recompute(c);
    core_submissions_truncated(c, index);
}

static void drop_controls(struct ls_core *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        control_free(&c->controls[i]);
    }
    c->control_count -= count;
    if (c->control_count > 0) {
        memmove(c->controls, c->controls + count, c->control_count * sizeof(c->controls[0]));
    }
    c->controls_moved = true;
}

/* Lets committed control entries take effect one by one: each configuration change is seen with the
 * states exactly as of its place in the log. */
static void commit_controls(struct ls_core *c, uint64_t index)
{
    size_t done = 0;
    bool config_done = false;

    while (done < c->control_count && c->controls[done].index <= index) {
        struct control k = c->controls[done++];
        if (k.type == LS_ENTRY_CONFIG) {
            struct ls_config before = c->committed;
            c->committed = *k.u.config;
            c->config_index = k.index;
            config_done = true;
            if (c->pending_index == k.index) {
                c->pending_index = 0;
                c->old = c->latest;
            } else {
                c->old = c->committed;
            }
            /* the callee must not touch the list of controls' head: it may only append to it */
            core_config_committed(c, &before, k.index);
        } else if (k.type == LS_ENTRY_STATE) {
            apply_state(&c->committed, &k.u.state);
            if (c->pending_index == 0) {
                apply_state(&c->old, &k.u.state);
            }
        } else if (k.u.cut > c->cut_committed) {
            c->cut_committed = k.u.cut;
        }
    }
    if (done > 0) {
        drop_controls(c, done);
        if (config_done) {
            recompute(c); /* what is pending may be a new epoch, which does not build on these */
        }
    }
}

void core_act_commit(struct ls_core *c)
{
    core_act(c, LS_ACT_COMMIT)->u.index = c->commit;
    c->commit_told = c->commit;
}

void core_set_commit(struct ls_core *c, uint64_t index)
{
    LS_ASSERT(index > c->commit && index <= c->last.index);
    c->commit = index;
    core_submissions_committed(c, index);
    if (c->control_count > 0 && c->controls[0].index <= index) {
        commit_controls(c, index);
    }
    if (!c->want_join) { /* else WELCOME comes first, and the COMMIT right behind it */
        core_act_commit(c);
    }
    if (c->removed) {
        if (c->role == LS_ROLE_FOLLOWER) {
            core_follower_flush(c); /* rule 8: we may know of the commit before the leader does */
        }
        core_left(c, "left the group");
        return;
    }
    if (c->role == LS_ROLE_LEADER) {
        c->append_due = true;
    }
    core_read_progress(c);
}

static void set_committed(struct ls_core *c, const struct ls_config *config, uint64_t index,
                          size_t passed)
{
    drop_controls(c, passed);
    c->committed = *config;
    c->config_index = index;
    recompute(c);
}

void core_adopt_config(struct ls_core *c, const struct ls_config *config, uint64_t index)
{
    set_committed(c, config, index, c->control_count);
}

void core_catch_up_config(struct ls_core *c, const struct ls_config *config, uint64_t index)
{
    size_t passed = 0;

    while (passed < c->control_count && c->controls[passed].index <= index) {
        passed++;
    }
    set_committed(c, config, index, passed);
}

/* The host purges its log without a word. What begins our log for us is then the position before
 * the oldest entry that it still holds, or that entry when the position cannot be found. Only
 * committed entries are purged, and those are there to be read. */
void core_refresh_base(struct ls_core *c)
{
    struct ls_entry e;
    uint64_t gone = c->base.index + 1;
    uint64_t held = c->commit;

    if (held <= gone || c->log.entry_get(c->log.ctx, gone, &e) ||
        !c->log.entry_get(c->log.ctx, held, &e)) {
        return;
    }
    while (held - gone > 1) {
        uint64_t middle = gone + (held - gone) / 2;
        if (c->log.entry_get(c->log.ctx, middle, &e)) {
            held = middle;
        } else {
            gone = middle;
        }
    }
    if (c->log.entry_get(c->log.ctx, held, &e)) {
        struct ls_log_pos before;
        bool known = (e.flags & LS_EF_SEQNO) &&
                     c->log.find_seqno(c->log.ctx, e.seqno - 1, &before) &&
                     before.index == e.index - 1;
        c->base = known ? before : ls_entry_pos(&e);
    }
}

/* Layouts of the context. 2: with the term of the entry that let us in. */
enum {
    CONTEXT_V1 = 1,
    CONTEXT_V2 = 2,
};

static bool context_known(uint8_t version)
{
    return version == CONTEXT_V1 || version == CONTEXT_V2;
}

static size_t context_put(const struct ls_core *c, void *buf, size_t size)
{
    struct ls_writer w = ls_writer_init(buf, size);
    uint8_t *len_at;
    uint32_t len;

    ls_put_u8(&w, CONTEXT_V2);
    ls_put_i64(&w, c->cut);
    ls_put_u64(&w, c->config_index);
    ls_put_u64(&w, c->pending_index);
    ls_put_u64(&w, c->joined_term);
    len_at = w.pos;
    ls_put_u32(&w, 0);
    ls_config_encode(&c->old, &w);
    if (w.failed) {
        return 0;
    }
    len = (uint32_t)(w.pos - len_at) - 4;
    memcpy(len_at, &len, sizeof(len));
    ls_config_encode(&c->latest, &w);
    return w.failed ? 0 : (size_t)(w.pos - (uint8_t *)buf);
}

/* While such a step's actions are performed, the log may end anywhere in the middle of what the
 * step changed, and the state before it is gone. */
size_t ls_core_context_encode(const struct ls_core *core, void *buf, size_t size)
{
    if (core->controls_moved && core->action_count > 0) {
        return 0;
    }
    return context_put(core, buf, size);
}

int64_t ls_core_context_cut(const void *context, size_t size)
{
    struct ls_reader r = ls_reader_init(context, size);
    uint8_t version = ls_get_u8(&r);
    int64_t cut = ls_get_i64(&r);

    return context_known(version) && !r.failed ? cut : 0;
}

struct ls_uuid ls_core_context_group(const void *context, size_t size)
{
    struct ls_reader r = ls_reader_init(context, size);
    struct ls_config config;
    uint8_t version = ls_get_u8(&r);
    const uint8_t *p;
    uint32_t len;

    (void)ls_get_i64(&r);
    (void)ls_get_u64(&r);
    (void)ls_get_u64(&r);
    if (version >= CONTEXT_V2) {
        (void)ls_get_u64(&r);
    }
    len = ls_get_u32(&r);
    p = ls_get_view(&r, len);
    if (p == NULL || !context_known(version) || ls_config_decode(p, len, &config, NULL) != LS_OK) {
        return ls_uuid_zero;
    }
    return config.group;
}

static enum ls_rc context_take(struct ls_core *c, const void *data, size_t size,
                               struct ls_error *err)
{
    struct ls_reader r = ls_reader_init(data, size);
    uint8_t version = ls_get_u8(&r);
    struct ls_config *tmp = &c->latest;
    uint32_t len;
    const uint8_t *p;
    enum ls_rc rc;

    c->cut = c->cut_committed = ls_get_i64(&r);
    c->config_index = ls_get_u64(&r);
    c->pending_index = ls_get_u64(&r);
    if (version >= CONTEXT_V2) {
        c->joined_term = ls_get_u64(&r);
    }
    len = ls_get_u32(&r);
    p = ls_get_view(&r, len);
    if (p == NULL || !context_known(version)) {
        return ls_error_set(err, LS_E_CORRUPT, "context of the log is damaged or of version %u",
                            version);
    }
    rc = ls_config_decode(p, len, &c->old, err);
    if (rc == LS_OK) {
        len = (uint32_t)ls_reader_left(&r);
        rc = ls_config_decode(ls_get_view(&r, len), len, tmp, err);
    }
    return rc;
}

/* Brings the state from the stored log: the context at its base, then the control entries. What is
 * not known to be committed stays pending; the next leader's first entry settles it. */
enum ls_rc core_load(struct ls_core *c, const struct ls_core_start *start, struct ls_error *err)
{
    c->base = start->base;
    c->last = start->last;
    c->log_held = start->last.index;
    c->commit = start->commit > start->base.index ? start->commit : start->base.index;
    if (c->commit > c->last.index) {
        return ls_error_set(err, LS_E_INVAL, "commit index %llu is above the log's last %llu",
                            (unsigned long long)c->commit, (unsigned long long)c->last.index);
    }
    c->delivered = start->base.index; /* verdicts are known when the host says so, not before */
    if (start->context_size > 0) {
        enum ls_rc rc = context_take(c, start->context, start->context_size, err);
        if (rc != LS_OK) {
            return rc;
        }
    }
    c->committed = c->old;
    if (c->pending_index != 0) {
        /* a configuration pending at the base: as a control entry, so that it can commit */
        struct control k = {.index = c->pending_index, .type = LS_ENTRY_CONFIG};
        k.u.config = malloc(sizeof(*k.u.config));
        LS_ASSERT(k.u.config != NULL);
        *k.u.config = c->latest;
        control_push(c, &k);
        if (c->config_index >= k.index) {
            c->config_index = k.index - 1;
        }
    }
    recompute(c);
    for (uint64_t i = c->base.index + 1; i <= c->last.index; i++) {
        struct ls_entry e;
        if (!c->log.entry_get(c->log.ctx, i, &e)) {
            return ls_error_set(err, LS_E_CORRUPT, "log entry %llu cannot be read",
                                (unsigned long long)i);
        }
        core_submissions_loaded(c, &e);
        if (!note_control(c, &e)) {
            return ls_error_set(err, LS_E_CORRUPT, "control entry %llu of the log is damaged",
                                (unsigned long long)i);
        }
    }
    if (c->control_count > 0 && c->controls[0].index <= c->commit) {
        commit_controls(c, c->commit);
        recompute(c);
    }
    return LS_OK;
}

void core_reset_log(struct ls_core *c, const struct ls_log_pos *base, int64_t cut,
                    const struct ls_config *config, uint64_t config_index)
{
    struct ls_action *a;
    void *context = core_scratch(c, LS_CORE_CONTEXT_MAX);
    size_t size;

    core_submissions_truncated(c, 0);
    c->base = *base;
    c->last = *base;
    c->commit = base->index;
    c->commit_told = base->index;
    c->delivered = base->index;
    c->log_held = base->index;
    c->term_first = 0;
    c->matched = (struct ls_log_pos){0};
    for (uint32_t i = 0; i < c->peer_count; i++) {
        c->peers[i].acked = 0; /* counts again once our log has come so far */
    }
    c->cut_committed = cut;
    core_adopt_config(c, config, config_index);
    size = context_put(c, context, LS_CORE_CONTEXT_MAX);
    LS_ASSERT(size > 0);
    a = core_act(c, LS_ACT_RESET);
    a->u.reset.base = *base;
    a->u.reset.context = context;
    a->u.reset.context_size = size;
    a->u.reset.parted = c->parted;
}
