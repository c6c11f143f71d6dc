/* Nodes for tests of gcomm/net: each a loop, a net and a thread, with everything it was told kept
 * for the test to look at. */
#ifndef LS_TEST_NET_FIXTURE_H
#define LS_TEST_NET_FIXTURE_H

#include "gcomm/net/net.h"
#include "wsrep/os/thread.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEERS 8

struct peer_seen {
    struct ls_uuid id;
    uint64_t incarnation;
    char name[LS_NAME_SIZE];
    char addr[LS_ADDR_SIZE];
    bool up;
    int ups;
    int downs;
    int unreachables;
    uint64_t messages;
    uint64_t next_round; /* of numbered messages: must rise by one */
    uint64_t gaps;
    uint64_t entry_bytes;
    uint64_t chunk_bytes;
    uint64_t arriving; /* words about an APPEND that is under way */
    int flow;          /* enum ls_flow, -1: nothing heard */
};

struct node {
    struct ls_loop *loop;
    struct ls_net *net;
    struct ls_async *wake;
    ls_thread thread;
    ls_mutex lock;
    ls_cond changed;
    bool stop;
    void (*call)(struct node *n, void *arg); /* to run on the loop's thread */
    void *call_arg;
    struct ls_uuid id;
    uint16_t port;
    struct peer_seen peers[PEERS];
    size_t peer_count;
    _Atomic int64_t stall_us; /* the loop sleeps so long in each message callback */
};

struct node_options {
    const char *cluster; /* "test" */
    const char *name;    /* "n<first byte of id>" */
    uint8_t id;          /* first byte of the uuid, so that tests know who is smaller */
    uint64_t incarnation;
    uint16_t port;      /* 0: any */
    const char *listen; /* default tcp://127.0.0.1 */
    bool (*allow)(void *ctx, const char *address);
    size_t queue_limit_bytes;
    struct ls_tls *tls; /* outlives the node; NULL: plain, but for a build with NET_TEST_TLS */
    bool tls_dynamic;
};

struct node *node_start(const struct node_options *opt);
/* Ends it like a killed process: its sockets close, its port is free. */
void node_stop(struct node *n);
/* Runs fn on the node's loop and waits for it. */
void node_call(struct node *n, void (*fn)(struct node *n, void *arg), void *arg);
void node_know(struct node *n, const struct node *other);
void node_know_text(struct node *n, const char *addr);
void node_know_port(struct node *n, uint16_t port);

/* Locked copy of what n saw of the other (zeroes when nothing). */
struct peer_seen node_seen(struct node *n, const struct node *other);
/* Waits until the condition holds for what n saw of other; false after 10 s. */
bool node_wait(struct node *n, const struct node *other, bool (*holds)(const struct peer_seen *));
bool seen_up(const struct peer_seen *s);
bool seen_down(const struct peer_seen *s);
bool seen_unreachable(const struct peer_seen *s);

/* Sends numbered READ_REQ messages first..last to other, flushing after each batch of 16. */
void node_send_numbers(struct node *n, const struct node *other, uint64_t first, uint64_t last);
enum ls_rc node_send(struct node *n, const struct node *other, const struct ls_msg *msg,
                     const struct ls_net_payload *payload);

/* Log lines since the start of the test that contain the text. */
int log_count(const char *text);
void log_reset(void);

/* A bare TCP client. */
int raw_connect(uint16_t port);
/* The same from 127.0.0.<number>, 1 to 254. */
int raw_connect_from(unsigned number, uint16_t port);
/* A port on which nobody listens. */
uint16_t free_port(void);

#endif
