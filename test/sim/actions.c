/* Performing the core's actions, in their order (the duties at the top of core.h). */
#include "test/sim/fault.h"
#include "test/sim/host.h"
#include "test/sim/server.h"
#include "wsrep/base/assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of an entry: those of the event it came with, those staged, our own, or the core's. */
static struct ls_blob *append_payload(struct ls_node *n, const struct ls_entry *e)
{
    const struct ls_sim_msg *m = n->event_msg;

    if (e->payload == NULL) {
        return e->size == 0 ? NULL : ls_blob_ref(ls_host_staged(n, &e->sub));
    }
    if (n->event_blob != NULL && e->payload == n->event_blob->data) {
        return ls_blob_ref(n->event_blob);
    }
    if (m != NULL && m->blob != NULL && e->payload == m->blob->data) {
        return ls_blob_ref(m->blob);
    }
    for (uint32_t i = 0; m != NULL && i < m->entry_count; i++) {
        if (m->blobs[i] != NULL && e->payload == m->blobs[i]->data) {
            return ls_blob_ref(m->blobs[i]);
        }
    }
    return ls_blob_create(e->payload, e->size);
}

static void do_append(struct ls_node *n, const struct ls_entry *e)
{
    struct ls_disk *d = &n->disk;
    struct ls_log_pos last = ls_disk_last(d);
    struct ls_blob *blob = append_payload(n, e);

    if (e->type == LS_ENTRY_CONFIG) {
        ls_oracle_proposed(n->world, n, e);
    }
    if (e->index != last.index + 1) {
        if (n->world->plant == LS_PLANT_FORGET_TRUNCATE && e->index <= last.index) {
            struct ls_disk_entry *old = ls_disk_find(d, e->index);
            ls_blob_unref(old->blob);
            old->e = *e;
            old->blob = blob;
            old->e.payload = blob != NULL ? blob->data : NULL;
            return;
        }
        ls_oracle_fail(&n->world->oracle, "host: node %d appends index %" PRIu64 " after %" PRIu64,
                       n->slot, e->index, last.index);
        ls_blob_unref(blob);
        return;
    }
    if (e->size > 0 && (blob == NULL || blob->size != e->size || blob->hash != e->payload_hash)) {
        ls_oracle_fail(&n->world->oracle, "host: node %d appends index %" PRIu64 " %s", n->slot,
                       e->index, blob == NULL ? "without its payload" : "with another payload");
    }
    if (ls_disk_wants_segment(d)) {
        uint8_t context[LS_CORE_CONTEXT_MAX];
        size_t size = ls_core_context_encode(n->core, context, sizeof(context));
        if (size > 0) { /* else not now: a later append asks again */
            ls_disk_new_segment(d, context, size);
        }
    }
    ls_disk_append(d, e, blob);
}

static void do_truncate(struct ls_node *n, uint64_t index)
{
    if (index <= n->srv.commit) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d truncates index %" PRIu64 ", it delivered up to %" PRIu64,
                       n->slot, index, n->srv.commit);
        return;
    }
    if (n->sync_target >= index) {
        n->sync_target = index - 1; /* the sync under way says nothing of what comes after */
    }
    if (n->world->plant != LS_PLANT_FORGET_TRUNCATE) {
        ls_disk_truncate(&n->disk, index);
    }
}

static void add_entries(struct ls_node *n, struct ls_sim_msg *msg, const struct ls_msg *m)
{
    uint64_t first = m->u.append.first;

    for (uint32_t i = 0; i < msg->entry_count; i++) {
        struct ls_disk_entry *e = ls_disk_find(&n->disk, first + i);
        if (e == NULL) {
            ls_oracle_fail(&n->world->oracle,
                           "host: node %d sends index %" PRIu64 ", which its log does not hold",
                           n->slot, first + i);
            msg->entry_count = i;
            return;
        }
        msg->entries[i] = e->e;
        msg->entries[i].payload = NULL;
        if (!(m->flags & LS_APPEND_VERDICTS)) {
            msg->entries[i].verdict = LS_VERDICT_UNKNOWN;
        }
        if (!(m->flags & LS_APPEND_META_ONLY)) {
            msg->blobs[i] = ls_blob_ref(e->blob);
        }
    }
}

struct ls_sim_msg *ls_host_build(struct ls_node *n, const struct ls_action *a)
{
    const struct ls_msg *m = &a->u.send.msg;
    bool entries = m->type == LS_MSG_APPEND || m->type == LS_MSG_ENTRIES;
    uint32_t count = 0;

