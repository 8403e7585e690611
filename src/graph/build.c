/* Building graphs. Nothing here fails call by call: the first error is kept in the graph, and
 * jimm_graph_finish reports it. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/locale.h"
#include "graph/attrs.h"
#include "graph/internal.h"

#define MAX_NODES 1000000

/* Keeps `status` with this thread's message as the graph's error, if it is the first. */
static void keep_error(jimm_graph *graph, jimm_status status) {
  if (graph->error == JIMM_OK) {
    graph->error = status;
    graph->message = jimm_arena_strdup(&graph->arena, jimm_error_message());
  }
}

bool jimm_graph_is_open(const jimm_graph *graph) {
  if (graph == NULL) {
    jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "graph is NULL");
    return false;
  }
  if (graph->finished) {
    jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "the graph is finished and cannot be changed");
    return false;
  }
  return graph->error == JIMM_OK;
}

/* ---- names ---- */

static bool reserve_prefix(jimm_graph *graph, size_t length) {
  const jimm_status status =
      jimm_reserve(&graph->prefix, graph->prefix_length, length, 1, &graph->prefix_capacity);
  if (status != JIMM_OK) {
    keep_error(graph, status);
  }
  return status == JIMM_OK;
}

static bool reserve_scope(jimm_graph *graph) {
  const size_t count = (size_t)graph->scope_count;
  const jimm_status status =
      jimm_reserve(&graph->scopes, count, count + 1, sizeof *graph->scopes, &graph->scope_capacity);
  if (status != JIMM_OK) {
    keep_error(graph, status);
  }
  return status == JIMM_OK;
}

/* The scope without its last point, for messages. */
static int scope_length(const jimm_graph *graph) {
  return graph->prefix_length == 0 ? 0 : (int)graph->prefix_length - 1;
}

static const char *scope_text(const jimm_graph *graph) {
  return graph->prefix_length == 0 ? "" : graph->prefix;
}

void jimm_graph_push(jimm_graph *graph, const char *format, ...) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  char text[512];
  va_list args;
  va_start(args, format);
  const int length = jimm_vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  if (length < 0 || (size_t)length >= sizeof(text)) {
    keep_error(graph, jimm_fail(JIMM_ERROR_LIMIT, "%.*s: a scope's name is longer than %zu bytes",
                                scope_length(graph), scope_text(graph), sizeof(text) - 1));
    return;
  }
  if (!reserve_scope(graph) || !reserve_prefix(graph, graph->prefix_length + (size_t)length + 1)) {
    return;
  }
  graph->scopes[graph->scope_count++] = graph->prefix_length;
  if (length > 0) {
    memcpy(graph->prefix + graph->prefix_length, text, (size_t)length);
    graph->prefix_length += (size_t)length;
    graph->prefix[graph->prefix_length++] = '.';
  }
}

void jimm_graph_pop(jimm_graph *graph) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  if (graph->scope_count == 0) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_pop without a push"));
    return;
  }
  graph->prefix_length = graph->scopes[--graph->scope_count];
}

void jimm_graph_fail(jimm_graph *graph, jimm_status status, const char *format, ...) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  jimm_text text = {0};
  char buffer[2048];
  va_list args;
  va_start(args, format);
  jimm_vsnprintf(buffer, sizeof(buffer), format, args);
  va_end(args);
  jimm_text_append(&text, "%.*s%s%s", scope_length(graph), scope_text(graph),
                   graph->prefix_length == 0 ? "" : ": ", buffer);
  char *message = jimm_text_take(&text);
  jimm_fail(status, "%s", message == NULL ? buffer : message);
  jimm_free(message);
  keep_error(graph, status == JIMM_OK ? JIMM_ERROR_INVALID_ARGUMENT : status);
}

/* Scope + `name` in the arena; NULL after keeping an error. */
static const char *full_name(jimm_graph *graph, const char *name) {
  size_t prefix = graph->prefix_length;
  const size_t length = name == NULL ? 0 : strlen(name);
  if (length == 0 && prefix > 0) {
    prefix--; /* "layer1." + "" is "layer1" */
  }
  if (prefix + length == 0) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "a node has no name and no scope"));
    return NULL;
  }
  char *full = jimm_arena_alloc(&graph->arena, prefix + length + 1);
  if (full == NULL) {
    keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return NULL;
  }
  if (prefix > 0) {
    memcpy(full, graph->prefix, prefix);
  }
  if (length > 0) {
    memcpy(full + prefix, name, length);
  }
  full[prefix + length] = 0;
  return full;
}

