#include "gcomm/options/provider_options.h"
#include "wsrep/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a live Galera 26.4.23 shows for these two settings, byte for byte. */
static const char galera_defaults[] =
    "base_dir = /data/; base_host = 127.0.0.1; base_port = 4567; cert.log_conflicts = no; "
    "cert.optimistic_pa = yes; debug = no; evs.auto_evict = 0; evs.causal_keepalive_period = PT1S; "
    "evs.debug_log_mask = 0x1; evs.delay_margin = PT1S; evs.delayed_keep_period = PT30S; "
    "evs.inactive_check_period = PT0.5S; evs.inactive_timeout = PT15S; evs.info_log_mask = 0; "
    "evs.install_timeout = PT7.5S; evs.join_retrans_period = PT1S; evs.keepalive_period = PT1S; "
    "evs.max_install_timeouts = 3; evs.send_window = 4; evs.stats_report_period = PT1M; "
    "evs.suspect_timeout = PT5S; evs.use_aggregate = true; evs.user_send_window = 2; "
    "evs.version = 1; evs.view_forget_timeout = P1D; gcache.dir = /data/; "
    "gcache.keep_pages_size = 0; gcache.mem_size = 0; gcache.name = galera.cache; "
    "gcache.page_size = 128M; gcache.recover = yes; gcache.size = 128M; gcomm.thread_prio = ; "
    "gcs.fc_debug = 0; gcs.fc_factor = 1.0; gcs.fc_limit = 16; gcs.fc_master_slave = no; "
    "gcs.fc_single_primary = no; gcs.max_packet_size = 64500; gcs.max_throttle = 0.25; "
    "gcs.recv_q_hard_limit = 9223372036854775807; gcs.recv_q_soft_limit = 0.25; "
    "gcs.sync_donor = no; gmcast.listen_addr = tcp://0.0.0.0:4567; gmcast.mcast_addr = ; "
    "gmcast.mcast_ttl = 1; gmcast.peer_timeout = PT3S; gmcast.segment = 0; "
    "gmcast.time_wait = PT5S; gmcast.version = 0; ist.recv_addr = 127.0.0.1; "
    "pc.announce_timeout = PT3S; pc.checksum = false; pc.ignore_quorum = false; "
    "pc.ignore_sb = false; pc.linger = PT20S; pc.npvo = false; pc.recovery = true; "
    "pc.version = 0; pc.wait_prim = true; pc.wait_prim_timeout = PT30S; pc.weight = 1; "
    "protonet.backend = asio; protonet.version = 0; repl.causal_read_timeout = PT30S; "
    "repl.commit_order = 3; repl.key_format = FLAT8; repl.max_ws_size = 2147483647; "
    "repl.proto_max = 11; socket.checksum = 2; socket.recv_buf_size = auto; "
    "socket.send_buf_size = auto; ";

static struct ls_provider_options *load(const char *address, const char *text)
{
    struct ls_provider_options *po;

    assert_int_equal(ls_provider_options_create("/data/", address, &po, NULL), LS_OK);
    assert_int_equal(ls_provider_options_load(po, text, NULL), LS_OK);
    return po;
}

static void test_string_is_galeras(void **state)
{
    struct ls_provider_options *po = load("127.0.0.1", NULL);
    char *text = ls_provider_options_format(po);

    assert_string_equal(text, galera_defaults);
    /* the suites put the whole string back */
    assert_int_equal(ls_provider_options_set(po, text, NULL), LS_OK);
    free(text);
    ls_provider_options_destroy(po);
}

static void assert_listens(const char *address, const char *options, const char *listen,
                           uint16_t base_port, const char *advertise)
{
    struct ls_provider_options *po = load(address, options);
    struct ls_provider_settings s;

    ls_provider_options_get(po, &s);
    assert_string_equal(s.listen_addr, listen);
    assert_int_equal(s.base_port, base_port);
    assert_string_equal(s.advertise, advertise);
    ls_provider_options_destroy(po);
}

static void test_addresses(void **state)
{
    assert_listens("10.0.0.1", "", "tcp://0.0.0.0:4567", 4567, "10.0.0.1:4567");
    assert_listens("10.0.0.1:5000", "", "tcp://0.0.0.0:5000", 5000, "10.0.0.1:5000");
    assert_listens("10.0.0.1", "base_port=6000", "tcp://0.0.0.0:6000", 6000, "10.0.0.1:6000");
    assert_listens("", "gmcast.listen_addr=127.0.0.2;base_port=7000", "tcp://127.0.0.2:7000", 7000,
                   "");
    assert_listens("a", "gmcast.listen_addr=tcp://[::]:7001;base_port=7000", "tcp://[::]:7001",
                   7001, "a:7001");
    assert_listens("[fd00::1]", "", "tcp://[::]:4567", 4567, "[fd00::1]:4567");
    assert_listens("a", "base_host=b", "tcp://0.0.0.0:4567", 4567, "b:4567");
}

