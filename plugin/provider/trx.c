#include "plugin/provider/trx.h"

#include "wsrep/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(s) (1u << (s))

/* The drawing of trx.h as a table: where one may go from each state. */
static const uint32_t allowed[LS_TRX_STATE_COUNT] = {
    [LS_TRX_EXECUTING] = BIT(LS_TRX_SUBMITTING) | BIT(LS_TRX_ABORTED),
    [LS_TRX_ABORTED] = 0,
    [LS_TRX_SUBMITTING] = BIT(LS_TRX_SENT) | BIT(LS_TRX_ABORTED),
    [LS_TRX_SENT] = BIT(LS_TRX_CERTIFIED) | BIT(LS_TRX_FAILED) | BIT(LS_TRX_MUST_REPLAY) |
                    BIT(LS_TRX_LOST) | BIT(LS_TRX_ABORTED),
    [LS_TRX_LOST] = 0,
    [LS_TRX_CERTIFIED] = BIT(LS_TRX_COMMITTING) | BIT(LS_TRX_MUST_REPLAY) | BIT(LS_TRX_REPLAYING),
    [LS_TRX_FAILED] = BIT(LS_TRX_LEAVING),
    [LS_TRX_LEAVING] = BIT(LS_TRX_ROLLED_BACK),
    [LS_TRX_ROLLED_BACK] = 0,
    [LS_TRX_MUST_REPLAY] = BIT(LS_TRX_REPLAYING),
    [LS_TRX_REPLAYING] = BIT(LS_TRX_COMMITTING),
    [LS_TRX_COMMITTING] = BIT(LS_TRX_COMMITTED),
    [LS_TRX_COMMITTED] = 0,
};

static const char *const names[LS_TRX_STATE_COUNT] = {
    "executing", "aborted",     "submitting",  "sent",      "lost",       "certified", "failed",
    "leaving",   "rolled back", "must replay", "replaying", "committing", "committed",
};

const char *ls_trx_state_name(enum ls_trx_state s)
{
    LS_ASSERT(s < LS_TRX_STATE_COUNT);
    return names[s];
}

void ls_trx_move(struct ls_trx *trx, enum ls_trx_state to)
{
    LS_ASSERT(to < LS_TRX_STATE_COUNT);
    LS_ASSERT((allowed[trx->state] & BIT(to)) != 0);
    trx->state = to;
}

enum ls_abort_action ls_trx_abort(struct ls_trx *trx, int64_t bf_seqno)
{
    switch (trx->state) {
    case LS_TRX_EXECUTING:
        trx->aborted = true;
        ls_trx_move(trx, LS_TRX_ABORTED);
        return LS_ABORT_DONE;
    case LS_TRX_SUBMITTING:
        if (trx->aborted) {
            return LS_ABORT_REFUSED;
        }
        trx->aborted = true;
        return LS_ABORT_KICK_SUBMIT;
    case LS_TRX_SENT:
        /* Its place is not known yet; if it turns out to be certified, replay puts it behind the
         * aborter or before it, as the order says. */
        if (trx->aborted) {
            return LS_ABORT_REFUSED;
        }
        trx->aborted = true;
        return LS_ABORT_DONE;
    case LS_TRX_CERTIFIED:
        if (bf_seqno > 0 && trx->seqno < bf_seqno) {
            return LS_ABORT_REFUSED;
        }
        trx->aborted = true;
        ls_trx_move(trx, LS_TRX_MUST_REPLAY);
        return LS_ABORT_KICK_COMMIT;
    default:
        return LS_ABORT_REFUSED;
    }
}

static bool is_table(const char *name, size_t len, const struct ls_piece *database,
                     const struct ls_piece *table)
{
    return len == database->len + 1 + table->len && name[database->len] == '.' &&
           memcmp(name, database->data, database->len) == 0 &&
           memcmp(name + database->len + 1, table->data, table->len) == 0;
}

void ls_trx_note_table(struct ls_trx *trx, const struct ls_piece *database,
                       const struct ls_piece *table)
{
    struct ls_trx_tables *t = &trx->tables;
    uint32_t n = t->count;

    if (n > LS_TRX_TABLE_RUNS ||
        (n > 0 && is_table(t->runs[n - 1].name, t->runs[n - 1].name_len, database, table))) {
        return;
    }
    t->count++;
    if (n < LS_TRX_TABLE_RUNS) {
        t->runs[n].from_key = ls_ws_key_count(trx->builder);
        snprintf(t->runs[n].name, LS_TABLE_NAME_SIZE, "%.*s.%.*s", (int)database->len,
                 (const char *)database->data, (int)table->len, (const char *)table->data);
        t->runs[n].name_len = strlen(t->runs[n].name);
    }
}

const char *ls_trx_conflict_table(const struct ls_trx *trx)
{
    const struct ls_trx_tables *t = &trx->tables;
    uint32_t known = t->count < LS_TRX_TABLE_RUNS ? t->count : LS_TRX_TABLE_RUNS;

    if (trx->conflict_key < 0) {
        return "";
    }
    for (uint32_t i = known; i > 0; i--) {
        if ((size_t)trx->conflict_key >= t->runs[i - 1].from_key) {
            return i == LS_TRX_TABLE_RUNS && t->count > known ? "" : t->runs[i - 1].name;
        }
    }
    return "";
}

void ls_trx_decide(struct ls_trx *trx, bool pass, int64_t seqno, int64_t depends_on, uint64_t index)
{
    LS_ASSERT(seqno > 0);
    LS_ASSERT(trx->seqno == LS_SEQNO_UNDEFINED);
    trx->seqno = seqno;
    trx->depends_on = pass ? depends_on : LS_SEQNO_UNDEFINED;
    trx->index = index;
    if (!pass) {
        ls_trx_move(trx, LS_TRX_FAILED);
    } else {
        ls_trx_move(trx, trx->aborted ? LS_TRX_MUST_REPLAY : LS_TRX_CERTIFIED);
    }
    ls_cond_signal(&trx->cond);
}

