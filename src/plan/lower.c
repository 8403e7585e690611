/* Graph to steps: the walk, the values' buffers, conversions of layout, reference operators. */
#include "plan/lower.h"

#include <string.h>

#include "model/model.h"

jimm_extent jimm_extent_of(const jimm_shape *shape) {
  jimm_extent e = {1, 1, 1, 1, 1};
  e.images = shape->rank > 0 ? (size_t)shape->dim[0] : 1;
  e.channels = shape->rank > 1 ? (size_t)shape->dim[1] : 1;
  if (shape->rank == 4) {
    e.height = (size_t)shape->dim[2];
    e.width = (size_t)shape->dim[3];
  } else {
    for (int32_t i = 2; i < shape->rank; i++) {
      e.width *= (size_t)shape->dim[i];
    }
  }
  e.pixels = e.height * e.width;
  return e;
}

/* Channels-last and row-major are the same order. */
static bool is_row_major(const jimm_shape *shape) {
  const jimm_extent e = jimm_extent_of(shape);
  return e.pixels == 1 || e.channels == 1;
}

jimm_status jimm_new_buffer(jimm_lowering *l, size_t elements, size_t element_size,
                            int32_t *buffer) {
  jimm_plan *plan = l->plan;
  size_t bytes;
  if (!jimm_size_product(&bytes, elements, element_size, 1, 1) || bytes > SIZE_MAX / 4) {
    return jimm_fail(JIMM_ERROR_LIMIT, "plan: an activation of %zu elements is too large",
                     elements);
  }
  const size_t count = (size_t)plan->buffer_count;
  if (jimm_reserve(&plan->buffers, count, count + 1, sizeof *plan->buffers,
                   &plan->buffer_capacity) != JIMM_OK) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  bytes =
      bytes == 0 ? JIMM_ALIGNMENT : (bytes + JIMM_ALIGNMENT - 1) & ~(size_t)(JIMM_ALIGNMENT - 1);
  plan->buffers[plan->buffer_count] = (jimm_buffer){.bytes = bytes};
  *buffer = plan->buffer_count++;
  return JIMM_OK;
}

/* "conv1 + bn1 + act1": the nodes of the fusion that starts at `first`. */
static const char *name_nodes(jimm_lowering *l, jimm_value first) {
  jimm_text text = {0};
  jimm_text_append(&text, "%s", jimm_graph_node(l->graph, first)->name);
  for (jimm_value v = first + 1; v <= l->fusions.of[first].end; v++) {
    if (l->fusions.head[v] == first) {
      jimm_text_append(&text, " + %s", jimm_graph_node(l->graph, v)->name);
    }
  }
  char *joined = jimm_text_take(&text);
  const char *kept = joined == NULL ? NULL : jimm_arena_strdup(&l->plan->objects, joined);
  jimm_free(joined);
  return kept;
}

