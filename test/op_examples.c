#include "op_examples.h"

#include <inttypes.h>
#include <stdio.h>

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
  printf("], \"fills\": [");
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
