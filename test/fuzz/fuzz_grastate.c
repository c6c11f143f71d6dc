/* grastate.dat as disks and people may leave it. */
#include "sst/state/grastate.h"
#include "wsrep/base/assert.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_grastate g;
    struct ls_error err = {.text = ""};

    if (ls_grastate_parse((const char *)data, size, &g, &err) == LS_OK) {
        struct ls_gtid p = ls_grastate_start_position(&g, NULL);
        LS_ASSERT(g.position.seqno >= LS_SEQNO_UNDEFINED);
        LS_ASSERT(ls_uuid_is_zero(&p.uuid) == (p.seqno < 0));
    } else {
        LS_ASSERT(err.text[0] != '\0');
    }
    return 0;
}