jimm_status jimm_new_step(jimm_lowering *l, jimm_value first, const char *kernel_op,
                          size_t args_size, jimm_step **step) {
  jimm_plan *plan = l->plan;
  const size_t count = (size_t)plan->step_count;
  if (jimm_reserve(&plan->steps, count, count + 1, sizeof *plan->steps, &plan->step_capacity) !=
      JIMM_OK) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_step *s = &plan->steps[plan->step_count];
  *s = (jimm_step){
      .shape = l->shapes[l->fusions.of[first].end], .kernel = "reference", .value = JIMM_NO_VALUE};
  if (kernel_op != NULL) {
    const jimm_kernel *kernel = jimm_kernel_find(kernel_op, JIMM_F32, plan->isa);
    if (kernel == NULL) {
      return jimm_fail(JIMM_ERROR_INTERNAL, "plan: there is no kernel %s", kernel_op);
    }
    s->kernel = kernel->name;
    s->task = kernel->task;
  }
  s->args = jimm_arena_alloc(&plan->objects, args_size);
  s->nodes = name_nodes(l, first);
  if (s->args == NULL || s->nodes == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  plan->step_count++;
  *step = s;
  return JIMM_OK;
}

void jimm_step_ref(jimm_step *step, size_t field, int32_t buffer, jimm_access access) {
  step->refs[step->ref_count++] = (jimm_ref){field, buffer, (int32_t)access};
}

/* ---- conversions ---- */

/* A conversion whose row-major side is a buffer or a parameter rather than a caller's tensor. */
typedef struct conversion {
  jimm_layout_args args; /* first: the task takes it */
  float *place;
} conversion;

static conversion *set_extent(jimm_step *step, const jimm_shape *shape) {
  conversion *c = step->args;
  const jimm_extent e = jimm_extent_of(shape);
  c->args.images = e.images;
  c->args.channels = e.channels;
  c->args.height = e.height;
  c->args.width = e.width;
  c->args.source = (const float *const *)&c->place;
  c->args.target = &c->place;
  return c;
}

/* Row-major to channels-last. `rows` is the buffer of the row-major side, or JIMM_NO_BUFFER: then
 * the caller sets source. `shape` is that of the value. */
static jimm_status to_channels_last(jimm_lowering *l, jimm_value label, const jimm_shape *shape,
                                    int32_t rows, const size_t pad[4], int32_t *buffer,
                                    conversion **made) {
  const jimm_extent e = jimm_extent_of(shape);
  size_t count;
  jimm_step *step = NULL;
  if (!jimm_size_product(&count, e.images, e.channels, e.height + pad[0] + pad[1],
                         e.width + pad[2] + pad[3])) {
    count = SIZE_MAX;
  }
  jimm_status status = jimm_new_buffer(l, count, sizeof(float), buffer);
  if (status == JIMM_OK) {
    status = jimm_new_step(l, label, "channels_last", sizeof(conversion), &step);
  }
  if (status != JIMM_OK || step == NULL) {
    return status;
  }
  step->shape = *shape;
  conversion *c = set_extent(step, shape);
  memcpy(c->args.pad, pad, sizeof(c->args.pad));
  step->count = e.images * e.height;
  if (rows != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(conversion, place), rows, JIMM_READ);
  }
  jimm_step_ref(step, offsetof(conversion, args.inner), *buffer, JIMM_WRITE);
  *made = c;
  return JIMM_OK;
}

/* Channels-last to row-major: into the buffer `rows`, or to where the caller sets target. */
static jimm_status to_channels_first(jimm_lowering *l, jimm_value label, const jimm_shape *shape,
                                     int32_t buffer, int32_t rows, conversion **made) {
  jimm_step *step = NULL;
  const jimm_status status = jimm_new_step(l, label, "channels_first", sizeof(conversion), &step);
  if (status != JIMM_OK || step == NULL) {
    return status;
  }
  step->shape = *shape;
  conversion *c = set_extent(step, shape);
  step->count = c->args.images * ((c->args.channels + JIMM_CHANNEL_BLOCK - 1) / JIMM_CHANNEL_BLOCK);
  jimm_step_ref(step, offsetof(conversion, args.inner), buffer, JIMM_READ);
  if (rows != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(conversion, place), rows, JIMM_WRITE);
  }
  *made = c;
  return JIMM_OK;
}

static const size_t no_pad[4] = {0, 0, 0, 0};

/* Constant `value` as float32 that lives as long as the plan. */
static jimm_status keep_constant(jimm_lowering *l, jimm_value value, const jimm_tensor **tensor) {
  jimm_plan *plan = l->plan;
  const size_t count = (size_t)plan->constant_count;
  if (jimm_reserve(&plan->constants, count, count + 1, sizeof *plan->constants,
                   &plan->constant_capacity) != JIMM_OK) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_tensor *t = &plan->constants[plan->constant_count];
  memset(t, 0, sizeof(*t));
  const jimm_status status = jimm_model_constant_f32(plan->model, value, t);
  if (status == JIMM_OK) {
    plan->constant_count++;
    *tensor = t;
  }
  return status;
}

