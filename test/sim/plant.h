/* Planted bugs: known ways to be wrong, each of which the oracles must find (design, section 6).
 *
 * They live in the host and the server, the parts of the simulator that stand where the engine and
 * the provider stand; the core is never touched. */
#ifndef LS_SIM_PLANT_H
#define LS_SIM_PLANT_H

enum ls_plant {
    LS_PLANT_NONE = 0,
    LS_PLANT_FORGET_VOTE,     /* PERSIST is not written: a restart forgets term and vote */
    LS_PLANT_AMNESIA,         /* a wiped node keeps its identity (rule 16) */
    LS_PLANT_ACK_UNSYNCED,    /* LOG_HELD before the sync: a power cut takes back what was acked */
    LS_PLANT_ACK_ANY,         /* acknowledgements of other terms and other logs are counted */
    LS_PLANT_SUBMIT_TWICE,    /* a reconnect submits what is under way once more, as if new */
    LS_PLANT_DELIVER_EARLY,   /* everything in the log counts as committed */
    LS_PLANT_READ_LOCAL,      /* reads are answered from the own commit index */
    LS_PLANT_SKIP_PRELOAD,    /* a joiner's certification index starts empty */
    LS_PLANT_FORGET_TRUNCATE, /* TRUNCATE leaves the old tail behind what is written anew */
    LS_PLANT_LOSE_SUBMIT,     /* some submissions never reach the core */
    LS_PLANT_SKIP_ADOPT,      /* a candidate does not see whose log is better than its own */
    LS_PLANT_IMPATIENT,       /* who stands does not ask whether there is a leader (no PreVote) */
    LS_PLANT_DROP_TAIL,       /* an arbitrator keeps nothing that is committed */
    LS_PLANT__COUNT
};

/* NULL for a number out of range; "none" for LS_PLANT_NONE. */
const char *ls_plant_name(enum ls_plant p);
/* LS_PLANT__COUNT when there is no such name. */
enum ls_plant ls_plant_parse(const char *name);

#endif
