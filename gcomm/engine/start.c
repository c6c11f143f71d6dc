/* What a node brings to life: identity and log, and when they may not be used any more (rule 16).
 *
 * A voter that has lost entries it acknowledged must not vote with what is left. So whenever the
 * log is given up, the identity is given up with it: the node comes as a new one, a learner. */
#include "gcomm/engine/internal.h"

#include "wsrep/os/address.h"
#include "wsrep/os/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_SIZE 320

static size_t log_context(void *ctx, void *buf, size_t size)
{
    struct ls_engine *e = ctx;

    return e->core != NULL ? ls_core_context_encode(e->core, buf, size) : 0;
}

static enum ls_rc open_log(struct ls_engine *e, bool rebooted, bool *damaged, struct ls_error *err)
{
    struct ls_log_options opt = {
        .dir = e->opt.data_dir,
        .max_bytes = e->opt.log_bytes,
        .context = log_context,
        .context_max = LS_CORE_CONTEXT_MAX,
        .context_ctx = e,
        .rebooted = rebooted,
        .reread = e->opt.params.sync_majority && !rebooted,
        .durable = e->identity.durable_index,
    };

    return ls_log_open(&opt, &e->log, damaged, err);
}

bool engine_write_identity(struct ls_engine *e)
{
    struct ls_error err = {0};
    enum ls_rc rc;

    engine_disk_begin(e);
    ls_mutex_lock(&e->identity_mutex);
    rc = ls_identity_write(e->identity_file, &e->identity, &err);
    ls_mutex_unlock(&e->identity_mutex);
    engine_disk_end(e);
    if (rc != LS_OK) {
        engine_fail(e, "the identity file cannot be written", &err);
    }
    return rc == LS_OK;
}

/* The history that the log ends in; zero when nothing in it says so. */
static struct ls_uuid log_group(struct ls_engine *e)
{
    uint64_t base = ls_log_base(e->log).index;
    struct ls_entry entry;
    struct ls_config config;
    const void *context;
    size_t size;

    for (uint64_t i = ls_log_last(e->log).index; i > base; i--) {
        if (ls_log_get(e->log, i, &entry, NULL) && entry.type == LS_ENTRY_CONFIG &&
            ls_config_decode(entry.payload, entry.size, &config, NULL) == LS_OK) {
            return config.group;
        }
    }
    context = ls_log_context(e->log, &size);
    return context != NULL ? ls_core_context_group(context, size) : ls_uuid_zero;
}

/* A log that somebody put here from another cluster is whole, and wrong. */
static bool judge_group(struct ls_engine *e, char why[WHY_SIZE])
{
    struct ls_uuid group = log_group(e);

    if (ls_uuid_is_zero(&group) || ls_uuid_is_zero(&e->identity.group) ||
        ls_uuid_equal(&group, &e->identity.group)) {
        return false;
    }
    snprintf(why, WHY_SIZE,
             "the write-set log belongs to history %s, the identity file to %s: one of them is "
             "another cluster's",
             LS_UUID_STR(&group), LS_UUID_STR(&e->identity.group));
    return true;
}

/* Why log and identity may not be used, judged by the files alone; false when they may. */
static bool judge_files(struct ls_engine *e, enum ls_rc identity_state, bool damaged,
                        const char *boot_id, char why[WHY_SIZE])
{
    const struct ls_identity *id = &e->identity;
    uint64_t last = ls_log_last(e->log).index;

    if (identity_state == LS_E_NOTFOUND && last > 0) {
        snprintf(why, WHY_SIZE, "the identity file is missing, so nobody knows whose log this is");
    } else if (identity_state == LS_E_CORRUPT) {
        snprintf(why, WHY_SIZE, "the identity file is damaged");
    } else if (damaged) {
        snprintf(why, WHY_SIZE, "the write-set log is damaged");
    } else if (last < id->durable_index) {
        snprintf(why, WHY_SIZE,
                 "the write-set log ends at entry %" PRIu64
                 ", but was on disk up to entry %" PRIu64,
                 last, id->durable_index);
    } else if (last == 0 && !ls_uuid_is_zero(&id->group)) {
        snprintf(why, WHY_SIZE, "the write-set log of a former member is missing");
    } else if (last > 0 && id->durable_index == 0 && strcmp(id->boot_id, boot_id) != 0) {
        snprintf(why, WHY_SIZE,
                 "the machine was restarted without a clean shutdown of this node, and with "
                 "log.sync=none the end of the log may have been lost");
    } else {
        return judge_group(e, why);
    }
    return true;
}

