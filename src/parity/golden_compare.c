/* A graph beside the modules of timm's model, and outputs beside its values. */
#include <math.h>
#include <string.h>

#include "base/stream.h"
#include "graph/order.h"
#include "parity/golden.h"

/* ---- parameters ---- */

static jimm_shape shape_of(const jimm_json *array) {
  jimm_shape shape = {.rank = 0};
  for (const jimm_json *dim = array->first; dim != NULL; dim = dim->next) {
    shape.dim[shape.rank++] = dim->integer;
  }
  return shape;
}

static void compare_parameter(const jimm_node *node, const jimm_json *row, jimm_text *differences) {
  const jimm_parameter_attrs *attrs = node->attrs;
  const jimm_json *name = row->first, *kind = name->next;
  const jimm_shape shape = shape_of(kind->next);
  char got[JIMM_SHAPE_TEXT], want[JIMM_SHAPE_TEXT];
  if (strcmp(node->name, name->string) != 0) {
    jimm_text_append(differences, "parameter %s: timm has %s in its place\n", node->name,
                     name->string);
    return;
  }
  if (!jimm_shape_equal(&attrs->shape, &shape)) {
    jimm_text_append(differences, "parameter %s: jimm %s, timm %s\n", node->name,
                     jimm_shape_format(&attrs->shape, got, sizeof got),
                     jimm_shape_format(&shape, want, sizeof want));
  }
  if ((attrs->kind == JIMM_BUFFER) != (strcmp(kind->string, "buffer") == 0)) {
    jimm_text_append(differences, "parameter %s: timm's is a %s\n", node->name, kind->string);
  }
}

void jimm_golden_compare_parameters(const jimm_golden *golden, const jimm_graph *graph,
                                    jimm_text *differences) {
  const jimm_json *row = golden->parameters->first;
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, i);
    if (node->kind != JIMM_NODE_PARAMETER) {
      continue;
    }
    if (row == NULL) {
      jimm_text_append(differences, "parameter %s: timm has none\n", node->name);
      continue;
    }
    compare_parameter(node, row, differences);
    row = row->next;
  }
  for (; row != NULL; row = row->next) {
    jimm_text_append(differences, "parameter %s: jimm has none\n", row->first->string);
  }
}

/* ---- nodes ---- */

static bool attribute_equal(const jimm_node *node, const jimm_attr_spec *spec,
                            const jimm_json *want) {
  const void *field = (const char *)node->attrs + spec->offset;
  switch (spec->type) {
    case JIMM_ATTR_INT:
      return want->is_integer && *(const int64_t *)field == want->integer;
    case JIMM_ATTR_PAIR: {
      const int64_t *got = field;
      return want->type == JIMM_JSON_ARRAY && want->length == 2 && got[0] == want->first->integer &&
             got[1] == want->first->next->integer;
    }
    case JIMM_ATTR_FLOAT:
      return want->type == JIMM_JSON_NUMBER && *(const double *)field == want->number;
    case JIMM_ATTR_BOOL:
      return want->type == JIMM_JSON_BOOL && *(const bool *)field == want->boolean;
    case JIMM_ATTR_ENUM:
      return want->type == JIMM_JSON_STRING &&
             strcmp(spec->enum_names[*(const int32_t *)field], want->string) == 0;
    case JIMM_ATTR_SHAPE:
    default:
      return false;
  }
}

/* What the graph says by its inputs: the size of a kernel, and whether there is a bias. */
static bool input_equal(const jimm_graph *graph, const jimm_node *node, const jimm_json *want) {
  if (strcmp(want->key, "bias") == 0) {
    const bool bias = node->input_count > 2 && node->inputs[2] != JIMM_NO_VALUE;
    return want->type == JIMM_JSON_BOOL && bias == want->boolean;
  }
  if (strcmp(want->key, "kernel") != 0 || node->input_count < 2) {
    return false;
  }
  const jimm_node *weight = jimm_graph_node(graph, node->inputs[1]);
  while (weight->kind == JIMM_NODE_OP) { /* weights made of weights */
    weight = jimm_graph_node(graph, weight->inputs[0]);
  }
  const jimm_shape *shape = &((const jimm_parameter_attrs *)weight->attrs)->shape;
  const bool linear = shape->rank == 2; /* a 1x1 convolution with the weights of a linear layer */
  bool equal =
      want->type == JIMM_JSON_ARRAY && (linear || (int32_t)want->length == shape->rank - 2);
  int32_t dim = 2;
  for (const jimm_json *size = want->first; equal && size != NULL; size = size->next) {
    equal = (linear ? 1 : shape->dim[dim++]) == size->integer;
  }
  return equal;
}

