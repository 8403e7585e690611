/* What `jimm parity` checks: the goldens or fixtures that the command line asks for. */
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parity.h"

/* Takes over what the item owns; strings that could not be had are NULL. */
static int add_item(parity_sweep *sweep, const parity_item *item) {
  const bool enough =
      cli_reserve(&sweep->items, sweep->count + 1, sizeof *sweep->items, &sweep->capacity);
  if (!enough || item->name == NULL || (item->path == NULL && item->reason == NULL)) {
    free(item->name);
    free(item->path);
    free(item->reason);
    return cli_fail_memory();
  }
  sweep->items[sweep->count++] = *item;
  return CLI_OK;
}

static char *say(const char *what, const char *folder) {
  char *text = NULL;
  return asprintf(&text, "%s in %s", what, folder) < 0 ? NULL : text;
}

static char *join(const char *folder, const char *name, const char *ending) {
  char *path = NULL;
  return asprintf(&path, "%s/%s%s", folder, name, ending) < 0 ? NULL : path;
}

/* Whether a name is asked for; no glob asks for all. */
static bool is_asked(const char *name, int count, char **globs, bool *used) {
  bool asked = count == 0;
  for (int i = 0; i < count; i++) {
    if (fnmatch(globs[i], name, 0) == 0) {
      used[i] = true;
      asked = true;
    }
  }
  return asked;
}

const char *parity_golden_folder(void) {
  const char *folder = getenv("JIMM_GOLDEN_DIR");
  if (folder != NULL && folder[0] != 0) {
    return folder;
  }
  return cli_is_folder("test/golden") ? "test/golden" : JIMM_GOLDEN_FOLDER;
}

/* Calls `visit` for every architecture; stops at the first failure. */
typedef int (*arch_visitor)(parity_sweep *sweep, const jimm_family *family, const jimm_arch *arch,
                            const char *folder);
static int walk_archs(parity_sweep *sweep, const char *folder, int count, char **globs, bool *used,
                      arch_visitor visit) {
  int status = CLI_OK;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; status == CLI_OK && a < family->arch_count; a++) {
      if (is_asked(family->archs[a].name, count, globs, used)) {
        status = visit(sweep, family, &family->archs[a], folder);
      }
    }
  }
  return status;
}

static int add_golden(parity_sweep *sweep, const jimm_family *family, const jimm_arch *arch,
                      const char *folder) {
  parity_item item = {.name = strdup(arch->name), .family = family};
  item.path = join(folder, arch->name, ".json");
  if (item.path != NULL && access(item.path, F_OK) != 0) {
    item.reason = say("no golden", folder);
    free(item.path);
    item.path = NULL;
  }
  return add_item(sweep, &item);
}

static int is_fixture(const struct dirent *entry) {
  jimm_parity_name name;
  return jimm_parity_parse_name(entry->d_name, &name);
}

/* "resnet50", "resnet50_a1_in1k, 1 channel, pyramid" */
static char *show_fixture(const jimm_parity_name *name) {
  char *text = NULL;
  char channels[32] = "";
  if (name->in_chans != 3) {
    snprintf(channels, sizeof channels, ", %lld channel%s", (long long)name->in_chans,
             name->in_chans == 1 ? "" : "s");
  }
  return asprintf(&text, "%s%s%s", name->key, channels, name->pyramid ? ", pyramid" : "") < 0
             ? NULL
             : text;
}

/* A fixture is asked for by its key, by timm's name or by its architecture. One whose key is no
 * model's is kept: it fails and says so. */
static int add_fixture(parity_sweep *sweep, const char *folder, const char *file, int count,
                       char **globs, bool *used) {
  jimm_parity_name name;
  jimm_model_name model = {.arch = NULL};
  char full[CLI_NAME_SIZE];
  jimm_parity_parse_name(file, &name);
  bool asked = is_asked(name.key, count, globs, used);
  if (jimm_model_find(name.key, &model) == JIMM_OK) {
    cli_variant_name(model.arch, model.variant, full);
    asked = is_asked(full, count, globs, used) || asked;
    asked = is_asked(model.arch->name, count, globs, used) || asked;
  }
  if (!asked) {
    return CLI_OK;
  }
  const parity_item item = {
      .name = show_fixture(&name), .path = join(folder, file, ""), .family = model.family};
  return add_item(sweep, &item);
}

/* An architecture without any fixture is skipped, which is said. */
static int add_missing(parity_sweep *sweep, const jimm_family *family, const jimm_arch *arch,
                       const char *folder) {
  for (size_t i = 0; i < sweep->count; i++) {
    jimm_parity_name name;
    jimm_model_name model;
    if (sweep->items[i].path != NULL && jimm_parity_parse_name(sweep->items[i].path, &name) &&
        jimm_model_find(name.key, &model) == JIMM_OK && model.arch == arch) {
      return CLI_OK;
    }
  }
  const parity_item item = {
      .name = strdup(arch->name), .family = family, .reason = say("no fixture", folder)};
  return add_item(sweep, &item);
}

static int add_fixtures(parity_sweep *sweep, const char *folder, int count, char **globs,
                        bool *used) {
  struct dirent **entries = NULL;
  const int found = scandir(folder, &entries, is_fixture, alphasort);
  if (found < 0) {
    return cli_fail("%s: this folder of fixtures cannot be read", folder);
  }
  int status = CLI_OK;
  for (int i = 0; i < found; i++) {
    if (status == CLI_OK) {
      status = add_fixture(sweep, folder, entries[i]->d_name, count, globs, used);
    }
    free(entries[i]);
  }
  free(entries);
  return status == CLI_OK ? walk_archs(sweep, folder, count, globs, used, add_missing) : status;
}

int parity_find(parity_sweep *sweep, const char *fixtures, int count, char **globs) {
  bool *used = calloc((size_t)count + 1, sizeof *used);
  if (used == NULL) {
    return cli_fail_memory();
  }
  int status = fixtures != NULL
                   ? add_fixtures(sweep, fixtures, count, globs, used)
                   : walk_archs(sweep, parity_golden_folder(), count, globs, used, add_golden);
  for (int i = 0; status == CLI_OK && i < count; i++) {
    if (!used[i]) {
      status =
          cli_fail("no %s matches '%s' ('jimm list --archs' lists the architectures)",
                   fixtures != NULL ? "fixture and no architecture" : "architecture", globs[i]);
    }
  }
  free(used);
  return status;
}
