/* State transfer: the joiner waits in an applier thread that holds the barrier item, so that
 * nothing is applied meanwhile; the delivery thread goes on and fills the certification index. The
 * donor only starts the server's script, which reports from a thread of its own. */
#include "plugin/provider/provider.h"

#include "sst/donor/donor.h"
#include "sst/donor/request.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US 1000000
#define PROGRESS_EVERY 10 /* retries per line in the log */

/* ---- joiner ---- */

/* What the joiner asks with. */
struct ask {
    struct ls_gtid have; /* seqno undefined: all the data are needed */
    const void *request;
    size_t size;
};

static enum ls_rc submit_request(struct ls_provider *p, const struct ask *ask)
{
    struct ls_sst_request r = {
        .joiner = p->self,
        .position = ask->have,
        .ist_wanted = ask->have.seqno != LS_SEQNO_UNDEFINED,
        .request = ask->request,
        .request_size = ask->size,
    };
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e == NULL) {
        return LS_E_NOT_PRIMARY;
    }
    snprintf(r.donors, sizeof(r.donors), "%s", p->donor_list);
    size_t size;
    void *buf = ls_sst_request_make(&r, &size);
    enum ls_rc rc =
        buf == NULL ? LS_E_TOOBIG : ls_engine_submit_control(e, LS_ENTRY_SST_REQUEST, buf, size);
    free(buf);
    ls_provider_drop_engine(p);
    return rc;
}

/* `lock` is held. */
static bool over(const struct ls_provider *p)
{
    return p->sst.received || p->sst.failure[0] != '\0' || p->closing;
}

/* `lock` is held. Waits for an answer to the request, which may take as long as the slowest disk:
 * it is lost only with its component. True when a donor was found. */
static bool wait_answer(struct ls_provider *p, uint64_t component)
{
    while (!p->sst.answered && !over(p) && p->components == component) {
        ls_cond_wait(&p->changed, &p->lock);
    }
    return p->sst.granted;
}

/* `lock` is held. */
static void pause_before_retry(struct ls_provider *p)
{
    int64_t deadline_us = ls_clock_us() + RETRY_US;
    while (!over(p) && ls_cond_wait_until(&p->changed, &p->lock, deadline_us)) {
    }
}

/* Asks until there is a donor. */
static void find_donor(struct ls_provider *p, const struct ask *ask)
{
    bool granted = false;

    for (unsigned n = 0; !granted; n++) {
        ls_mutex_lock(&p->lock);
        p->sst.answered = false;
        uint64_t component = p->components;
        bool stop = over(p);
        ls_mutex_unlock(&p->lock);
        if (stop) {
            return;
        }
        enum ls_rc rc = submit_request(p, ask);
        ls_mutex_lock(&p->lock);
        granted = rc == LS_OK && wait_answer(p, component);
        if (!granted && !over(p)) {
            if (n % PROGRESS_EVERY == 0) {
                ls_info("Waiting for a donor: %s. Trying again every second.",
                        rc != LS_OK       ? "there is no primary component just now"
                        : p->sst.answered ? p->sst.why
                                          : "the request was lost with the component");
            }
            pause_before_retry(p);
        }
        ls_mutex_unlock(&p->lock);
    }
}

/* A copy into a full disk ends this server, and costs a donor its time, again and again. */
static void wait_for_room(struct ls_provider *p)
{
    const char *dir = p->server.data_dir;
    bool stop = false;

    for (unsigned n = 0; !stop && ls_engine_disk_is_short(dir); n++) {
        if (n % PROGRESS_EVERY == 0) {
            ls_warn("The disk of %s is full: this node waits for room before it takes a copy of "
                    "the data. Make some, or end the server",
                    dir);
        }
        ls_mutex_lock(&p->lock);
        pause_before_retry(p);
        stop = over(p);
        ls_mutex_unlock(&p->lock);
    }
}

static void *ask_server(struct ls_provider *p, size_t *len)
{
    void *req = NULL;

    *len = 0;
    if (p->server.sst_request(p->server.app_ctx, &req, len) != WSREP_CB_SUCCESS) {
        ls_phase_abort(p, "The server could not prepare to receive it (SST request)");
    }
    return req;
}

