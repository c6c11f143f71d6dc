#include "wsrep/os/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* A bound and listening descriptor, or -1 with errno. */
static int open_listener(const struct addrinfo *a, int backlog)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, backlog) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static enum ls_rc bind_any(const char *host, uint16_t port, int backlog, int *out,
                           struct ls_error *err)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    char port_text[8];
    bool all = host[0] == '\0' || strcmp(host, "*") == 0;
    int error = EADDRNOTAVAIL;
    int rc;

    snprintf(port_text, sizeof(port_text), "%u", (unsigned)port);
    rc = getaddrinfo(all ? NULL : host, port_text, &hints, &list);
    if (rc != 0) {
        return ls_error_set(err, LS_E_INVAL,
                            "cannot listen on '%s:%u': %s. Give an address of this machine", host,
                            (unsigned)port, gai_strerror(rc));
    }
    *out = -1;
    for (const struct addrinfo *a = list; a != NULL && *out < 0; a = a->ai_next) {
        *out = open_listener(a, backlog);
        error = *out < 0 ? errno : 0;
    }
    freeaddrinfo(list);
    if (*out >= 0) {
        return LS_OK;
    }
    return ls_error_set(err, error == EADDRINUSE ? LS_E_EXISTS : LS_E_IO,
                        "cannot listen on '%s:%u': %s. %s", host, (unsigned)port, strerror(error),
                        error == EADDRINUSE
                            ? "Another process has the port: stop it or choose another port"
                            : "Give an address of this machine and a port that we may open");
}

static uint16_t bound_port(int fd)
{
    union address a = {0};
    socklen_t len = sizeof(a);
    in_port_t port = 0;

    if (getsockname(fd, &a.any, &len) == 0) {
        port = a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port;
    }
    return ntohs(port);
}

enum ls_rc ls_listen_open(const char *host, uint16_t port, int backlog, int *fd, uint16_t *bound,
                          struct ls_error *err)
{
    enum ls_rc rc = bind_any(host, port, backlog, fd, err);

    *bound = rc == LS_OK ? bound_port(*fd) : 0;
    return rc;
}

void ls_listen_close(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

int ls_listen_accept(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, timeout_ms) <= 0) {
        return -1;
    }
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void ls_listen_answer(int connection, const char *text, size_t size)
{
    if (send(connection, text, size, MSG_NOSIGNAL) >= 0) {
        shutdown(connection, SHUT_WR);
    }
    close(connection);
}

void ls_listen_break(int connection)
{
    shutdown(connection, SHUT_RDWR);
}
