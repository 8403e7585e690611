#include "model/registry.h"

#include <string.h>

#include "base/options.h"
#include "graph/part.h"

/* A test builds this file with another table (test/toy). */
#ifndef JIMM_FAMILIES_DEF
#define JIMM_FAMILIES_DEF "model/families.def"
#endif

#define FAMILY(name, test, dump) extern const jimm_family jimm_family_##name;
#include JIMM_FAMILIES_DEF
#undef FAMILY

static const jimm_family *const built_in[] = {
#define FAMILY(name, test, dump) &jimm_family_##name,
#include JIMM_FAMILIES_DEF
#undef FAMILY
};
#define BUILT_IN_COUNT ((int32_t)(sizeof built_in / sizeof built_in[0]))

/* Families that the program registered. */
static const jimm_family **registered;
static int32_t registered_count;
static size_t registered_capacity;

int32_t jimm_family_count(void) {
  return BUILT_IN_COUNT + registered_count;
}

const jimm_family *jimm_family_at(int32_t index) {
  if (index < 0 || index >= jimm_family_count()) {
    return NULL;
  }
  return index < BUILT_IN_COUNT ? built_in[index] : registered[index - BUILT_IN_COUNT];
}

const jimm_arch *jimm_arch_find(const char *name, const jimm_family **family) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *candidate = jimm_family_at(f);
    for (int32_t a = 0; a < candidate->arch_count; a++) {
      if (strcmp(candidate->archs[a].name, name) == 0) {
        *family = candidate;
        return &candidate->archs[a];
      }
    }
  }
  return NULL;
}

const jimm_variant *jimm_arch_variant(const jimm_arch *arch, const char *tag) {
  for (int32_t i = 0; i < arch->variant_count; i++) {
    if (strcmp(arch->variants[i].tag, tag) == 0) {
      return &arch->variants[i];
    }
  }
  return NULL;
}

static jimm_status check_arch(const jimm_family *family, int32_t index) {
  const jimm_arch *arch = &family->archs[index];
  if (arch->name == NULL || arch->name[0] == 0 || strchr(arch->name, '.') != NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "family %s: architecture %d: expected a name without a dot, got \"%s\"",
                     family->name, (int)index, arch->name == NULL ? "(null)" : arch->name);
  }
  if (arch->variant_count < 1 || arch->variants == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "family %s: architecture %s: expected at least one variant, got none",
                     family->name, arch->name);
  }
  for (int32_t i = 0; i < arch->variant_count; i++) {
    const jimm_variant *variant = &arch->variants[i];
    if (variant->tag == NULL || jimm_arch_variant(arch, variant->tag) != variant) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                       "family %s: architecture %s: tag \"%s\" is missing or used twice",
                       family->name, arch->name, variant->tag == NULL ? "(null)" : variant->tag);
    }
  }
  const jimm_family *other = NULL;
  bool twice = jimm_arch_find(arch->name, &other) != NULL;
  for (int32_t i = 0; i < index && !twice; i++) {
    twice = strcmp(family->archs[i].name, arch->name) == 0;
    other = family;
  }
  if (twice) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "family %s: there is an architecture %s already, in family %s", family->name,
                     arch->name, other->name);
  }
  return JIMM_OK;
}

jimm_status jimm_family_register(const jimm_family *family) {
  const jimm_status sized =
      family == NULL ? JIMM_OK : jimm_check_row("jimm_family", family, sizeof *family);
  if (sized != JIMM_OK) {
    return sized;
  }
  if (family == NULL || family->name == NULL || family->build == NULL ||
      family->default_global_pool == NULL || family->arch_count < 0 ||
      (family->arch_count > 0 && family->archs == NULL) || family->alias_count < 0 ||
      (family->alias_count > 0 && family->aliases == NULL)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "family %s: expected a name, build, default_global_pool and archs",
                     family == NULL || family->name == NULL ? "(unknown)" : family->name);
  }
  for (int32_t i = 0; i < jimm_family_count(); i++) {
    if (strcmp(jimm_family_at(i)->name, family->name) == 0) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "there is a family %s already", family->name);
    }
  }
  for (int32_t i = 0; i < family->arch_count; i++) {
    const jimm_status status = check_arch(family, i);
    if (status != JIMM_OK) {
      return status;
    }
  }
  const size_t count = (size_t)registered_count;
  const jimm_status status = jimm_reserve(&registered, count, count + 1,
                                          sizeof(const jimm_family *), &registered_capacity);
  if (status == JIMM_OK) {
    registered[registered_count++] = family;
  }
  return status;
}

