// Errors that clang's analyser finds, kept when they are in a function that the entry reaches. It
// looks through calls into other files, too: with the syntax trees of all files that are linked.
#include "jet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFINITIONS "definitions.txt"

static void add_clang_option(jet_job *job, const char *option) {
  jet_add(&job->argv, "-Xclang");
  jet_add(&job->argv, option);
}

static void plan_tree(const jet_unit *unit, size_t number, jet_job *job) {
  *job = (jet_job){.directory = unit->directory, .output = jet_result(number, "log")};
  jet_add_clang(unit, job);
  jet_add_all(&job->argv, &jet.options.call_args);
  // As the analyser itself will see the files it looks into.
  add_clang_option(job, "-setup-static-analyzer");
  jet_add(&job->argv, "-emit-ast");
  jet_add(&job->argv, "-o");
  jet_add(&job->argv, jet_result(number, "ast"));
  jet_add(&job->argv, unit->file);
}

// One run of the analyser: over a file, or over one function of it.
typedef struct analysis {
  size_t number;         // of the unit
  const char *function;  // NULL: all of the file's
  const char *plist;
} analysis;

static const char *const analyser[] = {"-analyzer-checker=core,unix", "-analyzer-inlining-mode=all",
                                       "-analyzer-output=plist-multi-file"};
static const char config[] =
    "suppress-null-return-paths=false,experimental-enable-naive-ctu-analysis=true";
enum { ANALYSER_OPTIONS = sizeof analyser / sizeof *analyser };

static void plan_analysis(analysis *a, size_t index, jet_job *job) {
  const jet_unit *unit = &jet.units.items[a->number];
  a->plist = jet_format("%s/%zu.plist", jet_temporary(), index);
  *job = (jet_job){.directory = unit->directory,
                   .output = jet_format("%s/%zu.analysis", jet_temporary(), index)};
  jet_add_clang(unit, job);
  jet_add(&job->argv, "--analyze");
  for (size_t i = 0; i < ANALYSER_OPTIONS; ++i) {
    add_clang_option(job, analyser[i]);
  }
  add_clang_option(job, "-analyzer-config");
  add_clang_option(
      job, jet_format("%s,ctu-dir=%s,ctu-index-name=" DEFINITIONS, config, jet_temporary()));
  if (a->function) {
    add_clang_option(job, "-analyze-function");
    add_clang_option(job, a->function);
  }
  jet_add_all(&job->argv, &jet.options.call_args);
  jet_add(&job->argv, "-o");
  jet_add(&job->argv, a->plist);
  jet_add(&job->argv, unit->file);
}

static const char *file_at(const json_t *files, const json_t *location, const jet_unit *unit) {
  json_int_t index = json_integer_value(json_object_get(location, "file"));
  const char *file = index < 0 ? NULL : json_string_value(json_array_get(files, (size_t)index));
  return file ? jet_path(unit->directory, file) : unit->file;
}

// "x.c:12: Memory is allocated" for each event on the way to the error.
static json_t *read_steps(const json_t *path, const json_t *files, const jet_unit *unit) {
  json_t *steps = json_array();
  for (size_t i = 0; i < json_array_size(path); ++i) {
    const json_t *piece = json_array_get(path, i);
    const char *kind = json_string_value(json_object_get(piece, "kind"));
    const char *message = json_string_value(json_object_get(piece, "message"));
    const json_t *location = json_object_get(piece, "location");
    if (kind && message && strcmp(kind, "event") == 0) {
      const char *file = file_at(files, location, unit);
      json_array_append_new(
          steps, json_string(jet_format("%s:%d: %s", file,
                                        (int)json_integer_value(json_object_get(location, "line")),
                                        message)));
    }
  }
  return steps;
}

static void read_diagnostics(const analysis *a, json_t *list) {
  const jet_unit *unit = &jet.units.items[a->number];
  json_t *plist = jet_read_plist(a->plist);
  const json_t *all = json_object_get(plist, "diagnostics");
  const json_t *files = json_object_get(plist, "files");
  if (!json_is_array(all)) {
    jet_fail("%s: the analyser's report cannot be read", jet_shown(unit->file));
  }
  for (size_t i = 0; i < json_array_size(all); ++i) {
    const json_t *d = json_array_get(all, i);
    const json_t *location = json_object_get(d, "location");
    const char *rule = json_string_value(json_object_get(d, "check_name"));
    const char *message = json_string_value(json_object_get(d, "description"));
    const char *function = json_string_value(json_object_get(d, "issue_context"));
    if (rule && message && function) {
      json_array_append_new(
          list, json_pack("{s:s, s:s, s:s, s:s, s:O, s:o}", "rule", rule, "message", message,
                          "function", function, "file", file_at(files, location, unit), "line",
                          json_object_get(location, "line"), "steps",
                          read_steps(json_object_get(d, "path"), files, unit)));
    }
  }
  json_decref(plist);
}

