/* Peers: who is reachable, handshakes, reconnects, and the connections to each peer.
 *
 * Runs on one loop thread (wsrep/os/loop.h) and calls back on it. Between two nodes there is one
 * main connection (control messages and small entries, in order) and, while needed, a bulk
 * connection per direction (chunks of big payloads, design rule 1). Addresses learned from the
 * configured list, from DNS (a name may give many), from handshakes (gossip) and from the members
 * are tried again and again with growing pauses (100 ms to 1 s) while they are wanted; a connection
 * to ourselves is recognised and dropped. When both sides dial at once, the node with the smaller
 * uuid chooses the connection that is kept; peer_up is reported only after that choice, so nothing
 * sent after peer_up is lost by it.
 *
 * A stray connection, garbage, half a message, another cluster's name, another version: one clear
 * warning line per remote address and minute, the connection is closed, nothing else happens.
 * Handshake (gcomm/wire/hello.h): lowest and highest version, cluster name, uuid, incarnation, node
 * name, listen address, addresses of known peers. The same uuid from another live process: the
 * later one is refused with a message on both sides; the same name: a warning.
 *
 * Every function is for the loop's thread (create, listen and know also before the loop runs). All
 * but ls_net_destroy() may be called from callbacks. No function calls back from inside: peer_down
 * after a failed send or ls_net_drop() comes in a later turn. */
#ifndef LS_NET_NET_H
#define LS_NET_NET_H

#include "gcomm/core/message.h"
#include "gcomm/wire/frame.h"
#include "wsrep/base/error.h"
#include "wsrep/base/hash.h"
#include "wsrep/os/loop.h"
#include "wsrep/os/tls.h"

struct ls_net;

struct ls_net_options {
    const char *cluster_name;
    const char *node_name;
    struct ls_uuid id;
    uint64_t incarnation;
    const char *listen_addr; /* "tcp://host:port", port 0: any */
    const char *advertise;   /* host[:port] given to others; NULL: they use what they see */
    uint8_t segment;
    int64_t connect_timeout_us;                    /* gmcast.peer_timeout, default 3 s */
    int64_t handshake_timeout_us;                  /* default 3 s */
    size_t queue_limit_bytes;                      /* per peer, see ls_net_send(); default 64 MiB */
    bool (*allow)(void *ctx, const char *address); /* bare host; off the loop's thread, until the
                                                    * loop is destroyed; NULL: all */
    void *allow_ctx;
    struct ls_tls *tls; /* the caller's, outlives the net; NULL: plain connections */
    bool tls_dynamic;   /* with tls: plain ones are taken, too, and tried where TLS fails */
};

/* Small words between engines, a number each; named by their frames. */
enum ls_signal {
    LS_SIGNAL_FLOW = LS_FRAME_FLOW, /* enum ls_flow */
    LS_SIGNAL_WANT_APPLIED = LS_FRAME_WANT_APPLIED,
    LS_SIGNAL_APPLIED = LS_FRAME_APPLIED,
};

/* Why a node asks the others to let new write-sets wait. Unknown reasons are reasons. */
enum ls_flow {
    LS_FLOW_GO = 0, /* it does not, or not any more */
    LS_FLOW_SLOW,   /* its queue of write-sets to apply is too long */
    LS_FLOW_DISK,   /* the disk of its write-set log is nearly full */
};

struct ls_net_callbacks {
    /* main connection up, handshake done; addr is where the peer can be dialled. Without a
     * peer_down in between: never two for one peer */
    void (*peer_up)(void *ctx, const struct ls_uuid *peer, uint64_t incarnation, const char *name,
                    const char *addr);
    /* unreachable: a reconnect was tried and failed, too (comes as a second call; not after
     * ls_net_drop() or while isolated) */
    void (*peer_down)(void *ctx, const struct ls_uuid *peer, bool unreachable);
    /* One message. Entries' payloads point into the receive buffer and live as long as the call;
     * their hashes were verified. */
    void (*message)(void *ctx, const struct ls_uuid *peer, const struct ls_msg *msg);
    /* More of a message of this type (enum ls_msg_type) has come in on the main connection, and it
     * is not complete yet: what the peer says meanwhile waits behind it. Every 50 ms at most. */
    void (*arriving)(void *ctx, const struct ls_uuid *peer, uint8_t type);
    /* One chunk of a big payload, in order of offset per submission, total > 0 and the chunk lies
     * within it. A transfer may break off and start again at 0. Whoever completes the payload
     * verifies payload_hash. */
    void (*chunk)(void *ctx, const struct ls_uuid *peer, const struct ls_sub_id *sub,
                  uint64_t total, uint64_t payload_hash, uint64_t offset, const void *data,
                  size_t len);
    void (*signal)(void *ctx, const struct ls_uuid *peer, enum ls_signal signal, uint64_t value);
    void *ctx;
};

enum ls_rc ls_net_create(struct ls_loop *loop, const struct ls_net_options *opt,
                         const struct ls_net_callbacks *cb, struct ls_net **out,
                         struct ls_error *err);
