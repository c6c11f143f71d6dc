/* The arbitrator as a member: takes the ordered stream, says what state it is in, keeps count of
 * the others for the log and for who watches it. One thread. */
#ifndef LS_ARBITRATOR_MEMBER_H
#define LS_ARBITRATOR_MEMBER_H

#include "gcomm/engine/engine.h"

/* How the donor of a state transfer is, by what it says in the order. */
enum ls_arbitrator_donor {
    LS_DONOR_NONE = 0, /* none chosen */
    LS_DONOR_CHOSEN, /* it has not said anything since: a JOINED is an answer to something older */
    LS_DONOR_GIVES,  /* its next JOINED tells how it went */
    LS_DONOR_BACK,   /* it was out of the component: its next word is whether it still gives */
};

struct ls_arbitrator_member {
    struct ls_engine *engine;
    struct ls_uuid id;
    uint64_t incarnation;
    struct ls_config config; /* as the order has it */
    bool in_view;
    uint64_t known_upto; /* entries below are contained in what CONNECTED brought */
    struct ls_log_pos joined;
    uint64_t delivered;
    uint8_t asked_state; /* reported and not yet seen in the stream; 0: none */
    /* a state transfer that is asked for, and how it goes */
    const char *sst; /* NULL: none */
    const char *donors;
    bool sst_sent, sst_over;
    enum ls_arbitrator_donor donor_is;
    struct ls_uuid donor;
    uint64_t donor_incarnation;
    uint64_t donor_joined; /* its joined_index: another one when it was out */
    int64_t sst_retry_us;  /* nobody could give: asked again then; 0: not waiting */
    enum ls_rc sst_result;
    char status[300]; /* for systemd and people: one line */
};

void ls_arbitrator_member_init(struct ls_arbitrator_member *m, struct ls_engine *e);

/* Takes one event of the stream and gives it back. False: it was the last. */
bool ls_arbitrator_member_take(struct ls_arbitrator_member *m, struct ls_stream_event *ev);

/* What is due by now: reports, requests. Called after events and about once a second. */
void ls_arbitrator_member_tend(struct ls_arbitrator_member *m);

#endif
