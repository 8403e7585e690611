/* The pass that says in which form every step works, and which values are views. */
#include "plan/form.h"

#include "plan/lower.h"

jimm_extent jimm_extent_of(const jimm_shape *shape, jimm_form form) {
  jimm_extent e = {1, 1, 1, 1, 1};
  const int32_t rank = shape->rank;
  if (form == JIMM_FORM_ROWS) {
    e.images = rank > 1 ? (size_t)shape->dim[0] : 1;
    for (int32_t i = 1; i < rank - 1; i++) {
      e.width *= (size_t)shape->dim[i];
    }
    e.channels = rank > 0 ? (size_t)shape->dim[rank - 1] : 1;
    e.pixels = e.width;
    return e;
  }
  const int32_t axis = jimm_shape_axis(shape);
  const int32_t row = axis == 1 ? 2 : 1; /* of four dimensions */
  e.images = rank > 0 ? (size_t)shape->dim[0] : 1;
  e.channels = rank > axis ? (size_t)shape->dim[axis] : 1;
  for (int32_t i = 1; i < rank; i++) {
    if (i == axis) {
      continue;
    }
    if (rank == 4 && i == row) {
      e.height = (size_t)shape->dim[i];
    } else {
      e.width *= (size_t)shape->dim[i];
    }
  }
  e.pixels = e.height * e.width;
  return e;
}

void jimm_form_strides(const jimm_shape *shape, jimm_form form, int64_t *strides) {
  const int32_t axis = jimm_shape_axis(shape);
  int64_t step = 1;
  if (form == JIMM_FORM_CHANNELS_LAST && axis < shape->rank) {
    strides[axis] = 1;
    step = shape->dim[axis];
  }
  for (int32_t d = shape->rank - 1; d >= 0; d--) {
    if (form == JIMM_FORM_CHANNELS_LAST && d == axis) {
      continue;
    }
    strides[d] = step;
    step *= shape->dim[d];
  }
}

bool jimm_same_strides(const jimm_shape *shape, const int64_t *a, const int64_t *b) {
  for (int32_t d = 0; d < shape->rank; d++) {
    if (shape->dim[d] > 1 && a[d] != b[d]) {
      return false;
    }
  }
  return true;
}

bool jimm_is_form_free(const jimm_shape *shape) {
  int64_t rows[JIMM_MAX_RANK] = {0}, last[JIMM_MAX_RANK] = {0};
  jimm_form_strides(shape, JIMM_FORM_ROWS, rows);
  jimm_form_strides(shape, JIMM_FORM_CHANNELS_LAST, last);
  return jimm_same_strides(shape, rows, last);
}

/* Whether node v, whose operator has views, is its input in form `from`, itself in form `to`. */
static bool is_view(const jimm_lowering *l, const jimm_node *node, jimm_value v, jimm_form from,
                    jimm_form to) {
  const jimm_shape *x = &l->shapes[node->inputs[0]], *y = &l->shapes[v];
  int64_t x_strides[JIMM_MAX_RANK] = {0}, y_strides[JIMM_MAX_RANK] = {0};
  int64_t wanted[JIMM_MAX_RANK] = {0};
  jimm_form_strides(x, from, x_strides);
  jimm_form_strides(y, to, wanted);
  return node->op->view(node->attrs, x, x_strides, y, y_strides) &&
         jimm_same_strides(y, y_strides, wanted);
}

/* A view, if the node can be one: first of its input as that is made, else of it in another form.
 */
static bool find_view(jimm_lowering *l, const jimm_node *node, jimm_value v) {
  const jimm_form made = (jimm_form)l->form[l->order.alias[node->inputs[0]]];
  for (int i = 0; i < JIMM_FORMS; i++) {
    const jimm_form from = i == 0                   ? made
                           : made == JIMM_FORM_ROWS ? JIMM_FORM_CHANNELS_LAST
                                                    : JIMM_FORM_ROWS;
    for (int k = 0; k < JIMM_FORMS; k++) {
      const jimm_form to = k == 0 ? JIMM_FORM_CHANNELS_LAST : JIMM_FORM_ROWS;
      if (is_view(l, node, v, from, to)) {
        l->view[v] = (int8_t)from;
        l->form[v] = (uint8_t)to;
        return true;
      }
    }
  }
  return false;
}

/* Element by element in any form, if the inputs agree on what that is: then as the first is made.
 */
static jimm_form pointwise_form(const jimm_lowering *l, const jimm_node *node) {
  const jimm_shape *x = &l->shapes[node->inputs[0]];
  const jimm_value made = l->order.alias[node->inputs[0]];
  const bool step = jimm_graph_node(l->graph, made)->kind == JIMM_NODE_OP;
  for (int32_t i = 1; i < node->input_count; i++) {
    const jimm_shape *other = &l->shapes[node->inputs[i]];
    if (!jimm_shape_equal(x, other)) {
      return JIMM_FORM_CHANNELS_LAST; /* a gate */
    }
    if (jimm_shape_axis(x) != jimm_shape_axis(other)) {
      return JIMM_FORM_ROWS;
    }
  }
  return step ? (jimm_form)l->form[made] : JIMM_FORM_CHANNELS_LAST;
}

static jimm_form form_of(const jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  if (!jimm_has_kernel(l, head)) {
    return JIMM_FORM_ROWS; /* the reference implementation */
  }
  if (jimm_node_has(node, JIMM_OP_DENSE) && l->shapes[node->inputs[1]].rank == 2) {
    return JIMM_FORM_ROWS; /* on the last dimension */
  }
  return jimm_node_has(node, JIMM_OP_POINTWISE) ? pointwise_form(l, node) : JIMM_FORM_CHANNELS_LAST;
}

void jimm_plan_form(jimm_lowering *l) {
  for (jimm_value v = 0; v < l->order.count; v++) {
    const jimm_node *node = jimm_graph_node(l->graph, v);
    const jimm_value head = l->fusions.head[v];
    l->form[v] = JIMM_FORM_ROWS;
    l->view[v] = JIMM_NO_VIEW;
    if (node->kind != JIMM_NODE_OP || node->constant || !l->order.needed[v] ||
        (node->op->view != NULL && find_view(l, node, v))) {
      continue;
    }
    l->form[v] = (uint8_t)form_of(l, head); /* of the head's step, whatever follows in it */
  }
}
