/* ls-trace: scripted conversations of a few cores, compared with what was expected, line by line.
 *
 * A trace file holds blocks: command lines, a line "----", the output, an empty line. Lines that
 * begin with # are comments. Commands (see README.md) feed events; every event and every action is
 * one line of output. With --update the outputs are written anew, for a person to review. */
#include "test/trace/stage.h"

#include "wsrep/base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- commands ---- */

static void submit(struct stage *s, int i, uint8_t type, const void *data, size_t size)
{
    struct node *n = &s->nodes[i];
    struct ls_event ev = {.type = LS_EV_SUBMIT};
    struct ls_blob *b = ls_blob_create(data, size);

    LS_ASSERT(n->own_count < 64);
    n->own[n->own_count++] = (struct own){.id = n->next_id, .blob = b};
    ev.u.submit.id = n->next_id++;
    ev.u.submit.entry_type = type;
    ev.u.submit.size = b->size;
    ev.u.submit.payload_hash = b->hash;
    ev.u.submit.payload = b->data;
    stage_turn(s, i, &ev);
}

static void submit_state(struct stage *s, int i, const char *state)
{
    struct ls_member_state m = {
        .id = stage_id_of(i), .incarnation = s->nodes[i].disk.incarnation, .state = LS_NODE_JOINED};
    uint8_t buf[64];
    struct ls_writer w = ls_writer_init(buf, sizeof(buf));

    if (strcmp(state, "SYNCED") == 0) {
        m.state = LS_NODE_SYNCED;
    }
    LS_ASSERT(ls_member_state_encode(&m, &w));
    submit(s, i, LS_ENTRY_STATE, buf, (size_t)(w.pos - buf));
}

/* only: the one node that notices, or -1 for all. */
static void tick(struct stage *s, int only)
{
    for (int i = 0; i < NODES; i++) {
        if (s->nodes[i].running && !s->nodes[i].paused && (only < 0 || i == only)) {
            struct ls_event ev = {.type = LS_EV_TICK};
            stage_turn(s, i, &ev);
        }
    }
}

static void pass_time(struct stage *s, int64_t ms, int only)
{
    int64_t end = s->now_us + ms * 1000;

    while (s->now_us < end) {
        s->now_us += 20000;
        tick(s, only);
    }
}

/* Time passes for all, and what is said meanwhile arrives. */
static void live(struct stage *s, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 20) {
        for (int i = 0; i < 20; i++) {
            stage_hop(s);
        }
        tick(s, -1);
    }
}

static void show(struct stage *s)
{
    for (int i = 0; i < NODES; i++) {
        struct ls_core_status st;
        char leader[16] = "-";

        if (!s->nodes[i].running) {
            continue;
        }
        ls_core_get_status(s->nodes[i].core, &st);
        if (!ls_uuid_is_zero(&st.leader)) {
            snprintf(leader, sizeof(leader), "%s", stage_name_of(s, &st.leader));
        }
        stage_say(s,
                  "n%d: %s, epoch %" PRIu64 " of %u, term %" PRIu64 ", leader %s, last %" PRIu64
                  ", commit %" PRIu64 "%s, pending %u, staged %zu",
                  i, st.primary ? "primary" : "not primary", st.config->epoch, st.config->count,
                  st.term, leader, st.last.index, st.commit,
                  st.sure_until_us > s->now_us ? ", sure" : "", st.pending, st.staged);
    }
}

/* Time passes for one node alone, and a long APPEND comes in all the while. */
static void arriving(struct stage *s, int i, int from, int64_t ms)
{
    int64_t end = s->now_us + ms * 1000;

    while (s->now_us < end) {
        struct ls_event ev = {.type = LS_EV_ARRIVING};
        pass_time(s, 40, i);
        ev.u.arriving.from = stage_id_of(from);
        ev.u.arriving.type = LS_MSG_APPEND;
        stage_turn(s, i, &ev);
    }
}

static void log_held(struct stage *s, int i)
{
    struct ls_event ev = {.type = LS_EV_LOG_HELD};

    ev.u.index = ls_disk_last(&s->nodes[i].disk).index;
    stage_turn(s, i, &ev);
}

/* What nodes that join or change their state need to come to rest: disks, messages, time. */
static void settle(struct stage *s)
{
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < NODES; i++) {
            if (s->nodes[i].running && s->params.sync_majority) {
                log_held(s, i);
            }
        }
        while (s->count > 0) {
            stage_hop(s);
        }
        pass_time(s, 20, -1);
    }
}

static struct ls_uuid history_of(const char *word)
{
    return (struct ls_uuid){.b = {strcmp(word, "other") == 0 ? 0xcd : 0xab}};
}

