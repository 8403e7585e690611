/* jimm: a state: named tensors, as PyTorch's state_dict; safetensors files and PyTorch checkpoints;
 * synthetic weights. */
#ifndef JIMM_STATE_H
#define JIMM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An ordered set of named tensors, and string metadata. Counted: jimm_state_retain adds an owner,
 * jimm_state_close takes one away. */
typedef struct jimm_state jimm_state;

JIMM_API jimm_status jimm_state_create(jimm_state **state);
JIMM_API jimm_state *jimm_state_retain(jimm_state *state);
/* Drops this owner and sets *state to NULL; accepts NULL and a pointer to NULL. */
JIMM_API void jimm_state_close(jimm_state **state);

/* Adds a copy of `tensor` under a copy of `name` (UTF-8). A name twice: INVALID_ARGUMENT. */
JIMM_API jimm_status jimm_state_add(jimm_state *state, const char *name, const jimm_tensor *tensor);
/* The same, but takes over the memory that `tensor` owns (and clears it) instead of copying. */
JIMM_API jimm_status jimm_state_add_owned(jimm_state *state, const char *name, jimm_tensor *tensor);

/* Adds `tensor`, which describes memory of `source` under any shape, as a view: nothing is copied,
 * and `state` keeps `source` alive. Another source than that of its other views:
 * INVALID_ARGUMENT. */
JIMM_API jimm_status jimm_state_add_view(jimm_state *state, const char *name, jimm_state *source,
                                         const jimm_tensor *tensor);

JIMM_API int64_t jimm_state_count(const jimm_state *state);
/* Name and tensor number `index` in file order; NULL when out of range. Borrowed from the state. */
JIMM_API const char *jimm_state_name(const jimm_state *state, int64_t index);
JIMM_API const jimm_tensor *jimm_state_tensor(const jimm_state *state, int64_t index);
/* The tensor of that name, NULL when there is none. Borrowed. O(1). */
JIMM_API const jimm_tensor *jimm_state_find(const jimm_state *state, const char *name);

/* jimm_tensor_check_finite for every tensor; reads all of a mapped file. The message names the
 * first tensor in file order that has such elements, and says how many more have. */
JIMM_API jimm_status jimm_state_check_finite(const jimm_state *state);

/* Metadata of the file ("__metadata__" of safetensors): NULL when the key is absent. */
JIMM_API const char *jimm_state_metadata(const jimm_state *state, const char *key);
/* Key number `index`; NULL when out of range. Borrowed from the state. */
JIMM_API const char *jimm_state_metadata_key(const jimm_state *state, int64_t index);
JIMM_API jimm_status jimm_state_set_metadata(jimm_state *state, const char *key, const char *value);

/* Opens a weights file: safetensors, or a PyTorch checkpoint (.bin, .pth, .pt, .pth.tar), told by
 * its first bytes, not its name. The file is mapped, tensors keep their dtype and point into the
 * mapping; nothing of them is read before it is used. Those whose data lie at an address that their
 * type does not allow are copied, and of a checkpoint those that are not contiguous. The prefixes
 * "module." and "_orig_mod." of wrapped models are taken off names, as timm's clean_state_dict
 * does. A file that another process cuts short while it is mapped cannot be defended against.
 *
 * safetensors: checked as the format demands: header length, UTF-8, duplicate keys, data offsets in
 * order without holes or overlap, sizes equal dtype x shape without overflow, nothing past the end.
 * The order is that of the data in the file. The bytes of BOOL tensors are not looked at: any but 0
 * counts as true when converted.
 *
 * Checkpoints: the zip format of PyTorch 1.6 and later and the one before it. Nothing in the file
 * is run: the pickle may name what torch.load(weights_only=True) knows and argparse.Namespace, and
 * all else is refused by name. The weights are the dict under "state_dict_ema", "model_ema",
 * "state_dict" or "model" (the first that is there and, of the first two, not None) or else the
 * outermost, in its order, as timm.models.load_state_dict takes them; what stands beside that dict
 * is left aside, but an entry in it that is no tensor is an error, as an unexpected key is to
 * PyTorch.
 *
 * Errors name file, tensor, storage or opcode, and byte: malformed or truncated
 * (JIMM_ERROR_FORMAT); element types that jimm does not have (F8, complex, quantised), ranks above
 * JIMM_MAX_RANK, classes and functions that no state_dict needs, pickled models, TorchScript, tar
 * archives, compressed zip entries, big-endian storages (JIMM_ERROR_UNSUPPORTED); more memory for
 * values or copies than a file of its size can mean (JIMM_ERROR_LIMIT). */
JIMM_API jimm_status jimm_state_open(const char *path, jimm_state **state);

/* Writes a safetensors file, whole or not at all. Tensors are laid out by descending element size,
 * then name, as the safetensors library does; the header is padded to 8 bytes. */
JIMM_API jimm_status jimm_state_save(const jimm_state *state, const char *path);

/* ---- synthetic weights ----
 * Defined by (seed, name, index) with integer arithmetic and IEEE + - x and sqrt only, so that C
 * and numpy make the same bits; see docs/synthetic.md. Sizes are like those of trained networks:
 * nothing is at its default, so a block that is skipped or an epsilon that is wrong shows. */

/* Fills an F32 tensor (its shape is read, its data written) as parameter or buffer `name`. */
JIMM_API jimm_status jimm_synthetic_parameter(uint64_t seed, const char *name, jimm_tensor *tensor);
/* Fills an F32 tensor with uniform values in [-2, 2): a stand-in for a normalised image batch. */
JIMM_API jimm_status jimm_synthetic_input(uint64_t seed, const char *name, jimm_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
