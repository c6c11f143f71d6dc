/* For the files of this folder only: connections, peers, endpoints.
 *
 * A connection goes through these states:
 *
 *   dialled   CONNECTING -> CHECKING (allow list, while it counts) -> HELLO -> settle
 *   accepted  CHECKING (allow list) -> HELLO -> settle
 *   settle    main: UP (we have the smaller uuid and choose it, sending START)
 *                   WAIT_START (the peer has it) -> UP
 *                   PARKED (another connection of that uuid is up and is asked for a sign of life)
 *             bulk: UP
 *   any       CLOSED, freed at the next tick
 *
 * Whatever closes a connection while code of its owner is on the stack only ends its socket
 * (ls_conn_break); the event that follows closes it, so no function calls back from inside. */
#ifndef LS_NET_INTERNAL_H
#define LS_NET_INTERNAL_H

#include "gcomm/net/net.h"
#include "gcomm/net/outq.h"
#include "gcomm/wire/frame.h"
#include "gcomm/wire/hello.h"
#include "gcomm/wire/message.h"
#include "wsrep/os/address.h"
#include "wsrep/os/dns.h"
#include "wsrep/os/tcp.h"

#define LS_NET_DEFAULT_PORT 4567
#define LS_NET_PAUSE_MAX_US 1000000 /* between two attempts at one address; ask.c counts on it */
#define LS_NET_PAUSE_REFUSED_US 3000000 /* where asking again soon is no use */
#define LS_NET_SHORT_ID_SIZE 14

enum conn_state {
    CONN_CONNECTING,
    CONN_CHECKING,
    CONN_HELLO,
    CONN_WAIT_START,
    CONN_PARKED,
    CONN_UP,
    CONN_CLOSED,
};

/* What answers at an address where one of our nodes was looked for. */
enum stranger {
    STRANGER_NONE, /* a node, or nobody */
    STRANGER_SOMEBODY,
    STRANGER_GALERA,
};

struct peer;
struct endpoint;
struct allow_check;

struct conn {
    struct ls_net *net;
    struct conn *next;
    struct ls_tcp *tcp; /* NULL once closed */
    enum conn_state state;
    uint8_t purpose; /* enum ls_hello_purpose */
    uint8_t version; /* agreed */
    bool dialled;
    bool blocked;    /* the socket takes nothing at present */
    bool undecided;  /* refused for a reason of the moment: tells nothing about the peer */
    bool broken;     /* ended by us, the closing event is on its way */
    bool dropped;    /* by ls_net_drop() or isolation: no reconnect at once */
    bool started;    /* START has come */
    bool hello_due;  /* parked before we answered its HELLO */
    bool quiet;      /* closing it is no news for people */
    bool known;      /* accepted, from a host at which a node is known */
    bool fresh;      /* accepted, and nothing was read yet */
    bool waits;      /* fresh, has sent something, and TLS's turn has not come yet */
    bool detect;     /* accepted with socket.dynamic, and has said nothing yet */
    bool tls_failed; /* dialled: it did not get through TLS's handshake */
    bool greeted;    /* dialled: somebody is there, who was sent our HELLO */
    enum stranger stranger;
    int64_t deadline_us;       /* of connecting or of the handshake */
    struct allow_check *check; /* under way off the thread; may be shared */
    uint32_t vetted;           /* allowed in this round of net->guard; 0: was not asked */
    struct endpoint *endpoint; /* dialled: where to */
    struct peer *peer;         /* from settling on; bulk dialled: from the start */
    uint64_t instance;         /* of the peer's process */
    uint64_t incarnation;
    char name[LS_NAME_SIZE];
    char addr[LS_TCP_ADDR_SIZE]; /* the remote end */
    char host[LS_TCP_ADDR_SIZE];
    char dial[LS_TCP_ADDR_SIZE]; /* numeric address at which the peer listens, "": none known */
    char shown[LS_ADDR_SIZE];    /* the same, or as it is advertised */
    char why[160];               /* reason of a break */
    uint8_t *in;
    size_t in_capacity;
    size_t in_len;       /* bytes held */
    size_t in_pos;       /* of them handled */
    int64_t arriving_us; /* when the engine was last told that more of a message has come */
    struct ls_outq out;
};

struct bulk_job;

