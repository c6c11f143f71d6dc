#include "plugin/arbitrator/member.h"

#include "sst/donor/donor.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SST_RETRY_US 1000000

void ls_arbitrator_member_init(struct ls_arbitrator_member *m, struct ls_engine *e)
{
    struct ls_engine_stats *stats = calloc(1, sizeof(*stats));

    LS_ASSERT(stats != NULL);
    memset(m, 0, sizeof(*m));
    m->engine = e;
    ls_engine_get_stats(e, stats);
    m->id = stats->id;
    m->incarnation = stats->incarnation;
    m->sst_result = LS_E_CLOSED;
    snprintf(m->status, sizeof(m->status), "looking for the cluster");
    free(stats);
}

/* ---- who is there ---- */

static void set_status(struct ls_arbitrator_member *m, bool primary)
{
    if (primary) {
        snprintf(m->status, sizeof(m->status), "member of a primary component of %u",
                 m->config.count);
    } else {
        snprintf(m->status, sizeof(m->status),
                 "no primary component: a majority of the members is missing");
    }
}

static struct ls_member *self(struct ls_arbitrator_member *m)
{
    return (struct ls_member *)ls_config_find(&m->config, &m->id);
}

static void let_in(struct ls_arbitrator_member *m, const struct ls_log_pos *joined)
{
    m->joined = *joined;
    m->in_view = true;
    m->asked_state = 0;
    m->sst_sent = false; /* what was not ordered by now is lost with the component that was */
}

/* ---- a state transfer ---- */

static bool waits_for_donor(const struct ls_arbitrator_member *m)
{
    return m->donor_is != LS_DONOR_NONE && !m->sst_over;
}

static void fail_transfer(struct ls_arbitrator_member *m, const char *why)
{
    ls_error_log("%s. Take what there is of the state transfer for incomplete, and ask for another",
                 why);
    m->sst_over = true;
    m->sst_result = LS_E_CLOSED;
}

/* The donor has reported how it ended. */
static void end_transfer(struct ls_arbitrator_member *m, int64_t result)
{
    m->sst_over = true;
    m->sst_result = result >= 0 ? LS_OK : LS_E_IO;
    if (result >= 0) {
        ls_info("The state transfer is complete, at seqno %" PRId64, result);
    } else {
        ls_error_log("The donor could not complete the state transfer: %s; see its error log",
                     strerror((int)-result));
    }
}

static void choose_donor(struct ls_arbitrator_member *m, const struct ls_member *donor)
{
    m->donor_is = LS_DONOR_CHOSEN;
    m->donor = donor->id;
    m->donor_incarnation = donor->incarnation;
    m->donor_joined = donor->joined_index;
}

/* The same process as when it was chosen: one that was started again knows nothing of it. */
static void look_after_donor(struct ls_arbitrator_member *m)
{
    const struct ls_member *donor = ls_config_find(&m->config, &m->donor);

    if (!waits_for_donor(m)) {
        return;
    }
    if (donor == NULL || donor->incarnation != m->donor_incarnation) {
        fail_transfer(m, "The donor has left the cluster before the state transfer was complete");
    } else if (donor->joined_index != m->donor_joined) {
        m->donor_joined = donor->joined_index;
        m->donor_is = LS_DONOR_BACK;
    }
}

/* What the donor's report means for the transfer. Whoever comes back reports JOINED, with a mark
 * while it gives; an end without a component was told to nobody. */
static void hear_donor(struct ls_arbitrator_member *m, const struct ls_member_state *s)
{
    if (!waits_for_donor(m) || !ls_uuid_equal(&s->id, &m->donor)) {
        return;
    }
    if (s->state == LS_NODE_DONOR && !s->desynced) {
        m->donor_is = LS_DONOR_GIVES;
    } else if (s->state == LS_NODE_JOINED && !s->desynced) {
        if (m->donor_is == LS_DONOR_GIVES) {
            end_transfer(m, s->seqno);
        } else if (m->donor_is == LS_DONOR_BACK) {
            fail_transfer(m, "The state transfer has ended while the donor had no primary "
                             "component, so that nobody was told how; its error log has it");
        }
    }
}

/* ---- the stream ---- */

/* One that goes on where it was brings all that came of the entries in between, and what was said
 * about a transfer; another one does not. */
static void connected(struct ls_arbitrator_member *m, const struct ls_stream_event *ev)
{
    bool goes_on = ev->from_log && m->config.count > 0;

    if (!goes_on) {
        m->config = *ev->config;
        m->known_upto = ev->joined.index;
        if ((m->sst_sent || waits_for_donor(m)) && !m->sst_over) {
            fail_transfer(m, "This arbitrator was away for longer than the others keep write-sets "
                             "(gcache.size) and has not seen what became of its request");
        }
    }
    let_in(m, &ev->joined);
    ls_engine_log_view(ev->config, &m->id, true);
    set_status(m, true);
}

static void take_state(struct ls_arbitrator_member *m, const struct ls_entry *e)
{
    struct ls_member_state s;
    struct ls_member *who;

    if (ls_member_state_decode(e->payload, e->size, &s, NULL) != LS_OK) {
        return; /* the nodes say so in their logs */
    }
    who = (struct ls_member *)ls_config_find(&m->config, &s.id);
    if (who == NULL || who->incarnation != s.incarnation) {
        return;
    }
    hear_donor(m, &s);
    if (ls_node_state_counts(who->state, s.state)) {
        who->state = s.state;
    }
    if (who == self(m)) {
        m->asked_state = 0;
    }
}

