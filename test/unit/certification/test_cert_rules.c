/* certification/index: every rule of the contract (3.3) as a short history and what must come out.
 */
#include "test/unit/certification/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START LS_WS_TRX_START
#define END LS_WS_TRX_END
#define TRX (START | END)
#define TOI (TRX | LS_WS_ISOLATION)
#define ROLLBACK (LS_WS_ROLLBACK | LS_WS_PA_UNSAFE)

/* source, last seen, flags (0: an ordinary transaction), then the keys */
#define WS(from, seen, flag_bits, ...)                                                             \
    {                                                                                              \
        .source = from, .last_seen = seen, .flags = flag_bits, .keys = { __VA_ARGS__ }             \
    }
#define FRAGMENT(from, seen, flag_bits, id, ...)                                                   \
    {                                                                                              \
        .source = from, .last_seen = seen, .flags = flag_bits, .trx_id = id, .keys = {             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define RANGED(from, seen, flag_bits, range, ...)                                                  \
    {                                                                                              \
        .source = from, .last_seen = seen, .flags = flag_bits, .pa_range = range,                  \
        .set_pa_range = true, .keys = {                                                            \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

enum expect { PASS, CONFLICT, REFUSED };

struct step {
    struct ws ws;
    enum expect expect;
    int64_t depends_on; /* looked at when it passes */
};

#define STEPS_MAX 8
struct history {
    const char *what;
    int64_t start;                /* the first step has seqno start + 1 */
    int64_t cut;                  /* set before the last step, if above start */
    int64_t view_at;              /* this seqno is a view, the steps go on behind it; 0: none */
    struct step steps[STEPS_MAX]; /* up to the first without a source */
};

static void run_history(const struct history *h)
{
    struct ls_cert *c = ls_cert_create(h->start, h->start);
    int64_t seqno = h->start;

    for (size_t i = 0; i < STEPS_MAX && h->steps[i].ws.source != NULL; i++) {
        const struct step *step = &h->steps[i];
        bool last = i + 1 == STEPS_MAX || h->steps[i + 1].ws.source == NULL;

        seqno++;
        if (seqno == h->view_at) {
            ls_cert_view(c, seqno++);
        }
        if (last && h->cut > h->start) {
            ls_cert_cut(c, h->cut);
        }
        struct ls_cert_result r = ws_test(c, seqno, &step->ws);
        enum expect got = r.pass ? PASS : r.conflict ? CONFLICT : REFUSED;
        if (got != step->expect || (r.pass && r.depends_on != step->depends_on)) {
            fail_msg("%s: seqno %lld: got %d, depends on %lld; expected %d, %lld", h->what,
                     (long long)seqno, got, (long long)r.depends_on, step->expect,
                     (long long)step->depends_on);
        }
    }
    ls_cert_destroy(c);
}

/* ---- the matrix ---- */

static void test_matrix(void **state)
{
    /* rows: in the index, columns: under test; s r u x */
    static const char expected[4][5] = {"--DD", "--DC", "DDCC", "CCCC"};
    static const char *const keys[4] = {"s:k", "r:k", "u:k", "x:k"};

    for (int row = 0; row < 4; row++) {
        for (int column = 0; column < 4; column++) {
            char what = expected[row][column];
            struct ws first = WS("A", 0, 0, keys[row]);
            struct ws unseen = WS("B", 0, 0, keys[column]);
            struct ws seen = WS("B", 1, 0, keys[column]);
            struct ws own = WS("A", 0, 0, keys[column]);
            const struct ws *tests[3] = {&unseen, &seen, &own};

            for (int t = 0; t < 3; t++) {
                struct ls_cert *c = ls_cert_create(0, 0);
                struct ls_cert_result r = ws_test(c, 1, &first);
                assert_true(r.pass);
                r = ws_test(c, 2, tests[t]);
                assert_int_equal(r.pass, !(what == 'C' && t == 0));
                assert_int_equal(r.conflict, !r.pass);
                if (r.pass) { /* a conflict that does not count is a dependency */
                    assert_int_equal(r.depends_on, what == '-' ? 0 : 1);
                } else {
                    assert_int_equal(r.why.seqno, 1);
                    assert_int_equal(r.why.index_type, row);
                    assert_int_equal(r.why.key.type, column);
                    assert_int_equal(r.why.key.depth, 1);
                }
                ls_cert_destroy(c);
            }
        }
    }
}

/* ---- histories ---- */

static const struct history histories[] = {
    {.what = "different rows have nothing to do with each other",
     .steps = {{WS("A", 0, 0, "x:d/t/1"), PASS, 0}, {WS("B", 0, 0, "x:d/t/2"), PASS, 0}}},
    {.what = "the depended on is the last that touched the key, not the last",
     .start = 10,
     .steps = {{WS("A", 10, 0, "x:d/t/1"), PASS, 10},
               {WS("A", 10, 0, "u:d/t/2"), PASS, 10},
               {WS("A", 10, 0, "x:d/t/3"), PASS, 10},
               {WS("B", 13, 0, "u:d/t/2", "x:d/t/1"), PASS, 12}}},
    {.what = "a failed one enters nothing and takes its number",
     .steps = {{WS("A", 0, 0, "x:d/t/1"), PASS, 0},
               {WS("B", 0, 0, "x:d/t/2", "x:d/t/1"), CONFLICT, 0},
               {WS("C", 0, 0, "x:d/t/2"), PASS, 0}}},
    {.what = "an unseen reference from a third node is not hidden by the node's own",
     .steps = {{WS("B", 0, 0, "r:d/parent/1"), PASS, 0},
               {WS("A", 0, 0, "r:d/parent/1"), PASS, 0},
               {WS("A", 0, 0, "x:d/parent/1"), CONFLICT, 0}}},
    {.what = "nor by several of its own",
     .steps = {{WS("B", 0, 0, "r:d/parent/1"), PASS, 0},
               {WS("A", 0, 0, "r:d/parent/1"), PASS, 0},
               {WS("A", 0, 0, "r:d/parent/1"), PASS, 0},
               {WS("A", 0, 0, "x:d/parent/1"), CONFLICT, 0},
               {WS("A", 1, 0, "x:d/parent/1"), PASS, 3}}},
    {.what = "prefixes: a statement on the table against a row in it, and back",
     .steps = {{WS("A", 0, 0, "x:d/t/1"), PASS, 0},
               {WS("B", 0, TOI, "x:d/t"), PASS, 1},
               {WS("A", 1, 0, "x:d/t/2"), CONFLICT, 0},
               {WS("B", 1, 0, "x:d/t/2"), CONFLICT, 0}, /* a TOI counts whatever the source */
               {WS("A", 1, 0, "x:d/u/2"), PASS, 0},
               {WS("A", 2, 0, "x:d/t/2"), PASS, 2}}},
    {.what = "prefixes: statement on the database",
     .steps = {{WS("A", 0, TOI, "x:d"), PASS, 0},
               {WS("B", 0, 0, "x:d/t/1"), CONFLICT, 0},
               {WS("B", 0, 0, "x:e/t/1"), PASS, 0}}},
    {.what = "the empty key collides with everything",
     .steps = {{WS("A", 0, 0, "x:"), PASS, 0},
               {WS("B", 0, 0, "s:d/t"), CONFLICT, 0},
               {WS("B", 0, 0, NULL), CONFLICT, 0},
               {WS("B", 1, 0, "x:d/t/1"), PASS, 1},
               {WS("C", 1, 0, "x:"), CONFLICT, 0}}},
    {.what = "a TOI is not failed by keys, and runs alone",
     .steps = {{WS("A", 0, 0, "x:d/t/1"), PASS, 0},
               {WS("B", 0, TOI, "x:d/t"), PASS, 1},
               {WS("C", 0, TOI, "x:d/t"), PASS, 2}}},
    {.what = "a TOI is refused by the other rules",
     .start = 5,
     .steps = {{WS("A", 4, TOI, "x:d/t"), REFUSED, 0}}},
    {.what = "last seen below the start",
     .start = 5,
     .steps = {{WS("A", 4, 0, "x:k"), REFUSED, 0}, {WS("A", 5, 0, "x:k"), PASS, 5}}},
    {.what = "last seen below the cut",
     .start = 5,
     .cut = 7,
     .steps = {{WS("A", 5, 0, "x:1"), PASS, 5},
               {WS("A", 5, 0, "x:2"), PASS, 5},
               {WS("A", 6, 0, "x:3"), REFUSED, 0}}},
    {.what = "last seen at the cut; what is below is no dependency, nor conflict",
     .start = 5,
     .cut = 7,
     .steps = {{WS("A", 5, 0, "x:1"), PASS, 5},
               {WS("A", 5, 0, "x:2"), PASS, 5},
               {WS("B", 7, 0, "x:1", "x:2"), PASS, 7}}},
    {.what = "nobody has seen what is ordered after himself",
     .steps = {{WS("A", 1, 0, "x:1"), REFUSED, 0}, {WS("A", 9, TOI, "x:1"), REFUSED, 0}}},
    {.what = "PA_UNSAFE depends on all before, and all after depend on it",
     .steps = {{WS("A", 0, 0, "x:1"), PASS, 0},
               {WS("A", 0, TRX | LS_WS_PA_UNSAFE, "x:2"), PASS, 1},
               {WS("A", 0, 0, "x:3"), PASS, 2},
               {WS("B", 0, 0, "x:4"), PASS, 2}}},
    {.what = "PA_UNSAFE that fails is no barrier",
     .steps = {{WS("A", 0, 0, "x:1"), PASS, 0},
               {WS("B", 0, TRX | LS_WS_PA_UNSAFE, "x:1"), CONFLICT, 0},
               {WS("B", 0, 0, "x:4"), PASS, 0}}},
    {.what = "a view is a barrier, but its position forgives no conflict",
     .view_at = 2,
     .steps = {{WS("A", 0, 0, "x:1"), PASS, 0},
               {WS("B", 0, 0, "x:2"), PASS, 2},
               {WS("B", 0, 0, "x:1"), CONFLICT, 0}}},
    {.what = "IMPLICIT_DEPS: last seen at least",
     .steps = {{WS("A", 0, 0, "x:1"), PASS, 0},
               {WS("A", 0, 0, "x:2"), PASS, 0},
               {WS("B", 1, TRX | LS_WS_IMPLICIT_DEPS, "x:3"), PASS, 1}}},
    {.what = "the PA range bounds from below",
     .steps = {{WS("A", 0, 0, "x:1"), PASS, 0},
               {WS("A", 0, 0, "x:2"), PASS, 0},
               {WS("A", 0, 0, "x:3"), PASS, 0},
               {RANGED("B", 3, 0, 1, "x:4"), PASS, 2},
               {RANGED("B", 3, 0, 0, "x:5"), PASS, 3},
               {RANGED("B", 3, 0, 5, "x:6"), PASS, 0}}},
    {.what = "a fragment depends on the one before",
     .steps = {{FRAGMENT("A", 0, START, 77, "x:1"), PASS, 0},
               {FRAGMENT("B", 0, 0, 77, "x:2"), PASS, 0},
               {FRAGMENT("A", 0, LS_WS_NATIVE, 77, "x:3"), PASS, 1},
               {FRAGMENT("B", 0, 0, 77, "x:4"), PASS, 0},
               {FRAGMENT("A", 0, LS_WS_NATIVE, 77, "x:5"), PASS, 3},
               {FRAGMENT("A", 0, LS_WS_NATIVE, 78, "x:6"), PASS, 0}, /* another transaction */
               {FRAGMENT("B", 0, LS_WS_NATIVE, 77, "x:7"), PASS, 0}, /* of another node */
               {FRAGMENT("A", 0, END, 77, "x:8"), PASS, 5}}},
    {.what = "an id that is used again is another transaction",
     .steps = {{FRAGMENT("A", 0, START, 77, "x:1"), PASS, 0},
               {FRAGMENT("A", 0, END, 77, "x:2"), PASS, 1},
               {FRAGMENT("A", 0, START, 77, "x:3"), PASS, 0},
               {FRAGMENT("A", 0, END, 77, "x:4"), PASS, 3}}},
    {.what = "a rollback fragment passes always, enters nothing, and is a barrier",
     .start = 5,
     .cut = 7,
     .steps = {{FRAGMENT("A", 5, START, 77, "x:1"), PASS, 5},
               {FRAGMENT("A", 5, 0, 5, "x:9"), PASS, 5},
               {FRAGMENT("A", 0, ROLLBACK, 77, "x:2"), PASS, 7}}},
    {.what = "behind a rollback fragment",
     .steps = {{FRAGMENT("A", 0, START, 77, "x:1"), PASS, 0},
               {FRAGMENT("A", 0, ROLLBACK, 77, "x:2"), PASS, 1},
               {WS("B", 0, 0, "x:2"), PASS, 2}}},
    {.what = "a later fragment that fails is a rollback to those who applied the first",
     .steps = {{FRAGMENT("A", 0, START, 77, "x:1"), PASS, 0},
               {WS("B", 0, 0, "x:2"), PASS, 0},
               {FRAGMENT("A", 0, LS_WS_NATIVE, 77, "x:2"), CONFLICT, 0},
               {WS("B", 1, 0, "x:5"), PASS, 3}}},
    {.what = "a first fragment that fails is nothing",
     .steps = {{WS("B", 0, 0, "x:2"), PASS, 0},
               {FRAGMENT("A", 0, START, 77, "x:2"), CONFLICT, 0},
               {WS("B", 1, 0, "x:5"), PASS, 0}}},
    {.what = "the last of each type counts, the strongest relation decides",
     .steps = {{WS("A", 0, 0, "x:1"), PASS, 0},
               {WS("A", 1, 0, "s:1"), PASS, 1},
               {WS("B", 1, 0, "x:1"), PASS, 2}, /* shared after exclusive: depends only */
               {WS("C", 1, 0, "s:1"), CONFLICT, 0}}},
};

static void test_histories(void **state)
{
    for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++) {
        run_history(&histories[i]);
    }
}

/* ---- what needs more than a line ---- */

static void test_length(void **state)
{
    struct ls_cert *c = ls_cert_create(100, 100);
    struct ws ws = WS("A", 100, 0, "x:1");

    ls_cert_view(c, 100 + 16383);
    assert_true(ws_test(c, 100 + 16384, &ws).pass);
    struct ls_cert_result r = ws_test(c, 100 + 16385, &ws);
    assert_false(r.pass);
    assert_false(r.conflict);
    assert_true(ws_preload(c, 100 + 16386, &ws, true).pass);
    ls_cert_destroy(c);
}

static void test_optimistic_pa_off(void **state)
{
    struct ls_cert *c = ls_cert_create(0, 0);
    struct ws ws = WS("A", 0, 0, "x:1");
    struct ws late = WS("B", 1, 0, "x:2");
    struct ws later = WS("B", 1, 0, "x:3");

    assert_int_equal(ws_test(c, 1, &ws).depends_on, 0);
    assert_int_equal(ws_test(c, 2, &late).depends_on, 0);
    ls_cert_set_optimistic_pa(c, false);
    assert_int_equal(ws_test(c, 3, &later).depends_on, 1);
    ls_cert_set_optimistic_pa(c, true);
    ls_cert_destroy(c);
}

static void test_preload(void **state)
{
    struct ls_cert *c = ls_cert_create(0, 3);
    struct ws a = WS("A", 0, 0, "x:1");
    struct ws b = WS("B", 0, 0, "x:1");
    struct ls_cert_stats stats;

    /* at or below the cut: nothing is entered */
    assert_true(ws_preload(c, 2, &a, true).pass);
    ls_cert_get_stats(c, &stats);
    assert_int_equal(stats.keys, 0);
    assert_int_equal(stats.writesets, 0);
    /* above: the stored verdict is what counts, last seen below the cut and conflicts or not */
    assert_true(ws_preload(c, 4, &a, true).pass);
    assert_int_equal(ws_preload(c, 5, &b, true).depends_on, 4);
    b.last_seen = 4;
    assert_false(ws_test(c, 6, &a).pass);
    assert_true(ws_test(c, 7, &b).pass);
    assert_false(ws_preload(c, 8, &a, false).pass);
    assert_int_equal(ws_test(c, 9, &b).depends_on, 7);
    ls_cert_destroy(c);
}

static void test_cut_is_bounded(void **state)
{
    struct ls_cert *c = ls_cert_create(10, 10);
    struct ws ws = WS("A", 10, 0, "x:1");
    struct ls_cert_stats stats;

    assert_true(ws_test(c, 11, &ws).pass);
    ls_cert_cut(c, INT64_MIN);
    ls_cert_cut(c, INT64_MAX); /* as if 11 */
    ls_cert_get_stats(c, &stats);
    assert_int_equal(stats.writesets, 0);
    assert_false(ws_test(c, 12, &ws).pass);
    ws.last_seen = 11;
    assert_true(ws_test(c, 13, &ws).pass);
    ls_cert_destroy(c);
}

static void test_start_undefined(void **state)
{
    struct ls_cert *c = ls_cert_create(LS_SEQNO_UNDEFINED, LS_SEQNO_UNDEFINED);
    struct ws a = WS("A", LS_WS_NOTHING_SEEN, 0, "x:1");
    struct ws b = WS("B", LS_WS_NOTHING_SEEN, 0, "x:1");
    struct ls_cert_result r = ws_test(c, 0, &a);

    assert_true(r.pass);
    assert_int_equal(r.depends_on, -1);
    assert_true(ws_test(c, 1, &b).conflict);
    ls_cert_destroy(c);
}

/* More sources than one after the other hold numbers for, each of them gone at the next cut. */
static void test_sources_come_and_go(void **state)
{
    struct ls_cert *c = ls_cert_create(0, 0);
    struct ws ws = WS("A", 0, 0, "x:1");
    struct ls_cert_stats before, after;
    struct encoded e;

    for (int64_t seqno = 1; seqno < 100000; seqno++) {
        struct ls_uuid uuid = {{0}};
        struct ls_cert_result r;
        memcpy(uuid.b, &seqno, sizeof(seqno));
        ws.last_seen = seqno - 2 < 0 ? 0 : seqno - 2;
        ws_encode(&ws, &e);
        ls_cert_test(c, seqno, &uuid, &e.view, &r);
        assert_int_equal(r.pass, seqno % 2 == 1); /* a failed one is no obstacle to the next */
        ls_cert_cut(c, seqno - 1);
        ls_cert_get_stats(c, seqno < 1000 ? &before : &after);
    }
    assert_int_equal(before.bytes, after.bytes);
    ls_cert_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),          cmocka_unit_test(test_histories),
        cmocka_unit_test(test_length),          cmocka_unit_test(test_optimistic_pa_off),
        cmocka_unit_test(test_preload),         cmocka_unit_test(test_cut_is_bounded),
        cmocka_unit_test(test_start_undefined), cmocka_unit_test(test_sources_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
