#include "plugin/provider/provider.h"

#include "wsrep/os/clock.h"

#include <limits.h>
#include <string.h>

wsrep_status_t ls_provider_last_committed_id(wsrep_t *self, wsrep_gtid_t *gtid)
{
    struct ls_provider *p = ls_provider_of(self);
    int64_t shown = atomic_load(&p->shown_position);

    ls_mutex_lock(&p->lock);
    gtid->uuid = ls_uuid_to_wsrep(&p->group);
    ls_mutex_unlock(&p->lock);
    gtid->seqno = shown >= -1 ? shown : ls_order_position(&p->apply);
    if (gtid->seqno < 0) {
        memset(gtid, 0, sizeof(*gtid));
        gtid->seqno = WSREP_SEQNO_UNDEFINED;
    }
    return WSREP_OK;
}

/* Everything that any node had committed before the call (rule 25): the seqno up to which it must
 * be applied here. */
static enum ls_rc causal_point(struct ls_provider *p, int64_t deadline_us, int64_t *seqno)
{
    uint64_t index;
    struct ls_engine *e = ls_provider_use_engine(p);

    if (e == NULL) {
        return LS_E_NOT_PRIMARY;
    }
    int64_t left = deadline_us < 0 ? -1 : deadline_us - ls_clock_us();
    /* Committed, so in our log. Its delivery is not waited for: that stands still in a pause, and
     * what only the group's own entries are ahead of needs nobody. */
    enum ls_rc rc = ls_engine_read_index(e, deadline_us >= 0 && left < 0 ? 0 : left, &index, seqno);
    if (rc == LS_OK && *seqno < 0) { /* purged since: then a later one will do as well */
        *seqno = atomic_load(&p->delivered_seqno);
    }
    ls_provider_drop_engine(p);
    return rc;
}

static wsrep_status_t wait_causal(struct ls_provider *p, int timeout_s)
{
    int64_t seqno = LS_SEQNO_UNDEFINED;
    int64_t timeout_us;

    atomic_fetch_add(&p->counters.causal_reads, 1);
    if (!ls_phase_accepts_writes(p)) {
        return WSREP_CONN_FAIL;
    }
    ls_mutex_lock(&p->lock);
    timeout_us = p->settings.causal_read_timeout_us;
    ls_mutex_unlock(&p->lock);
    if (timeout_s >= 0) {
        timeout_us = (int64_t)timeout_s * 1000000;
    }
    int64_t deadline_us = ls_clock_us() + timeout_us;
    enum ls_rc rc = causal_point(p, deadline_us, &seqno);
    if (rc == LS_OK) {
        rc = ls_order_wait(&p->apply, seqno, deadline_us, NULL, NULL);
    }
    if (atomic_load(&p->inconsistent)) {
        return WSREP_CONN_FAIL; /* numbers pass, but nothing is applied any more */
    }
    return rc == LS_OK ? WSREP_OK : rc == LS_E_TIMEOUT ? WSREP_TRX_MISSING : WSREP_CONN_FAIL;
}

/* Called inside the commit order as well, with upto one below the own seqno (trap 15): waits for
 * numbers below only, never for its own. */
static wsrep_status_t wait_upto(struct ls_provider *p, const wsrep_gtid_t *upto, int timeout_s)
{
    struct ls_uuid uuid = ls_uuid_from_wsrep(&upto->uuid);

    ls_mutex_lock(&p->lock);
    bool same = ls_uuid_equal(&uuid, &p->group);
    ls_mutex_unlock(&p->lock);
    if (!same) {
        return WSREP_TRX_MISSING;
    }
    int64_t deadline_us =
        timeout_s < 0 || timeout_s == INT_MAX ? -1 : ls_clock_us() + (int64_t)timeout_s * 1000000;
    enum ls_rc rc = ls_order_wait(&p->apply, upto->seqno, deadline_us, NULL, NULL);
    return rc == LS_OK ? WSREP_OK : WSREP_TRX_MISSING;
}

wsrep_status_t ls_provider_sync_wait(wsrep_t *self, wsrep_gtid_t *upto, int timeout_s,
                                     wsrep_gtid_t *gtid)
{
    struct ls_provider *p = ls_provider_of(self);
    wsrep_status_t rc = upto != NULL ? wait_upto(p, upto, timeout_s) : wait_causal(p, timeout_s);

    if (rc == WSREP_OK && gtid != NULL) {
        ls_provider_last_committed_id(self, gtid);
    }
    return rc;
}
