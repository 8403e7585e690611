#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/stream.h"

#define GOLDEN_LIMIT (16u << 20)

const char *golden_folder(void) {
  const char *folder = getenv("JIMM_GOLDEN_DIR");
  return folder != NULL && folder[0] != 0 ? folder : "test/golden";
}

const jimm_json *golden_read(const char *arch, jimm_arena *arena) {
  char *path = jimm_format("%s/%s.json", golden_folder(), arch);
  TEST_REQUIRE(path != NULL);
  unsigned char *text = NULL;
  size_t size = 0;
  jimm_json *root = NULL;
  REQUIRE_OK(jimm_os_read_file(path, GOLDEN_LIMIT, &text, &size));
  REQUIRE_OK(jimm_json_parse(path, text, size, arena, &root));
  jimm_free(text);
  jimm_free(path);
  TEST_REQUIRE_STR(golden_get(root, "arch", JIMM_JSON_STRING)->string, arch);
  return root;
}

const jimm_json *golden_get(const jimm_json *object, const char *key, jimm_json_type type) {
  const jimm_json *value = jimm_json_get(object, key);
  TEST_REQUIRE_MSG(value != NULL && value->type == type, "the golden's \"%s\"", key);
  return value;
}

int64_t golden_integer(const jimm_json *object, const char *key) {
  const jimm_json *value = golden_get(object, key, JIMM_JSON_NUMBER);
  TEST_REQUIRE_MSG(value->is_integer, "the golden's \"%s\"", key);
  return value->integer;
}

double golden_number(const jimm_json *object, const char *key) {
  return golden_get(object, key, JIMM_JSON_NUMBER)->number;
}

static jimm_shape shape_of(const jimm_json *array) {
  jimm_shape shape = {.rank = 0};
  TEST_REQUIRE(array->type == JIMM_JSON_ARRAY && array->length <= JIMM_MAX_RANK);
  for (const jimm_json *dim = array->first; dim != NULL; dim = dim->next) {
    shape.dim[shape.rank++] = dim->integer;
  }
  return shape;
}

static void check_shape(const char *name, const jimm_shape *got, const jimm_shape *want) {
  char got_text[JIMM_SHAPE_TEXT], want_text[JIMM_SHAPE_TEXT];
  TEST_CHECK_MSG(jimm_shape_equal(got, want), "%s: jimm %s, timm %s", name,
                 jimm_shape_format(got, got_text, sizeof got_text),
                 jimm_shape_format(want, want_text, sizeof want_text));
}

void golden_check_parameters(const jimm_json *golden, const jimm_graph *graph) {
  const jimm_json *want = golden_get(golden, "parameters", JIMM_JSON_ARRAY)->first;
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, i);
    if (node->kind != JIMM_NODE_PARAMETER) {
      continue;
    }
    TEST_REQUIRE_MSG(want != NULL, "timm has no parameter %s", node->name);
    const jimm_parameter_attrs *attrs = node->attrs;
    const jimm_json *name = want->first, *kind = name->next;
    const jimm_shape shape = shape_of(kind->next);
    TEST_REQUIRE_STR(node->name, name->string);
    check_shape(node->name, &attrs->shape, &shape);
    TEST_CHECK_MSG((attrs->kind == JIMM_BUFFER) == (strcmp(kind->string, "buffer") == 0),
                   "%s: timm's kind is %s", node->name, kind->string);
    want = want->next;
  }
  TEST_CHECK_MSG(want == NULL, "the graph has no parameter %s",
                 want != NULL ? want->first->string : "");
}

/* Operators that are no module of timm's: their effect is in the values. */
static bool is_glue(const jimm_node *node) {
  static const char *const glue[] = {"add", "mul", "flatten", "reshape", "dropout", "drop_path"};
  for (size_t i = 0; i < sizeof glue / sizeof glue[0]; i++) {
    if (strcmp(node->op->name, glue[i]) == 0) {
      return true;
    }
  }
  return false;
}

