/* The one rule for structs that begin with `size_t size` (jimm/base.h says it to users). `what` is
 * the struct's name, for the message. */
#ifndef JIMM_BASE_OPTIONS_H
#define JIMM_BASE_OPTIONS_H

#include <stddef.h>

#include <jimm/base.h>

/* Copies the options that the caller's version of the struct has over the defaults in `resolved`,
 * which has `size` bytes; `given` may be NULL. INVALID_ARGUMENT when it was not initialised, or
 * has fields that this version does not know. */
JIMM_SIBLING jimm_status jimm_copy_options(const char *what, const void *given, void *resolved,
                                           size_t size);
/* The other way: gives the caller's `wanted` those fields of `found`, of `size` bytes, that it
 * has. */
JIMM_SIBLING jimm_status jimm_copy_result(const char *what, const void *found, size_t size,
                                          void *wanted);
/* A row that is kept by its pointer, not copied: it must have just this version's fields. */
jimm_status jimm_check_row(const char *what, const void *row, size_t size);

#endif