jimm_status jimm_lower_constant(jimm_lowering *l, jimm_value value, const float **data) {
  const jimm_tensor *tensor = NULL;
  const jimm_status status = keep_constant(l, value, &tensor);
  if (status == JIMM_OK) {
    *data = tensor->data;
  }
  return status;
}

jimm_status jimm_lower_value(jimm_lowering *l, jimm_value value, int32_t *buffer) {
  value = l->fusions.alias[value];
  const jimm_node *node = jimm_graph_node(l->graph, value);
  if (l->buffers[value] == JIMM_NO_BUFFER) {
    conversion *c = NULL;
    const jimm_tensor *constant = NULL;
    if (node->kind == JIMM_NODE_OP && !node->constant) {
      return jimm_fail(JIMM_ERROR_INTERNAL, "plan: %s is used before it is computed", node->name);
    }
    jimm_status status = JIMM_OK;
    if (node->constant) {
      status = keep_constant(l, value, &constant);
    }
    if (status == JIMM_OK) {
      status = to_channels_last(l, value, &l->shapes[value], JIMM_NO_BUFFER, no_pad,
                                &l->buffers[value], &c);
    }
    if (status != JIMM_OK || c == NULL) {
      return status;
    }
    if (constant != NULL) {
      c->place = constant->data;
    } else {
      c->args.source = &l->plan->input;
    }
  }
  *buffer = l->buffers[value];
  return JIMM_OK;
}

jimm_status jimm_lower_padded_input(jimm_lowering *l, jimm_value input, const size_t pad[4],
                                    int32_t *buffer) {
  conversion *c = NULL;
  const jimm_status status =
      to_channels_last(l, input, &l->shapes[input], JIMM_NO_BUFFER, pad, buffer, &c);
  if (status == JIMM_OK && c != NULL) {
    c->args.source = &l->plan->input;
  }
  return status;
}

/* The value's elements in row-major order: its own buffer when that is the same order. */
static jimm_status lower_row_major(jimm_lowering *l, jimm_value value, int32_t *buffer) {
  const jimm_shape *shape = &l->shapes[value];
  int32_t inner = JIMM_NO_BUFFER;
  conversion *c = NULL;
  jimm_status status = jimm_lower_value(l, value, &inner);
  if (status != JIMM_OK || is_row_major(shape)) {
    *buffer = inner;
    return status;
  }
  *buffer = JIMM_NO_BUFFER;
  status = jimm_new_buffer(l, (size_t)jimm_shape_count(shape), sizeof(float), buffer);
  return status == JIMM_OK ? to_channels_first(l, value, shape, inner, *buffer, &c) : status;
}

/* Makes `value` from its elements in row-major order. */
static jimm_status from_row_major(jimm_lowering *l, jimm_value value, int32_t rows) {
  conversion *c = NULL;
  if (is_row_major(&l->shapes[value])) {
    l->buffers[value] = rows;
    return JIMM_OK;
  }
  return to_channels_last(l, value, &l->shapes[value], rows, no_pad, &l->buffers[value], &c);
}

/* ---- operators without a kernel ---- */

static void run_reference(void *args, size_t index) {
  jimm_reference_step *step = args;
  (void)index;
  step->status = step->op->forward_f32(&step->call);
  if (step->status != JIMM_OK) {
    const char *message = jimm_error_message();
    size_t n = strlen(message);
    n = n < sizeof(step->message) ? n : sizeof(step->message) - 1;
    memcpy(step->message, message, n);
    step->message[n] = '\0';
  }
}