/* Closes everything; callbacks end. */
void ls_net_destroy(struct ls_net *net);
/* Binds and listens: LS_E_* with a text that names the address and what to do. */
enum ls_rc ls_net_listen(struct ls_net *net, uint16_t *port, struct ls_error *err);

/* An address from the user's list or the log's configuration; "host:port" or "host" (port 4567).
 * Tried until ls_net_forget_all(); what cannot be an address is logged and left out. */
void ls_net_know(struct ls_net *net, const char *addr);
void ls_net_forget_all(struct ls_net *net);
/* Each of them, and of the members, has been reached or was tried in vain, and nobody is in the
 * middle of a handshake. */
bool ls_net_has_tried(struct ls_net *net);
/* The wanted addresses, separated by commas, at which somebody answered the last attempt that is no
 * node of ours; how many they are; whether Galera's bytes came from one. */
size_t ls_net_strangers(const struct ls_net *net, char *out, size_t size, bool *galera);
/* No node is connected, and at a wanted address there is somebody who does not take us, time after
 * time: another cluster, or another set of certificates. */
bool ls_net_is_refused(const struct ls_net *net);
/* The user takes one address back; a connection that stands is kept. */
void ls_net_forget(struct ls_net *net, const char *addr);
/* The members of now (copied; own entry ignored): they are always redialled, at the address they
 * were seen at or else the one in the configuration. Others that were known before are redialled
 * only while an ls_net_know() or gossip stands for them. */
void ls_net_set_members(struct ls_net *net, const struct ls_config *config);

/* Sends. Small messages of a turn are gathered and leave with ls_net_flush(), or before when much
 * has gathered. Payloads of 32 KiB and more are written from where they lie when the socket takes
 * them at once, else copied: afterwards nothing of the caller's is referenced. LS_E_BUSY: the queue
 * is not empty and would pass queue_limit_bytes; nothing was queued. A huge message, of more than
 * half of the limit, is taken whatever its size once what waits is within the limit, and until it
 * has left it is no part of what the others are measured by; only a second one is LS_E_BUSY.
 * LS_E_CLOSED: the peer is not up. For APPEND/ENTRIES `entries` are those of the range; for SUBMIT
 * the payload is in msg->u.submit.payload or, when pieces are given, in them. */
struct ls_net_payload {
    const struct ls_entry *entries;
    uint32_t entry_count;
    const struct ls_piece *pieces;
    size_t piece_count;
};
enum ls_rc ls_net_send(struct ls_net *net, const struct ls_uuid *to, const struct ls_msg *msg,
                       const struct ls_net_payload *payload);
enum ls_rc ls_net_send_signal(struct ls_net *net, const struct ls_uuid *to, enum ls_signal signal,
                              uint64_t value);
/* Starts sending a big payload in chunks (256 KiB) on the bulk connection. The pieces must stay
 * until done is called (also with an error when the connection breaks; on the loop's thread, never
 * from inside but for ls_net_destroy(), which ends all with LS_E_CLOSED). Not LS_OK: done is not
 * called. At most 8 pieces. */
enum ls_rc ls_net_send_bulk(struct ls_net *net, const struct ls_uuid *to,
                            const struct ls_sub_id *sub, const struct ls_piece *pieces,
                            size_t piece_count, uint64_t payload_hash,
                            void (*done)(void *arg, enum ls_rc rc), void *arg);
/* Small messages of one turn are gathered per connection; this writes them (one writev each). */
void ls_net_flush(struct ls_net *net);

/* Bytes queued to this peer and not yet taken by the kernel. */
size_t ls_net_backlog(struct ls_net *net, const struct ls_uuid *to);
/* Closes this peer's connections (it was removed, or misbehaved); peer_down follows, and for 1 s
 * there is no new one, whoever dials: what was the reason may be back with it. */
void ls_net_drop(struct ls_net *net, const struct ls_uuid *peer, const char *why);
/* The allow list counts: this node is in a primary component, and what allow() says is the server's
 * table. From then on dialled connections are asked for, too (before that a node has to reach the
 * members, which decide, with a table that may be empty or old), and those of others than the
 * members that stand already; who is not allowed is dropped. Each call with true after false is a
 * round. */
void ls_net_guard(struct ls_net *net, bool on);
/* The peer was found allowed in this round (without allow(): always). Else that is asked now, to be
 * told by a later call; false while the list does not count. */
bool ls_net_is_vetted(struct ls_net *net, const struct ls_uuid *peer);
/* Cut everything, refuse everything, until false (node isolation). */
void ls_net_isolate(struct ls_net *net, bool on);

struct ls_net_stats {
    uint64_t sent_bytes, received_bytes;
    uint32_t connections;
};
/* The port that ls_net_listen() opened; 0 before. */
uint16_t ls_net_port(const struct ls_net *net);
void ls_net_get_stats(const struct ls_net *net, struct ls_net_stats *out);

#endif
