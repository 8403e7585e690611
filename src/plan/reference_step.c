/* Steps of operators without a kernel: their reference implementation, over rows. A failure is kept
 * in the step, for the task may run on another thread than the caller's. */
#include <string.h>

#include "plan/lower.h"

static void run_reference(void *args, size_t index, size_t thread) {
  jimm_reference_step *step = args;
  (void)index;
  (void)thread;
  step->status = step->op->forward_f32(&step->call);
  if (step->status != JIMM_OK) {
    const char *message = jimm_error_message();
    size_t n = strlen(message);
    n = n < sizeof(step->message) ? n : sizeof(step->message) - 1;
    memcpy(step->message, message, n);
    step->message[n] = '\0';
  }
}

/* Input `index` of the node as a tensor: of a constant with its data, else *buffer is where it will
 * lie. */
static jimm_status describe_input(jimm_lowering *l, const jimm_node *node, int32_t index,
                                  jimm_tensor *tensor, int32_t *buffer) {
  *buffer = JIMM_NO_BUFFER;
  *tensor = (jimm_tensor){.dtype = JIMM_F32, .shape = {.rank = -1}};
  if (node->inputs[index] == JIMM_NO_VALUE) {
    return JIMM_OK;
  }
  const jimm_value in = l->order.alias[node->inputs[index]];
  tensor->shape = l->shapes[in];
  if (!jimm_graph_node(l->graph, in)->constant) {
    return jimm_lower_value(l, in, JIMM_FORM_ROWS, buffer);
  }
  const float *data = NULL;
  const jimm_status status = jimm_lower_constant(l, in, &data);
  tensor->data = (void *)(uintptr_t)data;
  return status;
}

jimm_status jimm_emit_reference(jimm_lowering *l, jimm_value v) {
  const jimm_node *node = jimm_graph_node(l->graph, v);
  const size_t count = (size_t)node->input_count;
  const size_t args_size = sizeof(jimm_reference_step) + count * sizeof(jimm_tensor);
  jimm_tensor *inputs = jimm_arena_alloc(&l->plan->objects, count * sizeof(*inputs));
  int32_t *buffers = jimm_arena_alloc(&l->plan->objects, count * sizeof(*buffers));
  jimm_status status = inputs == NULL || buffers == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  for (int32_t i = 0; i < node->input_count && status == JIMM_OK; i++) {
    status = describe_input(l, node, i, &inputs[i], &buffers[i]);
  }
  int32_t out;
  jimm_step *step = NULL;
  if (status == JIMM_OK) {
    status = jimm_new_buffer(l, (size_t)jimm_shape_count(&l->shapes[v]), sizeof(float), &out);
  }
  if (status == JIMM_OK) {
    status = jimm_new_step(l, v, NULL, args_size, &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  step->refs = jimm_arena_alloc(&l->plan->objects, (count + 1) * sizeof(*step->refs));
  if (step->refs == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_reference_step *r = step->args;
  step->task = run_reference;
  step->count = 1;
  step->reference = r;
  r->op = node->op;
  if (count > 0) {
    memcpy(r->inputs, inputs, count * sizeof(*inputs));
  }
  r->output = (jimm_tensor){.dtype = JIMM_F32, .shape = l->shapes[v]};
  r->call = (jimm_op_call){node->attrs, node->input_count, r->inputs, &r->output};
  for (size_t i = 0; i < count; i++) {
    if (buffers[i] != JIMM_NO_BUFFER) {
      jimm_step_ref(step,
                    offsetof(jimm_reference_step, inputs) + i * sizeof(jimm_tensor) +
                        offsetof(jimm_tensor, data),
                    buffers[i], JIMM_READ);
    }
  }
  jimm_step_ref(step, offsetof(jimm_reference_step, output.data), out, JIMM_WRITE);
  l->buffers[JIMM_FORM_ROWS][v] = out;
  return JIMM_OK;
}
