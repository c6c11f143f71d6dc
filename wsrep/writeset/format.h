/* The bytes of a write-set, version 1. Little endian, no alignment.
 *
 *   offset size
 *        0    1  version, 1
 *        1    1  extension bits, all 0 in version 1; bit 0 is kept for "clear text of the keys
 *                follows" (conflict reports). A reader refuses bits that it does not know.
 *        2    2  pa_range
 *        4    4  flags, enum ls_ws_flag
 *        8    8  last_seen, -1 or above
 *       16    8  transaction id
 *       24    8  connection id
 *       32    4  number of keys, at least 1
 *       36    4  bytes of ordered data
 *       40    4  bytes of unordered data
 *       44    4  zero
 *       48       keys, 20 bytes each: hash (low half, high half), type, depth, two zero bytes
 *                ordered data
 *                unordered data
 *
 * Nothing follows. The payload hash of the log entry covers all of it, so there is no checksum
 * here, and the origin is in the entry as well. */
#ifndef LS_WRITESET_FORMAT_H
#define LS_WRITESET_FORMAT_H

#define LS_WS_VERSION 1
#define LS_WS_HEADER_SIZE 48u
#define LS_WS_LAST_SEEN_OFFSET 8u
#define LS_WS_KEY_SIZE 20u

#endif
