#include "model/registry.h"

#include <string.h>

#include "base/alloc.h"
#include "base/options.h"

/* A test builds this file with another table (test/toy). */
#ifndef JIMM_FAMILIES_DEF
#define JIMM_FAMILIES_DEF "family/families.def"
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

const char *jimm_family_classifier(const jimm_family *family, const char *name) {
  static const char *const none[] = {NULL};
  const char *const *module = family->classifiers == NULL ? none : family->classifiers;
  for (; *module != NULL; module++) {
    const size_t length = strlen(*module);
    if (strncmp(name, *module, length) == 0 && name[length] == '.') {
      return name + length + 1;
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
