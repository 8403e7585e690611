/* jimm-parity: HDF5 fixtures that hold an input, weights and what timm made of them.
 *
 * Functions of libjimm-parity (the core library does not need HDF5). Layout of a file: /input,
 * /state_dict/<key>, /output/<name>; see docs/parity.md.
 */
#ifndef JIMM_PARITY_H
#define JIMM_PARITY_H

#include <jimm/state.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct jimm_parity {
  jimm_tensor input;   /* [N, C, H, W] */
  jimm_state *state;   /* tensors of /state_dict, in their dtype */
  jimm_state *outputs; /* tensors of /output: "features", and "logits" when there is a head */
} jimm_parity;

/* Reads a fixture. The caller closes it. Errors name file and dataset: a missing group or dataset,
 * an unsupported type, a truncated file. Groups inside /state_dict and /output give keys joined by
 * a dot. Links to other files are not followed; all datasets together may have 16 GiB. One thread
 * at a time enters HDF5 here; a program that also uses HDF5 itself must not do so at the same time.
 */
JIMM_API jimm_status jimm_parity_read(const char *path, jimm_parity *parity);
/* Writes a fixture, whole or not at all. Names must not be empty, "." or have a '/'. BF16 is stored
 * as a 16-bit floating type of 8 exponent bits. */
JIMM_API jimm_status jimm_parity_write(const char *path, const jimm_parity *parity);
JIMM_API void jimm_parity_close(jimm_parity *parity);

#ifdef __cplusplus
}
#endif
#endif
