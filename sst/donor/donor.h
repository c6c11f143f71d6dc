/* Donor choice: a pure function of ordered facts, so that every node names the same donor. */
#ifndef LS_DONOR_DONOR_H
#define LS_DONOR_DONOR_H

#include "gcomm/core/config.h"
#include "sst/donor/request.h"

/* What is known of a member beyond the configuration. It must come from the log's entries alone:
 * what one node sees of its peers differs from what the next one sees. */
struct ls_donor_facts {
    int64_t first_seqno; /* oldest write-set it can send; LS_SEQNO_UNDEFINED: not known */
    uint32_t load;       /* compared only: smaller is idler */
};

struct ls_donor_choice {
    uint32_t index; /* in the configuration's members */
    bool ist;       /* the facts say that it can serve IST */
    char line[600]; /* for the log: who asked, who was chosen and why; also when nobody was */
};

/* config: member states in force at the request. facts: one per member, or NULL. leader: zero uuid
 * when not known.
 *
 * Donors are SYNCED members with data, other than the joiner. First the ones named in the request,
 * in that order; an empty name (a trailing comma, an empty list) stands for any. Among any: who can
 * serve IST if that is wanted, who is in the joiner's segment, who is not the leader, who has less
 * to do, who comes first.
 *
 * LS_E_BUSY: nobody can now, ask again later. LS_E_NOTFOUND: none of the named is a member, or the
 * joiner is not. */
enum ls_rc ls_donor_choose(const struct ls_config *config, const struct ls_donor_facts *facts,
                           const struct ls_uuid *leader, const struct ls_sst_request *request,
                           struct ls_donor_choice *out);

#endif
