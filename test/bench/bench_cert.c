/* What a key costs, in time and in memory: building and certifying write-sets of 1, 10, 1,000 and
 * 100,000 row keys. Prints a table. Usage: bench_cert [million keys held, default 1] */
#include "certification/index/index.h"
#include "wsrep/os/clock.h"
#include "wsrep/writeset/writeset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ls_ws_builder *builder;
static uint64_t row_next;

static void add_row(void)
{
    /* scattered, as primary keys of many clients are, and never the same twice */
    uint64_t row = row_next++ * 0x9e3779b97f4a7c15u;
    struct ls_piece parts[3] = {{"sbtest", 6}, {"sbtest1", 7}, {&row, sizeof(row)}};

    ls_ws_add_key(builder, parts, 3, LS_KEY_EXCLUSIVE);
}

static void build(uint32_t keys)
{
    static const char data[300];

    ls_ws_builder_reset(builder);
    for (uint32_t i = 0; i < keys; i++) {
        add_row();
    }
    ls_ws_add_data(builder, data, sizeof(data), true);
}

static size_t encode(int64_t last_seen, struct ls_piece pieces[LS_WS_PIECES])
{
    struct ls_ws_header h = {.flags = LS_WS_TRX_START | LS_WS_TRX_END,
                             .last_seen = last_seen,
                             .pa_range = LS_WS_PA_RANGE_MAX};
    return ls_ws_encode(builder, &h, pieces);
}

static size_t join(const struct ls_piece *pieces, size_t n, uint8_t *out)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++) {
        memcpy(out + size, pieces[i].data, pieces[i].len);
        size += pieces[i].len;
    }
    return size;
}

struct measure {
    int64_t build_ns, test_ns, worst_ns;
    uint64_t keys, writesets, entries_max, bytes_max;
    double bytes_per_key;
};

/* Fills the index to `held` keys, then goes on as long again with the cut at that distance. */
static struct measure run(uint32_t keys, uint64_t held)
{
    struct ls_uuid sources[3] = {{{1}}, {{2}}, {{3}}};
    struct ls_cert *c = ls_cert_create(0, 0);
    uint8_t *bytes = malloc(48 + ((size_t)keys + 3) * 20 + 300);
    int64_t window = (int64_t)(held / keys);
    struct measure m = {0};

    if (bytes == NULL) {
        exit(1);
    }
    for (int64_t seqno = 1; seqno <= 2 * window; seqno++) {
        struct ls_piece pieces[LS_WS_PIECES];
        struct ls_ws_view view;
        struct ls_cert_result result;
        struct ls_cert_stats stats;
        int64_t t0 = ls_clock_ns(), t1, t2, t3;

        build(keys);
        size_t n = encode(seqno - 1, pieces);
        t1 = ls_clock_ns();
        if (ls_ws_view_init(&view, bytes, join(pieces, n, bytes), NULL) != LS_OK) {
            exit(1);
        }
        t2 = ls_clock_ns();
        ls_cert_test(c, seqno, &sources[seqno % 3], &view, &result);
        if (seqno > window && (seqno % 100 == 0 || keys > 1000)) {
            ls_cert_cut(c, seqno - window);
        }
        t3 = ls_clock_ns();
        if (!result.pass) {
            exit(1);
        }
        m.build_ns += t1 - t0;
        m.test_ns += t3 - t2;
        m.worst_ns = t3 - t2 > m.worst_ns ? t3 - t2 : m.worst_ns;
        m.keys += keys;
        m.writesets++;
        ls_cert_get_stats(c, &stats);
        m.bytes_max = stats.bytes > m.bytes_max ? stats.bytes : m.bytes_max;
    }
    m.bytes_per_key = (double)m.bytes_max / (double)((uint64_t)window * keys);
    ls_cert_destroy(c);
    free(bytes);
    return m;
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {1, 10, 100, 1000, 100000};
    uint64_t held = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000;

    builder = ls_ws_builder_create();
    if (builder == NULL || held == 0) {
        return 1;
    }
    printf("%8s %14s %12s %14s %12s %12s %14s\n", "keys/ws", "build ns/ws", "ns/key",
           "certify ns/ws", "ns/key", "worst us", "bytes/live key");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct measure m = run(sizes[i], held);
        double writesets = (double)m.writesets;
        double keys = (double)m.keys;
        printf("%8u %14.0f %12.1f %14.0f %12.1f %12.1f %14.1f\n", sizes[i],
               (double)m.build_ns / writesets, (double)m.build_ns / keys,
               (double)m.test_ns / writesets, (double)m.test_ns / keys, (double)m.worst_ns / 1000,
               m.bytes_per_key);
    }
    ls_ws_builder_destroy(builder);
    return 0;
}