struct peer {
    struct peer *next;
    struct ls_uuid id;
    uint64_t instance;
    uint64_t incarnation;
    char name[LS_NAME_SIZE];
    char dial[LS_TCP_ADDR_SIZE]; /* as in struct conn */
    char shown[LS_ADDR_SIZE];
    bool member;
    bool verdict_due; /* peer_down was told; the outcome of the reconnect is to be told, too */
    struct conn *main;
    struct conn *parked;
    int64_t kept_out_us; /* dropped: nothing of it is taken, and it is not dialled, before */
    uint64_t probe;      /* value of the PING under way, 0: none */
    int64_t probe_deadline_us;
    struct conn *bulk; /* dialled by us, for what we send */
    uint32_t bulk_fails;
    int64_t bulk_retry_us;
    int64_t bulk_idle_us; /* since then */
    struct bulk_job *jobs;
    struct bulk_job **jobs_end;
};

enum endpoint_source {
    SOURCE_USER = 1,   /* ls_net_know() */
    SOURCE_MEMBER = 2, /* ls_net_set_members() */
    SOURCE_GOSSIP = 4, /* a peer knows it */
};

/* A numeric address that may be dialled. */
struct endpoint {
    struct endpoint *next;
    char addr[LS_TCP_ADDR_SIZE];
    unsigned sources;  /* that gave the address itself */
    unsigned named;    /* those of names that gave it, until named_until_us */
    struct conn *conn; /* dialling, or up */
    bool self;         /* we reached ourselves there */
    bool plain; /* with socket.dynamic: TLS was in vain there, the next attempt goes without */
    enum stranger stranger; /* at the last attempt */
    bool has_peer;
    struct ls_uuid peer; /* who was there last, or is expected there */
    uint32_t fails;
    uint32_t refusals; /* of them, the latest in a row: somebody was there and did not take us */
    int64_t pause_us;
    int64_t next_us;        /* next attempt */
    int64_t named_until_us; /* what names say is stale then */
    int64_t
        gossip_until_us; /* what peers say is outdated then if its node is connected elsewhere */
};

/* A name that stands for endpoints; looked up again while it is wanted. */
struct name {
    struct name *next;
    struct ls_net *net;
    char host[LS_HOST_SIZE];
    uint16_t port;
    unsigned sources;
    struct ls_dns_query *query;
    uint32_t fails; /* look-ups in a row that led to no node that is connected */
    int64_t next_us;
};

#define WARN_SLOTS 64
struct warn_slot {
    char key[LS_HOST_SIZE];
    int64_t until_us;
    uint32_t held_back;
};

struct ls_net {
    struct ls_loop *loop;
    struct ls_net_callbacks cb;
    char cluster[LS_CLUSTER_NAME_SIZE];
    char name[LS_NAME_SIZE];
    struct ls_uuid id;
    uint64_t incarnation;
    uint64_t instance;
    uint8_t segment;
    char listen_text[LS_ADDR_SIZE];
    struct ls_address listen;
    char advertise_host[LS_ADDR_SIZE];
    uint16_t advertise_port; /* 0: the one we listen at */
    int64_t connect_timeout_us;
    int64_t handshake_timeout_us;
    size_t queue_limit_bytes;
    bool (*allow)(void *ctx, const char *address);
    void *allow_ctx;
    struct allow_check *checks; /* under way */
    uint32_t guard;             /* the allow list counts: which round of that; 0: not now */
    uint32_t guards;            /* rounds so far */
    struct ls_tls *tls;
    bool tls_dynamic;
    const char *scheme; /* of addresses as they are shown, "tcp" or "ssl" */
    struct ls_timer *tick;
    struct ls_tcp_listener *listener;
    uint16_t port;
    bool isolated;
    struct conn *conns;
    struct peer *peers;
    struct endpoint *endpoints;
    struct name *names;
    struct ls_wire_decoder decoder;
    struct warn_slot warns[WARN_SLOTS];
    int64_t tls_until_us[2]; /* admit.c: the turns that strangers [0] and nodes [1] have used up */
    char short_id[LS_NET_SHORT_ID_SIZE];
    struct ls_net_stats stats;
};

/* ---- net.c ---- */
struct peer *ls_peer_find(struct ls_net *net, const struct ls_uuid *id);
/* Finds or makes; NULL when there are too many, or no memory. */
struct peer *ls_peer_get(struct ls_net *net, const struct ls_uuid *id);
void ls_peer_free(struct peer *p);
/* First and fourth group of the uuid, as people know it from Galera's lines. */
void ls_short_id(const struct ls_uuid *id, char out[LS_NET_SHORT_ID_SIZE]);
/* May a warning about this remote side be logged now? One per key and minute; *held_back: how many
 * were not logged since the last one. */