/* Compares one attribute; false when it differs. */
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
  if (strcmp(want->key, "kernel") == 0) {
    const jimm_node *weight = jimm_graph_node(graph, node->inputs[1]);
    while (weight->kind == JIMM_NODE_OP) { /* weights made of weights */
      weight = jimm_graph_node(graph, weight->inputs[0]);
    }
    const jimm_shape *shape = &((const jimm_parameter_attrs *)weight->attrs)->shape;
    const bool linear = shape->rank == 2; /* a 1x1 convolution with the weights of a linear layer */
    bool equal = linear || (int32_t)want->length == shape->rank - 2;
    int32_t dim = 2;
    for (const jimm_json *size = want->first; equal && size != NULL; size = size->next) {
      equal = (linear ? 1 : shape->dim[dim++]) == size->integer;
    }
    return equal;
  }
  return false;
}

static void check_node(const jimm_graph *graph, const char *name, const jimm_json *entry) {
  const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, name));
  const char *op = golden_get(entry, "op", JIMM_JSON_STRING)->string;
  if (!TEST_CHECK_MSG(node != NULL && node->kind == JIMM_NODE_OP, "timm has %s (%s)", name, op) ||
      !TEST_CHECK_MSG(strcmp(node->op->name, op) == 0, "%s: jimm %s, timm %s", name, node->op->name,
                      op)) {
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
    TEST_CHECK_MSG(
        spec != NULL ? attribute_equal(node, spec, want) : input_equal(graph, node, want),
        "%s (%s): %s is not timm's", name, op, want->key);
  }
  TEST_CHECK_MSG(seen == node->op->attr_count, "%s (%s): the golden holds %d of %d attributes",
                 name, op, (int)seen, (int)node->op->attr_count);
}

/* Residual blocks: each ends in one sum, and there is no other. */
static void check_sums(const jimm_json *golden, const jimm_graph *graph) {
  const jimm_json *blocks = golden_get(golden, "blocks", JIMM_JSON_ARRAY);
  for (const jimm_json *block = blocks->first; block != NULL; block = block->next) {
    char *name = jimm_format("%s.add", block->string);
    TEST_REQUIRE(name != NULL);
    const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, name));
    TEST_CHECK_MSG(node != NULL && node->kind == JIMM_NODE_OP && strcmp(node->op->name, "add") == 0,
                   "no sum %s", name);
    jimm_free(name);
  }
  int64_t sums = 0;
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, i);
    sums += node->kind == JIMM_NODE_OP && strcmp(node->op->name, "add") == 0 ? 1 : 0;
  }
  TEST_CHECK_INT(sums, (int64_t)blocks->length);
}

/* Checks the nodes of a list of entries whose names are not yet in `named` or `gone`, and adds them
 * to `named`. */
static void check_nodes(const jimm_json *nodes, const jimm_map *gone, jimm_map *named,
                        const jimm_graph *graph) {
  for (const jimm_json *entry = nodes->first; entry != NULL; entry = entry->next) {
    const jimm_json *names = golden_get(entry, "names", JIMM_JSON_ARRAY);
    for (const jimm_json *name = names->first; name != NULL; name = name->next) {
      if (jimm_map_find(named, name->string) < 0 && jimm_map_find(gone, name->string) < 0) {
        TEST_REQUIRE(jimm_map_insert(named, name->string, 1) == JIMM_OK);
        check_node(graph, name->string, entry);
      }
    }
  }
}

void golden_check_nodes(const jimm_json *golden, const jimm_json *test_case,
                        const jimm_graph *graph) {
  jimm_map named = {0};
  jimm_map gone = {0};
  if (test_case != NULL) {
    const jimm_json *names = golden_get(test_case, "gone", JIMM_JSON_ARRAY);
    for (const jimm_json *name = names->first; name != NULL; name = name->next) {
      TEST_REQUIRE(jimm_map_insert(&gone, name->string, 1) == JIMM_OK);
    }
    check_nodes(golden_get(test_case, "nodes", JIMM_JSON_ARRAY), &gone, &named, graph);
  }
  check_nodes(golden_get(golden, "nodes", JIMM_JSON_ARRAY), &gone, &named, graph);
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, i);
    if (node->kind == JIMM_NODE_OP && !is_glue(node)) {
      TEST_CHECK_MSG(jimm_map_find(&named, node->name) >= 0, "timm has no module %s (%s)",
                     node->name, node->op->name);
    }
  }
  jimm_map_close(&gone);
  jimm_map_close(&named);
  check_sums(golden, graph);
}

