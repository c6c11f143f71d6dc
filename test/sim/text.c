#include "test/sim/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct out {
    char *buf;
    size_t size, len;
    ls_text_name name;
    void *ctx;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(o->buf + o->len, o->size - o->len, fmt, ap);
    va_end(ap);
    if (n > 0) {
        o->len += (size_t)n;
        if (o->len >= o->size) {
            o->len = o->size - 1;
        }
    }
}

const char *ls_text_role(uint8_t role)
{
    static const char *const names[] = {"idle",    "joiner", "follower", "candidate",
                                        "catchup", "leader", "left"};
    return role < sizeof(names) / sizeof(names[0]) ? names[role] : "?";
}

const char *ls_text_entry_type(uint8_t type)
{
    static const char *const names[] = {"?", "NOOP", "WRITESET", "CONFIG", "STATE", "SST", "CUT"};
    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

static const char *id_name(struct out *o, const struct ls_uuid *id)
{
    return ls_uuid_is_zero(id) ? "-" : o->name(o->ctx, id);
}

static void put_pos(struct out *o, const char *label, const struct ls_log_pos *p)
{
    put(o, " %s=%" PRIu64 "/%" PRIu64 ":%" PRId64, label, p->term, p->index, p->seqno);
}

static void put_sub(struct out *o, const struct ls_sub_id *s)
{
    put(o, " sub=%s.%" PRIu64 ".%" PRIu64, id_name(o, &s->origin), s->incarnation, s->id);
}

static void put_entry(struct out *o, const struct ls_entry *e)
{
    put(o, " %s %" PRIu64 "/%" PRIu64 ":%" PRId64, ls_text_entry_type(e->type), e->term, e->index,
        e->seqno);
    if (e->sub.id != 0) {
        put_sub(o, &e->sub);
    }
    put(o, " size=%u%s%s", e->size, (e->flags & LS_EF_SEQNO) ? " seqno" : "",
        (e->flags & LS_EF_BIG) ? " big" : "");
    struct ls_member_state s;
    struct ls_config c;
    int64_t cut;
    if (e->payload == NULL) {
        return;
    }
    if (e->type == LS_ENTRY_STATE &&
        ls_member_state_decode(e->payload, e->size, &s, NULL) == LS_OK) {
        put(o, " [%s is %s at %" PRId64 "]", id_name(o, &s.id), ls_node_state_name(s.state),
            s.seqno);
    } else if (e->type == LS_ENTRY_CUT && ls_cut_decode(e->payload, e->size, &cut, NULL) == LS_OK) {
        put(o, " [cut %" PRId64 "]", cut);
    } else if (e->type == LS_ENTRY_CONFIG &&
               ls_config_decode(e->payload, e->size, &c, NULL) == LS_OK) {
        put(o, " [%s %" PRId64 ":", c.is_view ? "view" : "within view", c.view);
        for (uint32_t i = 0; i < c.count; i++) {
            put(o, " %s%s", id_name(o, &c.members[i].id),
                c.members[i].role == LS_MEMBER_VOTER ? "" : "(learner)");
        }
        put(o, "]");
    }
}

static const char *msg_name(uint8_t type)
{
    static const char *const names[] = {"?",         "APPEND",    "ACK",     "NACK",    "VOTE_REQ",
                                        "VOTE_RESP", "FETCH",     "ENTRIES", "SUBMIT",  "HELD",
                                        "READ_REQ",  "READ_RESP", "JOIN",    "WELCOME", "REFUSE",
                                        "LEAVE",     "CAMPAIGN",  "EPOCH",   "CHANGE",  "SPARE"};
    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

static void put_append(struct out *o, const struct ls_msg *m, bool in)
{
    uint64_t first = m->u.append.first, last = m->u.append.last;

    if (in && m->u.append.count > 0) {
        first = m->u.append.entries[0].index;
        last = first + m->u.append.count - 1;
    }
    put_pos(o, "prev", &m->u.append.prev);
    if (in ? m->u.append.count > 0 : last >= first && last > 0) {
        put(o, " entries=%" PRIu64 "..%" PRIu64, first, last);
    }
    put(o, " held=%" PRIu64 " commit=%" PRIu64 "%s%s", m->u.append.leader_held, m->u.append.commit,
        (m->flags & LS_APPEND_META_ONLY) ? " meta-only" : "",
        (m->flags & LS_APPEND_VERDICTS) ? " verdicts" : "");
}

static void put_welcome(struct out *o, const struct ls_msg *m)
{
    put(o, " %s", m->u.welcome.from_log ? "from-log" : "new-log");
    put_pos(o, "base", &m->u.welcome.base);
    put(o, " base-cut=%" PRId64, m->u.welcome.base_cut);
    put_pos(o, "joined", &m->u.welcome.joined_pos);
}

static void put_msg(struct out *o, const struct ls_msg *m, bool in)
{
    put(o, "%s term=%" PRIu64, msg_name(m->type), m->term);
    switch (m->type) {
    case LS_MSG_APPEND:
    case LS_MSG_ENTRIES:
        put_append(o, m, in);
        break;
    case LS_MSG_ACK:
    case LS_MSG_NACK:
        put_pos(o, "pos", &m->u.ack.pos);
        put(o, " applied=%" PRId64 " commit=%" PRIu64 " delivered=%" PRIu64 "%s%s",
            m->u.ack.applied, m->u.ack.commit, m->u.ack.delivered,
            (m->flags & LS_ACK_NONPRIMARY) ? " nonprimary" : "",
            (m->flags & LS_ACK_NEED_PAYLOAD) ? " need-payload" : "");
        break;
    case LS_MSG_VOTE_REQ:
    case LS_MSG_VOTE_RESP:
        put(o, "%s%s%s", m->u.vote.pre ? " pre" : "", m->u.vote.transfer ? " transfer" : "",
            m->type == LS_MSG_VOTE_RESP ? (m->u.vote.granted ? " granted" : " refused") : "");
        put_pos(o, "pos", &m->u.vote.pos);
        put(o, " commit=%" PRIu64, m->u.vote.commit);
        break;
    case LS_MSG_FETCH:
        put_pos(o, "pos", &m->u.fetch.pos);
        break;
    case LS_MSG_SUBMIT:
    case LS_MSG_HELD:
        put_sub(o, &m->u.submit.sub);
        put(o, " low=%" PRIu64 " %s size=%u%s", m->u.submit.low,
            ls_text_entry_type(m->u.submit.entry_type), m->u.submit.size,
            (m->u.submit.entry_flags & LS_EF_BIG) ? " big" : "");
        break;
    case LS_MSG_READ_REQ:
    case LS_MSG_READ_RESP:
        put(o, " round=%" PRIu64 " index=%" PRIu64, m->u.read.round, m->u.read.index);
        break;
    case LS_MSG_JOIN:
        put(o, " me=%s.%" PRIu64, id_name(o, &m->u.join.me.id), m->u.join.me.incarnation);
        put_pos(o, "pos", &m->u.join.pos);
        put(o, " epoch=%" PRIu64 "%s", m->u.join.epoch, m->u.join.need_state ? " need-state" : "");
        break;
    case LS_MSG_WELCOME:
        put_welcome(o, m);
        break;
    case LS_MSG_REFUSE:
        put(o, " reason=%d %s", m->u.refuse.reason, m->u.refuse.text);
        break;
    case LS_MSG_LEAVE:
        put(o, " %s.%" PRIu64, id_name(o, &m->u.leave.id), m->u.leave.incarnation);
        break;
    case LS_MSG_EPOCH:
        put(o, " %" PRIu64 "%s", m->u.epoch.epoch, m->u.epoch.primary ? " primary" : "");
        break;
    case LS_MSG_CHANGE:
        put(o, " %s %s %u", m->u.change.kind == LS_CHANGE_WEIGHT ? "weight" : "evict",
            id_name(o, &m->u.change.id), (unsigned)m->u.change.value);
        break;
    case LS_MSG_SPARE:
        put(o, " up to %" PRIu64, m->u.spare.index);
        break;
    default:
        break;
    }
}

static const char *event_name(uint8_t type)
{
    static const char *const names[] = {
        "?",         "TICK",     "BOOTSTRAP", "JOIN",    "LEAVE",        "MESSAGE",  "PEER_UP",
        "PEER_DOWN", "ARRIVING", "SUBMIT",    "GIVE_UP", "PAYLOAD_HELD", "LOG_HELD", "DELIVERED",
        "APPLIED",   "READ",     "PARAMS",    "REFORM",  "WEIGHT",       "EVICT",    "FLUSH"};
    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

void ls_text_event(char *buf, size_t size, const struct ls_event *ev, ls_text_name name, void *ctx)
{
    struct out out = {.buf = buf, .size = size, .name = name, .ctx = ctx}, *o = &out;

    put(o, "%s", event_name(ev->type));
    switch (ev->type) {
    case LS_EV_BOOTSTRAP:
        put(o, " seqno=%" PRId64, ev->u.bootstrap.seqno);
        break;
    case LS_EV_JOIN:
        put(o, "%s%s", ev->u.join.need_state ? " need-state" : "", ev->u.join.half ? " half" : "");
        break;
    case LS_EV_MESSAGE:
        put(o, " from %s: ", id_name(o, &ev->u.message.from));
        put_msg(o, ev->u.message.msg, true);
        break;
    case LS_EV_PEER_UP:
    case LS_EV_PEER_DOWN:
        put(o, " %s%s", id_name(o, &ev->u.peer.peer),
            ev->u.peer.unreachable && ev->type == LS_EV_PEER_DOWN ? " unreachable" : "");
        break;
    case LS_EV_ARRIVING:
        put(o, " from %s", id_name(o, &ev->u.arriving.from));
        break;
    case LS_EV_SUBMIT:
        put(o, " id=%" PRIu64 " %s size=%u", ev->u.submit.id,
            ls_text_entry_type(ev->u.submit.entry_type), ev->u.submit.size);
        break;
    case LS_EV_GIVE_UP:
        put(o, " id=%" PRIu64, ev->u.submit.id);
        break;
    case LS_EV_PAYLOAD_HELD:
        put_sub(o, &ev->u.held.sub);
        break;
    case LS_EV_LOG_HELD:
    case LS_EV_DELIVERED:
        put(o, " index=%" PRIu64, ev->u.index);
        break;
    case LS_EV_APPLIED:
        put(o, " seqno=%" PRId64, ev->u.seqno);
        break;
    case LS_EV_READ:
        put(o, " token=%" PRIu64, ev->u.token);
        break;
    default:
        break;
    }
}

static const char *action_name(uint8_t type)
{
    static const char *const names[] = {
        "?",           "APPEND",   "TRUNCATE",     "RESET",      "PERSIST", "SEND",
        "SPREAD",      "COMMIT",   "WELCOME",      "NONPRIMARY", "PRIMARY", "READ_READY",
        "READ_FAILED", "REJECTED", "DROP_PAYLOAD", "LEFT",       "ROLE",    "LOG"};
    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

static void put_members(struct out *o, const struct ls_config *c)
{
    put(o, " [");
    for (uint32_t i = 0; c != NULL && i < c->count; i++) {
        put(o, "%s%s", i ? " " : "", id_name(o, &c->members[i].id));
    }
    put(o, "]");
}

void ls_text_action(char *buf, size_t size, const struct ls_action *a, ls_text_name name, void *ctx)
{
    struct out out = {.buf = buf, .size = size, .name = name, .ctx = ctx}, *o = &out;

    put(o, "%s", action_name(a->type));
    switch (a->type) {
    case LS_ACT_APPEND:
        put_entry(o, &a->u.append.entry);
        break;
    case LS_ACT_TRUNCATE:
    case LS_ACT_COMMIT:
        put(o, " index=%" PRIu64, a->u.index);
        break;
    case LS_ACT_RESET:
        put_pos(o, "base", &a->u.reset.base);
        break;
    case LS_ACT_PERSIST:
        put(o, " term=%" PRIu64 " vote=%s", a->u.persist.term, id_name(o, &a->u.persist.vote));
        break;
    case LS_ACT_SEND:
        put(o, " to %s: ", id_name(o, &a->u.send.to));
        put_msg(o, &a->u.send.msg, false);
        break;
    case LS_ACT_SPREAD:
        put(o, " id=%" PRIu64 " to %s", a->u.spread.id, id_name(o, &a->u.spread.to));
        break;
    case LS_ACT_WELCOME:
        put(o, " %s", a->u.welcome.from_log ? "from-log" : "new-log");
        put_pos(o, "base", &a->u.welcome.base);
        put(o, " base-cut=%" PRId64, a->u.welcome.base_cut);
        put_pos(o, "joined", &a->u.welcome.joined);
        put_members(o, a->u.welcome.config);
        break;
    case LS_ACT_NONPRIMARY:
        put_members(o, a->u.nonprimary.config);
        break;
    case LS_ACT_READ_READY:
        put(o, " token=%" PRIu64 " index=%" PRIu64, a->u.read.token, a->u.read.index);
        break;
    case LS_ACT_READ_FAILED:
        put(o, " token=%" PRIu64, a->u.read.token);
        break;
    case LS_ACT_REJECTED:
        put(o, " id=%" PRIu64, a->u.id);
        break;
    case LS_ACT_DROP_PAYLOAD:
        put_sub(o, &a->u.sub);
        break;
    case LS_ACT_ROLE:
        put(o, " %s term=%" PRIu64 " leader=%s", ls_text_role(a->u.role.role), a->u.role.term,
            id_name(o, &a->u.role.leader));
        break;
    case LS_ACT_LOG:
    case LS_ACT_LEFT:
        put(o, " %s", a->u.log.text);
        break;
    default:
        break;
    }
}