static jimm_status emit_reference(jimm_lowering *l, jimm_value v) {
  const jimm_node *node = jimm_graph_node(l->graph, v);
  int32_t buffers[JIMM_MAX_INPUTS];
  jimm_tensor tensors[JIMM_MAX_INPUTS];
  jimm_status status = JIMM_OK;
  memset(tensors, 0, sizeof(tensors));
  for (int32_t i = 0; i < JIMM_MAX_INPUTS; i++) {
    buffers[i] = JIMM_NO_BUFFER;
    tensors[i].dtype = JIMM_F32;
    tensors[i].shape.rank = -1;
    if (i >= node->input_count || node->inputs[i] == JIMM_NO_VALUE) {
      continue;
    }
    const jimm_value in = l->fusions.alias[node->inputs[i]];
    tensors[i].shape = l->shapes[in];
    if (jimm_graph_node(l->graph, in)->constant) {
      const jimm_tensor *constant = NULL;
      status = keep_constant(l, in, &constant);
      tensors[i].data = constant != NULL ? constant->data : NULL;
    } else {
      status = lower_row_major(l, in, &buffers[i]);
    }
    if (status != JIMM_OK) {
      return status;
    }
  }
  int32_t out;
  jimm_step *step = NULL;
  status = jimm_new_buffer(l, (size_t)jimm_shape_count(&l->shapes[v]), sizeof(float), &out);
  if (status == JIMM_OK) {
    status = jimm_new_step(l, v, NULL, sizeof(jimm_reference_step), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_reference_step *r = step->args;
  step->task = run_reference;
  step->count = 1;
  step->reference = r;
  r->op = node->op;
  memcpy(r->inputs, tensors, sizeof(tensors));
  r->output = (jimm_tensor){.dtype = JIMM_F32, .shape = l->shapes[v]};
  r->call = (jimm_op_call){node->attrs, node->input_count, r->inputs, &r->output};
  for (int32_t i = 0; i < JIMM_MAX_INPUTS; i++) {
    if (buffers[i] != JIMM_NO_BUFFER) {
      jimm_step_ref(step,
                    offsetof(jimm_reference_step, inputs) + (size_t)i * sizeof(jimm_tensor) +
                        offsetof(jimm_tensor, data),
                    buffers[i], JIMM_READ);
    }
  }
  jimm_step_ref(step, offsetof(jimm_reference_step, output.data), out, JIMM_WRITE);
  return from_row_major(l, v, out);
}

/* ---- the walk ---- */

/* flatten, reshape: the same elements in row-major order. */
static jimm_status emit_view(jimm_lowering *l, jimm_value v) {
  int32_t rows;
  const jimm_value in = l->fusions.alias[jimm_graph_node(l->graph, v)->inputs[0]];
  const jimm_status status = lower_row_major(l, in, &rows);
  return status == JIMM_OK ? from_row_major(l, v, rows) : status;
}

static jimm_status emit_node(jimm_lowering *l, jimm_value head) {
  bool done = false;
  jimm_status status = JIMM_OK;
  const jimm_node *node = jimm_graph_node(l->graph, head);
  if (jimm_node_is(node, "flatten") || jimm_node_is(node, "reshape")) {
    return emit_view(l, head);
  }
  status = jimm_emit(l, head, &done);
  if (status == JIMM_OK && !done) {
    status = emit_reference(l, head);
  }
  if (status == JIMM_OK) { /* the last of its steps writes the value */
    l->plan->steps[l->plan->step_count - 1].value = l->fusions.of[head].end;
  }
  return status;
}

static jimm_status check_value(const jimm_lowering *l, jimm_value v) {
  const jimm_shape *shape = &l->shapes[v];
  char text[JIMM_SHAPE_TEXT];
  const int64_t count = jimm_shape_count(shape);
  if (count < 0) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: %s has too many elements",
                     jimm_graph_node(l->graph, v)->name,
                     jimm_shape_format(shape, text, sizeof(text)));
  }
  for (int32_t i = 1; i < shape->rank; i++) {
    if (shape->dim[i] == 0) {
      return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: the plan has no empty values, got %s",
                       jimm_graph_node(l->graph, v)->name,
                       jimm_shape_format(shape, text, sizeof(text)));
    }
  }
  return JIMM_OK;
}