static void compare_node(const jimm_graph *graph, const char *name, const jimm_json *entry,
                         jimm_text *differences) {
  const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, name));
  const char *op = jimm_json_get(entry, "op")->string;
  if (node == NULL || node->kind != JIMM_NODE_OP) {
    jimm_text_append(differences, "%s: timm has it (%s), jimm does not\n", name, op);
    return;
  }
  if (strcmp(node->op->name, op) != 0) {
    jimm_text_append(differences, "%s: jimm %s, timm %s\n", name, node->op->name, op);
    return;
  }
  int32_t seen = 0;
  for (const jimm_json *want = entry->first; want != NULL; want = want->next) {
    if (strcmp(want->key, "op") == 0 || strcmp(want->key, "names") == 0) {
      continue;
    }
    const jimm_attr_spec *spec = NULL;
    for (int32_t i = 0; i < node->op->attr_count; i++) {
      if (strcmp(node->op->attrs[i].name, want->key) == 0) {
        spec = &node->op->attrs[i];
      }
    }
    seen += spec != NULL ? 1 : 0;
    if (spec != NULL ? !attribute_equal(node, spec, want) : !input_equal(graph, node, want)) {
      jimm_text_append(differences, "%s (%s): %s is not timm's\n", name, op, want->key);
    }
  }
  if (seen != node->op->attr_count) {
    jimm_text_append(differences, "%s (%s): %d of %d attributes are recorded\n", name, op,
                     (int)seen, (int)node->op->attr_count);
  }
}

/* Residual blocks: each ends in one sum, and there is no other. */
static jimm_status compare_sums(const jimm_golden *golden, const jimm_graph *graph,
                                jimm_text *differences) {
  size_t sums = 0;
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, i);
    sums += jimm_node_has(node, JIMM_OP_RESIDUAL) ? 1 : 0;
  }
  if (sums != golden->blocks->length) {
    jimm_text_append(differences, "jimm adds %zu times, timm has %zu residual blocks\n", sums,
                     golden->blocks->length);
  }
  for (const jimm_json *block = golden->blocks->first; block != NULL; block = block->next) {
    char *name = jimm_format("%s.add", block->string);
    if (name == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, name));
    if (!jimm_node_has(node, JIMM_OP_RESIDUAL)) {
      jimm_text_append(differences, "%s.add: the sum of this block is missing\n", block->string);
    }
    jimm_free(name);
  }
  return JIMM_OK;
}

/* Compares the nodes of a list whose names are not yet in `named` or `gone`, and adds them to
 * `named`. */
static jimm_status compare_list(const jimm_json *nodes, const jimm_map *gone, jimm_map *named,
                                const jimm_graph *graph, jimm_text *differences) {
  jimm_status status = JIMM_OK;
  for (const jimm_json *entry = nodes->first; entry != NULL; entry = entry->next) {
    const jimm_json *name = jimm_json_get(entry, "names")->first;
    for (; status == JIMM_OK && name != NULL; name = name->next) {
      if (jimm_map_find(named, name->string) < 0 && jimm_map_find(gone, name->string) < 0) {
        status = jimm_map_insert(named, name->string, 1);
        compare_node(graph, name->string, entry, differences);
      }
    }
  }
  return status;
}

jimm_status jimm_golden_compare_nodes(const jimm_golden *golden, const jimm_golden_case *test_case,
                                      const jimm_graph *graph, jimm_text *differences) {
  jimm_map named = {0};
  jimm_map gone = {0};
  jimm_status status = JIMM_OK;
  const bool changed = test_case != NULL && test_case->nodes != NULL;
  const jimm_json *name = changed ? test_case->gone->first : NULL;
  for (; status == JIMM_OK && name != NULL; name = name->next) {
    status = jimm_map_insert(&gone, name->string, 1);
  }
  if (status == JIMM_OK && changed) {
    status = compare_list(test_case->nodes, &gone, &named, graph, differences);
  }
  if (status == JIMM_OK) {
    status = compare_list(golden->nodes, &gone, &named, graph, differences);
  }
  for (int32_t i = 0; status == JIMM_OK && i < jimm_graph_node_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, i);
    if (node->kind == JIMM_NODE_OP && !jimm_node_has(node, JIMM_OP_GLUE) &&
        jimm_map_find(&named, node->name) < 0) {
      jimm_text_append(differences, "%s (%s): timm has no such module\n", node->name,
                       node->op->name);
    }
  }
  jimm_map_close(&gone);
  jimm_map_close(&named);
  return status == JIMM_OK ? compare_sums(golden, graph, differences) : status;
}

