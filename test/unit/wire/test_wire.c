/* The codecs of gcomm/wire: every message there and back, cut at every byte, with every bit
 * flipped. */
#include "samples.h"

#include "gcomm/wire/hello.h"
#include "wsrep/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ls_wire_decoder decoder;

/* As a connection does it: header, body check, message. */
static enum ls_rc receive(const uint8_t *data, size_t size, struct ls_msg *out)
{
    struct ls_error err = {0};
    struct ls_frame f;
    enum ls_rc rc;

    if (size < LS_FRAME_HEADER_SIZE) {
        return LS_E_BUSY;
    }
    rc = ls_frame_open(data, &f, &err);
    if (rc == LS_OK && size < ls_frame_total(&f)) {
        return LS_E_BUSY;
    }
    data += LS_FRAME_HEADER_SIZE;
    if (rc == LS_OK) {
        rc = ls_frame_check_body(&f, data, &err);
    }
    if (rc == LS_OK) {
        rc = ls_wire_message_decode(&decoder, &f, data, data + f.body_size, out, &err);
    }
    assert_true(rc == LS_OK || err.text[0] != '\0');
    return rc;
}

static void assert_same_entries(const struct sample *s, const struct ls_msg *got)
{
    assert_int_equal(got->u.append.count, s->entry_count);
    for (uint32_t i = 0; i < s->entry_count; i++) {
        struct ls_entry want = s->entries[i];
        struct ls_entry have = got->u.append.entries[i];
        if (ls_wire_has_payload(&s->msg, &want)) {
            assert_memory_equal(have.payload, want.payload, want.size);
        } else {
            assert_null(have.payload);
        }
        assert_int_equal(have.index, want.index);
        assert_int_equal(have.term, want.term);
        assert_int_equal(have.seqno, want.seqno);
        assert_true(ls_sub_id_equal(&have.sub, &want.sub));
        assert_int_equal(have.type, want.type);
        assert_int_equal(have.flags, want.flags);
        assert_int_equal(have.verdict, want.verdict);
        assert_int_equal(have.size, want.size);
        assert_int_equal(have.payload_hash, want.payload_hash);
        assert_true(ls_hash128_equal(have.chain, want.chain));
    }
}

/* Encoding what was decoded gives the same bytes: every field has come through. */
static void assert_same_bytes(const struct ls_msg *got, const uint8_t *frame)
{
    bool append = got->type == LS_MSG_APPEND || got->type == LS_MSG_ENTRIES;
    static uint8_t again[SAMPLE_MAX_BYTES];
    struct ls_frame f;
    uint32_t payload_size;
    size_t n = ls_wire_message_encode(got, append ? got->u.append.entries : NULL,
                                      append ? got->u.append.count : 0, LS_WIRE_VERSION_MAX, again,
                                      sizeof(again), &payload_size);

    assert_int_equal(ls_frame_open(frame, &f, NULL), LS_OK);
    assert_int_equal(n, LS_FRAME_HEADER_SIZE + f.body_size);
    assert_int_equal(payload_size, f.payload_size);
    assert_memory_equal(again, frame, n);
}

static void test_round_trip(void **state)
{
    static uint8_t frame[SAMPLE_MAX_BYTES];
    bool seen[LS_MSG_MAX + 1] = {false};
    struct sample s;
    struct ls_msg got;

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        size_t n;
        sample_make(i, &s);
        seen[s.msg.type] = true;
        n = sample_frame(&s, frame);
        assert_int_equal(receive(frame, n, &got), LS_OK);
        assert_int_equal(got.type, s.msg.type);
        assert_int_equal(got.flags, s.msg.flags);
        assert_int_equal(got.term, s.msg.term);
        assert_same_bytes(&got, frame);
        if (s.msg.type == LS_MSG_APPEND || s.msg.type == LS_MSG_ENTRIES) {
            assert_same_entries(&s, &got);
        }
    }
    for (unsigned type = 1; type <= LS_MSG_MAX; type++) {
        assert_true(seen[type]);
    }
}

static void test_cut_at_every_byte(void **state)
{
    static uint8_t frame[SAMPLE_MAX_BYTES];
    struct sample s;
    struct ls_msg got;

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        size_t n;
        sample_make(i, &s);
        n = sample_frame(&s, frame);
        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *exact = malloc(cut + 1);
            memcpy(exact, frame, cut);
            assert_int_equal(receive(exact, cut, &got), LS_E_BUSY);
            free(exact);
        }
    }
}

