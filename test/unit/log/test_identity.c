/* The identity file: two slots, torn, damaged, locked, of a newer version. */
#include "test/unit/log/fixture.h"

#include "gcomm/log/identity.h"
#include "wsrep/base/hash.h"
#include "wsrep/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "lockstep-identity.log"
#define SLOT 4096

static struct ls_identity make_identity(uint64_t term, bool this_boot)
{
    struct ls_identity id = {.id = {.b = {1, 2, 3}},
                             .incarnation = 4,
                             .term = term,
                             .vote = {.b = {5}},
                             .group = {.b = {6}},
                             .epoch = 7,
                             .epoch_id = {.b = {8}},
                             .durable_index = term * 100,
                             .ahead_seqno = (int64_t)term * 10};

    if (this_boot) {
        assert_int_equal(ls_file_read_boot_id(id.boot_id, NULL), LS_OK);
    } else {
        snprintf(id.boot_id, sizeof(id.boot_id), "another boot");
    }
    return id;
}

static enum ls_rc load(struct fixture *f, struct ls_identity *out)
{
    struct ls_identity_file *file;
    struct ls_error err = {0};
    enum ls_rc state;

    assert_int_equal(ls_identity_open(f->dir, &file, out, &state, &err), LS_OK);
    ls_identity_close(file);
    return state;
}

static void store(struct fixture *f, uint64_t first_term, uint64_t last_term, bool this_boot)
{
    struct ls_identity_file *file;
    struct ls_identity id;
    struct ls_error err = {0};
    enum ls_rc state;

    assert_int_equal(ls_identity_open(f->dir, &file, &id, &state, &err), LS_OK);
    for (uint64_t t = first_term; t <= last_term; t++) {
        id = make_identity(t, this_boot);
        assert_int_equal(ls_identity_write(file, &id, &err), LS_OK);
    }
    ls_identity_close(file);
}

static void flip(struct fixture *f, size_t offset, uint8_t bits)
{
    size_t size;
    uint8_t *data = fixture_read_file(f, NAME, &size);

    assert_true(offset < size);
    data[offset] ^= bits;
    fixture_write_file(f, NAME, data, size);
    free(data);
}

static void assert_same(const struct ls_identity *a, const struct ls_identity *b)
{
    assert_true(ls_uuid_equal(&a->id, &b->id));
    assert_true(ls_uuid_equal(&a->vote, &b->vote));
    assert_true(ls_uuid_equal(&a->group, &b->group));
    assert_true(ls_uuid_equal(&a->epoch_id, &b->epoch_id));
    assert_int_equal(a->incarnation, b->incarnation);
    assert_int_equal(a->term, b->term);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->durable_index, b->durable_index);
    assert_int_equal(a->ahead_seqno, b->ahead_seqno);
    assert_string_equal(a->boot_id, b->boot_id);
}

static void test_new_then_kept(void **state)
{
    struct fixture *f = *state;
    struct ls_identity id;
    struct ls_identity want;

    assert_int_equal(load(f, &id), LS_E_NOTFOUND);
    assert_true(ls_uuid_is_zero(&id.id));
    assert_int_equal(load(f, &id), LS_E_NOTFOUND); /* made, never written */
    for (uint64_t t = 1; t < 6; t++) {
        store(f, t, t, true);
        assert_int_equal(load(f, &id), LS_OK);
        want = make_identity(t, true);
        assert_same(&id, &want);
    }
}

/* Slot of term t: terms are written in turn, sequence 1 goes to the second slot. */
static size_t slot_of(uint64_t term)
{
    return (term & 1) * SLOT;
}

static void test_torn_write(void **state)
{
    struct fixture *f = *state;
    struct ls_identity id;

    for (size_t at = 0; at < 512; at += 5) {
        fixture_wipe(f);
        store(f, 1, 5, false);
        flip(f, slot_of(5) + at, 0x10);
        assert_int_equal(load(f, &id), LS_OK);
        assert_int_equal(id.term, 4);
        /* the next write replaces the torn slot */
        store(f, 6, 6, true);
        assert_int_equal(load(f, &id), LS_OK);
        assert_int_equal(id.term, 6);
    }
}

