#include "jet.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
  const char *name;
  const char *meaning;
} rules[] = {
    {"indirect-call", "calls through a pointer"},
    {"allocation", "memory of the heap"},
    {"lock", "waits for other threads"},
    {"blocking-io", "waits for files or the system"},
    {"double-promotion", "double arithmetic in float code"},
    {"double-libm", "double functions in float code"},
    {"dynamic-stack", "variable-length arrays and alloca"},
    {"recursion", "functions that come back to themselves"},
    {"inline-asm", "inline assembly"},
    {"unknown-external", "functions of which nothing is known"},
    {"not-vectorised", "loops that the vectoriser gave up on"},
};

bool jet_is_rule(const char *name) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i) {
    if (strcmp(rules[i].name, name) == 0) {
      return true;
    }
  }
  // The analyser's have packages: core.NullDereference.
  return strchr(name, '.') != NULL;
}

// ---- Findings -----------------------------------------------------------------------------------

// "function", "file.c:function"; a '*' at the end of the function stands for anything.
static bool is_in(const jet_finding *finding, const char *where) {
  const char *colon = strrchr(where, ':');
  const char *name = colon ? colon + 1 : where;
  size_t size = strcspn(name, "*");
  const jet_function *f = finding->function;
  if (strncmp(f->name, name, size) != 0 || (name[size] != '*' && f->name[size] != '\0')) {
    return false;
  }
  const char *file = colon ? jet_format("%.*s", (int)(colon - where), where) : NULL;
  const char *path = f->file ? f->file : finding->file;
  return !file || strcmp(path, file) == 0 || jet_ends(path, jet_format("/%s", file));
}

static bool *silenced;  // of each item of --ignore: it silenced a finding

static bool is_ignored(const jet_finding *finding) {
  if (!silenced) {
    silenced = jet_alloc(jet.options.ignored.count + 1);
  }
  for (size_t i = 0; i < jet.options.ignored.count; ++i) {
    const char *item = jet.options.ignored.items[i];
    size_t size = strcspn(item, ":");
    if (strncmp(finding->rule, item, size) == 0 && finding->rule[size] == '\0' &&
        (!item[size] || is_in(finding, item + size + 1))) {
      silenced[i] = true;
      return true;
    }
  }
  return false;
}

static bool is_targeted(const jet_finding *finding) {
  const char *file = finding->function->file ? finding->function->file : finding->file;
  for (size_t i = 0; file && i < jet.options.targets.count; ++i) {
    if (jet_below(file, jet.options.targets.items[i])) {
      return true;
    }
  }
  return !jet.options.targets.count;
}

static bool same(const jet_finding *a, const jet_finding *b) {
  return a->line == b->line && strcmp(a->rule, b->rule) == 0 && strcmp(a->file, b->file) == 0 &&
         strcmp(a->function->name, b->function->name) == 0 && strcmp(a->message, b->message) == 0;
}

void jet_find(jet_finding finding) {
  if (!finding.file) {
    finding.file = finding.function->file ? finding.function->file
                                          : jet.units.items[finding.function->unit].file;
  }
  if (is_ignored(&finding) || !is_targeted(&finding)) {
    return;
  }
  for (size_t i = 0; i < jet.finding_count; ++i) {
    if (same(&jet.findings[i], &finding)) {
      return;
    }
  }
  if (jet.finding_count == jet.finding_capacity) {
    size_t capacity = jet.finding_capacity ? 2 * jet.finding_capacity : 64;
    jet_finding *grown = jet_alloc(capacity * sizeof *grown);
    if (jet.finding_count) {
      memcpy(grown, jet.findings, jet.finding_count * sizeof *grown);
    }
    jet.findings = grown;
    jet.finding_capacity = capacity;
  }
  jet.findings[jet.finding_count++] = finding;
}

static int by_rule(const void *left, const void *right) {
  const jet_finding *a = left;
  const jet_finding *b = right;
  int order = (a->call > b->call) - (a->call < b->call);
  order = order ? order : strcmp(a->rule, b->rule);
  order = order ? order : strcmp(a->file, b->file);
  order = order ? order : (a->line > b->line) - (a->line < b->line);
  return order ? order : strcmp(a->message, b->message);
}

