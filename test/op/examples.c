#include "examples.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/stream.h"
#include "graph/attrs.h"

static jimm_op_fill fill_of(const jimm_op_example *example, int32_t index) {
  jimm_op_fill fill = example->fills[index];
  if (fill.offset == 0 && fill.scale == 0) {
    fill.scale = 1;
  }
  return fill;
}

void op_example_signature(const jimm_op *op, const jimm_op_example *example, char *buffer,
                          size_t size) {
  jimm_text text = {0};
  char value[JIMM_ATTR_TEXT], shape[JIMM_SHAPE_TEXT];
  for (int32_t i = 0; i < op->attr_count; i++) {
    jimm_text_append(&text, "%s%s=%s", i == 0 ? "" : " ", op->attrs[i].name,
                     jimm_attr_format(&op->attrs[i], example->attrs, value, sizeof(value)));
  }
  for (int32_t i = 0; i < example->input_count; i++) {
    const jimm_op_fill fill = fill_of(example, i);
    if (example->inputs[i].rank < 0) {
      jimm_text_append(&text, " | absent");
    } else {
      jimm_text_append(&text, " | %s %.17g %.17g",
                       jimm_shape_format(&example->inputs[i], shape, sizeof(shape)), fill.offset,
                       fill.scale);
      if (example->inputs[i].axis != 0) {
        jimm_text_append(&text, " axis %d", (int)example->inputs[i].axis);
      }
    }
  }
  char *words = jimm_text_take(&text);
  jimm_snprintf(buffer, size, "%s", words == NULL ? "(out of memory)" : words);
  jimm_free(words);
}

static void list_example(const jimm_op *op, const jimm_op_example *example) {
  char text[OP_EXAMPLE_TEXT];
  op_example_signature(op, example, text, sizeof(text));
  printf("{\"op\": \"%s\", \"example\": \"%s\", \"signature\": \"%s\", \"attrs\": {", op->name,
         example->name, text);
  for (int32_t i = 0; i < op->attr_count; i++) {
    const char *quote = op->attrs[i].type == JIMM_ATTR_ENUM ? "\"" : "";
    printf("%s\"%s\": %s%s%s", i == 0 ? "" : ", ", op->attrs[i].name, quote,
           jimm_attr_format(&op->attrs[i], example->attrs, text, sizeof(text)), quote);
  }
  printf("}, \"inputs\": [");
  for (int32_t i = 0; i < example->input_count; i++) {
    const bool absent = example->inputs[i].rank < 0;
    printf("%s%s", i == 0 ? "" : ", ",
           absent ? "null" : jimm_shape_format(&example->inputs[i], text, sizeof(text)));
  }
  printf("], \"axis\": %d, \"fills\": [", (int)jimm_shape_axis(&example->inputs[0]));
  for (int32_t i = 0; i < example->input_count; i++) {
    const jimm_op_fill fill = fill_of(example, i);
    jimm_snprintf(text, sizeof(text), "[%.17g, %.17g]", fill.offset, fill.scale);
    printf("%s%s", i == 0 ? "" : ", ", text);
  }
  printf("]}\n");
}

void op_example_list(void) {
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    for (int32_t k = 0; k < op->example_count; k++) {
      list_example(op, &op->examples[k]);
    }
  }
}

jimm_status op_example_input(const jimm_op *op, const jimm_op_example *example, int32_t index,
                             jimm_dtype dtype, jimm_tensor *tensor) {
  const jimm_shape *shape = &example->inputs[index];
  *tensor = (jimm_tensor){.shape = {.rank = -1}};
  if (shape->rank < 0) {
    return JIMM_OK;
  }
  const jimm_status status = jimm_tensor_create(dtype, shape, tensor);
  if (status != JIMM_OK) {
    return status;
  }
  char name[256];
  jimm_snprintf(name, sizeof(name), "%s/%s/%" PRId32, op->name, example->name, index);
  const uint64_t key = jimm_stream_key(1, name);
  const jimm_op_fill fill = fill_of(example, index);
  const int64_t count = jimm_shape_count(shape);
  for (int64_t i = 0; i < count; i++) {
    const double exact = fill.offset + fill.scale * jimm_stream_uniform(key, (uint64_t)i);
    if (dtype == JIMM_F64) {
      ((double *)tensor->data)[i] = (double)(float)exact;
    } else {
      ((float *)tensor->data)[i] = (float)exact;
    }
  }
  return JIMM_OK;
}

