/* Constants of the safetensors format that reader and writer share. */
#ifndef JIMM_STATE_SAFETENSORS_H
#define JIMM_STATE_SAFETENSORS_H

#include <stddef.h>

#define SAFETENSORS_PREFIX 8 /* bytes of the header's length, little-endian */
#define SAFETENSORS_HEADER_LIMIT ((size_t)100000000)
#define SAFETENSORS_METADATA "__metadata__"

#endif
