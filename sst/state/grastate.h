/* grastate.dat: the position of the database in the cluster's history, as people, scripts and the
 * next start read it.
 *
 * Format: lines "key: value"; a line that begins with '#' and blank lines do not count; the last
 * newline may be missing, keys may be missing, unknown keys are left alone:
 *     # GALERA saved state
 *     version: 2.1
 *     uuid:    <uuid of the history, zero when the position is not to be trusted>
 *     seqno:   <last applied write-set after a clean stop, else -1>
 *     safe_to_bootstrap: <1 when this node was the last of the cluster and has its data, else 0>
 *     ddl:     <uuid:seqno of a statement in total order, only while it runs; a key of our own>
 *
 * The file is replaced as a whole and durably; a reader or a crash sees the old or the new one.
 * Where the disk has no room for that, what shows no position is written in place. */
#ifndef LS_STATE_GRASTATE_H
#define LS_STATE_GRASTATE_H

#include "wsrep/base/error.h"
#include "wsrep/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>

struct ls_grastate {
    struct ls_gtid position;
    bool safe_to_bootstrap;
    struct ls_gtid ddl; /* zero uuid: none */
};

/* LS_E_CORRUPT with a text that names the line when the bytes are no such file. Without a
 * safe_to_bootstrap line: false; without a position: zero uuid and -1. */
enum ls_rc ls_grastate_parse(const char *text, size_t size, struct ls_grastate *out,
                             struct ls_error *err);

/* ---- the file of a running node; any thread ---- */
struct ls_saved_state;

struct ls_saved_state_found {
    struct ls_grastate state; /* what stood there */
    bool missing;             /* there was no file: a node without history, safe to bootstrap */
    bool damaged;             /* it could not be read: kept under another name, no position */
};

/* Reads dir/grastate.dat. A damaged file is not an error: it is kept as grastate.dat.bad, a line in
 * the log says so and what to do, and a new file without position takes its place. Errors are those
 * of the disk. The file is not written otherwise. */
enum ls_rc ls_saved_state_open(const char *dir, struct ls_saved_state **out,
                               struct ls_saved_state_found *found, struct ls_error *err);
void ls_saved_state_close(struct ls_saved_state *s);

/* The last value set, be it written or not. */
void ls_saved_state_get(struct ls_saved_state *s, struct ls_grastate *out);

/* Writes the position; while the state is marked unsafe it is only remembered. Once corrupt it
 * stays so. The error is logged as well: callers on the hot path may ignore it. */
enum ls_rc ls_saved_state_set(struct ls_saved_state *s, const struct ls_grastate *state,
                              struct ls_error *err);

/* Between these two (they nest) the file shows no position, and that this node is not safe to
 * bootstrap: a state transfer is under way, and a crash in it leaves a database that must not be
 * started from. Whether it is safe is forgotten, too: who has the new data sets it. */
enum ls_rc ls_saved_state_mark_unsafe(struct ls_saved_state *s, struct ls_error *err);
/* For a statement in total order, which is named: the next start can tell whether it is through,
 * and what is said of the bootstrap stays. */
enum ls_rc ls_saved_state_mark_ddl(struct ls_saved_state *s, const struct ls_gtid *ddl,
                                   struct ls_error *err);
enum ls_rc ls_saved_state_mark_safe(struct ls_saved_state *s, struct ls_error *err);

/* This node has diverged: no position, and not safe to bootstrap, until a state transfer into a new
 * process. */
enum ls_rc ls_saved_state_mark_corrupt(struct ls_saved_state *s, struct ls_error *err);

/* Where the database stands at start: where the storage engine says (`given`, from
 * --wsrep_start_position) if that is of the file's history; when it says nothing, the file's seqno,
 * which is there after a clean stop; else nowhere (zero uuid, -1). The engine goes before the file
 * because either may have been put back from an older copy, and the rows are with the engine. */
struct ls_gtid ls_grastate_start_position(const struct ls_grastate *saved,
                                          const struct ls_gtid *given);

/* The history that the data at start are of, with or without a position in it; zero: of none, or
 * the file and the storage engine contradict each other. */
struct ls_uuid ls_grastate_history(const struct ls_grastate *saved, const struct ls_gtid *given);

/* The process died in the middle of a statement in total order: the database stands at `given`, and
 * that does not tell whether the statement ran (rule 22). */
bool ls_grastate_is_half(const struct ls_grastate *saved, const struct ls_gtid *given);

#endif
