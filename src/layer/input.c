/* What a build begins with: the image, and a check of how far it may shrink. */
#include "layer/layer.h"

bool jimm_check_output_stride(jimm_graph *graph, const jimm_model_options *options, bool any) {
  const int64_t stride = options->output_stride;
  if (any ? stride > 0 : stride == 8 || stride == 16 || stride == 32) {
    return true;
  }
  jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT, "output_stride: expected %s, got %lld",
                  any ? "a number above 0" : "8, 16 or 32", (long long)stride);
  return false;
}

jimm_value jimm_layer_image(jimm_graph *graph, int64_t channels) {
  const jimm_input_attrs attrs = {{4, {-1, channels, -1, -1}}, JIMM_F32};
  return jimm_graph_input(graph, "input", &attrs);
}
