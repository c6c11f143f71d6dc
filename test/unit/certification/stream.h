/* Write-sets for tests of certification, made in one line each, and random streams of them with a
 * naive second opinion: every key of every write-set that passed is kept for ever, in a list, and
 * the rules are read off the contract (3.3) word by word. */
#ifndef TEST_CERT_STREAM_H
#define TEST_CERT_STREAM_H

#include "certification/index/index.h"
#include "wsrep/base/prng.h"

#define KEYS_MAX 6

/* A key is written as "type:part/part/..", type one of s r u x; "x:" is the empty key. */
struct ws {
    const char *source; /* one letter is enough */
    int64_t last_seen;
    uint32_t flags; /* 0: an ordinary transaction */
    const char *keys[KEYS_MAX];
    uint64_t trx_id;
    uint16_t pa_range; /* taken as it is when set_pa_range, else the maximum */
    bool set_pa_range;
};

struct ls_uuid source_uuid(const char *name);

/* Encodes and reads back; the view points into `buf`. */
struct encoded {
    uint8_t bytes[4096];
    struct ls_ws_view view;
};
void ws_encode(const struct ws *ws, struct encoded *out);

struct ls_cert_result ws_test(struct ls_cert *c, int64_t seqno, const struct ws *ws);
struct ls_cert_result ws_preload(struct ls_cert *c, int64_t seqno, const struct ws *ws, bool pass);

/* ---- random streams ---- */

enum event_type { EVENT_WS, EVENT_VIEW, EVENT_CUT };

struct event {
    enum event_type type;
    int64_t seqno; /* of the write-set or view; the cut's value */
    struct ws ws;
    char texts[KEYS_MAX][16];
    struct encoded encoded;
    /* what the naive reference says */
    bool pass;
    int64_t depends_on;
};

struct stream {
    struct event *events;
    size_t count;
};

/* A random history as members could have sent it: last_seen of a source never goes back and is
 * never below the cut (but for a few late ones), streaming transactions run through it. */
struct stream stream_generate(uint64_t seed, size_t count);
void stream_free(struct stream *s);

#endif
