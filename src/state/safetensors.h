/* The safetensors format: what its reader and writer share, and the reader itself. */
#ifndef JIMM_STATE_SAFETENSORS_H
#define JIMM_STATE_SAFETENSORS_H

#include <stddef.h>

#include <jimm/state.h>

#include "base/os.h"

#define SAFETENSORS_PREFIX 8 /* bytes of the header's length, little-endian */
#define SAFETENSORS_HEADER_LIMIT ((size_t)100000000)
#define SAFETENSORS_METADATA "__metadata__"

/* The state of the file `path` that *mapping holds; on success it takes the mapping over and clears
 * *mapping. */
jimm_status jimm_safetensors_read(const char *path, jimm_mapping *mapping, jimm_state **state);

#endif
