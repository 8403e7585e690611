#include "layer/parameter.h"

#include "layer/layer.h"

jimm_value jimm_layer_parameter(jimm_graph *graph, const char *name, jimm_shape shape,
                                jimm_parameter_role role) {
  const jimm_parameter_attrs attrs = {
      .shape = shape, .dtype = JIMM_F32, .kind = JIMM_PARAMETER, .role = role};
  return jimm_graph_parameter(graph, name, &attrs);
}

jimm_value jimm_layer_vector(jimm_graph *graph, const char *name, int64_t length) {
  return jimm_layer_parameter(graph, name, (jimm_shape){1, {length}}, JIMM_ROLE_NONE);
}

jimm_value jimm_layer_unary(jimm_graph *graph, const char *op, const char *name, const void *attrs,
                            jimm_value x) {
  return jimm_graph_add(graph, op, name, attrs, 1, &x);
}
