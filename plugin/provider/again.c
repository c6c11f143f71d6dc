#include "plugin/provider/again.h"

#include "wsrep/base/assert.h"
#include "wsrep/base/cursor.h"

#include <stdlib.h>
#include <string.h>

/* Binary log events of version 4, little endian, as the server writes them into a write-set:
 * without checksums. */
enum {
    EVENT_HEADER = 19, /* u32 time, u8 type, u32 server id, u32 size of the event, u32, u16 */
    TYPE_AT = 4,
    SIZE_AT = 9,
    EVENT_QUERY =
        2, /* then u32, u32, u8 length of the database's name, u16, u16 length of variables */
};

static const char makes[] = "CREATE TABLE `"; /* in the server's own words, not in the client's */
static const char replaces[] = "OR REPLACE ";
static const size_t behind = sizeof("CREATE ") - 1;

/* The statement of this event, NULL when it is another event or a damaged one. */
static const uint8_t *statement_of(const uint8_t *event, size_t size, size_t *len)
{
    struct ls_reader r = ls_reader_init(event + EVENT_HEADER, size - EVENT_HEADER);

    if (event[TYPE_AT] != EVENT_QUERY) {
        return NULL;
    }
    (void)ls_get_u32(&r);
    (void)ls_get_u32(&r);
    size_t name = ls_get_u8(&r);
    (void)ls_get_u16(&r);
    size_t variables = ls_get_u16(&r);
    (void)ls_get_view(&r, variables + name + 1); /* the name ends with a zero */
    *len = ls_reader_left(&r);
    return r.failed ? NULL : r.pos;
}

static uint32_t size_of(const uint8_t *event)
{
    struct ls_reader r = ls_reader_init(event + SIZE_AT, sizeof(uint32_t));

    return ls_get_u32(&r);
}

static void *copy_replacing(const uint8_t *events, size_t size, const uint8_t *event,
                            const uint8_t *statement, size_t *copy_size)
{
    const size_t more = sizeof(replaces) - 1;
    size_t before = (size_t)(statement - events) + behind;
    uint8_t *copy = malloc(size + more);

    LS_ASSERT(copy != NULL);
    memcpy(copy, events, before);
    memcpy(copy + before, replaces, more);
    memcpy(copy + before + more, events + before, size - before);
    struct ls_writer w = ls_writer_init(copy + (event - events) + SIZE_AT, sizeof(uint32_t));
    ls_put_u32(&w, size_of(event) + (uint32_t)more);
    *copy_size = size + more;
    return copy;
}

void *ls_again_replacing(const void *events, size_t size, size_t *copy_size)
{
    struct ls_reader r = ls_reader_init(events, size);

    while (ls_reader_left(&r) >= EVENT_HEADER) {
        const uint8_t *event = r.pos;
        uint32_t event_size = size_of(event);
        size_t len = 0;
        if (event_size < EVENT_HEADER || ls_get_view(&r, event_size) == NULL) {
            return NULL; /* the server says what it thinks of it */
        }
        const uint8_t *statement = statement_of(event, event_size, &len);
        if (statement != NULL && len >= sizeof(makes) - 1 &&
            memcmp(statement, makes, sizeof(makes) - 1) == 0) {
            return copy_replacing(events, size, event, statement, copy_size);
        }
    }
    return NULL;
}