/* The log's own sync may lag behind the storage engine's. With log.sync=majority a commit waits for
 * the logs of a majority, which need not be this node's; then the storage engine may flush it at
 * once (innodb_flush_log_at_trx_commit=1), and when the power goes the database is ahead of a log
 * that is whole as far as this node ever promised (judge_files). What it lacks a majority of the
 * others has. As long as the machine runs nothing of a log is lost, so there a database ahead of it
 * means that somebody has put an older log here, and that one has forgotten promises.
 *
 * The identity keeps the place: the next start may come before the log has been brought up to it,
 * and is none after a power cut any more. */
static bool is_ahead_by_lag(struct ls_engine *e, bool rebooted)
{
    if (rebooted && e->opt.params.sync_majority) {
        e->identity.ahead_seqno = e->position.seqno;
    }
    return e->position.seqno <= e->identity.ahead_seqno;
}

/* Whether the log can bring the database up to date (log_usable), and why it cannot be kept at all.
 * A database that is lost, or too old for the log, takes nothing from the log's worth: the node
 * stays the voter it was, or a group of two would be stuck after one crash, and gets a copy of the
 * data. The same goes for one that a power cut has left ahead of the log: as a new member the node
 * would be missed as a voter where another one has lost its disk, and the group would not form. */
static bool judge_position(struct ls_engine *e, bool rebooted, char why[WHY_SIZE])
{
    struct ls_log_pos base = ls_log_base(e->log);
    struct ls_log_pos last = ls_log_last(e->log);
    const struct ls_gtid *p = &e->position;
    bool same = ls_uuid_equal(&p->uuid, &e->identity.group);

    if (last.index == 0) {
        return false;
    }
    if (e->opt.no_data) {
        e->log_usable = true;
        return false;
    }
    if (ls_uuid_is_zero(&p->uuid) || p->seqno < 0 || (same && p->seqno < base.seqno)) {
        ls_info("the position of the database is %s: its data come from another member",
                p->seqno < 0 ? "not known" : "older than the write-set log");
        return false;
    }
    if (!same) {
        snprintf(why, WHY_SIZE, "the database belongs to history %s, the write-set log to %s",
                 LS_UUID_STR(&p->uuid), LS_UUID_STR(&e->identity.group));
    } else if (p->seqno > last.seqno && is_ahead_by_lag(e, rebooted)) {
        ls_info("the database stands at %" PRId64 ", the write-set log reached the disk only to "
                "%" PRId64 " before the power went: this node stays the member it was, what it "
                "lacks comes from another one",
                p->seqno, last.seqno);
        return false;
    } else if (p->seqno > last.seqno) {
        snprintf(why, WHY_SIZE,
                 "the database stands at %" PRId64 ", the write-set log only reaches to %" PRId64,
                 p->seqno, last.seqno);
    } else {
        e->log_usable = true;
        return false;
    }
    return true;
}

/* Log and identity go together. */
static enum ls_rc drop_log(struct ls_engine *e, const char *why, struct ls_error *err)
{
    struct ls_prng prng;
    bool damaged = false;
    enum ls_rc rc;

    if (why != NULL) {
        ls_info("%s: this node drops its write-set log and comes to the cluster as a new member; "
                "what it lacks is copied from another member (nothing to do, unless all members "
                "say so: then bootstrap the one with the highest position)",
                why);
    }
    if (e->log != NULL) {
        ls_log_close(e->log);
        e->log = NULL;
    }
    rc = ls_log_remove_all(e->opt.data_dir, err);
    if (rc == LS_OK) {
        rc = open_log(e, false, &damaged, err);
    }
    if (rc != LS_OK) {
        return rc;
    }
    e->log_usable = false;
    memset(&e->identity, 0, sizeof(e->identity));
    ls_prng_seed(&prng, ls_os_random());
    /* Members are numbered in the order of their uuids. Who came first is to be the first, as
     * people and the server's suites are used to (auto_increment_offset follows the number). */
    e->identity.id = ls_uuid_generate_timed(&prng, ls_clock_wall_ms());
    return LS_OK;
}