/* A body that is shorter or longer than its fields, with a right checksum. */
static void test_wrong_body_sizes(void **state)
{
    static uint8_t frame[SAMPLE_MAX_BYTES];
    struct sample s;
    struct ls_msg got;

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct ls_frame f;
        sample_make(i, &s);
        sample_frame(&s, frame);
        assert_int_equal(ls_frame_open(frame, &f, NULL), LS_OK);
        for (uint32_t size = 0; size <= f.body_size + 1; size++) {
            enum ls_rc rc;
            uint8_t *exact = calloc(1, LS_FRAME_HEADER_SIZE + size + f.payload_size);
            memcpy(exact + LS_FRAME_HEADER_SIZE, frame + LS_FRAME_HEADER_SIZE,
                   size < f.body_size ? size : f.body_size);
            memcpy(exact + LS_FRAME_HEADER_SIZE + size, frame + LS_FRAME_HEADER_SIZE + f.body_size,
                   f.payload_size);
            ls_frame_seal(exact, 1, f.type, size, f.payload_size);
            rc = receive(exact, LS_FRAME_HEADER_SIZE + size + f.payload_size, &got);
            assert_true(size == f.body_size ? rc == LS_OK : rc == LS_E_PROTO);
            free(exact);
        }
    }
}

/* A term at the end of its range could not be counted on: the next one would be 0. */
static void test_impossible_term(void **state)
{
    static uint8_t frame[SAMPLE_MAX_BYTES];
    struct sample s;
    struct ls_msg got;

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        sample_make(i, &s);
        s.msg.term = LS_COUNT_MAX;
        assert_int_equal(receive(frame, sample_frame(&s, frame), &got), LS_OK);
        s.msg.term++;
        assert_int_equal(receive(frame, sample_frame(&s, frame), &got), LS_E_PROTO);
    }
}

/* Who is let in is told into what: the core counts on it. */
static void test_welcome_to_nothing(void **state)
{
    static uint8_t frame[SAMPLE_MAX_BYTES];
    struct sample s;
    struct ls_msg got;

    for (unsigned i = 0; i < SAMPLES; i++) {
        sample_make(i, &s);
        if (s.msg.type == LS_MSG_WELCOME) {
            s.msg.u.welcome.config = NULL;
            assert_int_equal(receive(frame, sample_frame(&s, frame), &got), LS_E_PROTO);
        }
    }
}

