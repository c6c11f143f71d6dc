/* Rows, their locks, and the chain over everything ordered.
 *
 * The state lives in a shared file mapping: what a killed process had committed is there for the
 * next one, as a storage engine's redo log would give it back. An undo area makes a commit that was
 * cut short by kill -9 disappear. */
#include "test/node/driver/driver.h"
#include "wsrep/base/hash.h"
#include "wsrep/base/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHANGE_MAGIC 0x4c53445256494e47ULL

struct state {
    wsrep_gtid_t gtid;
    uint64_t chain;
    uint64_t rows[MAX_ROWS];
};

struct image {
    uint64_t used; /* the history is set */
    struct state state;
    struct {
        _Atomic uint64_t valid;
        wsrep_gtid_t gtid;
        uint64_t chain;
        uint32_t row_count;
        uint32_t index[MAX_TRX_ROWS];
        uint64_t value[MAX_TRX_ROWS];
    } undo;
};

struct row_lock {
    ls_mutex lock;
    ls_cond freed;
    struct trx *owner;
    int ordered_waiters; /* these go first */
};

static struct image *image;
static struct row_lock *locks;
static ls_mutex db_mutex;

/* ---- life ---- */

static void undo_torn_commit(void)
{
    if (!atomic_load(&image->undo.valid)) {
        return;
    }
    for (uint32_t i = 0; i < image->undo.row_count; i++) {
        image->state.rows[image->undo.index[i]] = image->undo.value[i];
    }
    image->state.gtid = image->undo.gtid;
    image->state.chain = image->undo.chain;
    atomic_store(&image->undo.valid, 0);
    say("undo seqno=%lld", (long long)image->state.gtid.seqno);
}

void db_open(void)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%s/driver.db", cfg.base_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, sizeof(*image)) != 0) {
        perror(path);
        exit(2);
    }
    image = mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (image == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    close(fd);
    if (!image->used) {
        image->state.gtid.seqno = WSREP_SEQNO_UNDEFINED;
        image->used = 1;
    }
    undo_torn_commit();
    ls_mutex_init(&db_mutex);
    locks = calloc((size_t)cfg.rows, sizeof(*locks));
    if (locks == NULL) {
        abort();
    }
    for (int i = 0; i < cfg.rows; i++) {
        ls_mutex_init(&locks[i].lock);
        ls_cond_init(&locks[i].freed);
    }
}

wsrep_gtid_t db_position(void)
{
    wsrep_gtid_t gtid;

    ls_mutex_lock(&db_mutex);
    gtid = image->state.gtid;
    ls_mutex_unlock(&db_mutex);
    return gtid;
}

uint64_t db_chain(void)
{
    uint64_t chain;

    ls_mutex_lock(&db_mutex);
    chain = image->state.chain;
    ls_mutex_unlock(&db_mutex);
    return chain;
}

uint64_t db_rows_hash(void)
{
    uint64_t hash;

    ls_mutex_lock(&db_mutex);
    hash = ls_hash64(image->state.rows, sizeof(image->state.rows));
    ls_mutex_unlock(&db_mutex);
    return hash;
}

/* ---- row locks ---- */

/* Asks the provider once per holder, under the row's and the victim's lock as the server does. */
static void abort_holder(struct trx *victim, wsrep_seqno_t bf_seqno)
{
    wsrep_seqno_t victim_seqno = -99;
    wsrep_status_t st;

    ls_mutex_lock(&victim->lock);
    if (victim->state != TRX_ORDERED && !atomic_load(&victim->must_abort)) {
        st =
            provider->abort_certification(provider, bf_seqno, victim->handle.trx_id, &victim_seqno);
        TRACE("app", "abort_certification bf=%lld -> %s", (long long)bf_seqno, status_name(st));
        if (victim_seqno == -99) {
            violation("abort_certification left the victim's seqno unwritten");
        }
        if (st == WSREP_OK) {
            atomic_store(&victim->must_abort, true);
            atomic_fetch_add(&counters.bf_aborts, 1);
        } else {
            atomic_fetch_add(&counters.bf_refused, 1);
        }
    }
    ls_mutex_unlock(&victim->lock);
}

