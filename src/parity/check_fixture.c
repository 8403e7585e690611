/* jimm beside a fixture. */
#include <string.h>

#include "base/json.h"
#include "model/options.h"
#include "parity/check.h"

/* ---- what the file must be ---- */

typedef struct fixture {
  const char *path;
  jimm_parity_name name;
  jimm_model_name model_name;
  jimm_parity parity;
  jimm_model *model;
  int64_t classes; /* of the weights */
} fixture;

static jimm_status check_variant(const fixture *f) {
  jimm_model_name held;
  if (f->parity.variant == NULL) {
    return JIMM_OK;
  }
  if (jimm_model_find(f->parity.variant, &held) != JIMM_OK) {
    return jimm_fail_context(JIMM_ERROR_MISMATCH, "the fixture's variant");
  }
  return held.variant == f->model_name.variant
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_MISMATCH, "expected a fixture of %s, as its name says, got %s",
                         f->name.key, f->parity.variant);
}

static jimm_status check_input(const fixture *f) {
  char text[JIMM_SHAPE_TEXT];
  const jimm_tensor *input = &f->parity.input;
  if (input->dtype != JIMM_F32) {
    return jimm_fail(JIMM_ERROR_MISMATCH, "/input: expected F32, got %s",
                     jimm_dtype_name(input->dtype));
  }
  if (input->shape.rank != 4 || input->shape.dim[1] != f->name.in_chans) {
    return jimm_fail(JIMM_ERROR_MISMATCH, "/input: expected %lld channels, got the shape %s",
                     (long long)f->name.in_chans,
                     jimm_shape_format(&input->shape, text, sizeof text));
  }
  const jimm_status status = jimm_tensor_check_finite(input);
  return status == JIMM_OK ? JIMM_OK : jimm_fail_context(status, "/input");
}

static jimm_status check_values(const fixture *f) {
  jimm_status status = jimm_state_check_finite(f->parity.state);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "/state_dict");
  }
  status = jimm_state_check_finite(f->parity.outputs);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "/output");
  }
  status = f->parity.stages == NULL ? JIMM_OK : jimm_state_check_finite(f->parity.stages);
  return status == JIMM_OK ? JIMM_OK : jimm_fail_context(status, "/stage");
}

/* What the attribute `options` says of the model; the words live in `arena`. */
static jimm_status read_options(const fixture *f, jimm_arena *arena, jimm_model_options *options) {
  const char *text = f->parity.options;
  jimm_json *root = NULL;
  jimm_status status =
      text == NULL ? JIMM_OK
                   : jimm_json_parse("the attribute options", text, strlen(text), arena, &root);
  const jimm_model_option *row = jimm_model_option_at(0);
  for (int32_t i = 0; row != NULL && status == JIMM_OK; row = jimm_model_option_at(++i)) {
    char wanted[JIMM_OPTION_TEXT];
    const jimm_json *value = jimm_json_get(root, row->name);
    const char *expected = value == NULL || value->type == JIMM_JSON_NULL
                               ? NULL
                               : jimm_model_option_read(row, value, options, wanted);
    if (expected != NULL) {
      status = jimm_fail(JIMM_ERROR_FORMAT, "the attribute options: %s: expected %s", row->name,
                         expected);
    }
  }
  return status;
}

/* The head is that of the weights: as many classes as the rows of its first classifier, none
 * without it. */
static jimm_status count_classes(fixture *f) {
  const char *const *classifiers = f->model_name.family->classifiers;
  f->classes = 0;
  if (classifiers == NULL || classifiers[0] == NULL) {
    return JIMM_OK;
  }
  char *name = jimm_format("%s.weight", classifiers[0]);
  if (name == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const jimm_tensor *weight = jimm_state_find(f->parity.state, name);
  f->classes = weight == NULL || weight->shape.rank < 2 ? 0 : weight->shape.dim[0];
  jimm_free(name);
  return JIMM_OK;
}

static jimm_status open_model(fixture *f) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_arena arena = {0};
  jimm_graph *graph = NULL;
  jimm_status status = count_classes(f);
  if (status == JIMM_OK) {
    status = read_options(f, &arena, &options);
  }
  if (status == JIMM_OK) {
    options.in_chans = f->name.in_chans; /* as the file's name and the weights have them */
    options.num_classes = f->classes;
    status = jimm_graph_build(&f->model_name, &options, &graph);
  }
  if (status == JIMM_OK) {
    /* The weights of a fixture fit as they are: nothing may be adapted on the way. */
    jimm_weights_options weights = JIMM_WEIGHTS_OPTIONS_INIT;
    weights.adapt_input = false;
    status = jimm_model_create(graph, f->parity.state, &weights, &f->model);
  }
  jimm_graph_close(&graph);
  jimm_arena_close(&arena);
  return status;
}

