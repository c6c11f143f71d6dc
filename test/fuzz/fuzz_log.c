/* A segment file of any content: the scanner alone, and a whole log that is opened on it.
 *
 * The first byte says how: bit 0 makes the checksum of the header right, bit 1 those of the entries
 * and their chain as far as their sizes lead, with the key that the header has, so that what lies
 * behind the checksums is reached; both formats are made, as the header says; bit 2 opens a log on
 * the file, writes to it and opens it again. */
#include "gcomm/log/format.h"
#include "gcomm/log/log.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"
#include "wsrep/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void quiet(enum ls_log_level level, const char *text)
{
    (void)level;
    (void)text;
}

static void remove_dir(void)
{
    (void)ls_log_remove_all(dir, NULL);
    (void)rmdir(dir);
}

static void prepare(void)
{
    if (dir[0] != '\0') {
        return;
    }
    /* memory where there is some: the disk's speed says nothing here */
    snprintf(dir, sizeof(dir), "%s/lockstep-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    LS_ASSERT(mkdtemp(dir) != NULL);
    atexit(remove_dir);
    ls_log_set_sink(quiet);
}

static void mend_header(uint8_t *data, size_t size)
{
    struct ls_segment_header h = {.number = 1};
    uint8_t context[256];
    uint8_t head[LS_SEGMENT_HEADER_BYTES + LS_SEGMENT_KEY_BYTES + 256 + 64];
    uint32_t context_at;

    if (size < LS_SEGMENT_HEADER_BYTES + LS_SEGMENT_KEY_BYTES) {
        return;
    }
    h.format = data[8] == LS_LOG_FORMAT_LOWEST ? LS_LOG_FORMAT_LOWEST : LS_LOG_FORMAT_CURRENT;
    h.needs = h.format;
    if (h.format >= LS_LOG_FORMAT_KEYED) {
        memcpy(&h.log_key, data + LS_SEGMENT_HEADER_BYTES, sizeof(h.log_key));
    }
    context_at = ls_log_context_start(h.format);
    memcpy(&h.flags, data + 12, 4);
    memcpy(&h.base.index, data + 32, 8);
    memcpy(&h.base.term, data + 40, 8);
    memcpy(&h.base.seqno, data + 48, 8);
    memcpy(&h.generation, data + 72, 4);
    memcpy(&h.durable, data + 88, 8);
    h.context_size = data[76];
    if (h.context_size >= context_at - LS_SEGMENT_HEADER_BYTES) {
        h.context_size -= context_at - LS_SEGMENT_HEADER_BYTES; /* the key counts there */
    }
    h.data_start = ls_log_data_start(h.format, h.context_size);
    if (h.data_start <= size) {
        memcpy(context, data + context_at, h.context_size);
        ls_segment_header_encode(&h, context, head);
        memcpy(data, head, h.data_start);
    }
}

static void mend_entries(uint8_t *data, size_t size)
{
    struct ls_segment_header sh;
    struct ls_hash128 chain;
    uint64_t key;
    size_t at;

    if (ls_segment_header_decode(data, size, &sh, NULL) != LS_OK) {
        return;
    }
    key = ls_log_segment_key(sh.log_key, sh.number);
    chain = sh.base.chain;
    at = sh.data_start;
    while (size - at >= sizeof(struct ls_entry_header)) {
        struct ls_entry_header h;
        struct ls_entry e;
        uint8_t verdict;

        memcpy(&h, data + at, sizeof(h));
        if (ls_log_entry_stride(h.size) > size - at) {
            return;
        }
        verdict = h.verdict;
        ls_entry_header_decode(&h, &e);
        if (e.type == 0) {
            e.type = 2;
        }
        e.payload_hash = ls_hash64(data + at + sizeof(h), h.size);
        e.chain = ls_entry_chain(chain, &e);
        ls_entry_header_encode(&e, h.generation, h.durable, key, &h);
        h.verdict = verdict;
        memcpy(data + at, &h, sizeof(h));
        chain = e.chain;
        at += ls_log_entry_stride(h.size);
    }
}

static void scan(const uint8_t *data, size_t size)
{
    struct ls_segment_header h;
    struct ls_log_pos pos;
    struct ls_scan s;
    struct ls_entry e;
    struct ls_error err;
    size_t at = 0;

    if (ls_segment_header_decode(data, size, &h, &err) != LS_OK) {
        LS_ASSERT(err.text[0] != '\0');
        return;
    }
    pos = h.base;
    ls_scan_init(&s, data, size, &h);
    while (ls_scan_next(&s, &e, &at)) {
        const uint8_t *payload = e.payload;
        LS_ASSERT(at % LS_LOG_ALIGN == 0 && payload == data + at + LS_ENTRY_HEADER_BYTES);
        LS_ASSERT(e.size <= size && payload + e.size <= data + size);
        LS_ASSERT(e.index == pos.index + 1 && e.seqno >= pos.seqno);
        LS_ASSERT(ls_hash128_equal(e.chain, ls_entry_chain(pos.chain, &e)));
        LS_ASSERT(e.payload_hash == ls_hash64(payload, e.size));
        pos = ls_entry_pos(&e);
    }
    LS_ASSERT(s.end != LS_SCAN_RUNNING && s.offset <= size);
    LS_ASSERT(s.pos.index == pos.index);
    (void)ls_scan_behind(&s, data, size, s.offset);
}

static struct ls_log *open_log(void)
{
    struct ls_log_options opt = {.dir = dir, .max_bytes = 1 << 20, .segment_bytes = 8192};
    struct ls_log *log;
    struct ls_error err;
    bool damaged;

    if (ls_log_open(&opt, &log, &damaged, &err) != LS_OK) {
        LS_ASSERT(err.code == LS_E_VERSION ||
                  (err.code == LS_E_CORRUPT && strstr(err.text, "claim to have been cut") != NULL));
        return NULL;
    }
    return log;
}

static struct ls_log_pos append_one(struct ls_log *log)
{
    struct ls_log_pos last = ls_log_last(log);
    struct ls_entry e = {
        .index = last.index + 1, .term = last.term, .seqno = last.seqno, .type = LS_ENTRY_NOOP};
    struct ls_error err;

    e.payload_hash = ls_hash64("", 0);
    e.chain = ls_entry_chain(last.chain, &e);
    LS_ASSERT(ls_log_append(log, &e, NULL, 0, &err) == LS_OK);
    LS_ASSERT(ls_log_flush(log, &err) == LS_OK);
    return ls_entry_pos(&e);
}

static void open_twice(const uint8_t *data, size_t size)
{
    struct ls_log_pos end;
    struct ls_log_pos last;
    struct ls_log *log;
    char path[128];
    int fd;

    LS_ASSERT(ls_log_remove_all(dir, NULL) == LS_OK);
    snprintf(path, sizeof(path), "%s/lockstep-00000001.log", dir);
    LS_ASSERT(ls_file_open(path, LS_FILE_WRITE | LS_FILE_CREATE, &fd, NULL) == LS_OK);
    LS_ASSERT(ls_file_write_at(fd, data, size, 0, path, NULL) == LS_OK);
    ls_file_close(fd);
    log = open_log();
    if (log == NULL) {
        return;
    }
    for (uint64_t i = ls_log_base(log).index + 1; i <= ls_log_last(log).index; i++) {
        struct ls_log_pin *pin;
        struct ls_entry e;
        LS_ASSERT(ls_log_get(log, i, &e, &pin) && e.index == i);
        LS_ASSERT(ls_hash64(e.payload, e.size) == e.payload_hash);
        ls_log_unpin(pin);
    }
    end = append_one(log);
    ls_log_close(log);
    log = open_log();
    if (log == NULL) {
        return; /* the one open that the generation had room for is used up */
    }
    last = ls_log_last(log);
    LS_ASSERT(last.index == end.index && ls_hash128_equal(last.chain, end.chain));
    ls_log_close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;
    uint8_t mode;

    prepare();
    if (size < 1) {
        return 0;
    }
    mode = data[0];
    copy = malloc(size);
    LS_ASSERT(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    if ((mode & 1) != 0) {
        mend_header(copy, size - 1);
    }
    if ((mode & 2) != 0) {
        mend_entries(copy, size - 1);
    }
    scan(copy, size - 1);
    if ((mode & 4) != 0) {
        open_twice(copy, size - 1);
    }
    free(copy);
    return 0;
}
