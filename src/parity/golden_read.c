#include <string.h>

#include "base/os.h"
#include "model/options.h"
#include "parity/golden.h"

#define SIZE_LIMIT (16u << 20)

/* A walk over the members of the file; the first error sticks. */
typedef struct reader {
  const char *path;
  jimm_golden *golden;
  const char *place; /* the case, for messages; NULL: none */
  jimm_status status;
} reader;

static const char *type_name(jimm_json_type type) {
  static const char *const names[] = {"null",     "true or false", "a number",
                                      "a string", "an array",      "an object"};
  return names[type];
}

static void fail_member(reader *r, const char *key, const char *expected) {
  if (r->status == JIMM_OK) {
    r->status =
        jimm_fail(JIMM_ERROR_FORMAT, "%s: %s%s\"%s\": expected %s", r->path,
                  r->place == NULL ? "" : r->place, r->place == NULL ? "" : ": ", key, expected);
  }
}

/* A member that must be there and of that type; NULL after an error. */
static const jimm_json *member(reader *r, const jimm_json *object, const char *key,
                               jimm_json_type type) {
  const jimm_json *value = jimm_json_get(object, key);
  if (r->status == JIMM_OK && (value == NULL || value->type != type)) {
    fail_member(r, key, type_name(type));
  }
  return r->status == JIMM_OK ? value : NULL;
}

static const char *read_string(reader *r, const jimm_json *object, const char *key) {
  const jimm_json *value = member(r, object, key, JIMM_JSON_STRING);
  return value == NULL ? "" : value->string;
}

static int64_t read_integer(reader *r, const jimm_json *object, const char *key, int64_t least) {
  const jimm_json *value = member(r, object, key, JIMM_JSON_NUMBER);
  if (value != NULL && (!value->is_integer || value->integer < least)) {
    fail_member(r, key, least > 0 ? "an integer above 0" : "an integer of 0 or more");
  }
  return r->status == JIMM_OK && value != NULL ? value->integer : least;
}

static double read_number(reader *r, const jimm_json *object, const char *key) {
  const jimm_json *value = member(r, object, key, JIMM_JSON_NUMBER);
  return value == NULL ? 0 : value->number;
}

static void read_numbers(reader *r, const jimm_json *object, const char *key, size_t count,
                         double *numbers) {
  const jimm_json *array = member(r, object, key, JIMM_JSON_ARRAY);
  const jimm_json *item = array == NULL ? NULL : array->first;
  if (array != NULL && array->length != count) {
    fail_member(r, key, "as many numbers as every golden has");
  }
  for (size_t i = 0; r->status == JIMM_OK && item != NULL && i < count; i++, item = item->next) {
    numbers[i] = item->number;
    if (item->type != JIMM_JSON_NUMBER) {
      fail_member(r, key, "numbers");
    }
  }
}

static bool is_shape(const jimm_json *array) {
  bool ok = array->type == JIMM_JSON_ARRAY && array->length <= JIMM_MAX_RANK;
  for (const jimm_json *dim = ok ? array->first : NULL; dim != NULL; dim = dim->next) {
    ok = ok && dim->is_integer && dim->integer >= 0;
  }
  return ok;
}

static jimm_shape read_shape(reader *r, const jimm_json *object, const char *key) {
  jimm_shape shape = {.rank = 0};
  const jimm_json *array = member(r, object, key, JIMM_JSON_ARRAY);
  if (array != NULL && !is_shape(array)) {
    fail_member(r, key, "a shape");
  }
  for (const jimm_json *dim = r->status == JIMM_OK && array != NULL ? array->first : NULL;
       dim != NULL; dim = dim->next) {
    shape.dim[shape.rank++] = dim->integer;
  }
  return shape;
}

static void *allocate(reader *r, size_t count, size_t size) {
  void *memory = r->status == JIMM_OK ? jimm_arena_alloc(&r->golden->arena, count * size) : NULL;
  if (memory == NULL && r->status == JIMM_OK) {
    r->status = JIMM_ERROR_OUT_OF_MEMORY;
  }
  return memory;
}

