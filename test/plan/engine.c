#include "engine.h"

#include <string.h>

#include "base/stream.h"

void engine_fill(jimm_tensor *tensor, uint64_t seed, const char *name, double offset,
                 double scale) {
  const uint64_t key = jimm_stream_key(seed, name);
  const int64_t count = jimm_shape_count(&tensor->shape);
  float *x = tensor->data;
  for (int64_t i = 0; i < count; i++) {
    x[i] = (float)(offset + scale * jimm_stream_uniform(key, (uint64_t)i));
  }
}

jimm_tensor engine_tensor(const jimm_shape *shape, uint64_t seed, const char *name, double offset,
                          double scale) {
  jimm_tensor t = {0};
  if (jimm_tensor_create(JIMM_F32, shape, &t) == JIMM_OK) {
    engine_fill(&t, seed, name, offset, scale);
  }
  return t;
}

jimm_value engine_input(jimm_graph *graph, const jimm_shape *shape) {
  const jimm_input_attrs attrs = {*shape, JIMM_F32};
  return jimm_graph_input(graph, "x", &attrs);
}

jimm_value engine_parameter(jimm_graph *graph, const char *name, const jimm_shape *shape) {
  const jimm_parameter_attrs attrs = {
      .shape = *shape, .dtype = JIMM_F32, .kind = JIMM_PARAMETER, .role = JIMM_ROLE_NONE};
  return jimm_graph_parameter(graph, name, &attrs);
}

jimm_plan_options engine_options(const jimm_shape *input, int32_t threads, jimm_isa isa) {
  jimm_plan_options o = JIMM_PLAN_OPTIONS_INIT;
  static const char *const names[] = {"y"};
  o.batch = input->rank > 0 ? input->dim[0] : 1;
  o.height = input->rank == 4 ? input->dim[2] : 1;
  o.width = input->rank == 4 ? input->dim[3] : 1;
  o.threads = threads;
  o.isa = isa;
  o.outputs = names;
  o.output_count = 1;
  return o;
}

jimm_status engine_run(jimm_model *model, const jimm_plan_options *options,
                       const jimm_tensor *input, jimm_tensor *output) {
  jimm_plan *plan = NULL;
  jimm_shape shape;
  memset(output, 0, sizeof(*output));
  jimm_status status = jimm_plan_create(model, options, &plan);
  if (status == JIMM_OK) {
    status = jimm_plan_output_shape(plan, 0, &shape);
  }
  if (status == JIMM_OK) {
    status = jimm_tensor_create(JIMM_F32, &shape, output);
  }
  if (status == JIMM_OK) {
    /* what a kernel forgets to write must show */
    memset(output->data, 0xff, jimm_tensor_bytes(output));
    status = jimm_plan_run(plan, input, output);
  }
  jimm_plan_close(&plan);
  return status;
}
