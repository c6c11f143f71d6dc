/* What the connections bring: peers, messages, chunks; and the line that says whom we wait for. */
#include "gcomm/engine/internal.h"

#include <stdio.h>
#include <string.h>

struct engine_peer *engine_peer_find(struct ls_engine *e, const struct ls_uuid *id)
{
    for (size_t i = 0; i < e->peer_count; i++) {
        if (ls_uuid_equal(&e->peers[i].id, id)) {
            return &e->peers[i];
        }
    }
    return NULL;
}

/* A place for a peer: a new one, or that of one that is down; NULL when there are too many. */
static struct engine_peer *peer_place(struct ls_engine *e, const struct ls_uuid *id)
{
    struct engine_peer *p = engine_peer_find(e, id);

    for (size_t i = 0; p == NULL && e->peer_count == PEERS_MAX && i < PEERS_MAX; i++) {
        if (!e->peers[i].up) {
            p = &e->peers[i];
        }
    }
    if (p == NULL && e->peer_count < PEERS_MAX) {
        p = &e->peers[e->peer_count++];
    }
    return p;
}

static void on_peer_up(void *ctx, const struct ls_uuid *peer, uint64_t incarnation,
                       const char *name, const char *addr)
{
    struct ls_engine *e = ctx;
    struct engine_peer *p = peer_place(e, peer);
    struct ls_event ev = {.type = LS_EV_PEER_UP};

    if (p == NULL) {
        ls_net_drop(e->net, peer, "too many peers");
        return;
    }
    memset(p, 0, sizeof(*p));
    p->id = *peer;
    p->incarnation = incarnation;
    p->up = true;
    snprintf(p->name, sizeof(p->name), "%s", name);
    snprintf(p->addr, sizeof(p->addr), "%s", addr);
    ev.u.peer.peer = *peer;
    ev.u.peer.incarnation = incarnation;
    engine_step(e, &ev);
    engine_flow_peer_up(e, peer);
    engine_applied_peer_up(e, p);
}

static void on_peer_down(void *ctx, const struct ls_uuid *peer, bool unreachable)
{
    struct ls_engine *e = ctx;
    struct engine_peer *p = engine_peer_find(e, peer);
    struct ls_event ev = {.type = LS_EV_PEER_DOWN};

    if (p != NULL) {
        p->up = false;
        p->pause = LS_FLOW_GO;
        engine_flow_update(e);
    }
    ev.u.peer.peer = *peer;
    ev.u.peer.unreachable = unreachable;
    engine_step(e, &ev);
}

/* Connections that were made before there was a primary component may be anybody's, and its servers
 * cannot be asked for the allow list before they are up. So the leader hears the wish to be let in
 * of somebody new only when the list has his address; he repeats it. */
static bool may_ask_in(struct ls_engine *e, const struct ls_uuid *peer)
{
    struct ls_core_status st;

    if (e->opt.allow == NULL) {
        return true;
    }
    ls_core_get_status(e->core, &st);
    return st.role != LS_ROLE_LEADER ||
           (st.config != NULL && ls_config_find(st.config, peer) != NULL) ||
           ls_net_is_vetted(e->net, peer);
}

static void on_message(void *ctx, const struct ls_uuid *peer, const struct ls_msg *msg)
{
    struct ls_engine *e = ctx;
    struct ls_event ev = {.type = LS_EV_MESSAGE};

    if (msg->type == LS_MSG_JOIN && !may_ask_in(e, peer)) {
        return;
    }
    ev.u.message.from = *peer;
    ev.u.message.msg = msg;
    if (msg->type == LS_MSG_APPEND && (msg->flags & LS_APPEND_META_ONLY) != 0 &&
        msg->u.append.count > 0) {
        ev.u.message.payload_here = engine_has_payload(e, &msg->u.append.entries[0]);
    }
    engine_ask_told(e, peer, msg);
    e->message_verdicts = msg->type == LS_MSG_APPEND && (msg->flags & LS_APPEND_VERDICTS) != 0;
    engine_step(e, &ev);
    e->message_verdicts = false;
}

static void on_arriving(void *ctx, const struct ls_uuid *peer, uint8_t type)
{
    struct ls_event ev = {.type = LS_EV_ARRIVING};

    ev.u.arriving.from = *peer;
    ev.u.arriving.type = type;
    engine_step(ctx, &ev);
}

static void on_chunk(void *ctx, const struct ls_uuid *peer, const struct ls_sub_id *sub,
                     uint64_t total, uint64_t payload_hash, uint64_t offset, const void *data,
                     size_t len)
{
    engine_stage_chunk(ctx, peer, sub, total, payload_hash, offset, data, len);
}

