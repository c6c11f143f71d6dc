/* One or more sample messages of every type, for tests of the codec and the fuzz corpus. */
#ifndef LS_TEST_WIRE_SAMPLES_H
#define LS_TEST_WIRE_SAMPLES_H

#include "gcomm/core/message.h"
#include "gcomm/wire/message.h"

#define SAMPLES 26
#define SAMPLE_MAX_BYTES 65536

struct sample {
    struct ls_msg msg;
    struct ls_entry entries[3];
    uint32_t entry_count;
};

/* Fills out with the i-th sample (i < SAMPLES); every field has a value of its own. */
void sample_make(unsigned i, struct sample *out);
/* The whole frame, payload included; its size. */
size_t sample_frame(const struct sample *s, uint8_t out[SAMPLE_MAX_BYTES]);

#endif
