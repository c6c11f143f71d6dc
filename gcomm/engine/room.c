/* A disk without room. A write that fails is final for the log, and a storage engine without room
 * takes what it cannot write for a difference from the others: so this node stands aside before
 * either happens. It cuts its connections, the others go on without it, and once there is room it
 * comes back by itself with everything it had, and gets the rest from the others' logs.
 *
 * For the log's sake always: it could not go on. For the database's only when the others are a
 * majority without us, and one after the other, since disks may be shared. */
#include "gcomm/engine/internal.h"

#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#define MEBIBYTE (UINT64_C(1) << 20)
/* Of the database's disk: what a fast writer takes until everybody's turn has come. */
#define LEAST_BYTES (64 * MEBIBYTE)
#define BACK_BYTES (96 * MEBIBYTE)
#define LOOK_AGAIN_US 500000
/* Between two that share a disk: the second has to see that the first has gone. */
#define TURN_US 150000

/* What is not known is not short. */
static bool has_room(const char *dir, uint64_t least, uint64_t *free_bytes)
{
    return dir == NULL || ls_file_free_bytes(dir, free_bytes, NULL) != LS_OK ||
           *free_bytes >= least;
}

bool ls_engine_disk_is_short(const char *database_dir)
{
    uint64_t free_bytes;

    return !has_room(database_dir, LEAST_BYTES, &free_bytes);
}

static bool suffice_in(struct ls_engine *e, const struct ls_config *config, bool smaller)
{
    uint32_t total = ls_config_weight(config);
    uint32_t here = 0;
    bool data = false;

    for (uint32_t i = 0; i < config->count; i++) {
        const struct ls_member *m = &config->members[i];
        const struct engine_peer *p = engine_peer_find(e, &m->id);
        if (m->role != LS_MEMBER_VOTER) {
            continue;
        }
        if (p != NULL && p->up) {
            here += m->weight;
            data |= !m->no_data && m->state == LS_NODE_SYNCED;
        } else if (smaller && ls_uuid_equal(&m->id, &e->identity.id)) {
            total -= m->weight;
        }
    }
    return data && 2 * here > total;
}

bool engine_others_suffice(struct ls_engine *e, bool smaller)
{
    struct ls_core_status st;

    ls_core_get_status(e->core, &st);
    return suffice_in(e, st.config, smaller) && suffice_in(e, st.old, smaller);
}

static bool its_turn(struct ls_engine *e)
{
    struct ls_core_status st;
    int index;

    if (e->short_since_us == 0) {
        e->short_since_us = e->now_us;
    }
    ls_core_get_status(e->core, &st);
    index = st.config != NULL ? ls_config_index_of(st.config, &e->identity.id) : -1;
    return index >= 0 && e->now_us >= e->short_since_us + index * TURN_US &&
           engine_others_suffice(e, false);
}

static void stand_aside(struct ls_engine *e, const char *whose, uint64_t free_bytes)
{
    e->aside = whose;
    e->aside_look_us = e->now_us + LOOK_AGAIN_US;
    ls_warn("the disk of the %s is full (%llu KiB are left): this node stands aside, the others go "
            "on without it. Make room: it comes back by itself",
            whose, (unsigned long long)(free_bytes >> 10));
}

static void look_for_room(struct ls_engine *e)
{
    uint64_t free_bytes;

    if (e->now_us < e->aside_look_us) {
        return;
    }
    e->aside_look_us = e->now_us + LOOK_AGAIN_US;
    if (has_room(e->opt.database_dir, BACK_BYTES, &free_bytes) &&
        ls_log_reserve_next(e->log, true, NULL) != LS_E_NOSPC) {
        e->aside = NULL;
        e->short_since_us = 0;
        ls_info("there is room on the disk again: this node comes back");
    }
}

/* At each turn's end, not at a tick: a fast disk takes megabytes in between. */
void engine_watch_log_disk(struct ls_engine *e)
{
    uint64_t free_bytes = 0;

    if (e->open && e->aside == NULL && ls_log_reserve_next(e->log, false, NULL) == LS_E_NOSPC) {
        (void)ls_file_free_bytes(e->opt.data_dir, &free_bytes, NULL);
        stand_aside(e, "write-set log", free_bytes);
    }
}

void engine_watch_disk(struct ls_engine *e)
{
    uint64_t free_bytes = 0;

    if (e->aside != NULL) {
        look_for_room(e);
    } else if (!e->open) {
        return;
    } else if (has_room(e->opt.database_dir, LEAST_BYTES, &free_bytes)) {
        e->short_since_us = 0;
    } else if (its_turn(e)) {
        stand_aside(e, "database", free_bytes);
    }
}