static void on_flow(struct ls_engine *e, struct engine_peer *p, enum ls_flow why)
{
    bool asks = why != LS_FLOW_GO;
    bool asked = p->pause != LS_FLOW_GO;

    p->pause_us = e->now_us;
    p->pause = why;
    if (asks == asked) {
        return;
    }
    if (asks) {
        ls_mutex_lock(&e->mutex);
        e->stats.fc_recv++;
        ls_mutex_unlock(&e->mutex);
    }
    engine_flow_update(e);
}

static void on_signal(void *ctx, const struct ls_uuid *peer, enum ls_signal signal, uint64_t value)
{
    struct ls_engine *e = ctx;
    struct engine_peer *p = engine_peer_find(e, peer);

    if (p == NULL) {
        return;
    }
    switch (signal) {
    case LS_SIGNAL_FLOW:
        on_flow(e, p,
                value == LS_FLOW_GO || value == LS_FLOW_DISK ? (enum ls_flow)value : LS_FLOW_SLOW);
        break;
    case LS_SIGNAL_WANT_APPLIED:
        engine_applied_wanted(e, p, value != 0);
        break;
    case LS_SIGNAL_APPLIED:
        engine_applied_told(e, p, value <= (uint64_t)LS_COUNT_MAX ? (int64_t)value : 0);
        break;
    }
}

const struct ls_net_callbacks engine_net_callbacks = {
    .peer_up = on_peer_up,
    .peer_down = on_peer_down,
    .message = on_message,
    .arriving = on_arriving,
    .chunk = on_chunk,
    .signal = on_signal,
};

/* ---- waiting for the primary component (rule 18) ---- */

struct line {
    char text[900];
    size_t len;
};

static void line_add(struct line *l, const char *name, const char *addr)
{
    int n =
        snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s%s (%s)", l->len > 0 ? ", " : "",
                 name[0] != '\0' ? name : "unnamed", addr[0] != '\0' ? addr : "address unknown");

    if (n > 0 && (size_t)n < sizeof(l->text) - l->len) {
        l->len += (size_t)n;
    } else {
        l->text[l->len] = '\0';
    }
}

/* A member's place with another member in it: it has given up its log and comes as a new one. */
static bool is_renewed(const struct ls_engine *e, const struct ls_member *m)
{
    for (size_t i = 0; i < e->peer_count; i++) {
        const struct engine_peer *p = &e->peers[i];

        if (p->up && !ls_uuid_equal(&p->id, &m->id) && strcmp(p->name, m->name) == 0 &&
            strcmp(p->addr, m->addr) == 0) {
            return true;
        }
    }
    return false;
}

/* What a person can do when waiting alone does not help. */
static void log_advice(const struct ls_engine *e, const struct line *missing,
                       const struct line *renewed)
{
    if (e->been_in) {
        if (missing->len > 0 && !e->opt.no_data) {
            ls_info(
                "nothing to do if they come back. If they are gone for good, and only then, SET "
                "GLOBAL wsrep_provider_options='pc.bootstrap=yes' on one of those that are left");
        }
    } else if (!e->log_usable && !e->opt.no_data) {
        ls_info("this node cannot be the origin, the position of its database is not known or does "
                "not fit its write-set log (if all say so: restart them by systemd or "
                "mariadbd-safe, which find the positions; if they still do, bootstrap the one with "
                "the highest position)");
    } else if (renewed->len > 0) {
        ls_info("members that are back as new ones, because their write-set log was lost or "
                "damaged: %s. If those with their log are too few to go on, stop the one with the "
                "highest position, set safe_to_bootstrap: 1 in its grastate.dat and start it with "
                "--wsrep-new-cluster; the others then take their data from it",
                renewed->text);
    }
}

#define STRANGERS_SIZE 280

/* Addresses at which no node of ours answers but something else does. Empty: there are none. */
static void strangers_text(const struct ls_engine *e, char out[STRANGERS_SIZE])
{
    char at[100];
    bool galera;
    size_t count = ls_net_strangers(e->net, at, sizeof(at), &galera);

    out[0] = '\0';
    if (count > 0) {
        snprintf(out, STRANGERS_SIZE, "%s %s%s", at,
                 count == 1 ? "answers, but not as a Lockstep node"
                            : "answer, but not as Lockstep nodes",
                 galera ? " (Galera's protocol): all nodes change provider together, with all of "
                          "them down"
                        : ": check wsrep_cluster_address");
    }
}

/* Where the database stands, for people who compare nodes before they bootstrap one. */
static bool position_text(const struct ls_engine *e, char out[LS_GTID_STR_SIZE])
{
    if (e->opt.no_data || e->position.seqno < 0 || ls_uuid_is_zero(&e->position.uuid)) {
        return false;
    }
    ls_gtid_format(&e->position, out);
    return true;
}

