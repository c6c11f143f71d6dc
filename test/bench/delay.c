/* A switch that takes its time: joins network namespaces, and every frame arrives so much later
 * than it was sent, in order, however many are under way. This kernel's own (netem) is not
 * everywhere.
 *
 *   ls-delay WAY[,WAY...] NAMESPACE...
 *
 * A WAY is MICROSECONDS[~JITTER][/LOSS]: each frame takes up to JITTER microseconds more, and LOSS
 * of a hundred never arrive. One for all, or one for each pair: 1-2, 1-3, ... 2-3, ... In each
 * namespace it makes the device eth0 and prints "ready" when all are there. Ends with its input.
 * What it adds to the delay itself shows in the ping that `latency` measures beside. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PORTS_MAX 16
#define FRAME_MAX 65600
#define QUEUE_MAX 65536 /* frames under way; more are dropped, as a switch does */

struct frame {
    struct frame *next;
    int64_t due_ns;
    uint32_t size;
    uint8_t bytes[];
};

/* From one port to another. */
struct way {
    int64_t delay_ns;
    int64_t jitter_ns;
    double loss; /* of one */
    struct frame *first, *last;
};

static struct pollfd ports[PORTS_MAX + 1];
static uint8_t mac[PORTS_MAX][6]; /* last seen behind each port */
static int port_count;
static struct way ways[PORTS_MAX][PORTS_MAX];
static size_t queued;

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A device in another namespace stays usable through its descriptor from here. */
static bool open_port(const char *space, int home)
{
    char path[128];
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int ns, tap;

    snprintf(path, sizeof(path), "/run/netns/%s", space);
    ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) {
        fprintf(stderr, "ls-delay: network namespace %s: %s\n", space, strerror(errno));
        return false;
    }
    close(ns);
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    strcpy(request.ifr_name, "eth0");
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) != 0) {
        fprintf(stderr, "ls-delay: eth0 in %s: %s\n", space, strerror(errno));
        return false;
    }
    ports[port_count++] = (struct pollfd){.fd = tap, .events = POLLIN};
    return setns(home, CLONE_NEWNET) == 0;
}

static void enqueue(struct way *w, const uint8_t *bytes, size_t n)
{
    struct frame *f = NULL;
    int64_t due_ns = now_ns() + w->delay_ns;

    if (w->loss > 0 && drand48() < w->loss) {
        return;
    }
    if (w->jitter_ns > 0) {
        due_ns += (int64_t)(drand48() * (double)w->jitter_ns);
    }
    if (queued < QUEUE_MAX) {
        f = malloc(sizeof(*f) + n);
    }
    if (f == NULL) {
        return;
    }
    if (w->last != NULL && w->last->due_ns > due_ns) {
        due_ns = w->last->due_ns;
    }
    *f = (struct frame){.due_ns = due_ns, .size = (uint32_t)n};
    memcpy(f->bytes, bytes, n);
    if (w->last != NULL) {
        w->last->next = f;
    } else {
        w->first = f;
    }
    w->last = f;
    queued++;
}

/* Each frame goes to where its address was seen, or everywhere. */
static void take(int from)
{
    static uint8_t buf[FRAME_MAX];
    ssize_t n;

    while ((n = read(ports[from].fd, buf, sizeof(buf))) >= 14) {
        int to = -1;
        memcpy(mac[from], buf + 6, 6);
        for (int i = 0; i < port_count; i++) {
            if (i != from && memcmp(mac[i], buf, 6) == 0) {
                to = i;
            }
        }
        for (int i = 0; i < port_count; i++) {
            if (i != from && (to < 0 || to == i)) {
                enqueue(&ways[from][i], buf, (size_t)n);
            }
        }
    }
}

static void deliver(struct way *w, int to)
{
    struct frame *f = w->first;

    w->first = f->next;
    if (w->first == NULL) {
        w->last = NULL;
    }
    queued--;
    if (write(ports[to].fd, f->bytes, f->size) < 0 && errno != EIO && errno != EAGAIN) {
        perror("ls-delay: write"); /* EIO: not up yet */
    }
    free(f);
}

/* What is due; nanoseconds until the next is. */
static int64_t deliver_due(void)
{
    int64_t next_ns = INT64_MAX;

    for (int from = 0; from < port_count; from++) {
        for (int to = 0; to < port_count; to++) {
            struct way *w = &ways[from][to];
            while (w->first != NULL && w->first->due_ns <= now_ns()) {
                deliver(w, to);
            }
            if (w->first != NULL && w->first->due_ns < next_ns) {
                next_ns = w->first->due_ns;
            }
        }
    }
    return next_ns == INT64_MAX ? INT64_MAX : next_ns - now_ns();
}

static void run(void)
{
    for (;;) {
        int64_t left = deliver_due();
        struct timespec wait = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};

        if (left > 0 &&
            ppoll(ports, (nfds_t)port_count + 1, left == INT64_MAX ? NULL : &wait, NULL) < 0 &&
            errno != EINTR) {
            perror("ls-delay: ppoll");
            return;
        }
        for (int i = 0; i < port_count; i++) {
            take(i);
        }
        if (left > 0 && ports[port_count].revents != 0) {
            return; /* our input has ended */
        }
    }
}

/* One WAY of the list; where it ends, or NULL. */
static const char *parse_way(const char *text, struct way *out)
{
    char *end;
    long delay_us = strtol(text, &end, 10), jitter_us = 0;

    if (end == text || delay_us < 0) {
        return NULL;
    }
    if (*end == '~') {
        jitter_us = strtol(end + 1, &end, 10);
    }
    if (*end == '/') {
        out->loss = strtod(end + 1, &end) / 100;
    }
    out->delay_ns = delay_us * 1000;
    out->jitter_ns = jitter_us * 1000;
    return jitter_us >= 0 && out->loss >= 0 && out->loss < 1 && (*end == ',' || *end == '\0')
               ? end
               : NULL;
}

static bool parse_ways(const char *text, int count)
{
    struct way w = {0};
    const char *end = text - 1;
    bool all = strchr(text, ',') == NULL;

    for (int a = 0; a < count; a++) {
        for (int b = a + 1; b < count; b++) {
            if (!all || end < text) {
                w = (struct way){0};
                end = end != NULL && (end < text || *end == ',') ? parse_way(end + 1, &w) : NULL;
            }
            ways[a][b] = ways[b][a] = w;
        }
    }
    return end != NULL && end >= text && *end == '\0';
}

int main(int argc, char **argv)
{
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    if (argc < 4 || argc - 2 > PORTS_MAX || !parse_ways(argv[1], argc - 2) || home < 0) {
        fprintf(stderr,
                "usage: ls-delay MICROSECONDS[~JITTER][/LOSS][,...] NAMESPACE...   (2 to %d)\n",
                PORTS_MAX);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (!open_port(argv[i], home)) {
            return 1;
        }
    }
    prctl(PR_SET_TIMERSLACK, 1UL); /* the default of 50 us is one per cent of 5 ms */
    ports[port_count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    puts("ready");
    fflush(stdout);
    run();
    return 0;
}
