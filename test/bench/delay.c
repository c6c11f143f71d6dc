/* A switch that takes its time: joins network namespaces, and every frame arrives so much later
 * than it was sent, in order, however many are under way. This kernel's own (netem) is not
 * everywhere.
 *
 *   ls-delay MICROSECONDS NAMESPACE...
 *
 * In each namespace it makes the device eth0 and prints "ready" when all are there. Ends with its
 * input. What it adds to the delay itself shows in the ping that `latency` measures beside. */
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
    int64_t due_ns;
    int from;
    uint32_t size;
    uint8_t *bytes;
};

static struct pollfd ports[PORTS_MAX + 1];
static uint8_t mac[PORTS_MAX][6]; /* last seen behind each port */
static int port_count;
static struct frame queue[QUEUE_MAX];
static uint64_t head, tail;

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

static void take(int from, int64_t delay_ns)
{
    static uint8_t buf[FRAME_MAX];
    ssize_t n;

    while ((n = read(ports[from].fd, buf, sizeof(buf))) >= 14) {
        uint8_t *copy = head - tail < QUEUE_MAX ? malloc((size_t)n) : NULL;
        if (copy == NULL) {
            continue;
        }
        memcpy(mac[from], buf + 6, 6);
        memcpy(copy, buf, (size_t)n);
        queue[head++ % QUEUE_MAX] = (struct frame){
            .due_ns = now_ns() + delay_ns, .from = from, .size = (uint32_t)n, .bytes = copy};
    }
}

/* To where its address was seen, or everywhere. */
static void deliver(const struct frame *f)
{
    int to = -1;

    for (int i = 0; i < port_count; i++) {
        if (i != f->from && memcmp(mac[i], f->bytes, 6) == 0) {
            to = i;
        }
    }
    for (int i = 0; i < port_count; i++) {
        if (i != f->from && (to < 0 || to == i) && write(ports[i].fd, f->bytes, f->size) < 0 &&
            errno != EIO && errno != EAGAIN) { /* EIO: not up yet */
            perror("ls-delay: write");
        }
    }
}

static void run(int64_t delay_ns)
{
    for (;;) {
        int64_t left = tail < head ? queue[tail % QUEUE_MAX].due_ns - now_ns() : INT64_MAX;
        struct timespec wait = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};

        if (left > 0 &&
            ppoll(ports, (nfds_t)port_count + 1, left == INT64_MAX ? NULL : &wait, NULL) < 0 &&
            errno != EINTR) {
            perror("ls-delay: ppoll");
            return;
        }
        for (int i = 0; i < port_count; i++) {
            take(i, delay_ns);
        }
        if (left > 0 && ports[port_count].revents != 0) {
            return; /* our input has ended */
        }
        while (tail < head && queue[tail % QUEUE_MAX].due_ns <= now_ns()) {
            struct frame *f = &queue[tail++ % QUEUE_MAX];
            deliver(f);
            free(f->bytes);
        }
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    long delay_us = argc > 2 ? strtol(argv[1], &end, 10) : -1;
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    if (delay_us < 0 || *end != '\0' || argc - 2 > PORTS_MAX || home < 0) {
        fprintf(stderr, "usage: ls-delay MICROSECONDS NAMESPACE...   (at most %d)\n", PORTS_MAX);
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
    run((int64_t)delay_us * 1000);
    return 0;
}
