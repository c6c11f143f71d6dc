#include "sst/donor/donor.h"

#include <stdio.h>
#include <string.h>

struct choice_input {
    const struct ls_config *config;
    const struct ls_donor_facts *facts;
    const struct ls_uuid *leader;
    const struct ls_sst_request *request;
    const struct ls_member *joiner;
};

/* What counts for a donor, strongest first. */
struct rank {
    bool ist;
    bool same_segment;
    bool not_leader;
    uint32_t load;
};

/* Could be one, now or after it has become SYNCED. */
static bool is_eligible(const struct choice_input *in, const struct ls_member *m)
{
    return m != in->joiner && m->no_data == 0;
}

static bool is_ready(const struct choice_input *in, const struct ls_member *m)
{
    return is_eligible(in, m) && m->state == LS_NODE_SYNCED;
}

static bool can_serve_ist(const struct choice_input *in, uint32_t i)
{
    const struct ls_sst_request *r = in->request;

    return r->ist_wanted && in->facts != NULL && in->facts[i].first_seqno >= 0 &&
           r->position.seqno >= 0 && ls_uuid_equal(&r->position.uuid, &in->config->group) &&
           in->facts[i].first_seqno - 1 <= r->position.seqno;
}

static struct rank rank_member(const struct choice_input *in, uint32_t i)
{
    const struct ls_member *m = &in->config->members[i];

    return (struct rank){
        .ist = can_serve_ist(in, i),
        .same_segment = m->segment == in->joiner->segment,
        .not_leader = !ls_uuid_equal(&m->id, in->leader),
        .load = in->facts != NULL ? in->facts[i].load : 0,
    };
}

static bool is_better(const struct rank *a, const struct rank *b)
{
    if (a->ist != b->ist) {
        return a->ist;
    }
    if (a->same_segment != b->same_segment) {
        return a->same_segment;
    }
    if (a->not_leader != b->not_leader) {
        return a->not_leader;
    }
    return a->load < b->load;
}

/* -1: nobody. */
static int choose_any(const struct choice_input *in)
{
    struct rank best = {0};
    int found = -1;

    for (uint32_t i = 0; i < in->config->count; i++) {
        struct rank r = rank_member(in, i);
        if (is_ready(in, &in->config->members[i]) && (found < 0 || is_better(&r, &best))) {
            best = r;
            found = (int)i;
        }
    }
    return found;
}

/* -1: none is ready. Names need not be unique. *exists: such a member could be ready later. */
static int choose_named(const struct choice_input *in, const char *name, size_t len, bool *exists)
{
    for (uint32_t i = 0; i < in->config->count; i++) {
        const struct ls_member *m = &in->config->members[i];
        if (strlen(m->name) != len || memcmp(m->name, name, len) != 0 || !is_eligible(in, m)) {
            continue;
        }
        *exists = true;
        if (is_ready(in, m)) {
            return (int)i;
        }
    }
    return -1;
}

static int choose_from_list(const struct choice_input *in, bool *named, bool *exists)
{
    const char *p = in->request->donors;

    for (;;) {
        size_t len = strcspn(p, ","), skip = strspn(p, " \t"), n = len;
        int found;

        skip = skip < len ? skip : len;
        while (n > skip && (p[n - 1] == ' ' || p[n - 1] == '\t')) {
            n--;
        }
        *named = n > skip;
        if (*named) {
            found = choose_named(in, p + skip, n - skip, exists);
        } else {
            found = choose_any(in);
            *exists = true;
        }
        if (found >= 0 || p[len] == '\0') {
            return found;
        }
        p += len + 1;
    }
}

static void explain(const struct choice_input *in, int found, bool named, bool exists,
                    struct ls_donor_choice *out)
{
    const struct ls_config *c = in->config;
    const char *wish = in->request->donors[0] != '\0' ? in->request->donors : "*any*";
    const struct ls_member *d = found >= 0 ? &c->members[found] : NULL;
    struct rank r;
    int n = snprintf(
        out->line, sizeof(out->line), "Member %d.%u (%s) requested state transfer from '%.200s'",
        ls_config_index_of(c, &in->joiner->id), in->joiner->segment, in->joiner->name, wish);

    if (d == NULL) {
        snprintf(out->line + n, sizeof(out->line) - (size_t)n,
                 ", but it is impossible to select State Transfer donor: %s",
                 exists ? "no suitable member is Synced now, it will be tried again"
                        : "no member has a name from this list, check wsrep_sst_donor");
        return;
    }
    r = rank_member(in, (uint32_t)found);
    snprintf(out->line + n, sizeof(out->line) - (size_t)n,
             ". Selected %d.%u (%s)(SYNCED) as donor. (%s%s%s%s)", found, d->segment, d->name,
             named ? "named in the list" : "any will do", r.ist ? ", can serve IST" : "",
             r.same_segment ? ", same segment" : ", other segment",
             r.not_leader ? "" : ", leads the group");
}

enum ls_rc ls_donor_choose(const struct ls_config *config, const struct ls_donor_facts *facts,
                           const struct ls_uuid *leader, const struct ls_sst_request *request,
                           struct ls_donor_choice *out)
{
    struct choice_input in = {.config = config,
                              .facts = facts,
                              .leader = leader,
                              .request = request,
                              .joiner = ls_config_find(config, &request->joiner)};
    bool named = false, exists = false;
    int found;

    memset(out, 0, sizeof(*out));
    if (in.joiner == NULL) {
        snprintf(out->line, sizeof(out->line),
                 "state transfer requested by %s, which is not a member (any more): ignored",
                 LS_UUID_STR(&request->joiner));
        return LS_E_NOTFOUND;
    }
    found = choose_from_list(&in, &named, &exists);
    explain(&in, found, named, exists, out);
    if (found < 0) {
        return exists ? LS_E_BUSY : LS_E_NOTFOUND;
    }
    out->index = (uint32_t)found;
    out->ist = can_serve_ist(&in, (uint32_t)found);
    return LS_OK;
}