static enum ls_rc open_and_judge(struct ls_engine *e, bool discard, enum ls_rc identity_state,
                                 const char *boot_id, struct ls_error *err)
{
    bool rebooted = strcmp(e->identity.boot_id, boot_id) != 0;
    char why[WHY_SIZE];
    bool damaged = false;
    enum ls_rc rc;

    if (discard) {
        ls_info("there is no saved state: write-set log and member identity start anew");
        return drop_log(e, NULL, err);
    }
    rc = open_log(e, rebooted, &damaged, err);
    if (rc == LS_E_CORRUPT) {
        return drop_log(e, err != NULL ? err->text : "the write-set log cannot be read", err);
    }
    if (rc != LS_OK) {
        return rc;
    }
    if (judge_files(e, identity_state, damaged, boot_id, why) || judge_position(e, rebooted, why)) {
        return drop_log(e, why, err);
    }
    return identity_state == LS_E_NOTFOUND ? drop_log(e, NULL, err) : LS_OK;
}

/* Never used before, also when the identity file is an older copy that somebody put back: what the
 * node submits now must not be taken for what it submitted then. */
static uint64_t next_incarnation(uint64_t before)
{
    uint64_t now_ms = (uint64_t)ls_clock_wall_ms();

    return now_ms > before ? now_ms : before + 1;
}

enum ls_rc engine_open_state(struct ls_engine *e, const struct ls_engine_state *state,
                             struct ls_error *err)
{
    char boot_id[LS_BOOT_ID_SIZE];
    enum ls_rc identity_state = LS_OK;
    enum ls_rc rc;

    e->position = state->position;
    e->keep = state->keep;
    e->half = state->half;
    rc = ls_file_read_boot_id(boot_id, err);
    if (rc != LS_OK) {
        return rc;
    }
    rc = ls_identity_open(e->opt.data_dir, &e->identity_file, &e->identity, &identity_state, err);
    if (rc != LS_OK) {
        return rc;
    }
    e->fresh = state->fresh && identity_state == LS_E_NOTFOUND;
    rc = open_and_judge(e, state->discard, identity_state, boot_id, err);
    if (rc != LS_OK) {
        return rc;
    }
    e->incarnation_before = e->identity.incarnation;
    e->identity.incarnation = next_incarnation(e->identity.incarnation);
    snprintf(e->identity.boot_id, sizeof(e->identity.boot_id), "%s", boot_id);
    e->mark_from = e->opt.params.sync_majority ? 0 : UINT64_MAX;
    if (!e->opt.params.sync_majority) {
        e->identity.durable_index = 0; /* not known again until a clean end */
    } else {
        rc = ls_log_sync(e->log, err); /* the core takes what it finds as durable */
        if (rc != LS_OK) {
            return rc;
        }
        e->identity.durable_index = ls_log_last(e->log).index;
    }
    e->last_appended = e->aged = e->aging = ls_log_last(e->log).index;
    return ls_identity_write(e->identity_file, &e->identity, err);
}

/* clean: the loop is over and the log is as the core saw it last. */
void engine_close_state(struct ls_engine *e, bool clean)
{
    struct ls_error err = {0};

    if (e->log != NULL && clean) {
        if (ls_log_sync(e->log, &err) == LS_OK) {
            e->identity.durable_index = ls_log_last(e->log).index;
            if (ls_identity_write(e->identity_file, &e->identity, &err) != LS_OK) {
                ls_warn("%s", err.text);
            }
        } else {
            ls_warn("%s", err.text);
        }
    }
    if (e->log != NULL) {
        ls_log_close(e->log);
        e->log = NULL;
    }
    if (e->identity_file != NULL) {
        ls_identity_close(e->identity_file);
        e->identity_file = NULL;
    }
}

