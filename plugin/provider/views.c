/* Applier threads: views and the other barrier items. The thread that has the item is alone: it
 * drains the apply order, then nothing runs but what it calls (trap 18). */
#include "plugin/provider/provider.h"

#include "sst/state/gvwstate.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <stdlib.h>
#include <string.h>

#define FINAL_DRAIN_US 10000000
#define TELL_RETRY_US 5000

/* Everything up to seqno has been applied, and what failed has passed. */
static void drain(struct ls_provider *p, int64_t seqno)
{
    ls_order_wait(&p->commit, seqno, -1, NULL, NULL);
    ls_order_wait(&p->apply, seqno, -1, NULL, NULL);
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t n = strnlen(text, size - 1);
    memcpy(out, text, n);
    memset(out + n, 0, size - n);
}

static int lowest_protocol(const struct ls_config *c, int own)
{
    int lowest = own;
    for (uint32_t i = 0; i < c->count; i++) {
        if (!c->members[i].no_data && c->members[i].proto_app < lowest) {
            lowest = c->members[i].proto_app;
        }
    }
    return lowest;
}

static wsrep_view_info_t *make_view(struct ls_provider *p, const struct ls_config *c,
                                    wsrep_view_status_t status, int64_t seqno, bool mine)
{
    wsrep_view_info_t *v = calloc(1, WSREP_VIEW_INFO_SIZE(c->count));

    LS_ASSERT(v != NULL);
    v->state_id.uuid = ls_uuid_to_wsrep(&c->group);
    v->state_id.seqno = seqno;
    v->view = status == WSREP_VIEW_PRIMARY ? c->view : -1;
    v->status = status;
    v->capabilities = LS_CAPABILITIES;
    v->my_idx = mine ? ls_config_index_of(c, &p->self) : -1;
    v->memb_num = (int)c->count;
    v->proto_ver = lowest_protocol(c, p->server.proto_ver);
    for (uint32_t i = 0; i < c->count; i++) {
        v->members[i].id = ls_uuid_to_wsrep(&c->members[i].id);
        copy_text(v->members[i].name, sizeof(v->members[i].name), c->members[i].name);
        copy_text(v->members[i].incoming, sizeof(v->members[i].incoming), c->members[i].incoming);
    }
    return v;
}

static void show_view(struct ls_provider *p, void *recv_ctx, const struct ls_config *c,
                      wsrep_view_status_t status, int64_t seqno, bool mine)
{
    wsrep_view_info_t *v = make_view(p, c, status, seqno, mine);

    if (p->server.view(p->server.app_ctx, recv_ctx, v, NULL, 0) != WSREP_CB_SUCCESS) {
        ls_phase_diverge(p, "the server could not take a view of the cluster");
    }
    free(v);
    if (status == WSREP_VIEW_PRIMARY) {
        atomic_store(&p->engines_up, true);
    } else {
        p->shown_out = true;
    }
}

/* A view that the database has: it must not set the server's position back, so last_committed_id
 * answers the view's own seqno meanwhile (contract 2.8). */
static void show_known_view(struct ls_provider *p, void *recv_ctx, const struct ls_config *c,
                            int64_t seqno, bool mine)
{
    atomic_store(&p->shown_position, seqno);
    show_view(p, recv_ctx, c, WSREP_VIEW_PRIMARY, seqno, mine);
    atomic_store(&p->shown_position, -2);
}

static void save_view(struct ls_provider *p, const struct ls_config *c)
{
    struct ls_grastate s = {
        .position = {.uuid = c->group, .seqno = LS_SEQNO_UNDEFINED},
        .safe_to_bootstrap = c->count == 1,
    };
    struct ls_error err = {0};

    ls_saved_state_set(p->saved, &s, &err);
    if (ls_gvwstate_write(p->server.data_dir, c, &p->self, &err) != LS_OK) {
        ls_warn("%s", err.text);
    }
}

/* connected_cb: the first time after connect, and when the history is another one (trap 35). */
static void announce(struct ls_provider *p, const struct ls_join *join)
{
    const struct ls_config *c = &join->config;

    if (p->announced && ls_uuid_equal(&p->announced_group, &c->group)) {
        return;
    }
    wsrep_view_info_t *v = make_view(p, c, WSREP_VIEW_PRIMARY, join->joined.seqno, true);
    if (p->server.connected(p->server.app_ctx, v) != WSREP_CB_SUCCESS) {
        ls_phase_diverge(p, "the server did not accept the connection to the cluster");
    }
    free(v);
    p->announced = true;
    p->announced_group = c->group;
}

/* Where both orders go on. */
static void set_position(struct ls_provider *p, int64_t seqno)
{
    ls_order_reset(&p->commit, seqno);
    ls_order_reset(&p->apply, seqno);
    p->skip_upto = seqno;
}

/* They stand there already, and are left alone: an own statement that failed certification may have
 * passed its number ahead of the others. */
static void keep_position(struct ls_provider *p, int64_t seqno)
{
    if (ls_order_position(&p->commit) < seqno || ls_order_position(&p->apply) < seqno) {
        set_position(p, seqno);
    }
    p->skip_upto = seqno;
}

