/* jimm: graphs with weights. */
#ifndef JIMM_WEIGHTS_H
#define JIMM_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/graph.h>
#include <jimm/registry.h>
#include <jimm/state.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct jimm_weights_options {
  size_t size;
  /* A classifier of another size, or none, in the state is no error: its tensors are dropped, and
   * the graph's classifier, if it has one, starts as PyTorch's linear layers do: uniform in
   * +-1/sqrt(fan_in), drawn from the stream of docs/synthetic.md with seed 0, always the same. Of
   * several classifiers each is reset or kept by itself. */
  bool reset_head;
  /* An input convolution of 3 channels is adapted to another number as timm's adapt_input_conv
   * does: one channel gets the sum, more get the three repeated and scaled by 3/channels. */
  bool adapt_input;
} jimm_weights_options;
#define JIMM_WEIGHTS_OPTIONS_INIT \
  { sizeof(jimm_weights_options), false, true }

/* Immutable and shareable between threads; packed weights are kept in it, one copy per layout, for
 * all plans. */
typedef struct jimm_model jimm_model;

/* The weights of `state` under the names and in the shapes that `graph` has, where the family of
 * jimm_graph_build's model knows others (jimm_family.adapt): convnext and convnextv2 take those of
 * the papers' own code ("downsample_layers.0.0.weight") and open_clip's image towers
 * ("visual.trunk.stem.0.weight"), and for the tag "fcmae", whose released weights have no final
 * norm, start one at 1 and 0. Else `state` itself. The caller closes *adapted. */
JIMM_API jimm_status jimm_state_adapt(const jimm_graph *graph, jimm_state *state,
                                      jimm_state **adapted);

/* Binds `state`, adapted by jimm_state_adapt, to `graph` (timm's load_state_dict, strict): every
 * tensor of the state is used and every parameter of the graph filled, with equal shapes; else
 * JIMM_ERROR_MISMATCH with a message that lists missing, unexpected and misshapen tensors. Floating
 * dtypes may differ from the graph's. Retains both; `options` may be NULL. */
JIMM_API jimm_status jimm_model_create(jimm_graph *graph, jimm_state *state,
                                       const jimm_weights_options *options, jimm_model **model);
/* A state of synthetic weights (jimm_synthetic_parameter) for every parameter of the graph that is
 * not optional, in graph order. The caller closes it. For weights that are adapted from 3 input
 * channels, make the state from a graph with 3 and bind it to one with in_chans channels. */
JIMM_API jimm_status jimm_state_synthetic(const jimm_graph *graph, uint64_t seed,
                                          jimm_state **state);
/* A state of fresh weights for every parameter of the graph, in graph order, as timm's model of
 * that family has them before training: its init_weights, or what PyTorch's layers do by
 * themselves. What jimm_graph_emit added starts as its own family's does, whatever `family` is;
 * NULL stands for none: the rest starts as PyTorch's layers do. The same seed gives the same bits
 * on every machine, but not those of PyTorch's generator. The caller closes it. */
JIMM_API jimm_status jimm_state_init(const jimm_family *family, const jimm_graph *graph,
                                     uint64_t seed, jimm_state **state);
/* A model with the weights of jimm_state_synthetic(graph, seed). */
JIMM_API jimm_status jimm_model_create_synthetic(jimm_graph *graph, uint64_t seed,
                                                 jimm_model **model);
JIMM_API jimm_model *jimm_model_retain(jimm_model *model);
JIMM_API void jimm_model_close(jimm_model **model);
JIMM_API jimm_graph *jimm_model_graph(const jimm_model *model); /* borrowed */
/* The parameter's tensor after adaptation, in the dtype of its file. Borrowed; NULL when `value` is
 * not a parameter or is optional and absent. */
JIMM_API const jimm_tensor *jimm_model_parameter(const jimm_model *model, jimm_value value);

/* jimm_tensor_check_finite for every parameter, after adaptation, in graph order: tensors of the
 * state that were dropped (reset_head) do not count. The message names the first that has such
 * elements, and says how many more have. Best called before plans are made: they let go of the
 * pages of a mapped file, which this reads. */
JIMM_API jimm_status jimm_model_check_finite(const jimm_model *model);

#ifdef __cplusplus
}
#endif
#endif
