#include "plugin/provider/provider.h"
#include "plugin/provider/storage.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/process.h"

#include <stdio.h>

#define LEAVE_BEFORE_ABORT_US 3000000
#define FINAL_BEFORE_END_US 10000000 /* the server may be stuck with the disk */
#define FLUSH_MARGIN_US 2000000
#define FLUSH_LIMIT_US 30000000 /* what it lacks then comes from the others' logs */

static const char *const names[LS_PHASE_COUNT] = {
    "CLOSED", "OPEN", "PRIMARY", "JOINER", "JOINED", "SYNCED", "DONOR/DESYNCED",
};

const char *ls_phase_name(enum ls_phase phase)
{
    LS_ASSERT(phase < LS_PHASE_COUNT);
    return names[phase];
}

void ls_phase_shift(struct ls_provider *p, enum ls_phase to)
{
    enum ls_phase from = (enum ls_phase)atomic_load(&p->phase);
    int64_t seqno = atomic_load(&p->delivered_seqno);
    char json[128];

    if (from == to) {
        return;
    }
    ls_info("Shifting %s -> %s (TO: %lld)", ls_phase_name(from), ls_phase_name(to),
            (long long)(seqno > 0 ? seqno : 0));
    atomic_store(&p->phase, to);
    ls_cond_broadcast(&p->changed);
    snprintf(json, sizeof(json), "{\"from\": \"%s\", \"to\": \"%s\", \"seqno\": %lld}",
             ls_phase_name(from), ls_phase_name(to), (long long)seqno);
    ls_services_event("state", json);
}

bool ls_phase_accepts_writes(struct ls_provider *p)
{
    return atomic_load(&p->phase) >= LS_PHASE_JOINED && !atomic_load(&p->inconsistent);
}

enum ls_rc ls_phase_announce(struct ls_provider *p, enum ls_node_state state, bool desynced,
                             int64_t seqno)
{
    struct ls_engine *e = ls_provider_use_engine(p);
    enum ls_rc rc;

    if (e == NULL) {
        return LS_E_NOT_PRIMARY;
    }
    if (state == LS_NODE_JOINED && !desynced) {
        ls_mutex_lock(&p->lock);
        seqno = p->untold_failure < 0 ? p->untold_failure : seqno;
        ls_mutex_unlock(&p->lock);
    }
    rc = ls_engine_submit_state(e, state, desynced, seqno);
    ls_provider_drop_engine(p);
    return rc;
}

void ls_phase_check_sync(struct ls_provider *p)
{
    int64_t applied = ls_order_position(&p->apply);

    if (atomic_load(&p->phase) != LS_PHASE_JOINED) {
        return;
    }
    uint64_t length = ls_queue_length(&p->queue);
    ls_mutex_lock(&p->lock);
    bool ask = atomic_load(&p->phase) == LS_PHASE_JOINED && !p->sync_asked && !p->paused &&
               applied >= p->joined_seqno && length <= p->settings.fc_limit;
    bool ist = ask && ls_ist_end(p);
    struct ls_gtid upto = {.uuid = p->group, .seqno = p->joined_seqno};
    if (ask) {
        p->sync_asked = true;
    }
    ls_mutex_unlock(&p->lock);
    if (ist) {
        ls_info("IST received: %s", ls_gtid_format(&upto, (char[LS_GTID_STR_SIZE]){0}));
    }
    if (ask && ls_phase_announce(p, LS_NODE_SYNCED, false, applied) != LS_OK) {
        ls_mutex_lock(&p->lock);
        p->sync_asked = false;
        ls_mutex_unlock(&p->lock);
    }
}

/* Several threads report. Who stores an old position last sees that it is old, and stores again. */
static void report_applied(struct ls_provider *p, struct ls_engine *e)
{
    int64_t position;

    do {
        if (atomic_load(&p->inconsistent)) {
            return; /* numbers pass, but nothing is applied any more */
        }
        position = ls_order_position(&p->apply);
        ls_engine_applied(e, ls_pending_limit(&p->pending, &p->apply));
        ls_engine_applied_to(e, position);
    } while (position != ls_order_position(&p->apply));
}