/* The stream brings everything that our database lacks: no donor is needed. */
static bool stream_suffices(struct ls_provider *p, const struct ls_join *join)
{
    int64_t have = ls_order_position(&p->apply);
    struct ls_grastate saved;

    ls_saved_state_get(p->saved, &saved);
    if (have < 0 || atomic_load(&p->foreign) ||
        !ls_uuid_equal(&saved.position.uuid, &join->config.group)) {
        return false;
    }
    if (atomic_load(&p->half) && !join->from_log) {
        return false; /* the origin has the statement whole, or runs it again: its data count */
    }
    return join->continues || (have >= join->base.seqno && have <= join->joined.seqno);
}

static void forget_skipped(struct ls_provider *p)
{
    free(p->last_skipped_view);
    p->last_skipped_view = NULL;
}

/* The engine takes entries a moment after it has put CONNECTED or the view into the stream; when
 * the component is lost instead, the next one starts this again. */
static void tell_state(struct ls_provider *p, enum ls_node_state state, bool desynced)
{
    enum ls_rc rc = ls_phase_announce(p, state, desynced, ls_order_position(&p->apply));

    while (rc == LS_E_NOT_PRIMARY) {
        int64_t deadline_us = ls_clock_us() + TELL_RETRY_US;
        ls_mutex_lock(&p->lock);
        bool over = p->closing || atomic_load(&p->phase) <= LS_PHASE_OPEN;
        if (!over) {
            ls_cond_wait_until(&p->changed, &p->lock, deadline_us);
        }
        ls_mutex_unlock(&p->lock);
        if (over) {
            return;
        }
        rc = ls_phase_announce(p, state, desynced, ls_order_position(&p->apply));
    }
}

/* Our state is complete, or was all the time. */
static void tell_group(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    p->losses_met = p->losses_shown;
    bool held = p->donations > 0 || p->desyncs > 0;
    bool donating = p->donations > 0;
    ls_mutex_unlock(&p->lock);
    p->rejoin = false;
    tell_state(p, LS_NODE_JOINED, donating); /* which is not the end of the donation */
    if (held) {
        tell_state(p, LS_NODE_DONOR, !donating);
    }
}

/* From here on write-sets are applied: the file's seqno is past. Who dies before the first view and
 * is started without a position would apply them twice. */
static void forget_saved_seqno(struct ls_provider *p)
{
    struct ls_grastate s;

    ls_farewell_forget();
    ls_saved_state_get(p->saved, &s);
    s.position.seqno = LS_SEQNO_UNDEFINED;
    ls_saved_state_set(p->saved, &s, NULL);
}

void ls_view_connected(struct ls_provider *p, void *recv_ctx, struct ls_item *item)
{
    const struct ls_join *join = item->join;

    drain(p, item->seqno);
    if (atomic_load(&p->inconsistent)) {
        return;
    }
    int64_t position = ls_order_position(&p->apply); /* with what the drain has let through */
    announce(p, join);
    forget_saved_seqno(p);
    if (!atomic_load(&p->engines_up)) {
        p->again_upto =
            join->joined.seqno; /* what it had was committed, and is ordered before us */
    }
    if (join->bootstrap) {
        bool known = stream_suffices(p, join);
        set_position(p, known ? position : join->joined.seqno - 1);
    } else if (stream_suffices(p, join)) {
        if (!ls_transfer_greet(p, join, &position)) {
            p->no_state = true;
            return;
        }
        ls_ist_begin(p, position, join->joined.seqno);
        keep_position(p, position);
    } else {
        if (!ls_transfer_fetch(p, join, &position)) {
            p->no_state = true;
            return;
        }
        set_position(p, position);
        atomic_store(&p->engines_up, true);
        ls_provider_settle_half(p);
    }
    forget_skipped(p);
    tell_group(p);
}

/* In the database already. The last one may be needed to wake the server with. A node that was
 * thrown out and came back while it waited for the state sees that it was out only now, with a
 * state that has the view of its return: without that one the server would take itself to be
 * outside for good. */
static void skip_view(struct ls_provider *p, void *recv_ctx, struct ls_item *item)
{
    if (p->shown_out && item->mine) {
        show_known_view(p, recv_ctx, item->config, item->seqno, true);
    }
    forget_skipped(p);
    p->last_skipped_view = item->config;
    p->last_skipped_seqno = item->seqno;
    item->config = NULL;
}

void ls_view_wake_server(struct ls_provider *p, void *recv_ctx)
{
    struct ls_config *c = p->last_skipped_view;

    p->last_skipped_view = NULL;
    if (c == NULL) {
        c = malloc(sizeof(*c));
        LS_ASSERT(c != NULL);
        ls_mutex_lock(&p->lock);
        *c = p->config;
        ls_mutex_unlock(&p->lock);
        c->view = c->view > 1 ? c->view - 1 : 1;
        p->last_skipped_seqno = p->skip_upto;
    }
    show_known_view(p, recv_ctx, c, p->last_skipped_seqno, false);
    free(c);
}

static bool leaving(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    bool yes = p->closing;
    ls_mutex_unlock(&p->lock);
    return yes;
}

