/* Model names: architecture, tag, key, alias; and what was probably meant. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/registry.h"

#define LONGEST_NAME                                                           \
  128 /* for suggestions; longer names are looked up, but nothing is near them \
       */
#define SUGGESTIONS 3

/* "timm/", "hf-hub:timm/" and the like say where timm finds the weights, not which they are. */
static const char *skip_prefix(const char *name) {
  static const char *const hubs[] = {"hf-hub:", "hf_hub:", "hf://"};
  const char *rest = name;
  for (size_t i = 0; i < sizeof hubs / sizeof hubs[0]; i++) {
    if (strncmp(name, hubs[i], strlen(hubs[i])) == 0) {
      rest = name + strlen(hubs[i]);
    }
  }
  return strncmp(rest, "timm/", 5) == 0 ? rest + 5 : name;
}

static const jimm_alias *find_alias(const char *name) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t i = 0; i < family->alias_count; i++) {
      if (strcmp(family->aliases[i].name, name) == 0) {
        return &family->aliases[i];
      }
    }
  }
  return NULL;
}

/* The architecture that `name` begins with, followed by `separator` and something more: the longest
 * one, of those that have a tag of that spelling if there is any such (*variant), else of all. */
static const jimm_arch *split(const char *name, char separator, const jimm_family **family,
                              const jimm_variant **variant) {
  const jimm_arch *best = NULL;
  size_t best_length = 0;
  *variant = NULL;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *candidate = jimm_family_at(f);
    for (int32_t a = 0; a < candidate->arch_count; a++) {
      const jimm_arch *arch = &candidate->archs[a];
      const size_t length = strlen(arch->name);
      if (strncmp(name, arch->name, length) != 0 || name[length] != separator ||
          name[length + 1] == 0) {
        continue;
      }
      const jimm_variant *tagged = jimm_arch_variant(arch, name + length + 1);
      const bool better =
          (tagged != NULL) != (*variant != NULL) ? tagged != NULL : length > best_length;
      if (best == NULL || better) {
        best = arch;
        best_length = length;
        *family = candidate;
        *variant = tagged;
      }
    }
  }
  return best;
}

static int least(int a, int b) {
  return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
static int edit_distance(const char *a, const char *b) {
  const size_t n = strlen(a);
  const size_t m = strlen(b);
  if (n > LONGEST_NAME || m > LONGEST_NAME) {
    return INT32_MAX;
  }
  int rows[3][LONGEST_NAME + 1];
  int *before = rows[0];
  int *above = rows[1];
  int *row = rows[2];
  for (size_t j = 0; j <= m; j++) {
    above[j] = (int)j;
  }
  for (size_t i = 1; i <= n; i++) {
    row[0] = (int)i;
    for (size_t j = 1; j <= m; j++) {
      row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = least(row[j], before[j - 2] + 1);
      }
    }
    int *oldest = before;
    before = above;
    above = row;
    row = oldest;
  }
  return above[m];
}

typedef struct suggestion {
  int distance;
  const char *arch, *tag; /* tag may be NULL */
} suggestion;

/* Keeps the nearest, in order; names met earlier win ties. */
static void suggest(suggestion list[SUGGESTIONS], const char *name, const char *arch,
                    const char *tag) {
  char candidate[2 * LONGEST_NAME];
  const size_t arch_length = strlen(arch);
  const size_t tag_length = tag == NULL ? 0 : strlen(tag);
  if (arch_length + tag_length + 2 > sizeof candidate) {
    return;
  }
  memcpy(candidate, arch, arch_length + 1);
  if (tag != NULL) {
    candidate[arch_length] = '.';
    memcpy(candidate + arch_length + 1, tag, tag_length + 1);
  }
  suggestion item = {edit_distance(name, candidate), arch, tag};
  if (item.distance > 1 + (int)strlen(name) / 4) {
    return;
  }
  for (int i = 0; i < SUGGESTIONS; i++) {
    if (list[i].arch == NULL || item.distance < list[i].distance) {
      const suggestion moved = list[i];
      list[i] = item;
      item = moved;
      if (item.arch == NULL) {
        return;
      }
    }
  }
}

static void append_suggestions(jimm_text *text, const char *name) {
  suggestion list[SUGGESTIONS] = {{0, NULL, NULL}};
  const bool tagged = strchr(name, '.') != NULL;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      const jimm_arch *arch = &family->archs[a];
      if (!tagged) {
        suggest(list, name, arch->name, NULL);
      }
      for (int32_t v = 0; tagged && v < arch->variant_count; v++) {
        suggest(list, name, arch->name, arch->variants[v].tag);
      }
    }
    for (int32_t i = 0; !tagged && i < family->alias_count; i++) {
      suggest(list, name, family->aliases[i].name, NULL);
    }
  }
  int count = 0;
  while (count < SUGGESTIONS && list[count].arch != NULL) {
    count++;
  }
  for (int i = 0; i < count; i++) {
    const char *before = i == 0 ? "; did you mean " : i + 1 < count ? ", " : " or ";
    jimm_text_append(text, "%s%s", before, list[i].arch);
    if (list[i].tag != NULL) {
      jimm_text_append(text, ".%s", list[i].tag);
    }
  }
  if (count > 0) {
    jimm_text_append(text, "?");
  }
}

static void append_tags(jimm_text *text, const jimm_arch *arch) {
  jimm_text_append(text, "; tags of %s:", arch->name);
  for (int32_t i = 0; i < arch->variant_count; i++) {
    const char *tag = arch->variants[i].tag;
    jimm_text_append(text, "%s %s", i == 0 ? "" : ",", tag[0] == 0 ? "(none)" : tag);
  }
}

/* Sets the message and gives the status of a name that is nobody's. */
static jimm_status not_found(const char *name, const jimm_arch *arch) {
  jimm_text text = {0};
  append_suggestions(&text, name);
  if (arch != NULL) {
    append_tags(&text, arch);
  }
  char *message = jimm_text_take(&text);
  if (message == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_fail(JIMM_ERROR_NOT_FOUND, "unknown model \"%s\"%s", name, message);
  jimm_free(message);
  return JIMM_ERROR_NOT_FOUND;
}

jimm_status jimm_model_find(const char *name, jimm_model_name *result) {
  if (name == NULL || result == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_model_find: name or result is NULL");
  }
  *result = (jimm_model_name){0};
  const char *sought = skip_prefix(name);
  const jimm_alias *alias = find_alias(sought);
  if (alias != NULL) {
    sought = alias->target;
  }
  const jimm_family *family = NULL;
  const jimm_variant *variant = NULL;
  const jimm_arch *arch = jimm_arch_find(sought, &family);
  const jimm_arch *tagged = NULL;
  if (arch != NULL) {
    variant = &arch->variants[0];
  } else {
    tagged = split(sought, '.', &family, &variant);
    tagged = tagged != NULL ? tagged : split(sought, '_', &family, &variant);
    arch = tagged;
  }
  if (variant == NULL) {
    return not_found(sought, tagged);
  }
  *result = (jimm_model_name){family, arch, variant, alias == NULL ? NULL : alias->name};
  if (alias != NULL) {
    jimm_log(JIMM_LOG_WARNING, "model name %s is deprecated: it stands for %s", alias->name,
             alias->target);
  }
  return JIMM_OK;
}