static void read_output(reader *r, const jimm_json *object, jimm_golden_output *output) {
  output->name = object->key;
  output->shape = read_shape(r, object, "shape");
  output->max_abs = read_number(r, object, "max_abs");
  output->timm_error = read_number(r, object, "timm_error");
  if (!(output->max_abs > 0) || jimm_shape_count(&output->shape) < 1) {
    fail_member(r, object->key, "a shape that is not empty and a largest value above 0");
  }
  read_numbers(r, object, "entries", JIMM_GOLDEN_ENTRIES, output->entries);
  read_numbers(r, object, "projections", JIMM_GOLDEN_PROJECTIONS, output->projections);
}

static void read_options(reader *r, const jimm_json *object, jimm_model_options *options) {
  *options = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  const jimm_model_option *row = jimm_model_option_at(0);
  for (int32_t i = 0; row != NULL; row = jimm_model_option_at(++i)) {
    static const jimm_json absent = {.type = JIMM_JSON_NULL};
    const jimm_json *value = jimm_json_get(object, row->name);
    char text[JIMM_OPTION_TEXT];
    if (value == NULL && !row->stated) {
      continue;
    }
    const char *expected =
        jimm_model_option_read(row, value == NULL ? &absent : value, options, text);
    if (expected != NULL) {
      fail_member(r, row->name, expected);
    }
  }
}

static void read_case(reader *r, const jimm_json *object, jimm_golden_case *c) {
  r->place = NULL;
  c->name = read_string(r, object, "name");
  r->place = c->name;
  c->seed = (uint64_t)read_integer(r, object, "seed", 0);
  read_options(r, object, &c->options);
  c->input =
      (jimm_shape){4,
                   {read_integer(r, object, "batch", 1), c->options.in_chans,
                    read_integer(r, object, "height", 1), read_integer(r, object, "width", 1)}};
  const jimm_json *outputs = member(r, object, "outputs", JIMM_JSON_OBJECT);
  c->output_count = outputs == NULL ? 0 : (int32_t)outputs->length;
  c->outputs = allocate(r, (size_t)c->output_count, sizeof *c->outputs);
  const jimm_json *output = r->status == JIMM_OK && outputs != NULL ? outputs->first : NULL;
  for (int32_t i = 0; r->status == JIMM_OK && output != NULL; i++, output = output->next) {
    read_output(r, output, &c->outputs[i]);
  }
  if (c->output_count < 1) {
    fail_member(r, "outputs", "at least one");
  }
  if (jimm_json_get(object, "features") != NULL) {
    c->features = member(r, object, "features", JIMM_JSON_ARRAY);
  }
  if (jimm_json_get(object, "nodes") != NULL) {
    c->nodes = member(r, object, "nodes", JIMM_JSON_ARRAY);
    c->gone = member(r, object, "gone", JIMM_JSON_ARRAY);
  }
}

/* [[name, "parameter" or "buffer", shape], ...] */
static void check_parameters(reader *r, const jimm_json *array) {
  for (const jimm_json *row = array == NULL ? NULL : array->first; row != NULL; row = row->next) {
    const bool whole = row->type == JIMM_JSON_ARRAY && row->length == 3;
    if (!whole || row->first->type != JIMM_JSON_STRING ||
        row->first->next->type != JIMM_JSON_STRING || !is_shape(row->first->next->next)) {
      fail_member(r, "parameters", "[name, kind, shape] of each");
    }
  }
}

/* [[module, channels, reduction], ...] */
static void check_features(reader *r, const jimm_json *array) {
  for (const jimm_json *row = array == NULL ? NULL : array->first; row != NULL; row = row->next) {
    const bool whole = row->type == JIMM_JSON_ARRAY && row->length == 3;
    if (!whole || row->first->type != JIMM_JSON_STRING || !row->first->next->is_integer ||
        !row->first->next->next->is_integer) {
      fail_member(r, "features", "[module, channels, reduction] of each");
    }
  }
}

static void check_names(reader *r, const jimm_json *array, const char *key) {
  for (const jimm_json *row = array == NULL ? NULL : array->first; row != NULL; row = row->next) {
    if (row->type != JIMM_JSON_STRING) {
      fail_member(r, key, "strings");
    }
  }
}