/* ---- nodes ---- */

static bool reserve_node(jimm_graph *graph) {
  const size_t count = (size_t)graph->node_count;
  const jimm_status status =
      jimm_reserve(&graph->nodes, count, count + 1, sizeof(jimm_node *), &graph->node_capacity);
  if (status != JIMM_OK) {
    keep_error(graph, status);
  }
  return status == JIMM_OK;
}

/* Appends a copy of `draft` (its name is in the arena) with a copy of its attributes. */
static jimm_value append_node(jimm_graph *graph, const jimm_node *draft, size_t attrs_size) {
  if (graph->node_count >= MAX_NODES) {
    keep_error(graph, jimm_fail(JIMM_ERROR_LIMIT, "%s: a graph has at most %d nodes", draft->name,
                                MAX_NODES));
    return JIMM_NO_VALUE;
  }
  if (!reserve_node(graph)) {
    return JIMM_NO_VALUE;
  }
  jimm_node *node = jimm_arena_alloc(&graph->arena, sizeof(*node));
  void *attrs = attrs_size == 0 ? NULL : jimm_arena_alloc(&graph->arena, attrs_size);
  if (node == NULL || (attrs_size != 0 && attrs == NULL)) {
    keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return JIMM_NO_VALUE;
  }
  const jimm_status status = jimm_map_insert(&graph->by_name, draft->name, graph->node_count);
  if (status != JIMM_OK) {
    if (status == JIMM_ERROR_INVALID_ARGUMENT) {
      jimm_fail(status, "%s: there is a node of that name already", draft->name);
    }
    keep_error(graph, status);
    return JIMM_NO_VALUE;
  }
  if (attrs != NULL) {
    memcpy(attrs, draft->attrs, attrs_size);
  }
  *node = *draft;
  node->attrs = attrs;
  graph->nodes[graph->node_count] = node;
  return graph->node_count++;
}

/* The input of the open part, for a build that asks for an image of these attributes. */
static jimm_value part_input(jimm_graph *graph, const char *full, const jimm_input_attrs *attrs) {
  const jimm_value value = graph->open_part.input;
  const jimm_node *node = graph->nodes[value];
  if (graph->open_part.has_input) {
    keep_error(graph, jimm_fail(JIMM_ERROR_UNSUPPORTED,
                                "%s (input): a model with several inputs cannot be part of a graph",
                                full));
    return JIMM_NO_VALUE;
  }
  graph->open_part.has_input = true;
  bool fits = node->dtype == attrs->dtype;
  const jimm_shape *have = node->kind == JIMM_NODE_INPUT
                               ? &((const jimm_input_attrs *)node->attrs)->shape
                               : NULL; /* of other values known when shapes are inferred */
  fits = fits && (have == NULL || have->rank == attrs->shape.rank);
  for (int32_t i = 0; fits && have != NULL && i < have->rank; i++) {
    fits = have->dim[i] == -1 || attrs->shape.dim[i] == -1 || have->dim[i] == attrs->shape.dim[i];
  }
  if (!fits) {
    char want[JIMM_SHAPE_TEXT], got[JIMM_SHAPE_TEXT] = "";
    jimm_shape_format(&attrs->shape, want, sizeof(want));
    if (have != NULL) {
      jimm_shape_format(have, got, sizeof(got));
    }
    keep_error(graph,
               jimm_fail(JIMM_ERROR_SHAPE, "%s (input): expected %s %s (-1: any), got %s: %s %s",
                         full, jimm_dtype_name((jimm_dtype)attrs->dtype), want, node->name,
                         jimm_dtype_name((jimm_dtype)node->dtype), got));
    return JIMM_NO_VALUE;
  }
  return value;
}

jimm_value jimm_graph_input(jimm_graph *graph, const char *name, const jimm_input_attrs *attrs) {
  if (!jimm_graph_is_open(graph)) {
    return JIMM_NO_VALUE;
  }
  const char *full = full_name(graph, name);
  if (full == NULL) {
    return JIMM_NO_VALUE;
  }
  bool valid = attrs != NULL && attrs->shape.rank >= 0 && attrs->shape.rank <= JIMM_MAX_RANK &&
               jimm_dtype_size((jimm_dtype)attrs->dtype) != 0;
  for (int32_t i = 0; valid && i < attrs->shape.rank; i++) {
    valid = attrs->shape.dim[i] >= -1;
  }
  if (!valid) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                "%s (input): it needs a dtype and a shape of 0 to %d dimensions, "
                                "each -1 (free) or not negative",
                                full, JIMM_MAX_RANK));
    return JIMM_NO_VALUE;
  }
  if (graph->open_part.open) {
    return part_input(graph, full, attrs);
  }
  const jimm_node draft = {
      .name = full, .attrs = attrs, .kind = JIMM_NODE_INPUT, .dtype = attrs->dtype};
  const jimm_value value = append_node(graph, &draft, sizeof(*attrs));
  graph->input_count += value != JIMM_NO_VALUE;
  return value;
}

