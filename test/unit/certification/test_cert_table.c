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

/* Words rise with time, whatever their tags. */
static uint64_t word_of(uint64_t time, unsigned tag)
{
    return time << (LS_TAG_SHIFT + 2) | LS_TAG_BITS(tag);
}

static uint64_t upto(uint64_t time)
{
    return word_of(time + 1, 0) - 1;
}

/* When key n was entered last, 0: never. Each key has one tag here. */
static uint64_t age[KEYS];

static void check_all(const struct ls_table *t, uint64_t dead)
{
    uint64_t live = 0;

    for (uint64_t n = 0; n < KEYS; n++) {
        struct ls_hash128 h = hash_of(n);
        uint64_t words[LS_TAGS];
        bool any = ls_table_find(t, &h, words);
        if (upto(age[n]) > dead) {
            live++;
            assert_true(any);
        }
        if (any) { /* or not swept yet */
            assert_int_equal(words[n % LS_TAGS], word_of(age[n], n % LS_TAGS));
        }
    }
    assert_true(t->count >= live);
}

static void enter(struct ls_table *t, uint64_t n, uint64_t time, uint64_t dead)
{
    struct ls_hash128 h = hash_of(n);
    uint64_t before = age[n] > 0 ? word_of(age[n], n % LS_TAGS) : 0;
    uint64_t replaced = ls_table_enter(t, &h, word_of(time, n % LS_TAGS), dead);

    assert_true(replaced == before || (replaced == 0 && before <= dead));
    age[n] = time;
}

static void forget_all(void)
{
    for (uint64_t n = 0; n < KEYS; n++) {
        age[n] = 0;
    }
}

static void test_fill_and_drain(void **state)
{
    struct ls_table t;
    uint64_t empty_bytes;

    ls_table_init(&t);
    forget_all();
    empty_bytes = t.bytes;
    for (uint64_t n = 0; n < KEYS; n++) {
        enter(&t, n, n + 1, 0);
    }
    assert_int_equal(t.count, KEYS);
    /* 24 bytes of slot; what is free in segments, the directory and the scratch memory come on top
     */
    assert_in_range(t.bytes, KEYS * 25, KEYS * 36);
    check_all(&t, 0);

    /* nine in ten die: after one pass they are gone but for the rest that is not worth it */
    ls_table_sweep(&t, upto(KEYS * 9 / 10), 10 * KEYS);
    check_all(&t, upto(KEYS * 9 / 10));
    assert_in_range(t.count, KEYS / 10, KEYS / 10 + KEYS / 60);
    assert_in_range(t.bytes, 0, KEYS * 6);

    /* all die; merging goes one level at a time, a pass each */
    for (uint64_t dead = KEYS; dead < KEYS + 20; dead++) {
        ls_table_sweep(&t, upto(dead), 10 * KEYS);
    }
    assert_int_equal(t.count, 0);
    assert_in_range(t.bytes, 0, empty_bytes + (64 << 10) * sizeof(struct ls_slot));
    ls_table_free(&t);
}

static void test_sweeps_in_bounded_steps(void **state)
{
    struct ls_table t;

    ls_table_init(&t);
    forget_all();
    for (uint64_t n = 0; n < KEYS; n++) {
        enter(&t, n, n + 1, 0);
    }
    uint64_t before = t.count;
    ls_table_sweep(&t, upto(KEYS), 4096);
    assert_in_range(before - t.count, 1, 4096); /* some, not all */
    uint64_t steps = 0;
    while (t.count > 0) {
        ls_table_sweep(&t, upto(KEYS), 4096);
        assert_in_range(++steps, 0, 200);
    }
    /* nothing is due any more, and nothing is saved up for later */
    ls_table_sweep(&t, upto(KEYS), 1 << 30);
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
    forget_all();
    for (uint64_t time = 1; time <= 6 * KEYS; time++) {
        /* the window of what is alive breathes between 100 and 100,000 */
        uint64_t window = time / KEYS % 2 == 0 ? 100000 : 100;
        enter(&t, ls_prng_below(&prng, KEYS), time, upto(dead));
        if (time > window && time - window > dead) {
            dead = time - window;
        }
        ls_table_sweep(&t, upto(dead), 4);
        if (time % (KEYS / 2) == 0) {
            check_all(&t, upto(dead));
        }
    }
    ls_table_free(&t);
}

/* The tags of a key do not touch each other. */
static void test_tags(void **state)
{
    struct ls_table t;
    uint64_t words[LS_TAGS];

    ls_table_init(&t);
    for (uint64_t n = 0; n < 1000; n++) {
        struct ls_hash128 h = hash_of(n);
        for (unsigned tag = 0; tag < LS_TAGS; tag++) {
            assert_int_equal(ls_table_enter(&t, &h, word_of(n + tag + 1, tag), 0), 0);
        }
        assert_int_equal(ls_table_enter(&t, &h, word_of(n + 9, 2), 0), word_of(n + 3, 2));
    }
    assert_int_equal(t.count, 4000);
    for (uint64_t n = 0; n < 1000; n++) {
        struct ls_hash128 h = hash_of(n);
        assert_true(ls_table_find(&t, &h, words));
        for (unsigned tag = 0; tag < LS_TAGS; tag++) {
            assert_int_equal(words[tag], word_of(tag == 2 ? n + 9 : n + tag + 1, tag));
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
        ls_table_enter(&t, &same_place, word_of(n + 1, 0), 0);
        ls_table_enter(&t, &same_segment, word_of(n + 7, 0), 0);
    }
    for (uint64_t n = 0; n < 6000; n++) {
        struct ls_hash128 same_place = {.lo = 77, .hi = n << 32};
        struct ls_hash128 same_segment = {.lo = n << 40, .hi = 1};
        uint64_t words[LS_TAGS];
        ls_table_find(&t, &same_place, words);
        assert_int_equal(words[0], word_of(n + 1, 0));
        ls_table_find(&t, &same_segment, words);
        assert_int_equal(words[0], word_of(n + 7, 0));
    }
    assert_int_equal(t.count, 12000);
    for (uint64_t dead = 10000; dead < 10040; dead++) {
        ls_table_sweep(&t, upto(dead), 1 << 30);
    }
    assert_int_equal(t.count, 0);
    ls_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill_and_drain),      cmocka_unit_test(test_sweeps_in_bounded_steps),
        cmocka_unit_test(test_random_window),       cmocka_unit_test(test_tags),
        cmocka_unit_test(test_hashes_that_collide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