bool db_lock(struct trx *trx, uint32_t row)
{
    struct row_lock *l = &locks[row];

    ls_mutex_lock(&l->lock);
    while (l->owner != NULL || l->ordered_waiters > 0) {
        if (atomic_load(&trx->must_abort)) {
            ls_mutex_unlock(&l->lock);
            return false;
        }
        ls_cond_wait_until(&l->freed, &l->lock, ls_clock_us() + 2000);
    }
    l->owner = trx;
    ls_mutex_unlock(&l->lock);
    return !atomic_load(&trx->must_abort);
}

void db_lock_ordered(struct trx *trx, uint32_t row, wsrep_seqno_t bf_seqno)
{
    struct row_lock *l = &locks[row];
    wsrep_trx_id_t asked = WSREP_UNDEFINED_TRX_ID;
    bool reported = false;

    ls_mutex_lock(&l->lock);
    l->ordered_waiters++;
    while (l->owner != NULL) {
        struct trx *o = l->owner;
        if (o->local && o->handle.trx_id != asked) {
            asked = o->handle.trx_id;
            abort_holder(o, bf_seqno);
        } else if (!o->local && !trx->replay && !o->replay && !reported) {
            violation("seqno %lld was started while %lld holds row %u: depends_on is too low",
                      (long long)trx->meta.gtid.seqno, (long long)o->meta.gtid.seqno, row);
            reported = true;
        }
        ls_cond_wait_until(&l->freed, &l->lock, ls_clock_us() + 2000);
    }
    l->ordered_waiters--;
    l->owner = trx;
    ls_mutex_unlock(&l->lock);
}

void db_unlock(struct trx *trx, uint32_t row)
{
    struct row_lock *l = &locks[row];

    ls_mutex_lock(&l->lock);
    if (l->owner == trx) {
        l->owner = NULL;
        ls_cond_broadcast(&l->freed);
    }
    ls_mutex_unlock(&l->lock);
}

void db_unlock_all(struct trx *trx)
{
    for (size_t i = 0; i < trx->lock_count; i++) {
        db_unlock(trx, trx->rows[i]);
    }
}

/* ---- commit: always inside commit order ---- */

static void begin_undo(const struct change *c)
{
    image->undo.gtid = image->state.gtid;
    image->undo.chain = image->state.chain;
    image->undo.row_count = c != NULL ? c->row_count : 0;
    for (uint32_t i = 0; c != NULL && i < c->row_count; i++) {
        image->undo.index[i] = c->rows[i];
        image->undo.value[i] = image->state.rows[c->rows[i]];
    }
    atomic_store(&image->undo.valid, 1);
}

static void advance(const wsrep_gtid_t *gtid, char kind, uint64_t value)
{
    struct {
        uint64_t chain, seqno, kind, value;
    } link = {image->state.chain, (uint64_t)gtid->seqno, (uint64_t)kind, value};

    if (memcmp(&gtid->uuid, &image->state.gtid.uuid, sizeof(gtid->uuid)) != 0) {
        violation("seqno %lld of another history", (long long)gtid->seqno);
    }
    if (gtid->seqno != image->state.gtid.seqno + 1) {
        violation("seqno %lld (%c) commits after %lld", (long long)gtid->seqno, kind,
                  (long long)image->state.gtid.seqno);
    }
    image->state.chain = ls_hash64(&link, sizeof(link));
    image->state.gtid.seqno = gtid->seqno;
}

void db_commit(const wsrep_gtid_t *gtid, const struct change *c)
{
    ls_mutex_lock(&db_mutex);
    begin_undo(c);
    for (uint32_t i = 0; c != NULL && i < c->row_count; i++) {
        uint64_t *row = &image->state.rows[c->rows[i]];
        uint64_t pair[2] = {*row, c->value};
        *row = ls_hash64(pair, sizeof(pair)); /* depends on the order of the writes to this row */
    }
    advance(gtid, c == NULL ? 'F' : c->toi ? 'T' : 'C', c != NULL ? c->value : 0);
    atomic_store(&image->undo.valid, 0);
    ls_mutex_unlock(&db_mutex);
}