static void test_flipped_bits(void **state)
{
    static uint8_t frame[SAMPLE_MAX_BYTES];
    struct sample s;
    struct ls_msg got;

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        size_t n;
        sample_make(i, &s);
        n = sample_frame(&s, frame);
        for (size_t bit = 0; bit < n * 8; bit++) {
            frame[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            /* A version is looked at by the connection, which knows the one agreed. */
            if (bit / 8 != 2) {
                assert_int_not_equal(receive(frame, n, &got), LS_OK);
            }
            frame[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

static void test_too_big(void **state)
{
    static uint8_t frame[1024];
    struct ls_entry e[2] = {{.index = 1, .size = 0x60000000, .payload = frame},
                            {.index = 2, .size = 0x60000000, .payload = frame}};
    struct ls_msg msg = {.type = LS_MSG_APPEND};
    uint32_t payload_size;

    (void)state;
    assert_int_equal(ls_wire_message_encode(&msg, e, 2, 1, frame, sizeof(frame), &payload_size), 0);
    msg.type = LS_MSG_MAX + 1;
    assert_int_equal(ls_wire_message_encode(&msg, NULL, 0, 1, frame, sizeof(frame), &payload_size),
                     0);
}

static struct ls_hello sample_hello(void)
{
    struct ls_hello h = {.version_min = 1,
                         .version_max = 3,
                         .cluster = "my cluster",
                         .id = {{1, 2, 3}},
                         .incarnation = ~(uint64_t)0,
                         .instance = 12345,
                         .name = "node1",
                         .host = "node1.example",
                         .port = 4567,
                         .purpose = LS_HELLO_BULK,
                         .segment = 255,
                         .peer_count = 2,
                         .peers = {"10.0.0.1:4567", "[::1]:4567"}};
    return h;
}

static void test_hello(void **state)
{
    uint8_t frame[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    struct ls_hello h = sample_hello();
    struct ls_hello got;
    struct ls_error err = {0};
    size_t n = ls_hello_encode(&h, frame, sizeof(frame));

    (void)state;
    assert_true(n > 0);
    n -= LS_FRAME_HEADER_SIZE;
    assert_int_equal(ls_hello_decode(frame + LS_FRAME_HEADER_SIZE, n, &got, &err), LS_OK);
    assert_memory_equal(&got, &h, sizeof(h));
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, frame + LS_FRAME_HEADER_SIZE, cut);
        ls_hello_decode(exact, cut, &got, &err); /* may be whole at a field's end */
        free(exact);
    }
    /* The most that a node says about itself fits. */
    memset(h.cluster, 'c', sizeof(h.cluster) - 1);
    memset(h.name, 'n', sizeof(h.name) - 1);
    memset(h.host, 'h', sizeof(h.host) - 1);
    h.peer_count = LS_HELLO_PEERS;
    for (uint32_t i = 0; i < LS_HELLO_PEERS; i++) {
        memset(h.peers[i], 'p', LS_ADDR_SIZE - 1);
    }
    n = ls_hello_encode(&h, frame, sizeof(frame));
    assert_true(n > 0);
    assert_int_equal(
        ls_hello_decode(frame + LS_FRAME_HEADER_SIZE, n - LS_FRAME_HEADER_SIZE, &got, &err), LS_OK);
    assert_memory_equal(&got, &h, sizeof(h));
}

static void test_hello_impossible(void **state)
{
    uint8_t frame[LS_FRAME_HEADER_SIZE + LS_FRAME_HELLO_MAX];
    struct ls_error err = {0};
    struct ls_hello got;

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct ls_hello h = sample_hello();
        size_t n;
        switch (i) {
        case 0:
            h.version_min = 4;
            break;
        case 1:
            h.purpose = 0;
            break;
        case 2:
            h.purpose = 3;
            break;
        case 3:
            strcpy(h.name, "two\nlines");
            break;
        default:
            strcpy(h.peers[1], "\033[2J");
        }
        n = ls_hello_encode(&h, frame, sizeof(frame)) - LS_FRAME_HEADER_SIZE;
        assert_int_equal(ls_hello_decode(frame + LS_FRAME_HEADER_SIZE, n, &got, &err), LS_E_PROTO);
    }
}

static void test_small_frames(void **state)
{
    uint8_t frame[512];
    char text[LS_REFUSED_TEXT_SIZE];
    char long_text[1000];
    struct ls_frame f = {.payload_size = 100};
    struct ls_chunk chunk = {.sub = {.origin = {{7}}, .incarnation = 2, .id = 3},
                             .total = 1000,
                             .payload_hash = 9,
                             .offset = 900};
    struct ls_chunk got;
    uint64_t value;
    uint8_t code;
    size_t n;

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    n = ls_refused_encode(LS_REFUSED_BUSY, long_text, frame, sizeof(frame)) - LS_FRAME_HEADER_SIZE;
    assert_int_equal(ls_refused_decode(frame + LS_FRAME_HEADER_SIZE, n, &code, text, NULL), LS_OK);
    assert_int_equal(code, LS_REFUSED_BUSY);
    assert_int_equal(strlen(text), LS_REFUSED_TEXT_SIZE - 1);
    assert_int_equal(ls_refused_decode(frame + LS_FRAME_HEADER_SIZE, n - 1, &code, text, NULL),
                     LS_E_PROTO);
    ls_signal_encode(LS_FRAME_PING, 0x123456789abcdef0, frame, sizeof(frame));
    assert_int_equal(ls_signal_decode(frame + LS_FRAME_HEADER_SIZE, 8, &value, NULL), LS_OK);
    assert_true(value == 0x123456789abcdef0);
    assert_int_equal(ls_signal_decode(frame + LS_FRAME_HEADER_SIZE, 7, &value, NULL), LS_E_PROTO);
    ls_chunk_encode(&chunk, 100, 1, frame, sizeof(frame));
    assert_int_equal(ls_frame_open(frame, &f, NULL), LS_OK);
    assert_int_equal(ls_chunk_decode(&f, frame + LS_FRAME_HEADER_SIZE, &got, NULL), LS_OK);
    assert_memory_equal(&got, &chunk, sizeof(got));
    f.payload_size = 101; /* over the end of the whole */
    assert_int_equal(ls_chunk_decode(&f, frame + LS_FRAME_HEADER_SIZE, &got, NULL), LS_E_PROTO);
    chunk.offset = ~(uint64_t)0;
    ls_chunk_encode(&chunk, 100, 1, frame, sizeof(frame));
    assert_int_equal(ls_chunk_decode(&f, frame + LS_FRAME_HEADER_SIZE, &got, NULL), LS_E_PROTO);
}

static int free_decoder(void **state)
{
    (void)state;
    ls_wire_decoder_free(&decoder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),       cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_wrong_body_sizes), cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_too_big),          cmocka_unit_test(test_hello),
        cmocka_unit_test(test_hello_impossible), cmocka_unit_test(test_small_frames),
        cmocka_unit_test(test_impossible_term),  cmocka_unit_test(test_welcome_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, free_decoder);
}
