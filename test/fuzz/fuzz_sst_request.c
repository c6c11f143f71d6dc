/* A state transfer request from a peer: decoded or refused; what is decoded encodes to the same
 * bytes, and a donor can be chosen for it. */
#include "sst/donor/donor.h"
#include "wsrep/base/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void choose(const struct ls_sst_request *request)
{
    static const struct ls_donor_facts facts[3] = {{-1, 0}, {5, 1}, {0, 2}};
    struct ls_config c = {.count = 3};
    struct ls_donor_choice choice;
    enum ls_rc rc;

    for (uint32_t i = 0; i < c.count; i++) {
        c.members[i].id = request->joiner;
        c.members[i].id.b[15] = (uint8_t)(request->joiner.b[15] + i);
        c.members[i].state = LS_NODE_SYNCED;
        c.members[i].name[0] = (char)('a' + i);
    }
    rc = ls_donor_choose(&c, facts, &ls_uuid_zero, request, &choice);
    LS_ASSERT(choice.line[0] != '\0');
    LS_ASSERT(rc != LS_OK || (choice.index != 0 && choice.index < c.count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_sst_request request;
    struct ls_error err = {.text = ""};
    struct ls_writer w;
    uint8_t *back;

    if (ls_sst_request_decode(data, size, &request, &err) != LS_OK) {
        LS_ASSERT(err.text[0] != '\0');
        return 0;
    }
    LS_ASSERT(ls_sst_request_size(&request) == size);
    back = malloc(size);
    LS_ASSERT(back != NULL);
    w = ls_writer_init(back, size);
    LS_ASSERT(ls_sst_request_encode(&request, &w));
    LS_ASSERT(memcmp(back, data, size) == 0);
    free(back);
    choose(&request);
    return 0;
}
