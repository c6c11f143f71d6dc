/* What a disk gives back: after the power failed, and when it is not what was written. */
#include "test/node/engine_cluster.h"

#include "gcomm/log/identity.h"
#include "wsrep/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ls_uuid id_of(struct node *n)
{
    struct ls_engine_stats stats;

    ls_engine_get_stats(n->engine, &stats);
    return stats.id;
}

static bool is_same(struct node *n, const struct ls_uuid *id)
{
    struct ls_uuid mine = id_of(n);

    return ls_uuid_equal(&mine, id);
}

/* The files of a running node, as a process finds them that was started anew after a kill. */
static void killed(struct node *n, struct node *after)
{
    char cmd[160];

    node_init(after, n->name);
    snprintf(cmd, sizeof(cmd), "cp %s/* %s/", n->dir, after->dir);
    assert_int_equal(system(cmd), 0);
    ls_mutex_lock(&n->mutex);
    after->group = n->group;
    after->seqno = n->seqno;
    ls_mutex_unlock(&n->mutex);
}

/* Its machine lost its power, and the last entries of its log had not reached the disk. */
static void lose_power(struct node *n, uint64_t lost)
{
    struct ls_log_options opt = {.dir = n->dir, .max_bytes = 8 << 20};
    struct ls_identity_file *file;
    struct ls_identity id;
    struct ls_log *log;
    enum ls_rc state;
    bool damaged;

    assert_int_equal(ls_identity_open(n->dir, &file, &id, &state, NULL), LS_OK);
    assert_int_equal(state, LS_OK);
    snprintf(id.boot_id, sizeof(id.boot_id), "before");
    if (lost > 0) {
        assert_int_equal(ls_log_open(&opt, &log, &damaged, NULL), LS_OK);
        assert_int_equal(ls_log_truncate(log, ls_log_last(log).index - lost + 1, NULL), LS_OK);
        id.durable_index = ls_log_last(log).index;
        ls_log_close(log);
    }
    assert_int_equal(ls_identity_write(file, &id, NULL), LS_OK);
    ls_identity_close(file);
}

/* And after the machine has lost its power. */
static void power_cut(struct node *n, struct node *after)
{
    killed(n, after);
    lose_power(after, 0);
}

/* Nodes that have nothing more to write after their first moments are the members that they were.
 */
static void test_idle_power_cut(void **state)
{
    struct node first, second, after[2];
    struct node *peer = &first;
    struct ls_uuid ids[2];

    (void)state;
    node_sync_majority = true;
    node_init(&first, "first");
    node_init(&second, "second");
    node_start(&first, NULL, 0, true, false);
    node_wait_synced(&first);
    ids[0] = id_of(&first);
    power_cut(&first, &after[0]);
    node_start(&second, &peer, 1, false, false);
    node_wait_synced(&second);
    assert_true(node_wait_members(&first, 2, 2, 8000000)); /* its vote counts */
    ids[1] = id_of(&second);
    power_cut(&second, &after[1]);
    node_stop(&second, false);
    node_start(&after[1], &peer, 1, false, false);
    node_wait_synced(&after[1]);
    assert_true(is_same(&after[1], &ids[1]));
    node_stop(&after[1], true);
    node_stop(&first, true);
    node_start(&after[0], NULL, 0, true, false);
    node_wait_synced(&after[0]);
    assert_true(is_same(&after[0], &ids[0]));
    node_stop(&after[0], true);
    node_fini(&first);
    node_fini(&second);
    node_fini(&after[0]);
    node_fini(&after[1]);
    node_sync_majority = false;
}

/* What a node finds at its start and makes durable is worth as much, before anything is written. */
static void test_waiting_power_cut(void **state)
{
    struct node n, waiting, after;
    struct ls_uuid id;
    struct ls_engine_stats stats;
    uint64_t index;

    (void)state;
    node_init(&n, "node");
    node_start(&n, NULL, 0, true, false);
    node_wait_synced(&n);
    assert_int_equal(node_submit(&n, 100, &index), LS_OK);
    do { /* until a turn of its loop has ended: its files name its history then */
        usleep(1000);
        ls_engine_get_stats(n.engine, &stats);
    } while (stats.commit_index < index);
    id = id_of(&n);
    killed(&n, &waiting);
    node_stop(&n, true);
    node_sync_majority = true;
    node_start(&waiting, NULL, 0, false, false);
    power_cut(&waiting, &after);
    node_stop(&waiting, false);
    node_start(&after, NULL, 0, true, false);
    node_wait_synced(&after);
    assert_true(is_same(&after, &id));
    node_stop(&after, true);
    node_fini(&n);
    node_fini(&waiting);
    node_fini(&after);
    node_sync_majority = false;
}

