#include "gcomm/options/engine_options.h"

#include "wsrep/base/log.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/process.h"

#include <string.h>

#define POLL_US 200000
#define MAX_PENDING 1024
#define MAX_PENDING_BYTES (64u << 20)

static void bound_us(int64_t *value, int64_t limit)
{
    *value = *value < limit ? *value : limit;
}

void ls_settings_fill_params(const struct ls_provider_settings *s, struct ls_core_params *params)
{
    ls_core_params_default(params);
    params->suspect_us = s->suspect_us < s->inactive_us ? s->suspect_us : s->inactive_us;
    params->inactive_us = s->inactive_us;
    bound_us(&params->quiet_us, params->suspect_us);
    bound_us(&params->election_max_us, params->suspect_us);
    bound_us(&params->election_min_us, params->suspect_us / 2);
    bound_us(&params->heartbeat_us, params->election_min_us / 4);
    bound_us(&params->heartbeat_us, s->keepalive_us);
    params->sync_majority = s->log_sync_majority;
    params->ack_all = s->ack_all;
    params->ignore_quorum = s->ignore_quorum;
    params->ignore_sb = s->ignore_sb;
}

void ls_settings_fill_engine(const struct ls_provider_settings *s, struct ls_engine_options *o)
{
    memset(o, 0, sizeof(*o));
    o->data_dir = s->gcache_dir[0] != '\0' ? s->gcache_dir : s->base_dir;
    o->listen_addr = s->listen_addr;
    o->advertise = s->advertise[0] != '\0' ? s->advertise : NULL;
    o->segment = s->segment;
    o->weight = s->weight;
    ls_settings_fill_params(s, &o->params);
    o->log_bytes = (uint64_t)s->gcache_size;
    o->max_pending = MAX_PENDING;
    o->max_pending_bytes = MAX_PENDING_BYTES;
    o->fc_factor = s->fc_factor;
    o->time_wait_us = s->peer_timeout_us;
    o->want_applied = s->ack_applied;
    o->tls = s->tls;
    o->tls_dynamic = s->tls_dynamic;
    o->tls_files = (struct ls_tls_files){.key = s->tls_key,
                                         .cert = s->tls_cert,
                                         .ca = s->tls_ca,
                                         .cipher = s->tls_cipher,
                                         .password_file = s->tls_password_file};
}

/* Pacemaker decides nothing while an action is under way: the others are not started before the
 * start of this node has ended, and it would wait for them until the action's time-out, which an
 * operator may have had block the resource. (The peer waits as long.) */
static bool is_limited(const struct ls_provider_settings *s)
{
    if (s->wait_prim_timeout_given) {
        return true;
    }
    if (!ls_process_started_by("pacemaker")) {
        return false;
    }
    ls_info("Started by Pacemaker, which starts no other member meanwhile: without a primary "
            "component this start ends after %lld s (pc.wait_prim_timeout)",
            (long long)(s->wait_prim_timeout_us / 1000000));
    return true;
}

/* A server that was started before the others must still be there when they come, also when it has
 * lost its disk: systemd does not start again what ended with an error. Only whom somebody at its
 * addresses refuses, and who never was a member, has a mistake in its configuration. */
static bool is_hopeful(struct ls_engine *e)
{
    return ls_log_last(ls_engine_log(e)).index != 0 || !ls_engine_is_refused(e);
}

enum ls_rc ls_settings_wait_primary(const struct ls_provider_settings *s, struct ls_engine *e,
                                    bool (*ended)(void *ctx), void *ctx, struct ls_error *err)
{
    bool limited = !s->wait_prim || is_limited(s);
    int64_t due_us = ls_clock_us() + s->wait_prim_timeout_us;
    enum ls_rc rc = s->wait_prim ? LS_E_TIMEOUT : LS_OK;

    while (rc == LS_E_TIMEOUT) {
        int64_t left_us = due_us - ls_clock_us();
        if (left_us <= 0 && (limited || !is_hopeful(e))) {
            break;
        }
        rc = ls_engine_wait_primary(e, left_us > 0 && left_us < POLL_US ? left_us : POLL_US, err);
        if (rc == LS_E_TIMEOUT && ended(ctx)) {
            return ls_error_set(err, LS_E_CLOSED, "told to end while it waited for the others");
        }
    }
    if (rc == LS_E_TIMEOUT) {
        char advice[LS_ADVICE_SIZE];

        ls_engine_get_advice(e, advice);
        return ls_error_set(err, rc,
                            "no primary component within %lld s (pc.wait_prim_timeout): %s",
                            (long long)(s->wait_prim_timeout_us / 1000000), advice);
    }
    return rc;
}
