/* Whose weights are these? For the message when weights do not fit. */
#include <string.h>

#include "model/registry.h"

/* "fc.weight" of the module "fc". */
static bool is_head(const jimm_family *family, const char *name) {
  return jimm_family_classifier(family, name) != NULL;
}

/* Every parameter of `graph` but its classifiers is in the state, with its shape (input channels
 * aside), and the state has nothing else. */
static bool fits(const jimm_graph *graph, const jimm_family *family, const jimm_state *state) {
  for (jimm_value v = 0; v < jimm_graph_node_count(graph); v++) {
    const jimm_node *node = jimm_graph_node(graph, v);
    if (node->kind != JIMM_NODE_PARAMETER) {
      continue;
    }
    const jimm_parameter_attrs *attrs = node->attrs;
    const jimm_tensor *tensor = jimm_state_find(state, node->name);
    if (attrs->role == JIMM_ROLE_CLASSIFIER || (attrs->optional && tensor == NULL)) {
      continue;
    }
    if (tensor == NULL || tensor->shape.rank != attrs->shape.rank) {
      return false;
    }
    for (int32_t i = 0; i < attrs->shape.rank; i++) {
      const bool free = attrs->role == JIMM_ROLE_INPUT_CONV && i == 1;
      if (!free && tensor->shape.dim[i] != attrs->shape.dim[i]) {
        return false;
      }
    }
  }
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const char *name = jimm_state_name(state, i);
    if (!is_head(family, name) && jimm_graph_find(graph, name) == JIMM_NO_VALUE) {
      return false;
    }
  }
  return true;
}

/* Elements of everything but the head. */
static int64_t count_elements(const jimm_family *family, const jimm_state *state) {
  int64_t elements = 0;
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    if (!is_head(family, jimm_state_name(state, i))) {
      elements += jimm_shape_count(&jimm_state_tensor(state, i)->shape);
    }
  }
  return elements;
}

bool jimm_model_has_about(const jimm_arch *arch, int64_t elements) {
  const double head = (double)(arch->num_features + 1) * (double)arch->variants[0].num_classes;
  const double params = (double)arch->params - head;
  return arch->params <= 0 || ((double)elements > 0.8 * params && (double)elements < 1.25 * params);
}

int jimm_model_guess(const jimm_state *state, jimm_text *text, int limit) {
  int count = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count && count < limit; a++) {
      const jimm_arch *arch = &family->archs[a];
      const jimm_model_name name = {family, arch, &arch->variants[0], NULL};
      jimm_graph *graph = NULL;
      if (!jimm_model_has_about(arch, count_elements(family, state))) {
        continue;
      }
      const jimm_status status = jimm_graph_build(&name, NULL, &graph);
      if (status == JIMM_ERROR_OUT_OF_MEMORY) {
        return -1;
      }
      if (status == JIMM_OK && fits(graph, family, state)) {
        jimm_text_append(text, "%s%s", count == 0 ? "" : ", ", arch->name);
        count++;
      }
      jimm_graph_close(&graph);
    }
  }
  return count;
}