/* The power of all goes; of one the database was written to the disk and the end of the log not
 * yet, and another one's disk is gone. With what is left two of three votes are there. */
static void test_log_behind(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct node *behind = &c->nodes[0], *whole = &c->nodes[1], *gone = &c->nodes[2];
    struct ls_uuid id;
    uint64_t index;

    node_sync_majority = true;
    cluster_start(c);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(node_submit(whole, 100, &index), LS_OK);
    }
    cluster_check(c);
    id = id_of(behind);
    for (int i = 0; i < NODES; i++) {
        node_stop(&c->nodes[i], false);
    }
    lose_power(behind, 20);
    node_fini(gone);
    node_init(gone, "node3");

    /* again and again before the others are there, and then on a machine that runs */
    for (int i = 0; i < 2; i++) {
        node_start(behind, NULL, 0, false, false);
        node_stop(behind, false);
    }
    node_start(behind, NULL, 0, false, false);
    node_start(whole, &behind, 1, false, false);
    node_start(gone, &behind, 1, false, false);
    for (int i = 0; i < NODES; i++) {
        node_wait_synced(&c->nodes[i]);
    }
    assert_true(node_wait_members(whole, NODES, NODES, 8000000));
    assert_true(is_same(behind, &id));
    assert_int_equal(behind->from_log, 0); /* its database is not what its log leads to */
    assert_true(behind->last > index);
    assert_int_equal(node_submit(behind, 10, &index), LS_OK);
    cluster_check(c);

    /* ahead of it, and no power cut: an older log */
    node_stop(behind, false);
    behind->seqno += 1000;
    node_start(behind, &whole, 1, false, false);
    node_wait_synced(behind);
    assert_false(is_same(behind, &id));
    cluster_check(c);
    cluster_stop(c);
    free(c);
    node_sync_majority = false;
}

/* Changes a byte of an entry in the log's file, at an offset from its payload. Pages and file are
 * one, so it is what a page is that the disk has given back otherwise. */
static void damage(struct node *n, uint64_t index, long at)
{
    struct ls_log_pin *pin;
    struct ls_entry e;
    glob_t files;
    char pattern[96];
    int hits = 0;

    assert_true(ls_log_get(ls_engine_log(n->engine), index, &e, &pin));
    snprintf(pattern, sizeof(pattern), "%s/lockstep-[0-9]*.log", n->dir);
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        int fd = open(files.gl_pathv[i], O_RDWR | O_CLOEXEC);
        off_t size = lseek(fd, 0, SEEK_END);
        uint8_t *data = malloc((size_t)size);
        const uint8_t *hit;
        assert_non_null(data);
        assert_int_equal(pread(fd, data, (size_t)size, 0), size);
        hit = memmem(data, (size_t)size, e.payload, e.size);
        if (hit != NULL) {
            uint8_t byte = hit[at] ^ 1;
            assert_int_equal(pwrite(fd, &byte, 1, hit - data + at), 1);
            hits++;
        }
        free(data);
        close(fd);
    }
    globfree(&files);
    ls_log_unpin(pin);
    assert_int_equal(hits, 1);
}

#define IN_HEADER (-100)
#define IN_PAYLOAD 500

/* Twenty write-sets of the node; the index of one in the middle. */
static uint64_t write_some(struct node *n)
{
    uint64_t index[20];

    for (int i = 0; i < 20; i++) {
        assert_int_equal(node_submit(n, 1000, &index[i]), LS_OK);
    }
    return index[10];
}

/* A node that others have just gone on without may be non-primary for a moment. */
static void write_in_time(struct node *n)
{
    int64_t due = ls_clock_us() + 10000000;
    uint64_t index;
    enum ls_rc rc;

    while ((rc = node_submit(n, 100, &index)) != LS_OK && ls_clock_us() < due) {
        usleep(10000);
    }
    assert_int_equal(rc, LS_OK);
}

static struct node *led(struct cluster *c, struct node **one, struct node **other)
{
    int i = cluster_leader(c);

    assert_true(i >= 0);
    *one = &c->nodes[(i + 1) % NODES];
    *other = &c->nodes[(i + 2) % NODES];
    return &c->nodes[i];
}