static void report(const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); ++i) {
    const json_t *d = json_array_get(list, i);
    const char *file = json_string_value(json_object_get(d, "file"));
    const char *name = json_string_value(json_object_get(d, "function"));
    const char *rule = json_string_value(json_object_get(d, "rule"));
    const char *message = json_string_value(json_object_get(d, "message"));
    const jet_function *f = file && name ? jet_reached_named(name, file) : NULL;
    if (!f || !rule || !message) {
      continue;
    }
    jet_finding finding = {.rule = jet_format("%s", rule),
                           .call = true,
                           .file = jet_format("%s", file),
                           .line = (unsigned)json_integer_value(json_object_get(d, "line")),
                           .function = f,
                           .message = jet_format("%s", message)};
    const json_t *steps = json_object_get(d, "steps");
    for (size_t s = 0; s < json_array_size(steps); ++s) {
      const char *step = json_string_value(json_array_get(steps, s));
      jet_add(&finding.steps, step ? step : "");
    }
    jet_find(finding);
  }
}

// ---- What a result depends on -------------------------------------------------------------------

static bool *leads;  // [from * count + to]: a function of the unit `from` calls one of `to`

static void list_calls(void) {
  size_t count = jet.units.count;
  leads = jet_alloc(count * count + 1);
  for (size_t i = 0; i < jet.reached_count; ++i) {
    const jet_function *f = jet.reached[i];
    for (size_t e = 0; e < f->edge_count; ++e) {
      leads[f->unit * count + f->edges[e].to->unit] = true;
    }
  }
}

// Adds to `units` those that the analyser may look into from the unit `number`, and itself.
static void add_reach(size_t number, bool *units) {
  size_t count = jet.units.count;
  size_t *work = jet_alloc((count + 1) * sizeof *work);
  size_t end = 0;
  bool *seen = jet_alloc(count + 1);
  work[end++] = number;
  seen[number] = true;
  for (size_t i = 0; i < end; ++i) {
    units[work[i]] = true;
    for (size_t to = 0; to < count; ++to) {
      if (leads[work[i] * count + to] && !seen[to]) {
        seen[to] = true;
        work[end++] = to;
      }
    }
  }
}

// The functions of a file that are reached, if they are few of its: the analyser then need not look
// at the others. None: the whole file.
static jet_list few_functions(size_t number) {
  enum { FEW = 2 };  // one of so many
  jet_list names = {0};
  size_t all = 0;
  for (size_t i = 0; i < jet.function_count; ++i) {
    const jet_function *f = &jet.functions[i];
    if (f->unit != number || !f->file || strcmp(f->file, jet.units.items[number].file) != 0) {
      continue;
    }
    ++all;
    if (f->reached && !jet_has(&names, f->name)) {
      jet_add(&names, f->name);
    }
  }
  return FEW * names.count <= all ? names : (jet_list){0};
}

static const char *make_key(size_t number, const jet_list *functions) {
  jet_hash hash = {0};
  bool *units = jet_alloc(jet.units.count + 1);
  add_reach(number, units);
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (units[i]) {
      jet_hash_text(&hash, jet.units.items[i].key);
    }
  }
  jet_hash_text(&hash, config);
  for (size_t i = 0; i < ANALYSER_OPTIONS; ++i) {
    jet_hash_text(&hash, analyser[i]);
  }
  for (size_t i = 0; i < functions->count; ++i) {
    jet_hash_text(&hash, functions->items[i]);
  }
  for (size_t i = 0; i < jet.options.call_args.count; ++i) {
    jet_hash_text(&hash, jet.options.call_args.items[i]);
  }
  return jet_hash_name(&hash);
}

// What is kept of a unit: lists by their keys, for entries that need different files. The oldest
// goes first.
enum { KEPT_LISTS = 16 };