/* False when the line makes no sense. */
static bool command(struct stage *s, const char *line)
{
    static const uint8_t zeros[131072];
    char word[32] = "", rest[64] = "";
    int a = -1, b = -1;
    int64_t n = 0;

    sscanf(line, "%31s", word);
    if (sscanf(line, "node n%d", &a) == 1) {
        stage_start(s, a, true);
    } else if (sscanf(line, "restart n%d %63s", &a, rest) >= 1) {
        stage_start(s, a, false);
        struct ls_event ev = {.type = LS_EV_JOIN};
        ev.u.join.need_state = strcmp(rest, "need-state") == 0;
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "bootstrap n%d %63s", &a, rest) >= 1) {
        struct ls_event ev = {.type = LS_EV_BOOTSTRAP};
        ev.u.bootstrap.group = history_of(rest);
        ev.u.bootstrap.bare = strcmp(rest, "bare") == 0;
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "keep n%d %63s", &a, rest) >= 1) {
        s->nodes[a].keep = history_of(rest);
    } else if (sscanf(line, "join n%d %63s", &a, rest) >= 1 && strcmp(word, "join") == 0) {
        struct ls_event ev = {.type = LS_EV_JOIN};
        ev.u.join.need_state = strcmp(rest, "need-state") == 0;
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "leave n%d", &a) == 1) {
        struct ls_event ev = {.type = LS_EV_LEAVE};
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "process n%d", &a) == 1) {
        stage_start(s, a, false);
    } else if (sscanf(line, "found n%d %" SCNd64, &a, &n) == 2) {
        struct ls_event ev = {.type = LS_EV_BOOTSTRAP};
        ev.u.bootstrap.group = history_of("");
        ev.u.bootstrap.seqno = n;
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "reform n%d", &a) == 1) {
        struct ls_event ev = {.type = LS_EV_REFORM};
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "evict n%d n%d", &a, &b) == 2) {
        struct ls_event ev = {.type = LS_EV_EVICT};
        ev.u.id = stage_id_of(b);
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "give-up n%d %" SCNd64, &a, &n) == 2) {
        struct ls_event ev = {.type = LS_EV_GIVE_UP};
        ev.u.submit.id = (uint64_t)n;
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "%31s n%d n%d", word, &a, &b) == 3 &&
               (strcmp(word, "cut") == 0 || strcmp(word, "mend") == 0)) {
        s->nodes[a].cut[b] = strcmp(word, "cut") == 0;
    } else if (sscanf(line, "pause n%d", &a) == 1 || sscanf(line, "resume n%d", &a) == 1) {
        s->nodes[a].paused = strcmp(word, "pause") == 0;
    } else if (sscanf(line, "live %" SCNd64, &n) == 1) {
        live(s, n);
    } else if (strcmp(word, "show") == 0) {
        show(s);
    } else if (sscanf(line, "connect n%d n%d", &a, &b) == 2) {
        stage_connect(s, a, b, true, false);
    } else if (sscanf(line, "disconnect n%d n%d %63s", &a, &b, rest) >= 2) {
        stage_connect(s, a, b, false, strcmp(rest, "unreachable") == 0);
    } else if (sscanf(line, "crash n%d", &a) == 1) {
        stage_stop(s, a);
    } else if (sscanf(line, "submit n%d %" SCNd64 " times %d", &a, &n, &b) >= 2 &&
               n <= (int64_t)sizeof(zeros)) {
        for (int i = 0; i == 0 || i < b; i++) {
            submit(s, a, LS_ENTRY_WRITESET, zeros, (size_t)n);
        }
    } else if (sscanf(line, "state n%d %63s", &a, rest) == 2) {
        submit_state(s, a, rest);
    } else if (sscanf(line, "read n%d", &a) == 1) {
        struct ls_event ev = {.type = LS_EV_READ};
        ev.u.token = 1;
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "applied n%d %" SCNd64, &a, &n) == 2) {
        struct ls_event ev = {.type = LS_EV_APPLIED};
        ev.u.seqno = n;
        stage_turn(s, a, &ev);
    } else if (sscanf(line, "arriving n%d n%d %" SCNd64, &a, &b, &n) == 3) {
        arriving(s, a, b, n);
    } else if (sscanf(line, "log-held n%d", &a) == 1) {
        log_held(s, a);
    } else if (sscanf(line, "flood n%d %" SCNd64, &a, &n) == 2) {
        for (int64_t i = 0; i < n; i++) {
            submit(s, a, LS_ENTRY_WRITESET, zeros, 10);
            live(s, 20);
        }
    } else if (sscanf(line, "purge n%d %" SCNd64, &a, &n) == 2) {
        struct node *at = &s->nodes[a];
        ls_disk_purge(&at->disk, ls_core_needed_index(at->core, (uint64_t)n));
        stage_say(s, "n%d keeps what follows %" PRIu64, a, ls_disk_base(&at->disk).index);
    } else if (sscanf(line, "short-of-room %" SCNd64, &n) == 1) {
        s->params.short_of_room = 1;
        s->params.lag_us = n * 1000;
    } else if (sscanf(line, "segments %" SCNd64, &n) == 1) {
        s->segment = (uint32_t)n;
    } else if (strcmp(line, "log-sync majority") == 0 || strcmp(line, "log-sync none") == 0) {
        s->params.sync_majority = strcmp(line, "log-sync majority") == 0; /* of nodes to come */
    } else if (strcmp(word, "hop") == 0) {
        stage_hop(s);
    } else if (strcmp(word, "run") == 0) {
        while (s->count > 0) {
            stage_hop(s);
        }
    } else if (strcmp(word, "settle") == 0) {
        settle(s);
    } else if (sscanf(line, "time %" SCNd64, &n) == 1) {
        pass_time(s, n, -1);
    } else if (sscanf(line, "tick n%d %" SCNd64, &a, &n) == 2) {
        pass_time(s, n, a);
    } else if (strcmp(word, "quiet") == 0) {
        s->out_len = 0; /* what the block did so far is of no interest */
        if (s->out != NULL) {
            s->out[0] = '\0';
        }
    } else {
        return false;
    }
    return true;
}

