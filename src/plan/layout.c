/* Values in the form that is asked for: conversions of layout, constants, the caller's tensors. */
#include <string.h>

#include "model/model.h"
#include "plan/lower.h"

/* A conversion whose other side is a buffer or a constant rather than a caller's tensor. */
typedef struct conversion {
  jimm_layout_args args; /* first: the task takes it */
  float *place;
} conversion;

static const size_t no_pad[4] = {0, 0, 0, 0};

/* What a conversion between rows and `form` moves: of channels-last, images are all dimensions
 * before the axis and pixels all after it. What is the same memory in both is copied as one
 * channel. */
static jimm_extent extent_for(const jimm_shape *shape, jimm_form form) {
  const int32_t axis = jimm_shape_axis(shape);
  jimm_extent e = {shape->rank > 0 ? (size_t)shape->dim[0] : 1, 1, 1, 1, 1};
  if (form == JIMM_FORM_ROWS || jimm_is_form_free(shape)) {
    for (int32_t d = 1; d < shape->rank; d++) {
      e.width *= (size_t)shape->dim[d];
    }
  } else if (axis == 1) {
    return jimm_extent_of(shape, form);
  } else {
    for (int32_t d = 1; d < shape->rank; d++) {
      size_t *part = d < axis ? &e.images : d == axis ? &e.channels : &e.width;
      *part *= (size_t)shape->dim[d];
    }
  }
  e.pixels = e.width;
  return e;
}

static conversion *set_extent(jimm_step *step, const jimm_extent *e) {
  conversion *c = step->args;
  c->args.images = e->images;
  c->args.channels = e->channels;
  c->args.height = e->height;
  c->args.width = e->width;
  c->args.source = (const float *const *)&c->place;
  c->args.target = &c->place;
  return c;
}

/* Rows to `form`. `rows` is their buffer, or JIMM_NO_BUFFER: then the caller sets source. */
static jimm_status from_rows(jimm_lowering *l, jimm_value value, jimm_form form, int32_t rows,
                             const size_t pad[4], int32_t *buffer, conversion **made) {
  const jimm_shape *shape = &l->shapes[value];
  /* a border needs height and width as they are */
  const jimm_extent e = pad == no_pad ? extent_for(shape, form) : jimm_extent_of(shape, form);
  size_t count;
  jimm_step *step = NULL;
  if (!jimm_size_product(&count, e.images, e.channels, e.height + pad[0] + pad[1],
                         e.width + pad[2] + pad[3])) {
    count = SIZE_MAX;
  }
  jimm_status status = jimm_new_buffer(l, count, sizeof(float), buffer);
  const jimm_kernel *row = NULL;
  if (status == JIMM_OK) {
    status = jimm_choose_layout(l, "channels_last", &e, &row);
  }
  if (status == JIMM_OK) {
    status = jimm_new_step(l, value, row, sizeof(conversion), &step);
  }
  if (status != JIMM_OK || step == NULL) {
    return status;
  }
  step->shape = *shape;
  conversion *c = set_extent(step, &e);
  memcpy(c->args.pad, pad, sizeof(c->args.pad));
  step->count = e.images * e.height;
  if (rows != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(conversion, place), rows, JIMM_READ);
  } else {
    step->bytes_read = (size_t)jimm_shape_count(shape) * sizeof(float);
  }
  jimm_step_ref(step, offsetof(conversion, args.inner), *buffer, JIMM_WRITE);
  *made = c;
  return JIMM_OK;
}

/* `form` to rows: into the buffer `rows`, or to where the caller sets target. */
static jimm_status to_rows(jimm_lowering *l, jimm_value value, jimm_form form, int32_t buffer,
                           int32_t rows, conversion **made) {
  const jimm_extent e = extent_for(&l->shapes[value], form);
  jimm_step *step = NULL;
  const jimm_kernel *row = NULL;
  jimm_status status = jimm_choose_layout(l, "channels_first", &e, &row);
  if (status == JIMM_OK) {
    status = jimm_new_step(l, value, row, sizeof(conversion), &step);
  }
  if (status != JIMM_OK || step == NULL) {
    return status;
  }
  step->shape = l->shapes[value];
  conversion *c = set_extent(step, &e);
  step->count = c->args.images * ((c->args.channels + JIMM_CHANNEL_BLOCK - 1) / JIMM_CHANNEL_BLOCK);
  jimm_step_ref(step, offsetof(conversion, args.inner), buffer, JIMM_READ);
  if (rows != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(conversion, place), rows, JIMM_WRITE);
  } else {
    step->bytes_written = (size_t)jimm_shape_count(&l->shapes[value]) * sizeof(float);
  }
  *made = c;
  return JIMM_OK;
}

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