void ls_phase_report_applied(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e != NULL) {
        report_applied(p, e);
        ls_provider_drop_engine(p);
    }
}

void ls_phase_report_committed(struct ls_provider *p, int64_t seqno)
{
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e != NULL) {
        report_applied(p, e);
        ls_engine_await_applied(e, seqno);
        ls_provider_drop_engine(p);
    }
}

/* As with what is applied: a pause that nobody ends would stop the cluster. */
void ls_phase_report_queue(struct ls_provider *p, struct ls_engine *e)
{
    uint64_t length;

    do {
        length = ls_queue_length(&p->queue);
        ls_engine_recv_queue(e, (uint32_t)length);
    } while (length != ls_queue_length(&p->queue));
}

static void leave(struct ls_provider *p)
{
    struct ls_engine *e = ls_provider_use_engine(p);

    ls_mutex_lock(&p->lock);
    p->closing = true;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    if (e != NULL) {
        ls_engine_leave(e);
        ls_engine_wake(e);
        ls_provider_drop_engine(p);
    }
}

void ls_phase_diverge(struct ls_provider *p, const char *why)
{
    if (atomic_exchange(&p->inconsistent, true)) {
        return;
    }
    ls_saved_state_mark_corrupt(p->saved, NULL); /* before anything else can go wrong (trap 40) */
    bool full = ls_engine_disk_is_short(p->server.data_dir);
    /* The first words are what people and the server's suites look for. */
    ls_error_log(
        "Inconsistency detected: Inconsistent by consensus on %s:%lld: %s. The node leaves "
        "the cluster and %s",
        LS_UUID_STR(&p->group), (long long)ls_order_position(&p->apply), why,
        full ? "its server ends: its disk is full. Make room: started again it waits for that, and "
               "gets the data anew from another member."
             : "keeps running alone. Restart the server: it will get the data anew from another "
               "member.");
    ls_mutex_lock(&p->lock);
    p->ends_full = full;
    ls_mutex_unlock(&p->lock);
    leave(p);
}

void ls_phase_abort(struct ls_provider *p, const char *why)
{
    ls_saved_state_mark_corrupt(p->saved, NULL);
    /* People and the server's suites look for these words. */
    ls_log(LS_LOG_FATAL,
           "Will never receive state. Need to abort. %s. The server ends now: look above for the "
           "cause, then start it again.",
           why);
    leave(p);
    int64_t deadline_us = ls_clock_us() + LEAVE_BEFORE_ABORT_US;
    ls_mutex_lock(&p->lock);
    while (!p->left && ls_cond_wait_until(&p->changed, &p->lock, deadline_us)) {
    }
    ls_mutex_unlock(&p->lock);
    ls_process_abort();
}

/* How long the storage engine may take to flush what it has. */
static int64_t flush_us(const struct ls_provider *p)
{
    int64_t us = FLUSH_MARGIN_US + ls_storage_flush_timeout(p) * INT64_C(1000000);

    return us < FLUSH_LIMIT_US ? us : FLUSH_LIMIT_US;
}

void ls_phase_end_failed(struct ls_provider *p, const char *why)
{
    int64_t deadline_us = ls_clock_us() + FINAL_BEFORE_END_US;

    ls_mutex_lock(&p->lock);
    while (p->connected && ls_cond_wait_until(&p->changed, &p->lock, deadline_us)) {
    }
    deadline_us = ls_clock_us() + flush_us(p);
    while (ls_cond_wait_until(&p->changed, &p->lock, deadline_us)) {
    }
    ls_mutex_unlock(&p->lock);
    ls_log(LS_LOG_FATAL,
           "This process cannot be a member any more (%s, see above). The server ends now: systemd "
           "starts it again, under mariadbd-safe start it by hand; it gets what it missed from the "
           "others",
           why);
    ls_process_abort();
}
