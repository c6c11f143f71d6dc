/* What the tests of the log share: a directory of their own, entries with contents that follow from
 * their index and a variant, and a check that a log holds exactly those. */
#ifndef LS_TEST_LOG_FIXTURE_H
#define LS_TEST_LOG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gcomm/log/log.h"

struct fixture {
    char dir[64];
    struct ls_log *log;
    struct ls_log_pos tail; /* of what was appended */
    bool damaged;           /* what the last open said */
    bool rebooted;          /* what the next one is told */
    bool no_context;        /* the core cannot say its context now */
    uint64_t max_bytes;
    uint64_t segment_bytes;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

enum ls_rc fixture_try_open(struct fixture *f, struct ls_error *err);
void fixture_open(struct fixture *f); /* asserts success, sets tail */
void fixture_close(struct fixture *f);

/* The entry behind tail; its payload is made by fixture_payload(). */
struct ls_entry fixture_entry(const struct ls_log_pos *tail, uint32_t size, uint8_t variant);
void fixture_payload(uint64_t index, uint8_t variant, uint8_t *out, uint32_t size);

enum ls_rc fixture_try_append(struct fixture *f, uint32_t size, uint8_t variant,
                              struct ls_error *err);
void fixture_append(struct fixture *f, uint64_t count, uint32_t size, uint8_t variant);
void fixture_flush(struct fixture *f);

/* The same as a question, for threads and children, where assertions of cmocka do not work. */
bool fixture_entry_is_good(const struct ls_entry *e);
/* Asserts that e and its payload are as fixture_append() made them. */
void fixture_check_entry(const struct ls_entry *e, uint8_t variant);
/* Asserts that all held entries are intact, linked, and end at `last`. */
void fixture_check_all(struct fixture *f, uint64_t last, uint8_t variant);
/* The same of what another start finds, and that it takes nothing for damaged. */
void fixture_check_reopened(struct fixture *f, uint64_t last, uint8_t variant);

/* Files of the directory. */
void fixture_path(const struct fixture *f, const char *name, char out[128]);
size_t fixture_count_files(const struct fixture *f, const char *prefix);
uint8_t *fixture_read_file(const struct fixture *f, const char *name, size_t *size);
void fixture_write_file(const struct fixture *f, const char *name, const void *data, size_t size);
void fixture_wipe(const struct fixture *f);

#endif
