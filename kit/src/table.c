// The counts of sets, as a table: a row for each test that has sets, and below it one for each set.
// A row counts what happened in it and in the rows indented below it.
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_ROWS = 100, NAME_WIDTH = 60, COLUMNS = 7 };

typedef struct table {
  struct row {
    char *name;  // as it is shown
    size_t depth;
    jti_counts counts;
    double seconds;
  } * items;
  size_t count;
  size_t capacity;
} table;

static const char *const titles[COLUMNS] = {"passed", "failed",  "errors", "broken",
                                            "soft",   "skipped", "seconds"};

static void add_row(table *t, const char *name, size_t depth, const jti_counts *counts,
                    double seconds) {
  JTI_RESERVE(t->items, t->count, 1, t->capacity);
  jti_text shown = {0};
  jti_text_printf(&shown, "%*s", (int)(2 * depth), "");
  jti_text_plain(&shown, name, strlen(name));
  t->items[t->count++] =
      (struct row){.name = shown.data, .depth = depth, .counts = *counts, .seconds = seconds};
}

static void add_result(table *t, const jti_result *result) {
  if (!result->sets.count) {
    return;
  }
  add_row(t, result->name, 0, &result->counts, result->seconds);
  for (size_t i = 0; i < result->sets.count; ++i) {
    const jti_set *set = &result->sets.items[i];
    add_row(t, set->name, set->depth + 1, &set->counts, set->seconds);
  }
}

static void clear(table *t) {
  for (size_t i = 0; i < t->count; ++i) {
    free(t->items[i].name);
  }
  free(t->items);
  *t = (table){0};
}

static bool all_passed(const struct row *row) {
  unsigned long long others = row->counts.skipped;
  for (int i = JTI_PASS + 1; i < JTI_OUTCOMES; ++i) {
    others += row->counts.records[i];
  }
  return others == 0;
}

static size_t width_of(const char *s) {
  size_t width = 0;
  for (; *s; ++s) {
    width += ((unsigned char)*s & 0xc0) != 0x80;
  }
  return width;
}

static void cells_of(const struct row *row, jti_text cells[COLUMNS]) {
  const jti_counts *c = &row->counts;
  const unsigned long long numbers[COLUMNS - 1] = {c->passed,
                                                   c->records[JTI_FAIL],
                                                   c->records[JTI_ERROR],
                                                   c->records[JTI_BROKEN],
                                                   c->records[JTI_SOFT],
                                                   c->skipped + c->records[JTI_SKIP]};
  for (int i = 0; i < COLUMNS - 1; ++i) {
    jti_text_printf(&cells[i], "%llu", numbers[i]);
  }
  jti_text_seconds(&cells[COLUMNS - 1], row->seconds);
}

static void write_row(jti_text *out, const char *name, size_t name_width,
                      const jti_text cells[COLUMNS], const size_t widths[COLUMNS]) {
  size_t width = width_of(name);
  jti_text_printf(out, "  %s%*s", name, width < name_width ? (int)(name_width - width) : 0, "");
  for (int i = 0; i < COLUMNS; ++i) {
    jti_text_printf(out, "  %*s", (int)widths[i], cells[i].data);
  }
  jti_text_add(out, "\n", 1);
}

static void write_table(const table *t, jti_text *out) {
  if (!t->count) {
    return;
  }
  const bool shorten = t->count > SHOWN_ROWS;
  size_t name_width = 3;
  size_t widths[COLUMNS];
  jti_text cells[COLUMNS] = {{0}};
  for (int i = 0; i < COLUMNS; ++i) {
    jti_text_printf(&cells[i], "%s", titles[i]);
    widths[i] = cells[i].size;
  }
  for (size_t i = 0; i < t->count; ++i) {
    size_t width = shorten && all_passed(&t->items[i]) ? 0 : width_of(t->items[i].name);
    name_width = width > name_width ? width : name_width;
  }
  name_width = name_width < NAME_WIDTH ? name_width : NAME_WIDTH;
  write_row(out, "set", name_width, cells, widths);
  size_t hidden = 0;
  for (size_t i = 0; i < t->count; ++i) {
    if (shorten && all_passed(&t->items[i])) {
      ++hidden;
      continue;
    }
    for (int k = 0; k < COLUMNS; ++k) {
      cells[k].size = 0;
    }
    cells_of(&t->items[i], cells);
    write_row(out, t->items[i].name, name_width, cells, widths);
  }
  for (int i = 0; i < COLUMNS; ++i) {
    jti_text_free(&cells[i]);
  }
  if (hidden) {
    jti_text_printf(out, "  and %zu more, in which all checks passed\n", hidden);
  }
}

static table all;

void jti_table_add(const jti_result *result) {
  add_result(&all, result);
}

void jti_table_write(jti_text *out) {
  write_table(&all, out);
}

void jti_table_of(const jti_result *result, jti_text *out) {
  table one = {0};
  add_result(&one, result);
  write_table(&one, out);
  clear(&one);
}

void jti_table_free(void) {
  clear(&all);
}