static struct ls_trx_shard *shard_of(struct ls_trx_table *t, uint64_t id)
{
    return &t->shards[id % LS_TRX_SHARDS];
}

static struct ls_trx **bucket_of(struct ls_trx_shard *s, uint64_t id)
{
    return &s->buckets[(id / LS_TRX_SHARDS) % LS_TRX_BUCKETS];
}

void ls_trx_table_init(struct ls_trx_table *t)
{
    memset(t, 0, sizeof(*t));
    for (int i = 0; i < LS_TRX_SHARDS; i++) {
        ls_mutex_init(&t->shards[i].lock);
    }
}

static void trx_free(struct ls_trx *trx)
{
    ls_ws_builder_destroy(trx->builder);
    ls_cond_destroy(&trx->cond);
    ls_mutex_destroy(&trx->lock);
    free(trx);
}

static void chain_free(struct ls_trx *trx)
{
    while (trx != NULL) {
        struct ls_trx *next = trx->hash_next;
        trx_free(trx);
        trx = next;
    }
}

void ls_trx_table_destroy(struct ls_trx_table *t)
{
    for (int i = 0; i < LS_TRX_SHARDS; i++) {
        struct ls_trx_shard *s = &t->shards[i];
        for (int b = 0; b < LS_TRX_BUCKETS; b++) {
            chain_free(s->buckets[b]);
        }
        chain_free(s->spare);
        ls_mutex_destroy(&s->lock);
    }
}

static struct ls_trx *find_locked(struct ls_trx_shard *s, uint64_t id)
{
    struct ls_trx *trx = *bucket_of(s, id);
    while (trx != NULL && trx->id != id) {
        trx = trx->hash_next;
    }
    return trx;
}

struct ls_trx *ls_trx_find(struct ls_trx_table *t, uint64_t id)
{
    struct ls_trx_shard *s = shard_of(t, id);
    ls_mutex_lock(&s->lock);
    struct ls_trx *trx = find_locked(s, id);
    ls_mutex_unlock(&s->lock);
    return trx;
}

static struct ls_trx *trx_alloc(void)
{
    struct ls_trx *trx = calloc(1, sizeof(*trx));
    if (trx == NULL) {
        return NULL;
    }
    trx->builder = ls_ws_builder_create();
    if (trx->builder == NULL) {
        free(trx);
        return NULL;
    }
    ls_mutex_init(&trx->lock);
    ls_cond_init(&trx->cond);
    trx->kind = LS_HANDLE_LOCAL;
    return trx;
}

static void trx_renew(struct ls_trx *trx, uint64_t id)
{
    trx->id = id;
    trx->conn = UINT64_MAX;
    trx->state = LS_TRX_EXECUTING;
    trx->aborted = false;
    trx->retired = false;
    trx->append_rc = LS_OK;
    trx->flags = 0;
    trx->seqno = LS_SEQNO_UNDEFINED;
    trx->depends_on = LS_SEQNO_UNDEFINED;
    trx->index = 0;
    trx->tables.count = 0;
    trx->conflict_key = -1;
    trx->last_seen = LS_SEQNO_UNDEFINED;
    memset(&trx->sub, 0, sizeof(trx->sub));
}

struct ls_trx *ls_trx_create(struct ls_trx_table *t, uint64_t id)
{
    struct ls_trx_shard *s = shard_of(t, id);

    ls_mutex_lock(&s->lock);
    struct ls_trx *trx = s->spare;
    if (trx != NULL) {
        s->spare = trx->hash_next;
        s->spare_count--;
    } else {
        trx = trx_alloc();
    }
    if (trx != NULL) {
        struct ls_trx **b = bucket_of(s, id);
        trx_renew(trx, id);
        trx->hash_next = *b;
        *b = trx;
        s->count++;
    }
    ls_mutex_unlock(&s->lock);
    return trx;
}

void ls_trx_remove(struct ls_trx_table *t, struct ls_trx *trx)
{
    struct ls_trx_shard *s = shard_of(t, trx->id);

    LS_ASSERT(!trx->is_pending);
    ls_ws_builder_reset(trx->builder);
    ls_mutex_lock(&s->lock);
    struct ls_trx **link = bucket_of(s, trx->id);
    while (*link != NULL && *link != trx) {
        link = &(*link)->hash_next;
    }
    LS_ASSERT(*link == trx);
    *link = trx->hash_next;
    s->count--;
    bool keep = s->spare_count < LS_TRX_SPARE;
    if (keep) {
        trx->hash_next = s->spare;
        s->spare = trx;
        s->spare_count++;
    }
    ls_mutex_unlock(&s->lock);
    if (!keep) {
        trx_free(trx);
    }
}

uint32_t ls_trx_count(struct ls_trx_table *t)
{
    uint32_t n = 0;
    for (int i = 0; i < LS_TRX_SHARDS; i++) {
        ls_mutex_lock(&t->shards[i].lock);
        n += t->shards[i].count;
        ls_mutex_unlock(&t->shards[i].lock);
    }
    return n;
}

bool ls_trx_with(struct ls_trx_table *t, uint64_t id, void (*fn)(struct ls_trx *trx, void *arg),
                 void *arg)
{
    struct ls_trx_shard *s = shard_of(t, id);
    ls_mutex_lock(&s->lock);
    struct ls_trx *trx = find_locked(s, id);
    if (trx != NULL) {
        fn(trx, arg);
    }
    ls_mutex_unlock(&s->lock);
    return trx != NULL;
}
