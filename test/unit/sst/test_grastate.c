#include "sst/state/grastate.h"
#include "sst/state/gvwstate.h"
#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define UUID "d203c530-e542-11f1-8552-dbbb8b30a149"
#define ZERO "00000000-0000-0000-0000-000000000000"

static char dir[64], last_line[2048];

static void sink(enum ls_log_level level, const char *text)
{
    snprintf(last_line, sizeof(last_line), "%s", text);
}

static int make_dir(void **state)
{
    strcpy(dir, "/tmp/ls_grastate_XXXXXX");
    ls_log_set_sink(sink);
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void put_file(const char *text, size_t size)
{
    assert_int_equal(ls_file_replace(path_of("grastate.dat"), text, size, NULL), LS_OK);
}

static void assert_file(const char *name, const char *expected)
{
    char *text;
    size_t size;

    assert_int_equal(ls_file_read_small(path_of(name), 1 << 20, &text, &size, NULL), LS_OK);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_position(const char *uuid, const char *seqno, int safe)
{
    char expected[256];
    snprintf(expected, sizeof(expected),
             "# GALERA saved state\nversion: 2.1\nuuid:    %s\nseqno:   %s\nsafe_to_bootstrap: "
             "%d\n",
             uuid, seqno, safe);
    assert_file("grastate.dat", expected);
}

static struct ls_grastate parse_ok(const char *text)
{
    struct ls_grastate g;
    assert_int_equal(ls_grastate_parse(text, strlen(text), &g, NULL), LS_OK);
    return g;
}

static void test_tolerant_reading(void **state)
{
    struct ls_grastate g = parse_ok("# GALERA saved state\nversion: 2.1\nuuid:    " UUID
                                    "\nseqno:   42\nsafe_to_bootstrap: 1\n");
    assert_int_equal(g.position.seqno, 42);
    assert_true(g.safe_to_bootstrap);
    g = parse_ok("safe_to_bootstrap: 1");
    assert_true(ls_uuid_is_zero(&g.position.uuid));
    assert_int_equal(g.position.seqno, -1);
    assert_true(g.safe_to_bootstrap);
    g = parse_ok("version: 2.1\nuuid: " UUID "\nseqno: -1\nsafe_to_bootstrap: 0"); /* operators */
    assert_int_equal(g.position.seqno, -1);
    assert_false(ls_uuid_is_zero(&g.position.uuid));
    g = parse_ok("uuid:" UUID "\r\nseqno:\t7\r\n\n   \nnew_key: x\n");
    assert_int_equal(g.position.seqno, 7);
    assert_false(g.safe_to_bootstrap);
    g = parse_ok("uuid: " ZERO "\nseqno: 5\n");
    assert_int_equal(g.position.seqno, -1);
}

static void test_damage_is_named(void **state)
{
    static const char *const bad[] = {"",
                                      "\n  \n",
                                      "hello\n",
                                      "uuid: x\n",
                                      "uuid:\n",
                                      "uuid: " UUID "0\n",
                                      "seqno: \n",
                                      "seqno: 12x\n",
                                      "seqno: -2\n",
                                      "seqno: 9223372036854775808\n",
                                      "safe_to_bootstrap: 2\n",
                                      "safe_to_bootstrap:\n"};
    struct ls_grastate g;
    struct ls_error err;
    char line[600];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err.text[0] = '\0';
        assert_int_equal(ls_grastate_parse(bad[i], strlen(bad[i]), &g, &err), LS_E_CORRUPT);
        assert_string_not_equal(err.text, "");
    }
    assert_int_equal(ls_grastate_parse("seqno: 1\0\n", 10, &g, NULL), LS_E_CORRUPT);
    memset(line, 'x', sizeof(line));
    assert_int_equal(ls_grastate_parse(line, sizeof(line), &g, NULL), LS_E_CORRUPT);
}

static void test_damaged_file_is_kept(void **state)
{
    struct ls_saved_state_found found;
    struct ls_saved_state *s;
    char *big = calloc(1, 100000);

    for (int i = 0; i < 2; i++) {
        put_file("rubbish\n", 8);
        assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
        assert_true(found.damaged);
        assert_false(found.missing);
        assert_false(found.state.safe_to_bootstrap);
        assert_non_null(strstr(last_line, "line 1"));
        assert_non_null(strstr(last_line, "safe_to_bootstrap: 1"));
        assert_file(i == 0 ? "grastate.dat.bad" : "grastate.dat.bad.1", "rubbish\n");
        assert_position(ZERO, "-1", 0);
        ls_saved_state_close(s);
    }
    put_file(big, 100000);
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_true(found.damaged);
    assert_position(ZERO, "-1", 0);
    ls_saved_state_close(s);
    for (int i = 0; i < 12; i++) { /* no end of names, no failure */
        put_file("", 0);
        assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
        assert_true(found.damaged);
        ls_saved_state_close(s);
    }
    free(big);
}

static void test_life_of_a_node(void **state)
{
    struct ls_grastate running = {.position.seqno = -1}, stopped;
    struct ls_saved_state_found found;
    struct ls_saved_state *s;

    ls_uuid_parse(UUID, &running.position.uuid);
    stopped = running;
    stopped.position.seqno = 99;
    stopped.safe_to_bootstrap = true;

    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_true(found.missing);
    assert_true(found.state.safe_to_bootstrap);
    assert_int_not_equal(access(path_of("grastate.dat"), F_OK), 0);
    assert_int_equal(ls_saved_state_set(s, &running, NULL), LS_OK);
    assert_position(UUID, "-1", 0);
    assert_int_equal(ls_saved_state_mark_unsafe(s, NULL), LS_OK);
    assert_int_equal(ls_saved_state_mark_unsafe(s, NULL), LS_OK);
    assert_position(ZERO, "-1", 0);
    assert_int_equal(ls_saved_state_mark_safe(s, NULL), LS_OK);
    assert_position(ZERO, "-1", 0);
    assert_int_equal(ls_saved_state_set(s, &stopped, NULL), LS_OK); /* remembered only */
    assert_position(ZERO, "-1", 0);
    assert_int_equal(ls_saved_state_mark_safe(s, NULL), LS_OK);
    assert_position(UUID, "99", 1);
    ls_saved_state_close(s);

    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_int_equal(found.state.position.seqno, 99);
    assert_int_equal(ls_saved_state_mark_corrupt(s, NULL), LS_OK);
    assert_position(ZERO, "-1", 0);
    assert_int_equal(ls_saved_state_set(s, &stopped, NULL), LS_OK);
    assert_position(ZERO, "-1", 0);
    ls_saved_state_close(s);
}

/* A death in the middle of a state transfer leaves no node to found a cluster with: not a new one,
 * nor the last one that left. A statement takes nothing from the data's worth. */
static void test_half_copy_is_not_safe(void **state)
{
    struct ls_grastate alone = {.position.seqno = -1, .safe_to_bootstrap = true}, now;
    struct ls_gtid ddl = {.seqno = 17};
    struct ls_saved_state_found found;
    struct ls_saved_state *s;

    ls_uuid_parse(UUID, &alone.position.uuid);
    ddl.uuid = alone.position.uuid;
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_true(found.missing);
    assert_int_equal(ls_saved_state_mark_unsafe(s, NULL), LS_OK);
    assert_position(ZERO, "-1", 0);
    ls_saved_state_close(s); /* killed here */
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_false(found.missing);
    assert_false(found.state.safe_to_bootstrap);

    assert_int_equal(ls_saved_state_set(s, &alone, NULL), LS_OK);
    assert_int_equal(ls_saved_state_mark_ddl(s, &ddl, NULL), LS_OK);
    ls_saved_state_close(s);
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_int_equal(found.state.ddl.seqno, 17);
    assert_true(found.state.safe_to_bootstrap);
    assert_int_equal(ls_saved_state_mark_ddl(s, &ddl, NULL), LS_OK);
    assert_int_equal(ls_saved_state_mark_unsafe(s, NULL), LS_OK); /* its data are replaced */
    assert_position(ZERO, "-1", 0);
    assert_int_equal(ls_saved_state_mark_safe(s, NULL), LS_OK);
    assert_int_equal(ls_saved_state_mark_safe(s, NULL), LS_OK);
    ls_saved_state_get(s, &now);
    assert_false(now.safe_to_bootstrap);

    assert_int_equal(ls_saved_state_set(s, &alone, NULL), LS_OK);
    assert_int_equal(ls_saved_state_mark_corrupt(s, NULL), LS_OK);
    ls_saved_state_get(s, &now);
    assert_false(now.safe_to_bootstrap);
    assert_position(ZERO, "-1", 0);
    ls_saved_state_close(s);
}

static void test_mode_stays(void **state)
{
    struct ls_grastate g = {.position.seqno = -1};
    struct ls_saved_state_found found;
    struct ls_saved_state *s;
    struct stat st;

    put_file("safe_to_bootstrap: 1", 20);
    chmod(path_of("grastate.dat"), 0644);
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_false(found.missing);
    assert_int_equal(ls_saved_state_set(s, &g, NULL), LS_OK);
    assert_int_equal(stat(path_of("grastate.dat"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    ls_saved_state_close(s);
}

/* No room for a second file, here since the name is taken: a position is refused, none is not. */
static void test_no_room(void **state)
{
    struct ls_grastate g = {.position.seqno = -1};
    struct ls_saved_state_found found;
    struct ls_saved_state *s;

    ls_uuid_parse(UUID, &g.position.uuid);
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_int_equal(ls_saved_state_set(s, &g, NULL), LS_OK);
    g.position.seqno = 7;
    assert_int_equal(mkdir(path_of("grastate.dat.new"), 0700), 0);
    assert_int_not_equal(ls_saved_state_set(s, &g, NULL), LS_OK);
    assert_position(UUID, "-1", 0);
    assert_int_equal(ls_saved_state_mark_corrupt(s, NULL), LS_OK);
    assert_position(ZERO, "-1", 0);
    ls_saved_state_close(s);
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_false(found.damaged);
    ls_saved_state_close(s);
}

static void test_unwritable_is_said(void **state)
{
    struct ls_saved_state_found found;
    struct ls_saved_state *s;
    struct ls_error err;

    assert_int_equal(ls_saved_state_open("/nonexistent", &s, &found, &err), LS_OK);
    assert_int_not_equal(ls_saved_state_mark_corrupt(s, &err), LS_OK);
    assert_non_null(strstr(err.text, "/nonexistent/grastate.dat"));
    ls_saved_state_close(s);
}

static void test_start_position(void **state)
{
    struct ls_grastate g = {.position.seqno = 5};
    struct ls_gtid given = {.seqno = 8}, p;

    ls_uuid_parse(UUID, &g.position.uuid);
    given.uuid = g.position.uuid;
    p = ls_grastate_start_position(&g, &given);
    assert_int_equal(p.seqno, 8); /* a file of an older copy */
    given.seqno = 3;
    p = ls_grastate_start_position(&g, &given);
    assert_int_equal(p.seqno, 3); /* an engine of an older copy */
    given.seqno = -1;
    p = ls_grastate_start_position(&g, &given);
    assert_int_equal(p.seqno, 5); /* a clean stop and a bare start */
    given.seqno = 8;
    given.uuid = ls_uuid_zero;
    p = ls_grastate_start_position(&g, &given);
    assert_int_equal(p.seqno, 5); /* an engine that was never in a cluster says nothing */
    given.uuid = g.position.uuid;
    g.position.seqno = -1;
    p = ls_grastate_start_position(&g, &given);
    assert_int_equal(p.seqno, 8);
    p = ls_grastate_start_position(&g, NULL);
    assert_int_equal(p.seqno, -1);
    assert_true(ls_uuid_is_zero(&p.uuid));
    given.uuid.b[0] ^= 1;
    p = ls_grastate_start_position(&g, &given);
    assert_int_equal(p.seqno, -1);
    g.position.seqno = 5;
    p = ls_grastate_start_position(&g, &given);
    assert_int_equal(p.seqno, -1); /* a file of another cluster */
}

/* The line that names a statement in total order, while it runs and after a death in it (rule 22).
 */
static void test_statement(void **state)
{
    const char *head = "# GALERA saved state\nversion: 2.1\nuuid:    " ZERO
                       "\nseqno:   -1\nsafe_to_bootstrap: 0\n";
    const char *named = "# GALERA saved state\nversion: 2.1\nuuid:    " ZERO
                        "\nseqno:   -1\nsafe_to_bootstrap: 0\nddl:     " UUID ":17\n";
    struct ls_grastate running = {.position.seqno = -1};
    struct ls_gtid ddl = {.seqno = 17}, later = {.seqno = 18}, given = {.seqno = 16};
    struct ls_saved_state_found found;
    struct ls_saved_state *s;

    ls_uuid_parse(UUID, &running.position.uuid);
    ddl.uuid = later.uuid = given.uuid = running.position.uuid;
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_int_equal(ls_saved_state_set(s, &running, NULL), LS_OK);
    assert_int_equal(ls_saved_state_mark_ddl(s, &ddl, NULL), LS_OK);
    assert_file("grastate.dat", named);
    assert_int_equal(ls_saved_state_mark_ddl(s, &later, NULL), LS_OK);
    assert_file("grastate.dat", named); /* the first one that may be unfinished */
    assert_int_equal(ls_saved_state_mark_safe(s, NULL), LS_OK);
    assert_int_equal(ls_saved_state_mark_unsafe(s, NULL), LS_OK);
    assert_file("grastate.dat", head); /* a transfer replaces everything */
    assert_int_equal(ls_saved_state_mark_safe(s, NULL), LS_OK);
    assert_file("grastate.dat", head);
    assert_int_equal(ls_saved_state_mark_safe(s, NULL), LS_OK);
    assert_position(UUID, "-1", 0);
    assert_int_equal(ls_saved_state_mark_ddl(s, &ddl, NULL), LS_OK);
    ls_saved_state_close(s); /* killed here */

    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_int_equal(found.state.ddl.seqno, 17);
    assert_true(ls_grastate_is_half(&found.state, &given));
    assert_int_equal(ls_grastate_start_position(&found.state, &given).seqno, -1);
    given.seqno = 17; /* the engine says that it is through */
    assert_false(ls_grastate_is_half(&found.state, &given));
    assert_int_equal(ls_grastate_start_position(&found.state, &given).seqno, 17);
    given.uuid.b[0] ^= 1; /* another history */
    assert_false(ls_grastate_is_half(&found.state, &given));
    assert_int_equal(ls_grastate_start_position(&found.state, &given).seqno, -1);
    assert_false(ls_grastate_is_half(&found.state, NULL));
    ls_saved_state_close(s);

    put_file("ddl: 12\n", 8);
    assert_int_equal(ls_saved_state_open(dir, &s, &found, NULL), LS_OK);
    assert_true(found.damaged);
    ls_saved_state_close(s);
}

static void test_gvwstate(void **state)
{
    struct ls_config c = {.count = 2, .view = 4};

    ls_uuid_parse(UUID, &c.members[0].id);
    c.members[1].id.b[15] = 1;
    c.members[1].segment = 3;
    assert_int_equal(ls_gvwstate_write(dir, &c, &c.members[1].id, NULL), LS_OK);
    assert_file("gvwstate.dat", "my_uuid: 00000000-0000-0000-0000-000000000001\n#vwbeg\n"
                                "view_id: 3 " UUID " 4\nbootstrap: 0\nmember: " UUID " 0\n"
                                "member: 00000000-0000-0000-0000-000000000001 3\n#vwend\n");
    assert_int_equal(ls_gvwstate_remove(dir, NULL), LS_OK);
    assert_int_equal(ls_gvwstate_remove(dir, NULL), LS_OK);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tolerant_reading),
        cmocka_unit_test(test_damage_is_named),
        WITH_DIR(test_damaged_file_is_kept),
        WITH_DIR(test_life_of_a_node),
        WITH_DIR(test_half_copy_is_not_safe),
        WITH_DIR(test_mode_stays),
        WITH_DIR(test_no_room),
        WITH_DIR(test_unwritable_is_said),
        cmocka_unit_test(test_start_position),
        WITH_DIR(test_statement),
        WITH_DIR(test_gvwstate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
