/* certification/index: random histories. Whenever dead entries are swept - at every chance, as it
 * comes, or not at all - verdicts and dependencies are those of a naive reference that keeps all;
 * and an index that was preloaded from the cut goes on like one that ran from the start.
 *
 * Usage: test_cert_stream [seed [runs]]; a failure names the seed. */
#include "certification/index/table.h"
#include "test/unit/certification/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define EVENTS 1500

static uint64_t first_seed = 1;
static uint64_t runs = 12;

/* ---- control over sweeping: the linker puts this in the place of ls_table_sweep() ---- */

enum sweep { SWEEP_NEVER, SWEEP_AS_IT_COMES, SWEEP_ALWAYS };
static enum sweep sweep_mode = SWEEP_AS_IT_COMES;

void __real_ls_table_sweep(struct ls_table *t, uint64_t dead, uint64_t slots);
void __wrap_ls_table_sweep(struct ls_table *t, uint64_t dead, uint64_t slots);
void __wrap_ls_table_sweep(struct ls_table *t, uint64_t dead, uint64_t slots)
{
    if (sweep_mode == SWEEP_AS_IT_COMES) {
        __real_ls_table_sweep(t, dead, slots);
    } else if (sweep_mode == SWEEP_ALWAYS) {
        __real_ls_table_sweep(t, dead, UINT32_MAX);
    }
}

/* ---- running ---- */

static void run_event(struct ls_cert *c, const struct event *e, uint64_t seed, const char *how)
{
    struct ls_uuid uuid;
    struct ls_cert_result r;

    if (e->type == EVENT_CUT) {
        ls_cert_cut(c, e->seqno);
        return;
    }
    if (e->type == EVENT_VIEW) {
        ls_cert_view(c, e->seqno);
        return;
    }
    uuid = source_uuid(e->ws.source);
    ls_cert_test(c, e->seqno, &uuid, &e->encoded.view, &r);
    if (r.pass != e->pass || (r.pass && r.depends_on != e->depends_on)) {
        fail_msg("%s, seed %llu, seqno %lld from %s, flags 0x%x: got pass %d, depends on %lld; "
                 "expected %d, %lld",
                 how, (unsigned long long)seed, (long long)e->seqno, e->ws.source, e->ws.flags,
                 r.pass, (long long)r.depends_on, e->pass, (long long)e->depends_on);
    }
    assert_true(r.depends_on < e->seqno);
}

static void test_sweeping_changes_nothing(void **state)
{
    for (uint64_t seed = first_seed; seed < first_seed + runs; seed++) {
        struct stream s = stream_generate(seed, EVENTS);
        for (sweep_mode = SWEEP_NEVER; sweep_mode <= SWEEP_ALWAYS; sweep_mode++) {
            struct ls_cert *c = ls_cert_create(0, 0);
            for (size_t i = 0; i < s.count; i++) {
                run_event(c, &s.events[i], seed, "from the start");
            }
            ls_cert_destroy(c);
        }
        stream_free(&s);
    }
    sweep_mode = SWEEP_AS_IT_COMES;
}

static void preload_event(struct ls_cert *c, const struct event *e)
{
    struct ls_uuid uuid;
    struct ls_cert_result r;

    if (e->type != EVENT_WS) {
        run_event(c, e, 0, "");
        return;
    }
    uuid = source_uuid(e->ws.source);
    ls_cert_preload(c, e->seqno, &uuid, &e->encoded.view, e->pass, &r);
    assert_int_equal(r.pass, e->pass);
}

/* An index that starts at events[at] with the cut in force there. below: it is given that many
 * events from before the cut as well. */
static struct ls_cert *preload(const struct stream *s, size_t at, size_t below)
{
    int64_t cut = 0;
    size_t first = 0;

    for (size_t i = 0; i < at; i++) {
        if (s->events[i].type == EVENT_CUT && s->events[i].seqno > cut) {
            cut = s->events[i].seqno;
        }
    }
    while (first < at && (s->events[first].type == EVENT_CUT || s->events[first].seqno <= cut)) {
        first++;
    }
    first -= first < below ? first : below;
    int64_t start = cut;
    for (size_t i = first; i < at; i++) {
        if (s->events[i].type != EVENT_CUT) {
            start = s->events[i].seqno - 1 < cut ? s->events[i].seqno - 1 : cut;
            break;
        }
    }
    struct ls_cert *c = ls_cert_create(start, cut);
    for (size_t i = first; i < at; i++) {
        preload_event(c, &s->events[i]);
    }
    return c;
}

static void test_preloaded_goes_on_alike(void **state)
{
    struct ls_prng prng;

    ls_prng_seed(&prng, first_seed);
    for (uint64_t seed = first_seed; seed < first_seed + runs; seed++) {
        struct stream s = stream_generate(seed, EVENTS);
        for (int n = 0; n < 10; n++) {
            size_t at = 1 + ls_prng_below(&prng, EVENTS - 1);
            sweep_mode = (enum sweep)ls_prng_below(&prng, 3);
            struct ls_cert *c = preload(&s, at, ls_prng_below(&prng, 30));
            for (size_t i = at; i < s.count; i++) {
                run_event(c, &s.events[i], seed, "preloaded");
            }
            ls_cert_destroy(c);
        }
        stream_free(&s);
    }
    sweep_mode = SWEEP_AS_IT_COMES;
}

/* The histories must hold what they are meant to show. */
static void test_streams_are_worth_it(void **state)
{
    struct stream s = stream_generate(first_seed, EVENTS);
    size_t pass = 0, fail = 0, alone = 0, free_ones = 0;

    for (size_t i = 0; i < s.count; i++) {
        const struct event *e = &s.events[i];
        if (e->type == EVENT_WS) {
            pass += e->pass;
            fail += !e->pass;
            alone += e->pass && e->depends_on == e->seqno - 1;
            free_ones += e->pass && e->depends_on < e->seqno - 3;
        }
    }
    assert_in_range(pass, EVENTS / 4, EVENTS);
    assert_in_range(fail, EVENTS / 10, EVENTS);
    assert_in_range(alone, EVENTS / 20, EVENTS / 2);
    assert_in_range(free_ones, EVENTS / 20, EVENTS);
    stream_free(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_are_worth_it),
        cmocka_unit_test(test_sweeping_changes_nothing),
        cmocka_unit_test(test_preloaded_goes_on_alike),
    };
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : first_seed;
    runs = argc > 2 ? strtoull(argv[2], NULL, 10) : runs;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