/* Without a power failure in between nothing is torn: the lost slot may have held a newer vote. */
static void test_damage_in_same_boot(void **state)
{
    struct fixture *f = *state;
    struct ls_identity id;

    store(f, 1, 5, true);
    flip(f, slot_of(5) + 60, 1);
    assert_int_equal(load(f, &id), LS_E_CORRUPT);
    assert_true(ls_uuid_is_zero(&id.id));
    store(f, 9, 9, true);
    assert_int_equal(load(f, &id), LS_OK);
    assert_int_equal(id.term, 9);
}

static void test_both_damaged(void **state)
{
    struct fixture *f = *state;
    struct ls_identity id;

    store(f, 1, 5, false);
    flip(f, 100, 1);
    flip(f, SLOT + 30, 0x80);
    assert_int_equal(load(f, &id), LS_E_CORRUPT);
    assert_true(ls_uuid_is_zero(&id.id));
    assert_int_equal(load(f, &id), LS_E_CORRUPT);
    store(f, 9, 9, true);
    assert_int_equal(load(f, &id), LS_OK);
    assert_int_equal(id.term, 9);
}

static void test_short_files(void **state)
{
    struct fixture *f = *state;
    struct ls_identity id;
    size_t size;
    uint8_t *data;

    store(f, 1, 2, false);
    data = fixture_read_file(f, NAME, &size);
    for (size_t cut = 0; cut <= 600; cut += 50) {
        fixture_write_file(f, NAME, data, cut);
        /* term 2 is in the first slot, term 1 in the second one, which is gone */
        assert_int_equal(load(f, &id), cut == 0     ? LS_E_NOTFOUND
                                       : cut >= 168 ? LS_OK
                                                    : LS_E_CORRUPT);
    }
    free(data);
}

static void test_locked(void **state)
{
    struct fixture *f = *state;
    struct ls_identity_file *file;
    struct ls_identity_file *second;
    struct ls_identity id;
    struct ls_error err;
    enum ls_rc rc;

    assert_int_equal(ls_identity_open(f->dir, &file, &id, &rc, &err), LS_OK);
    assert_int_equal(ls_identity_open(f->dir, &second, &id, &rc, &err), LS_E_BUSY);
    assert_null(second);
    assert_non_null(strstr(err.text, "another process"));
    assert_int_equal(ls_identity_remove(f->dir, &err), LS_E_BUSY);
    id = make_identity(3, true);
    assert_int_equal(ls_identity_write(file, &id, &err), LS_OK);
    ls_identity_close(file);
    assert_int_equal(load(f, &id), LS_OK);
    assert_int_equal(ls_identity_remove(f->dir, &err), LS_OK);
    assert_int_equal(ls_identity_remove(f->dir, &err), LS_OK);
    assert_int_equal(fixture_count_files(f, "lockstep"), 0);
    assert_int_equal(load(f, &id), LS_E_NOTFOUND);
}

static void test_newer_version(void **state)
{
    struct fixture *f = *state;
    struct ls_identity_file *file;
    struct ls_identity id;
    struct ls_error err;
    enum ls_rc rc;
    size_t size;
    uint8_t *data;
    uint64_t sum;

    store(f, 1, 2, true);
    data = fixture_read_file(f, NAME, &size);
    data[18]++;
    sum = ls_hash64(data + 16, 512 - 16);
    memcpy(data + 8, &sum, sizeof(sum));
    fixture_write_file(f, NAME, data, size);
    free(data);
    assert_int_equal(ls_identity_open(f->dir, &file, &id, &rc, &err), LS_E_VERSION);
    assert_null(file);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_new_then_kept), T(test_torn_write),  T(test_damage_in_same_boot),
        T(test_both_damaged),  T(test_short_files), T(test_locked),
        T(test_newer_version),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
