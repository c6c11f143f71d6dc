/* The cluster address: gcomm://[host[:port][,host[:port]...]][/][?name=value[&name=value...]] */
#ifndef LS_OPTIONS_CLUSTER_URL_H
#define LS_OPTIONS_CLUSTER_URL_H

#include "wsrep/base/error.h"

#include <stddef.h>

#define LS_URL_MAX_PEERS 64
#define LS_URL_PEER_SIZE 264 /* "[host]:port" */
#define LS_URL_OPTIONS_SIZE 2048
#define LS_URL_DEFAULT_PORT 4567

struct ls_cluster_url {
    size_t count; /* 0: no peers named, which asks for a new cluster */
    char peers[LS_URL_MAX_PEERS][LS_URL_PEER_SIZE]; /* with port; an IPv6 literal in brackets */
    char options[LS_URL_OPTIONS_SIZE];              /* "name=value;name=value", "" when none */
};

/* Blank items (a trailing comma) are skipped, a host named twice counts once, a path and a fragment
 * are not looked at. LS_E_INVAL with a text that says what is wrong and what would be right. */
enum ls_rc ls_cluster_url_parse(const char *url, struct ls_cluster_url *out, struct ls_error *err);

#endif