void jimm_golden_compare_features(const jimm_golden_case *test_case, const jimm_graph *graph,
                                  jimm_text *differences) {
  const jimm_json *row = test_case->features == NULL ? NULL : test_case->features->first;
  if (test_case->features == NULL) {
    return;
  }
  if ((size_t)jimm_graph_feature_count(graph) != test_case->features->length) {
    jimm_text_append(differences, "pyramid: jimm has %d taps, timm %zu\n",
                     (int)jimm_graph_feature_count(graph), test_case->features->length);
    return;
  }
  for (int32_t i = 0; row != NULL; row = row->next, i++) {
    const jimm_feature_info *got = jimm_graph_feature(graph, i);
    const jimm_json *module = row->first, *channels = module->next, *reduction = channels->next;
    if (strcmp(got->module, module->string) != 0 || got->channels != channels->integer ||
        got->reduction != reduction->integer) {
      jimm_text_append(
          differences, "%s: jimm %s with %lld channels at 1/%lld, timm %s with %lld at 1/%lld\n",
          got->output, got->module, (long long)got->channels, (long long)got->reduction,
          module->string, (long long)channels->integer, (long long)reduction->integer);
    }
  }
}

/* ---- outputs ---- */

static double value_at(const jimm_tensor *tensor, int64_t index) {
  return tensor->dtype == JIMM_F64 ? ((const double *)tensor->data)[index]
                                   : (double)((const float *)tensor->data)[index];
}

/* sum of s_i x_i / sqrt(count), s_i the signs of the stream "projection<j>/<output>". */
static double project(uint64_t key, const jimm_tensor *x, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    const double value = value_at(x, i);
    sum += jimm_stream_bits(key, (uint64_t)i) >> 63 != 0 ? -value : value;
  }
  return sum / sqrt((double)count);
}

static jimm_status stream_key(uint64_t seed, const char *stream, const char *output,
                              uint64_t *key) {
  char *name = jimm_format("%s/%s", stream, output);
  if (name == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  *key = jimm_stream_key(seed, name);
  jimm_free(name);
  return JIMM_OK;
}

jimm_status jimm_golden_measure(const jimm_golden_case *test_case, const jimm_golden_output *want,
                                const jimm_tensor *got, double *error) {
  static const char *const projections[JIMM_GOLDEN_PROJECTIONS] = {"projection0", "projection1",
                                                                   "projection2", "projection3"};
  char got_text[JIMM_SHAPE_TEXT], want_text[JIMM_SHAPE_TEXT];
  if (!jimm_shape_equal(&got->shape, &want->shape)) {
    return jimm_fail(JIMM_ERROR_SHAPE, "%s, %s: jimm's shape is %s, timm's %s", test_case->name,
                     want->name, jimm_shape_format(&got->shape, got_text, sizeof got_text),
                     jimm_shape_format(&want->shape, want_text, sizeof want_text));
  }
  jimm_status status = jimm_tensor_check_finite(got);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s, %s", test_case->name, want->name);
  }
  const int64_t count = jimm_shape_count(&want->shape);
  double largest = 0;
  for (int64_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs(value_at(got, i)));
  }
  double worst = fabs(largest - want->max_abs);
  uint64_t key = 0;
  status = stream_key(test_case->seed, "entries", want->name, &key);
  for (int k = 0; status == JIMM_OK && k < JIMM_GOLDEN_ENTRIES; k++) {
    const int64_t index = (int64_t)(jimm_stream_bits(key, (uint64_t)k) % (uint64_t)count);
    worst = fmax(worst, fabs(value_at(got, index) - want->entries[k]));
  }
  for (int j = 0; status == JIMM_OK && j < JIMM_GOLDEN_PROJECTIONS; j++) {
    status = stream_key(test_case->seed, projections[j], want->name, &key);
    worst = fmax(worst, fabs(project(key, got, count) - want->projections[j]));
  }
  *error = worst / want->max_abs;
  return status;
}