jimm_value jimm_graph_parameter(jimm_graph *graph, const char *name,
                                const jimm_parameter_attrs *attrs) {
  if (!jimm_graph_is_open(graph)) {
    return JIMM_NO_VALUE;
  }
  const char *full = full_name(graph, name);
  if (full == NULL) {
    return JIMM_NO_VALUE;
  }
  if (attrs == NULL || jimm_dtype_size((jimm_dtype)attrs->dtype) == 0 || attrs->kind < 0 ||
      attrs->kind > JIMM_BUFFER || attrs->role < 0 || attrs->role > JIMM_ROLE_CLASSIFIER) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                "%s (parameter): it needs a dtype, a kind and a role", full));
    return JIMM_NO_VALUE;
  }
  const int64_t count = attrs->shape.rank > JIMM_MAX_RANK ? -1 : jimm_shape_count(&attrs->shape);
  if (count < 0 || count > INT64_MAX / 8) {
    char text[JIMM_SHAPE_TEXT] = "too many dimensions";
    if (attrs->shape.rank <= JIMM_MAX_RANK) {
      jimm_shape_format(&attrs->shape, text, sizeof(text));
    }
    keep_error(graph, jimm_fail(JIMM_ERROR_SHAPE, "%s (parameter): %s is no shape of a parameter",
                                full, text));
    return JIMM_NO_VALUE;
  }
  const jimm_node draft = {.name = full,
                           .attrs = attrs,
                           .kind = JIMM_NODE_PARAMETER,
                           .dtype = attrs->dtype,
                           .constant = true};
  return append_node(graph, &draft, sizeof(*attrs));
}

/* Checks number and presence of inputs; the message lacks the node. */
static jimm_status check_inputs(const jimm_graph *graph, const jimm_op *op, int32_t count,
                                const jimm_value *inputs) {
  if (count < op->min_inputs || count > op->max_inputs || count > JIMM_MAX_INPUTS) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "expected %" PRId32 " to %" PRId32 " inputs, got %" PRId32, op->min_inputs,
                     op->max_inputs, count);
  }
  if (count > 0 && inputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "inputs is NULL");
  }
  for (int32_t i = 0; i < count; i++) {
    const jimm_value value = inputs[i];
    if (value == JIMM_NO_VALUE && i >= op->min_inputs) {
      continue;
    }
    if (value < 0 || value >= graph->node_count) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                       "input %s is %s (%" PRId32 "; the graph has %" PRId32 " nodes so far)",
                       op->input_names[i],
                       value == JIMM_NO_VALUE ? "required but absent" : "no value of this graph",
                       value, graph->node_count);
    }
  }
  return JIMM_OK;
}

static jimm_status check_attrs(const jimm_op *op, const void *attrs) {
  if ((op->attrs_size != 0) != (attrs != NULL)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "attributes are %s",
                     attrs == NULL ? "required but NULL" : "given, but it takes none");
  }
  for (int32_t i = 0; i < op->attr_count; i++) {
    const jimm_status status = jimm_attr_check(&op->attrs[i], attrs);
    if (status != JIMM_OK) {
      return status;
    }
  }
  return JIMM_OK;
}

