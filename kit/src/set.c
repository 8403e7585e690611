// Sets of checks. A set keeps what the test's counts were when it was opened; the difference at its
// end is what happened in it, by whatever thread. The path of the innermost one goes into records.
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The texts are exchanged before the old ones are freed: a crash handler may read them at any time.
static void show_path(jti_result *result, char *path) {
  jti_text line = {0};
  if (path) {
    jti_text_printf(&line, "  set: ");
    jti_text_yaml(&line, path);
    jti_text_printf(&line, "\n");
  }
  char *old_path = result->path;
  char *old_line = result->set_line;
  result->path = path;
  result->set_line = line.data;
  free(old_path);
  free(old_line);
}

static jti_set *push(jti_result *result, const char *name, double now) {
  jti_set_list *sets = &result->sets;
  JTI_RESERVE(sets->items, sets->count, 1, sets->capacity);
  jti_set *set = &sets->items[sets->count++];
  *set = (jti_set){.name = jti_copy(name),
                   .depth = sets->open ? sets->items[sets->open - 1].depth + 1 : 0,
                   .parent = sets->open,
                   .outer = result->path ? strlen(result->path) : 0,
                   .counts = result->counts,
                   .seconds = now};
  sets->open = sets->count;
  jti_text path = {0};
  jti_text_printf(&path, "%s%s%s", result->path ? result->path : "", result->path ? " > " : "",
                  name);
  show_path(result, path.data);
  return set;
}

static jti_counts counts_since(const jti_counts *before, const jti_counts *now) {
  jti_counts counts = {.passed = now->passed - before->passed,
                       .told = now->told - before->told,
                       .skipped = now->skipped - before->skipped};
  for (int i = 0; i < JTI_OUTCOMES; ++i) {
    counts.records[i] = now->records[i] - before->records[i];
  }
  return counts;
}

static void pop(jti_result *result, double now) {
  jti_set_list *sets = &result->sets;
  jti_set *set = &sets->items[sets->open - 1];
  set->counts = counts_since(&set->counts, &result->counts);
  set->seconds = now - set->seconds;
  free(set->file);
  set->file = NULL;
  sets->open = set->parent;
  show_path(result, sets->open ? strndup(result->path, set->outer) : NULL);
  // A child's parent keeps them.
  if (jti_now.wire >= 0 && set == &sets->items[sets->count - 1]) {
    free(set->name);
    sets->count--;
  }
}

// Brings the counts up to date with what was counted in shared memory; returns how much that was.
static unsigned long long catch_up(jti_result *result) {
  if (!jti_now.shared_passed) {
    return 0;
  }
  unsigned long long passed = *jti_now.shared_passed - jti_now.seen_passed;
  jti_now.seen_passed += passed;
  result->counts.passed += passed;
  return passed;
}

static const char *why_not_here(void) {
  if (!jti_now.result) {
    return "outside any test";
  }
  if (getpid() != jti_now.process) {
    return "in another process than the test's";
  }
  return pthread_equal(jti_now.thread, pthread_self()) ? NULL : "in another thread than the test's";
}

static void add_error(const char *file, int line, const char *name, const char *what) {
  jti_text message = {0};
  jti_text_printf(&message, "set \"%s\": %s", name, what);
  jti_record record = {
      .outcome = JTI_ERROR, .file = jti_copy(file), .line = line, .message = message.data};
  jti_add_locked(&record);
}

static void refuse(const char *file, int line, const char *name, const char *verb,
                   const char *where) {
  jti_text what = {0};
  jti_text_printf(&what, "%s %s", verb, where);
  add_error(file, line, name, what.data);
  jti_text_free(&what);
}

jt_set jt_set_open(const char *file, int line, const char *name) {
  static unsigned long long last;
  jt_set handle = {0};
  name = name ? name : "(no name)";
  jti_lock();
  const char *where = why_not_here();
  if (where) {
    refuse(file, line, name, "opened", where);
  } else {
    double now = jti_clock();
    unsigned long long passed = catch_up(jti_now.result);
    jti_set *set = push(jti_now.result, name, now);
    set->file = jti_copy(file);
    set->line = line;
    set->number = handle.number = ++last;
    if (jti_now.wire >= 0) {
      jti_wire_set(jti_now.wire, name, passed, now);
    }
  }
  jti_unlock();
  return handle;
}

// A set without a number was opened by a child, which judged it, too, unless it died.
static void close_innermost(jti_result *result) {
  unsigned long long passed = catch_up(result);
  const jti_set *set = &result->sets.items[result->sets.open - 1];
  jti_counts counts = counts_since(&set->counts, &result->counts);
  unsigned long long all = counts.passed + counts.skipped;
  for (int i = 0; i < JTI_OUTCOMES; ++i) {
    all += counts.records[i];
  }
  bool own = getpid() == jti_now.process;
  if (own && all == 0 && set->number) {
    add_error(set->file, set->line, set->name, "no checks executed");
  }
  double now = jti_clock();
  if (own && jti_now.wire >= 0) {
    jti_wire_set(jti_now.wire, NULL, passed, now);
  }
  pop(result, now);
}

// 1 + the index of the open set of this number; 0: none.
static size_t find_open(const jti_result *result, unsigned long long number) {
  size_t at = result ? result->sets.open : 0;
  while (at && result->sets.items[at - 1].number != number) {
    at = result->sets.items[at - 1].parent;
  }
  return at;
}

void jt_set_close(jt_set *handle) {
  if (!handle->number) {
    return;
  }
  jti_lock();
  jti_result *result = jti_now.result;
  size_t at = find_open(result, handle->number);
  if (at && !pthread_equal(jti_now.thread, pthread_self())) {
    const jti_set *set = &result->sets.items[at - 1];
    refuse(set->file, set->line, set->name, "closed", "in another thread than the test's");
  } else {
    while (at && result->sets.open >= at) {
      close_innermost(result);
    }
  }
  handle->number = 0;
  jti_unlock();
}

bool jti_relay_set(const char *name, unsigned long long passed, double now) {
  jti_lock();
  jti_result *result = jti_now.result;
  bool good = result && (name || result->sets.open);
  if (good) {
    unsigned long long *total =
        jti_now.shared_passed ? jti_now.shared_passed : &result->counts.passed;
    *total += passed;
    unsigned long long all = jti_now.shared_passed ? catch_up(result) : passed;
    if (name) {
      push(result, name, now);
    }
    if (jti_now.wire >= 0) {
      jti_wire_set(jti_now.wire, name, all, now);
    }
    if (!name) {
      pop(result, now);
    }
  }
  jti_unlock();
  return good;
}

void jti_close_sets(void) {
  jti_lock();
  while (jti_now.result->sets.open) {
    close_innermost(jti_now.result);
  }
  jti_unlock();
}
