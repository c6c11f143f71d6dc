/* What a log's segment says of its past: bytes from a disk. The core starts with them or says what
 * is wrong; what it started with it can write down again. */
#include "gcomm/core/core.h"
#include "wsrep/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool no_entry(void *ctx, uint64_t index, struct ls_entry *out)
{
    (void)index;
    (void)out;
    return ctx != NULL;
}

static bool no_seqno(void *ctx, int64_t seqno, struct ls_log_pos *out)
{
    (void)seqno;
    (void)out;
    return ctx != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[LS_CORE_CONTEXT_MAX];
    struct ls_core_start start = {.seed = 1, .context = data, .context_size = size};
    struct ls_error err = {0};
    struct ls_core *core;
    size_t n;

    start.base = (struct ls_log_pos){.index = 1000, .term = 3, .seqno = 900};
    start.last = start.base;
    start.commit = start.base.index;
    start.term = 3;
    start.me.id.b[0] = 1;
    start.me.weight = 1;
    start.log = (struct ls_core_log){.entry_get = no_entry, .find_seqno = no_seqno};
    ls_core_params_default(&start.params);
    (void)ls_core_context_cut(data, size);
    (void)ls_core_context_group(data, size);
    core = ls_core_create(&start, &err);
    if (core == NULL) {
        LS_ASSERT(err.text[0] != '\0');
        return 0;
    }
    n = ls_core_context_encode(core, again, sizeof(again));
    LS_ASSERT(n > 0);
    LS_ASSERT(ls_core_context_cut(again, n) == ls_core_context_cut(data, size) || size == 0);
    ls_core_destroy(core);
    return 0;
}