static void take_config(struct ls_arbitrator_member *m, const struct ls_entry *e,
                        const struct ls_config *c)
{
    const struct ls_member *me = ls_config_find(c, &m->id);

    m->config = *c;
    if (me != NULL && me->incarnation == m->incarnation && me->joined_index == e->index) {
        let_in(m, &(struct ls_log_pos){.index = e->index, .seqno = e->seqno});
    }
    if (e->flags & LS_EF_SEQNO) {
        ls_engine_log_view(c, &m->id, true);
    }
    set_status(m, true);
    look_after_donor(m);
}

/* Every member makes the same choice; ours is for the log and for whom to wait. */
static void take_request(struct ls_arbitrator_member *m, const struct ls_entry *e)
{
    struct ls_sst_request r;
    struct ls_donor_choice choice;
    enum ls_rc rc;

    if (ls_sst_request_decode(e->payload, e->size, &r, NULL) != LS_OK) {
        return;
    }
    bool ours = ls_uuid_equal(&r.joiner, &m->id);
    if (ours && waits_for_donor(m)) {
        return; /* asked twice, since the first request was slow: its donor is the answer to both */
    }
    rc = ls_donor_choose(&m->config, NULL, &ls_uuid_zero, &r, &choice);
    ls_info("%s", choice.line);
    if (rc == LS_OK) {
        m->config.members[choice.index].state = LS_NODE_DONOR;
    }
    if (!ours || m->sst_over) {
        return;
    }
    if (rc == LS_OK) {
        choose_donor(m, &m->config.members[choice.index]);
    } else if (rc == LS_E_BUSY) {
        m->sst_sent = false;
        m->sst_retry_us = ls_clock_us() + SST_RETRY_US;
    } else {
        m->sst_over = true;
        m->sst_result = rc;
    }
}

static void take_entry(struct ls_arbitrator_member *m, const struct ls_stream_event *ev)
{
    const struct ls_entry *e = &ev->entry;

    m->delivered = e->index;
    ls_engine_delivered(m->engine, e->index);
    if (e->index <= m->known_upto && e->index != m->joined.index) {
        return; /* CONNECTED brought what came of it */
    }
    if (e->type == LS_ENTRY_CONFIG) {
        take_config(m, e, ev->config);
    } else if (e->type == LS_ENTRY_STATE) {
        take_state(m, e);
    } else if (e->type == LS_ENTRY_SST_REQUEST) {
        take_request(m, e);
    }
}

bool ls_arbitrator_member_take(struct ls_arbitrator_member *m, struct ls_stream_event *ev)
{
    bool more = true;

    switch (ev->type) {
    case LS_STREAM_CONNECTED:
        connected(m, ev);
        break;
    case LS_STREAM_ENTRY:
        take_entry(m, ev);
        break;
    case LS_STREAM_NONPRIMARY:
        m->in_view = false;
        ls_engine_log_view(ev->config, &m->id, false);
        set_status(m, false);
        break;
    case LS_STREAM_LEFT:
        m->in_view = false;
        ls_info("Left the group: %s", ev->text);
        more = false;
        break;
    }
    ls_engine_event_done(m->engine, ev);
    return more;
}

/* ---- what is due ---- */

/* Lost with the component if it goes: CONNECTED starts over. */
static void report_state(struct ls_arbitrator_member *m, enum ls_node_state state)
{
    if (ls_engine_submit_state(m->engine, state, false, m->joined.seqno) == LS_OK) {
        m->asked_state = state;
    }
}

/* "method:address", of which the donor's server gets the two with a NUL between and behind them. */
static void request_transfer(struct ls_arbitrator_member *m)
{
    struct ls_sst_request r = {.joiner = m->id, .position = {.seqno = LS_SEQNO_UNDEFINED}};
    size_t size;
    char *text = strdup(m->sst), *colon;
    void *buf;

    LS_ASSERT(text != NULL);
    colon = strchr(text, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    snprintf(r.donors, sizeof(r.donors), "%s", m->donors != NULL ? m->donors : "");
    r.request = text;
    r.request_size = strlen(m->sst) + 1;
    buf = ls_sst_request_make(&r, &size);
    LS_ASSERT(buf != NULL); /* the command line bounds it */
    m->sst_sent = ls_engine_submit_control(m->engine, LS_ENTRY_SST_REQUEST, buf, size) == LS_OK;
    free(buf);
    free(text);
}

void ls_arbitrator_member_tend(struct ls_arbitrator_member *m)
{
    const struct ls_member *me = self(m);

    if (!m->in_view || me == NULL || m->delivered < m->joined.index) {
        return;
    }
    if (m->sst != NULL) { /* a guest: it never votes */
        bool due = !m->sst_sent && ls_clock_us() >= m->sst_retry_us;
        if (due && m->donor_is == LS_DONOR_NONE && !m->sst_over) {
            request_transfer(m);
        }
        return;
    }
    if (m->asked_state != 0) {
        return;
    }
    if (me->state == LS_NODE_UNDEFINED || me->state == LS_NODE_JOINER) {
        report_state(m, LS_NODE_JOINED);
    } else if (me->state == LS_NODE_JOINED) {
        report_state(m, LS_NODE_SYNCED);
    }
}