static int64_t count_macs(const jimm_lowering *l, jimm_value v) {
  const jimm_node *node = jimm_graph_node(l->graph, v);
  jimm_shape inputs[JIMM_MAX_INPUTS];
  if (node->op->macs == NULL) {
    return 0;
  }
  for (int32_t i = 0; i < node->input_count; i++) {
    inputs[i] =
        node->inputs[i] == JIMM_NO_VALUE ? (jimm_shape){.rank = -1} : l->shapes[node->inputs[i]];
  }
  return node->op->macs(node->attrs, node->input_count, inputs, &l->shapes[v]);
}

/* The conversions to the caller's tensors, after everything that reads the input: so an output may
 * even lie where the input is. */
static jimm_status emit_outputs(jimm_lowering *l, const jimm_value *values) {
  jimm_plan *plan = l->plan;
  jimm_status status = JIMM_OK;
  int32_t buffer = JIMM_NO_BUFFER;
  for (int32_t i = 0; i < plan->output_count && status == JIMM_OK; i++) {
    status = jimm_lower_value(l, values[i], &buffer);
  }
  for (int32_t i = 0; i < plan->output_count && status == JIMM_OK; i++) {
    conversion *c = NULL;
    const jimm_value v = l->fusions.alias[values[i]];
    status = jimm_lower_value(l, v, &buffer);
    if (status == JIMM_OK) {
      status = to_channels_first(l, v, &l->shapes[v], buffer, JIMM_NO_BUFFER, &c);
    }
    if (status == JIMM_OK && c != NULL) {
      c->args.target = &plan->outputs[i];
      plan->steps[plan->step_count - 1].nodes = plan->output_names[i];
    }
  }
  return status;
}

jimm_status jimm_plan_lower(jimm_plan *plan, const jimm_value *values) {
  jimm_lowering l = {.plan = plan, .graph = jimm_model_graph(plan->model)};
  const int32_t count = jimm_graph_node_count(l.graph);
  l.shapes = jimm_arena_alloc(&plan->objects, (size_t)count * sizeof(*l.shapes));
  l.buffers = jimm_arena_alloc(&plan->objects, (size_t)count * sizeof(*l.buffers));
  if (l.shapes == NULL || l.buffers == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  plan->shapes = l.shapes;
  jimm_status status = jimm_graph_infer(l.graph, &plan->input_shape, l.shapes);
  if (status == JIMM_OK) {
    status = jimm_plan_fuse(plan, values, l.shapes, &l.fusions);
  }
  for (jimm_value v = 0; v < count && status == JIMM_OK; v++) {
    l.buffers[v] = JIMM_NO_BUFFER;
    if (l.fusions.needed[v]) {
      status = check_value(&l, v);
    }
  }
  for (jimm_value v = 0; v < count && status == JIMM_OK; v++) {
    const jimm_value head = l.fusions.head[v];
    const jimm_node *node = jimm_graph_node(l.graph, v);
    if (!l.fusions.needed[v] || node->kind != JIMM_NODE_OP || node->constant) {
      continue;
    }
    if (__builtin_add_overflow(plan->macs, count_macs(&l, v), &plan->macs)) {
      plan->macs = INT64_MAX;
    }
    if (l.fusions.of[head].end == v) {
      status = emit_node(&l, head);
      if (status != JIMM_OK) {
        status = jimm_fail_context(status, "%s", jimm_graph_node(l.graph, head)->name);
      }
    }
  }
  for (int32_t i = 0; i < plan->output_count && status == JIMM_OK; i++) {
    plan->output_shapes[i] = l.shapes[values[i]];
  }
  return status == JIMM_OK ? emit_outputs(&l, values) : status;
}