    if (entries && m->u.append.last >= m->u.append.first && m->u.append.last > 0) {
        count = (uint32_t)(m->u.append.last - m->u.append.first + 1);
    }
    struct ls_sim_msg *msg = ls_sim_msg_create(m, &n->disk.id, count);
    if (count > 0) {
        add_entries(n, msg, m);
    }
    if (m->type == LS_MSG_SUBMIT && !(m->u.submit.entry_flags & LS_EF_BIG)) {
        struct ls_sim_sub *s = ls_host_find_sub(n, m->u.submit.sub.id);
        if (s == NULL) {
            ls_oracle_fail(&n->world->oracle,
                           "host: node %d sends submission %" PRIu64 ", which is settled", n->slot,
                           m->u.submit.sub.id);
        } else {
            msg->blob = ls_blob_ref(s->blob);
        }
    }
    if (m->type == LS_MSG_WELCOME) {
        msg->config = malloc(sizeof(*msg->config));
        LS_ASSERT(msg->config != NULL && m->u.welcome.config != NULL);
        *msg->config = *m->u.welcome.config;
    }
    return msg;
}

static void do_send(struct ls_node *n, const struct ls_action *a)
{
    int to = a->u.send.to.b[15];

    if (to >= n->world->count || !n->up[to] || !ls_uuid_equal(&n->up_id[to], &a->u.send.to)) {
        return; /* no connection to this one */
    }
    if (a->u.send.msg.type == LS_MSG_CAMPAIGN) {
        n->world->transfer_at = n->world->now;
    }
    ls_simnet_send(n->world, n, to, ls_host_build(n, a));
}

static void do_spread(struct ls_node *n, const struct ls_action *a)
{
    struct ls_sim_sub *s = ls_host_find_sub(n, a->u.spread.id);
    int to = a->u.spread.to.b[15];
    struct ls_sub_id sub = {
        .origin = n->disk.id, .incarnation = n->disk.incarnation, .id = a->u.spread.id};

    if (s == NULL) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d spreads submission %" PRIu64 ", which is settled", n->slot,
                       a->u.spread.id);
        return;
    }
    if (to < n->world->count && n->up[to] && ls_uuid_equal(&n->up_id[to], &a->u.spread.to)) {
        ls_simnet_send_bulk(n->world, n, to, &sub, s->blob);
    }
}

static void do_drop_payload(struct ls_node *n, const struct ls_sub_id *sub)
{
    for (uint32_t i = 0; i < n->staged_count; i++) {
        if (ls_sub_id_equal(&n->staged[i].sub, sub)) {
            ls_blob_unref(n->staged[i].blob);
            n->staged[i] = n->staged[--n->staged_count];
            return;
        }
    }
}

static void do_read(struct ls_node *n, const struct ls_action *a)
{
    for (uint32_t i = 0; i < n->read_count; i++) {
        if (n->reads[i].token != a->u.read.token) {
            continue;
        }
        if (a->type == LS_ACT_READ_READY) {
            ls_oracle_read(&n->world->oracle, n->slot, n->reads[i].floor, a->u.read.index);
        } else {
            n->world->stats.reads_failed++;
        }
        n->reads[i] = n->reads[--n->read_count];
        return;
    }
    ls_oracle_fail(&n->world->oracle, "host: node %d answers read %" PRIu64 ", which nobody asked",
                   n->slot, a->u.read.token);
}

/* On some disk, be its node away or not. */
static bool is_term_higher(const struct ls_world *w, uint64_t term)
{
    for (int i = 0; i < w->count; i++) {
        if (w->nodes[i].disk.term > term) {
            return true;
        }
    }
    return false;
}

/* A new leader holds everything that was decided in earlier terms. */
static void do_role(struct ls_node *n, const struct ls_action *a)
{
    struct ls_oracle *o = &n->world->oracle;
    uint8_t was = n->role;

    n->role = a->u.role.role;
    n->role_term = a->u.role.term;
    if (n->role != LS_ROLE_LEADER && was == LS_ROLE_LEADER) {
        n->led_until = n->world->now;
        if (n->role_term == n->led_term) {
            n->led_term = 0; /* it stepped down by itself */
        }
    }
    if (n->role == LS_ROLE_LEADER && was != LS_ROLE_LEADER) {
        n->world->stats.elections++;
        n->led_term = n->role_term;
        n->led_below = is_term_higher(n->world, n->role_term);
        ls_oracle_elected(n->world, n);
        n->world->led_last = n->led_term > n->world->led_last ? n->led_term : n->world->led_last;
        uint64_t index = ls_oracle_decided_before(o, n->role_term);
        const struct ls_disk_entry *e = ls_disk_find(&n->disk, index);
        if (index > ls_disk_base(&n->disk).index) {
            ls_oracle_leads(o, n->slot, n->role_term, index, e != NULL,
                            e != NULL ? e->e.chain : (struct ls_hash128){0});
        }
    }
}

