/* printf, strtod and error texts that do not follow the program's locale: a decimal point is a
 * point whatever the embedding program has set. */
#ifndef JIMM_BASE_LOCALE_H
#define JIMM_BASE_LOCALE_H

#include <stdarg.h>
#include <stddef.h>

#include <jimm/status.h>

/* As vsnprintf and snprintf, in the C locale. */
#if defined(__GNUC__)
#define JIMM_VPRINTF(fmt) __attribute__((format(printf, fmt, 0)))
#else
#define JIMM_VPRINTF(fmt)
#endif
JIMM_SIBLING int jimm_vsnprintf(char *buffer, size_t size, const char *format, va_list args)
    JIMM_VPRINTF(3);
JIMM_SIBLING int jimm_snprintf(char *buffer, size_t size, const char *format, ...)
    JIMM_PRINTF(3, 4);
/* As strtod, in the C locale; correctly rounded. */
JIMM_SIBLING double jimm_strtod(const char *text, char **end);
/* The description of an errno value, in English. Valid until the next call on this thread. */
JIMM_SIBLING const char *jimm_errno_text(int error);

/* The length of the longest prefix of `text` (`length` bytes) that is valid UTF-8 (RFC 3629). */
JIMM_SIBLING size_t jimm_utf8_valid_prefix(const char *text, size_t length);

/* Makes a text of a file fit for a message: "name" in quotes, control characters and malformed
 * bytes as \xNN, cut with "..." to fit. Always terminated; returns buffer. */
JIMM_SIBLING char *jimm_show(char *buffer, size_t size, const char *text, size_t length);
#define JIMM_SHOW_TEXT 256 /* a good size for buffers */

#endif
