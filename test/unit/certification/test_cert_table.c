/* certification/index/table: many keys in, old ones out, nothing lost and memory given back. */
#include "certification/index/table.h"
#include "wsrep/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS 200000

static struct ls_hash128 hash_of(uint64_t n)
{
    return ls_hash128_of(&n, sizeof(n));
}

/* Keys 0..KEYS-1 in random order of age: age[n] is what was entered last for key n, 0: nothing. */
static uint64_t age[KEYS];

static void check_all(const struct ls_table *t, uint64_t dead)
{
    uint64_t live = 0;

    for (uint64_t n = 0; n < KEYS; n++) {
        struct ls_hash128 h = hash_of(n);
        const struct ls_slot *slot = ls_table_find(t, &h);
        if (age[n] > dead) {
            live++;
            assert_non_null(slot);
            assert_int_equal(slot->last[n % LS_SLOT_WORDS], age[n]);
        } else if (slot != NULL) { /* not swept yet */
            assert_int_equal(slot->last[n % LS_SLOT_WORDS], age[n]);
        }
    }
    assert_true(t->count >= live);
}

static void enter(struct ls_table *t, uint64_t n, uint64_t word, uint64_t dead)
{
    struct ls_hash128 h = hash_of(n);
    struct ls_slot *slot = ls_table_enter(t, &h, dead);

    slot->last[n % LS_SLOT_WORDS] = word;
    age[n] = word;
}

static void test_fill_and_drain(void **state)
{
    struct ls_table t;
    uint64_t empty_bytes;

    ls_table_init(&t);
    empty_bytes = t.bytes;
    for (uint64_t n = 0; n < KEYS; n++) {
        enter(&t, n, n + 1, 0);
    }
    assert_int_equal(t.count, KEYS);
    /* 48 bytes of slot; what is free in segments, the directory and the scratch memory come on top
     */
    assert_in_range(t.bytes, KEYS * 50, KEYS * 70);
    check_all(&t, 0);

    /* nine in ten die: after one pass they are gone but for the rest that is not worth it */
    ls_table_sweep(&t, KEYS * 9 / 10, 10 * KEYS);
    check_all(&t, KEYS * 9 / 10);
    assert_in_range(t.count, KEYS / 10, KEYS / 10 + KEYS / 60);
    assert_in_range(t.bytes, 0, KEYS * 10);

    /* all die; merging goes one level at a time, a pass each */
    for (uint64_t dead = KEYS; dead < KEYS + 20; dead++) {
        ls_table_sweep(&t, dead, 10 * KEYS);
    }
    assert_int_equal(t.count, 0);
    assert_in_range(t.bytes, 0, empty_bytes + (64 << 10) * sizeof(struct ls_slot));
    ls_table_free(&t);
}

static void test_sweeps_in_bounded_steps(void **state)
{
    struct ls_table t;

    ls_table_init(&t);
    for (uint64_t n = 0; n < KEYS; n++) {
        enter(&t, n, n + 1, 0);
    }
    uint64_t before = t.count;
    ls_table_sweep(&t, KEYS, 4096);
    assert_in_range(before - t.count, 1, 4096); /* some, not all */
    uint64_t steps = 0;
    while (t.count > 0) {
        ls_table_sweep(&t, KEYS, 4096);
        assert_in_range(++steps, 0, 200);
    }
    /* nothing is due any more, and nothing is saved up for later */
    ls_table_sweep(&t, KEYS, 1 << 30);
    assert_int_equal(t.credit, 0);
    ls_table_free(&t);
}

static void test_random_window(void **state)
{
    struct ls_prng prng;
    struct ls_table t;
    uint64_t dead = 0;

    ls_prng_seed(&prng, 42);
    ls_table_init(&t);
    for (uint64_t n = 0; n < KEYS; n++) {
        age[n] = 0;
    }
    for (uint64_t word = 1; word <= 6 * KEYS; word++) {
        /* the window of what is alive breathes between 100 and 100,000 */
        uint64_t window = word / KEYS % 2 == 0 ? 100000 : 100;
        enter(&t, ls_prng_below(&prng, KEYS), word, dead);
        if (word > window && word - window > dead) {
            dead = word - window;
        }
        ls_table_sweep(&t, dead, 4);
        if (word % (KEYS / 2) == 0) {
            check_all(&t, dead);
        }
    }
    ls_table_free(&t);
}

/* Hashes that somebody chose: all in one place, or all behind one directory entry. */
static void test_hashes_that_collide(void **state)
{
    struct ls_table t;

    ls_table_init(&t);
    for (uint64_t n = 0; n < 6000; n++) {
        struct ls_hash128 same_place = {.lo = 77, .hi = n << 32};
        struct ls_hash128 same_segment = {.lo = n << 40, .hi = 1};
        ls_table_enter(&t, &same_place, 0)->last[0] = n + 1;
        ls_table_enter(&t, &same_segment, 0)->last[0] = n + 7;
    }
    for (uint64_t n = 0; n < 6000; n++) {
        struct ls_hash128 same_place = {.lo = 77, .hi = n << 32};
        struct ls_hash128 same_segment = {.lo = n << 40, .hi = 1};
        assert_int_equal(ls_table_find(&t, &same_place)->last[0], n + 1);
        assert_int_equal(ls_table_find(&t, &same_segment)->last[0], n + 7);
    }
    assert_int_equal(t.count, 12000);
    for (uint64_t dead = 10000; dead < 10040; dead++) {
        ls_table_sweep(&t, dead, 1 << 30);
    }
    assert_int_equal(t.count, 0);
    ls_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill_and_drain),
        cmocka_unit_test(test_sweeps_in_bounded_steps),
        cmocka_unit_test(test_random_window),
        cmocka_unit_test(test_hashes_that_collide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
