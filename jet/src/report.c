// Findings become text, or JSON lines.
#include "jet.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static void print_group(size_t begin, size_t end) {
  printf("%s: %s (%zu)\n", jet.findings[begin].rule, jet_meaning_of(jet.findings[begin].rule),
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

static void list_text(void) {
  const jet_list *idle = jet.options.list ? jet_idle_items() : NULL;
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
  const jet_list *idle = jet.options.list ? jet_idle_items() : NULL;
  for (size_t i = 0; idle && i < idle->count; ++i) {
    jet_print_line(json_pack("{s:s, s:s}", "kind", "idle", "ignore", idle->items[i]));
  }
  for (size_t i = 0; jet.options.list && i < jet.reached_count; ++i) {
    const jet_function *f = jet.reached[i];
    jet_print_line(json_pack("{s:s, s:s, s:s?, s:i}", "kind", "reached", "function", f->name,
                             "file", f->file, "line", (int)f->line));
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
    jet_print_line(line);
  }
  list_json();
  jet_print_line(json_pack("{s:s, s:i, s:i, s:i, s:i, s:f}", "kind", "summary", "opt",
                           (int)count_kind(false), "call", (int)count_kind(true), "functions",
                           (int)jet.reached_count, "files", (int)count_files(), "seconds",
                           seconds()));
}

int jet_report(void) {
  jet_sort_findings();
  if (jet.options.json) {
    print_json();
  } else {
    print_text();
  }
  return jet.finding_count ? JET_FOUND : JET_CLEAN;
}
