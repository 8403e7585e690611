#include "model/bind.h"

#include <math.h>
#include <string.h>

#include "base/stream.h"
#include "graph/part.h"
#include "model/registry.h"

/* ---- what does not fit ---- */

#define LISTED 20 /* names of one kind in a message; the rest is counted */

typedef enum misfit { MISSING, UNEXPECTED, MISSHAPEN, MISTYPED, PROBLEMS } misfit;

static const char *const words[] = {"missing", "unexpected", "misshapen", "mistyped"};

typedef struct misfits {
  jimm_text lines[PROBLEMS];
  int64_t counts[PROBLEMS];
  bool head;    /* the classifier is among them, for no other reason than its number of classes */
  bool foreign; /* something other than the classifier and the input convolution is */
} misfits;

static void note(misfits *report, misfit problem, const char *name, const jimm_shape *shape) {
  char text[JIMM_SHAPE_TEXT];
  if (report->counts[problem]++ < LISTED) {
    jimm_text_append(&report->lines[problem], "\n  %s: %s %s", words[problem], name,
                     jimm_shape_format(shape, text, sizeof text));
  }
}

/* `resized`: a classifier that is there, or not there, for another number of classes. */
static void note_role(misfits *report, jimm_parameter_role role, bool resized) {
  report->head = report->head || (role == JIMM_ROLE_CLASSIFIER && resized);
  report->foreign = report->foreign || role == JIMM_ROLE_NONE;
}

/* The shapes differ in the first dimension alone. */
static bool is_resized(const jimm_shape *want, const jimm_shape *got) {
  if (want->rank < 1 || want->rank != got->rank || want->dim[0] == got->dim[0]) {
    return false;
  }
  for (int32_t i = 1; i < want->rank; i++) {
    if (want->dim[i] != got->dim[i]) {
      return false;
    }
  }
  return true;
}

