/* Assertions that stay on in every build.
 *
 * They guard our own invariants: a replica that has lost one must not go on writing. Bytes from a
 * peer, a disk or a user get an error instead (base/error.h). The report goes through the log sink
 * first, so that it stands in the server's error log. */
#ifndef LS_BASE_ASSERT_H
#define LS_BASE_ASSERT_H

_Noreturn void ls_assert_failed(const char *expr, const char *file, int line, const char *func);

#define LS_ASSERT(expr) ((expr) ? (void)0 : ls_assert_failed(#expr, __FILE__, __LINE__, __func__))

#endif