/* ---- files ---- */

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return NULL;
    }
    size_t cap = 1 << 20;
    char *text = malloc(cap);
    LS_ASSERT(text != NULL);
    size_t n = fread(text, 1, cap - 1, f);
    LS_ASSERT(n < cap - 1);
    text[n] = '\0';
    fclose(f);
    return text;
}

/* Reports the first line in which the two differ. */
static void report(const char *path, const char *expected, const char *actual)
{
    while (*expected != '\0' && *expected != '\n' ? true : *expected != '\0' || *actual != '\0') {
        size_t e = strcspn(expected, "\n"), a = strcspn(actual, "\n");
        if (e != a || memcmp(expected, actual, e) != 0) {
            printf("%s: expected: %.*s\n%s: but got:  %.*s\n", path, (int)e, expected, path, (int)a,
                   actual);
            return;
        }
        expected += e + (expected[e] == '\n');
        actual += a + (actual[a] == '\n');
    }
}

/* One block at *at: its commands are run; false when a command is not understood. */
static bool run_block(struct stage *s, const char *path, char **at, FILE *copy)
{
    char *line = *at;

    s->out_len = 0;
    while (*line != '\0' && strncmp(line, "----", 4) != 0) {
        size_t n = strcspn(line, "\n");
        if (copy != NULL) {
            fprintf(copy, "%.*s\n", (int)n, line);
        }
        char text[200];
        snprintf(text, sizeof(text), "%.*s", (int)n, line);
        if (n > 0 && line[0] != '#' && !command(s, text)) {
            printf("%s: what is \"%s\"?\n", path, text);
            return false;
        }
        line += n + (line[n] == '\n');
    }
    *at = line;
    return true;
}

static bool run_file(const char *path, bool update)
{
    char *text = read_all(path), *at = text;
    struct stage *s = calloc(1, sizeof(*s));
    char *fresh = NULL;
    size_t fresh_size = 0;
    bool ok = text != NULL;

    LS_ASSERT(s != NULL);
    if (text == NULL) {
        printf("%s: cannot be read\n", path);
        free(s);
        return false;
    }
    FILE *copy = open_memstream(&fresh, &fresh_size);
    LS_ASSERT(copy != NULL);
    ls_core_params_default(&s->params);
    s->segment = 1000000;
    while (*at != '\0' && ok) {
        ok = run_block(s, path, &at, copy);
        if (!ok || *at == '\0') {
            break;
        }
        fprintf(copy, "----\n%s\n", s->out_len > 0 ? s->out : "");
        char *end = strstr(at, "\n\n"); /* the old output ends with an empty line */
        at = end != NULL ? end + 2 : at + strlen(at);
    }
    fclose(copy);
    if (ok && strcmp(text, fresh) != 0) {
        if (update) {
            FILE *f = fopen(path, "we");
            LS_ASSERT(f != NULL);
            fputs(fresh, f);
            fclose(f);
            printf("%s: updated\n", path);
        } else {
            report(path, text, fresh);
            ok = false;
        }
    }
    stage_free(s);
    free(text);
    free(fresh);
    return ok;
}

int main(int argc, char **argv)
{
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    int failed = 0;

    if (argc < 2 + update) {
        fprintf(stderr, "usage: ls-trace [--update] FILE...\n");
        return 2;
    }
    for (int i = 1 + update; i < argc; i++) {
        failed += !run_file(argv[i], update);
    }
    printf("%d traces, %d differ\n", argc - 1 - update, failed);
    return failed > 0;
}