bool ls_net_may_warn(struct ls_net *net, const char *key, uint32_t *held_back);
void ls_net_warn(struct ls_net *net, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- conn.c: bytes of one connection ---- */
/* Takes tcp over, also on failure (NULL). */
struct conn *ls_conn_create(struct ls_net *net, struct ls_tcp *tcp);
/* Closes at once; tells peers, endpoints and callbacks. For the loop's callbacks only. */
void ls_conn_close(struct conn *c, const char *why);
/* Ends it from anywhere: closing follows from the loop. */
void ls_conn_break(struct conn *c, const char *why);
/* Frees the closed ones. */
void ls_conn_reap(struct ls_net *net);
void ls_conn_free(struct conn *c);
extern const struct ls_tcp_callbacks ls_conn_callbacks;
/* Handles complete frames that are held; what a parked connection needs when it goes on. */
void ls_conn_parse(struct conn *c);
void ls_conn_flush(struct conn *c);
/* Queues the bytes and writes what the socket takes. */
void ls_conn_send(struct conn *c, const void *data, size_t len);
void ls_conn_signal(struct conn *c, uint8_t type, uint64_t value);
enum ls_rc ls_conn_send_message(struct conn *c, const struct ls_msg *msg,
                                const struct ls_net_payload *payload);

/* ---- handshake.c: from a connected socket to a peer that is up ---- */
void ls_handshake_accepted(void *ctx, struct ls_tcp *tcp); /* listener's callback, ctx is the net */
void ls_handshake_start(struct conn *c);                   /* dialled and connected */
void ls_handshake_greet(struct conn *c);                   /* and allowed: HELLO goes out */
/* With socket.dynamic: TLS if that is how an accepted connection begins. False: nothing to read. */
bool ls_handshake_detect(struct conn *c);
/* A connection that ends, or breaks the rules, before it is up: why, or a better reason. Notes who
 * it was if it was no node. */
const char *ls_handshake_blame(struct conn *c, const char *why);
/* Reading has ended in the state HELLO: warns if it is worth it, and returns the reason. */
const char *ls_handshake_lost(struct conn *c, enum ls_rc rc, const char *why);
void ls_handshake_frame(struct conn *c, const struct ls_frame *f, const uint8_t *body);
/* HELLO on a connection that is up: who else the peer is connected with now. */
void ls_handshake_gossip(struct conn *c, const uint8_t *body, size_t size);
void ls_handshake_pong(struct conn *c, uint64_t value);
/* A main connection is gone (peer->main is NULL already): let a parked one go on. */
void ls_handshake_unpark(struct peer *p);
void ls_handshake_tick(struct ls_net *net, int64_t now_us);

/* ---- admit.c: which accepted connections may go on ---- */
/* Makes room for one more from this host, closing others where there is none. True: a node is known
 * at the host. */
bool ls_admit(struct ls_net *net, const char *host);
/* The first bytes of a fresh connection are there. False: reading is off until its turn comes. */
bool ls_admit_first_bytes(struct conn *c);
void ls_admit_tick(struct ls_net *net);

/* ---- allow.c: the allow list ---- */
/* A connection that has said and heard nothing yet: HELLO follows, or its end. */
void ls_allow_check(struct conn *c);
/* Whether the list, while it counts, lets this connection stay; false also when that is being
 * asked, or the list does not count now. One that may not is closed then. */
bool ls_allow_vet(struct conn *c);
/* Nobody waits for the answers any more. */
void ls_allow_destroy(struct ls_net *net);

/* ---- dial.c: addresses and when to try them ---- */
/* text is "host:port" or "host"; own and impossible addresses are left out. */
void ls_dial_add(struct ls_net *net, const char *text, unsigned source,
                 const struct ls_uuid *expected);
struct endpoint *ls_dial_endpoint(struct ls_net *net, const char *numeric);
/* Try this peer's address now and report whether it was reached. */
void ls_dial_verdict(struct ls_net *net, struct peer *p);
/* Who is at the end of a dialled connection. */
void ls_dial_found(struct conn *c, const struct ls_uuid *id);
/* A dialled connection ended before it was up (why), or after (up). */
void ls_dial_ended(struct conn *c, bool was_up, const char *why);
void ls_dial_tick(struct ls_net *net, int64_t now_us);
bool ls_dial_connect(struct ls_net *net, const char *addr, uint8_t purpose, struct conn **out,
                     struct ls_error *err);
void ls_dial_remove(struct ls_net *net, const char *text, unsigned source);
void ls_dial_forget(struct ls_net *net, unsigned source);
void ls_dial_free(struct ls_net *net);

/* ---- bulk.c ---- */
void ls_bulk_up(struct conn *c);
void ls_bulk_pump(struct conn *c);
void ls_bulk_closed(struct conn *c, const char *why);
void ls_bulk_fail(struct peer *p, enum ls_rc rc);
void ls_bulk_tick(struct ls_net *net, int64_t now_us);
void ls_bulk_chunk(struct conn *c, const struct ls_frame *f, const uint8_t *body);

#endif
