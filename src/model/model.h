/* A graph with weights, and the packed weights that plans share. */
#ifndef JIMM_MODEL_MODEL_H
#define JIMM_MODEL_MODEL_H

#include <stddef.h>

#include <jimm/model.h>

/* Writes `bytes` bytes of packed weights to `data` (zeroed, aligned to 64). */
typedef jimm_status (*jimm_pack_function)(void *context, void *data);

/* The packed weights of that key (parameter names and layout, e.g. "conv1.weight+bn1:igemm16"),
 * packed by the first caller and kept until the model is closed. Thread-safe. A second caller with
 * another `bytes` for the same key: JIMM_ERROR_INTERNAL. */
jimm_status jimm_model_packed(jimm_model *model, const char *key, size_t bytes,
                              jimm_pack_function pack, void *context, const void **data);

/* A constant value (jimm_node.constant) as float32: *tensor is a view of the model's memory or an
 * owned tensor; the caller closes it either way. Operators over parameters are evaluated by their
 * reference implementation in float64 and rounded once (in float32 where that gives the same). */
jimm_status jimm_model_constant_f32(const jimm_model *model, jimm_value value, jimm_tensor *tensor);

/* Says that nothing will read the constant soon: the pages of a mapped file that its parameters lie
 * in leave memory. */
void jimm_model_release(const jimm_model *model, jimm_value value);

/* The tensor of a parameter, or of a constant of the graph; NULL when there is none. Borrowed. */
const jimm_tensor *jimm_model_tensor(const jimm_model *model, jimm_value value);
/* That as float32: a view or an owned tensor. */
jimm_status jimm_model_tensor_f32(const jimm_model *model, jimm_value value, jimm_tensor *tensor);
void jimm_model_release_parameter(const jimm_model *model, jimm_value value);

#endif
