/* For the files of this folder only: socket addresses as text. */
#ifndef LS_OS_TCP_SOCKADDR_H
#define LS_OS_TCP_SOCKADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* The bare numeric host (when host is not NULL) and "host:port" (when addr is not NULL). IPv4
 * addresses inside IPv6 ones are written as IPv4. */
bool ls_sockaddr_format(const struct sockaddr *sa, socklen_t len, char *host, size_t host_size,
                        char *addr, size_t addr_size);

#endif
