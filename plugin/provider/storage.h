/* What the provider must know of the server's storage engine, which no interface tells. */
#ifndef LS_PROVIDER_STORAGE_H
#define LS_PROVIDER_STORAGE_H

struct ls_provider;

/* Looks where the server keeps it; at init, while nobody else changes the lists of plugins. */
void ls_storage_find(struct ls_provider *p);

/* innodb_flush_log_at_timeout as it is now: after so many seconds the storage engine has on disk
 * what was committed, also without a flush at commit. Of a server that does not tell, 1 s is
 * assumed. */
unsigned ls_storage_flush_timeout(const struct ls_provider *p);

/* Once a second: the write-set log reaches back to what the storage engine has (rule 20). */
void ls_storage_watch(struct ls_provider *p);

#endif