// ---- Text ---------------------------------------------------------------------------------------

static const char *base_name(const char *path) {
  const char *slash = path ? strrchr(path, '/') : NULL;
  return slash ? slash + 1 : path ? path : "?";
}

static size_t list_callers(const jet_finding *finding, const jet_function **chain) {
  size_t count = 0;
  for (const jet_function *f = finding->function; f; f = f->from) {
    chain[count++] = f;
  }
  return count;
}

// "a (x.c:10) -> b (x.c:20) -> malloc"; "~>" where a pointer may lead.
static const char *path_text(const jet_finding *finding) {
  const jet_function **chain = jet_alloc((jet.function_count + 1) * sizeof(jet_function *));
  const char *text = "";
  for (size_t i = list_callers(finding, chain); i-- > 0;) {
    jet_place place =
        i ? chain[i - 1]->from_place : (jet_place){.file = finding->file, .line = finding->line};
    text = jet_format("%s%s (%s:%u)", text, chain[i]->name, base_name(place.file), place.line);
    if (i) {
      text = jet_format("%s %s ", text, chain[i - 1]->from_certain ? "->" : "~>");
    }
  }
  return finding->callee ? jet_format("%s -> %s", text, finding->callee) : text;
}

static const char *meaning_of(const char *rule) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i) {
    if (strcmp(rules[i].name, rule) == 0) {
      return rules[i].meaning;
    }
  }
  return "found by clang's analyser";
}

static void print_group(size_t begin, size_t end) {
  printf("%s: %s (%zu)\n", jet.findings[begin].rule, meaning_of(jet.findings[begin].rule),
         end - begin);
  for (size_t i = begin; i < end; ++i) {
    const jet_finding *f = &jet.findings[i];
    printf("  %s:%u: in %s: %s\n", jet_shown(f->file), f->line, f->function->name, f->message);
    printf("    %s\n", path_text(f));
    for (size_t s = 0; s < f->steps.count; ++s) {
      printf("      %s\n", jet_shown(f->steps.items[s]));
    }
  }
  printf("\n");
}

static size_t count_kind(bool call) {
  size_t count = 0;
  for (size_t i = 0; i < jet.finding_count; ++i) {
    count += jet.findings[i].call == call;
  }
  return count;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - jet.start;
}

static size_t count_files(void) {
  size_t count = 0;
  for (size_t i = 0; i < jet.units.count; ++i) {
    count += jet.units.items[i].reached;
  }
  return count;
}

// Items of --ignore that could be dropped.
static const jet_list *idle_items(void) {
  static jet_list idle;
  for (size_t i = 0; i < jet.options.ignored.count; ++i) {
    if (!silenced || !silenced[i]) {
      jet_add(&idle, jet.options.ignored.items[i]);
    }
  }
  return &idle;
}

static void list_text(void) {
  const jet_list *idle = jet.options.list ? idle_items() : NULL;
  for (size_t i = 0; idle && i < idle->count; ++i) {
    printf("silenced nothing: --ignore %s\n", idle->items[i]);
  }
  for (size_t i = 0; jet.options.list && i < jet.reached_count; ++i) {
    const jet_function *f = jet.reached[i];
    printf("reached: %s (%s:%u)\n", f->name, f->file ? jet_shown(f->file) : "?", f->line);
  }
}

static void print_text(void) {
  size_t begin = 0;
  for (size_t i = 1; i <= jet.finding_count; ++i) {
    if (i == jet.finding_count || strcmp(jet.findings[i].rule, jet.findings[begin].rule) != 0) {
      print_group(begin, i);
      begin = i;
    }
  }
  list_text();
  const char *opt = jet.options.opt ? jet_format("%zu opt findings", count_kind(false)) : "";
  const char *call = jet.options.call ? jet_format("%zu call findings", count_kind(true)) : "";
  const jet_list *entries = &jet.options.entries;
  const char *more =
      entries->count > 1 ? jet_format(" and %zu more reach", entries->count - 1) : " reaches";
  printf("jimm-jet: %s%s%s in what %s%s: %zu functions of %zu files (%.1f s)\n", opt,
         *opt && *call ? ", " : "", call, entries->items[0], more, jet.reached_count, count_files(),
         seconds());
}