static jimm_status finish_report(misfits *report, const jimm_state *state) {
  jimm_text text = {0};
  const char *separator = "";
  for (int i = 0; i < PROBLEMS; i++) {
    if (report->counts[i] > 0) {
      jimm_text_append(&text, "%s%lld %s", separator, (long long)report->counts[i], words[i]);
      separator = ", ";
    }
  }
  for (int i = 0; i < PROBLEMS; i++) {
    if (report->counts[i] > 0) {
      text.failed |= report->lines[i].failed;
      jimm_text_append(&text, "%s", text.failed ? "" : report->lines[i].data);
    }
    if (report->counts[i] > LISTED) {
      jimm_text_append(&text, "\n  and %lld more %s", (long long)report->counts[i] - LISTED,
                       words[i]);
    }
  }
  if (report->foreign) {
    jimm_text names = {0};
    const int count = jimm_model_guess(state, &names, 3);
    text.failed |= count < 0 || names.failed;
    if (count > 0 && !names.failed) {
      jimm_text_append(&text, "\nThese are weights of another model: they fit %s", names.data);
    }
    jimm_free(names.data);
  } else if (report->head) {
    jimm_text_append(&text,
                     "\nThe classifier is of another size: ask for the number of classes that the "
                     "weights have (num_classes), or set reset_head to drop theirs");
  }
  char *message = jimm_text_take(&text);
  if (message == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_fail(JIMM_ERROR_MISMATCH, "the weights do not fit the model: %s", message);
  jimm_free(message);
  return JIMM_ERROR_MISMATCH;
}

static void close_report(misfits *report) {
  for (int i = 0; i < PROBLEMS; i++) {
    jimm_free(report->lines[i].data);
  }
}

/* ---- shapes and types ---- */

static const jimm_parameter_attrs *parameter_attrs(const jimm_graph *graph, jimm_value value,
                                                   const char **name) {
  const jimm_node *node = jimm_graph_node(graph, value);
  if (node == NULL || node->kind != JIMM_NODE_PARAMETER) {
    return NULL;
  }
  *name = node->name;
  return node->attrs;
}

static bool is_floating(jimm_dtype dtype) {
  return dtype == JIMM_F64 || dtype == JIMM_F32 || dtype == JIMM_F16 || dtype == JIMM_BF16;
}

/* A convolution of three input channels where the graph has another number of them. */
static bool can_adapt(const jimm_parameter_attrs *attrs, const jimm_tensor *tensor) {
  const jimm_shape *want = &attrs->shape;
  const jimm_shape *got = &tensor->shape;
  return attrs->role == JIMM_ROLE_INPUT_CONV && want->rank == 4 && got->rank == 4 &&
         got->dim[1] == 3 && want->dim[1] != 3 && got->dim[0] == want->dim[0] &&
         got->dim[2] == want->dim[2] && got->dim[3] == want->dim[3];
}

/* Files of PyTorch 0.3 and older hold scalars as vectors of one element; PyTorch takes them. */
static bool is_old_scalar(const jimm_parameter_attrs *attrs, const jimm_tensor *tensor) {
  return attrs->shape.rank == 0 && tensor->shape.rank == 1 && tensor->shape.dim[0] == 1;
}

/* ---- adaptation ---- */

/* timm.models._manipulate.adapt_input_conv for weights of three input channels: one channel gets
 * their sum; more get them repeated and scaled by 3/channels. In float32, whatever the file has. */
static jimm_status adapt_input_conv(const jimm_tensor *source, const jimm_shape *shape,
                                    jimm_tensor *result) {
  jimm_tensor from = *source;
  from.owned = NULL;
  if (source->dtype != JIMM_F32) {
    const jimm_status status = jimm_tensor_convert(source, JIMM_F32, &from);
    if (status != JIMM_OK) {
      return status;
    }
  }
  jimm_tensor adapted = {0};
  jimm_status status = jimm_tensor_create(JIMM_F32, shape, &adapted);
  if (status == JIMM_OK) {
    const int64_t area = shape->dim[2] * shape->dim[3];
    const int64_t channels = shape->dim[1];
    const float scale = (float)(3.0 / (double)channels);
    const float *x = from.data;
    float *y = adapted.data;
    for (int64_t o = 0; o < shape->dim[0]; o++, x += 3 * area) {
      for (int64_t c = 0; c < channels; c++) {
        for (int64_t i = 0; i < area; i++) {
          *y++ =
              channels == 1 ? (x[i] + x[area + i]) + x[2 * area + i] : x[c % 3 * area + i] * scale;
        }
      }
    }
    if (source->dtype == JIMM_F32) {
      *result = adapted;
      adapted = (jimm_tensor){0};
    } else {
      status = jimm_tensor_convert(&adapted, source->dtype, result);
    }
  }
  jimm_tensor_close(&adapted);
  jimm_tensor_close(&from);
  return status;
}

/* The inputs of the layer that parameter `name` belongs to: its weight's second dimension. */
static int64_t fan_in(const jimm_graph *graph, const char *name) {
  const char *dot = strrchr(name, '.');
  char *weight = jimm_format("%.*sweight", dot == NULL ? 0 : (int)(dot + 1 - name), name);
  if (weight == NULL) {
    return 0;
  }
  const char *weight_name;
  const jimm_parameter_attrs *attrs =
      parameter_attrs(graph, jimm_graph_find(graph, weight), &weight_name);
  jimm_free(weight);
  int64_t count = 1;
  for (int32_t i = 1; attrs != NULL && i < attrs->shape.rank; i++) {
    count *= attrs->shape.dim[i];
  }
  return attrs == NULL || count < 1 ? 1 : count;
}

/* PyTorch's default for a linear layer: weight and bias uniform in +-1/sqrt(fan_in), here from the
 * stream of docs/synthetic.md with seed 0, so that the result is always the same. */
static jimm_status make_classifier(const jimm_graph *graph, const char *name,
                                   const jimm_shape *shape, jimm_tensor *result) {
  const int64_t inputs = fan_in(graph, name);
  if (inputs == 0) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const jimm_status status = jimm_tensor_create(JIMM_F32, shape, result);
  if (status != JIMM_OK) {
    return status;
  }
  const double bound = 1.0 / sqrt((double)inputs);
  const uint64_t key = jimm_stream_key(0, name);
  const int64_t count = jimm_shape_count(shape);
  float *data = result->data;
  for (int64_t i = 0; i < count; i++) {
    data[i] = (float)(bound * jimm_stream_uniform(key, (uint64_t)i));
  }
  return JIMM_OK;
}

/* ---- binding ---- */

typedef struct classifier {
  bool fits;   /* the state has all its tensors, in its shapes */
  bool absent; /* the state has none of its tensors */
} classifier;

/* Whether two parameters belong to one module: "head.fc.weight" and "head.fc.bias". */
static bool are_siblings(const char *a, const char *b) {
  const char *dot = strrchr(a, '.');
  const size_t length = dot == NULL ? 0 : (size_t)(dot + 1 - a);
  return strncmp(a, b, length) == 0 && strchr(b + length, '.') == NULL;
}

/* The classifier that parameter `of` belongs to. */
static classifier find_head(const jimm_graph *graph, const jimm_state *state, const char *of) {
  classifier found = {true, true};
  for (jimm_value v = 0; v < jimm_graph_node_count(graph); v++) {
    const char *name = NULL;
    const jimm_parameter_attrs *attrs = parameter_attrs(graph, v, &name);
    if (attrs != NULL && attrs->role == JIMM_ROLE_CLASSIFIER && are_siblings(of, name)) {
      const jimm_tensor *tensor = jimm_state_find(state, name);
      found.absent = found.absent && tensor == NULL;
      found.fits = found.fits && tensor != NULL && jimm_shape_equal(&tensor->shape, &attrs->shape);
    }
  }
  return found;
}

static bool has_classifier(const jimm_graph *graph, jimm_value begin, jimm_value end) {
  for (jimm_value v = begin; v < end; v++) {
    const char *name = NULL;
    const jimm_parameter_attrs *attrs = parameter_attrs(graph, v, &name);
    if (attrs != NULL && attrs->role == JIMM_ROLE_CLASSIFIER) {
      return true;
    }
  }
  return false;
}

/* `name` is the weight or bias of a classifier of the family. */
static bool is_classifier_of(const jimm_family *family, const char *name) {
  const char *rest = jimm_family_classifier(family, name);
  return rest != NULL && (strcmp(rest, "weight") == 0 || strcmp(rest, "bias") == 0);
}

/* The weight or bias of a classifier that the graph, or the part of it that `name` belongs to, has
 * none of. */
static bool is_left_over_head(const jimm_graph *graph, const char *name) {
  for (int32_t i = 0; i < jimm_graph_part_count(graph); i++) {
    const jimm_part *part = jimm_graph_part(graph, i);
    const size_t length = strlen(part->scope);
    if (strncmp(name, part->scope, length) == 0 && is_classifier_of(part->owner, name + length)) {
      return !has_classifier(graph, part->begin, part->end);
    }
  }
  for (int32_t i = 0; i < jimm_family_count(); i++) {
    if (is_classifier_of(jimm_family_at(i), name)) {
      return !has_classifier(graph, 0, jimm_graph_node_count(graph));
    }
  }
  return false;
}

/* `absent`: of a classifier the state has nothing. */
static jimm_status bind_parameter(const char *name, const jimm_parameter_attrs *attrs,
                                  const jimm_tensor *tensor, bool adapt, bool absent,
                                  misfits *report, jimm_tensor *parameter) {
  if (tensor == NULL) {
    if (!attrs->optional) {
      note(report, MISSING, name, &attrs->shape);
      note_role(report, attrs->role, absent);
    }
    return JIMM_OK;
  }
  const bool fits = jimm_shape_equal(&tensor->shape, &attrs->shape) || is_old_scalar(attrs, tensor);
  if (!fits && !(adapt && can_adapt(attrs, tensor))) {
    char want[JIMM_SHAPE_TEXT];
    if (report->counts[MISSHAPEN] < LISTED) {
      char *text = jimm_format("%s: expected %s, got", name,
                               jimm_shape_format(&attrs->shape, want, sizeof want));
      if (text == NULL) {
        return JIMM_ERROR_OUT_OF_MEMORY;
      }
      note(report, MISSHAPEN, text, &tensor->shape);
      jimm_free(text);
    } else {
      report->counts[MISSHAPEN]++;
    }
    note_role(report, attrs->role, is_resized(&attrs->shape, &tensor->shape));
    return JIMM_OK;
  }
  if (is_floating(attrs->dtype) && !is_floating(tensor->dtype)) {
    char *text = jimm_format("%s: expected floating-point values, got %s", name,
                             jimm_dtype_name(tensor->dtype));
    if (text == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    note(report, MISTYPED, text, &tensor->shape);
    jimm_free(text);
    return JIMM_OK;
  }
  if (!fits) {
    const jimm_status status = adapt_input_conv(tensor, &attrs->shape, parameter);
    return status == JIMM_OK ? status : jimm_fail_context(status, "%s", name);
  }
  *parameter = *tensor;
  parameter->owned = NULL;
  parameter->shape = attrs->shape;
  return JIMM_OK;
}

static void find_unexpected(const jimm_graph *graph, const jimm_state *state, bool drop_head,
                            misfits *report) {
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const char *name = jimm_state_name(state, i);
    const char *node_name;
    if (parameter_attrs(graph, jimm_graph_find(graph, name), &node_name) != NULL) {
      continue;
    }
    const bool left_over_head = is_left_over_head(graph, name);
    if (!(left_over_head && drop_head)) {
      note(report, UNEXPECTED, name, &jimm_state_tensor(state, i)->shape);
      note_role(report, left_over_head ? JIMM_ROLE_CLASSIFIER : JIMM_ROLE_NONE, left_over_head);
    }
  }
}

jimm_status jimm_bind(const jimm_graph *graph, const jimm_state *state,
                      const jimm_weights_options *options, jimm_tensor *parameters) {
  misfits report = {0};
  jimm_status status = JIMM_OK;
  for (jimm_value v = 0; v < jimm_graph_node_count(graph) && status == JIMM_OK; v++) {
    const char *name = NULL;
    const jimm_parameter_attrs *attrs = parameter_attrs(graph, v, &name);
    if (attrs == NULL) {
      continue;
    }
    classifier head = {true, true};
    if (attrs->role == JIMM_ROLE_CLASSIFIER) {
      head = find_head(graph, state, name);
    }
    if (options->reset_head && !head.fits) {
      status = make_classifier(graph, name, &attrs->shape, &parameters[v]);
    } else {
      status = bind_parameter(name, attrs, jimm_state_find(state, name), options->adapt_input,
                              head.absent, &report, &parameters[v]);
    }
  }
  if (status == JIMM_OK) {
    find_unexpected(graph, state, options->reset_head, &report);
    for (int i = 0; i < PROBLEMS; i++) {
      status = report.counts[i] > 0 ? JIMM_ERROR_MISMATCH : status;
    }
    if (status != JIMM_OK) {
      status = finish_report(&report, state);
    }
  }
  close_report(&report);
  return status;
}
