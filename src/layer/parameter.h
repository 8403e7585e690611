/* What layers are made of. */
#ifndef JIMM_LAYER_PARAMETER_H
#define JIMM_LAYER_PARAMETER_H

#include <jimm/graph.h>

/* A trained parameter in float32. */
jimm_value jimm_layer_parameter(jimm_graph *graph, const char *name, jimm_shape shape,
                                jimm_parameter_role role);
/* An operator of one input. */
jimm_value jimm_layer_unary(jimm_graph *graph, const char *op, const char *name, const void *attrs,
                            jimm_value x);

#endif