/* `members`: of the last component, if one is known. */
static void describe_wait(const struct ls_engine *e, const struct line *here, uint32_t members,
                          const struct line *missing, const char *strangers,
                          char text[LS_WAITING_TEXT_SIZE])
{
    char at[LS_GTID_STR_SIZE];
    int n = snprintf(text, LS_WAITING_TEXT_SIZE, "connected to: %s; ",
                     here->len > 0 ? here->text : "nobody");
    char *end = text + n;
    size_t room = LS_WAITING_TEXT_SIZE - (size_t)n;

    if (members > 0) {
        n = snprintf(end, room, "members of the last one that are missing: %s",
                     missing->len > 0 ? missing->text : "none");
    } else {
        bool known = position_text(e, at);
        bool alone = here->len == 0 && strangers[0] == '\0';
        n = snprintf(end, room, "this node was in none before%s%s%s",
                     known ? ", its database stands at " : "", known ? at : "",
                     alone ? " (no address answers: is another node running?)" : "");
    }
    if (strangers[0] != '\0' && (size_t)n < room) {
        snprintf(end + n, room - (size_t)n, "; %s", strangers);
    }
}

/* The others may be there and well: it is this node that has no connection. */
static void describe_isolation(const struct ls_engine *e, char text[LS_WAITING_TEXT_SIZE])
{
    if (e->aside != NULL) {
        (void)snprintf(text, LS_WAITING_TEXT_SIZE,
                       "this node stands aside until there is room on the disk of the %s",
                       e->aside);
    } else {
        (void)snprintf(text, LS_WAITING_TEXT_SIZE,
                       "this node is isolated by its provider option gmcast.isolate");
    }
}

void engine_log_progress(struct ls_engine *e)
{
    struct line missing = {.len = 0};
    struct line renewed = {.len = 0};
    struct line here = {.len = 0};
    char text[LS_WAITING_TEXT_SIZE] = "";
    char strangers[STRANGERS_SIZE];
    struct ls_core_status st;
    uint32_t members = 0;

    ls_core_get_status(e->core, &st);
    for (size_t i = 0; i < e->peer_count; i++) {
        if (e->peers[i].up && ls_core_sees(e->core, &e->peers[i].id)) {
            line_add(&here, e->peers[i].name, e->peers[i].addr);
        }
    }
    for (uint32_t i = 0; st.config != NULL && i < st.config->count; i++) {
        const struct ls_member *m = &st.config->members[i];

        members++;
        if (!ls_uuid_equal(&m->id, &e->identity.id) && !ls_core_sees(e->core, &m->id)) {
            line_add(is_renewed(e, m) ? &renewed : &missing, m->name, m->addr);
        }
    }
    strangers_text(e, strangers);
    if (e->isolated) {
        describe_isolation(e, text);
    } else {
        describe_wait(e, &here, members, &missing, strangers, text);
    }
    ls_info("waiting for a primary component; %s", text);
    ls_mutex_lock(&e->mutex);
    memcpy(e->stats.waiting_for, text, sizeof(e->stats.waiting_for));
    ls_mutex_unlock(&e->mutex);
    if (members > 0 && strangers[0] == '\0' && !e->isolated) {
        log_advice(e, &missing, &renewed);
    }
}

/* Once a second, for whoever ends the wait. */
void engine_note_advice(struct ls_engine *e)
{
    char advice[LS_ADVICE_SIZE] =
        "check that the other members run and can be reached, or bootstrap one";
    char at[LS_GTID_STR_SIZE];
    char strangers[STRANGERS_SIZE];
    struct ls_core_status st;
    bool refused = ls_net_is_refused(e->net);

    ls_core_get_status(e->core, &st);
    strangers_text(e, strangers);
    if (strangers[0] != '\0') { /* who bootstraps beside a living cluster has two */
        snprintf(advice, sizeof(advice), "%s", strangers);
    } else if ((st.config == NULL || st.config->count == 0) && position_text(e, at)) {
        snprintf(advice, sizeof(advice),
                 "check that the other members run and can be reached, or bootstrap the one with "
                 "the highest position (this one's database stands at %s)",
                 at);
    }
    ls_mutex_lock(&e->mutex);
    memcpy(e->advice, advice, sizeof(e->advice));
    e->refused = refused;
    ls_mutex_unlock(&e->mutex);
}

bool ls_engine_is_refused(struct ls_engine *e)
{
    ls_mutex_lock(&e->mutex);
    bool refused = e->refused;
    ls_mutex_unlock(&e->mutex);
    return refused;
}

void ls_engine_get_advice(struct ls_engine *e, char out[LS_ADVICE_SIZE])
{
    ls_mutex_lock(&e->mutex);
    memcpy(out, e->advice, LS_ADVICE_SIZE);
    ls_mutex_unlock(&e->mutex);
}
