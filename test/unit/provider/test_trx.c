/* Local transactions: the answers to an abort in every state (contract 3.6), verdicts, the table,
 * and the list of unfinished last_seen values. */
#include "plugin/provider/pending.h"
#include "plugin/provider/trx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct fixture {
    struct ls_trx_table table;
    struct ls_trx *trx;
};

static int set_up(void **state)
{
    static struct fixture f;
    ls_trx_table_init(&f.table);
    f.trx = ls_trx_create(&f.table, 42);
    assert_non_null(f.trx);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ls_trx_remove(&f->table, f->trx);
    ls_trx_table_destroy(&f->table);
    return 0;
}

struct abort_row {
    enum ls_trx_state before;
    int64_t seqno; /* of the victim */
    int64_t bf_seqno;
    enum ls_abort_action action;
    enum ls_trx_state after;
};

static const struct abort_row abort_rows[] = {
    {LS_TRX_EXECUTING, -1, 5, LS_ABORT_DONE, LS_TRX_ABORTED},
    {LS_TRX_EXECUTING, -1, -1, LS_ABORT_DONE, LS_TRX_ABORTED},
    {LS_TRX_SUBMITTING, -1, 5, LS_ABORT_KICK_SUBMIT, LS_TRX_SUBMITTING},
    {LS_TRX_SENT, -1, 5, LS_ABORT_DONE, LS_TRX_SENT},
    {LS_TRX_CERTIFIED, 7, 5, LS_ABORT_KICK_COMMIT, LS_TRX_MUST_REPLAY},
    {LS_TRX_CERTIFIED, 7, 9, LS_ABORT_REFUSED, LS_TRX_CERTIFIED}, /* ordered before the aborter */
    {LS_TRX_CERTIFIED, 7, -1, LS_ABORT_KICK_COMMIT, LS_TRX_MUST_REPLAY}, /* local TOI */
    {LS_TRX_CERTIFIED, 7, 0, LS_ABORT_KICK_COMMIT, LS_TRX_MUST_REPLAY},
    {LS_TRX_CERTIFIED, 7, 7, LS_ABORT_KICK_COMMIT, LS_TRX_MUST_REPLAY}, /* at shutdown: itself */
    {LS_TRX_COMMITTING, 7, 5, LS_ABORT_REFUSED, LS_TRX_COMMITTING},
    {LS_TRX_COMMITTED, 7, 5, LS_ABORT_REFUSED, LS_TRX_COMMITTED},
    {LS_TRX_FAILED, 7, 5, LS_ABORT_REFUSED, LS_TRX_FAILED},
    {LS_TRX_LEAVING, 7, -1, LS_ABORT_REFUSED, LS_TRX_LEAVING},
    {LS_TRX_MUST_REPLAY, 7, 5, LS_ABORT_REFUSED, LS_TRX_MUST_REPLAY},
    {LS_TRX_REPLAYING, 7, 5, LS_ABORT_REFUSED, LS_TRX_REPLAYING},
    {LS_TRX_ABORTED, -1, 5, LS_ABORT_REFUSED, LS_TRX_ABORTED},
    {LS_TRX_LOST, -1, 5, LS_ABORT_REFUSED, LS_TRX_LOST},
};

static void test_abort_in_every_state(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(abort_rows) / sizeof(abort_rows[0]); i++) {
        const struct abort_row *r = &abort_rows[i];
        f->trx->state = r->before;
        f->trx->seqno = r->seqno;
        f->trx->aborted = false;
        assert_int_equal(ls_trx_abort(f->trx, r->bf_seqno), r->action);
        assert_int_equal(f->trx->state, r->after);
        assert_int_equal(f->trx->aborted, r->action != LS_ABORT_REFUSED);
        if (r->action != LS_ABORT_REFUSED) { /* only once */
            assert_int_equal(ls_trx_abort(f->trx, r->bf_seqno), LS_ABORT_REFUSED);
        }
    }
}

static void decide(struct ls_trx *trx, bool aborted, bool pass)
{
    trx->state = LS_TRX_SENT;
    trx->aborted = aborted;
    trx->seqno = LS_SEQNO_UNDEFINED;
    ls_mutex_lock(&trx->lock);
    ls_trx_decide(trx, pass, 100, 90, 200);
    ls_mutex_unlock(&trx->lock);
    assert_int_equal(trx->seqno, 100);
    assert_int_equal(trx->index, 200);
}

/* An abort while the outcome was open: replay when it passed, a plain failure when not. */
static void test_verdicts(void **state)
{
    struct fixture *f = *state;

    decide(f->trx, false, true);
    assert_int_equal(f->trx->state, LS_TRX_CERTIFIED);
    assert_int_equal(f->trx->depends_on, 90);
    decide(f->trx, true, true);
    assert_int_equal(f->trx->state, LS_TRX_MUST_REPLAY);
    decide(f->trx, false, false);
    assert_int_equal(f->trx->state, LS_TRX_FAILED);
    assert_int_equal(f->trx->depends_on, LS_SEQNO_UNDEFINED);
    decide(f->trx, true, false);
    assert_int_equal(f->trx->state, LS_TRX_FAILED);
}

static void note(struct ls_trx *trx, void *arg)
{
    *(uint64_t *)arg = trx->id;
}

static void test_table(void **state)
{
    struct fixture *f = *state;
    uint64_t seen = 0;

    for (uint64_t id = 1000; id < 9000; id++) {
        assert_non_null(ls_trx_create(&f->table, id));
    }
    assert_int_equal(ls_trx_count(&f->table), 8001);
    for (uint64_t id = 1000; id < 9000; id++) {
        struct ls_trx *t = ls_trx_find(&f->table, id);
        assert_int_equal(t->id, id);
        assert_int_equal(t->state, LS_TRX_EXECUTING);
        t->state = LS_TRX_COMMITTED; /* must not show through when the context is used again */
        ls_trx_remove(&f->table, t);
    }
    assert_null(ls_trx_find(&f->table, 1000));
    assert_false(ls_trx_with(&f->table, 1000, note, &seen));
    assert_true(ls_trx_with(&f->table, 42, note, &seen));
    assert_int_equal(seen, 42);
    struct ls_trx *again = ls_trx_create(&f->table, 1000);
    assert_int_equal(again->state, LS_TRX_EXECUTING);
    ls_trx_remove(&f->table, again);
}

static void test_pending_limit(void **state)
{
    struct fixture *f = *state;
    struct ls_trx *b = ls_trx_create(&f->table, 43);
    struct ls_pending p;
    struct ls_order o;

    ls_pending_init(&p);
    ls_order_init(&o, 10);
    assert_int_equal(ls_pending_limit(&p, &o), 10);
    assert_int_equal(ls_pending_add(&p, f->trx, &o), 10);
    ls_order_pass(&o, 11);
    assert_int_equal(ls_pending_add(&p, b, &o), 11);
    ls_order_pass(&o, 12);
    assert_int_equal(ls_pending_limit(&p, &o), 10);
    ls_pending_remove(&p, f->trx);
    ls_pending_remove(&p, f->trx); /* harmless */
    assert_int_equal(ls_pending_limit(&p, &o), 11);
    ls_pending_remove(&p, b);
    assert_int_equal(ls_pending_limit(&p, &o), 12);
    ls_trx_remove(&f->table, b);
    ls_order_destroy(&o);
    ls_pending_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_abort_in_every_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pending_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
