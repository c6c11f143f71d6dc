#include "test/unit/log/fixture.h"

#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A context that says where it was asked, so that tests can tell. */
static size_t context_of(void *ctx, void *buf, size_t size)
{
    struct fixture *f = ctx;

    if (f->no_context) {
        return 0;
    }
    if (size < 64) {
        abort();
    }
    return (size_t)snprintf(buf, size, "context at %llu", (unsigned long long)f->tail.index);
}

static void quiet(enum ls_log_level level, const char *text)
{
    (void)level;
    (void)text;
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    if (getenv("LS_TEST_VERBOSE") == NULL) {
        ls_log_set_sink(quiet);
    }
    strcpy(f->dir, "/tmp/lockstep-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->max_bytes = 64u * 1024 * 1024;
    f->segment_bytes = 64 * 1024;
    *state = f;
    return 0;
}

void fixture_wipe(const struct fixture *f)
{
    struct ls_file_list list;
    char path[128];

    assert_int_equal(ls_file_list_dir(f->dir, "lockstep-", "", &list, NULL), LS_OK);
    for (size_t i = 0; i < list.count; i++) {
        fixture_path(f, list.names[i], path);
        unlink(path);
    }
    ls_file_list_free(&list);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    fixture_wipe(f);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

enum ls_rc fixture_try_open(struct fixture *f, struct ls_error *err)
{
    struct ls_log_options opt = {.dir = f->dir,
                                 .max_bytes = f->max_bytes,
                                 .segment_bytes = f->segment_bytes,
                                 .context = context_of,
                                 .context_max = 256,
                                 .context_ctx = f,
                                 .rebooted = f->rebooted,
                                 .reread = !f->rebooted};
    enum ls_rc rc = ls_log_open(&opt, &f->log, &f->damaged, err);

    if (rc == LS_OK) {
        f->tail = ls_log_last(f->log);
    }
    return rc;
}

void fixture_open(struct fixture *f)
{
    struct ls_error err = {0};
    enum ls_rc rc = fixture_try_open(f, &err);

    if (rc != LS_OK) {
        fail_msg("open: %s", err.text);
    }
}

void fixture_close(struct fixture *f)
{
    ls_log_close(f->log);
    f->log = NULL;
}

void fixture_payload(uint64_t index, uint8_t variant, uint8_t *out, uint32_t size)
{
    struct ls_prng prng;

    ls_prng_seed(&prng, index * 256 + variant);
    for (uint32_t i = 0; i < size; i += 8) {
        uint64_t v = ls_prng_next(&prng);
        memcpy(out + i, &v, size - i < 8 ? size - i : 8);
    }
}

struct ls_entry fixture_entry(const struct ls_log_pos *tail, uint32_t size, uint8_t variant)
{
    uint64_t index = tail->index + 1;
    bool counted = index % 3 != 0; /* every third entry takes no seqno */
    struct ls_entry e = {.index = index,
                         .term = 1 + variant,
                         .seqno = tail->seqno + (counted ? 1 : 0),
                         .sub = {.origin = {.b = {variant, 7}}, .incarnation = 3, .id = index},
                         .type = counted ? LS_ENTRY_WRITESET : LS_ENTRY_CUT,
                         .flags = counted ? LS_EF_SEQNO : 0,
                         .size = size};
    uint8_t *payload = malloc(size + 1u);

    assert_non_null(payload);
    fixture_payload(index, variant, payload, size);
    e.payload_hash = ls_hash64(payload, size);
    e.chain = ls_entry_chain(tail->chain, &e);
    free(payload);
    return e;
}

enum ls_rc fixture_try_append(struct fixture *f, uint32_t size, uint8_t variant,
                              struct ls_error *err)
{
    struct ls_entry e = fixture_entry(&f->tail, size, variant);
    uint8_t *payload = malloc(size + 1u);
    struct ls_piece pieces[3];
    enum ls_rc rc;

    assert_non_null(payload);
    fixture_payload(e.index, variant, payload, size);
    pieces[0] = (struct ls_piece){.data = payload, .len = size / 3};
    pieces[1] = (struct ls_piece){.data = NULL, .len = 0};
    pieces[2] = (struct ls_piece){.data = payload + size / 3, .len = size - size / 3};
    rc = ls_log_append(f->log, &e, pieces, 3, err);
    if (rc == LS_OK) {
        f->tail = ls_entry_pos(&e);
    }
    free(payload);
    return rc;
}

void fixture_append(struct fixture *f, uint64_t count, uint32_t size, uint8_t variant)
{
    struct ls_error err = {0};

    for (uint64_t i = 0; i < count; i++) {
        if (fixture_try_append(f, size, variant, &err) != LS_OK) {
            fail_msg("append: %s", err.text);
        }
    }
}

void fixture_flush(struct fixture *f)
{
    struct ls_error err = {0};

    if (ls_log_flush(f->log, &err) != LS_OK) {
        fail_msg("flush: %s", err.text);
    }
}

bool fixture_entry_is_good(const struct ls_entry *e)
{
    uint8_t *payload = malloc(e->size + 1u);
    bool good;

    if (payload == NULL) {
        return false;
    }
    fixture_payload(e->index, (uint8_t)(e->term - 1), payload, e->size);
    good = memcmp(e->payload, payload, e->size) == 0 && e->sub.id == e->index;
    free(payload);
    return good;
}

void fixture_check_entry(const struct ls_entry *e, uint8_t variant)
{
    uint8_t *payload = malloc(e->size + 1u);

    assert_non_null(payload);
    fixture_payload(e->index, variant, payload, e->size);
    assert_int_equal(e->term, 1 + variant);
    assert_int_equal(e->sub.id, e->index);
    assert_int_equal(e->payload_hash, ls_hash64(payload, e->size));
    assert_memory_equal(e->payload, payload, e->size);
    free(payload);
}

void fixture_check_all(struct fixture *f, uint64_t last, uint8_t variant)
{
    struct ls_log_pos pos = ls_log_base(f->log);

    assert_int_equal(ls_log_last(f->log).index, last);
    while (pos.index < last) {
        struct ls_log_pin *pin;
        struct ls_entry e;

        assert_true(ls_log_get(f->log, pos.index + 1, &e, &pin));
        assert_int_equal(e.index, pos.index + 1);
        fixture_check_entry(&e, variant);
        assert_true(ls_hash128_equal(e.chain, ls_entry_chain(pos.chain, &e)));
        pos = ls_entry_pos(&e);
        ls_log_unpin(pin);
    }
    assert_true(ls_hash128_equal(pos.chain, ls_log_last(f->log).chain));
}

void fixture_check_reopened(struct fixture *f, uint64_t last, uint8_t variant)
{
    fixture_close(f);
    fixture_open(f);
    assert_false(f->damaged);
    fixture_check_all(f, last, variant);
}

void fixture_path(const struct fixture *f, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", f->dir, name);
}

size_t fixture_count_files(const struct fixture *f, const char *prefix)
{
    struct ls_file_list list;
    size_t n;

    assert_int_equal(ls_file_list_dir(f->dir, prefix, "", &list, NULL), LS_OK);
    n = list.count;
    ls_file_list_free(&list);
    return n;
}

uint8_t *fixture_read_file(const struct fixture *f, const char *name, size_t *size)
{
    char path[128];
    char *data;

    fixture_path(f, name, path);
    assert_int_equal(ls_file_read_small(path, 1u << 30, &data, size, NULL), LS_OK);
    return (uint8_t *)data;
}

void fixture_write_file(const struct fixture *f, const char *name, const void *data, size_t size)
{
    char path[128];
    int fd;

    fixture_path(f, name, path);
    assert_int_equal(ls_file_open(path, LS_FILE_WRITE | LS_FILE_CREATE | LS_FILE_EMPTY, &fd, NULL),
                     LS_OK);
    assert_int_equal(ls_file_write_at(fd, data, size, 0, path, NULL), LS_OK);
    ls_file_close(fd);
}
