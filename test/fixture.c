#include "fixture.h"

#include <dirent.h>
#include <jimm/jimm.h>
#include <jimm/parity.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "require_ok.h"

#define FIXTURES_MAX 4096
#define NAME_MAX_LENGTH 256

typedef struct fixture {
  char file[NAME_MAX_LENGTH];
  jimm_parity_name name;
} fixture;

static const char *fixture_folder(void) {
  const char *folder = getenv("JIMM_PARITY_DIR");
  return folder != NULL && folder[0] != 0 ? folder : "data/parity";
}

static void check_fixture(void *context) {
  const fixture *f = context;
  char path[4096];
  jimm_parity_report *report = NULL;
  snprintf(path, sizeof path, "%s/%s", fixture_folder(), f->file);
  REQUIRE_OK(jimm_parity_check_fixture(path, NULL, &report));
  TEST_CHECK(report->output_count > 0);
  TEST_CHECK(report->passed);
  for (int32_t i = 0; i < report->output_count; i++) {
    const jimm_parity_output *output = &report->outputs[i];
    TEST_CHECK_MSG(output->passed, "%s: %.3g, the bar is %.3g", output->name, output->measured,
                   output->bar);
    TEST_NOTE("%s: max-abs-diff %.2g, relative %.2g", output->name, output->difference,
              output->error);
  }
  jimm_parity_report_close(&report);
}

/* ---- the list ---- */

static fixture fixtures[FIXTURES_MAX];
static size_t fixture_count;

/* $JIMM_PARITY_REQUIRE is 1, or names the architecture (words separated by spaces). */
static bool is_required(const char *arch) {
  const char *require = getenv("JIMM_PARITY_REQUIRE");
  if (require == NULL || strcmp(require, "1") == 0) {
    return require != NULL;
  }
  const size_t length = strlen(arch);
  for (const char *at = strstr(require, arch); at != NULL; at = strstr(at + 1, arch)) {
    if ((at == require || at[-1] == ' ') && (at[length] == 0 || at[length] == ' ')) {
      return true;
    }
  }
  return false;
}

static void missing_fixture(void *context) {
  const fixture *f = context;
  if (is_required(f->name.key)) {
    TEST_FAIL("no fixture %s/%s", fixture_folder(), f->file);
    return;
  }
  TEST_SKIP("no fixture %s/%s: `make parity` writes it", fixture_folder(), f->file);
}

static void list_files(const char *family) {
  DIR *folder = opendir(fixture_folder());
  if (folder == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    fixture *f = &fixtures[fixture_count];
    if (fixture_count == FIXTURES_MAX || strlen(entry->d_name) >= sizeof f->file ||
        !jimm_parity_parse_name(entry->d_name, &f->name)) {
      continue;
    }
    snprintf(f->file, sizeof f->file, "%s", entry->d_name);
    jimm_model_name name;
    /* A key that is no model is kept: its test fails and says so. */
    if (jimm_model_find(f->name.key, &name) != JIMM_OK ||
        (strcmp(name.family->name, family) == 0 && filter_variant(&name))) {
      fixture_count++;
    }
  }
  closedir(folder);
}

static int by_file(const void *a, const void *b) {
  return strcmp(((const fixture *)a)->file, ((const fixture *)b)->file);
}

/* Whether a fixture of this architecture and kind, of any tag, is there. */
static bool have(const char *arch, int64_t in_chans, bool pyramid) {
  for (size_t i = 0; i < fixture_count; i++) {
    const jimm_parity_name *found = &fixtures[i].name;
    jimm_model_name name;
    if (found->in_chans == in_chans && found->pyramid == pyramid &&
        jimm_model_find(found->key, &name) == JIMM_OK && strcmp(name.arch->name, arch) == 0) {
      return true;
    }
  }
  return false;
}

void fixture_add_tests(const char *family, const char *const *expected, size_t count) {
  list_files(family);
  qsort(fixtures, fixture_count, sizeof fixtures[0], by_file);
  const size_t found = fixture_count;
  for (size_t i = 0; i < found; i++) {
    jt_add(fixtures[i].file, check_fixture, &fixtures[i], NULL);
  }
  size_t last = found;
  for (size_t i = 0; i < 4 * count && last < FIXTURES_MAX; i++) {
    const char *arch = expected[i / 4];
    const int64_t in_chans = i % 2 == 0 ? 3 : 1;
    const bool pyramid = i % 4 >= 2;
    if (have(arch, in_chans, pyramid) || !filter_arch(arch)) {
      continue;
    }
    fixture *f = &fixtures[last++];
    f->name = (jimm_parity_name){.in_chans = in_chans, .pyramid = pyramid};
    snprintf(f->name.key, sizeof f->name.key, "%s", arch);
    snprintf(f->file, sizeof f->file, "%s%s%s_io.h5", arch, in_chans == 3 ? "" : "_in1c",
             pyramid ? "_featsonly" : "");
    jt_add(f->file, missing_fixture, f, NULL);
  }
  if (last == 0) {
    filter_add_skip();
  }
}
