// Errors that clang's analyser finds, kept when they are in a function that the entry reaches. It
// looks through calls into other files, too: with the syntax trees of all files that are linked.
#include "jet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DEFINITIONS "definitions.txt"

static void plan_tree(const jet_unit *unit, size_t number, jet_job *job) {
  *job = (jet_job){.directory = unit->directory, .output = jet_result(number, "log")};
  jet_add_clang(unit, job);
  jet_add_all(&job->argv, &jet.options.call_args);
  jet_add(&job->argv, "-emit-ast");
  jet_add(&job->argv, "-o");
  jet_add(&job->argv, jet_result(number, "ast"));
  jet_add(&job->argv, unit->file);
}

static void plan_analysis(const jet_unit *unit, size_t number, jet_job *job) {
  *job = (jet_job){.directory = unit->directory, .output = jet_result(number, "log")};
  jet_add_clang(unit, job);
  const char *config = jet_format(
      "suppress-null-return-paths=false,experimental-enable-naive-ctu-analysis=true,"
      "ctu-dir=%s,ctu-index-name=" DEFINITIONS,
      jet_temporary());
  const char *const options[] = {"-analyzer-checker=core,unix", "-analyzer-inlining-mode=all",
                                 "-analyzer-output=plist-multi-file", "-analyzer-config", config};
  jet_add(&job->argv, "--analyze");
  for (size_t i = 0; i < sizeof options / sizeof *options; ++i) {
    jet_add(&job->argv, "-Xclang");
    jet_add(&job->argv, options[i]);
  }
  jet_add_all(&job->argv, &jet.options.call_args);
  jet_add(&job->argv, "-o");
  jet_add(&job->argv, jet_result(number, "plist"));
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

static json_t *read_diagnostics(const jet_unit *unit, size_t number) {
  json_t *plist = jet_read_plist(jet_result(number, "plist"));
  const json_t *all = json_object_get(plist, "diagnostics");
  const json_t *files = json_object_get(plist, "files");
  if (!json_is_array(all)) {
    jet_fail("%s: the analyser's report cannot be read", jet_shown(unit->file));
  }
  json_t *list = json_array();
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
  return list;
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

// A result depends on every file that is linked, for the analyser may look into each.
static const char *make_key(void) {
  jet_hash hash = {0};
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (jet.units.items[i].linked) {
      jet_hash_text(&hash, jet.units.items[i].key);
    }
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

static void make_trees(void) {
  size_t *numbers = jet_alloc((jet.units.count + 1) * sizeof *numbers);
  size_t count = 0;
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (jet.units.items[i].linked) {
      numbers[count++] = i;
    }
  }
  jet_run_units(numbers, count, plan_tree, "parsing");
  const char *text = jet_definitions();
  if (!jet_write(jet_format("%s/" DEFINITIONS, jet_temporary()), text, strlen(text))) {
    jet_fail("cannot write into %s", jet_temporary());
  }
}

void jet_analyse(void) {
  const char *key = make_key();
  size_t *numbers = jet_alloc((jet.units.count + 1) * sizeof *numbers);
  size_t count = 0;
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (!jet.units.items[i].reached) {
      continue;
    }
    json_t *list = kept_list(&jet.units.items[i], key);
    if (list) {
      report(list);
      json_decref(list);
    } else {
      numbers[count++] = i;
    }
  }
  if (!count) {
    return;
  }
  make_trees();
  jet_run_units(numbers, count, plan_analysis, "analysing");
  for (size_t i = 0; i < count; ++i) {
    const jet_unit *unit = &jet.units.items[numbers[i]];
    json_t *list = read_diagnostics(unit, numbers[i]);
    keep_list(unit, key, list);
    report(list);
    json_decref(list);
  }
}
