/* jimm: graphs of named models, whole or as parts of other graphs. */
#ifndef JIMM_BUILD_H
#define JIMM_BUILD_H

#include <stdint.h>

#include <jimm/graph.h>
#include <jimm/model_options.h>
#include <jimm/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The graph of a named model. `options` may be NULL. The caller closes the graph. */
JIMM_API jimm_status jimm_graph_build(const jimm_model_name *name,
                                      const jimm_model_options *options, jimm_graph **graph);

/* What jimm_graph_emit added. Values are JIMM_NO_VALUE after an error, or when the family has no
 * such output. Its taps are jimm_graph_feature(graph, first_feature) and on, feature_count of them;
 * the last one's channels are those of `features`. */
typedef struct jimm_emitted {
  jimm_value features, pre_logits, logits;
  int32_t first_feature, feature_count;
} jimm_emitted;

/* Adds a named model to a graph that is being built, under the scope that is open: for networks
 * with several backbones, or heads that timm does not have. It is the same build that
 * jimm_graph_build runs, so it is the same model, node by node, whatever stands around it:
 *
 *   - `input`, a value of the graph, F32 [N, in_chans, H, W], takes the place of its image;
 *   - its nodes and parameters are named under the scope: pushed "a.backbone",
 * "layer1.0.conv1.weight" becomes "a.backbone.layer1.0.conv1.weight". Weights of all models then
 * live in one state, and jimm_model_create, jimm_state_synthetic and jimm_state_init find them
 * there;
 *   - its outputs are outputs of the graph under such names too: "a.backbone.features",
 *     "a.backbone.feat_01" and so on. Plans compute those that are asked for and no others.
 *
 * As in all building the first error is kept in the graph, and jimm_graph_finish reports it.
 * `options` may be NULL; num_classes 0 leaves the classifier out. A family's own build may call
 * this: that makes a network with a name of its own. */
JIMM_API jimm_emitted jimm_graph_emit(jimm_graph *graph, const jimm_model_name *name,
                                      const jimm_model_options *options, jimm_value input);

#ifdef __cplusplus
}
#endif
#endif