/* [{"op", "names", attributes}, ...] */
static void check_nodes(reader *r, const jimm_json *array) {
  for (const jimm_json *row = array == NULL ? NULL : array->first; row != NULL; row = row->next) {
    if (row->type != JIMM_JSON_OBJECT) {
      fail_member(r, "nodes", "objects");
      return;
    }
    read_string(r, row, "op");
    check_names(r, member(r, row, "names", JIMM_JSON_ARRAY), "names");
  }
}

static void read_golden(reader *r, const jimm_json *root) {
  jimm_golden *g = r->golden;
  g->arch = read_string(r, root, "arch");
  g->weights_seed = (uint64_t)read_integer(r, root, "weights_seed", 0);
  g->parameters = member(r, root, "parameters", JIMM_JSON_ARRAY);
  g->blocks = member(r, root, "blocks", JIMM_JSON_ARRAY);
  g->nodes = member(r, root, "nodes", JIMM_JSON_ARRAY);
  check_parameters(r, g->parameters);
  check_names(r, g->blocks, "blocks");
  check_nodes(r, g->nodes);
  const jimm_json *cases = member(r, root, "cases", JIMM_JSON_ARRAY);
  g->case_count = cases == NULL ? 0 : (int32_t)cases->length;
  g->cases = allocate(r, (size_t)g->case_count, sizeof *g->cases);
  const jimm_json *item = r->status == JIMM_OK && cases != NULL ? cases->first : NULL;
  for (int32_t i = 0; r->status == JIMM_OK && item != NULL; i++, item = item->next) {
    read_case(r, item, &g->cases[i]);
    check_features(r, g->cases[i].features);
    check_nodes(r, g->cases[i].nodes);
    check_names(r, g->cases[i].gone, "gone");
  }
  if (g->case_count < 1) {
    r->place = NULL;
    fail_member(r, "cases", "at least one");
  }
}

/* Whether two cases have those options in common. */
static bool are_equal(const jimm_golden_case *a, const jimm_golden_case *b, uint32_t options) {
  const jimm_model_option *row = jimm_model_option_at(0);
  for (int32_t i = 0; row != NULL; row = jimm_model_option_at(++i)) {
    if ((options & row->bit) != 0 && !jimm_model_option_equal(row, &a->options, &b->options)) {
      return false;
    }
  }
  return true;
}

bool jimm_golden_same_head(const jimm_golden_case *a, const jimm_golden_case *b) {
  return are_equal(a, b, JIMM_OPTION_NUM_CLASSES | JIMM_OPTION_GLOBAL_POOL);
}

bool jimm_golden_same_model(const jimm_golden_case *a, const jimm_golden_case *b) {
  return are_equal(a, b, UINT32_MAX);
}

/* Moves every case behind the last one before it that has the same model. */
static void group_cases(jimm_golden *golden) {
  for (int32_t i = 1; i < golden->case_count; i++) {
    const jimm_golden_case moved = golden->cases[i];
    int32_t to = i;
    for (int32_t k = i; k > 0 && to == i; k--) {
      to = jimm_golden_same_model(&golden->cases[k - 1], &moved) ? k : i;
    }
    memmove(&golden->cases[to + 1], &golden->cases[to], (size_t)(i - to) * sizeof moved);
    golden->cases[to] = moved;
  }
}

jimm_status jimm_golden_read(const char *path, jimm_golden *golden) {
  memset(golden, 0, sizeof *golden);
  unsigned char *text = NULL;
  size_t size = 0;
  jimm_json *root = NULL;
  reader r = {.path = path, .golden = golden};
  r.status = jimm_os_read_file(path, SIZE_LIMIT, &text, &size);
  if (r.status == JIMM_OK) {
    r.status = jimm_json_parse(path, text, size, &golden->arena, &root);
  }
  if (r.status == JIMM_OK) {
    read_golden(&r, root);
  }
  if (r.status == JIMM_OK) {
    group_cases(golden);
  }
  jimm_free(text);
  if (r.status != JIMM_OK) {
    jimm_golden_close(golden);
  }
  return r.status;
}

void jimm_golden_close(jimm_golden *golden) {
  jimm_arena_close(&golden->arena);
  memset(golden, 0, sizeof *golden);
}