/* The group has forgotten that our state is complete: nobody had met us after an outage, or the
 * view for our return came behind our word of it. Until it is told again it does not take us for
 * synced. */
static bool is_doubted(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    const struct ls_member *me = ls_config_find(&p->config, &p->self);
    bool yes =
        me != NULL && !ls_node_is_full(me->state) && atomic_load(&p->phase) >= LS_PHASE_JOINED;
    ls_mutex_unlock(&p->lock);
    return yes;
}

void ls_view_primary(struct ls_provider *p, void *recv_ctx, struct ls_item *item)
{
    if (item->seqno <= p->skip_upto) {
        skip_view(p, recv_ctx, item);
        return;
    }
    drain(p, item->seqno - 1);
    if (item->parting && leaving(p)) {
        p->parted_at = item->seqno; /* the final view follows here, this one is the others' */
        return;
    }
    if (!atomic_load(&p->inconsistent)) {
        /* last_committed_id answers one below the view's seqno inside (trap 17). */
        show_view(p, recv_ctx, item->config, WSREP_VIEW_PRIMARY, item->seqno, item->mine);
        p->shown_out = false;
        if (item->mine) {
            save_view(p, item->config);
        }
    }
    ls_order_pass(&p->commit, item->seqno);
    ls_order_pass(&p->apply, item->seqno);
    ls_phase_report_applied(p);
    if (item->mine && (p->rejoin || is_doubted(p))) {
        tell_group(p);
    }
}

void ls_view_nonprimary(struct ls_provider *p, void *recv_ctx, struct ls_item *item)
{
    drain(p, item->seqno);
    p->rejoin = true;
    /* Out of the component nobody is desynced: it comes back as Synced, or the server would wait
     * for synced_cb until somebody resyncs it. A donation goes on and ends by itself. */
    ls_mutex_lock(&p->lock);
    p->desyncs = 0;
    p->losses_shown++;
    ls_mutex_unlock(&p->lock);
    if (!atomic_load(&p->inconsistent)) {
        show_view(p, recv_ctx, item->config, WSREP_VIEW_NON_PRIMARY, ls_order_position(&p->apply),
                  true);
    }
}

void ls_view_synced(struct ls_provider *p, struct ls_item *item)
{
    drain(p, item->seqno);
    if (atomic_load(&p->inconsistent)) {
        return;
    }
    ls_info("Synchronized with group, ready for connections");
    if (p->server.synced(p->server.app_ctx) != WSREP_CB_SUCCESS) {
        ls_phase_diverge(p, "the server could not go to the synced state");
    }
}

static void save_final(struct ls_provider *p)
{
    struct ls_grastate s;
    struct ls_error err = {0};

    ls_saved_state_get(p->saved, &s);
    ls_mutex_lock(&p->lock);
    s.position.uuid = p->group;
    ls_mutex_unlock(&p->lock);
    s.position.seqno = ls_order_position(&p->apply);
    if (s.position.seqno >= 0 && !ls_uuid_is_zero(&s.position.uuid)) {
        ls_farewell_set(p->server.data_dir, &s);
        s.position.seqno = LS_SEQNO_UNDEFINED;
        ls_saved_state_set(p->saved, &s, &err);
    }
    ls_gvwstate_remove(p->server.data_dir, &err);
}

static bool ends_by_failure(struct ls_provider *p)
{
    ls_mutex_lock(&p->lock);
    bool failed = p->failed;
    ls_mutex_unlock(&p->lock);
    return failed;
}

/* Where data differ an applier may be stuck for good: then the wait has an end (trap 39). */
static void drain_for_final(struct ls_provider *p, int64_t seqno)
{
    int64_t deadline_us = atomic_load(&p->inconsistent) ? ls_clock_us() + FINAL_DRAIN_US : -1;

    ls_order_wait(&p->commit, seqno, deadline_us, NULL, NULL);
    ls_order_wait(&p->apply, seqno, deadline_us, NULL, NULL);
}

/* Shutdown hangs until the server has seen this view and every receiver has returned (trap 38). */
void ls_view_final(struct ls_provider *p, void *recv_ctx, struct ls_item *item)
{
    struct ls_config none = {.count = 0};
    int64_t position = LS_SEQNO_UNDEFINED;

    if (!p->no_state) {
        drain_for_final(p, p->parted_at > 0 ? p->parted_at - 1 : item->seqno);
    }
    forget_skipped(p);
    if (!p->no_state && !atomic_load(&p->inconsistent)) {
        if (!ends_by_failure(p)) { /* it ends as by a crash: the database knows where it stands */
            save_final(p);
        }
        position = ls_order_position(&p->apply); /* the server goes on showing where it stands */
        ls_mutex_lock(&p->lock);
        none.group = p->group;
        ls_mutex_unlock(&p->lock);
    }
    show_view(p, recv_ctx, &none, WSREP_VIEW_NON_PRIMARY, position, false);
    ls_mutex_lock(&p->lock);
    p->connected = false;
    ls_cond_broadcast(&p->changed);
    ls_mutex_unlock(&p->lock);
    ls_queue_close(&p->queue);
}