static void test_bad_addresses(void **state)
{
    struct ls_provider_options *po;
    struct ls_error err;

    assert_int_equal(ls_provider_options_create("/d/", "0.0.0.0", &po, &err), LS_E_INVAL);
    assert_non_null(strstr(err.text, "wsrep_node_address"));
    assert_int_equal(ls_provider_options_create("/d/", "a:99999", &po, &err), LS_E_INVAL);
    assert_null(po);
    /* Addresses are made of base_host, and the string of options must load again. */
    static const char *const hosts[] = {"base_host=a:", "base_host='9", "base_host=a:1",
                                        "base_host=[::1]", "base_host=a b"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        assert_int_equal(ls_provider_options_create("/d/", NULL, &po, &err), LS_OK);
        assert_int_equal(ls_provider_options_load(po, hosts[i], &err), LS_E_INVAL);
        assert_non_null(strstr(err.text, "base_host"));
        ls_provider_options_destroy(po);
    }
    assert_int_equal(ls_provider_options_create("/d/", NULL, &po, &err), LS_OK);
    assert_int_equal(ls_provider_options_load(po, "base_host=fd00::3", &err), LS_OK);
    ls_provider_options_destroy(po);
}

/* A wish for encryption that cannot be met is refused: nobody talks in the clear unknowingly. */
static void test_tls(void **state)
{
    static const char *const wishes[] = {"socket.ssl=yes", "socket.ssl=yes;socket.ssl_key=k",
                                         "socket.ssl_cert=c",
                                         "gmcast.listen_addr=ssl://0.0.0.0:4567"};
    struct ls_provider_options *po;
    struct ls_provider_settings s;
    struct ls_error err;
    char *text;

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ls_provider_options_create("/d/", "a", &po, NULL), LS_OK);
        assert_int_equal(ls_provider_options_load(po, wishes[i], &err), LS_E_INVAL);
        assert_non_null(strstr(err.text, "TLS"));
        ls_provider_options_destroy(po);
    }
    po = load("a", "socket.ssl=no;socket.ssl_key=k;socket.ssl_cert=c");
    ls_provider_options_get(po, &s);
    assert_false(s.tls);
    assert_string_equal(s.listen_addr, "tcp://0.0.0.0:4567");
    ls_provider_options_destroy(po);

    po = load("a", "socket.ssl_key=k;socket.ssl_cert=c;socket.dynamic=yes");
    ls_provider_options_get(po, &s);
    assert_true(s.tls);
    assert_true(s.tls_dynamic);
    assert_string_equal(s.tls_key, "k");
    assert_string_equal(s.listen_addr, "ssl://0.0.0.0:4567");
    text = ls_provider_options_format(po);
    assert_non_null(strstr(text, "socket.ssl = YES"));
    assert_non_null(strstr(text, "socket.ssl_reload = 1")); /* FLUSH SSL looks for it */
    free(text);
    ls_provider_options_destroy(po);
}

static void test_unknown_names(void **state)
{
    struct ls_provider_options *po;
    struct ls_error err;

    assert_int_equal(ls_provider_options_create("/d/", "a", &po, NULL), LS_OK);
    assert_int_equal(ls_provider_options_load(po, "gmcasts.segment=1;pc.weight=2;x=y", &err),
                     LS_E_NOTFOUND);
    assert_non_null(strstr(err.text, "gmcasts.segment"));
    assert_int_equal(ls_provider_options_load_url(po, "x=y;pc.weight=3", NULL), LS_OK);
    assert_int_equal(ls_provider_options_load_url(po, "pc.weight=999", NULL), LS_E_INVAL);
    assert_int_equal(ls_provider_options_set(po, "a=1", NULL), LS_E_NOTFOUND);
    assert_int_equal(ls_provider_options_set(po, "pc.weight=2;a=1", NULL), LS_E_NOTFOUND);
    ls_provider_options_destroy(po);
}

struct heard {
    char names[256];
    struct ls_provider_options *po;
    enum ls_rc answer;
};

static enum ls_rc hear(void *ctx, const char *name, const char *value, struct ls_error *err)
{
    struct heard *h = ctx;
    char now[64];

    /* getters work inside the hook */
    ls_provider_options_text(h->po, name, now, sizeof(now));
    strcat(strcat(strcat(strcat(h->names, name), ":"), now), " ");
    return h->answer == LS_OK ? LS_OK : ls_error_set(err, h->answer, "no: %s", value);
}

