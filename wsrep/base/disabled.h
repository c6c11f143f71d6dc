/* A server is taken out of rotation by hand with a file: while it is there the health endpoint
 * answers 503, and the node does not lead if another one can, so that the one writer is elsewhere.
 * The default name is clustercheck's, which people and their scripts touch. */
#ifndef LS_BASE_DISABLED_H
#define LS_BASE_DISABLED_H

#define LS_DISABLED_FILE "/var/tmp/clustercheck.disabled"

#endif
