/* timm.models.convnext.checkpoint_filter_fn: weights of the papers' own code and of open_clip under
 * timm's names and in its shapes; and the final norm that weights of the tag "fcmae" lack. */
#include <string.h>

#include "base/alloc.h"
#include "family/convnext.h"

/* A name that is being changed. */
typedef struct renaming {
  jimm_text name, next;
} renaming;

static bool starts_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- names ---- */

static void begin(jimm_text *text) {
  text->length = 0;
  jimm_text_append_bytes(text, "", 0);
}

static void finish(renaming *r) {
  const jimm_text name = r->name;
  r->name = r->next;
  r->next = name;
}

/* str.replace */
static void replace(renaming *r, const char *from, const char *to) {
  begin(&r->next);
  if (r->name.failed) {
    return;
  }
  const char *at = r->name.data;
  for (const char *hit = strstr(at, from); hit != NULL; hit = strstr(at, from)) {
    jimm_text_append_bytes(&r->next, at, (size_t)(hit - at));
    jimm_text_append_bytes(&r->next, to, strlen(to));
    at = hit + strlen(from);
  }
  jimm_text_append_bytes(&r->next, at, strlen(at));
  finish(r);
}

/* The digits at `at`, and how many of them the pattern ([0-9]+).([0-9]+) takes for its first group;
 * 0 when it does not match. */
static size_t match_numbers(const char *at) {
  for (size_t first = strspn(at, "0123456789"); first > 0; first--) {
    if (at[first] != 0 && at[first] != '\n' && strspn(at + first + 1, "0123456789") > 0) {
      return first;
    }
  }
  return 0;
}

/* re.sub("WORD.([0-9]+).([0-9]+)", "stages.\\1.MIDDLE.\\2", name) */
static void number(renaming *r, const char *word, const char *middle) {
  begin(&r->next);
  if (r->name.failed) {
    return;
  }
  const char *at = r->name.data;
  for (const char *hit = strstr(at, word); hit != NULL; hit = strstr(hit, word)) {
    const char *numbers = hit + strlen(word);
    numbers += *numbers != 0 && *numbers != '\n';
    const size_t first = numbers == hit + strlen(word) ? 0 : match_numbers(numbers);
    if (first == 0) {
      hit++;
      continue;
    }
    const char *second = numbers + first + 1;
    const size_t digits = strspn(second, "0123456789");
    jimm_text_append_bytes(&r->next, at, (size_t)(hit - at));
    jimm_text_append(&r->next, "stages.%.*s.%s.%.*s", (int)first, numbers, middle, (int)digits,
                     second);
    at = hit = second + digits;
  }
  jimm_text_append_bytes(&r->next, at, strlen(at));
  finish(r);
}

/* From a name of the papers' code to timm's. */
static const char *rename_paper(renaming *r, const char *name) {
  begin(&r->name);
  jimm_text_append_bytes(&r->name, name, strlen(name));
  replace(r, "downsample_layers.0.", "stem.");
  number(r, "stages", "blocks");
  number(r, "downsample_layers", "downsample");
  replace(r, "dwconv", "conv_dw");
  replace(r, "pwconv", "mlp.fc");
  replace(r, "grn.beta", "mlp.grn.bias");
  replace(r, "grn.gamma", "mlp.grn.weight");
  replace(r, "head.", "head.fc.");
  if (!r->name.failed && starts_with(r->name.data, "norm.")) {
    replace(r, "norm", "head.norm");
  }
  return r->name.failed || r->next.failed ? NULL : r->name.data;
}

/* ---- shapes ---- */

static const jimm_parameter_attrs *parameter(const jimm_graph *graph, const char *name) {
  const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, name));
  return node == NULL || node->kind != JIMM_NODE_PARAMETER ? NULL : node->attrs;
}

/* Global response norm's vectors come as [1, 1, 1, channels], the MLP's matrices as those of linear
 * layers where the model may have convolutions. What does not fit stays as it is: binding says so.
 */
static jimm_tensor reshape(const jimm_graph *graph, const char *name, const jimm_tensor *tensor) {
  jimm_tensor view = *tensor;
  const int64_t count = jimm_shape_count(&tensor->shape);
  const int32_t rank = tensor->shape.rank;
  const jimm_parameter_attrs *attrs = parameter(graph, name);
  if (strstr(name, "grn") != NULL && rank > 0 && tensor->shape.dim[rank - 1] == count) {
    view.shape = (jimm_shape){1, {count}};
  } else if (rank == 2 && strstr(name, "head") == NULL && attrs != NULL &&
             jimm_shape_count(&attrs->shape) == count) {
    view.shape = attrs->shape;
  }
  return view;
}

/* ---- states ---- */

/* A vector with all elements `value`. */
static jimm_status add_constant(jimm_state *to, const char *name, int64_t count, float value) {
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  jimm_status status = jimm_tensor_create(JIMM_F32, &(jimm_shape){1, {count}}, &tensor);
  if (status != JIMM_OK) {
    return status;
  }
  for (int64_t i = 0; i < count; i++) {
    ((float *)tensor.data)[i] = value;
  }
  status = jimm_state_add_owned(to, name, &tensor);
  jimm_tensor_close(&tensor);
  return status;
}