/* The history that a bootstrap goes on with. The identity names it with the first configuration. */
void engine_prepare_bootstrap(struct ls_engine *e)
{
    struct ls_prng prng;

    if (!e->log_usable && (ls_uuid_is_zero(&e->position.uuid) || e->position.seqno < 0)) {
        ls_prng_seed(&prng, ls_os_random());
        e->position.uuid = ls_uuid_generate(&prng);
        e->position.seqno = 0;
    } else if (e->log_usable) {
        if (e->opt.no_data) {
            e->position.uuid = e->identity.group;
        }
        /* what the log holds beyond the database is applied, not lost */
        e->position.seqno = ls_log_last(e->log).seqno;
    }
}

/* What is known to be committed: what was delivered, hence has a verdict, and all before. The
 * database alone proves nothing: it may have come from a donor on the other side of a partition,
 * while our log ends in entries of the same seqnos that were never committed. */
uint64_t engine_position_index(struct ls_engine *e)
{
    uint64_t base = ls_log_base(e->log).index;
    struct ls_log_pos pos = {.index = base};
    struct ls_entry entry;

    if (!e->log_usable) {
        return base;
    }
    if (!e->opt.no_data && ls_log_find_seqno(e->log, e->position.seqno, &pos)) {
        while (pos.index > base && ls_log_get(e->log, pos.index, &entry, NULL) &&
               entry.verdict == LS_VERDICT_UNKNOWN) {
            pos.index--;
        }
    }
    while (ls_log_get(e->log, pos.index + 1, &entry, NULL) && entry.verdict != LS_VERDICT_UNKNOWN) {
        pos.index++;
    }
    return pos.index;
}

static bool core_entry_get(void *ctx, uint64_t index, struct ls_entry *out)
{
    return engine_entry_get(ctx, index, out);
}

/* Looks at what is flushed: the answer may be lower than it could be, which all its uses allow. A
 * flush is not: the core is in the middle of a step. */
static bool core_find_seqno(void *ctx, int64_t seqno, struct ls_log_pos *out)
{
    return engine_find_seqno(ctx, seqno, out);
}

/* The address others are told: ours, or empty when only they can see it. */
static void fill_address(struct ls_engine *e, char out[LS_ADDR_SIZE])
{
    struct ls_address a;
    uint16_t port = ls_net_port(e->net);
    const char *text = e->opt.advertise != NULL ? e->opt.advertise : e->opt.listen_addr;

    out[0] = '\0';
    if (ls_address_parse(text, port, &a, NULL) != LS_OK || ls_address_is_any(a.host)) {
        return;
    }
    if (a.port == 0) {
        a.port = port;
    }
    if (!ls_address_format(a.host, a.port, out, LS_ADDR_SIZE)) {
        out[0] = '\0';
    }
}

enum ls_rc engine_create_core(struct ls_engine *e, struct ls_error *err)
{
    struct ls_core_start start = {
        .term = e->identity.term,
        .vote = e->identity.vote,
        .base = ls_log_base(e->log),
        .last = ls_log_last(e->log),
        .commit = engine_position_index(e),
        .seed = ls_os_random(),
        .params = e->params,
        .log = {.entry_get = core_entry_get, .find_seqno = core_find_seqno, .ctx = e},
    };
    struct ls_member *me = &start.me;

    me->id = e->identity.id;
    me->incarnation = e->identity.incarnation;
    me->weight = e->opt.weight;
    me->segment = e->opt.segment;
    me->no_data = e->opt.no_data;
    me->proto_app = e->opt.proto_app;
    snprintf(me->name, sizeof(me->name), "%s", e->opt.node_name);
    snprintf(me->incoming, sizeof(me->incoming), "%s", e->opt.incoming);
    fill_address(e, me->addr);
    start.keep = e->keep;
    start.context = ls_log_context(e->log, &start.context_size);
    e->core = ls_core_create(&start, err);
    return e->core != NULL ? LS_OK : err != NULL ? err->code : LS_E_NOMEM;
}