jimm_value jimm_graph_add(jimm_graph *graph, const char *op, const char *name, const void *attrs,
                          int32_t input_count, const jimm_value *inputs) {
  if (!jimm_graph_is_open(graph)) {
    return JIMM_NO_VALUE;
  }
  const char *full = full_name(graph, name);
  if (full == NULL) {
    return JIMM_NO_VALUE;
  }
  const jimm_op *row = jimm_op_find(op);
  if (row == NULL) {
    keep_error(graph, jimm_fail(JIMM_ERROR_NOT_FOUND, "%s: there is no operator \"%s\"", full,
                                op == NULL ? "(NULL)" : op));
    return JIMM_NO_VALUE;
  }
  jimm_status status = check_inputs(graph, row, input_count, inputs);
  if (status == JIMM_OK) {
    status = check_attrs(row, attrs);
  }
  if (status != JIMM_OK) {
    keep_error(graph, jimm_fail_context(status, "%s (%s)", full, row->name));
    return JIMM_NO_VALUE;
  }
  jimm_node draft = {.op = row,
                     .name = full,
                     .attrs = attrs,
                     .kind = JIMM_NODE_OP,
                     .dtype = JIMM_F32,
                     .input_count = input_count};
  draft.constant = input_count > 0;
  for (int32_t i = 0; i < JIMM_MAX_INPUTS; i++) {
    draft.inputs[i] = i < input_count ? inputs[i] : JIMM_NO_VALUE;
    draft.constant = draft.constant &&
                     (draft.inputs[i] == JIMM_NO_VALUE || graph->nodes[draft.inputs[i]]->constant);
  }
  if (input_count > 0 && inputs[0] != JIMM_NO_VALUE) {
    draft.dtype = graph->nodes[inputs[0]]->dtype;
  }
  return append_node(graph, &draft, row->attrs_size);
}

/* `name` in the arena, after the scope of the open part; NULL when memory ran out. */
static char *part_name(jimm_graph *graph, const char *name) {
  const size_t prefix = graph->open_part.open ? graph->open_part.prefix_length : 0;
  const size_t length = strlen(name) + 1;
  char *full = jimm_arena_alloc(&graph->arena, prefix + length);
  if (full != NULL) {
    memcpy(full, graph->prefix == NULL ? "" : graph->prefix, prefix);
    memcpy(full + prefix, name, length);
  }
  return full;
}

void jimm_graph_output(jimm_graph *graph, const char *name, jimm_value value) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  if (name == NULL || name[0] == 0) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "an output of the graph has no name"));
    return;
  }
  if (value < 0 || value >= graph->node_count) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                "output %s: %" PRId32 " is no value of this graph", name, value));
    return;
  }
  const char *copy = part_name(graph, name);
  if (copy == NULL) {
    keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return;
  }
  if (jimm_graph_find_output(graph, copy) != JIMM_NO_VALUE) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                "output %s: there is an output of that name already", copy));
    return;
  }
  const size_t count = (size_t)graph->output_count;
  const jimm_status status = jimm_reserve(&graph->outputs, count, count + 1, sizeof *graph->outputs,
                                          &graph->output_capacity);
  if (status != JIMM_OK) {
    keep_error(graph, status);
    return;
  }
  graph->outputs[graph->output_count++] = (graph_output){copy, value};
}

void jimm_graph_add_feature(jimm_graph *graph, const char *module, int64_t channels,
                            int64_t reduction, jimm_value value) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  if (module == NULL || channels < 1 || reduction < 1) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                "feature %s: channels and reduction must be positive, got %" PRId64
                                " and %" PRId64,
                                module == NULL ? "(NULL)" : module, channels, reduction));
    return;
  }
  char name[32];
  jimm_snprintf(name, sizeof(name), "feat_%02" PRId32,
                graph->feature_count - graph->open_part.first_feature + 1);
  jimm_graph_output(graph, name, value);
  const size_t count = (size_t)graph->feature_count;
  if (graph->error == JIMM_OK &&
      jimm_reserve(&graph->features, count, count + 1, sizeof *graph->features,
                   &graph->feature_capacity) != JIMM_OK) {
    keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return;
  }
  const char *copy = graph->error == JIMM_OK ? part_name(graph, module) : NULL;
  if (copy == NULL) {
    keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY); /* the first error stays */
    return;
  }
  graph->features[graph->feature_count++] = (jimm_feature_info){
      graph->outputs[graph->output_count - 1].name, copy, channels, reduction, value};
}

jimm_status jimm_graph_finish(jimm_graph *graph) {
  if (graph == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "graph is NULL");
  }
  if (graph->finished) {
    return JIMM_OK;
  }
  if (graph->error == JIMM_OK && graph->scope_count > 0) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                "the scope \"%.*s\" is open (%" PRId32 " pushes without a pop)",
                                scope_length(graph), scope_text(graph), graph->scope_count));
  }
  if (graph->error == JIMM_OK && graph->output_count == 0) {
    keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "the graph has no output"));
  }
  if (graph->error != JIMM_OK) {
    return jimm_fail(graph->error, "%s",
                     graph->message == NULL ? jimm_status_name(graph->error) : graph->message);
  }
  graph->finished = true;
  return JIMM_OK;
}
