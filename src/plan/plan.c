/* Plans: made from a model, described, closed. */
#include "plan/lower.h"

#include <string.h>

#include "base/cpu.h"
#include "base/options.h"

static jimm_status check_options(const jimm_plan_options *o) {
  if (o->batch < 0 || o->height < 1 || o->width < 1) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "a plan needs a batch of 0 or more, height and width of 1 or more: got batch "
                     "%lld, height %lld, width %lld",
                     (long long)o->batch, (long long)o->height, (long long)o->width);
  }
  if (o->threads < 0 || o->threads > JIMM_THREADS_MAX) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_plan_create: expected 1 to %d threads, or %d for the default, got %d",
                     JIMM_THREADS_MAX, JIMM_THREADS_DEFAULT, (int)o->threads);
  }
  if (o->output_count < 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_plan_create: expected an output_count of 0 or more, got %d",
                     (int)o->output_count);
  }
  if (o->output_count > 0 && o->outputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_plan_create: expected %d output names, got none", (int)o->output_count);
  }
  if (o->isa != JIMM_ISA_BEST && jimm_isa_name(o->isa) == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_create: there is no isa %d",
                     (int)o->isa);
  }
  if (jimm_precision_name(o->precision) == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_create: there is no precision %d",
                     (int)o->precision);
  }
  return JIMM_OK;
}

/* The shape of input `index`: as the options say, or with the free dimensions filled in: batch
 * first; height and width of an image. */
static jimm_status find_input(jimm_plan *plan, const jimm_plan_options *o, int32_t index) {
  const jimm_graph *graph = jimm_model_graph(plan->model);
  const jimm_node *input = jimm_graph_node(graph, jimm_graph_input_value(graph, index));
  jimm_shape *shape = &plan->input_shapes[index];
  plan->input_names[index] = plan->input_count == 1 ? "" : input->name;
  if (input->dtype != JIMM_F32) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: plans take F32 inputs, got %s", input->name,
                     jimm_dtype_name(input->dtype));
  }
  if (o->input_shapes != NULL) {
    *shape = o->input_shapes[index];
    return JIMM_OK;
  }
  *shape = ((const jimm_input_attrs *)input->attrs)->shape;
  const bool image = shape->rank == 4 && jimm_shape_axis(shape) == 1;
  const int64_t wanted[4] = {o->batch, -1, image ? o->height : -1, image ? o->width : -1};
  for (int32_t i = 0; i < shape->rank; i++) {
    if (i < 4 && shape->dim[i] < 0) {
      shape->dim[i] = wanted[i];
    }
    if (shape->dim[i] < 0) {
      return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                       "%s: dimension %d of the input is not known (input_shapes says it)",
                       input->name, (int)i);
    }
  }
  return JIMM_OK;
}

static jimm_status find_inputs(jimm_plan *plan, const jimm_plan_options *o) {
  const int32_t count = jimm_graph_input_count(jimm_model_graph(plan->model));
  if (o->input_shapes != NULL && o->input_shape_count != count) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_plan_create: expected %d input_shapes, one for each input of the graph, "
                     "got %d",
                     (int)count, (int)o->input_shape_count);
  }
  plan->input_count = count;
  plan->input_shapes =
      jimm_arena_alloc(&plan->objects, (size_t)count * sizeof(*plan->input_shapes));
  plan->input_names = jimm_arena_alloc(&plan->objects, (size_t)count * sizeof(*plan->input_names));
  plan->inputs = jimm_arena_alloc(&plan->objects, (size_t)count * sizeof(*plan->inputs));
  jimm_status status =
      plan->input_shapes == NULL || plan->input_names == NULL || plan->inputs == NULL
          ? JIMM_ERROR_OUT_OF_MEMORY
          : JIMM_OK;
  for (int32_t i = 0; i < count && status == JIMM_OK; i++) {
    status = find_input(plan, o, i);
  }
  return status;
}