static void check_received(struct ls_provider *p, const struct ls_join *join,
                           const struct ls_sst_wait *got)
{
    char why[300];

    if (got->rcode < 0) {
        snprintf(why, sizeof(why), "the state transfer script failed: %d (%s)", got->rcode,
                 strerror(-got->rcode));
    } else if (!ls_uuid_equal(&got->position.uuid, &join->config.group)) {
        snprintf(why, sizeof(why), "what was received belongs to history %s, the cluster has %s",
                 LS_UUID_STR(&got->position.uuid), LS_UUID_STR(&join->config.group));
    } else if (got->position.seqno < join->base.seqno) {
        snprintf(why, sizeof(why),
                 "what was received stands at %lld, the write-sets that follow were kept from %lld",
                 (long long)got->position.seqno, (long long)join->base.seqno);
    } else {
        return;
    }
    ls_phase_abort(p, why);
}

static bool wait_received(struct ls_provider *p, struct ls_sst_wait *got)
{
    ls_mutex_lock(&p->lock);
    while (!over(p)) {
        ls_cond_wait(&p->changed, &p->lock);
    }
    *got = p->sst;
    p->sst.active = false;
    ls_mutex_unlock(&p->lock);
    return got->received;
}

static void begin_wait(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    memset(&p->sst, 0, sizeof(p->sst));
    p->sst.active = true; /* sst_received may come before sst_request_cb has returned (trap 33) */
    ls_phase_shift(p, LS_PHASE_JOINER);
    ls_mutex_unlock(&p->lock);
}

/* Joining means giving up the data that are here, as with Galera: at least it is told. */
static void tell_if_foreign(struct ls_provider *p, const struct ls_uuid *group)
{
    struct ls_grastate own;

    ls_saved_state_get(p->saved, &own);
    if (!ls_uuid_is_zero(&own.position.uuid) && !ls_uuid_equal(&own.position.uuid, group)) {
        ls_info(
            "The data of this node belong to another history, %s: they are replaced by those of "
            "this cluster",
            LS_UUID_STR(&own.position.uuid));
    }
}

void ls_transfer_distrust(void *ctx)
{
    struct ls_provider *p = ctx;
    bool asked_for;

    if (atomic_exchange(&p->foreign, true)) {
        return;
    }
    ls_mutex_lock(&p->lock);
    asked_for = p->settings.ignore_quorum || p->settings.ignore_sb;
    ls_mutex_unlock(&p->lock);
    if (asked_for) { /* no fault then */
        ls_info("This node may go on without a majority (pc.ignore_quorum, pc.ignore_sb), and has: "
                "its data are given up for the group's, by a full state transfer");
    } else {
        ls_warn("This node has committed what the group has not: its data are given up for the "
                "group's, by a full state transfer");
    }
    ls_saved_state_mark_unsafe(p->saved, NULL);
}

/* The group goes on without us (an eviction, a damaged log), which the server, that waits for its
 * state, does not see. */
static bool thrown_out(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    bool yes = p->left && !p->dismissed;
    ls_mutex_unlock(&p->lock);
    return yes;
}

/* False: leaving. */
static bool receive(struct ls_provider *p, const struct ls_join *join, const struct ask *ask,
                    struct ls_sst_wait *got)
{
    find_donor(p, ask);
    if (!wait_received(p, got)) {
        if (got->failure[0] != '\0') {
            ls_phase_abort(p, got->failure);
        }
        if (thrown_out(p)) {
            ls_phase_abort(p,
                           "This node has left the group before the state transfer was complete");
        }
        return false;
    }
    check_received(p, join, got);
    return true;
}