static void do_rejected(struct ls_node *n, uint64_t id)
{
    struct ls_sim_sub *s = ls_host_find_sub(n, id);

    if (s == NULL) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d rejects submission %" PRIu64 ", which is settled", n->slot,
                       id);
        return;
    }
    ls_host_settle(n, s, LS_FATE_REJECTED, 0);
}

static void do_commit(struct ls_node *n, uint64_t index)
{
    uint64_t last = ls_disk_last(&n->disk).index;

    if (index > last) {
        ls_oracle_fail(&n->world->oracle,
                       "host: node %d commits index %" PRIu64 ", its log ends at %" PRIu64, n->slot,
                       index, last);
        return;
    }
    if (n->world->plant == LS_PLANT_DELIVER_EARLY) {
        index = last;
    }
    ls_server_commit(n, index);
}

static void perform(struct ls_node *n, const struct ls_action *a)
{
    switch (a->type) {
    case LS_ACT_APPEND:
        do_append(n, &a->u.append.entry);
        break;
    case LS_ACT_TRUNCATE:
        do_truncate(n, a->u.index);
        break;
    case LS_ACT_RESET:
        n->sync_target = 0;
        n->sync_done_at = LS_SIM_NEVER;
        ls_disk_reset(&n->disk, &a->u.reset.base, a->u.reset.context, a->u.reset.context_size);
        ls_server_reset(n, &a->u.reset.base);
        break;
    case LS_ACT_PERSIST:
        if (n->world->plant != LS_PLANT_FORGET_VOTE) {
            n->disk.term = a->u.persist.term;
            n->disk.vote = a->u.persist.vote;
        }
        break;
    case LS_ACT_SEND:
        do_send(n, a);
        break;
    case LS_ACT_SPREAD:
        do_spread(n, a);
        break;
    case LS_ACT_COMMIT:
        do_commit(n, a->u.index);
        break;
    case LS_ACT_WELCOME:
        ls_server_welcome(n, a);
        break;
    case LS_ACT_NONPRIMARY:
        ls_host_settle_all(n, LS_FATE_UNKNOWN);
        ls_server_nonprimary(n);
        break;
    case LS_ACT_READ_READY:
    case LS_ACT_READ_FAILED:
        do_read(n, a);
        break;
    case LS_ACT_REJECTED:
        do_rejected(n, a->u.id);
        break;
    case LS_ACT_DROP_PAYLOAD:
        do_drop_payload(n, &a->u.sub);
        break;
    case LS_ACT_LEFT:
        ls_host_settle_all(n, LS_FATE_UNKNOWN);
        n->left = true;
        break;
    case LS_ACT_ROLE:
        do_role(n, a);
        break;
    case LS_ACT_PRIMARY:
    case LS_ACT_LOG:
        break;
    default:
        ls_oracle_fail(&n->world->oracle, "host: node %d is asked for action %d", n->slot, a->type);
    }
}

/* The moments at which a protocol is likely to be wrong about what a crash leaves behind. */
static bool is_rare(const struct ls_action *a)
{
    switch (a->type) {
    case LS_ACT_TRUNCATE:
    case LS_ACT_RESET:
    case LS_ACT_PERSIST:
    case LS_ACT_WELCOME:
        return true;
    case LS_ACT_SEND:
        return a->u.send.msg.type == LS_MSG_VOTE_RESP && a->u.send.msg.u.vote.granted;
    case LS_ACT_APPEND:
        return a->u.append.entry.type == LS_ENTRY_CONFIG;
    case LS_ACT_ROLE:
        return a->u.role.role >= LS_ROLE_CANDIDATE;
    default:
        return false;
    }
}

static void strike_from_spite(struct ls_node *n, const struct ls_action *a)
{
    struct ls_world *w = n->world;

    if (w->faults_on && w->profile.spite > 0 && n->crash_after < 0 && is_rare(a) &&
        !ls_fault_disk_is_lost(w) && ls_world_chance(w, w->profile.spite)) {
        n->crash_after = ls_world_between(w, 0, 6);
        n->crash_power = n->disk.marked && ls_world_chance(w, 0.5);
        n->crash_soon_back = true;
        w->stats.crashes++;
    }
}

bool ls_host_perform(struct ls_node *n)
{
    size_t count;
    const struct ls_action *a = ls_core_actions(n->core, &count);

    n->world->stats.actions += count;
    if (count > 20000) {
        ls_oracle_fail(&n->world->oracle, "bounds: one step of node %d asks for %zu actions",
                       n->slot, count);
    }
    for (size_t i = 0; i < count && !n->world->oracle.failed; i++) {
        if (n->crash_after >= 0 && n->crash_after-- == 0) {
            return false;
        }
        if (n->disk.full && a[i].type == LS_ACT_APPEND) {
            n->crash_power = false;
            return false; /* it leaves by itself */
        }
        perform(n, &a[i]);
        strike_from_spite(n, &a[i]);
    }
    return true;
}
