/* Graphs of named models: the family's build, run for a whole graph or within one. */
#include <jimm/build.h>

#include "graph/part.h"
#include "model/options.h"

jimm_status jimm_graph_build(const jimm_model_name *name, const jimm_model_options *options,
                             jimm_graph **graph) {
  if (graph == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_build: graph is NULL");
  }
  *graph = NULL;
  jimm_model_options resolved;
  jimm_status status = jimm_model_options_resolve("jimm_graph_build", name, options, &resolved);
  jimm_graph *built = NULL;
  if (status == JIMM_OK) {
    status = jimm_graph_create(&built);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_graph_set_owner(built, name->family, name->variant->tag);
  name->family->build(built, name->arch, &resolved);
  status = jimm_graph_finish(built);
  if (status != JIMM_OK) {
    jimm_graph_close(&built);
    return jimm_fail_context(status, "%s", name->arch->name);
  }
  *graph = built;
  return JIMM_OK;
}

jimm_emitted jimm_graph_emit(jimm_graph *graph, const jimm_model_name *name,
                             const jimm_model_options *options, jimm_value input) {
  jimm_emitted made = {JIMM_NO_VALUE, JIMM_NO_VALUE, JIMM_NO_VALUE, jimm_graph_feature_count(graph),
                       0};
  jimm_model_options resolved;
  jimm_open_part outer;
  const jimm_status status =
      jimm_model_options_resolve("jimm_graph_emit", name, options, &resolved);
  if (status != JIMM_OK) {
    jimm_graph_fail(graph, status, "%s", jimm_error_message());
    return made;
  }
  if (!jimm_graph_begin_part(graph, input, &outer)) {
    return made;
  }
  name->family->build(graph, name->arch, &resolved);
  made.features = jimm_graph_part_output(graph, "features");
  made.pre_logits = jimm_graph_part_output(graph, "pre_logits");
  made.logits = jimm_graph_part_output(graph, "logits");
  made.feature_count = jimm_graph_feature_count(graph) - made.first_feature;
  jimm_graph_end_part(graph, name->family, &outer);
  return made;
}