/* Where the caller's tensor for that input will be. */
static const float *const *source_of(const jimm_lowering *l, jimm_value input) {
  int32_t place = 0;
  while (jimm_graph_input_value(l->graph, place) != input) {
    place++;
  }
  return &l->plan->inputs[place];
}

/* A value that no step makes: a constant, or an input of the graph. */
static jimm_status lower_source(jimm_lowering *l, jimm_value value, jimm_form form,
                                int32_t *buffer) {
  const jimm_node *node = jimm_graph_node(l->graph, value);
  const jimm_tensor *constant = NULL;
  conversion *c = NULL;
  if (node->kind == JIMM_NODE_OP && !node->constant) {
    return jimm_fail(JIMM_ERROR_INTERNAL, "plan: %s is used before it is computed", node->name);
  }
  jimm_status status = JIMM_OK;
  if (node->constant) {
    status = keep_constant(l, value, &constant);
  }
  if (status == JIMM_OK) {
    status = from_rows(l, value, form, JIMM_NO_BUFFER, no_pad, buffer, &c);
  }
  if (status != JIMM_OK || c == NULL) {
    return status;
  }
  if (constant != NULL) {
    c->place = constant->data;
  } else {
    c->args.source = source_of(l, value);
  }
  return JIMM_OK;
}

/* From the other form, which is there, into a new buffer. */
static jimm_status convert(jimm_lowering *l, jimm_value value, jimm_form form, int32_t from,
                           int32_t *buffer) {
  conversion *c = NULL;
  if (form == JIMM_FORM_CHANNELS_LAST) {
    return from_rows(l, value, form, from, no_pad, buffer, &c);
  }
  const jimm_status status =
      jimm_new_buffer(l, (size_t)jimm_shape_count(&l->shapes[value]), sizeof(float), buffer);
  return status == JIMM_OK ? to_rows(l, value, JIMM_FORM_CHANNELS_LAST, from, *buffer, &c) : status;
}

jimm_status jimm_lower_value(jimm_lowering *l, jimm_value value, jimm_form form, int32_t *buffer) {
  value = l->order.alias[value];
  const jimm_form other = form == JIMM_FORM_ROWS ? JIMM_FORM_CHANNELS_LAST : JIMM_FORM_ROWS;
  int32_t *wanted = &l->buffers[form][value];
  const int32_t have = l->buffers[other][value];
  jimm_status status = JIMM_OK;
  if (*wanted == JIMM_NO_BUFFER) {
    if (have == JIMM_NO_BUFFER) {
      status = lower_source(l, value, form, wanted);
    } else if (jimm_is_form_free(&l->shapes[value])) {
      *wanted = have;
    } else {
      status = convert(l, value, form, have, wanted);
    }
  }
  *buffer = *wanted;
  return status;
}

jimm_status jimm_lower_padded_input(jimm_lowering *l, jimm_value input, const size_t pad[4],
                                    int32_t *buffer) {
  conversion *c = NULL;
  const jimm_status status =
      from_rows(l, input, JIMM_FORM_CHANNELS_LAST, JIMM_NO_BUFFER, pad, buffer, &c);
  if (status == JIMM_OK && c != NULL) {
    c->args.source = source_of(l, input);
  }
  return status;
}

jimm_status jimm_lower_output(jimm_lowering *l, int32_t index, jimm_value value) {
  const jimm_value v = l->order.alias[value];
  const jimm_form form = (jimm_form)l->form[v];
  int32_t buffer = JIMM_NO_BUFFER;
  conversion *c = NULL;
  jimm_status status = jimm_lower_value(l, v, form, &buffer);
  if (status == JIMM_OK) {
    status = to_rows(l, v, form, buffer, JIMM_NO_BUFFER, &c);
  }
  if (status == JIMM_OK && c != NULL) {
    c->args.target = &l->plan->outputs[index];
    l->plan->steps[l->plan->step_count - 1].nodes = l->plan->output_names[index];
  }
  return status;
}
