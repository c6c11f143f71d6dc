/* Micro benchmark of the write-set log: bench_log [dir] [entries] [payload bytes] [batch]
 *
 * Prints entries per second for append and flush in batches, for reading all of them in order with
 * pins, for reading at random, for setting verdicts, and for opening the log again. */
#include "gcomm/log/log.h"
#include "wsrep/base/prng.h"
#include "wsrep/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const struct ls_error *err)
{
    fprintf(stderr, "bench_log: %s\n", err->text);
    exit(1);
}

static void report(const char *what, uint64_t count, int64_t since_us)
{
    double s = (double)(ls_clock_us() - since_us) / 1e6;

    printf("%-10s %9llu in %7.3f s  %10.0f/s\n", what, (unsigned long long)count, s,
           (double)count / s);
}

static struct ls_log *open_log(const char *dir)
{
    struct ls_log_options opt = {.dir = dir, .max_bytes = UINT64_C(1) << 40};
    struct ls_log *log;
    struct ls_error err;
    bool damaged;

    if (ls_log_open(&opt, &log, &damaged, &err) != LS_OK) {
        die(&err);
    }
    return log;
}

static void bench_append(struct ls_log *log, uint64_t count, uint32_t size, uint64_t batch)
{
    struct ls_log_pos last = ls_log_last(log);
    uint8_t *payload = calloc(1, size + 1);
    struct ls_piece piece = {.data = payload, .len = size};
    int64_t start = ls_clock_us();
    struct ls_error err;

    for (uint64_t i = 1; i <= count; i++) {
        struct ls_entry e = {.index = last.index + 1,
                             .term = 1,
                             .seqno = last.seqno + 1,
                             .sub = {.incarnation = 1, .id = i},
                             .type = LS_ENTRY_WRITESET,
                             .flags = LS_EF_SEQNO,
                             .size = size};
        if (size >= sizeof(i)) {
            memcpy(payload, &i, sizeof(i));
        }
        e.payload_hash = ls_hash64(payload, size);
        e.chain = ls_entry_chain(last.chain, &e);
        if (ls_log_append(log, &e, &piece, 1, &err) != LS_OK) {
            die(&err);
        }
        last = ls_entry_pos(&e);
        if ((i % batch == 0 || i == count) && ls_log_flush(log, &err) != LS_OK) {
            die(&err);
        }
    }
    report("append", count, start);
    free(payload);
}

static void bench_read(struct ls_log *log, const char *what, bool at_random)
{
    struct ls_log_pos base = ls_log_base(log);
    struct ls_log_pos last = ls_log_last(log);
    uint64_t count = last.index - base.index;
    int64_t start = ls_clock_us();
    struct ls_prng prng;

    ls_prng_seed(&prng, 1);
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t index = base.index + (at_random ? 1 + ls_prng_below(&prng, count) : i);
        struct ls_log_pin *pin;
        struct ls_entry e;
        if (!ls_log_get(log, index, &e, &pin) || e.index != index) {
            fprintf(stderr, "bench_log: entry %llu is gone\n", (unsigned long long)index);
            exit(1);
        }
        ls_log_unpin(pin);
    }
    report(what, count, start);
}

static void bench_verdict(struct ls_log *log)
{
    uint64_t first = ls_log_base(log).index + 1;
    uint64_t last = ls_log_last(log).index;
    int64_t start = ls_clock_us();

    for (uint64_t i = first; i <= last; i++) {
        ls_log_set_verdict(log, i, i % 10 == 0 ? LS_VERDICT_FAIL : LS_VERDICT_PASS);
    }
    report("verdict", last - first + 1, start);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "/tmp";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    uint32_t size = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 128;
    uint64_t batch = argc > 4 ? strtoull(argv[4], NULL, 10) : 64;
    struct ls_error err;
    struct ls_log *log;
    int64_t start;

    if (batch == 0 || ls_log_remove_all(dir, &err) != LS_OK) {
        fprintf(stderr, "usage: bench_log [dir] [entries] [payload bytes] [batch]\n");
        return 1;
    }
    log = open_log(dir);
    bench_append(log, count, size, batch);
    start = ls_clock_us();
    if (ls_log_sync(log, &err) != LS_OK) {
        die(&err);
    }
    report("sync", 1, start);
    bench_read(log, "read", false);
    bench_read(log, "random", true);
    bench_verdict(log);
    ls_log_close(log);
    start = ls_clock_us();
    log = open_log(dir);
    report("open", count, start);
    ls_log_close(log);
    if (ls_log_remove_all(dir, &err) != LS_OK) {
        die(&err);
    }
    return 0;
}
