// The rules, and the findings that count: not ignored, below the targets, and each once.
#include "jet.h"

#include <stdlib.h>
#include <string.h>

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

const char *jet_meaning_of(const char *rule) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i) {
    if (strcmp(rules[i].name, rule) == 0) {
      return rules[i].meaning;
    }
  }
  return "found by clang's analyser";
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
  jet.findings =
      jet_reserve(jet.findings, jet.finding_count, &jet.finding_capacity, sizeof *jet.findings);
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

void jet_sort_findings(void) {
  if (jet.finding_count) {
    qsort(jet.findings, jet.finding_count, sizeof *jet.findings, by_rule);
  }
}

const jet_list *jet_idle_items(void) {
  static jet_list idle;
  for (size_t i = 0; i < jet.options.ignored.count; ++i) {
    if (!silenced || !silenced[i]) {
      jet_add(&idle, jet.options.ignored.items[i]);
    }
  }
  return &idle;
}
