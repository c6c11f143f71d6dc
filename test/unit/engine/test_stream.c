/* What the consumer takes from the engine, and what it must not. */
#include "test/unit/log/fixture.h"

#include "gcomm/engine/internal.h"

#include <stdlib.h>
#include <unistd.h>

static enum ls_stream_type next_type(struct ls_engine *e)
{
    struct ls_stream_event ev;

    if (ls_engine_next(e, &ev) != LS_OK) {
        return LS_STREAM_LEFT;
    }
    ls_engine_event_done(e, &ev);
    return ev.type;
}

struct consumer {
    struct ls_engine *engine;
    enum ls_stream_type type; /* of what it took */
};

static void *consume(void *arg)
{
    struct consumer *c = arg;

    c->type = next_type(c->engine);
    return NULL;
}

static void put(struct ls_engine *e, enum ls_stream_type type, bool from_log)
{
    struct ls_stream_event ev = {.type = type, .from_log = from_log};

    ev.base.index = from_log ? 0 : 1000;
    engine_stream_put(e, &ev, NULL);
}

/* While another history takes the place of the log, the tail of the old one, which may never have
 * been committed, is not taken; what comes next is the beginning of the new one. */
static void test_nothing_between_two_histories(void **state)
{
    struct fixture *f = *state;
    struct ls_engine *e = calloc(1, sizeof(*e));
    struct consumer c = {.engine = e};
    ls_thread consumer;

    fixture_open(f);
    fixture_append(f, 80, 10, 0);
    fixture_flush(f);
    e->log = f->log;
    engine_stream_init(e);
    put(e, LS_STREAM_CONNECTED, true);
    engine_stream_commit(e, 60);
    assert_int_equal(next_type(e), LS_STREAM_CONNECTED);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(next_type(e), LS_STREAM_ENTRY);
    }
    engine_stream_skip(e, 1000);
    assert_true(ls_thread_start(&consumer, "consumer", consume, &c));
    usleep(50000); /* it waits, or takes what it must not */
    put(e, LS_STREAM_CONNECTED, false);
    ls_thread_join(consumer);
    assert_int_equal(c.type, LS_STREAM_CONNECTED);
    engine_stream_destroy(e);
    free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_between_two_histories, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
