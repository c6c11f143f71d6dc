/* Readers, a syncing and a judging thread against the writer that appends, cuts, purges and resets.
 * What a reader holds must stay as it is until given back. Meant for the sanitizers as well. */
#include "test/unit/log/fixture.h"

#include "wsrep/os/clock.h"
#include "wsrep/os/thread.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS 2
#define HELD 8
#define RUN_US 700000

struct shared {
    struct ls_log *log;
    atomic_bool stop;
    atomic_uint bad;
    _Atomic uint64_t reads;
};

struct reader {
    struct shared *shared;
    uint64_t seed;
};

static void complain(struct shared *s, const char *what)
{
    fprintf(stderr, "%s\n", what);
    atomic_fetch_add(&s->bad, 1);
}

static void *read_entries(void *arg)
{
    struct reader *r = arg;
    struct shared *s = r->shared;
    struct ls_log_pin *pins[HELD] = {NULL};
    struct ls_entry held[HELD];
    struct ls_prng prng;

    ls_prng_seed(&prng, r->seed);
    while (!atomic_load(&s->stop)) {
        size_t slot = (size_t)ls_prng_below(&prng, HELD);
        uint64_t base = ls_log_base(s->log).index;
        uint64_t last = ls_log_last(s->log).index;
        uint64_t span = last > base ? last - base : 1;
        uint64_t index = base + 1 + ls_prng_below(&prng, span);

        if (pins[slot] != NULL) {
            if (!fixture_entry_is_good(&held[slot])) {
                complain(s, "a pinned entry has changed");
            }
            ls_log_unpin(pins[slot]);
            pins[slot] = NULL;
        }
        if (ls_log_get(s->log, index, &held[slot], &pins[slot])) {
            atomic_fetch_add(&s->reads, 1);
            if (held[slot].index != index || !fixture_entry_is_good(&held[slot])) {
                complain(s, "an entry is not what was written");
            }
        }
    }
    for (size_t i = 0; i < HELD; i++) {
        if (pins[i] != NULL) {
            ls_log_unpin(pins[i]);
        }
    }
    return NULL;
}

static void *ask_around(void *arg)
{
    struct shared *s = arg;
    struct ls_log_stats stats;
    struct ls_log_pos pos;
    struct ls_error err;
    struct ls_prng prng;

    ls_prng_seed(&prng, 99);
    while (!atomic_load(&s->stop)) {
        struct ls_log_pos last = ls_log_last(s->log);
        uint64_t i = last.index - ls_prng_below(&prng, last.index < 20 ? last.index + 1 : 20);

        ls_log_set_verdict(s->log, i, LS_VERDICT_PASS);
        if (ls_log_find_seqno(s->log, last.seqno, &pos) && pos.seqno > last.seqno) {
            complain(s, "find_seqno went too far");
        }
        (void)ls_log_first_seqno(s->log);
        ls_log_get_stats(s->log, &stats);
        if (ls_prng_below(&prng, 10) == 0 && ls_log_sync(s->log, &err) != LS_OK) {
            complain(s, err.text);
        }
    }
    return NULL;
}

static void write_entries(struct fixture *f, struct shared *s)
{
    int64_t end = ls_clock_us() + RUN_US;
    struct ls_prng prng;
    uint8_t variant = 0;

    ls_prng_seed(&prng, 5);
    while (ls_clock_us() < end && atomic_load(&s->bad) == 0) {
        uint64_t dice = ls_prng_below(&prng, 200);

        fixture_append(f, 1 + ls_prng_below(&prng, 20), (uint32_t)ls_prng_below(&prng, 1500),
                       variant);
        fixture_flush(f);
        if (dice < 10) {
            uint64_t back = ls_prng_below(&prng, 30);
            uint64_t base = ls_log_base(f->log).index;
            uint64_t at = f->tail.index > base + back ? f->tail.index - back : base + 1;
            assert_int_equal(ls_log_truncate(f->log, at, NULL), LS_OK);
            f->tail = ls_log_last(f->log);
            variant++;
        } else if (dice < 40) {
            ls_log_purge(f->log, f->tail.index > 200 ? f->tail.index - 200 : 0);
        } else if (dice == 40) {
            struct ls_log_pos base = f->tail;
            base.index += 1000;
            assert_int_equal(ls_log_reset(f->log, &base, "x", 1, NULL), LS_OK);
            f->tail = base;
        }
    }
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    struct shared s = {.log = NULL};
    struct reader readers[READERS];
    ls_thread threads[READERS + 1];

    f->max_bytes = 512 * 1024;
    fixture_open(f);
    fixture_append(f, 10, 100, 0);
    fixture_flush(f);
    s.log = f->log;
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.shared = &s, .seed = i};
        assert_true(ls_thread_start(&threads[i], "reader", read_entries, &readers[i]));
    }
    assert_true(ls_thread_start(&threads[READERS], "asker", ask_around, &s));
    write_entries(f, &s);
    atomic_store(&s.stop, true);
    for (size_t i = 0; i <= READERS; i++) {
        ls_thread_join(threads[i]);
    }
    assert_int_equal(s.bad, 0);
    assert_true(s.reads > 100);
    fixture_close(f);
    fixture_open(f);
    assert_false(f->damaged);
    assert_int_equal(ls_log_last(f->log).index, f->tail.index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("log_threads", tests, NULL, NULL);
}
