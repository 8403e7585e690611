/* The table of temporary files that this process is writing: what jimm_remove_temporaries (base.h)
 * removes when a signal ends the program. */
#ifndef JIMM_BASE_TEMPORARY_H
#define JIMM_BASE_TEMPORARY_H

#include <jimm/base.h>

/* The longest name of a file, with its zero byte. */
#define JIMM_TEMPORARY_NAME_BYTES 256

/* Enters a temporary before it is made, so that there is no moment at which it is not known:
 * `name`, in the folder that the descriptor `folder` has open until jimm_temporary_leave. -1 when
 * the table is full or the name too long, which leave accepts. */
JIMM_SIBLING int jimm_temporary_enter(int folder, const char *name);
JIMM_SIBLING void jimm_temporary_leave(int slot);

#endif