/* It has left as one whose log has failed, and the two others go on. */
static void check_left(struct cluster *c, struct node *bad, struct node *one, struct node *other)
{
    assert_true(node_wait_left(bad));
    assert_true(bad->failed);
    node_stop(bad, false);
    assert_true(node_wait_level(one, other));
    write_in_time(one);
    write_in_time(other);
    cluster_check(c);
}

/* A member was away and needs what its leader cannot read any more: the leader leaves and says why,
 * and it comes from the third. A member that only lost its connections is a voter that makes two of
 * three; with one that was started anew the third is a majority of two only once the leader's leave
 * is ordered. */
static void lose_leader(bool anew, long at)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct node *leader, *third, *away;
    uint64_t index;

    node_sync_majority = true;
    cluster_start(c);
    leader = led(c, &third, &away);
    if (anew) {
        node_stop(away, true);
        assert_true(node_wait_members(leader, 2, 2, 8000000));
    } else {
        ls_engine_isolate(away->engine, true);
        assert_true(node_wait_nonprimary(away));
    }
    index = write_some(leader);
    assert_true(node_wait_level(third, leader));
    damage(leader, index, at);
    if (anew) {
        node_start(away, (struct node *[]){leader, third}, 2, false, false);
    } else {
        ls_engine_isolate(away->engine, false);
    }
    check_left(c, leader, away, third);
    cluster_stop(c);
    node_sync_majority = false;
    free(c);
}

static void test_leader_header(void **state)
{
    lose_leader(false, IN_HEADER);
}

static void test_leader_payload(void **state)
{
    lose_leader(false, IN_PAYLOAD);
}

static void test_leader_header_anew(void **state)
{
    lose_leader(true, IN_HEADER);
}

static void test_leader_payload_anew(void **state)
{
    lose_leader(true, IN_PAYLOAD);
}

/* Nobody could go on without it: it stays for those whom it still serves. One that comes with a
 * copy does not need the bad entry, and goes on without it. */
static void test_sole_leader(void **state)
{
    struct node alone, comes, fresh;
    struct node *peer = &alone;
    uint64_t bad, index;

    (void)state;
    node_init(&alone, "alone");
    node_init(&comes, "comes");
    node_init(&fresh, "fresh");
    node_start(&alone, NULL, 0, true, false);
    node_wait_synced(&alone);
    node_start(&comes, &peer, 1, false, false);
    node_wait_synced(&comes);
    node_stop(&comes, true);
    bad = write_some(&alone);
    damage(&alone, bad, IN_HEADER);
    node_start(&comes, &peer, 1, false, false);
    assert_true(node_wait_members(&alone, 2, 1, 8000000));
    for (int i = 0; i < 100; i++) { /* it is asked for the entry all the while */
        usleep(10000);
        assert_int_equal(node_submit(&alone, 100, &index), LS_OK);
    }
    assert_true(comes.last < bad);
    assert_int_equal(alone.left, 0);
    node_stop(&comes, false);
    node_start(&fresh, &peer, 1, false, false);
    node_wait_synced(&fresh);
    assert_true(node_wait_left(&alone));
    assert_true(alone.failed);
    node_stop(&alone, false);
    write_in_time(&fresh);
    node_stop(&fresh, false);
    node_fini(&fresh);
    node_fini(&comes);
    node_fini(&alone);
}

/* What it cannot read itself it cannot apply. */
static void test_own_reading(void **state)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct node *leader, *slow, *third;
    uint64_t index;

    (void)state;
    cluster_start(c);
    leader = led(c, &third, &slow);
    ls_mutex_lock(&slow->mutex);
    slow->delay_us = 50000;
    ls_mutex_unlock(&slow->mutex);
    index = write_some(leader);
    while (ls_log_last(ls_engine_log(slow->engine)).index < index) {
        usleep(1000);
    }
    damage(slow, index, IN_PAYLOAD);
    check_left(c, slow, third, leader);
    cluster_stop(c);
    free(c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_power_cut),      cmocka_unit_test(test_waiting_power_cut),
        cmocka_unit_test(test_log_behind),          cmocka_unit_test(test_leader_header),
        cmocka_unit_test(test_leader_payload),      cmocka_unit_test(test_leader_header_anew),
        cmocka_unit_test(test_leader_payload_anew), cmocka_unit_test(test_sole_leader),
        cmocka_unit_test(test_own_reading),
    };

    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
