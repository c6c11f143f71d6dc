/* A main for fuzz targets where libFuzzer is not: runs LLVMFuzzerTestOneInput over seeded, mutated
 * inputs. Each input follows from (seed, number) and the corpus alone, so a failure replays.
 *
 * usage: <target> count seed [corpus folder] [first number] */
#include "wsrep/base/prng.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX_BYTES 65536
#define MAX_CORPUS 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Asked by the sanitizers, where they are linked in: end in SIGABRT, which is caught below. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__ubsan_default_options(void);

struct input {
    uint8_t *data;
    size_t size;
};

static struct input corpus[MAX_CORPUS];
static size_t corpus_count;
static volatile uint64_t current_number;
static uint64_t seed;

static void report_input(void)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "\nfailed: seed %llu, input %llu\n",
                     (unsigned long long)seed, (unsigned long long)current_number);

    if (write(STDERR_FILENO, text, (size_t)n) < 0) {
        _exit(2);
    }
}

static void on_signal(int sig)
{
    report_input();
    signal(sig, SIG_DFL);
    raise(sig);
}

const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}

const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name,
                  (*b)->d_name); /* not strcoll: the order must not hang on a locale */
}

static void load_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct input *in = &corpus[corpus_count];

    if (f == NULL) {
        return;
    }
    in->data = malloc(INPUT_MAX_BYTES);
    if (in->data != NULL) {
        in->size = fread(in->data, 1, INPUT_MAX_BYTES, f);
        corpus_count++;
    }
    fclose(f);
}

static void load_corpus(const char *dir)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, compare_names);

    if (n < 0) {
        perror(dir);
        exit(2);
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && corpus_count < MAX_CORPUS) {
            load_file(path);
        }
        free(names[i]);
    }
    free(names);
}

/* One small change in place; *size may grow by at most 64 and stays within INPUT_MAX_BYTES. */
static void mutate(struct ls_prng *p, uint8_t *data, size_t *size)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', ';', '=', ':', ',', '/'};
    size_t at = *size > 0 ? ls_prng_below(p, *size) : 0;
    size_t len = 1 + ls_prng_below(p, 64), room = INPUT_MAX_BYTES - *size;

    switch (ls_prng_below(p, 7)) {
    case 0: /* flip a bit */
        if (*size > 0) {
            data[at] ^= (uint8_t)(1u << ls_prng_below(p, 8));
        }
        break;
    case 1: /* an edge value */
        if (*size > 0) {
            data[at] = edges[ls_prng_below(p, sizeof(edges))];
        }
        break;
    case 2: /* cut the tail */
        *size = at;
        break;
    case 3: /* remove a stretch */
        len = len < *size - at ? len : *size - at;
        memmove(data + at, data + at + len, *size - at - len);
        *size -= len;
        break;
    case 4: /* insert noise */
        len = len < room ? len : room;
        memmove(data + at + len, data + at, *size - at);
        for (size_t i = 0; i < len; i++) {
            data[at + i] = (uint8_t)ls_prng_next(p);
        }
        *size += len;
        break;
    case 5: /* repeat a stretch */
        len = len < *size - at ? len : *size - at;
        len = len < room ? len : room;
        memmove(data + at + len, data + at, *size - at);
        *size += len;
        break;
    case 6: /* splice another input in */
        if (corpus_count > 0) {
            const struct input *o = &corpus[ls_prng_below(p, corpus_count)];
            len = o->size < room ? o->size : room;
            memmove(data + at + len, data + at, *size - at);
            memcpy(data + at, o->data, len);
            *size += len;
        }
        break;
    }
}

static void run_one(uint64_t number, uint8_t *buf)
{
    struct ls_prng p;
    size_t size = 0;
    uint8_t *exact;

    ls_prng_seed(&p, seed * 1000003 + number);
    if (corpus_count > 0) {
        const struct input *in = &corpus[ls_prng_below(&p, corpus_count)];
        size = in->size;
        memcpy(buf, in->data, size);
    }
    if (number >= corpus_count) { /* the first ones go in unchanged */
        for (uint64_t i = 1 + ls_prng_below(&p, 8); i > 0; i--) {
            mutate(&p, buf, &size);
        }
    } else {
        size = corpus[number].size;
        memcpy(buf, corpus[number].data, size);
    }
    exact = malloc(size > 0 ? size : 1); /* so that a sanitizer sees the first byte behind */
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, buf, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv)
{
    static uint8_t buf[INPUT_MAX_BYTES];
    uint64_t count, first;

    if (argc < 3) {
        fprintf(stderr, "usage: %s count seed [corpus folder] [first number]\n", argv[0]);
        return 2;
    }
    count = strtoull(argv[1], NULL, 10);
    seed = strtoull(argv[2], NULL, 10);
    first = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    if (argc > 3) {
        load_corpus(argv[3]);
    }
    signal(SIGABRT, on_signal);
    for (uint64_t i = 0; i < count; i++) {
        current_number = first + i;
        run_one(first + i, buf);
    }
    printf("%llu inputs, seed %llu, corpus of %zu: no failure\n", (unsigned long long)count,
           (unsigned long long)seed, corpus_count);
    for (size_t i = 0; i < corpus_count; i++) {
        free(corpus[i].data);
    }
    return 0;
}