static jimm_status find_outputs(jimm_plan *plan, const jimm_plan_options *o, jimm_value **values) {
  static const char *const logits[] = {"logits"};
  const jimm_graph *graph = jimm_model_graph(plan->model);
  const char *const *names = o->output_count > 0 ? o->outputs : logits;
  plan->output_count = o->output_count > 0 ? o->output_count : 1;
  const size_t n = (size_t)plan->output_count;
  *values = jimm_arena_alloc(&plan->objects, n * sizeof(**values));
  plan->output_shapes = jimm_arena_alloc(&plan->objects, n * sizeof(*plan->output_shapes));
  plan->output_names = jimm_arena_alloc(&plan->objects, n * sizeof(*plan->output_names));
  plan->outputs = jimm_arena_alloc(&plan->objects, n * sizeof(*plan->outputs));
  if (*values == NULL || plan->output_shapes == NULL || plan->output_names == NULL ||
      plan->outputs == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (size_t i = 0; i < n; i++) {
    (*values)[i] = names[i] == NULL ? JIMM_NO_VALUE : jimm_graph_find_output(graph, names[i]);
    if ((*values)[i] == JIMM_NO_VALUE) {
      jimm_text known = {0};
      for (int32_t k = 0; k < jimm_graph_output_count(graph); k++) {
        jimm_text_append(&known, "%s%s", k > 0 ? ", " : "", jimm_graph_output_name(graph, k));
      }
      char *text = jimm_text_take(&known);
      if (text == NULL) {
        return JIMM_ERROR_OUT_OF_MEMORY;
      }
      jimm_fail(JIMM_ERROR_NOT_FOUND, "jimm_plan_create: expected an output among %s, got %s", text,
                names[i] != NULL ? names[i] : "NULL");
      jimm_free(text);
      return JIMM_ERROR_NOT_FOUND;
    }
    plan->output_names[i] = jimm_arena_strdup(&plan->objects, names[i]);
    if (plan->output_names[i] == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
  }
  return JIMM_OK;
}

static jimm_status make(jimm_plan *plan, const jimm_plan_options *o) {
  jimm_value *values = NULL;
  char text[JIMM_FEATURES_TEXT];
  plan->precision = o->precision;
  plan->features = jimm_cpu_features() & jimm_isa_features(o->isa);
  plan->feature_names =
      jimm_arena_strdup(&plan->objects, jimm_features_format(plan->features, text, sizeof(text)));
  if (plan->feature_names == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  plan->threads = o->threads == JIMM_THREADS_DEFAULT ? jimm_default_threads() : o->threads;
  /* The steps are split for as many threads as were asked for, but no more than there are
   * processors are started: threads wait by spinning, and more of them would keep each other from
   * work. */
  const int most = jimm_default_threads();
  jimm_status status = jimm_pool_create(plan->threads > most ? most : plan->threads, &plan->pool);
  if (status == JIMM_OK) {
    status = find_inputs(plan, o);
  }
  if (status == JIMM_OK) {
    status = find_outputs(plan, o, &values);
  }
  if (status == JIMM_OK) {
    status = jimm_plan_lower(plan, values);
  }
  return status == JIMM_OK ? jimm_plan_place(plan) : status;
}

jimm_status jimm_plan_create(jimm_model *model, const jimm_plan_options *options,
                             jimm_plan **plan) {
  return jimm_plan_create_from(model, options, &jimm_kernels, plan);
}

jimm_status jimm_plan_create_from(jimm_model *model, const jimm_plan_options *options,
                                  const jimm_kernel_list *kernels, jimm_plan **plan) {
  if (plan == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_create: plan is NULL");
  }
  *plan = NULL;
  if (model == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_create: model is NULL");
  }
  jimm_plan_options o = JIMM_PLAN_OPTIONS_INIT;
  jimm_status status = jimm_copy_options("jimm_plan_options", options, &o, sizeof o);
  if (status == JIMM_OK) {
    status = check_options(&o);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_plan *made = jimm_calloc(1, sizeof(*made));
  if (made == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  made->model = jimm_model_retain(model);
  made->kernels = kernels;
  status = make(made, &o);
  if (status != JIMM_OK) {
    jimm_plan_close(&made);
    return status;
  }
  *plan = made;
  return JIMM_OK;
}

void jimm_plan_close(jimm_plan **plan) {
  if (plan == NULL || *plan == NULL) {
    return;
  }
  jimm_plan *p = *plan;
  *plan = NULL;
  jimm_pool_close(&p->pool);
  for (int32_t i = 0; i < p->constant_count; i++) {
    jimm_tensor_close(&p->constants[i]);
  }
  jimm_free(p->constants);
  jimm_free(p->steps);
  jimm_free(p->buffers);
  jimm_free(p->memory);
  jimm_arena_close(&p->objects);
  jimm_model_close(&p->model);
  jimm_free(p);
}

int32_t jimm_plan_input_count(const jimm_plan *plan) {
  return plan == NULL ? 0 : plan->input_count;
}

jimm_status jimm_plan_input_shape(const jimm_plan *plan, int32_t index, jimm_shape *shape) {
  if (plan == NULL || shape == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_input_shape: plan or shape is NULL");
  }
  if (index < 0 || index >= plan->input_count) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_plan_input_shape: expected an index below %d, got %d",
                     (int)plan->input_count, (int)index);
  }
  *shape = plan->input_shapes[index];
  return JIMM_OK;
}

int32_t jimm_plan_output_count(const jimm_plan *plan) {
  return plan == NULL ? 0 : plan->output_count;
}

jimm_status jimm_plan_output_shape(const jimm_plan *plan, int32_t index, jimm_shape *shape) {
  if (plan == NULL || shape == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_output_shape: plan or shape is NULL");
  }
  if (index < 0 || index >= plan->output_count) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_plan_output_shape: expected an index below %d, got %d",
                     (int)plan->output_count, (int)index);
  }
  *shape = plan->output_shapes[index];
  return JIMM_OK;
}

jimm_status jimm_plan_get_stats(const jimm_plan *plan, jimm_plan_stats *stats) {
  if (plan == NULL || stats == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_get_stats: plan or stats is NULL");
  }
  const jimm_plan_stats now = {
      .size = sizeof now,
      .arena_bytes = plan->arena_bytes,
      .packed_bytes = plan->packed_bytes,
      .steps = plan->step_count,
      .macs = plan->macs,
      .isa = jimm_features_isa(plan->features),
      .threads = jimm_pool_threads(plan->pool),
      .features = plan->feature_names,
  };
  return jimm_copy_result("jimm_plan_stats", &now, sizeof now, stats);
}

jimm_status jimm_plan_print(const jimm_plan *plan, char **text) {
  if (plan == NULL || text == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_print: plan or text is NULL");
  }
  jimm_text t = {0};
  char shape[JIMM_SHAPE_TEXT];
  for (int32_t i = 0; i < plan->step_count; i++) {
    const jimm_step *s = &plan->steps[i];
    jimm_text_append(&t, "%3d  %-34s %s  %s\n", (int)i, s->kernel, s->nodes,
                     jimm_shape_format(&s->shape, shape, sizeof(shape)));
  }
  *text = jimm_text_take(&t);
  return *text == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}