void db_commit_view(const wsrep_gtid_t *gtid)
{
    ls_mutex_lock(&db_mutex);
    begin_undo(NULL);
    advance(gtid, 'V', 0);
    atomic_store(&image->undo.valid, 0);
    ls_mutex_unlock(&db_mutex);
}

void db_start_history(const wsrep_gtid_t *gtid)
{
    ls_mutex_lock(&db_mutex);
    image->state.gtid = *gtid;
    ls_mutex_unlock(&db_mutex);
}

/* ---- snapshots: what a state transfer script would copy ---- */

void db_save_snapshot(const char *path, bool bypass)
{
    char tmp[4096];
    FILE *f;
    bool ok;

    snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    f = fopen(tmp, "we");
    ok = f != NULL && fputc(bypass ? 'B' : 'S', f) != EOF;
    if (ok && !bypass) {
        struct state *copy = malloc(sizeof(*copy));
        ls_mutex_lock(&db_mutex);
        memcpy(copy, &image->state, sizeof(*copy));
        ls_mutex_unlock(&db_mutex);
        ok = fwrite(copy, sizeof(*copy), 1, f) == 1;
        free(copy);
    }
    if (f == NULL || fclose(f) != 0 || !ok || rename(tmp, path) != 0) {
        violation("snapshot %s: %s", path, strerror(errno));
    }
}

int db_load_snapshot(const char *path)
{
    FILE *f = fopen(path, "re");
    int kind = f != NULL ? fgetc(f) : EOF, result = -1;

    if (kind == 'B') {
        result = 1;
    } else if (kind == 'S') {
        ls_mutex_lock(&db_mutex);
        result = fread(&image->state, sizeof(image->state), 1, f) == 1 ? 0 : -1;
        ls_mutex_unlock(&db_mutex);
    }
    if (f != NULL) {
        fclose(f);
    }
    return result;
}

/* ---- what a write-set carries ---- */

struct header {
    uint64_t magic;
    uint64_t hash; /* of everything behind this field */
    uint64_t value;
    uint32_t row_count;
    uint32_t toi;
    uint32_t rows[];
};

void *change_encode(const struct change *c, size_t size)
{
    struct header *h = malloc(size);

    if (h == NULL || size < sizeof(*h) + c->row_count * sizeof(h->rows[0])) {
        fprintf(stderr, "write-sets of %zu bytes are too small for %u rows\n", size, c->row_count);
        exit(2);
    }
    memset(h, (int)(c->value & 0xff), size);
    h->magic = CHANGE_MAGIC;
    h->value = c->value;
    h->row_count = c->row_count;
    h->toi = c->toi;
    memcpy(h->rows, c->rows, c->row_count * sizeof(h->rows[0]));
    h->hash = ls_hash64(&h->value, size - offsetof(struct header, value));
    return h;
}

bool change_decode(const wsrep_buf_t *buf, struct change *out)
{
    struct header h; /* a copy: the provider's buffer need not be aligned */
    const char *bytes = buf->ptr;

    if (bytes == NULL || buf->len < sizeof(h)) {
        return false;
    }
    memcpy(&h, bytes, sizeof(h));
    if (h.magic != CHANGE_MAGIC || h.row_count > MAX_TRX_ROWS ||
        buf->len < sizeof(h) + h.row_count * sizeof(h.rows[0]) ||
        h.hash != ls_hash64(bytes + offsetof(struct header, value),
                            buf->len - offsetof(struct header, value))) {
        return false;
    }
    out->value = h.value;
    out->row_count = h.row_count;
    out->toi = h.toi != 0;
    memcpy(out->rows, bytes + sizeof(h), h.row_count * sizeof(h.rows[0]));
    return true;
}
