/* Binary log events of a member's write-set, which are looked through when they are applied once
 * more: left as they are, or eleven bytes longer, and then there is nothing more to do in them. */
#include "plugin/provider/again.h"
#include "wsrep/base/assert.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t copy_size = 0;
    uint8_t *copy = ls_again_replacing(data, size, &copy_size);

    if (copy != NULL) {
        LS_ASSERT(copy_size == size + strlen("OR REPLACE "));
        LS_ASSERT(memmem(copy, copy_size, "CREATE OR REPLACE TABLE `", 25) != NULL);
        free(copy);
    }
    return 0;
}
