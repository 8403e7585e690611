/* From features to logits: global pools and classifiers. */
#include <string.h>

#include "layer/layer.h"
#include "layer/parameter.h"

static const char *const pool_names[] = {[JIMM_POOL_AVG] = "avg",
                                         [JIMM_POOL_MAX] = "max",
                                         [JIMM_POOL_AVGMAX] = "avgmax",
                                         [JIMM_POOL_CATAVGMAX] = "catavgmax"};

static int32_t find_pool(const char *name) {
  for (int32_t type = 0; type < (int32_t)(sizeof pool_names / sizeof pool_names[0]); type++) {
    if (strcmp(name, pool_names[type]) == 0) {
      return type;
    }
  }
  return -1;
}

jimm_value jimm_layer_flatten(jimm_graph *graph, const char *name, jimm_value x) {
  const jimm_flatten_attrs flatten = {1};
  return jimm_layer_unary(graph, "flatten", name, &flatten, x);
}

jimm_value jimm_layer_global_pool(jimm_graph *graph, jimm_value x, bool linear,
                                  const jimm_model_options *options, int64_t *channels) {
  if (options->global_pool[0] == 0) {
    if (linear && options->num_classes != 0) {
      jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT,
                      "global_pool \"\": pooling can only be disabled when the classifier is "
                      "removed too (num_classes 0), for it takes one vector an image; num_classes "
                      "is %lld",
                      (long long)options->num_classes);
      return JIMM_NO_VALUE;
    }
    return x;
  }
  const jimm_global_pool_attrs pool = {find_pool(options->global_pool)};
  if (pool.type < 0) {
    jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT,
                    "global_pool \"%s\": expected \"\", \"avg\", \"max\", \"avgmax\" or "
                    "\"catavgmax\"",
                    options->global_pool);
    return JIMM_NO_VALUE;
  }
  *channels *= pool.type == JIMM_POOL_CATAVGMAX ? 2 : 1;
  jimm_graph_push(graph, "global_pool");
  x = jimm_layer_unary(graph, "global_pool", "pool", &pool, x);
  jimm_graph_pop(graph);
  return x;
}

/* Dropout and a linear classifier over pooled features. */
static void classify(jimm_graph *graph, const char *drop, const char *fc, jimm_value x,
                     int64_t channels, const jimm_model_options *options) {
  if (options->global_pool[0] != 0) {
    jimm_graph_push(graph, "global_pool");
    x = jimm_layer_flatten(graph, "flatten", x);
    jimm_graph_pop(graph);
  }
  x = jimm_layer_dropout(graph, drop, x, options->drop_rate);
  jimm_graph_output(graph, "pre_logits", x);
  if (options->num_classes != 0) {
    x = jimm_layer_linear(graph, fc, x, channels, options->num_classes, JIMM_ROLE_CLASSIFIER);
  }
  jimm_graph_output(graph, "logits", x);
}

/* The same with a 1x1 convolution, before which nothing is flattened. */
static void classify_pixels(jimm_graph *graph, jimm_value x, int64_t channels,
                            const jimm_model_options *options) {
  const bool pooled = options->global_pool[0] != 0;
  x = jimm_layer_dropout(graph, "drop", x, options->drop_rate);
  const jimm_value pre_logits = pooled ? jimm_layer_flatten(graph, "pre_logits", x) : x;
  jimm_graph_output(graph, "pre_logits", pre_logits);
  if (options->num_classes == 0) {
    jimm_graph_output(graph, "logits", pre_logits);
    return;
  }
  x = jimm_layer_dense(graph, "fc", x, channels, options->num_classes, JIMM_DENSE_CONV,
                       JIMM_ROLE_CLASSIFIER);
  jimm_graph_output(graph, "logits", pooled ? jimm_layer_flatten(graph, "flatten", x) : x);
}

void jimm_layer_classifier(jimm_graph *graph, const char *name, jimm_value features,
                           int64_t channels, const jimm_model_options *options) {
  const jimm_value x = jimm_layer_global_pool(graph, features, true, options, &channels);
  classify(graph, "head_drop", name, x, channels, options);
}

void jimm_layer_classifier_head(jimm_graph *graph, jimm_value features, int64_t channels, bool conv,
                                const jimm_model_options *options) {
  jimm_graph_push(graph, "head");
  const jimm_value x = jimm_layer_global_pool(graph, features, !conv, options, &channels);
  if (conv) {
    classify_pixels(graph, x, channels, options);
  } else {
    classify(graph, "drop", "fc", x, channels, options);
  }
  jimm_graph_pop(graph);
}