/* The database of this running server does not lead to the group's, and why. */
static _Noreturn void give_up_running(struct ls_provider *p, const struct ls_join *join)
{
    int64_t have = ls_order_position(&p->apply);
    struct ls_grastate own;
    char why[400];
    const char *how;

    ls_saved_state_get(p->saved, &own);
    if (!ls_uuid_equal(&own.position.uuid, &join->config.group)) {
        how = "the data of this node belong to another history than the group's";
    } else if (atomic_load(&p->foreign) || have > join->joined.seqno) {
        how = "this node has write-sets that the group has not: their histories have parted";
    } else {
        how = "this node was away for longer than the others keep write-sets (gcache.size)";
    }
    snprintf(why, sizeof(why),
             "%s, and a running server cannot take a full copy: restart it (position here %lld, of "
             "the group %lld, write-sets are to be had from %lld on)",
             how, (long long)have, (long long)join->joined.seqno, (long long)join->base.seqno + 1);
    ls_phase_abort(p, why);
}

bool ls_transfer_fetch(struct ls_provider *p, const struct ls_join *join, int64_t *seqno)
{
    struct ls_sst_wait got;
    size_t len;

    ls_info("State transfer required: group state %s:%lld, local state %lld, write-sets are to be "
            "had from %lld on",
            LS_UUID_STR(&join->config.group), (long long)join->joined.seqno,
            (long long)ls_order_position(&p->apply), (long long)join->base.seqno + 1);
    tell_if_foreign(p, &join->config.group);
    begin_wait(p);
    wait_for_room(p);
    void *req = ask_server(p, &len);
    if (len == 0) {
        free(req);
        give_up_running(p, join);
    }
    ls_saved_state_mark_unsafe(p->saved, NULL);
    struct ask ask = {{join->config.group, LS_SEQNO_UNDEFINED}, req, len};
    bool received = receive(p, join, &ask, &got);
    free(req);
    if (!received) {
        return false; /* leaving: the file goes on showing no position */
    }
    struct ls_grastate s = {.position = {.uuid = join->config.group, .seqno = LS_SEQNO_UNDEFINED}};
    ls_saved_state_set(p->saved, &s, NULL);
    ls_saved_state_mark_safe(p->saved, NULL);
    if (atomic_exchange(&p->foreign, false)) {
        ls_saved_state_mark_safe(p->saved, NULL);
    }
    ls_info("SST received: %s:%lld", LS_UUID_STR(&got.position.uuid),
            (long long)got.position.seqno);
    *seqno = got.position.seqno;
    return true;
}

/* Once asked, the server does not start without an answer: only where somebody can give it. */
static bool somebody_knows(struct ls_provider *p)
{
    struct ls_sst_request r = {.joiner = p->self, .ist_wanted = true};
    struct ls_donor_choice choice;

    snprintf(r.donors, sizeof(r.donors), "%s", p->donor_list);
    ls_mutex_lock(&p->lock);
    bool yes = ls_donor_choose(&p->config, NULL, &ls_uuid_zero, &r, &choice) == LS_OK;
    ls_mutex_unlock(&p->lock);
    return yes;
}

/* With wsrep_gtid_mode a server that starts learns the domain of the group's GTIDs from the script
 * of a donor and from nowhere else. As with Galera's IST the scripts shake hands and send no data.
 */
bool ls_transfer_greet(struct ls_provider *p, const struct ls_join *join, int64_t *seqno)
{
    struct ls_sst_wait got;
    size_t len;

    if (atomic_load(&p->engines_up) || !ls_services_gtid_mode()) {
        return true;
    }
    if (!somebody_knows(p)) {
        ls_warn(
            "wsrep_gtid_mode: no other member can tell the domain of the group's GTIDs now, and "
            "the server takes its own setting only when it bootstraps: once it is up, SET GLOBAL "
            "wsrep_gtid_domain_id on each node");
        return true;
    }
    ls_info("wsrep_gtid_mode: asking a donor for the domain of the group's GTIDs");
    begin_wait(p);
    void *req = ask_server(p, &len);
    struct ask ask = {{join->config.group, *seqno}, req, len};
    bool ok = len == 0 || receive(p, join, &ask, &got);
    free(req);
    if (ok && len > 0) {
        *seqno = got.position.seqno;
        atomic_store(&p->engines_up, true);
    }
    return ok;
}

