/* An identity file of any content; the first byte's bits 0 and 1 make the checksums of its slots
 * right. Whatever it holds, it is opened, refused as newer, or said to be damaged, and can be
 * written anew. */
#include "gcomm/log/identity.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/hash.h"
#include "wsrep/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void remove_dir(void)
{
    (void)ls_identity_remove(dir, NULL);
    (void)rmdir(dir);
}

static void prepare(void)
{
    if (dir[0] == '\0') {
        snprintf(dir, sizeof(dir), "%s/lockstep-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        LS_ASSERT(mkdtemp(dir) != NULL);
        atexit(remove_dir);
    }
}

/* The two slots of the input stand one behind the other; in the file they are 4096 apart. */
static void write_slots(const uint8_t *data, size_t size, uint8_t mode)
{
    uint8_t image[2][512] = {{0}};
    char path[128];
    int fd;

    memcpy(image, data, size < sizeof(image) ? size : sizeof(image));
    snprintf(path, sizeof(path), "%s/lockstep-identity.log", dir);
    LS_ASSERT(ls_file_open(path, LS_FILE_WRITE | LS_FILE_CREATE | LS_FILE_EMPTY, &fd, NULL) ==
              LS_OK);
    for (size_t i = 0; i < 2; i++) {
        if ((mode & (1u << i)) != 0) {
            uint64_t sum = ls_hash64(image[i] + 16, 512 - 16);
            memcpy(image[i] + 8, &sum, sizeof(sum));
        }
        LS_ASSERT(ls_file_write_at(fd, image[i], 512, i * 4096, path, NULL) == LS_OK);
    }
    ls_file_close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_identity_file *file;
    struct ls_identity id;
    struct ls_identity back;
    struct ls_error err;
    enum ls_rc state;

    prepare();
    if (size < 1) {
        return 0;
    }
    write_slots(data + 1, size - 1, data[0]);
    if (ls_identity_open(dir, &file, &id, &state, &err) != LS_OK) {
        LS_ASSERT(err.code == LS_E_VERSION);
        return 0;
    }
    LS_ASSERT(memchr(id.boot_id, 0, sizeof(id.boot_id)) != NULL);
    LS_ASSERT(state == LS_OK || ls_uuid_is_zero(&id.id));
    id.term += id.term < LS_COUNT_MAX;
    LS_ASSERT(ls_identity_write(file, &id, &err) == LS_OK);
    ls_identity_close(file);
    if (ls_identity_open(dir, &file, &back, &state, &err) != LS_OK) {
        fprintf(stderr, "not opened again: %s\n", err.text);
        abort();
    }
    ls_identity_close(file);
    LS_ASSERT(state == LS_OK && back.term == id.term && ls_uuid_equal(&back.id, &id.id));
    return 0;
}