static bool is_expected(const fixture *f, const char *output) {
  return f->name.pyramid ? strncmp(output, "feat_", 5) == 0
                         : strcmp(output, "features") == 0 || strcmp(output, "logits") == 0;
}

static jimm_status check_outputs(const fixture *f) {
  const jimm_state *outputs = f->parity.outputs;
  const jimm_graph *graph = jimm_model_graph(f->model);
  for (int64_t i = 0; i < jimm_state_count(outputs); i++) {
    const char *name = jimm_state_name(outputs, i);
    if (!is_expected(f, name) || jimm_graph_find_output(graph, name) == JIMM_NO_VALUE) {
      return jimm_fail(JIMM_ERROR_MISMATCH, "/output/%s: a fixture of this name has no such output",
                       name);
    }
  }
  if (f->name.pyramid) {
    return jimm_state_count(outputs) > 0
               ? JIMM_OK
               : jimm_fail(JIMM_ERROR_MISMATCH, "/output: expected taps, feat_01 and so on");
  }
  if (jimm_state_find(outputs, "features") == NULL) {
    return jimm_fail(JIMM_ERROR_MISMATCH, "/output/features is missing");
  }
  return (jimm_state_find(outputs, "logits") == NULL) == (f->classes == 0)
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_MISMATCH, "/output/logits: expected %s",
                         f->classes == 0 ? "none, for the weights have no head"
                                         : "it, for the weights have a head");
}

/* /feature_channels or /feature_reductions beside the graph's taps. */
static jimm_status check_taps(const fixture *f, const char *what, const jimm_tensor *got) {
  const jimm_graph *graph = jimm_model_graph(f->model);
  const jimm_state *outputs = f->parity.outputs;
  const bool channels = got == &f->parity.channels;
  if (got->dtype != JIMM_I64 || got->shape.rank != 1 ||
      got->shape.dim[0] != jimm_state_count(outputs)) {
    return jimm_fail(JIMM_ERROR_MISMATCH, "/%s: expected %lld integers of type I64, one a tap",
                     what, (long long)jimm_state_count(outputs));
  }
  int64_t index = 0;
  for (int32_t i = 0; i < jimm_graph_feature_count(graph); i++) {
    const jimm_feature_info *tap = jimm_graph_feature(graph, i);
    if (jimm_state_find(outputs, tap->output) == NULL) {
      continue;
    }
    const int64_t timm = ((const int64_t *)got->data)[index++];
    const int64_t jimm = channels ? tap->channels : tap->reduction;
    if (timm != jimm) {
      return jimm_fail(JIMM_ERROR_MISMATCH, "/%s: %s: jimm %lld, timm %lld", what, tap->output,
                       (long long)jimm, (long long)timm);
    }
  }
  return JIMM_OK;
}

static jimm_status check_pyramid(const fixture *f) {
  const bool there =
      f->parity.channels.dtype != JIMM_DTYPE_NONE || f->parity.reductions.dtype != JIMM_DTYPE_NONE;
  if (!f->name.pyramid) {
    return there ? jimm_fail(JIMM_ERROR_MISMATCH,
                             "/feature_channels, /feature_reductions: only the fixture of a "
                             "pyramid (KEY_featsonly_io.h5) has them")
                 : JIMM_OK;
  }
  const jimm_status status = check_taps(f, "feature_channels", &f->parity.channels);
  return status == JIMM_OK ? check_taps(f, "feature_reductions", &f->parity.reductions) : status;
}