// ---- JSON lines ---------------------------------------------------------------------------------

static void print_line(json_t *object) {
  char *text = json_dumps(object, JSON_COMPACT);
  if (text) {
    printf("%s\n", text);
  }
  free(text);
  json_decref(object);
}

static json_t *strings(const jet_list *list) {
  json_t *array = json_array();
  for (size_t i = 0; i < list->count; ++i) {
    json_array_append_new(array, json_string(list->items[i]));
  }
  return array;
}

static json_t *path_json(const jet_finding *finding) {
  const jet_function **chain = jet_alloc((jet.function_count + 1) * sizeof(jet_function *));
  json_t *array = json_array();
  for (size_t i = list_callers(finding, chain); i-- > 0;) {
    jet_place place =
        i ? chain[i - 1]->from_place : (jet_place){.file = finding->file, .line = finding->line};
    json_array_append_new(array, json_pack("{s:s, s:s?, s:i}", "function", chain[i]->name, "file",
                                           place.file, "line", (int)place.line));
  }
  return array;
}

static void list_json(void) {
  const jet_list *idle = jet.options.list ? idle_items() : NULL;
  for (size_t i = 0; idle && i < idle->count; ++i) {
    print_line(json_pack("{s:s, s:s}", "kind", "idle", "ignore", idle->items[i]));
  }
  for (size_t i = 0; jet.options.list && i < jet.reached_count; ++i) {
    const jet_function *f = jet.reached[i];
    print_line(json_pack("{s:s, s:s, s:s?, s:i}", "kind", "reached", "function", f->name, "file",
                         f->file, "line", (int)f->line));
  }
}

static void print_json(void) {
  for (size_t i = 0; i < jet.finding_count; ++i) {
    const jet_finding *f = &jet.findings[i];
    const char *text = jet_format("%s: %s:%u: in %s: %s; %s", f->rule, jet_shown(f->file), f->line,
                                  f->function->name, f->message, path_text(f));
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:s}", "kind", f->call ? "call" : "opt",
                  "rule", f->rule, "file", f->file, "line", (int)f->line, "function",
                  f->function->name, "message", f->message, "path", path_json(f), "text", text);
    if (f->callee) {
      json_object_set_new(line, "callee", json_string(f->callee));
    }
    if (f->targets.count) {
      json_object_set_new(line, "targets", strings(&f->targets));
    }
    if (f->call) {
      json_object_set_new(line, "steps", strings(&f->steps));
    }
    print_line(line);
  }
  list_json();
  print_line(json_pack("{s:s, s:i, s:i, s:i, s:i, s:f}", "kind", "summary", "opt",
                       (int)count_kind(false), "call", (int)count_kind(true), "functions",
                       (int)jet.reached_count, "files", (int)count_files(), "seconds", seconds()));
}

int jet_report(void) {
  if (jet.finding_count) {
    qsort(jet.findings, jet.finding_count, sizeof *jet.findings, by_rule);
  }
  if (jet.options.json) {
    print_json();
  } else {
    print_text();
  }
  return jet.finding_count ? JET_FOUND : JET_CLEAN;
}

// ---- What is not a finding ----------------------------------------------------------------------

static void say(const char *kind, const char *text) {
  if (jet.options.json) {
    print_line(json_pack("{s:s, s:s}", "kind", kind, "text", text));
  } else {
    fflush(stdout);
    fprintf(stderr, "jimm-jet: %s: %s\n", kind, text);
  }
}

static void end(int status) JET_NORETURN;

static void end(int status) {
  jet_close_processes();
  fflush(stdout);
  exit(status);
}

void jet_note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("note", jet_format_list(format, args));
  va_end(args);
}

void jet_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("error", jet_format_list(format, args));
  va_end(args);
  end(JET_ERROR);
}

void jet_skip(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("skipped", jet_format_list(format, args));
  va_end(args);
  end(JET_SKIPPED);
}
