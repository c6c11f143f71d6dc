/* Certificates for tests, made on the spot. */
#ifndef LS_TEST_NET_CERTS_H
#define LS_TEST_NET_CERTS_H

#include "wsrep/os/tls.h"

#define CERT_PATH_SIZE 128

/* Writes <name>.pem and <name>.key into the directory, EC keys, valid from now+from_days to
 * now+to_days. issuer: the name of one made before, NULL: its own. */
void cert_make(const char *dir, const char *name, const char *issuer, int from_days, int to_days);
/* One that may sign others; issuer: who signs it, as above. */
void cert_make_authority(const char *dir, const char *name, const char *issuer);
/* The certificate of another behind that of name, as in a file with a chain. */
void cert_append(const char *dir, const char *name, const char *other);
/* Removes both files. */
void cert_remove(const char *dir, const char *name);

/* The files of one node; ca NULL: none given. Asserts that they can be used. */
struct ls_tls *cert_load(const char *dir, const char *name, const char *ca);
/* A temporary directory in static storage. */
const char *cert_dir(void);

#endif