static jimm_status open_fixture(fixture *f) {
  if (!jimm_parity_parse_name(f->path, &f->name)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "expected a file named KEY_io.h5, KEY_inNc_io.h5 or with _featsonly before "
                     "_io.h5");
  }
  jimm_status status = jimm_model_find(f->name.key, &f->model_name);
  if (status == JIMM_OK) {
    status = jimm_parity_read(f->path, &f->parity);
  }
  if (status == JIMM_OK) {
    status = check_variant(f);
  }
  if (status == JIMM_OK) {
    status = check_input(f);
  }
  if (status == JIMM_OK) {
    status = check_values(f);
  }
  if (status == JIMM_OK) {
    status = open_model(f);
  }
  if (status == JIMM_OK) {
    status = check_outputs(f);
  }
  return status == JIMM_OK ? check_pyramid(f) : status;
}

/* ---- outputs ---- */

static jimm_status compare_output(jimm_parity_book *book, const char *name, const jimm_tensor *got,
                                  const jimm_tensor *want) {
  jimm_compare compare;
  const jimm_status status = jimm_tensor_compare(got, want, &compare);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "/output/%s", name);
  }
  if (!(compare.max_abs_want > 0)) {
    return jimm_fail(JIMM_ERROR_MISMATCH, "/output/%s: timm's values are all zero", name);
  }
  const bool logits = strcmp(name, "logits") == 0;
  const jimm_parity_output output = {
      .run = "",
      .name = name,
      .difference = compare.max_abs_diff,
      .error = compare.relative,
      .timm_error = -1,
      .measured = logits ? compare.max_abs_diff : compare.relative,
      .bar = logits ? JIMM_LOGITS_TOL : JIMM_FEATURES_RTOL,
  };
  return jimm_parity_book_add(book, &output, true);
}

static jimm_status run_fixture(const fixture *f, const jimm_parity_options *options,
                               jimm_parity_book *book) {
  const char *names[JIMM_PARITY_OUTPUTS] = {NULL};
  jimm_tensor outputs[JIMM_PARITY_OUTPUTS];
  const int32_t count = (int32_t)jimm_state_count(f->parity.outputs);
  if (count > JIMM_PARITY_OUTPUTS) {
    return jimm_fail(JIMM_ERROR_LIMIT, "/output: expected at most %d, got %d", JIMM_PARITY_OUTPUTS,
                     (int)count);
  }
  for (int32_t i = 0; i < count; i++) {
    names[i] = jimm_state_name(f->parity.outputs, i);
  }
  jimm_status status =
      jimm_parity_run(f->model, &f->parity.input, options->threads, count, names, outputs);
  for (int32_t i = 0; status == JIMM_OK && i < count; i++) {
    status = compare_output(book, names[i], &outputs[i], jimm_state_tensor(f->parity.outputs, i));
  }
  for (int32_t i = 0; i < count; i++) {
    jimm_tensor_close(&outputs[i]);
  }
  if (status == JIMM_OK && options->trace) {
    status =
        jimm_parity_trace(book, f->model, &f->parity.input, options->threads, f->parity.stages);
  }
  if (status == JIMM_OK && options->sensitivity) {
    jimm_graph *graph = jimm_graph_retain((jimm_graph *)jimm_model_graph(f->model));
    status = jimm_parity_sensitivity(book, graph, options->threads);
    jimm_graph_close(&graph);
  }
  return status;
}

jimm_status jimm_parity_check_fixture(const char *path, const jimm_parity_options *options_,
                                      jimm_parity_report **report) {
  jimm_parity_options options;
  jimm_parity_book *book = NULL;
  jimm_text differences = {0};
  fixture f = {.path = path};
  *report = NULL;
  jimm_status status = jimm_parity_options_read(options_, &options);
  if (status != JIMM_OK) {
    return status;
  }
  status = open_fixture(&f);
  if (status == JIMM_OK) {
    status = jimm_parity_book_create(f.model_name.arch->name, &book);
  }
  if (status == JIMM_OK) {
    status = run_fixture(&f, &options, book);
  }
  if (status == JIMM_OK) {
    status = jimm_parity_book_finish(book, &differences);
  }
  jimm_model_close(&f.model);
  jimm_parity_close(&f.parity);
  if (status != JIMM_OK) {
    jimm_parity_report *made = book == NULL ? NULL : &book->report;
    jimm_parity_report_close(&made);
    return strstr(jimm_error_message(), path) != NULL ? status
                                                      : jimm_fail_context(status, "%s", path);
  }
  *report = &book->report;
  return JIMM_OK;
}