wsrep_status_t ls_provider_sst_received(wsrep_t *self, const wsrep_gtid_t *id,
                                        const wsrep_buf_t *state, int rcode)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_uuid uuid = ls_uuid_from_wsrep(&id->uuid);

    ls_mutex_lock(&p->lock);
    bool wanted = p->sst.active && !p->sst.received;
    if (wanted) {
        p->sst.received = true;
        p->sst.position = (struct ls_gtid){.uuid = uuid, .seqno = id->seqno};
        p->sst.rcode = rcode < 0 ? rcode : ls_uuid_is_zero(&uuid) ? -EINVAL : 0;
        ls_cond_broadcast(&p->changed);
    }
    ls_mutex_unlock(&p->lock);
    if (!wanted) {
        ls_warn("A state transfer ended that nobody waits for.");
        return WSREP_CONN_FAIL;
    }
    return WSREP_OK;
}

/* ---- donor ---- */

/* What is told while there is no majority is lost. That it went well follows from what the group is
 * told later; that it failed has to be kept until then, or the joiner would wait for ever. False:
 * there is no donation, which is for the server to know. */
static bool end_donation(struct ls_provider *p, int64_t seqno)
{
    ls_mutex_lock(&p->lock);
    bool donating = p->donations > 0;
    p->donations -= donating;
    p->sent_told = donating;
    if (donating && seqno < 0) {
        p->untold_failure = seqno;
    }
    bool desynced = p->desyncs > 0;
    ls_mutex_unlock(&p->lock);
    if (!donating) {
        return false;
    }
    ls_phase_announce(p, LS_NODE_JOINED, false, seqno);
    if (desynced) {
        ls_phase_announce(p, LS_NODE_DONOR, true, ls_order_position(&p->apply));
    }
    return true;
}

/* A server that sends by itself (mysqldump), or whose script does not start, may tell a failure
 * twice: by sst_sent, and by what its callback returns. */
static void end_failed_donation(struct ls_provider *p)
{
    ls_error_log("SST failed: the server could not start to send its state, see above.");
    ls_mutex_lock(&p->lock);
    bool told = p->sent_told;
    ls_mutex_unlock(&p->lock);
    if (!told) {
        end_donation(p, -ECANCELED);
    }
}

/* The joiner wants nothing but a donor's word (arbitrators, wsrep_sst_method=skip). */
static bool is_trivial(const struct ls_donation *d)
{
    return d->size == 0 || (d->size == sizeof(WSREP_STATE_TRANSFER_TRIVIAL) &&
                            memcmp(d->request, WSREP_STATE_TRANSFER_TRIVIAL, d->size) == 0);
}

void ls_transfer_donate(struct ls_provider *p, void *recv_ctx, struct ls_item *item)
{
    const struct ls_donation *d = item->donation;
    wsrep_buf_t req = {.ptr = d->request, .len = d->size};
    wsrep_buf_t state = {NULL, 0};
    wsrep_gtid_t at;

    ls_order_wait(&p->commit, item->seqno, -1, NULL, NULL);
    ls_order_wait(&p->apply, item->seqno, -1, NULL, NULL);
    if (atomic_load(&p->inconsistent)) {
        return;
    }
    int64_t seqno = ls_order_position(&p->apply);
    if (is_trivial(d)) {
        end_donation(p, seqno);
        return;
    }
    ls_mutex_lock(&p->lock);
    at.uuid = ls_uuid_to_wsrep(&p->group);
    p->sent_told = false;
    ls_mutex_unlock(&p->lock);
    bool bypass = d->bypass_at != LS_SEQNO_UNDEFINED;
    at.seqno = bypass ? d->bypass_at : seqno;
    if (p->server.sst_donate(p->server.app_ctx, recv_ctx, &req, &at, &state, bypass) !=
        WSREP_CB_SUCCESS) {
        end_failed_donation(p);
    }
}

wsrep_status_t ls_provider_sst_sent(wsrep_t *self, const wsrep_gtid_t *id, int rcode)
{
    struct ls_provider *p = ls_provider_of(self);
    struct ls_uuid uuid = ls_uuid_from_wsrep(&id->uuid);

    if (rcode >= 0 && ls_uuid_is_zero(&uuid)) {
        rcode = -EINVAL; /* the script ended without saying what it sent */
    }
    return end_donation(p, rcode < 0 ? rcode : id->seqno) ? WSREP_OK : WSREP_CONN_FAIL;
}