jimm_status op_example_inputs(const jimm_op *op, const jimm_op_example *example, jimm_dtype dtype,
                              jimm_tensor inputs[JIMM_EXAMPLE_INPUTS]) {
  jimm_status status = JIMM_OK;
  memset(inputs, 0, JIMM_EXAMPLE_INPUTS * sizeof(inputs[0]));
  for (int32_t i = 0; i < example->input_count && status == JIMM_OK; i++) {
    status = op_example_input(op, example, i, dtype, &inputs[i]);
  }
  return status;
}

void op_example_close(jimm_tensor inputs[JIMM_EXAMPLE_INPUTS]) {
  for (int32_t i = 0; i < JIMM_EXAMPLE_INPUTS; i++) {
    jimm_tensor_close(&inputs[i]);
  }
}

jimm_status op_example_forward(const jimm_op *op, const jimm_op_example *example, const void *attrs,
                               jimm_dtype dtype, const jimm_tensor *inputs, jimm_tensor *output) {
  jimm_shape shape;
  jimm_status status = op->infer(attrs, example->input_count, example->inputs, &shape);
  memset(output, 0, sizeof(*output));
  if (status == JIMM_OK) {
    status = jimm_tensor_create(dtype, &shape, output);
  }
  if (status != JIMM_OK) {
    return status;
  }
  memset(output->data, 0xFF, jimm_tensor_bytes(output));
  const jimm_op_call call = {attrs, example->input_count, inputs, output};
  return dtype == JIMM_F64 ? op->forward_f64(&call) : op->forward_f32(&call);
}

double op_example_difference(const jimm_tensor *a, const jimm_tensor *b) {
  const int64_t count = jimm_shape_count(&a->shape);
  double worst = 0;
  for (int64_t i = 0; i < count; i++) {
    const double x =
        a->dtype == JIMM_F32 ? (double)((const float *)a->data)[i] : ((const double *)a->data)[i];
    const double y = ((const double *)b->data)[i];
    const double difference = x == y || (isnan(x) && isnan(y)) ? 0 : fabs(x - y);
    if (!(difference <= worst)) { /* NaN too */
      worst = difference;
    }
  }
  return worst;
}

/* The inputs, each element times 1 + e or 1 - e. */
static jimm_status round_inputs(const jimm_op_example *example, const jimm_tensor *inputs,
                                uint64_t draw, double e, jimm_tensor moved[JIMM_EXAMPLE_INPUTS]) {
  jimm_status status = JIMM_OK;
  memset(moved, 0, JIMM_EXAMPLE_INPUTS * sizeof(moved[0]));
  for (int32_t i = 0; i < example->input_count && status == JIMM_OK; i++) {
    if (inputs[i].shape.rank < 0) {
      moved[i] = inputs[i];
      continue;
    }
    status = jimm_tensor_convert(&inputs[i], JIMM_F64, &moved[i]);
    const int64_t count = status == JIMM_OK ? jimm_shape_count(&moved[i].shape) : 0;
    const uint64_t key = jimm_stream_mix(4 * (uint64_t)i + draw);
    for (int64_t k = 0; k < count; k++) {
      const bool up = jimm_stream_bits(key, (uint64_t)k) >> 63 != 0;
      ((double *)moved[i].data)[k] *= up ? 1 + e : 1 - e;
    }
  }
  return status;
}

double op_example_bound(const jimm_op *op, const jimm_op_example *example,
                        const jimm_tensor *inputs, const jimm_tensor *y) {
  const double e = 0x1p-30;
  double response = 0, largest = 0, terms = 1;
  for (uint64_t draw = 0; draw < 4; draw++) {
    jimm_tensor moved[JIMM_EXAMPLE_INPUTS], z;
    jimm_status status = round_inputs(example, inputs, draw, e, moved);
    if (status == JIMM_OK) {
      status = op_example_forward(op, example, example->attrs, JIMM_F64, moved, &z);
    }
    if (status == JIMM_OK) {
      response = fmax(response, op_example_difference(&z, y) / e);
      jimm_tensor_close(&z);
    }
    op_example_close(moved);
    if (status != JIMM_OK) {
      return -1;
    }
  }
  const int64_t outputs = jimm_shape_count(&y->shape);
  if (op->macs != NULL && outputs > 0) {
    terms = (double)op->macs(example->attrs, example->input_count, example->inputs, &y->shape) /
            (double)outputs;
  } else if (example->inputs[0].rank > 0 && example->inputs[0].dim[0] > 0) {
    terms = (double)jimm_shape_count(&example->inputs[0]) / (double)example->inputs[0].dim[0];
  }
  for (int64_t i = 0; i < outputs; i++) {
    const double value = fabs(((const double *)y->data)[i]);
    largest = isfinite(value) ? fmax(largest, value) : largest;
  }
  return 0x1p-24 * (sqrt(terms) * response + largest);
}
