#include "fixture.h"

#include <dirent.h>
#include <jimm/jimm.h>
#include <jimm/parity.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

#define REQUIRE_OK(call) TEST_REQUIRE_MSG((call) == JIMM_OK, "%s", jimm_error_message())
#define FIXTURES_MAX 4096
#define NAME_MAX_LENGTH 256

typedef struct fixture {
  char file[NAME_MAX_LENGTH];
  char key[NAME_MAX_LENGTH];
  int64_t in_chans;
} fixture;

static const char *fixture_folder(void) {
  const char *folder = getenv("JIMM_PARITY_DIR");
  return folder != NULL && folder[0] != 0 ? folder : "data/parity";
}

/* KEY_io.h5 or KEY_inNc_io.h5; false for any other name. */
static bool parse_name(const char *file, fixture *result) {
  static const char ending[] = "_io.h5";
  const size_t length = strlen(file);
  if (length >= NAME_MAX_LENGTH || length <= sizeof ending - 1 ||
      strcmp(file + length - (sizeof ending - 1), ending) != 0) {
    return false;
  }
  memcpy(result->file, file, length + 1);
  memcpy(result->key, file, length + 1);
  char *key = result->key;
  key[length - (sizeof ending - 1)] = 0;
  result->in_chans = 3;
  char *mark = strrchr(key, '_');
  int channels = 0, end = 0;
  if (mark != NULL && sscanf(mark, "_in%4dc%n", &channels, &end) == 1 && mark[end] == 0 &&
      channels > 0) {
    *mark = 0;
    result->in_chans = channels;
  }
  return true;
}

/* ---- one fixture ---- */

static void check_output(const char *name, const jimm_tensor *got, const jimm_tensor *want) {
  jimm_compare compare;
  REQUIRE_OK(jimm_tensor_compare(got, want, &compare));
  if (strcmp(name, "logits") == 0) {
    TEST_CHECK_MSG(compare.max_abs_diff < TOL, "logits: max-abs-diff %.3g, TOL %.3g at %lld",
                   compare.max_abs_diff, TOL, (long long)compare.worst);
  } else {
    TEST_CHECK_MSG(compare.relative < FEATURES_RTOL,
                   "%s: relative %.3g, FEATURES_RTOL %.3g at %lld", name, compare.relative,
                   FEATURES_RTOL, (long long)compare.worst);
  }
  TEST_CHECK_MSG(compare.max_abs_want > 0, "%s: timm's values are all zero", name);
  TEST_CHECK_INT(compare.not_finite, 0);
  TEST_NOTE("%s: max-abs-diff %.2g, relative %.2g, largest %.3g", name, compare.max_abs_diff,
            compare.relative, compare.max_abs_want);
}

static void run_model(jimm_model *model, const jimm_parity *parity) {
  const char *names[2] = {"features", "logits"};
  const int32_t count = jimm_state_find(parity->outputs, "logits") != NULL ? 2 : 1;
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.batch = parity->input.shape.dim[0];
  options.height = parity->input.shape.dim[2];
  options.width = parity->input.shape.dim[3];
  options.outputs = names;
  options.output_count = count;
  jimm_plan *plan = NULL;
  jimm_tensor outputs[2];
  memset(outputs, 0, sizeof outputs);
  REQUIRE_OK(jimm_plan_create(model, &options, &plan));
  for (int32_t i = 0; i < count; i++) {
    jimm_shape shape;
    REQUIRE_OK(jimm_plan_output_shape(plan, i, &shape));
    REQUIRE_OK(jimm_tensor_create(JIMM_F32, &shape, &outputs[i]));
  }
  REQUIRE_OK(jimm_plan_run(plan, &parity->input, outputs));
  for (int32_t i = 0; i < count; i++) {
    const jimm_tensor *want = jimm_state_find(parity->outputs, names[i]);
    TEST_REQUIRE_MSG(want != NULL, "the fixture has no /output/%s", names[i]);
    check_output(names[i], &outputs[i], want);
    jimm_tensor_close(&outputs[i]);
  }
  jimm_plan_close(&plan);
}

static void check_fixture(void *context) {
  const fixture *f = context;
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", fixture_folder(), f->file);
  jimm_parity parity;
  memset(&parity, 0, sizeof parity);
  REQUIRE_OK(jimm_parity_read(path, &parity));
  TEST_REQUIRE_INT(parity.input.shape.rank, 4);
  TEST_REQUIRE_INT(parity.input.shape.dim[1], f->in_chans);

  /* The head is that of the outputs: none without logits. */
  const jimm_tensor *logits = jimm_state_find(parity.outputs, "logits");
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.in_chans = f->in_chans;
  options.num_classes = logits != NULL && logits->shape.rank == 2 ? logits->shape.dim[1] : 0;
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_model_find(f->key, &name));
  REQUIRE_OK(jimm_graph_build(&name, &options, &graph));
  /* The weights of a fixture fit as they are: nothing may be adapted on the way. */
  jimm_weights_options weights = JIMM_WEIGHTS_OPTIONS_INIT;
  weights.adapt_input = false;
  REQUIRE_OK(jimm_model_create(graph, parity.state, &weights, &model));
  run_model(model, &parity);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
  jimm_parity_close(&parity);
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
  if (is_required(f->key)) {
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
    if (fixture_count == FIXTURES_MAX || !parse_name(entry->d_name, f)) {
      continue;
    }
    jimm_model_name name;
    /* A key that is no model is kept: its test fails and says so. */
    if (jimm_model_find(f->key, &name) != JIMM_OK ||
        (strcmp(name.family->name, family) == 0 && filter_variant(&name))) {
      fixture_count++;
    }
  }
  closedir(folder);
}

static int by_file(const void *a, const void *b) {
  return strcmp(((const fixture *)a)->file, ((const fixture *)b)->file);
}

/* Whether a fixture of this architecture, of any tag, is there. */
static bool have(const char *arch, int64_t in_chans) {
  for (size_t i = 0; i < fixture_count; i++) {
    jimm_model_name name;
    if (fixtures[i].in_chans == in_chans && jimm_model_find(fixtures[i].key, &name) == JIMM_OK &&
        strcmp(name.arch->name, arch) == 0) {
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
  for (size_t i = 0; i < 2 * count && last < FIXTURES_MAX; i++) {
    const int64_t in_chans = i % 2 == 0 ? 3 : 1;
    if (have(expected[i / 2], in_chans) || !filter_arch(expected[i / 2])) {
      continue;
    }
    fixture *f = &fixtures[last++];
    snprintf(f->key, sizeof f->key, "%s", expected[i / 2]);
    snprintf(f->file, sizeof f->file, "%s%s_io.h5", expected[i / 2], in_chans == 3 ? "" : "_in1c");
    jt_add(f->file, missing_fixture, f, NULL);
  }
  if (last == 0) {
    filter_add_skip();
  }
}
