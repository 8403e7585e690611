/* What a graph that is being built keeps: the first error, and the scopes that names stand in. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/locale.h"
#include "graph/internal.h"

void jimm_graph_keep_error(jimm_graph *graph, jimm_status status) {
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

static bool reserve_prefix(jimm_graph *graph, size_t length) {
  const jimm_status status =
      jimm_reserve(&graph->prefix, graph->prefix_length, length, 1, &graph->prefix_capacity);
  if (status != JIMM_OK) {
    jimm_graph_keep_error(graph, status);
  }
  return status == JIMM_OK;
}

static bool reserve_scope(jimm_graph *graph) {
  const size_t count = (size_t)graph->scope_count;
  const jimm_status status =
      jimm_reserve(&graph->scopes, count, count + 1, sizeof *graph->scopes, &graph->scope_capacity);
  if (status != JIMM_OK) {
    jimm_graph_keep_error(graph, status);
  }
  return status == JIMM_OK;
}

int jimm_graph_scope_length(const jimm_graph *graph) {
  return graph->prefix_length == 0 ? 0 : (int)graph->prefix_length - 1;
}

const char *jimm_graph_scope_text(const jimm_graph *graph) {
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
    jimm_graph_keep_error(
        graph,
        jimm_fail(JIMM_ERROR_LIMIT, "%.*s: a scope's name is longer than %zu bytes",
                  jimm_graph_scope_length(graph), jimm_graph_scope_text(graph), sizeof(text) - 1));
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
    jimm_graph_keep_error(graph,
                          jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_pop without a push"));
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
  jimm_text_append(&text, "%.*s%s%s", jimm_graph_scope_length(graph), jimm_graph_scope_text(graph),
                   graph->prefix_length == 0 ? "" : ": ", buffer);
  char *message = jimm_text_take(&text);
  jimm_fail(status, "%s", message == NULL ? buffer : message);
  jimm_free(message);
  jimm_graph_keep_error(graph, status == JIMM_OK ? JIMM_ERROR_INVALID_ARGUMENT : status);
}

const char *jimm_graph_full_name(jimm_graph *graph, const char *name) {
  size_t prefix = graph->prefix_length;
  const size_t length = name == NULL ? 0 : strlen(name);
  if (length == 0 && prefix > 0) {
    prefix--; /* "layer1." + "" is "layer1" */
  }
  if (prefix + length == 0) {
    jimm_graph_keep_error(
        graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "a node has no name and no scope"));
    return NULL;
  }
  char *full = jimm_arena_alloc(&graph->arena, prefix + length + 1);
  if (full == NULL) {
    jimm_graph_keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
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
