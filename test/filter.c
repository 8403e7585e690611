#include "filter.h"

#include <jimm-test/jimm-test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TEST_GROUP
#error "TEST_GROUP: the family of this program, infra, families, or nothing"
#endif

#define NAMES_MAX 256
#define NAME_SIZE 128

static struct {
  bool families_given, variants_given;
  char families[NAMES_MAX][NAME_SIZE];
  int family_count;
  jimm_model_name variants[NAMES_MAX];
  int variant_count;
} scope;

static void usage_error(const char *variable, const char *what, const char *name) {
  fprintf(stderr, "%s: %s '%s'; known are", variable, what, name);
  if (strcmp(variable, "JIMM_TEST_FAMILIES") == 0) {
    fprintf(stderr, " infra");
    for (int32_t f = 0; f < jimm_family_count(); f++) {
      fprintf(stderr, ", %s", jimm_family_at(f)->name);
    }
  } else {
    for (int32_t f = 0; f < jimm_family_count(); f++) {
      const jimm_family *family = jimm_family_at(f);
      for (int32_t a = 0; a < family->arch_count; a++) {
        fprintf(stderr, "%s %s", f + a == 0 ? "" : ",", family->archs[a].name);
      }
    }
    fprintf(stderr, ", each also with a tag (jimm list)");
  }
  fprintf(stderr, "\n");
  exit(2);
}

static const jimm_family *find_family(const char *name) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    if (strcmp(jimm_family_at(f)->name, name) == 0) {
      return jimm_family_at(f);
    }
  }
  return NULL;
}

static bool has_family(const char *name) {
  for (int i = 0; i < scope.family_count; i++) {
    if (strcmp(scope.families[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static void add_family(const char *name) {
  if (find_family(name) == NULL && strcmp(name, "infra") != 0) {
    usage_error("JIMM_TEST_FAMILIES", "unknown family", name);
  }
  if (!has_family(name) && scope.family_count < NAMES_MAX) {
    snprintf(scope.families[scope.family_count++], NAME_SIZE, "%s", name);
  }
}

static void add_variant(const char *name) {
  jimm_model_name found;
  if (jimm_model_find(name, &found) != JIMM_OK) {
    usage_error("JIMM_TEST_VARIANTS", "unknown variant", name);
  }
  if (scope.families_given && !has_family(found.family->name)) {
    fprintf(stderr,
            "JIMM_TEST_VARIANTS: '%s' is of the family %s, which JIMM_TEST_FAMILIES lacks\n", name,
            found.family->name);
    exit(2);
  }
  if (scope.variant_count < NAMES_MAX) {
    scope.variants[scope.variant_count++] = found;
  }
  add_family(found.family->name);
}

/* Calls `add` for every name of the list; false when the variable is not set or empty. An empty
 * element is an unknown name. */
static bool read_list(const char *variable, void (*add)(const char *name)) {
  const char *at = getenv(variable);
  if (at == NULL || at[0] == 0) {
    return false;
  }
  for (;;) {
    char name[NAME_SIZE];
    const size_t length = strcspn(at, ",");
    snprintf(name, sizeof name, "%.*s", (int)length, at);
    add(name);
    if (at[length] == 0) {
      return true;
    }
    at += length + 1;
  }
}

bool filter_variant(const jimm_model_name *name) {
  if (!scope.families_given && !scope.variants_given) {
    return true;
  }
  for (int i = 0; i < scope.variant_count; i++) {
    if (scope.variants[i].variant == name->variant) {
      return true;
    }
  }
  return !scope.variants_given && has_family(name->family->name);
}

bool filter_arch(const char *arch) {
  jimm_model_name name;
  if (jimm_model_find(arch, &name) != JIMM_OK) {
    return true; /* whose test fails and says so */
  }
  bool chosen = !scope.variants_given && filter_variant(&name);
  for (int i = 0; i < scope.variant_count; i++) {
    chosen = chosen || scope.variants[i].arch == name.arch;
  }
  return chosen;
}

const jimm_arch *filter_smallest(const jimm_family *family) {
  const jimm_arch *smallest = family->archs;
  for (int32_t a = 1; a < family->arch_count; a++) {
    smallest = family->archs[a].params < smallest->params ? &family->archs[a] : smallest;
  }
  return smallest;
}

static void skip(void *context) {
  (void)context;
  TEST_SKIP("nothing here is in JIMM_TEST_FAMILIES and JIMM_TEST_VARIANTS");
}

void filter_add_skip(void) {
  jt_add("scope", skip, NULL, NULL);
}

static bool program_runs(void) {
  const bool scoped = scope.families_given || scope.variants_given;
  bool family_runs = false;
  for (int i = 0; i < scope.family_count; i++) {
    family_runs = family_runs || strcmp(scope.families[i], "infra") != 0;
  }
  return !scoped || has_family(TEST_GROUP) || (strcmp(TEST_GROUP, "families") == 0 && family_runs);
}

__attribute__((constructor)) static void read_scope(void) {
  scope.families_given = read_list("JIMM_TEST_FAMILIES", add_family);
  scope.variants_given = read_list("JIMM_TEST_VARIANTS", add_variant);
  if (!program_runs()) {
    printf(
        "TAP version 14\n1..1\nok 1 - program # SKIP outside JIMM_TEST_FAMILIES and "
        "JIMM_TEST_VARIANTS\n# 0 passed, 0 failed, 0 errors, 0 broken, 0 soft, 1 skipped (0 "
        "checks)\n");
    exit(0);
  }
}
