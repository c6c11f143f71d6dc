#include "gcomm/options/cluster_url.h"

#include "wsrep/os/address.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char scheme[] = "gcomm://";

static enum ls_rc add_peer(char *text, struct ls_cluster_url *out, struct ls_error *err)
{
    char peer[LS_URL_PEER_SIZE];
    struct ls_address addr;
    size_t len = strlen(text);

    if (len > 1 && text[len - 1] == ':' && text[len - 2] != ':') {
        text[len - 1] = '\0'; /* a port that is announced and not given (RFC 3986) */
    }
    if (strstr(text, "://") != NULL || strchr(text, '@') != NULL) {
        return ls_error_set(err, LS_E_INVAL,
                            "cluster address: '%.100s' is not a host, write host or host:port",
                            text);
    }
    if (ls_address_parse(text, LS_URL_DEFAULT_PORT, &addr, err) != LS_OK) {
        return ls_error_wrap(err, LS_E_INVAL, "cluster address");
    }
    if (ls_address_is_any(addr.host) || addr.port == 0 ||
        !ls_address_format(addr.host, addr.port, peer, sizeof(peer))) {
        return ls_error_set(err, LS_E_INVAL,
                            "cluster address: '%.100s' names no host that could be reached, write "
                            "host or host:port",
                            text);
    }
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->peers[i], peer) == 0) {
            return LS_OK;
        }
    }
    if (out->count == LS_URL_MAX_PEERS) {
        return ls_error_set(err, LS_E_TOOBIG, "cluster address: more than %d hosts",
                            LS_URL_MAX_PEERS);
    }
    strcpy(out->peers[out->count++], peer);
    return LS_OK;
}

/* Copies [from, from + len) trimmed; false when it does not fit. */
static bool copy_trimmed(const char *from, size_t len, char *out, size_t size)
{
    static const char blanks[] = " \t\r\n";
    size_t skip = 0;

    while (skip < len && strchr(blanks, from[skip]) != NULL) {
        skip++;
    }
    while (len > skip && strchr(blanks, from[len - 1]) != NULL) {
        len--;
    }
    if (len - skip >= size) {
        return false;
    }
    memcpy(out, from + skip, len - skip);
    out[len - skip] = '\0';
    return true;
}

static enum ls_rc parse_hosts(const char *p, size_t len, struct ls_cluster_url *out,
                              struct ls_error *err)
{
    const char *end = p + len;

    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma != NULL ? comma : end;
        char item[LS_URL_PEER_SIZE];
        enum ls_rc rc;

        if (!copy_trimmed(p, (size_t)(stop - p), item, sizeof(item))) {
            return ls_error_set(err, LS_E_INVAL, "cluster address: a host of more than %d bytes",
                                LS_URL_PEER_SIZE - 1);
        }
        rc = item[0] == '\0' ? LS_OK : add_peer(item, out, err);
        if (rc != LS_OK) {
            return rc;
        }
        p = stop + (comma != NULL);
    }
    return LS_OK;
}

static enum ls_rc parse_query(const char *p, size_t len, struct ls_cluster_url *out,
                              struct ls_error *err)
{
    if (!copy_trimmed(p, len, out->options, sizeof(out->options))) {
        return ls_error_set(err, LS_E_TOOBIG, "cluster address: more than %d bytes of options",
                            LS_URL_OPTIONS_SIZE - 1);
    }
    for (char *q = out->options; *q != '\0'; q++) {
        if (*q == '&') {
            *q = ';';
        }
    }
    return LS_OK;
}

enum ls_rc ls_cluster_url_parse(const char *url, struct ls_cluster_url *out, struct ls_error *err)
{
    const char *hosts, *query;
    size_t hosts_len;
    enum ls_rc rc;

    memset(out, 0, sizeof(*out));
    url += strspn(url, " \t\r\n");
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0) {
        return ls_error_set(err, LS_E_INVAL,
                            "cluster address '%.200s' does not begin with gcomm://, write "
                            "gcomm://host1,host2,host3 (or gcomm:// for a new cluster)",
                            url);
    }
    hosts = url + sizeof(scheme) - 1;
    hosts_len = strcspn(hosts, "/?#");
    rc = parse_hosts(hosts, hosts_len, out, err);
    if (rc != LS_OK) {
        return rc;
    }
    query = hosts + hosts_len;
    query += strcspn(query, "?#");
    if (*query == '?') {
        query++;
        rc = parse_query(query, strcspn(query, "#"), out, err);
    }
    return rc;
}
