/* Write-sets that a database may have had before its server died, and gets once more.
 *
 * CREATE TABLE ... SELECT is ordered like a transaction: the statement that makes the table, as the
 * binary log writes it, and the rows. The storage engine has the table on its disk at once, the
 * rows and the position with its next flush. Of a server that dies in between the table is left,
 * empty, and the statement fails when it comes again. No table of that name was there when the
 * write-set was ordered, else its certification or the client had failed: what is found is that
 * leftover. So the statement is told to replace it. */
#ifndef LS_PROVIDER_AGAIN_H
#define LS_PROVIDER_AGAIN_H

#include <stdbool.h>
#include <stddef.h>

/* A copy of these binary log events in which the table to be made replaces one of its name, for
 * free(); NULL: there is none in them, they can be applied as they are. Bytes of any kind are
 * borne. */
void *ls_again_replacing(const void *events, size_t size, size_t *copy_size);

#endif