static json_t *read_kept(const jet_unit *unit) {
  size_t size = 0;
  char *text = jet.options.cache ? jet_read(jet_cached(unit, "call"), &size) : NULL;
  json_t *kept = text ? json_loadb(text, size, 0, NULL) : NULL;
  return kept ? kept : json_object();
}

static json_t *kept_list(const jet_unit *unit, const char *key) {
  json_t *kept = read_kept(unit);
  json_t *list = json_incref(json_object_get(kept, key));
  json_decref(kept);
  return list;
}

static void keep_list(const jet_unit *unit, const char *key, json_t *list) {
  if (!jet.options.cache) {
    return;
  }
  json_t *kept = read_kept(unit);
  while (json_object_size(kept) >= KEPT_LISTS) {
    json_object_del(kept, json_object_iter_key(json_object_iter(kept)));
  }
  json_object_set(kept, key, list);
  char *text = json_dumps(kept, JSON_COMPACT);
  if (!text || !jet_write(jet_cached(unit, "call"), text, strlen(text))) {
    jet_note("cannot write %s", jet_cached(unit, "call"));
  }
  free(text);
  json_decref(kept);
}

// ---- The analyser -------------------------------------------------------------------------------

static void make_trees(const analysis *list, size_t analyses) {
  bool *units = jet_alloc(jet.units.count + 1);
  for (size_t i = 0; i < analyses; ++i) {
    if (!units[list[i].number]) {
      add_reach(list[i].number, units);
    }
  }
  size_t *numbers = jet_alloc((jet.units.count + 1) * sizeof *numbers);
  size_t count = 0;
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (units[i]) {
      numbers[count++] = i;
    }
  }
  jet_run_units(numbers, count, plan_tree, "parsing");
  const char *text = jet_definitions(units);
  if (!jet_write(jet_format("%s/" DEFINITIONS, jet_temporary()), text, strlen(text))) {
    jet_fail("cannot write into %s", jet_temporary());
  }
}

static long long size_of(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 ? (long long)info.st_size : 0;
}

// Those that take long go first, so that no processor is left without work in the end. Analyses of
// one unit stay together.
static int by_size(const void *left, const void *right) {
  const analysis *a = left;
  const analysis *b = right;
  long long sizes[2] = {size_of(jet.units.items[a->number].bitcode),
                        size_of(jet.units.items[b->number].bitcode)};
  int order = (sizes[1] > sizes[0]) - (sizes[1] < sizes[0]);
  return order ? order : (a->number > b->number) - (a->number < b->number);
}

static void run_analyses(analysis *list, size_t count) {
  jet_job *jobs = jet_alloc((count + 1) * sizeof *jobs);
  qsort(list, count, sizeof *list, by_size);
  for (size_t i = 0; i < count; ++i) {
    plan_analysis(&list[i], i, &jobs[i]);
  }
  jet_run(jobs, count, jet.options.jobs);
  for (size_t i = 0; i < count; ++i) {
    jet_check_job(&jobs[i], "analysing", jet.units.items[list[i].number].file);
  }
}

// Results of one unit follow each other.
static void report_analyses(const analysis *list, size_t count, const char *const *keys) {
  for (size_t i = 0; i < count;) {
    size_t number = list[i].number;
    json_t *found = json_array();
    for (; i < count && list[i].number == number; ++i) {
      read_diagnostics(&list[i], found);
    }
    keep_list(&jet.units.items[number], keys[number], found);
    report(found);
    json_decref(found);
  }
}

void jet_analyse(void) {
  list_calls();
  const char **keys = jet_alloc((jet.units.count + 1) * sizeof(char *));
  analysis *list = jet_alloc((jet.units.count + jet.reached_count + 1) * sizeof *list);
  size_t count = 0;
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (!jet.units.items[i].reached) {
      continue;
    }
    jet_list functions = few_functions(i);
    keys[i] = make_key(i, &functions);
    json_t *kept = kept_list(&jet.units.items[i], keys[i]);
    if (kept) {
      report(kept);
      json_decref(kept);
      continue;
    }
    for (size_t f = 0; f < functions.count; ++f) {
      list[count++] = (analysis){.number = i, .function = functions.items[f]};
    }
    if (!functions.count) {
      list[count++] = (analysis){.number = i};
    }
  }
  if (count) {
    make_trees(list, count);
    run_analyses(list, count);
    report_analyses(list, count, keys);
  }
}
