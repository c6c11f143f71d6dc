#include "gcomm/options/option_table.h"

#include "wsrep/base/disabled.h"

/* One row per option: name, type, flags, initial value, range, choices.
 *
 * DYN and what is refused on a running node follow a live Galera 26.4.23. UNUSED marks what tunes a
 * mechanism that Lockstep does not have: such a value is checked and shown, and does nothing. */
#define DYN LS_OPT_DYNAMIC
#define UNUSED LS_OPT_UNUSED
#define HIDDEN LS_OPT_HIDDEN
#define QUIET LS_OPT_QUIET
#define TRIGGER (LS_OPT_TRIGGER | LS_OPT_DYNAMIC)

#define ANY 0, 0, NULL
#define RANGE(min, max) min, max, NULL
#define ONE_OF(choices) 0, 0, choices
#define SOME_TIME RANGE(0.001, 1e9)
#define SOME_OR_NO_TIME RANGE(0, 1e9)
#define INT_MAX_AS_DOUBLE 2147483647.0

const struct ls_option_def ls_provider_option_defs[] = {
    {"base_dir", LS_OPT_STRING, DYN, NULL, ANY},
    {"base_host", LS_OPT_STRING, DYN, NULL, ANY},
    {"base_port", LS_OPT_INT, DYN, "4567", RANGE(1, 65535)},

    {"cert.log_conflicts", LS_OPT_BOOL, DYN, "no", ANY},
    {"cert.optimistic_pa", LS_OPT_BOOL, DYN, "yes", ANY},
    {"cert.max_length", LS_OPT_INT, HIDDEN | UNUSED, "16384", RANGE(1, INT_MAX_AS_DOUBLE)},
    {"cert.length_check", LS_OPT_INT, HIDDEN | UNUSED, "127", RANGE(0, INT_MAX_AS_DOUBLE)},

    {"debug", LS_OPT_BOOL, DYN, "no", ANY},

    {"evs.auto_evict", LS_OPT_INT, DYN | UNUSED, "0", RANGE(0, INT_MAX_AS_DOUBLE)},
    {"evs.causal_keepalive_period", LS_OPT_PERIOD, DYN | UNUSED, "PT1S", SOME_TIME},
    {"evs.debug_log_mask", LS_OPT_INT, DYN | UNUSED, "0x1", RANGE(0, INT_MAX_AS_DOUBLE)},
    {"evs.delay_margin", LS_OPT_PERIOD, DYN | UNUSED, "PT1S", SOME_OR_NO_TIME},
    {"evs.delayed_keep_period", LS_OPT_PERIOD, DYN | UNUSED, "PT30S", SOME_OR_NO_TIME},
    {"evs.evict", LS_OPT_STRING, TRIGGER, NULL, ANY},
    {"evs.inactive_check_period", LS_OPT_PERIOD, UNUSED, "PT0.5S", SOME_TIME},
    {"evs.inactive_timeout", LS_OPT_PERIOD, DYN, "PT15S", SOME_TIME},
    {"evs.info_log_mask", LS_OPT_INT, DYN | UNUSED, "0", RANGE(0, INT_MAX_AS_DOUBLE)},
    {"evs.install_timeout", LS_OPT_PERIOD, DYN | UNUSED, "PT7.5S", SOME_TIME},
    {"evs.join_retrans_period", LS_OPT_PERIOD, DYN | UNUSED, "PT1S", SOME_TIME},
    {"evs.keepalive_period", LS_OPT_PERIOD, DYN, "PT1S", SOME_TIME},
    {"evs.max_install_timeouts", LS_OPT_INT, DYN | UNUSED, "3", RANGE(0, INT_MAX_AS_DOUBLE)},
    {"evs.send_window", LS_OPT_INT, DYN | UNUSED, "4", RANGE(1, INT_MAX_AS_DOUBLE)},
    {"evs.stats_report_period", LS_OPT_PERIOD, DYN | UNUSED, "PT1M", SOME_TIME},
    {"evs.suspect_timeout", LS_OPT_PERIOD, DYN, "PT5S", SOME_TIME},
    {"evs.use_aggregate", LS_OPT_BOOL, DYN | UNUSED, "true", ANY},
    {"evs.user_send_window", LS_OPT_INT, DYN | UNUSED, "2", RANGE(1, INT_MAX_AS_DOUBLE)},
    {"evs.version", LS_OPT_INT, DYN | UNUSED, "1", RANGE(0, 1)},
    {"evs.view_forget_timeout", LS_OPT_PERIOD, UNUSED, "P1D", SOME_TIME},

    {"gcache.dir", LS_OPT_STRING, 0, NULL, ANY},
    {"gcache.name", LS_OPT_STRING, UNUSED, "galera.cache", ANY},
    {"gcache.keep_pages_size", LS_OPT_SIZE, DYN | UNUSED, "0", ANY},
    {"gcache.mem_size", LS_OPT_SIZE, DYN | UNUSED, "0", ANY},
    {"gcache.page_size", LS_OPT_SIZE, DYN | UNUSED, "128M", ANY},
    {"gcache.recover", LS_OPT_BOOL, UNUSED, "yes", ANY},
    {"gcache.size", LS_OPT_SIZE, 0, "128M", ANY},
    {"gcache.debug", LS_OPT_INT, HIDDEN | UNUSED, "0", ANY},

    {"gcomm.thread_prio", LS_OPT_STRING, UNUSED, "", ANY},

    {"gcs.fc_debug", LS_OPT_INT, DYN | UNUSED, "0", RANGE(0, INT_MAX_AS_DOUBLE)},
    {"gcs.fc_factor", LS_OPT_DOUBLE, DYN, "1.0", RANGE(0, 1)},
    {"gcs.fc_limit", LS_OPT_SIZE, DYN, "16", RANGE(0, INT_MAX_AS_DOUBLE)},
    {"gcs.fc_master_slave", LS_OPT_BOOL, 0, "no", ANY},
    {"gcs.fc_single_primary", LS_OPT_BOOL, 0, "no", ANY},
    {"gcs.max_packet_size", LS_OPT_SIZE, UNUSED, "64500", ANY},
    {"gcs.max_throttle", LS_OPT_DOUBLE, DYN | UNUSED, "0.25", RANGE(0, 0.999999)},
    {"gcs.recv_q_hard_limit", LS_OPT_SIZE, DYN | UNUSED, "9223372036854775807", ANY},
    {"gcs.recv_q_soft_limit", LS_OPT_DOUBLE, DYN | UNUSED, "0.25", RANGE(0, 0.999999)},
    {"gcs.stateless", LS_OPT_BOOL, QUIET, "no", ANY},
    {"gcs.sync_donor", LS_OPT_BOOL, DYN | UNUSED, "no", ANY},
    {"gcs.vote_policy", LS_OPT_INT, QUIET, "0", RANGE(0, 255)},

    {"gmcast.group", LS_OPT_STRING, UNUSED, NULL, ANY},
    {"gmcast.isolate", LS_OPT_INT, TRIGGER, NULL, RANGE(0, 2)},
    {"gmcast.listen_addr", LS_OPT_STRING, 0, NULL, ANY},
    {"gmcast.mcast_addr", LS_OPT_STRING, UNUSED, "", ANY},
    {"gmcast.mcast_port", LS_OPT_INT, UNUSED, NULL, RANGE(1, 65535)},
    {"gmcast.mcast_ttl", LS_OPT_INT, UNUSED, "1", RANGE(1, 255)},
    {"gmcast.mira", LS_OPT_INT, TRIGGER | UNUSED, NULL, RANGE(0, INT_MAX_AS_DOUBLE)},
    {"gmcast.peer_addr", LS_OPT_STRING, TRIGGER, NULL, ANY},
    {"gmcast.peer_timeout", LS_OPT_PERIOD, 0, "PT3S", SOME_TIME},
    {"gmcast.segment", LS_OPT_INT, 0, "0", RANGE(0, 255)},
    {"gmcast.time_wait", LS_OPT_PERIOD, 0, "PT5S", SOME_OR_NO_TIME},
    {"gmcast.version", LS_OPT_INT, UNUSED, "0", RANGE(0, 127)},

    {"ist.keep_keys", LS_OPT_BOOL, HIDDEN | UNUSED, "yes", ANY},
    {"ist.recv_addr", LS_OPT_STRING, UNUSED, NULL, ANY},
    {"ist.recv_bind", LS_OPT_STRING, UNUSED, NULL, ANY},

    {"pc.announce_timeout", LS_OPT_PERIOD, UNUSED, "PT3S", SOME_OR_NO_TIME},
    {"pc.bootstrap", LS_OPT_BOOL, TRIGGER, NULL, ANY},
    {"pc.checksum", LS_OPT_BOOL, UNUSED, "false", ANY},
    {"pc.ignore_quorum", LS_OPT_BOOL, DYN, "false", ANY},
    {"pc.ignore_sb", LS_OPT_BOOL, DYN, "false", ANY},
    {"pc.linger", LS_OPT_PERIOD, UNUSED, "PT20S", SOME_OR_NO_TIME},
    {"pc.npvo", LS_OPT_BOOL, UNUSED, "false", ANY},
    {"pc.recovery", LS_OPT_BOOL, UNUSED, "true", ANY},
    {"pc.version", LS_OPT_INT, UNUSED, "0", RANGE(0, 127)},
    {"pc.wait_prim", LS_OPT_BOOL, 0, "true", ANY},
    {"pc.wait_prim_timeout", LS_OPT_PERIOD, 0, "PT30S", SOME_OR_NO_TIME},
    {"pc.weight", LS_OPT_INT, DYN, "1", RANGE(0, 255)},

    {"protonet.backend", LS_OPT_ENUM, UNUSED, "asio", ONE_OF("asio")},
    {"protonet.version", LS_OPT_INT, UNUSED, "0", RANGE(0, 0.5)},

    {"repl.causal_read_timeout", LS_OPT_PERIOD, DYN, "PT30S", SOME_OR_NO_TIME},
    {"repl.commit_order", LS_OPT_INT, UNUSED, "3", RANGE(0, 3)},
    {"repl.key_format", LS_OPT_ENUM, DYN | UNUSED, "FLAT8", ONE_OF("FLAT8|FLAT8A|FLAT16|FLAT16A")},
    {"repl.max_ws_size", LS_OPT_SIZE, DYN, "2147483647", RANGE(0, INT_MAX_AS_DOUBLE)},
    {"repl.proto_max", LS_OPT_INT, DYN | UNUSED, "11", RANGE(0, 255)},

    {"socket.checksum", LS_OPT_INT, UNUSED, "2", RANGE(0, 2)},
    {"socket.dynamic", LS_OPT_BOOL, QUIET, "no", ANY},
    {"socket.non_blocking", LS_OPT_BOOL, HIDDEN | UNUSED, "no", ANY},
    {"socket.recv_buf_size", LS_OPT_STRING, DYN, "auto", ANY},
    {"socket.send_buf_size", LS_OPT_STRING, 0, "auto", ANY},
    {"socket.ssl", LS_OPT_BOOL, 0, NULL, ANY},
    {"socket.ssl_ca", LS_OPT_STRING, 0, NULL, ANY},
    {"socket.ssl_cert", LS_OPT_STRING, 0, NULL, ANY},
    {"socket.ssl_cipher", LS_OPT_STRING, 0, NULL, ANY},
    {"socket.ssl_compression", LS_OPT_BOOL, UNUSED, NULL, ANY},
    {"socket.ssl_key", LS_OPT_STRING, 0, NULL, ANY},
    {"socket.ssl_password_file", LS_OPT_STRING, 0, NULL, ANY},
    {"socket.ssl_reload", LS_OPT_BOOL, TRIGGER, NULL, ANY},

    /* Our own: shown only once set, since the server's suites compare the string. */
    {"log.sync", LS_OPT_ENUM, DYN | QUIET, "majority", ONE_OF("majority|none")},
    {"fc.time_limit", LS_OPT_PERIOD, DYN | QUIET, "PT5S", RANGE(0, 3600)},
    {"writer.disabled_file", LS_OPT_STRING, QUIET, LS_DISABLED_FILE, ANY},
    {"ack.level", LS_OPT_ENUM, DYN | QUIET, "majority", ONE_OF("majority|all|applied")},
};

const size_t ls_provider_option_count =
    sizeof(ls_provider_option_defs) / sizeof(ls_provider_option_defs[0]);