void golden_check_features(const jimm_json *test_case, const jimm_graph *graph) {
  const jimm_json *want = jimm_json_get(test_case, "features");
  if (want == NULL) {
    return;
  }
  TEST_REQUIRE_INT(jimm_graph_feature_count(graph), (int64_t)want->length);
  int32_t index = 0;
  for (const jimm_json *row = want->first; row != NULL; row = row->next) {
    const jimm_feature_info *got = jimm_graph_feature(graph, index++);
    const jimm_json *module = row->first, *channels = module->next, *reduction = channels->next;
    TEST_CHECK_STR(got->module, module->string);
    TEST_CHECK_INT(got->channels, channels->integer);
    TEST_CHECK_INT(got->reduction, reduction->integer);
  }
}

static double value_at(const jimm_tensor *tensor, int64_t index) {
  return tensor->dtype == JIMM_F64 ? ((const double *)tensor->data)[index]
                                   : (double)((const float *)tensor->data)[index];
}

/* sum of s_i x_i / sqrt(count), s_i the signs of the stream "projection<j>/<output>". */
static double project(uint64_t seed, int j, const char *output, const jimm_tensor *x,
                      int64_t count) {
  char name[64];
  snprintf(name, sizeof name, "projection%d/%s", j, output);
  const uint64_t key = jimm_stream_key(seed, name);
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    const double value = value_at(x, i);
    sum += jimm_stream_bits(key, (uint64_t)i) >> 63 != 0 ? -value : value;
  }
  return sum / sqrt((double)count);
}

golden_error golden_measure(const jimm_json *test_case, const char *name, const jimm_tensor *got) {
  const jimm_json *outputs = golden_get(test_case, "outputs", JIMM_JSON_OBJECT);
  const jimm_json *want = golden_get(outputs, name, JIMM_JSON_OBJECT);
  const uint64_t seed = (uint64_t)golden_integer(test_case, "seed");
  const jimm_shape shape = shape_of(golden_get(want, "shape", JIMM_JSON_ARRAY));
  check_shape(name, &got->shape, &shape);
  TEST_REQUIRE(jimm_shape_equal(&got->shape, &shape));
  TEST_REQUIRE(got->dtype == JIMM_F32 || got->dtype == JIMM_F64);

  const int64_t count = jimm_shape_count(&shape);
  double largest = 0;
  int64_t not_finite = 0;
  for (int64_t i = 0; i < count; i++) {
    const double value = fabs(value_at(got, i));
    not_finite += isfinite(value) ? 0 : 1;
    largest = value > largest ? value : largest;
  }
  TEST_REQUIRE_MSG(not_finite == 0, "%s: %lld values are not finite", name, (long long)not_finite);

  const double max_abs = golden_number(want, "max_abs");
  TEST_REQUIRE(max_abs > 0);
  double worst = fabs(largest - max_abs);

  const jimm_json *entries = golden_get(want, "entries", JIMM_JSON_ARRAY);
  TEST_REQUIRE(entries->length == 64);
  char entries_name[64];
  snprintf(entries_name, sizeof entries_name, "entries/%s", name);
  const uint64_t key = jimm_stream_key(seed, entries_name);
  uint64_t k = 0;
  for (const jimm_json *entry = entries->first; entry != NULL; entry = entry->next, k++) {
    const int64_t index = (int64_t)(jimm_stream_bits(key, k) % (uint64_t)count);
    worst = fmax(worst, fabs(value_at(got, index) - entry->number));
  }

  const jimm_json *projections = golden_get(want, "projections", JIMM_JSON_ARRAY);
  TEST_REQUIRE(projections->length == 4);
  int j = 0;
  for (const jimm_json *item = projections->first; item != NULL; item = item->next, j++) {
    worst = fmax(worst, fabs(project(seed, j, name, got, count) - item->number));
  }
  return (golden_error){worst / max_abs, golden_number(want, "timm_error")};
}