static jimm_status adapt_paper(const jimm_graph *graph, jimm_state *from, jimm_state *to) {
  renaming r = {{0}, {0}};
  jimm_status status = JIMM_OK;
  for (int64_t i = 0; i < jimm_state_count(from) && status == JIMM_OK; i++) {
    const char *old = jimm_state_name(from, i);
    if (starts_with(old, "projectors.") || starts_with(old, "norms.")) {
      continue; /* for distillation alone */
    }
    const char *name = rename_paper(&r, old);
    if (name == NULL) {
      status = JIMM_ERROR_OUT_OF_MEMORY;
      break;
    }
    const jimm_tensor view = reshape(graph, name, jimm_state_tensor(from, i));
    status = jimm_state_add_view(to, name, from, &view);
  }
  jimm_free(r.name.data);
  jimm_free(r.next.data);
  return status;
}

/* A tensor of open_clip's head under timm's name. Does nothing when there is none. */
static jimm_status move(jimm_state *from, const char *old, jimm_state *to, const char *name) {
  const jimm_tensor *tensor = jimm_state_find(from, old);
  return tensor == NULL ? JIMM_OK : jimm_state_add_view(to, name, from, tensor);
}

/* The classifier, whose layer has no bias there. */
static jimm_status move_classifier(jimm_state *from, const char *old, jimm_state *to) {
  const jimm_tensor *weight = jimm_state_find(from, old);
  if (weight == NULL) {
    return JIMM_OK;
  }
  const jimm_status status = jimm_state_add_view(to, "head.fc.weight", from, weight);
  const int64_t outputs = weight->shape.rank > 0 ? weight->shape.dim[0] : 0;
  return status == JIMM_OK ? add_constant(to, "head.fc.bias", outputs, 0.0f) : status;
}

static jimm_status adapt_open_clip(jimm_state *from, jimm_state *to) {
  static const char trunk[] = "visual.trunk.";
  jimm_status status = JIMM_OK;
  for (int64_t i = 0; i < jimm_state_count(from) && status == JIMM_OK; i++) {
    const char *name = jimm_state_name(from, i);
    if (starts_with(name, trunk)) {
      status = jimm_state_add_view(to, name + strlen(trunk), from, jimm_state_tensor(from, i));
    }
  }
  if (status != JIMM_OK || jimm_state_find(from, "visual.head.proj.weight") != NULL) {
    return status == JIMM_OK ? move_classifier(from, "visual.head.proj.weight", to) : status;
  }
  status = move(from, "visual.head.mlp.fc1.weight", to, "head.pre_logits.fc.weight");
  if (status == JIMM_OK) {
    status = move(from, "visual.head.mlp.fc1.bias", to, "head.pre_logits.fc.bias");
  }
  return status == JIMM_OK ? move_classifier(from, "visual.head.mlp.fc2.weight", to) : status;
}

static jimm_status add_all(jimm_state *from, jimm_state *to) {
  jimm_status status = JIMM_OK;
  for (int64_t i = 0; i < jimm_state_count(from) && status == JIMM_OK; i++) {
    status = jimm_state_add_view(to, jimm_state_name(from, i), from, jimm_state_tensor(from, i));
  }
  return status;
}

/* The final norm as a fresh model has it, where the graph has one. */
static jimm_status add_norm(const jimm_graph *graph, jimm_state *to) {
  static const char *const names[] = {"head.norm.weight", "head.norm.bias"};
  jimm_status status = JIMM_OK;
  for (int i = 0; i < 2 && status == JIMM_OK; i++) {
    const jimm_parameter_attrs *attrs = parameter(graph, names[i]);
    if (attrs != NULL && attrs->shape.rank == 1) {
      status = add_constant(to, names[i], attrs->shape.dim[0], i == 0 ? 1.0f : 0.0f);
    }
  }
  return status;
}

jimm_status jimm_convnext_adapt(const jimm_graph *graph, const char *tag, jimm_state *state,
                                jimm_state **adapted) {
  if (jimm_state_find(state, "head.norm.weight") != NULL ||
      jimm_state_find(state, "norm_pre.weight") != NULL) {
    return JIMM_OK;
  }
  const bool open_clip = jimm_state_find(state, "visual.trunk.stem.0.weight") != NULL;
  const bool paper = jimm_state_find(state, "downsample_layers.0.0.weight") != NULL;
  const bool headless = strcmp(tag, "fcmae") == 0;
  if (!open_clip && !paper && !headless) {
    return JIMM_OK;
  }
  jimm_state *made = NULL;
  jimm_status status = jimm_state_create(&made);
  if (status == JIMM_OK) {
    status = open_clip ? adapt_open_clip(state, made)
             : paper   ? adapt_paper(graph, state, made)
                       : add_all(state, made);
  }
  if (status == JIMM_OK && headless && jimm_state_find(made, "head.norm.weight") == NULL &&
      jimm_state_find(made, "head.norm.bias") == NULL) {
    status = add_norm(graph, made);
  }
  *adapted = made;
  return status == JIMM_ERROR_INVALID_ARGUMENT ? JIMM_ERROR_MISMATCH : status;
}