/* The options of a model that is to be built, with the name's own in place of the defaults. */
static jimm_status resolve(const char *what, const jimm_model_name *name,
                           const jimm_model_options *options, jimm_model_options *resolved) {
  *resolved = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  if (name == NULL || name->family == NULL || name->arch == NULL || name->variant == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "%s: the name is not resolved (see "
                     "jimm_model_find)",
                     what);
  }
  const jimm_status status =
      jimm_copy_options("jimm_model_options", options, resolved, sizeof *resolved);
  if (status != JIMM_OK) {
    return status;
  }
  if (resolved->num_classes == -1) {
    resolved->num_classes = name->variant->num_classes;
  }
  if (resolved->in_chans == -1) {
    resolved->in_chans = 3;
  }
  if (resolved->global_pool == NULL) {
    resolved->global_pool = name->family->default_global_pool;
  }
  if (resolved->num_classes < 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: num_classes: expected 0 or more, got %lld",
                     name->arch->name, (long long)resolved->num_classes);
  }
  if (resolved->in_chans < 1) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: in_chans: expected 1 or more, got %lld",
                     name->arch->name, (long long)resolved->in_chans);
  }
  return JIMM_OK;
}

jimm_status jimm_graph_build(const jimm_model_name *name, const jimm_model_options *options,
                             jimm_graph **graph) {
  if (graph == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_build: graph is NULL");
  }
  *graph = NULL;
  jimm_model_options resolved;
  jimm_status status = resolve("jimm_graph_build", name, options, &resolved);
  jimm_graph *built = NULL;
  if (status == JIMM_OK) {
    status = jimm_graph_create(&built);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_graph_set_owner(built, name->family, name->variant->tag);
  name->family->build(built, name->arch, &resolved);
  status = jimm_graph_finish(built);
  if (status != JIMM_OK) {
    jimm_graph_close(&built);
    return jimm_fail_context(status, "%s", name->arch->name);
  }
  *graph = built;
  return JIMM_OK;
}

jimm_emitted jimm_graph_emit(jimm_graph *graph, const jimm_model_name *name,
                             const jimm_model_options *options, jimm_value input) {
  jimm_emitted made = {JIMM_NO_VALUE, JIMM_NO_VALUE, JIMM_NO_VALUE, jimm_graph_feature_count(graph),
                       0};
  jimm_model_options resolved;
  jimm_open_part outer;
  const jimm_status status = resolve("jimm_graph_emit", name, options, &resolved);
  if (status != JIMM_OK) {
    jimm_graph_fail(graph, status, "%s", jimm_error_message());
    return made;
  }
  if (!jimm_graph_begin_part(graph, input, &outer)) {
    return made;
  }
  name->family->build(graph, name->arch, &resolved);
  made.features = jimm_graph_part_output(graph, "features");
  made.pre_logits = jimm_graph_part_output(graph, "pre_logits");
  made.logits = jimm_graph_part_output(graph, "logits");
  made.feature_count = jimm_graph_feature_count(graph) - made.first_feature;
  jimm_graph_end_part(graph, name->family, &outer);
  return made;
}

jimm_data_config jimm_variant_data(const jimm_variant *variant, bool test_size) {
  jimm_data_config data = variant->data;
  if (test_size && variant->test_input_size[0] > 0) {
    data.channels = variant->test_input_size[0];
    data.height = variant->test_input_size[1];
    data.width = variant->test_input_size[2];
  }
  if (test_size && variant->test_crop_pct > 0) {
    data.crop_pct = variant->test_crop_pct;
  }
  return data;
}
