#include "sst/donor/donor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ls_uuid id_of(int i)
{
    struct ls_uuid u = {{0}};
    u.b[0] = (uint8_t)(i + 1);
    return u;
}

/* n0 (joiner), n1 … all in segment 0 and SYNCED. */
static struct ls_config make_config(uint32_t count)
{
    struct ls_config c = {.count = count};

    c.group.b[3] = 7;
    for (uint32_t i = 0; i < count; i++) {
        c.members[i].id = id_of((int)i);
        c.members[i].state = i == 0 ? LS_NODE_JOINER : LS_NODE_SYNCED;
        c.members[i].name[0] = 'n';
        c.members[i].name[1] = (char)('0' + i);
    }
    return c;
}

static struct ls_sst_request make_request(const char *donors)
{
    struct ls_sst_request r = {.joiner = id_of(0), .position.seqno = -1};
    strcpy(r.donors, donors);
    return r;
}

/* Index chosen, or minus the error. */
static int choose(const struct ls_config *c, const struct ls_donor_facts *facts, int leader,
                  const struct ls_sst_request *r)
{
    struct ls_donor_choice choice;
    struct ls_uuid lead = leader < 0 ? ls_uuid_zero : id_of(leader);
    enum ls_rc rc = ls_donor_choose(c, facts, &lead, r, &choice);

    assert_string_not_equal(choice.line, "");
    return rc == LS_OK ? (int)choice.index : -(int)rc;
}

static int choose_named(const struct ls_config *c, const char *donors)
{
    struct ls_sst_request r = make_request(donors);
    return choose(c, NULL, -1, &r);
}

static void test_named(void **state)
{
    struct ls_config c = make_config(4);

    assert_int_equal(choose_named(&c, "n3,n2"), 3);
    c.members[3].state = LS_NODE_DONOR;
    assert_int_equal(choose_named(&c, "n3,n2"), 2);
    assert_int_equal(choose_named(&c, " n2 "), 2);
    assert_int_equal(choose_named(&c, "n3"), -LS_E_BUSY);
    assert_int_equal(choose_named(&c, "n3,"), 1);
    assert_int_equal(choose_named(&c, "nobody"), -LS_E_NOTFOUND);
    assert_int_equal(choose_named(&c, "nobody,"), 1);
    assert_int_equal(choose_named(&c, "n0"), -LS_E_NOTFOUND); /* the joiner itself */
    assert_int_equal(choose_named(&c, ""), 1);
}

static void test_only_synced_with_data(void **state)
{
    struct ls_config c = make_config(4);

    c.members[1].no_data = 1;
    c.members[2].state = LS_NODE_JOINED;
    assert_int_equal(choose_named(&c, ""), 3);
    assert_int_equal(choose_named(&c, "n1"), -LS_E_NOTFOUND);
    c.members[3].state = LS_NODE_DONOR;
    assert_int_equal(choose_named(&c, ""), -LS_E_BUSY);
}

static void test_ranking(void **state)
{
    struct ls_config c = make_config(4);
    struct ls_sst_request r = make_request("");
    struct ls_donor_facts facts[4] = {{-1, 0}, {-1, 5}, {-1, 3}, {-1, 4}};

    assert_int_equal(choose(&c, facts, -1, &r), 2); /* load */
    assert_int_equal(choose(&c, facts, 2, &r), 3);  /* not the leader */
    c.members[3].segment = 1;
    assert_int_equal(choose(&c, facts, 2, &r), 1); /* same segment before load */
    c.members[1].segment = 1;
    assert_int_equal(choose(&c, facts, 2, &r), 2); /* same segment before leadership */
    facts[3].first_seqno = 10;
    assert_int_equal(choose(&c, facts, 2, &r), 2); /* IST not asked for */
    r.ist_wanted = true;
    r.position.uuid = c.group;
    r.position.seqno = 9;
    assert_int_equal(choose(&c, facts, 2, &r), 3);
    r.position.seqno = 8;
    assert_int_equal(choose(&c, facts, 2, &r), 2); /* 9 is not held any more */
    r.position.seqno = 20;
    r.position.uuid = id_of(9);
    assert_int_equal(choose(&c, facts, 2, &r), 2); /* another history */
    c.members[1].state = c.members[3].state = LS_NODE_DONOR;
    assert_int_equal(choose(&c, facts, 2, &r), 2); /* the leader if there is no other */
}

static void test_lines(void **state)
{
    struct ls_config c = make_config(3);
    struct ls_sst_request r = make_request("");
    struct ls_donor_choice choice;

    assert_int_equal(ls_donor_choose(&c, NULL, &ls_uuid_zero, &r, &choice), LS_OK);
    assert_non_null(strstr(choice.line, "Member 0.0 (n0) requested state transfer from '*any*'. "
                                        "Selected 1.0 (n1)(SYNCED) as donor."));
    r.joiner = id_of(9);
    assert_int_equal(ls_donor_choose(&c, NULL, &ls_uuid_zero, &r, &choice), LS_E_NOTFOUND);
    memset(r.donors, 'x', sizeof(r.donors) - 1);
    r.joiner = id_of(0);
    assert_int_equal(ls_donor_choose(&c, NULL, &ls_uuid_zero, &r, &choice), LS_E_NOTFOUND);
}

static void test_codec(void **state)
{
    struct ls_sst_request r = make_request("a,b,"), back;
    uint8_t buf[2048];
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));
    size_t size;

    r.ist_wanted = true;
    r.position = (struct ls_gtid){.uuid = id_of(4), .seqno = 77};
    r.request = "rsync\0host:1/x";
    r.request_size = 15;
    assert_true(ls_sst_request_encode(&r, &w));
    size = (size_t)(w.pos - buf);
    assert_int_equal(size, ls_sst_request_size(&r));
    assert_int_equal(ls_sst_request_decode(buf, size, &back, NULL), LS_OK);
    assert_string_equal(back.donors, "a,b,");
    assert_true(back.ist_wanted);
    assert_int_equal(back.position.seqno, 77);
    assert_int_equal(back.request_size, 15);
    assert_memory_equal(back.request, r.request, 15);

    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut > 0 ? cut : 1); /* so that a sanitizer sees each byte beyond */
        memcpy(exact, buf, cut);
        assert_int_not_equal(ls_sst_request_decode(exact, cut, &back, NULL), LS_OK);
        free(exact);
    }
    assert_int_equal(ls_sst_request_decode(buf, size + 1, &back, NULL), LS_E_PROTO);
    buf[0] = 9;
    assert_int_equal(ls_sst_request_decode(buf, size, &back, NULL), LS_E_VERSION);
    r.request_size = LS_SST_REQUEST_MAX_BYTES + 1;
    w = ls_writer_init(buf, sizeof(buf));
    assert_false(ls_sst_request_encode(&r, &w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),   cmocka_unit_test(test_only_synced_with_data),
        cmocka_unit_test(test_ranking), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
