/* Loaded before a server that runs under the address sanitizer. Libraries that name their message
 * catalogs when they are loaded take a lock of the C library for it. The first of them is so early
 * that the sanitizer starts itself inside of that, looks for a symbol that is missing, and asks for
 * the text of this error under the same lock. The lock never recovers, and the next such library,
 * loaded with a plugin, waits for it for ever. Nobody here reads messages in other languages. */
char *bindtextdomain(const char *domain, const char *directory);

char *bindtextdomain(const char *domain, const char *directory)
{
    (void)domain;
    return (char *)directory;
}