static void test_hook(void **state)
{
    struct ls_provider_options *po = load("a", "");
    struct heard h = {.po = po};
    struct ls_provider_settings s;
    struct ls_error err;

    ls_provider_options_set_hook(po, hear, &h);
    assert_int_equal(ls_provider_options_set(po, "pc.weight=2;pc.weight=2;pc.bootstrap=YES", NULL),
                     LS_OK);
    assert_string_equal(h.names, "pc.weight:2 pc.bootstrap: ");
    h.answer = LS_E_BUSY;
    assert_int_equal(ls_provider_options_set(po, "pc.weight=3", &err), LS_E_BUSY);
    ls_provider_options_get(po, &s);
    assert_int_equal(s.weight, 2);
    ls_provider_options_destroy(po);
}

/* Answers of a live Galera to SET GLOBAL wsrep_provider_options. */
static void test_running_node_answers_like_galera(void **state)
{
    static const char *const good[] = {"debug=YES",
                                       "evs.suspect_timeout=4",
                                       "evs.suspect_timeout=PT0.3S",
                                       "gcs.fc_limit=1K",
                                       "gcs.fc_factor=0.5",
                                       "gcache.size=128M",
                                       "gcache.page_size=64M",
                                       "socket.ssl_reload=1",
                                       "evs.evict=",
                                       "repl.key_format=flat16",
                                       "socket.recv_buf_size=1M",
                                       "gmcast.isolate=2",
                                       "gmcast.peer_addr=add:tcp://127.0.0.1:24999",
                                       "gmcast.peer_addr=add:db1",
                                       "gmcast.peer_addr=del:[::1]:4567",
                                       "evs.use_aggregate=0",
                                       " "};
    static const char *const bad[] = {"debug=x",
                                      "cert.log_conflicts=2",
                                      "evs.suspect_timeout=abc",
                                      "evs.suspect_timeout=-1",
                                      "pc.weight=256",
                                      "gcs.fc_limit=-1",
                                      "gcs.fc_factor=2",
                                      "gcache.size=256M",
                                      "evs.suspect_timeout",
                                      "socket.ssl=yes",
                                      "gmcast.isolate=5",
                                      "evs.evict=abc",
                                      "evs.send_window=0",
                                      "evs.version=2",
                                      "repl.commit_order=2",
                                      "gmcast.segment=1",
                                      "gmcast.peer_addr=1.2.3.4",
                                      "gmcast.peer_addr=add:",
                                      "gmcast.peer_addr=add:tcp://",
                                      "gmcast.peer_addr=add::4567",
                                      "gmcast.peer_addr=add:tcp://127.0.0.1:0",
                                      "gmcast.peer_addr=del:",
                                      "gmcast.peer_addr=del:tcp://",
                                      "evs.stats_report_period=PT0S",
                                      "DEBUG=no",
                                      "cert.max_length=100",
                                      "socket.recv_buf_size=x",
                                      "evs.suspect_timeout="};
    struct ls_provider_options *po = load("127.0.0.1", "");
    struct ls_error err;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(ls_provider_options_set(po, good[i], NULL), LS_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err.text[0] = '\0';
        assert_int_not_equal(ls_provider_options_set(po, bad[i], &err), LS_OK);
        assert_string_not_equal(err.text, "");
    }
    ls_provider_options_destroy(po);
    ls_log_set_level(LS_LOG_INFO);
}

static void test_settings(void **state)
{
    struct ls_provider_options *po =
        load("a", "gcs.fc_master_slave=yes;log.sync=none;pc.ignore_sb=1;socket.send_buf_size=64K;"
                  "repl.causal_read_timeout=PT90S;gcache.size=10M;gcache.dir=/other");
    struct ls_provider_settings s;
    char *text = ls_provider_options_format(po);

    ls_provider_options_get(po, &s);
    assert_true(s.fc_single_primary);
    assert_false(s.log_sync_majority);
    assert_true(s.ignore_sb);
    assert_int_equal(s.send_buf_size, 65536);
    assert_int_equal(s.recv_buf_size, 0);
    assert_int_equal(s.causal_read_timeout_us, 90000000);
    assert_int_equal(s.gcache_size, 10 << 20);
    assert_string_equal(s.gcache_dir, "/other");
    assert_string_equal(s.base_dir, "/data/");
    assert_non_null(strstr(text, "log.sync = none; "));
    assert_null(strstr(text, "ack.level"));
    free(text);
    ls_provider_options_destroy(po);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_string_is_galeras),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_hook),
        cmocka_unit_test(test_running_node_answers_like_galera),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
